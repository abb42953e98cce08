//! The quarantine: rejected elements, listed, shown, replayed, deleted and restored (behaviour.md 4).

use super::answers::{AcceptedAnswer, EmptyAnswer};
use super::arguments::{Arguments, DryRun, Id, JsonBody, NoBody, PageQuery, PathId as _, Sent, flag};
use super::audit_action::AuditAction;
use super::context::WorkspaceContext;
use super::description::{CallDescription, Parameter};
use super::error::ManageError;
use super::walk::{WalkBounds, walk};
use crate::ingest::ImportRefusal;
use crate::limits::{PAGE_MAX, QUARANTINE_LOOK_MAX, REPLAY_ENTRIES_MAX};
use crate::replays;
use muster_core::decide::{Discard, Restore, Restored};
use muster_core::decision::Mode;
use muster_core::id::{QuarantineNo, RequestId, RequestNo};
use muster_core::limits::RESTORE_MS;
use muster_core::record::QuarantinedElement;
use muster_core::time::Timestamp;
use muster_store::engine::{EngineError, apply};
use muster_store::reader::Reader;
use muster_wire::data::failure::Failure;
use muster_wire::manage::as_text::{AsText, WireText as _};
use muster_wire::manage::page::PageDocument;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::quarantine::{
    JobDocument, JobStartedDocument, QuarantinedDocument, ReplayDocument, ReplayRequest, ReplaySelection, types,
};
use schemars::json_schema;
use serde_json::json;
use std::sync::atomic::Ordering;

/// Which entries are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QuarantineFilter {
    /// Whether they were replayed.
    pub(crate) is_replayed: Option<bool>,
    /// The request that they came with.
    pub(crate) request: Option<RequestId>,
    /// With an error of this type.
    pub(crate) kind: Option<String>,
    /// Those that were deleted and can be restored, in the place of the others.
    pub(crate) is_deleted: bool,
}

impl Arguments for QuarantineFilter {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        let is_replayed = sent.parameter("replayed").map(|text| flag("replayed", text)).transpose()?;
        let unknown = || Problem::new(400, "request_id must be the id of a request");
        let request = sent.parameter("request_id").map(|id| RequestId::parse(id).ok_or_else(unknown)).transpose()?;
        let is_deleted = sent.parameter("deleted").map(|text| flag("deleted", text)).transpose()?.unwrap_or(false);
        Ok(Self { is_replayed, request, kind: sent.parameter("type").map(str::to_owned), is_deleted })
    }

    fn describe(call: &mut CallDescription<'_>) {
        let flag = || json_schema!({"type": "boolean"});
        call.query(Parameter::new("request_id", "Entries of this request", RequestId::format()));
        call.query(Parameter::text(
            "type",
            "Entries with an error of this type; a page can be short and still have a next_cursor",
        ));
        call.query(Parameter::new("replayed", "Whether to list replayed entries or the others", flag()));
        let deleted = "List the entries that were deleted less than a minute ago and can be restored, on one page, instead of the others";
        call.query(Parameter::new("deleted", deleted, flag()));
    }
}

/// Lists entries, the newest first; of deleted ones the last deleted first. A filter reads a bounded number of
/// entries, so a page may be short, or empty, and have a next.
pub(crate) async fn list(
    call: WorkspaceContext,
    (page, filter): (PageQuery<QuarantineNo>, QuarantineFilter),
) -> Result<PageDocument<QuarantinedDocument>, ManageError> {
    let PageQuery { limit, cursor: below } = page;
    let deleted_after = filter.is_deleted.then(|| Timestamp(call.context.app.now().0 - RESTORE_MS));
    let find = move |reader: &mut dyn Reader| {
        let fits = |entry: &QuarantinedElement| {
            filter.is_replayed.is_none_or(|replayed| entry.replayed_as.is_some() == replayed)
                && filter.kind.as_ref().is_none_or(|kind| types(entry).any(|name| name == kind))
                && filter.request.is_none_or(|request| entry.request == request.no())
        };
        if let Some(after) = deleted_after {
            // One page: there are no more than were deleted within a minute.
            let mut deleted = reader.deleted(after, limit)?.items;
            deleted.retain(fits);
            return Ok((deleted, None));
        }
        if let Some(request) = filter.request {
            return of_request(reader, request.no(), below, limit);
        }
        let bounds = WalkBounds { below, limit, look_max: QUARANTINE_LOOK_MAX };
        walk(bounds, |below| reader.quarantine(below, limit), |entry| entry.no, fits)
    };
    call.answer(find, |(found, next)| PageDocument {
        items: found.iter().map(QuarantinedDocument::from).collect(),
        next_cursor: next.map(|no| no.to_string()),
    })
    .await
}

/// Returns the entries that one request made, the newest first: found by halving, since entries have their numbers in
/// the order of their requests.
fn of_request(
    reader: &mut dyn Reader,
    request: RequestNo,
    below: Option<QuarantineNo>,
    limit: usize,
) -> Result<(Vec<QuarantinedElement>, Option<QuarantineNo>), EngineError> {
    if below.is_some() {
        return page_of_request(reader, request, below, limit);
    }
    let newest = reader.quarantine(None, 1)?.items.first().map_or(0, |entry| entry.no.0);
    // The entry just below `low` is of this request or an earlier one, that below `high` is not.
    let (mut low, mut high) = (0, newest + 2);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let before = reader.quarantine(Some(QuarantineNo(middle)), 1)?.items.first().map(|entry| entry.request);
        if before.is_none_or(|before| before <= request) && middle <= newest + 1 {
            low = middle;
        } else {
            high = middle;
        }
    }
    page_of_request(reader, request, Some(QuarantineNo(low)), limit)
}

/// Returns those of them that come next below a place that one of them, or the first, is below.
fn page_of_request(
    reader: &mut dyn Reader,
    request: RequestNo,
    below: Option<QuarantineNo>,
    limit: usize,
) -> Result<(Vec<QuarantinedElement>, Option<QuarantineNo>), EngineError> {
    let page = reader.quarantine(below, limit)?;
    let next = page.items.last().filter(|last| page.more && last.request == request).map(|last| last.no);
    let mut found = page.items;
    found.retain(|entry| entry.request == request);
    Ok((found, next))
}

async fn load_entry(call: &WorkspaceContext, no: QuarantineNo) -> Result<QuarantinedElement, ManageError> {
    Ok(call.read(move |reader| reader.quarantined(no)).await?.ok_or_else(QuarantineNo::unknown)?)
}

/// Shows an entry.
pub(crate) async fn show(
    call: WorkspaceContext,
    (Id(no),): (Id<QuarantineNo>,),
) -> Result<QuarantinedDocument, ManageError> {
    Ok(QuarantinedDocument::from(&load_entry(&call, no).await?))
}

/// Deletes an entry: it is hidden at once, can be restored for a minute, and is removed after it.
pub(crate) async fn discard(
    call: WorkspaceContext,
    (Id(no),): (Id<QuarantineNo>,),
) -> Result<EmptyAnswer, ManageError> {
    if !apply(&*call.context.app.engine, call.entry.id(), Discard { entry: no }, Mode::Commit).await? {
        return Err(QuarantineNo::unknown().into());
    }
    call.entry.runtime.has_deleted.store(true, Ordering::Release);
    call.audit(AuditAction::QuarantineDiscarded, &no.to_string(), json!({})).await;
    Ok(EmptyAnswer)
}

/// The id of an entry that is to be restored: what names none may have been removed already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RestorableId(pub(crate) QuarantineNo);

fn too_late() -> Problem {
    Problem::new(404, "no such entry in the quarantine, or it was deleted more than a minute ago")
}

impl Arguments for RestorableId {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        QuarantineNo::parse(sent.part(QuarantineNo::PART)).map(Self).ok_or_else(too_late)
    }

    fn describe(call: &mut CallDescription<'_>) {
        <Id<QuarantineNo> as Arguments>::describe(call);
    }
}

/// Restores an entry that was deleted less than a minute ago, as it was.
pub(crate) async fn restore(
    call: WorkspaceContext,
    (NoBody, RestorableId(no)): (NoBody, RestorableId),
) -> Result<EmptyAnswer, ManageError> {
    match apply(&*call.context.app.engine, call.entry.id(), Restore { entry: no }, Mode::Commit).await? {
        Restored::Done => {}
        Restored::Unknown => return Err(too_late().into()),
        Restored::NotDeleted => return Err(Problem::new(409, "this entry was not deleted").into()),
    }
    call.audit(AuditAction::QuarantineRestored, &no.to_string(), json!({})).await;
    Ok(EmptyAnswer)
}

/// Replays an entry, unchanged or corrected; a dry run returns the outcome and stores nothing.
pub(crate) async fn replay(
    call: WorkspaceContext,
    (JsonBody(wanted), Id(no), DryRun(is_dry)): (JsonBody<ReplayRequest>, Id<QuarantineNo>, DryRun),
) -> Result<ReplayDocument, ManageError> {
    let kept = load_entry(&call, no).await?;
    let is_corrected = wanted.element.is_some();
    let element = wanted.element.unwrap_or_else(|| kept.element.into_vec());
    let replayed = replays::replay(&call.context.app, &call.entry, (kept.no, is_dry), &element).await;
    let (applied, recorded) = replayed.map_err(not_replayed)?;
    if !is_dry {
        let detail = json!({
            "request_id": RequestId::from_no(applied.request).to_string(),
            "applied": applied.changed_anything(),
            "corrected": is_corrected,
        });
        call.audit(AuditAction::QuarantineReplayed, &kept.no.to_string(), detail).await;
    }
    let unreadable = |_| EngineError::Broken("the answer of a replay is not its document".into());
    Ok(serde_json::from_slice(&recorded.body).map_err(unreadable)?)
}

fn not_replayed(refused: ImportRefusal) -> ManageError {
    let problem = match refused {
        ImportRefusal::NoSuchEntry => QuarantineNo::unknown(),
        ImportRefusal::AlreadyReplayed(request) => {
            Problem::new(409, format!("this entry was replayed already, by request {}", RequestId::from_no(request)))
        }
        ImportRefusal::Wait(_, seconds) => {
            let problem = Problem::new(429, "the rate budget of this minute is used up; retry later");
            return ManageError::retry_after(problem, seconds);
        }
        ImportRefusal::Never(..) => Problem::new(413, "the element exceeds the rate budget of a whole minute"),
        ImportRefusal::Engine(error) => return error.into(),
        ImportRefusal::Failure(Failure::Suspended) => Problem::new(403, "the workspace is suspended"),
        ImportRefusal::Failure(Failure::TooLarge { limit_bytes }) => {
            Problem::new(413, format!("the element is longer than the limit of a body: {limit_bytes} bytes"))
        }
        ImportRefusal::Failure(_) | ImportRefusal::Faults(..) => Problem::at(
            "/element",
            "cannot be read as an element; it must be JSON in the form that the bulk import accepts",
        ),
    };
    problem.into()
}

/// Starts a job that replays entries which were not replayed yet, the oldest first.
pub(crate) async fn replay_many(
    call: WorkspaceContext,
    (JsonBody(selection),): (JsonBody<ReplaySelection>,),
) -> Result<AcceptedAnswer<JobStartedDocument>, ManageError> {
    let (kind, since, ids) = (selection.kind.clone(), selection.since, selection.ids.as_ref().map(Vec::len));
    let entries = call.read(move |reader| selected(reader, &selection)).await?;
    let mut detail = json!({"entries": entries.len(), "type": kind, "since": since});
    if let Some(ids) = ids {
        detail["ids"] = json!(ids);
    }
    let Some(job) = replays::start(&call.context.app, call.entry.id(), entries) else {
        return Err(Problem::new(503, "too many bulk replays are running; retry when one has finished").into());
    };
    call.audit(AuditAction::ReplayStarted, &job.to_string(), detail).await;
    Ok(AcceptedAnswer(JobStartedDocument { job_id: job.to_string() }))
}

/// Returns the entries that a bulk replay takes, the oldest first.
fn selected(reader: &mut dyn Reader, selection: &ReplaySelection) -> Result<Vec<QuarantineNo>, EngineError> {
    let fits = |entry: &QuarantinedElement| {
        entry.replayed_as.is_none()
            && selection.since.is_none_or(|since| entry.at >= since.0)
            && selection.kind.as_ref().is_none_or(|kind| types(entry).any(|name| name == kind))
    };
    let mut entries = Vec::new();
    if let Some(ids) = &selection.ids {
        for AsText(no) in ids {
            entries.extend(reader.quarantined(*no)?.filter(fits).map(|entry| entry.no));
        }
    } else {
        let mut below = None;
        loop {
            let page = reader.quarantine(below, PAGE_MAX)?;
            below = page.items.last().map(|last| last.no);
            entries.extend(page.items.iter().filter(|entry| fits(entry)).map(|entry| entry.no));
            if !page.more {
                break;
            }
        }
    }
    entries.sort_unstable();
    entries.dedup();
    // The oldest, up to the bound of a job; the next call takes the next.
    entries.truncate(REPLAY_ENTRIES_MAX);
    Ok(entries)
}

/// The id of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobId(pub(crate) u64);

fn no_job() -> Problem {
    Problem::new(404, "no such job; jobs are forgotten when the server restarts")
}

impl JobId {
    /// Reads the id of a job.
    ///
    /// # Errors
    /// 404 if it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        text.parse().map(Self).map_err(|_| no_job())
    }
}

impl Arguments for JobId {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Self::parse(sent.part("job_id"))
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.path("job_id", "the id of a job", json_schema!({"type": "string", "pattern": "^[0-9]+$"}));
    }
}

/// Tells how far a bulk replay is.
pub(crate) async fn job(call: WorkspaceContext, (JobId(id),): (JobId,)) -> Result<JobDocument, ManageError> {
    let job = call.context.app.replays.get(call.entry.id(), id).ok_or_else(no_job)?;
    Ok(JobDocument {
        id: job.id.to_string(),
        state: job.state,
        done: job.done,
        total: job.total,
        applied: job.applied,
        rejected: job.rejected,
    })
}
