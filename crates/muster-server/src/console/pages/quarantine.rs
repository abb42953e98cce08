//! The quarantine: what was rejected and still waits, the bench that corrects and replays one element, and many replayed
//! or dropped together.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::flash::Flash;
use super::super::head::redirect;
use super::super::parts::{self, Html, counted};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::frame::sentence;
use super::{refused, rows};
use crate::http::manage::quarantine;
use askama::Template;
use muster_wire::manage::problem::Problem;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// One rejected element with what it takes to correct it.
pub(crate) struct Bench {
    pub(super) id: String,
    pub(super) index: u64,
    pub(super) kind: String,
    pub(super) types: Vec<String>,
    pub(super) detail: Html,
    pub(super) code: Html,
    pub(super) pointers: Vec<String>,
    pub(super) text: String,
    /// The request that replayed it; empty if none did.
    pub(super) replayed_as: String,
    /// What a check or a replay said.
    pub(super) said: Option<Said>,
    /// Unfolded: work is left, or a check was just made.
    pub(super) is_open: bool,
    pub(super) may_operate: bool,
}

/// What a check said.
pub(crate) struct Said {
    pub(super) is_good: bool,
    pub(super) words: String,
    pub(super) notes: Vec<Html>,
}

impl Bench {
    /// Of an entry of the quarantine.
    pub(super) fn of(visit: &Visit, entry: &Json) -> Self {
        let faults = entry.list("errors");
        let base = format!("/elements/{}", entry.count("index"));
        let below = |fault: &Json| fault.text("pointer").strip_prefix(&base).unwrap_or_default().to_owned();
        let notes: Vec<(String, String)> = faults
            .iter()
            .map(|fault| (below(fault), format!("{}: {}", fault.text("type"), fault.text("message"))))
            .collect();
        let mut types: Vec<String> = faults.iter().map(|fault| fault.text("type").to_owned()).collect();
        types.dedup();
        let label = format!("Element {} as it came", entry.count("index"));
        let raw = entry.text("raw");
        Self {
            id: entry.text("id").to_owned(),
            index: entry.count("index"),
            kind: entry.text("type").to_owned(),
            types,
            detail: parts::shown(faults.first().map_or("", |fault| fault.text("message"))),
            code: parts::json_code(entry.member("element"), &notes, &label),
            pointers: faults.iter().map(|fault| fault.text("pointer").to_owned()).collect(),
            text: if raw.is_empty() { parts::json_text(entry.member("element")) } else { raw.to_owned() },
            replayed_as: entry.text("replayed_as").to_owned(),
            said: None,
            is_open: !entry.has("replayed_as"),
            may_operate: visit.may_operate(),
        }
    }
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct Quarantine {
    shell: Shell,
    entries: Vec<Row>,
    /// `open` or `replayed`.
    state: &'static str,
    /// The fault that is listed; empty for all.
    kind: String,
    kinds: Vec<String>,
    next: String,
    total: u64,
}

struct Row {
    id: String,
    at: String,
    request: String,
    index: u64,
    kind: String,
    types: Vec<String>,
    pointer: String,
    detail: Html,
    replayed_as: String,
}

/// `GET /w/{ws}/quarantine?type=&state=&cursor=`.
pub(crate) async fn list(visit: Arc<Visit>) -> Page {
    listed(&visit, None).await
}

/// The list, with why a form of it was refused.
async fn listed(visit: &Visit, refusal: Option<&str>) -> Page {
    let state = if visit.parameter("state") == Some("replayed") { "replayed" } else { "open" };
    let kind = visit.parameter("type").or(visit.field("type")).unwrap_or_default();
    let mut query = rows(visit);
    query.push(("replayed", if state == "replayed" { "true" } else { "false" }));
    query.extend(Some(("type", kind)).filter(|(_, kind)| !kind.is_empty()));
    let found = visit.ask(quarantine::list, &["quarantine"], &query).await?;
    let mut shell = Shell::of(visit, "Quarantine", "quarantine").await?;
    shell.flashes.extend(refusal.map(Flash::refused));
    let entries: Vec<Row> = found.list("items").iter().map(row).collect();
    let mut kinds: Vec<String> =
        entries.iter().flat_map(|entry| entry.types.clone()).chain([kind.to_owned()]).collect();
    kinds.retain(|kind| !kind.is_empty());
    kinds.sort_unstable();
    kinds.dedup();
    let total = shell.quarantined;
    let next = found.text("next_cursor").to_owned();
    html(&Quarantine { shell, entries, state, kind: kind.to_owned(), kinds, next, total })
}

fn row(entry: &Json) -> Row {
    let faults = entry.list("errors");
    let mut types: Vec<String> = faults.iter().map(|fault| fault.text("type").to_owned()).collect();
    types.dedup();
    let first = faults.first();
    Row {
        id: entry.text("id").to_owned(),
        at: entry.text("at").to_owned(),
        request: entry.text("request_id").to_owned(),
        index: entry.count("index"),
        kind: entry.text("type").to_owned(),
        types,
        pointer: first.map_or("", |fault| fault.text("pointer")).to_owned(),
        detail: parts::shown(first.map_or("", |fault| fault.text("message"))),
        replayed_as: entry.text("replayed_as").to_owned(),
    }
}

#[derive(Template)]
#[template(path = "entry.html")]
struct Entry {
    shell: Shell,
    bench: Bench,
    request: String,
}

/// The page of one entry, with what was said about the element that was sent.
async fn bench(visit: &Visit, said: Said, text: Option<&str>) -> Page {
    let entry = visit.ask(quarantine::show, &["quarantine", visit.part(1)], &[]).await?;
    let shell = Shell::of(visit, format!("Quarantine {}", visit.part(1)), "quarantine").await?;
    let mut bench = Bench { said: Some(said), is_open: true, ..Bench::of(visit, &entry) };
    if let Some(text) = text {
        text.clone_into(&mut bench.text);
    }
    html(&Entry { shell, bench, request: entry.text("request_id").to_owned() })
}

/// The element of the form; what is wrong with it in words if it is no JSON.
fn element(visit: &Visit) -> Result<Json, String> {
    let text = visit.field("element").unwrap_or_default();
    serde_json::from_str::<Json>(text)
        .map_err(|error| format!("Not JSON: line {}, column {}.", error.line(), error.column()))
}

/// `POST /w/{ws}/quarantine/{id}/check` with `element`: what a replay would do, and nothing else.
pub(crate) async fn check(visit: Arc<Visit>) -> Page {
    let text = visit.field("element").unwrap_or_default();
    match tried(&visit, "true").await? {
        Ok(results) => bench(&visit, said_of(&results), Some(text)).await,
        Err(words) => refused(bench(&visit, Said { is_good: false, words, notes: Vec::new() }, Some(text)).await),
    }
}

/// `POST /w/{ws}/quarantine/{id}/replay` with `element`. It is tried first: what would be rejected again changes nothing, and
/// the form keeps what was typed.
pub(crate) async fn replay(visit: Arc<Visit>) -> Page {
    let text = visit.field("element").unwrap_or_default();
    let said = match tried(&visit, "true").await? {
        Ok(results) => said_of(&results),
        Err(words) => Said { is_good: false, words, notes: Vec::new() },
    };
    if !said.is_good {
        return refused(bench(&visit, said, Some(text)).await);
    }
    let results = match tried(&visit, "false").await? {
        Ok(results) => results,
        Err(words) => {
            return refused(bench(&visit, Said { is_good: false, words, notes: Vec::new() }, Some(text)).await);
        }
    };
    let outcome = results.list("results").first().map_or("rejected", |result| result.text("outcome"));
    let flash = if outcome == "rejected" {
        // What it depends on changed between the two.
        Flash::warning("1 element replayed: it was rejected again, and its entry stays in the quarantine.")
    } else {
        Flash::good(format!("1 element replayed: {outcome}."))
    };
    let place = visit.within(&format!("requests/{}", results.text("request_id")));
    visit.flash(&place, flash);
    Ok(redirect(&place))
}

/// Sends the element of the form as a replay; the answer of the import, or what was wrong in words.
///
/// # Errors
/// What has nothing to do with the element: the token may not, or there is no such entry.
async fn tried(visit: &Visit, dry: &str) -> Result<Result<Json, String>, Problem> {
    let parts = ["quarantine", visit.part(1), "replay"];
    if !visit.may_operate() {
        return Err(Problem::new(403, "this token lacks the scope operate"));
    }
    let body = match element(visit) {
        Ok(element) => json!({"element": element}),
        Err(words) => return Ok(Err(words)),
    };
    match visit.acts(quarantine::replay, ("POST", &parts), &[("dry_run", dry)], &body).await {
        Err(problem) if matches!(problem.status, 403 | 404) => Err(problem),
        done => Ok(done.map_err(|problem| sentence(&problem.detail))),
    }
}

/// What the answer of a dry replay says.
fn said_of(answer: &Json) -> Said {
    let results = answer.list("results");
    let Some(result) = results.first() else {
        return Said { is_good: false, words: "The element would not be applied.".to_owned(), notes: Vec::new() };
    };
    let outcome = result.text("outcome");
    let is_good = outcome != "rejected";
    let words = if is_good {
        format!("Checked: it would be {outcome}. Nothing is stored yet.")
    } else {
        "Checked: it would be rejected again.".to_owned()
    };
    let faults = result.list("errors").iter().map(parts::fault);
    let notes = faults.chain(result.list("warnings").iter().map(parts::warning)).collect();
    Said { is_good, words, notes }
}

/// `POST /w/{ws}/quarantine/{id}/drop`.
pub(crate) async fn discard(visit: Arc<Visit>) -> Page {
    visit.act(quarantine::discard, ("DELETE", &["quarantine", visit.part(1)]), &Json::Null).await?;
    visit.done(&visit.within("quarantine"), "1 entry deleted.")
}

/// `POST /w/{ws}/quarantine` with `action` (`replay` or `drop`) and the ids of `entry`, or `every` for all of a fault.
pub(crate) async fn many(visit: Arc<Visit>) -> Page {
    let chosen: Vec<&str> = visit.fields("entry").collect();
    let kind = visit.field("type");
    if chosen.is_empty() && visit.field("every").is_none() {
        return refused(listed(&visit, Some("Select at least one entry. Nothing was done.")).await);
    }
    if visit.field("action") == Some("drop") {
        return discard_many(&visit, &chosen).await;
    }
    let mut body = json!({});
    if visit.field("every").is_some() {
        if let Some(kind) = kind {
            body["type"] = json!(kind);
        }
    } else {
        body["ids"] = json!(chosen);
    }
    let begun = visit.act(quarantine::replay_many, ("POST", &["quarantine", "replay"]), &body).await?;
    let words = if chosen.is_empty() {
        "Bulk replay started.".to_owned()
    } else {
        format!("Bulk replay of {} started.", counted(chosen.len(), "entry"))
    };
    visit.done(&visit.within(&format!("jobs/{}", begun.text("job_id"))), words)
}

/// Deletes what was selected; what is gone already is what was wished for.
async fn discard_many(visit: &Visit, chosen: &[&str]) -> Page {
    let (mut deleted, place) = (0_usize, visit.within("quarantine"));
    for id in chosen {
        match visit.act(quarantine::discard, ("DELETE", &["quarantine", id]), &Json::Null).await {
            Ok(_) => deleted += 1,
            Err(problem) if problem.status == 404 => {}
            // Some are gone by then: that must be told, and sending the form again would not tell it.
            Err(problem) if deleted > 0 => {
                let left = counted(chosen.len() - deleted, "entry");
                let words = format!("{} deleted, {left} left: {}.", counted(deleted, "entry"), problem.detail);
                visit.flash(&place, Flash::warning(words));
                return Ok(redirect(&place));
            }
            Err(problem) => return Err(problem),
        }
    }
    visit.done(&place, format!("{} deleted.", counted(deleted, "entry")))
}

#[derive(Template)]
#[template(path = "job.html")]
struct Job {
    shell: Shell,
    doc: Json,
}

#[derive(Template)]
#[template(path = "job-state.html")]
struct JobState {
    doc: Json,
}

/// `GET /w/{ws}/jobs/{id}?fragment=`: how far a replay of many is.
pub(crate) async fn job(visit: Arc<Visit>) -> Page {
    let doc = visit.ask(quarantine::job, &["jobs", visit.part(1)], &[]).await?;
    if visit.parameter("fragment").is_some() {
        return html(&JobState { doc });
    }
    let shell = Shell::of(&visit, "Replay", "quarantine").await?;
    html(&Job { shell, doc })
}
