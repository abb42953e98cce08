//! One request: a headline and the element map, then the rejected elements with forms to repair them, then every element.

use super::super::components::{self, Html, count_noun};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html};
use super::quarantine::RepairForm;
use crate::limits::{CONSOLE_ROWS, PAGE_MAX};
use crate::manage::arguments::{Id, PageQuery};
use crate::manage::quarantine::QuarantineFilter;
use crate::manage::{quarantine, requests};
use askama::Template;
use muster_core::id::RequestId;
use muster_core::outcome::{ActionOutcome, Outcome};
use muster_core::time::Timestamp;
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::element_report::{ElementReport, FaultDocument, WarningDocument};
use muster_wire::manage::quarantine::QuarantinedDocument;
use muster_wire::manage::request::{ElementCounts, RequestDetailDocument};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "request.html")]
struct Request {
    layout: Layout,
    head: Head,
    headline: String,
    map: Html,
    /// Outcomes that occur, with their counts.
    outcomes: Vec<(&'static str, u64)>,
    repairs: Vec<RepairForm>,
    rows: Vec<Row>,
    /// The outcome that the table shows; empty for all.
    filter: String,
    with_warnings: u64,
    total: u64,
    older: Option<u64>,
}

/// The head of the page.
struct Head {
    id: String,
    status: u64,
    received_at: AsText<Timestamp>,
    path: String,
    origin: Option<String>,
    /// None of a request whose body was not read.
    bytes: Option<u64>,
    duration_us: u64,
    fault_count: u64,
    counts: ElementCounts,
    errors: Vec<FaultDocument>,
    warnings: Vec<WarningDocument>,
    /// Errors and warnings that the entry does not list.
    omitted: Option<(u64, u64)>,
}

impl Head {
    /// Returns the request, and the results of its elements.
    fn new(id: RequestId, doc: RequestDetailDocument) -> (Self, Vec<ElementReport>) {
        match doc {
            RequestDetailDocument::Logged(doc) => {
                let request = doc.request;
                let head = Self {
                    id: id.to_string(),
                    status: u64::from(request.status),
                    received_at: request.received_at,
                    path: request.path,
                    origin: request.origin_address,
                    bytes: Some(u64::from(request.bytes)),
                    duration_us: request.duration_us,
                    fault_count: request.fault_count,
                    counts: request.summary.elements,
                    errors: doc.errors,
                    warnings: doc.warnings,
                    omitted: doc.omitted.map(|omitted| (u64::from(omitted.faults), u64::from(omitted.warnings))),
                };
                (head, doc.elements)
            }
            RequestDetailDocument::Refused(doc) => {
                let request = doc.request;
                let head = Self {
                    id: id.to_string(),
                    status: u64::from(request.status),
                    received_at: request.received_at,
                    path: request.path.unwrap_or_default(),
                    origin: request.origin_address,
                    bytes: None,
                    duration_us: request.duration_us.unwrap_or_default(),
                    fault_count: doc.fault_count,
                    counts: ElementCounts::default(),
                    errors: doc.errors,
                    warnings: doc.warnings,
                    omitted: None,
                };
                (head, doc.elements)
            }
        }
    }
}

/// A row of the table of elements.
struct Row {
    index: u64,
    kind: String,
    outcome: Html,
    id: String,
    note: Vec<Html>,
}

/// `GET /w/{ws}/requests/{request_id}?outcome=&warnings=&from=`.
pub(crate) async fn show(context: Arc<PageContext>) -> PageResult {
    let id: RequestId = context.id()?;
    let (head, elements) = Head::new(id, context.perform(requests::show, (Id(id),)).await?);
    let all = PageQuery { limit: PAGE_MAX, cursor: None };
    let of_request = QuarantineFilter { request: Some(id), ..QuarantineFilter::default() };
    let kept = context.perform(quarantine::list, (all, of_request)).await?.items;
    let layout = Layout::new(&context, format!("Request {id}"), "live").await?;
    let counts = Outcome::ALL.into_iter().map(|outcome| (outcome.name(), head.counts.with_outcome(outcome)));
    let filter =
        context.parameter("outcome").unwrap_or(if context.parameter("warnings").is_some() { "warnings" } else { "" });
    let fits = |element: &&ElementReport| match filter {
        "" => true,
        "warnings" => !element.warnings.is_empty(),
        outcome => element.outcome.0.name() == outcome,
    };
    let from = context.parameter("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let mut fitting = elements.iter().filter(fits).skip(from);
    let rows: Vec<Row> = fitting.by_ref().take(CONSOLE_ROWS).map(|element| row(&layout, element)).collect();
    let older = fitting.next().map(|_| (from + CONSOLE_ROWS) as u64);
    let runs = elements.iter().map(|element| (element.outcome.0.name(), 1));
    let page = Request {
        headline: headline(&head, elements.len() as u64, &kept),
        map: components::map(runs, false),
        repairs: kept.iter().rev().map(|entry| RepairForm::new(&context, entry)).collect(),
        with_warnings: elements.iter().filter(|element| !element.warnings.is_empty()).count() as u64,
        total: elements.len() as u64,
        outcomes: counts.filter(|(_, n)| *n > 0).collect(),
        rows,
        filter: filter.to_owned(),
        older,
        layout,
        head,
    };
    html(&page)
}

fn row(layout: &Layout, element: &ElementReport) -> Row {
    let mut note: Vec<Html> = element.errors.iter().map(components::fault).collect();
    note.extend(element.warnings.iter().map(components::warning));
    if let Some(actions) = element.actions.as_ref().filter(|actions| !actions.is_empty()) {
        let accepted = actions.iter().filter(|action| action.outcome.0 == ActionOutcome::Accepted).count();
        let words = format!("{} of {} accepted", components::count(accepted), count_noun(actions.len(), "action"));
        note.push(components::phrase(&words));
    }
    // Of an element that was rejected before its identifiers were resolved it says just that, which its error says better.
    if let Some(explanation) = element.because.as_ref().filter(|it| !it.text.is_empty() && !it.keys.is_empty()) {
        note.push(components::phrase(&explanation.text));
    }
    note.extend(element.merged_ids.iter().map(|merged| components::with_word("merged", &layout.user(merged))));
    let outcome = element.outcome.0.name();
    Row {
        index: u64::from(element.index),
        kind: element.kind.clone().unwrap_or_default(),
        outcome: components::outcome(outcome, outcome),
        id: element.id.map(|id| id.to_string()).unwrap_or_default(),
        note,
    }
}

impl Request {
    fn status(&self) -> Html {
        components::status(self.head.status)
    }

    fn took(&self) -> String {
        components::duration(self.head.duration_us)
    }

    /// Returns the path as it was called, the workspace in its place.
    fn path(&self) -> String {
        self.head.path.replace("{workspace_id}", &self.layout.workspace)
    }
}

/// Returns the outcome of the request, in one sentence.
fn headline(head: &Head, elements: u64, kept: &[QuarantinedDocument]) -> String {
    if head.status >= 400 {
        return format!("Rejected: {}, nothing stored.", count_noun(head.fault_count, "error"));
    }
    let ElementCounts { rejected, duplicate: duplicates, skipped, .. } = head.counts;
    let applied = elements - rejected - duplicates - skipped;
    let mut words = match (applied, elements) {
        (1, 1) => "1 element applied.".to_owned(),
        (applied, elements) if applied == elements => format!("All {} applied.", count_noun(elements, "element")),
        (applied, elements) => {
            format!("{} of {} applied.", components::count(applied), count_noun(elements, "element"))
        }
    };
    let waiting = kept.iter().filter(|entry| entry.replayed_as.is_none()).count() as u64;
    let replayed = kept.len() as u64 - waiting;
    if rejected > 0 {
        words.push_str(&format!(" {} rejected.", components::count(rejected)));
    }
    match (waiting, replayed) {
        (0, 0) => {}
        (0, n) => words.push_str(&format!(" {} replayed since.", components::count(n))),
        (n, _) => words.push_str(&format!(" {} in quarantine.", components::count(n))),
    }
    for (n, word) in [(duplicates, "duplicate"), (skipped, "skipped")] {
        if n > 0 {
            words.push_str(&format!(" {} {word}.", components::count(n)));
        }
    }
    words
}
