//! The log: requests as they came. `watch` lets those in that come.

use super::super::components::{self, Html, count_noun};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html, redirect};
use super::users::users_of;
use crate::limits::CONSOLE_ROWS;
use crate::manage::arguments::{JsonBody, PageQuery};
use crate::manage::request_filter::RequestFilterQuery;
use crate::manage::requests;
use crate::manage::requests::WithRefused;
use askama::Template;
use axum::http::StatusCode;
use muster_core::outcome::Outcome;
use muster_wire::data::known::{known_statuses, known_types};
use muster_wire::manage::problem::Problem;
use muster_wire::manage::request::{ElementCounts, FindRequestsRequest, FirstError, RequestDocument};
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
const OUTCOMES: [Outcome; 6] =
    [Outcome::Created, Outcome::Updated, Outcome::Merged, Outcome::Duplicate, Outcome::Skipped, Outcome::Rejected];

impl Row {
    /// Of an entry of the log, or of a request that the log does not keep.
    pub(crate) fn new(times: &components::TimeFormatter, workspace: &str, doc: &RequestDocument) -> Self {
        let row = |id: String, at: &dyn components::Instant, status: u16, path: &str| Self {
            at: times.log(at),
            status: components::status(u64::from(status)),
            path: path.trim_start_matches("/v1/").trim_end_matches("/{workspace_id}").to_owned(),
            elements: 0,
            map: Html::default(),
            words: Vec::new(),
            origin: String::new(),
            bytes: String::new(),
            took: String::new(),
            to: format!("/w/{workspace}/requests/{id}"),
            id,
        };
        match doc {
            RequestDocument::Logged(doc) => {
                let counts = doc.summary.elements;
                let runs = OUTCOMES.into_iter().map(|outcome| (outcome.name(), counts.with_outcome(outcome)));
                let elements = counts.all();
                let error = doc.first_error.as_ref();
                Self {
                    elements,
                    map: if elements > 0 { components::map(runs, true) } else { Html::default() },
                    words: if elements > 0 { words(&counts, error) } else { refusal_words(doc.fault_count, error) },
                    origin: doc.origin_address.clone().unwrap_or_default(),
                    bytes: components::bytes(u64::from(doc.bytes)),
                    took: components::duration(doc.duration_us),
                    ..row(doc.request_id.to_string(), &doc.received_at, doc.status, &doc.path)
                }
            }
            RequestDocument::Unlogged(doc) => {
                let id = doc.request_id.map(|id| id.to_string()).unwrap_or_default();
                let path = doc.path.as_deref().unwrap_or_default();
                Self {
                    words: refusal_words(0, doc.first_error.as_ref()),
                    origin: doc.origin_address.clone().unwrap_or_default(),
                    took: components::duration(doc.duration_us.unwrap_or_default()),
                    ..row(id, &doc.received_at, doc.status, path)
                }
            }
        }
    }

    /// Returns the row, for the live view.
    pub(crate) fn markup(&self) -> String {
        self.render().unwrap_or_default()
    }
}

/// Returns the outcome of a request without elements, in few words.
fn refusal_words(faults: u64, error: Option<&FirstError>) -> Vec<Html> {
    match (faults, error) {
        (_, None) => Vec::new(),
        // Refused before it was read: that is the state of its key or of its workspace, no fault in its data.
        (0, Some(error)) => vec![components::muted(&format!("{}: {}", error.kind, error.message))],
        (n, Some(error)) => vec![components::error(&error.kind, &error.message, n - 1)],
    }
}

/// Returns the outcome of a request in few words: what went well is quiet, and what did not says why.
fn words(counts: &ElementCounts, error: Option<&FirstError>) -> Vec<Html> {
    let applied = counts.created + counts.updated + counts.merged;
    let mut out = Vec::new();
    if applied > 0 {
        out.push(components::outcome("updated", components::count_outcome(applied, "applied")));
    }
    for outcome in [Outcome::Merged, Outcome::Duplicate, Outcome::Skipped, Outcome::Rejected] {
        let (name, count) = (outcome.name(), counts.with_outcome(outcome));
        if count > 0 {
            out.push(components::outcome(name, components::count_outcome(count, name)));
        }
    }
    out.extend(error.map(|error| components::muted(&error.kind)));
    out
}

#[derive(Template)]
#[template(path = "live.html")]
struct Live {
    layout: Layout,
    requests: Vec<Row>,
    filters: Filters,
    typed: Typed,
    next: String,
    is_older: bool,
    /// For how long the log keeps requests, in words.
    kept: String,
    curl: Html,
    listens: String,
}

/// Filters by their names, in the order in which an address has them.
type Filters = Vec<(&'static str, String)>;

/// What was typed and is not part of the address.
enum Typed {
    /// All of it is part of the address.
    Nothing,
    /// It matches no user, or these.
    Unresolved { value: String, users: Vec<String> },
    /// The origin address that the requests came from.
    Origin(String),
}

/// The filters of the log and of the stream, in the order in which an address has them.
const FILTERS: [&str; 8] = ["outcome", "status", "fault", "kind", "warnings", "since", "until", "user_id"];

/// Those that the form has a control of their own for, to be sent as they are.
const CHOICES: [&str; 5] = ["outcome", "status", "fault", "kind", "warnings"];

/// Those that are times.
const TIMES: [&str; 2] = ["since", "until"];

/// Returns the filters that the address has.
pub(super) fn filters(context: &PageContext) -> Vec<(&'static str, &str)> {
    FILTERS.into_iter().filter_map(|name| Some((name, context.parameter(name)?))).collect()
}

/// `GET /w/{ws}/live` with the filters and `cursor`: the newest requests; the script lets further ones in.
pub(crate) async fn live(context: Arc<PageContext>) -> PageResult {
    let filters = filters(&context).into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    live_page(&context, filters, Typed::Nothing).await
}

async fn live_page(context: &PageContext, filters: Filters, typed: Typed) -> PageResult {
    // The place of an older page: of a form in the form, else in the address.
    let cursor = context.parameter("cursor").or(context.field("cursor"));
    let page = PageQuery { limit: CONSOLE_ROWS, ..PageQuery::parse(None, cursor)? };
    let query = RequestFilterQuery::parse(|name| {
        filters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    })?;
    // Every request that can be opened has its row, whether the log keeps it or the server alone remembers it.
    let refused = WithRefused(Some(true));
    let found = match &typed {
        Typed::Origin(origin) => {
            let body = JsonBody(FindRequestsRequest { origin_address: origin.clone() });
            context.perform(requests::find, (body, page, query, refused)).await?
        }
        _ => context.perform(requests::list, (page, query, refused)).await?,
    };
    let layout = Layout::new(context, "Live", "live").await?;
    let requests = found.items.iter().map(|doc| Row::new(&layout.times, context.workspace(), doc)).collect();
    let kept = match context.entry()?.document.log_retention_days {
        0 => "without a time limit".to_owned(),
        days => format!("for {}", count_noun(u64::from(days), "day")),
    };
    html(&Live {
        requests,
        filters,
        typed,
        next: found.next_cursor.unwrap_or_default(),
        is_older: context.parameter("cursor").or(context.field("cursor")).is_some(),
        kept,
        curl: curl(context),
        listens: context.address(),
        layout,
    })
}

/// `POST /w/{ws}/live` with the filters and `identifier`: redirects to the address of these filters. Times are those of the
/// page's zone; an address has them as instants. An identifier
/// is posted, since addresses end up in logs; the address has the id of the user that it resolves to. An origin address
/// resolves to nothing that an address may tell, so the answer is the page itself; its older ones are posted, too, with `cursor`.
pub(crate) async fn filter(context: Arc<PageContext>) -> PageResult {
    let mut chosen: Filters =
        CHOICES.into_iter().filter_map(|name| Some((name, context.field(name)?.to_owned()))).collect();
    for name in TIMES {
        if let Some(text) = context.field(name) {
            chosen.push((name, instant(&context, name, text)?));
        }
    }
    let value = context.field("identifier").unwrap_or_default().trim();
    if value.is_empty() {
        return Ok(redirect(&address(&context, &chosen)));
    }
    if value.parse::<IpAddr>().is_ok() {
        return live_page(&context, chosen, Typed::Origin(value.to_owned())).await;
    }
    let users = users_of(&context, value).await?;
    if let [id] = &users[..] {
        chosen.push(("user_id", id.to_string()));
        return Ok(redirect(&address(&context, &chosen)));
    }
    live_page(
        &context,
        chosen,
        Typed::Unresolved { value: value.to_owned(), users: users.iter().map(ToString::to_string).collect() },
    )
    .await
}

/// Returns a time of the form as an instant: as a control sends it, in the zone of the page, or as an address has it.
///
/// # Errors
/// 400 for what is neither.
fn instant(context: &PageContext, name: &str, text: &str) -> Result<String, Problem> {
    let as_instant = || text.parse::<jiff::Timestamp>().ok().map(|at| at.to_string());
    let read = context.times().instant(text).or_else(as_instant);
    read.ok_or_else(|| {
        Problem::at(format!("/{name}"), format!("{name} must be a date and a time, such as 2026-11-24T13:05"))
    })
}

/// Returns the address of the live page with these filters.
fn address(context: &PageContext, filters: &[(&'static str, String)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(filters).finish();
    if query.is_empty() { context.within("live") } else { context.within(&format!("live?{query}")) }
}

impl Live {
    /// Returns the outcomes that can be filtered by, with their words.
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

    /// Returns whether there are warnings, with its words.
    fn warnings(&self) -> [(&'static str, &'static str); 3] {
        [("", "Any"), ("true", "With warnings"), ("false", "Without")]
    }

    /// Returns a filter; empty if it is not set.
    fn filter(&self, name: &str) -> &str {
        self.filters.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str())
    }

    /// Returns a filter that is a time, as its control takes it.
    fn time(&self, name: &str) -> String {
        self.layout.times.local(self.filter(name))
    }

    /// Returns whether one of the filters that are folded away is set.
    fn is_unfolded(&self) -> bool {
        ["kind", "warnings", "since", "until"].into_iter().any(|name| !self.filter(name).is_empty())
    }

    /// Returns whether nothing is filtered.
    fn is_whole(&self) -> bool {
        self.filters.is_empty() && matches!(self.typed, Typed::Nothing)
    }

    /// Returns whether there is nothing yet to show or to filter.
    fn is_new(&self) -> bool {
        self.requests.is_empty() && self.is_whole()
    }

    /// Returns every status that imports are answered with, and its reason.
    fn statuses(&self) -> Vec<(String, &'static str)> {
        let reason = |status| StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        known_statuses().into_iter().map(|status| (status.to_string(), reason(status).unwrap_or_default())).collect()
    }

    /// Returns every type of an error.
    fn faults(&self) -> Vec<&'static str> {
        known_types()
    }

    /// Returns whether what is shown does not move: the address, which the stream is asked for by, does not say all of
    /// it, or names a time after which nothing is shown.
    fn is_still(&self) -> bool {
        self.is_older || !self.filter("until").is_empty() || !matches!(self.typed, Typed::Nothing)
    }

    /// Returns the words in place of a rate: why nothing moves, or that nothing has moved yet.
    fn state(&self) -> &'static str {
        if self.is_older {
            "Older requests"
        } else if !self.filter("until").is_empty() {
            "Time range"
        } else {
            "As loaded"
        }
    }

    /// Returns the content of the box: what was typed, or what it resolved to.
    fn typed(&self) -> &str {
        match &self.typed {
            Typed::Nothing => self.filter("user_id"),
            Typed::Unresolved { value, .. } => value,
            Typed::Origin(origin) => origin,
        }
    }

    /// Returns whether its older pages are posted: the filter is not part of the address.
    fn is_posted(&self) -> bool {
        matches!(self.typed, Typed::Origin(_))
    }

    /// Returns the filters as an address has them, with one more.
    fn query(&self, more: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.filters);
        if !value.is_empty() {
            query.append_pair(more, value);
        }
        query.finish()
    }
}

/// Returns an import command that is ready to run, with the address that the browser used.
pub(crate) fn curl(context: &PageContext) -> Html {
    let (address, id) = (context.address(), context.workspace());
    let text = format!(
        "curl {address}/v1/transition/{id} \\\n  -u \"{id}:$MUSTER_KEY\" \\\n  -H 'Content-Type: application/json' -d '{{\n  \
         \"type\": \"transition\",\n  \"elements\": [\n    {{\"type\": \"customer\", \"customer_id\": \"cust-1\",\n     \
         \"attributes\": {{\"email\": \"first@example.test\", \"mobile\": \"+15550100\"}}}},\n    {{\"type\": \"event\", \
         \"customer_id\": \"cust-1\",\n     \"actions\": [{{\"action\": \"signed_up\"}}]}}\n  ]}}'"
    );
    components::command(&text, "curl command")
}
