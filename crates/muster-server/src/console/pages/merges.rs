//! Merges: what was joined and by what, narrowed to causes, states and whom it was about; with the separations that
//! reverts leave.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::head::redirect;
use super::super::parts::{self, Html};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::rows;
use super::users::whose;
use crate::http::manage::{merges, separations};
use askama::Template;
use serde_json::Value as Json;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "merges.html")]
struct Merges {
    shell: Shell,
    filter: Filter,
    /// What was looked for and leads to nobody or to several, and these; empty before anything was.
    astray: (String, Vec<String>),
    items: Vec<Json>,
    next: String,
    separations: Vec<Json>,
    more_separations: bool,
}

/// What the list is narrowed to; empty is any.
struct Filter {
    cause: String,
    state: String,
    user_id: String,
}

impl Filter {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = [("cause", &*self.cause), ("state", &*self.state), ("user_id", &*self.user_id)];
        all.into_iter().filter(|(_, value)| !value.is_empty())
    }

    fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.pairs()).finish()
    }
}

/// `GET /w/{ws}/merges?cause=&state=&user_id=&cursor=`.
pub(crate) async fn list(visit: Arc<Visit>) -> Page {
    let of = |name: &str| visit.parameter(name).unwrap_or_default().to_owned();
    let filter = Filter { cause: of("cause"), state: of("state"), user_id: of("user_id") };
    listed(&visit, filter, (String::new(), Vec::new())).await
}

/// `POST /w/{ws}/merges` with `cause`, `state` and `q`: values are never taken from an address, which ends up in logs; so
/// an identifier leads to the list of whoever has it.
pub(crate) async fn narrow(visit: Arc<Visit>) -> Page {
    let of = |name: &str| visit.field(name).unwrap_or_default().trim().to_owned();
    let (value, mut filter) = (of("q"), Filter { cause: of("cause"), state: of("state"), user_id: String::new() });
    if !value.is_empty() {
        match &whose(&visit, &value).await?[..] {
            [user] => filter.user_id.clone_from(user),
            leads => return listed(&visit, filter, (value, leads.to_vec())).await,
        }
    }
    let query = filter.query();
    Ok(redirect(&visit.within(&if query.is_empty() { "merges".to_owned() } else { format!("merges?{query}") })))
}

async fn listed(visit: &Visit, filter: Filter, astray: (String, Vec<String>)) -> Page {
    let query: Vec<(&str, &str)> = rows(visit).into_iter().chain(filter.pairs()).collect();
    let found = if astray.0.is_empty() { visit.ask(merges::list, &["merges"], &query).await? } else { Json::Null };
    let apart = visit.ask(separations::list, &["separations"], &[("limit", "50")]).await?;
    let shell = Shell::of(visit, "Merges", "merges").await?;
    html(&Merges {
        shell,
        filter,
        astray,
        items: found.list("items").to_vec(),
        next: found.text("next_cursor").to_owned(),
        separations: apart.list("items").to_vec(),
        more_separations: apart.has("next_cursor"),
    })
}

impl Merges {
    /// The causes and states that can be filtered by, with their words.
    fn causes(&self) -> [(&'static str, &'static str); 5] {
        let named =
            [("keys", "Identifiers of a record"), ("activation", "Activation"), ("review", "Review"), ("api", "API")];
        [("", "Any"), named[0], named[1], named[2], named[3]]
    }

    fn states(&self) -> [(&'static str, &'static str); 3] {
        [("", "Any"), ("standing", "Active"), ("reverted", "Reverted")]
    }

    /// The merges of one of several, narrowed as asked.
    fn of(&self, user: &str) -> String {
        let filter =
            Filter { user_id: user.to_owned(), cause: self.filter.cause.clone(), state: self.filter.state.clone() };
        self.shell.to(&format!("merges?{}", filter.query()))
    }

    /// Where a further page is.
    fn older(&self) -> String {
        let query = self.filter.query();
        let joint = if query.is_empty() { "" } else { "&" };
        format!("?{query}{joint}cursor={}", self.next)
    }

    fn cause(&self, merge: &Json) -> Html {
        cause(&self.shell, merge)
    }
}

/// What caused a merge, in few words.
fn cause(shell: &Shell, merge: &Json) -> Html {
    let cause = merge.member("cause");
    match cause.as_str() {
        Some("activation") => parts::words("activation"),
        Some(_) => parts::words("API"),
        None if cause.has("review_id") => {
            let id = cause.text("review_id");
            parts::joined("decided in", &parts::id_link(id, &shell.to(&format!("reviews/{id}")), "review id"))
        }
        None => {
            let kinds: Vec<&str> = cause.list("keys").iter().map(|key| key.text("kind")).collect();
            parts::shown(&kinds.join(" + "))
        }
    }
}

/// `POST /w/{ws}/separations/{id}/lift`.
pub(crate) async fn lift(visit: Arc<Visit>) -> Page {
    visit.act(separations::lift, ("DELETE", &["separations", visit.part(1)]), &Json::Null).await?;
    let words = "Separation lifted. A later record can merge the two users again.";
    visit.done(&visit.within("merges#separations"), words)
}
