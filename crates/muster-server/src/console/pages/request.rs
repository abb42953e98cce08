//! One request: a sentence and the element map, then what was rejected with the bench to repair it, then every element.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::parts::{self, Html, counted};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::quarantine::Bench;
use crate::http::manage::{quarantine, requests};
use crate::limits::CONSOLE_ROWS;
use askama::Template;
use serde_json::Value as Json;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "request.html")]
struct Request {
    shell: Shell,
    doc: Json,
    verdict: String,
    map: Html,
    /// Outcomes that occur, with their counts.
    outcomes: Vec<(&'static str, u64)>,
    benches: Vec<Bench>,
    rows: Vec<Row>,
    /// The outcome that the table shows; empty for all.
    filter: String,
    with_warnings: u64,
    total: u64,
    older: Option<u64>,
}

/// A row of the table of elements.
struct Row {
    index: u64,
    kind: String,
    outcome: Html,
    id: String,
    note: Vec<Html>,
}

/// The outcomes in the order in which they are told.
const OUTCOMES: [&str; 6] = ["created", "updated", "merged", "skipped", "duplicate", "rejected"];

/// `GET /w/{ws}/requests/{request_id}?outcome=&warnings=&from=`.
pub(crate) async fn show(visit: Arc<Visit>) -> Page {
    let id = visit.part(1);
    let doc = visit.ask(requests::show, &["requests", id], &[]).await?;
    let query = [("request_id", id), ("limit", "1000")];
    let kept = visit.ask(quarantine::list, &["quarantine"], &query).await?;
    let shell = Shell::of(&visit, format!("Request {id}"), "live").await?;
    let elements = doc.list("elements");
    let counts = doc.member("summary").member("elements");
    let outcomes: Vec<_> =
        OUTCOMES.into_iter().map(|name| (name, counts.count(name))).filter(|(_, n)| *n > 0).collect();
    let filter =
        visit.parameter("outcome").unwrap_or(if visit.parameter("warnings").is_some() { "warnings" } else { "" });
    let fits = |element: &&Json| match filter {
        "" => true,
        "warnings" => !element.list("warnings").is_empty(),
        outcome => element.text("outcome") == outcome,
    };
    let from = visit.parameter("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let mut fitting = elements.iter().filter(fits).skip(from);
    let rows: Vec<Row> = fitting.by_ref().take(CONSOLE_ROWS).map(|element| row(&shell, element)).collect();
    let older = fitting.next().map(|_| (from + CONSOLE_ROWS) as u64);
    let runs = elements.iter().map(|element| (element.text("outcome"), 1));
    let page = Request {
        verdict: verdict(&doc, kept.list("items")),
        map: parts::map(runs, false),
        benches: kept.list("items").iter().rev().map(|entry| Bench::of(&visit, entry)).collect(),
        with_warnings: elements.iter().filter(|element| !element.list("warnings").is_empty()).count() as u64,
        total: elements.len() as u64,
        outcomes,
        rows,
        filter: filter.to_owned(),
        older,
        shell,
        doc,
    };
    html(&page)
}

fn row(shell: &Shell, element: &Json) -> Row {
    let mut note: Vec<Html> = Vec::new();
    for fault in element.list("errors") {
        note.push(parts::fault(fault));
    }
    for warning in element.list("warnings") {
        note.push(parts::warning(warning));
    }
    let actions = element.list("actions");
    if !actions.is_empty() {
        let accepted = actions.iter().filter(|action| action.text("outcome") == "accepted").count() as u64;
        let words = format!("{} of {} accepted", parts::count(accepted), counted(actions.len() as u64, "action"));
        note.push(parts::shown(&words));
    }
    let explanation = element.member("because");
    // Of an element that was rejected before its identifiers were resolved it says just that, which its error says better.
    if !explanation.text("text").is_empty() && !explanation.list("keys").is_empty() {
        note.push(parts::shown(explanation.text("text")));
    }
    for merged in element.list("merged_ids").iter().filter_map(Json::as_str) {
        note.push(parts::joined("merged", &shell.user(merged)));
    }
    let outcome = element.text("outcome");
    Row {
        index: element.count("index"),
        kind: element.text("type").to_owned(),
        outcome: parts::outcome(outcome, outcome),
        id: element.text("id").to_owned(),
        note,
    }
}

impl Request {
    /// The path as it was called, the workspace in its place.
    fn path(&self) -> String {
        self.doc.text("path").replace("{workspace_id}", &self.shell.workspace)
    }
}

/// The outcome of the request, in one sentence.
fn verdict(doc: &Json, kept: &[Json]) -> String {
    let elements = doc.list("elements").len() as u64;
    let counts = doc.member("summary").member("elements");
    if doc.count("status") >= 400 {
        return format!("Rejected: {}, nothing stored.", counted(doc.count("fault_count"), "error"));
    }
    let (rejected, duplicates, skipped) =
        (counts.count("rejected"), counts.count("duplicate"), counts.count("skipped"));
    let applied = elements - rejected - duplicates - skipped;
    let mut words = match (applied, elements) {
        (1, 1) => "1 element applied.".to_owned(),
        (applied, elements) if applied == elements => format!("All {} applied.", counted(elements, "element")),
        (applied, elements) => format!("{} of {} applied.", parts::count(applied), counted(elements, "element")),
    };
    let waiting = kept.iter().filter(|entry| !entry.has("replayed_as")).count() as u64;
    let replayed = kept.len() as u64 - waiting;
    if rejected > 0 {
        words.push_str(&format!(" {} rejected.", parts::count(rejected)));
    }
    match (waiting, replayed) {
        (0, 0) => {}
        (0, n) => words.push_str(&format!(" {} replayed since.", parts::count(n))),
        (n, _) => words.push_str(&format!(" {} in quarantine.", parts::count(n))),
    }
    for (n, word) in [(duplicates, "duplicate"), (skipped, "skipped")] {
        if n > 0 {
            words.push_str(&format!(" {} {word}.", parts::count(n)));
        }
    }
    words
}
