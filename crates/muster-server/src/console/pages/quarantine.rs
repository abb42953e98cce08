//! The quarantine: what was rejected and still waits, the bench that corrects and replays one element, and many replayed
//! or deleted together; a deletion is asked for, and can be undone for a minute.

use super::super::Page;
use super::super::flash::Flash;
use super::super::head::redirect;
use super::super::parts::{self, Html, counted};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::frame::sentence;
use super::refused;
use crate::callers::TokenScope;
use crate::limits::{CONSOLE_ROWS, PAGE_MAX};
use crate::manage::arguments::{DryRun, Id, JsonBody, NoBody, PageQuery, PathId as _};
use crate::manage::quarantine::{JobId, QuarantineFilter, RestorableId};
use crate::manage::{quarantine, scopes};
use askama::Template;
use muster_core::id::QuarantineNo;
use muster_core::outcome::Outcome;
use muster_core::time::Timestamp;
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::element_report::FaultDocument;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::quarantine::{
    JobDocument, JobState, QuarantinedDocument, ReplayDocument, ReplayRequest, ReplaySelection,
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
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
    pub(super) fn of(visit: &Visit, entry: &QuarantinedDocument) -> Self {
        let faults = &entry.errors;
        let base = format!("/elements/{}", entry.index);
        let below = |fault: &FaultDocument| fault.pointer.strip_prefix(&base).unwrap_or_default().to_owned();
        let note = |fault: &FaultDocument| (below(fault), format!("{}: {}", fault.kind, fault.message));
        let notes: Vec<(String, String)> = faults.iter().map(note).collect();
        let label = format!("Element {} as it came", entry.index);
        Self {
            id: entry.id.to_string(),
            index: u64::from(entry.index),
            kind: entry.kind.clone().unwrap_or_default(),
            types: types(faults),
            detail: parts::shown(faults.first().map_or("", |fault| &fault.message)),
            code: parts::json_code(&entry.element, &notes, &label),
            pointers: faults.iter().map(|fault| fault.pointer.clone()).collect(),
            text: entry.raw.clone().unwrap_or_else(|| parts::json_text(&entry.element)),
            replayed_as: entry.replayed_as.map(|id| id.to_string()).unwrap_or_default(),
            said: None,
            is_open: entry.replayed_as.is_none(),
            may_operate: visit.may_operate(),
        }
    }
}

/// The types of faults, each once where it is repeated.
fn types(faults: &[FaultDocument]) -> Vec<String> {
    let mut types: Vec<String> = faults.iter().map(|fault| fault.kind.clone()).collect();
    types.dedup();
    types
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
    /// Entries that were just deleted and can be restored.
    deleted: Vec<String>,
}

struct Row {
    id: String,
    at: AsText<Timestamp>,
    request: String,
    index: u64,
    kind: String,
    types: Vec<String>,
    pointer: String,
    detail: Html,
    replayed_as: String,
}

/// What joins ids in an address: none of them has it.
const BETWEEN_IDS: &str = "_";

/// `GET /w/{ws}/quarantine?type=&state=&cursor=&deleted=`; `deleted` are the ids that a form of this page has deleted.
pub(crate) async fn list(visit: Arc<Visit>) -> Page {
    listed(&visit, None).await
}

/// The list, with why a form of it was refused.
async fn listed(visit: &Visit, refusal: Option<&str>) -> Page {
    let state = if visit.parameter("state") == Some("replayed") { "replayed" } else { "open" };
    let kind = visit.parameter("type").or(visit.field("type")).unwrap_or_default();
    let filter = QuarantineFilter {
        is_replayed: Some(state == "replayed"),
        kind: Some(kind.to_owned()).filter(|kind| !kind.is_empty()),
        ..QuarantineFilter::default()
    };
    let found = visit.perform(quarantine::list, (visit.rows()?, filter)).await?;
    let deleted = match visit.parameter("deleted") {
        Some(ids) if visit.may_operate() => restorable(visit, &ids.split(BETWEEN_IDS).collect::<Vec<_>>()).await?,
        _ => Vec::new(),
    };
    let mut shell = Shell::of(visit, "Quarantine", "quarantine").await?;
    shell.flashes.extend(refusal.map(Flash::refused));
    let entries: Vec<Row> = found.items.iter().map(row).collect();
    let mut kinds: Vec<String> =
        entries.iter().flat_map(|entry| entry.types.clone()).chain([kind.to_owned()]).collect();
    kinds.retain(|kind| !kind.is_empty());
    kinds.sort_unstable();
    kinds.dedup();
    let total = shell.quarantined;
    let next = found.next_cursor.unwrap_or_default();
    html(&Quarantine { shell, entries, state, kind: kind.to_owned(), kinds, next, total, deleted })
}

/// Those of the ids whose entries were deleted and can be restored.
async fn restorable(visit: &Visit, ids: &[&str]) -> Result<Vec<String>, Problem> {
    let all = PageQuery { limit: PAGE_MAX, cursor: None };
    let filter = QuarantineFilter { is_deleted: true, ..QuarantineFilter::default() };
    let deleted = visit.perform(quarantine::list, (all, filter)).await?.items;
    let deleted = deleted.iter().map(|entry| entry.id.to_string());
    Ok(deleted.filter(|id| ids.contains(&id.as_str())).collect())
}

fn row(entry: &QuarantinedDocument) -> Row {
    let first = entry.errors.first();
    Row {
        id: entry.id.to_string(),
        at: entry.at,
        request: entry.request_id.to_string(),
        index: u64::from(entry.index),
        kind: entry.kind.clone().unwrap_or_default(),
        types: types(&entry.errors),
        pointer: first.map_or("", |fault| &fault.pointer).to_owned(),
        detail: parts::shown(first.map_or("", |fault| &fault.message)),
        replayed_as: entry.replayed_as.map(|id| id.to_string()).unwrap_or_default(),
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
    let no: QuarantineNo = visit.id()?;
    let entry = visit.perform(quarantine::show, (Id(no),)).await?;
    let shell = Shell::of(visit, format!("Quarantine {no}"), "quarantine").await?;
    let mut bench = Bench { said: Some(said), is_open: true, ..Bench::of(visit, &entry) };
    if let Some(text) = text {
        text.clone_into(&mut bench.text);
    }
    html(&Entry { shell, bench, request: entry.request_id.to_string() })
}

/// The element of the form; what is wrong with it in words if it is not JSON.
fn element(visit: &Visit) -> Result<ReplayRequest, String> {
    let text = visit.field("element").unwrap_or_default();
    let parsed = serde_json::from_str::<Json>(text)
        .map_err(|error| format!("Not JSON: line {}, column {}.", error.line(), error.column()))?;
    // As the management API takes it, so that what is refused there is refused here in the same words.
    let body = serde_json::json!({"element": parsed}).to_string();
    ReplayRequest::read(body.as_bytes()).map_err(|problem| sentence(&problem.detail))
}

/// `POST /w/{ws}/quarantine/{id}/check` with `element`: what a replay would do, and nothing else.
pub(crate) async fn check(visit: Arc<Visit>) -> Page {
    let text = visit.field("element").unwrap_or_default();
    match tried(&visit, DryRun(true)).await? {
        Ok(results) => bench(&visit, said_of(&results), Some(text)).await,
        Err(words) => refused(bench(&visit, Said { is_good: false, words, notes: Vec::new() }, Some(text)).await),
    }
}

/// `POST /w/{ws}/quarantine/{id}/replay` with `element`. It is tried first: what would be rejected again changes nothing, and
/// the form keeps what was typed.
pub(crate) async fn replay(visit: Arc<Visit>) -> Page {
    let text = visit.field("element").unwrap_or_default();
    let said = match tried(&visit, DryRun(true)).await? {
        Ok(results) => said_of(&results),
        Err(words) => Said { is_good: false, words, notes: Vec::new() },
    };
    if !said.is_good {
        return refused(bench(&visit, said, Some(text)).await);
    }
    let results = match tried(&visit, DryRun(false)).await? {
        Ok(results) => results,
        Err(words) => {
            return refused(bench(&visit, Said { is_good: false, words, notes: Vec::new() }, Some(text)).await);
        }
    };
    let outcome = results.results.first().map_or(Outcome::Rejected, |result| result.outcome.0);
    let flash = if outcome == Outcome::Rejected {
        // What it depends on changed between the two.
        Flash::warning("1 element replayed: it was rejected again, and its entry stays in the quarantine.")
    } else {
        Flash::good(format!("1 element replayed: {}.", outcome.name()))
    };
    let place = visit.within(&format!("requests/{}", results.request_id));
    visit.flash(&place, flash);
    Ok(redirect(&place))
}

/// Sends the element of the form as a replay; the answer of the import, or what was wrong in words.
///
/// # Errors
/// What has nothing to do with the element: the token may not, or there is no such entry.
async fn tried(visit: &Visit, dry_run: DryRun) -> Result<Result<ReplayDocument, String>, Problem> {
    if !visit.may_operate() {
        return Err(Problem::new(403, "this token lacks the scope operate"));
    }
    let body = match element(visit) {
        Ok(body) => body,
        Err(words) => return Ok(Err(words)),
    };
    match visit.perform(quarantine::replay, (JsonBody(body), Id(visit.id()?), dry_run)).await {
        Err(problem) if matches!(problem.status, 403 | 404) => Err(problem),
        done => Ok(done.map_err(|problem| sentence(&problem.detail))),
    }
}

/// What the answer of a dry replay says.
fn said_of(answer: &ReplayDocument) -> Said {
    let Some(result) = answer.results.first() else {
        return Said { is_good: false, words: "The element would not be applied.".to_owned(), notes: Vec::new() };
    };
    let is_good = result.outcome.0 != Outcome::Rejected;
    let words = if is_good {
        format!("Check passed: the outcome would be {}. Nothing stored yet.", result.outcome)
    } else {
        "Check failed: the element would be rejected again.".to_owned()
    };
    let faults = result.errors.iter().flatten().map(parts::fault);
    let notes = faults.chain(result.warnings.iter().map(parts::warning)).collect();
    Said { is_good, words, notes }
}

/// `POST /w/{ws}/quarantine` with `action` (`replay` or `delete`) and the ids of `entry`, or `every` for all of a fault. A
/// deletion asks before it is done: by the dialog of the page, or by a page of its own where there is no script;
/// `confirmed` is the answer.
pub(crate) async fn many(visit: Arc<Visit>) -> Page {
    // A token that may not is told so before anything else.
    scopes::has(&visit.caller, TokenScope::Operate)?;
    let mut selected: Vec<QuarantineNo> = visit.fields("entry").filter_map(QuarantineNo::parse).collect();
    selected.sort_unstable();
    selected.dedup();
    let is_every = visit.field("every").is_some();
    if selected.is_empty() && !is_every {
        return refused(listed(&visit, Some("Select at least one entry. Nothing was done.")).await);
    }
    if visit.field("confirmed") == Some("delete") {
        return delete(&visit, &selected).await;
    }
    if visit.field("action") == Some("delete") {
        return ask(&visit, &selected).await;
    }
    let selection = if is_every {
        ReplaySelection { kind: visit.field("type").map(str::to_owned), ..ReplaySelection::default() }
    } else {
        let ids = selected.iter().copied().map(AsText).collect();
        ReplaySelection { ids: Some(ids), ..ReplaySelection::default() }
    };
    let begun = visit.perform(quarantine::replay_many, (JsonBody(selection),)).await?.0;
    let words = if is_every {
        "Bulk replay started.".to_owned()
    } else {
        format!("Bulk replay of {} started.", counted(selected.len(), "entry"))
    };
    visit.done(&visit.within(&format!("jobs/{}", begun.job_id)), words)
}

#[derive(Template)]
#[template(path = "quarantine-delete.html")]
struct Ask {
    shell: Shell,
    ids: Vec<String>,
    /// The types of their faults, each with how many of them have it.
    types: Vec<(String, u64)>,
}

/// Says what a deletion concerns, and asks for it.
async fn ask(visit: &Visit, selected: &[QuarantineNo]) -> Page {
    if selected.len() > CONSOLE_ROWS {
        return refused(listed(visit, Some(&too_many())).await);
    }
    let (mut ids, mut types) = (Vec::new(), BTreeMap::<String, u64>::new());
    for id in selected {
        let entry = match visit.perform(quarantine::show, (Id(*id),)).await {
            Err(problem) if problem.status == 404 => continue,
            entry => entry?,
        };
        ids.push(id.to_string());
        let own: BTreeSet<String> = entry.errors.into_iter().map(|fault| fault.kind).collect();
        own.into_iter().for_each(|name| *types.entry(name).or_default() += 1);
    }
    if ids.is_empty() {
        return refused(listed(visit, Some("These entries were deleted already.")).await);
    }
    let shell = Shell::of(visit, "Delete from the quarantine", "quarantine").await?;
    html(&Ask { shell, ids, types: types.into_iter().collect() })
}

fn too_many() -> String {
    format!("Select at most {CONSOLE_ROWS} entries: as many as a page has.")
}

async fn delete(visit: &Visit, selected: &[QuarantineNo]) -> Page {
    if selected.len() > CONSOLE_ROWS {
        return refused(listed(visit, Some(&too_many())).await);
    }
    let mut deleted = Vec::new();
    for id in selected {
        match visit.perform(quarantine::discard, (Id(*id),)).await {
            Ok(_) => deleted.push(id.to_string()),
            // It is gone already, which is what was asked for.
            Err(problem) if problem.status == 404 => {}
            // Some are gone by then: that must be told, and sending the form again would not tell it.
            Err(problem) if !deleted.is_empty() => {
                let left = counted(selected.len() - deleted.len(), "entry");
                visit.flash(&visit.within("quarantine"), Flash::warning(format!("{left} left: {}.", problem.detail)));
                break;
            }
            Err(problem) => return Err(problem),
        }
    }
    // The list says what was deleted, and offers to undo it, for as long as that can be.
    Ok(redirect(&visit.within(&format!("quarantine?deleted={}", deleted.join(BETWEEN_IDS)))))
}

/// `POST /w/{ws}/quarantine/restore` with the ids of `entry`: undoes their deletion, within a minute.
pub(crate) async fn restore(visit: Arc<Visit>) -> Page {
    scopes::has(&visit.caller, TokenScope::Operate)?;
    let (mut all, mut late) = (0_usize, 0_usize);
    for id in visit.fields("entry").take(CONSOLE_ROWS) {
        all += 1;
        let restored = match QuarantineNo::parse(id) {
            Some(no) => visit.perform(quarantine::restore, (NoBody, RestorableId(no))).await,
            None => Err(QuarantineNo::unknown()),
        };
        match restored {
            // It was restored already.
            Ok(_) | Err(Problem { status: 409, .. }) => {}
            Err(problem) if problem.status == 404 => late += 1,
            Err(problem) => return Err(problem),
        }
    }
    let place = visit.within("quarantine");
    match (all, late) {
        (0, _) => refused(listed(&visit, Some("Nothing was restored: no entry was given.")).await),
        (_, 0) => visit.done(&place, format!("{} restored.", counted(all, "entry"))),
        (all, late) => {
            let words =
                format!("{} of {all} could not be restored: deleted more than a minute ago.", counted(late, "entry"));
            if late == all {
                return refused(listed(&visit, Some(&words)).await);
            }
            visit.flash(&place, Flash::warning(words));
            Ok(redirect(&place))
        }
    }
}

#[derive(Template)]
#[template(path = "job.html")]
struct Job {
    shell: Shell,
    doc: JobDocument,
}

#[derive(Template)]
#[template(path = "job-state.html")]
struct Progress {
    doc: JobDocument,
}

/// `GET /w/{ws}/jobs/{id}?fragment=`: how far a replay of many is.
pub(crate) async fn job(visit: Arc<Visit>) -> Page {
    let doc = visit.perform(quarantine::job, (JobId::parse(visit.part(1))?,)).await?;
    if visit.parameter("fragment").is_some() {
        return html(&Progress { doc });
    }
    let shell = Shell::of(&visit, "Bulk replay", "quarantine").await?;
    html(&Job { shell, doc })
}
