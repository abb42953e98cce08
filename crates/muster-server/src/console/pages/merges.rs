//! Merges: what was merged and by what, filtered by cause, state and user; with the separations that reverts leave.

use super::super::components::{self, Html};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html, redirect};
use super::users::users_of;
use crate::limits::CONSOLE_ROWS;
use crate::manage::arguments::{Id, PageQuery};
use crate::manage::merges::MergeFilter;
use crate::manage::{merges, separations};
use askama::Template;
use muster_core::id::ProfileId;
use muster_wire::manage::merge::{MergeCauseDocument, MergeDocument, PlainCause};
use muster_wire::manage::problem::Problem;
use muster_wire::manage::separation::SeparationDocument;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "merges.html")]
struct Merges {
    layout: Layout,
    filter: Filter,
    /// A search that matched no user or several, and these; empty before anything was searched.
    unresolved: (String, Vec<ProfileId>),
    items: Vec<MergeDocument>,
    next: String,
    separations: Vec<SeparationDocument>,
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

    fn of_merges(&self) -> Result<MergeFilter, Problem> {
        let given = |value| Some(value).filter(|value: &&str| !value.is_empty());
        MergeFilter::parse(given(&self.state), given(&self.cause), given(&self.user_id))
    }

    fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.pairs()).finish()
    }
}

/// `GET /w/{ws}/merges?cause=&state=&user_id=&cursor=`.
pub(crate) async fn list(context: Arc<PageContext>) -> PageResult {
    let of = |name: &str| context.parameter(name).unwrap_or_default().to_owned();
    let filter = Filter { cause: of("cause"), state: of("state"), user_id: of("user_id") };
    page(&context, filter, (String::new(), Vec::new())).await
}

/// `POST /w/{ws}/merges` with `cause`, `state` and `q`: values are never taken from an address, which ends up in logs; so
/// an identifier is posted, and the list of its user is shown.
pub(crate) async fn narrow(context: Arc<PageContext>) -> PageResult {
    let of = |name: &str| context.field(name).unwrap_or_default().trim().to_owned();
    let (value, mut filter) = (of("q"), Filter { cause: of("cause"), state: of("state"), user_id: String::new() });
    if !value.is_empty() {
        match &users_of(&context, &value).await?[..] {
            [user] => filter.user_id = user.to_string(),
            leads => return page(&context, filter, (value, leads.to_vec())).await,
        }
    }
    let query = filter.query();
    Ok(redirect(&context.within(&if query.is_empty() { "merges".to_owned() } else { format!("merges?{query}") })))
}

async fn page(context: &PageContext, filter: Filter, unresolved: (String, Vec<ProfileId>)) -> PageResult {
    let (items, next) = if unresolved.0.is_empty() {
        let page = context.perform(merges::list, (context.rows()?, filter.of_merges()?)).await?;
        (page.items, page.next_cursor)
    } else {
        (Vec::new(), None)
    };
    let newest = PageQuery { limit: CONSOLE_ROWS, cursor: None };
    let apart = context.perform(separations::list, (newest,)).await?;
    let layout = Layout::new(context, "Merges", "merges").await?;
    html(&Merges {
        layout,
        filter,
        unresolved,
        items,
        next: next.unwrap_or_default(),
        separations: apart.items,
        more_separations: apart.next_cursor.is_some(),
    })
}

impl Merges {
    /// Returns the causes and states that can be filtered by, with their words.
    fn causes(&self) -> [(&'static str, &'static str); 5] {
        let named =
            [("keys", "Identifiers of a record"), ("activation", "Activation"), ("review", "Review"), ("api", "API")];
        [("", "Any"), named[0], named[1], named[2], named[3]]
    }

    fn states(&self) -> [(&'static str, &'static str); 3] {
        [("", "Any"), ("standing", "Active"), ("reverted", "Reverted")]
    }

    /// Returns the merges of one of several, narrowed as asked.
    fn with_user(&self, user: &ProfileId) -> String {
        let filter =
            Filter { user_id: user.to_string(), cause: self.filter.cause.clone(), state: self.filter.state.clone() };
        self.layout.to(&format!("merges?{}", filter.query()))
    }

    /// Returns where a further page is.
    fn older(&self) -> String {
        let query = self.filter.query();
        let joint = if query.is_empty() { "" } else { "&" };
        format!("?{query}{joint}cursor={}", self.next)
    }

    fn rule(&self, merge: &MergeDocument) -> String {
        match &merge.content.cause {
            MergeCauseDocument::Identifiers { rule, .. } => rule.to_string(),
            _ => String::new(),
        }
    }

    fn cause(&self, merge: &MergeDocument) -> Html {
        cause(&self.layout, &merge.content.cause)
    }
}

/// Returns what caused a merge, in few words.
fn cause(layout: &Layout, cause: &MergeCauseDocument) -> Html {
    match cause {
        MergeCauseDocument::Plain(PlainCause::Activation) => components::words("activation"),
        MergeCauseDocument::Plain(PlainCause::Api) => components::words("API"),
        MergeCauseDocument::Review { review_id } => {
            let link = components::id_link(review_id, &layout.to(&format!("reviews/{review_id}")), "review id");
            components::with_word("decided in", &link)
        }
        MergeCauseDocument::Identifiers { keys, .. } => {
            let kinds: Vec<&str> = keys.iter().map(|key| &*key.kind).collect();
            components::phrase(&kinds.join(" + "))
        }
    }
}

/// `POST /w/{ws}/separations/{id}/lift`.
pub(crate) async fn lift(context: Arc<PageContext>) -> PageResult {
    context.perform(separations::lift, (Id(context.id()?),)).await?;
    let words = "Separation lifted. A later record can merge the two users again.";
    context.done(&context.within("merges#separations"), words)
}
