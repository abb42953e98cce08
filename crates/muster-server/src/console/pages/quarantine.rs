//! The quarantine: rejected elements that still wait, the form that corrects and replays one of them, and many replayed
//! or deleted together; a deletion is asked for, and can be undone for a minute.

use super::super::components::{self, Html, count_noun};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html, redirect};
use super::as_refusal;
use super::problem::sentence;
use crate::callers::TokenScope;
use crate::limits::{CONSOLE_ROWS, PAGE_MAX};
use crate::manage::arguments::{DryRun, Id, JsonBody, NoBody, PageQuery, PathId as _};
use crate::manage::quarantine::{JobId, QuarantineFilter, RestorableId};
use crate::manage::{quarantine, scopes};
use crate::sessions::flash::Flash;
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
pub(crate) struct RepairForm {
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
    /// The result of a check or a replay.
    pub(super) check_result: Option<CheckResult>,
    /// Unfolded: work is left, or a check was just made.
    pub(super) is_open: bool,
    pub(super) may_operate: bool,
}

/// The result of a check.
pub(crate) struct CheckResult {
    pub(super) is_good: bool,
    pub(super) words: String,
    pub(super) notes: Vec<Html>,
}

impl RepairForm {
    /// Of an entry of the quarantine.
    pub(super) fn new(context: &PageContext, entry: &QuarantinedDocument) -> Self {
        let faults = &entry.errors;
        let base = format!("/elements/{}", entry.index);
        let below = |fault: &FaultDocument| fault.pointer.strip_prefix(&base).unwrap_or_default().to_owned();
        let note = |fault: &FaultDocument| (below(fault), format!("{}: {}", fault.kind, fault.message));
        let notes: Vec<(String, String)> = faults.iter().map(note).collect();
        let label = format!("Element {} as received", entry.index);
        Self {
            id: entry.id.to_string(),
            index: u64::from(entry.index),
            kind: entry.kind.clone().unwrap_or_default(),
            types: types(faults),
            detail: components::phrase(faults.first().map_or("", |fault| &fault.message)),
            code: components::json_code(&entry.element, &notes, &label),
            pointers: faults.iter().map(|fault| fault.pointer.clone()).collect(),
            text: entry.raw.clone().unwrap_or_else(|| components::json_text(&entry.element)),
            replayed_as: entry.replayed_as.map(|id| id.to_string()).unwrap_or_default(),
            check_result: None,
            is_open: entry.replayed_as.is_none(),
            may_operate: context.may_operate(),
        }
    }
}

/// Returns the types of faults, each once where it is repeated.
fn types(faults: &[FaultDocument]) -> Vec<String> {
    let mut types: Vec<String> = faults.iter().map(|fault| fault.kind.clone()).collect();
    types.dedup();
    types
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct Quarantine {
    layout: Layout,
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
pub(crate) async fn list(context: Arc<PageContext>) -> PageResult {
    page(&context, None).await
}

/// The list, with why a form of it was refused.
async fn page(context: &PageContext, refusal: Option<&str>) -> PageResult {
    let state = if context.parameter("state") == Some("replayed") { "replayed" } else { "open" };
    let kind = context.parameter("type").or(context.field("type")).unwrap_or_default();
    let filter = QuarantineFilter {
        is_replayed: Some(state == "replayed"),
        kind: Some(kind.to_owned()).filter(|kind| !kind.is_empty()),
        ..QuarantineFilter::default()
    };
    let found = context.perform(quarantine::list, (context.rows()?, filter)).await?;
    let deleted = match context.parameter("deleted") {
        Some(ids) if context.may_operate() => restorable(context, &ids.split(BETWEEN_IDS).collect::<Vec<_>>()).await?,
        _ => Vec::new(),
    };
    let mut layout = Layout::new(context, "Quarantine", "quarantine").await?;
    layout.flashes.extend(refusal.map(Flash::refused));
    let entries: Vec<Row> = found.items.iter().map(row).collect();
    let mut kinds: Vec<String> =
        entries.iter().flat_map(|entry| entry.types.clone()).chain([kind.to_owned()]).collect();
    kinds.retain(|kind| !kind.is_empty());
    kinds.sort_unstable();
    kinds.dedup();
    let total = layout.quarantined;
    let next = found.next_cursor.unwrap_or_default();
    html(&Quarantine { layout, entries, state, kind: kind.to_owned(), kinds, next, total, deleted })
}

/// Returns those of the ids whose entries were deleted and can be restored.
async fn restorable(context: &PageContext, ids: &[&str]) -> Result<Vec<String>, Problem> {
    let all = PageQuery { limit: PAGE_MAX, cursor: None };
    let filter = QuarantineFilter { is_deleted: true, ..QuarantineFilter::default() };
    let deleted = context.perform(quarantine::list, (all, filter)).await?.items;
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
        detail: components::phrase(first.map_or("", |fault| &fault.message)),
        replayed_as: entry.replayed_as.map(|id| id.to_string()).unwrap_or_default(),
    }
}

#[derive(Template)]
#[template(path = "entry.html")]
struct Entry {
    layout: Layout,
    repair: RepairForm,
    request: String,
}

/// Renders the page of one entry, with the result for the element that was sent.
async fn repair(context: &PageContext, check_result: CheckResult, text: Option<&str>) -> PageResult {
    let no: QuarantineNo = context.id()?;
    let entry = context.perform(quarantine::show, (Id(no),)).await?;
    let layout = Layout::new(context, format!("Quarantine {no}"), "quarantine").await?;
    let mut repair = RepairForm { check_result: Some(check_result), is_open: true, ..RepairForm::new(context, &entry) };
    if let Some(text) = text {
        text.clone_into(&mut repair.text);
    }
    html(&Entry { layout, repair, request: entry.request_id.to_string() })
}

/// Returns the element of the form; what is wrong with it in words if it is not JSON.
fn element(context: &PageContext) -> Result<ReplayRequest, String> {
    let text = context.field("element").unwrap_or_default();
    let parsed = serde_json::from_str::<Json>(text)
        .map_err(|error| format!("Not JSON: line {}, column {}.", error.line(), error.column()))?;
    // As the management API takes it, so that what is refused there is refused here in the same words.
    let body = serde_json::json!({"element": parsed}).to_string();
    ReplayRequest::read(body.as_bytes()).map_err(|problem| sentence(&problem.detail))
}

/// `POST /w/{ws}/quarantine/{id}/check` with `element`: what a replay would do, and nothing else.
pub(crate) async fn check(context: Arc<PageContext>) -> PageResult {
    let text = context.field("element").unwrap_or_default();
    match send_replay(&context, DryRun(true)).await? {
        Ok(results) => repair(&context, describe_check(&results), Some(text)).await,
        Err(words) => {
            as_refusal(repair(&context, CheckResult { is_good: false, words, notes: Vec::new() }, Some(text)).await)
        }
    }
}

/// `POST /w/{ws}/quarantine/{id}/replay` with `element`. It is tried first: what would be rejected again changes nothing, and
/// the form keeps what was typed.
pub(crate) async fn replay(context: Arc<PageContext>) -> PageResult {
    let text = context.field("element").unwrap_or_default();
    let check_result = match send_replay(&context, DryRun(true)).await? {
        Ok(results) => describe_check(&results),
        Err(words) => CheckResult { is_good: false, words, notes: Vec::new() },
    };
    if !check_result.is_good {
        return as_refusal(repair(&context, check_result, Some(text)).await);
    }
    let results = match send_replay(&context, DryRun(false)).await? {
        Ok(results) => results,
        Err(words) => {
            return as_refusal(
                repair(&context, CheckResult { is_good: false, words, notes: Vec::new() }, Some(text)).await,
            );
        }
    };
    let outcome = results.results.first().map_or(Outcome::Rejected, |result| result.outcome.0);
    let flash = if outcome == Outcome::Rejected {
        // What it depends on changed between the two.
        Flash::warning("1 element replayed: it was rejected again, and its entry stays in the quarantine.")
    } else {
        Flash::good(format!("1 element replayed: {}.", outcome.name()))
    };
    let place = context.within(&format!("requests/{}", results.request_id));
    context.flash(&place, flash);
    Ok(redirect(&place))
}

/// Sends the element of the form as a replay; the answer of the import, or what was wrong in words.
///
/// # Errors
/// What has nothing to do with the element: the token may not, or there is no such entry.
async fn send_replay(context: &PageContext, dry_run: DryRun) -> Result<Result<ReplayDocument, String>, Problem> {
    if !context.may_operate() {
        return Err(Problem::new(403, "this token lacks the scope operate"));
    }
    let body = match element(context) {
        Ok(body) => body,
        Err(words) => return Ok(Err(words)),
    };
    match context.perform(quarantine::replay, (JsonBody(body), Id(context.id()?), dry_run)).await {
        Err(problem) if matches!(problem.status, 403 | 404) => Err(problem),
        done => Ok(done.map_err(|problem| sentence(&problem.detail))),
    }
}

/// Returns what the answer of a dry replay says.
fn describe_check(answer: &ReplayDocument) -> CheckResult {
    let Some(result) = answer.results.first() else {
        return CheckResult {
            is_good: false,
            words: "The element would not be applied.".to_owned(),
            notes: Vec::new(),
        };
    };
    let is_good = result.outcome.0 != Outcome::Rejected;
    let words = if is_good {
        format!("Check passed: the outcome would be {}. Nothing stored yet.", result.outcome)
    } else {
        "Check failed: the element would be rejected again.".to_owned()
    };
    let faults = result.errors.iter().flatten().map(components::fault);
    let notes = faults.chain(result.warnings.iter().map(components::warning)).collect();
    CheckResult { is_good, words, notes }
}

/// `POST /w/{ws}/quarantine` with `action` (`replay` or `delete`) and the ids of `entry`, or `every` for all of a fault. A
/// deletion asks before it is done: by the dialog of the page, or by a page of its own where there is no script;
/// `confirmed` is the answer.
pub(crate) async fn many(context: Arc<PageContext>) -> PageResult {
    // A missing right is reported before anything else.
    scopes::has(&context.caller, TokenScope::Operate)?;
    let mut selected: Vec<QuarantineNo> = context.fields("entry").filter_map(QuarantineNo::parse).collect();
    selected.sort_unstable();
    selected.dedup();
    let is_every = context.field("every").is_some();
    if selected.is_empty() && !is_every {
        return as_refusal(page(&context, Some("Select at least one entry. Nothing was done.")).await);
    }
    if context.field("confirmed") == Some("delete") {
        return delete(&context, &selected).await;
    }
    if context.field("action") == Some("delete") {
        return ask(&context, &selected).await;
    }
    let selection = if is_every {
        ReplaySelection { kind: context.field("type").map(str::to_owned), ..ReplaySelection::default() }
    } else {
        let ids = selected.iter().copied().map(AsText).collect();
        ReplaySelection { ids: Some(ids), ..ReplaySelection::default() }
    };
    let begun = context.perform(quarantine::replay_many, (JsonBody(selection),)).await?.0;
    let words = if is_every {
        "Bulk replay started.".to_owned()
    } else {
        format!("Bulk replay of {} started.", count_noun(selected.len(), "entry"))
    };
    context.done(&context.within(&format!("jobs/{}", begun.job_id)), words)
}

#[derive(Template)]
#[template(path = "quarantine-delete.html")]
struct Ask {
    layout: Layout,
    ids: Vec<String>,
    /// The types of their faults, each with how many of them have it.
    types: Vec<(String, u64)>,
}

/// Says what a deletion concerns, and asks for it.
async fn ask(context: &PageContext, selected: &[QuarantineNo]) -> PageResult {
    if selected.len() > CONSOLE_ROWS {
        return as_refusal(page(context, Some(&too_many())).await);
    }
    let (mut ids, mut types) = (Vec::new(), BTreeMap::<String, u64>::new());
    for id in selected {
        let entry = match context.perform(quarantine::show, (Id(*id),)).await {
            Err(problem) if problem.status == 404 => continue,
            entry => entry?,
        };
        ids.push(id.to_string());
        let own: BTreeSet<String> = entry.errors.into_iter().map(|fault| fault.kind).collect();
        own.into_iter().for_each(|name| *types.entry(name).or_default() += 1);
    }
    if ids.is_empty() {
        return as_refusal(page(context, Some("These entries were deleted already.")).await);
    }
    let layout = Layout::new(context, "Delete from the quarantine", "quarantine").await?;
    html(&Ask { layout, ids, types: types.into_iter().collect() })
}

fn too_many() -> String {
    format!("Select at most {CONSOLE_ROWS} entries: as many as a page has.")
}

async fn delete(context: &PageContext, selected: &[QuarantineNo]) -> PageResult {
    if selected.len() > CONSOLE_ROWS {
        return as_refusal(page(context, Some(&too_many())).await);
    }
    let mut deleted = Vec::new();
    for id in selected {
        match context.perform(quarantine::discard, (Id(*id),)).await {
            Ok(_) => deleted.push(id.to_string()),
            // It is gone already, which is what was asked for.
            Err(problem) if problem.status == 404 => {}
            // Some are deleted by then: the page must say so, since sending the form again would not.
            Err(problem) if !deleted.is_empty() => {
                let left = count_noun(selected.len() - deleted.len(), "entry");
                context.flash(
                    &context.within("quarantine"),
                    Flash::warning(format!("{left} not deleted: {}.", problem.detail)),
                );
                break;
            }
            Err(problem) => return Err(problem),
        }
    }
    // The list says what was deleted, and offers to undo it, for as long as that can be.
    Ok(redirect(&context.within(&format!("quarantine?deleted={}", deleted.join(BETWEEN_IDS)))))
}

/// `POST /w/{ws}/quarantine/restore` with the ids of `entry`: undoes their deletion, within a minute.
pub(crate) async fn restore(context: Arc<PageContext>) -> PageResult {
    scopes::has(&context.caller, TokenScope::Operate)?;
    let (mut all, mut late) = (0_usize, 0_usize);
    for id in context.fields("entry").take(CONSOLE_ROWS) {
        all += 1;
        let restored = match QuarantineNo::parse(id) {
            Some(no) => context.perform(quarantine::restore, (NoBody, RestorableId(no))).await,
            None => Err(QuarantineNo::unknown()),
        };
        match restored {
            // It was restored already.
            Ok(_) | Err(Problem { status: 409, .. }) => {}
            Err(problem) if problem.status == 404 => late += 1,
            Err(problem) => return Err(problem),
        }
    }
    let place = context.within("quarantine");
    match (all, late) {
        (0, _) => as_refusal(page(&context, Some("Nothing was restored: no entry was given.")).await),
        (_, 0) => context.done(&place, format!("{} restored.", count_noun(all, "entry"))),
        (all, late) => {
            let words = format!(
                "{} of {all} could not be restored: deleted more than a minute ago.",
                count_noun(late, "entry")
            );
            if late == all {
                return as_refusal(page(&context, Some(&words)).await);
            }
            context.flash(&place, Flash::warning(words));
            Ok(redirect(&place))
        }
    }
}

#[derive(Template)]
#[template(path = "job.html")]
struct Job {
    layout: Layout,
    doc: JobDocument,
}

#[derive(Template)]
#[template(path = "job-state.html")]
struct Progress {
    doc: JobDocument,
}

/// `GET /w/{ws}/jobs/{id}?fragment=`: the progress of a bulk replay.
pub(crate) async fn job(context: Arc<PageContext>) -> PageResult {
    let doc = context.perform(quarantine::job, (JobId::parse(context.part(1))?,)).await?;
    if context.parameter("fragment").is_some() {
        return html(&Progress { doc });
    }
    let layout = Layout::new(&context, "Bulk replay", "quarantine").await?;
    html(&Job { layout, doc })
}
