//! The log: requests as they came. `watch` lets those in that come.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::head::redirect;
use super::super::parts::{self, Html};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::rows;
use super::users::whose;
use crate::http::manage::requests;
use askama::Template;
use serde_json::{Value as Json, json};
use std::net::IpAddr;
use std::sync::Arc;

/// One request of the log as a row; rendered alone for the live view.
#[derive(Template)]
#[template(path = "request-row.html")]
pub(crate) struct Row {
    pub(super) id: String,
    at: Html,
    status: Html,
    path: String,
    elements: u64,
    map: Html,
    words: Vec<Html>,
    origin: String,
    bytes: String,
    took: String,
    to: String,
}

/// The outcomes of a mini map, in the order in which it shows them.
const OUTCOMES: [&str; 6] = ["created", "updated", "merged", "duplicate", "skipped", "rejected"];

impl Row {
    /// Of a summary, or of a request that was turned away and not kept.
    pub(crate) fn of(moments: &parts::Moments, workspace: &str, doc: &Json) -> Self {
        let counts = doc.member("summary").member("elements");
        let of = |name: &str| counts.count(name);
        let runs = OUTCOMES.into_iter().map(|name| (name, of(name)));
        let elements: u64 = OUTCOMES.into_iter().map(of).sum();
        let id = doc.text("request_id").to_owned();
        let path = doc.text("path").trim_start_matches("/v1/").trim_end_matches("/{workspace_id}").to_owned();
        Self {
            at: moments.log(doc.text("received_at")),
            status: parts::status(doc.count("status")),
            path,
            elements,
            map: if elements > 0 { parts::map(runs, true) } else { Html::default() },
            words: words(doc, elements),
            origin: doc.text("origin_address").to_owned(),
            bytes: if doc.has("bytes") { parts::bytes(doc.count("bytes")) } else { String::new() },
            took: parts::took(doc.count("duration_us")),
            to: format!("/w/{workspace}/requests/{id}"),
            id,
        }
    }

    /// The row, for the live view.
    pub(crate) fn markup(&self) -> String {
        self.render().unwrap_or_default()
    }
}

/// What became of it, in few words: what went well is quiet.
fn words(doc: &Json, elements: u64) -> Vec<Html> {
    let counts = doc.member("summary").member("elements");
    if elements == 0 {
        let failure = doc.text("failure");
        return match doc.count("fault_count") {
            0 if !failure.is_empty() => vec![parts::said(failure)],
            0 => Vec::new(),
            n => vec![parts::outcome("rejected", parts::counted(n, "fault"))],
        };
    }
    let applied = counts.count("created") + counts.count("updated") + counts.count("merged");
    let mut out = Vec::new();
    if applied > 0 {
        out.push(parts::outcome("updated", parts::tally(applied, "applied")));
    }
    for name in ["merged", "duplicate", "skipped", "rejected"] {
        if counts.count(name) > 0 {
            out.push(parts::outcome(name, parts::tally(counts.count(name), name)));
        }
    }
    out
}

#[derive(Template)]
#[template(path = "live.html")]
struct Live {
    shell: Shell,
    requests: Vec<Row>,
    /// The filters, by their names.
    filters: Vec<(&'static str, String)>,
    typed: Typed,
    next: String,
    is_older: bool,
    curl: Html,
    listens: String,
}

/// What was typed and stands in no address.
enum Typed {
    /// All of it stands in the address.
    Nothing,
    /// It leads to nobody, or to these.
    Astray { value: String, leads: Vec<String> },
    /// The origin address that the requests came from.
    Origin(String),
}

/// The filters of the log and of the stream, in the order in which an address has them.
const FILTERS: [&str; 4] = ["outcome", "status", "kind", "user_id"];

/// Statuses that are offered as a filter.
const STATUSES: [&str; 5] = ["200", "400", "401", "403", "429"];

/// The filters that the address has.
pub(super) fn filters(visit: &Visit) -> Vec<(&'static str, &str)> {
    FILTERS.into_iter().filter_map(|name| Some((name, visit.parameter(name)?))).collect()
}

/// `GET /w/{ws}/live?outcome=&status=&kind=&user_id=&cursor=`: the newest requests; the script lets further ones in.
pub(crate) async fn live(visit: Arc<Visit>) -> Page {
    shown(&visit, filters(&visit), Typed::Nothing).await
}

async fn shown(visit: &Visit, filters: Vec<(&'static str, &str)>, typed: Typed) -> Page {
    // The place of an older page: of a form in the form, else in the address.
    let posted = visit.field("cursor").map(|cursor| ("cursor", cursor));
    let query: Vec<(&str, &str)> = rows(visit).into_iter().chain(posted).chain(filters.iter().copied()).collect();
    let found = match &typed {
        Typed::Origin(origin) => {
            let body = json!({"origin_address": origin});
            visit.told(requests::find, &["requests", "find"], &query, &body).await?
        }
        _ => visit.ask(requests::list, &["requests"], &query).await?,
    };
    let shell = Shell::of(visit, "Live", "live").await?;
    let requests = found.list("items").iter().map(|doc| Row::of(&shell.moments, visit.workspace(), doc)).collect();
    html(&Live {
        requests,
        filters: filters.into_iter().map(|(name, value)| (name, value.to_owned())).collect(),
        typed,
        next: found.text("next_cursor").to_owned(),
        is_older: visit.parameter("cursor").or(visit.field("cursor")).is_some(),
        curl: curl(visit),
        listens: visit.address(),
        shell,
    })
}

/// `POST /w/{ws}/live` with `outcome`, `status`, `kind` and `identifier`: leads to the address of these filters. An identifier
/// is posted, since addresses end up in logs; in the address stands the id of the user that it leads to. An origin address
/// leads to nothing that an address may tell, so the answer is the page itself; its older ones are posted, too, with `cursor`.
pub(crate) async fn filter(visit: Arc<Visit>) -> Page {
    let chosen: Vec<(&'static str, &str)> =
        FILTERS[..3].iter().filter_map(|name| Some((*name, visit.field(name)?))).collect();
    let value = visit.field("identifier").unwrap_or_default().trim();
    if value.is_empty() {
        return Ok(redirect(&address(&visit, &chosen)));
    }
    if value.parse::<IpAddr>().is_ok() {
        return shown(&visit, chosen, Typed::Origin(value.to_owned())).await;
    }
    let leads = whose(&visit, value).await?;
    if let [id] = &leads[..] {
        let one = [("user_id", id.as_str())];
        return Ok(redirect(&address(&visit, &[chosen, one.to_vec()].concat())));
    }
    shown(&visit, chosen, Typed::Astray { value: value.to_owned(), leads }).await
}

/// The address of the live page with these filters.
fn address(visit: &Visit, filters: &[(&'static str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(filters).finish();
    if query.is_empty() { visit.within("live") } else { visit.within(&format!("live?{query}")) }
}

impl Live {
    /// The outcomes that can be filtered by, with their words.
    fn outcomes(&self) -> [(&'static str, &'static str); 7] {
        [
            ("", "Any"),
            ("rejected", "With rejections"),
            ("merged", "With merges"),
            ("created", "With new users"),
            ("updated", "With updates"),
            ("duplicate", "With duplicates"),
            ("skipped", "With skipped"),
        ]
    }

    /// A filter; empty if it is not set.
    fn filter(&self, name: &str) -> &str {
        self.filters.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str())
    }

    /// Whether nothing is filtered.
    fn is_whole(&self) -> bool {
        self.filters.is_empty() && matches!(self.typed, Typed::Nothing)
    }

    /// Whether there is nothing yet to show or to filter.
    fn is_new(&self) -> bool {
        self.requests.is_empty() && self.is_whole()
    }

    /// The statuses that can be filtered by: those that the log keeps, those that a caller does something about as they pass
    /// by, and the one that the address names.
    fn statuses(&self) -> Vec<&str> {
        let own = Some(self.filter("status")).filter(|own| !own.is_empty() && !STATUSES.contains(own));
        STATUSES.into_iter().chain(own).collect()
    }

    /// Whether what is shown does not move: the address, which the stream is asked for by, does not say all of it.
    fn is_still(&self) -> bool {
        self.is_older || !matches!(self.typed, Typed::Nothing)
    }

    /// What stands in the box: what was typed, or what it led to.
    fn typed(&self) -> &str {
        match &self.typed {
            Typed::Nothing => self.filter("user_id"),
            Typed::Astray { value, .. } => value,
            Typed::Origin(origin) => origin,
        }
    }

    /// Whether its older pages are posted: what it is narrowed to stands in no address.
    fn is_posted(&self) -> bool {
        matches!(self.typed, Typed::Origin(_))
    }

    /// The filters as an address has them, with one more.
    fn query(&self, more: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.filters);
        if !value.is_empty() {
            query.append_pair(more, value);
        }
        query.finish()
    }
}

/// An import that is ready to run, against the address that this visit used.
pub(crate) fn curl(visit: &Visit) -> Html {
    let (address, id) = (visit.address(), visit.workspace());
    let text = format!(
        "curl {address}/v1/transition/{id} \\\n  -u \"{id}:$MUSTER_KEY\" \\\n  -H 'Content-Type: application/json' -d '{{\n  \
         \"type\": \"transition\",\n  \"elements\": [\n    {{\"type\": \"customer\", \"customer_id\": \"cust-1\",\n     \
         \"attributes\": {{\"email\": \"first@example.test\", \"mobile\": \"+15550100\"}}}},\n    {{\"type\": \"event\", \
         \"customer_id\": \"cust-1\",\n     \"actions\": [{{\"action\": \"signed_up\"}}]}}\n  ]}}'"
    );
    parts::command(&text, "curl command")
}
