//! The quarantine: rejected elements, listed, shown, replayed, deleted and restored (behaviour.md 4).

use super::wanted::flag;
use super::{Answer, Call, ManageError, tree};
use crate::http::envelope;
use crate::ingest::Refused;
use crate::limits::{PAGE_MAX, QUARANTINE_LOOK_MAX, REPLAY_ENTRIES_MAX};
use crate::manage::audit::Action;
use crate::manage::walk::{Bounds, walk};
use crate::replays;
use axum::response::Response;
use muster_core::decide::{Discard, Restore, Restored};
use muster_core::decision::Mode;
use muster_core::id::{QuarantineNo, RequestId, RequestNo};
use muster_core::limits::RESTORE_MS;
use muster_core::record::QuarantinedElement;
use muster_core::time::{Date, Timestamp};
use muster_store::engine::{EngineError, apply};
use muster_store::reader::Reader;
use muster_wire::data::failure::Failure;
use muster_wire::manage::page::{page, render};
use muster_wire::manage::problem::Problem;
use muster_wire::manage::{body, quarantine};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

fn unknown() -> Problem {
    Problem::new(404, "no such entry in the quarantine")
}

/// `GET .../quarantine?request_id=&type=&replayed=&deleted=`: newest first; with `deleted` those that were deleted and can be
/// restored, the last deleted first. A filter looks through a bounded number of entries, so a
/// page may be short, or empty, and have a next.
pub(crate) async fn list(call: Call) -> Answer {
    let entry = call.entry()?;
    let limit = call.limit()?;
    let below = call.cursor(QuarantineNo::parse)?;
    let replayed = match call.parameter("replayed") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Problem::new(400, "replayed must be true or false").into()),
    };
    let unknown = || Problem::new(400, "request_id must be the id of a request");
    let request = call.parameter("request_id").map(|id| RequestId::parse(id).ok_or_else(unknown)).transpose()?;
    let kind = call.parameter("type").map(str::to_owned);
    let is_deleted = call.parameter("deleted").map(|text| flag("deleted", text)).transpose()?.unwrap_or(false);
    let deleted_after = is_deleted.then(|| Timestamp(call.app.now().0 - RESTORE_MS));
    let find = move |reader: &mut dyn Reader| {
        let fits = |entry: &QuarantinedElement| {
            replayed.is_none_or(|replayed| entry.replayed_as.is_some() == replayed)
                && kind.as_ref().is_none_or(|kind| quarantine::types(entry).any(|name| name == kind))
                && request.is_none_or(|request| entry.request == request.no())
        };
        if let Some(after) = deleted_after {
            // One page: there are no more than were deleted within a minute.
            let mut deleted = reader.deleted(after, limit)?.items;
            deleted.retain(fits);
            return Ok((deleted, None));
        }
        if let Some(request) = request {
            return of_request(reader, request.no(), below, limit);
        }
        let bounds = Bounds { below, limit, look_max: QUARANTINE_LOOK_MAX };
        walk(bounds, |below| reader.quarantine(below, limit), |entry| entry.no, fits)
    };
    let shown = call.answer(entry.id(), find, |(found, next)| {
        let items = found.iter().map(quarantine::json).collect();
        tree(200, &page(items, next.map(|no| no.to_string()).as_deref()))
    });
    Ok(Call::about(&entry, shown.await?))
}

/// The entries that one request made, the newest first: found by halving, since entries have their numbers in the order of
/// their requests.
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

/// Those of them that come next below a place that one of them, or the first, is below.
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

async fn found(call: &Call, of: &muster_core::id::WorkspaceId) -> Result<QuarantinedElement, ManageError> {
    let no = QuarantineNo::parse(call.part(1)).ok_or_else(unknown)?;
    Ok(call.read(of, move |reader| reader.quarantined(no)).await?.ok_or_else(unknown)?)
}

/// `GET .../quarantine/{id}`.
pub(crate) async fn show(call: Call) -> Answer {
    let entry = call.entry()?;
    let found = found(&call, entry.id()).await?;
    Ok(Call::about(&entry, tree(200, &quarantine::json(&found))))
}

/// `DELETE .../quarantine/{id}`: the entry is hidden at once, can be restored for a minute, and is removed after it.
pub(crate) async fn discard(call: Call) -> Answer {
    let entry = call.entry()?;
    let no = QuarantineNo::parse(call.part(1)).ok_or_else(unknown)?;
    if !apply(&*call.app.engine, entry.id(), Discard { entry: no }, Mode::Commit).await? {
        return Err(unknown().into());
    }
    entry.lane.has_deleted.store(true, Ordering::Release);
    call.audit(Action::QuarantineDiscarded, Some(entry.id()), &no.to_string(), json!({})).await;
    Ok(Call::about(&entry, super::nothing()))
}

/// `POST .../quarantine/{id}/restore`: an entry that was deleted less than a minute ago, as it was.
pub(crate) async fn restore(call: Call) -> Answer {
    let entry = call.entry()?;
    body::only_known(&body::object(&call.body)?, "", &[])?;
    let too_late = || Problem::new(404, "no such entry in the quarantine, or it was deleted more than a minute ago");
    let no = QuarantineNo::parse(call.part(1)).ok_or_else(too_late)?;
    match apply(&*call.app.engine, entry.id(), Restore { entry: no }, Mode::Commit).await? {
        Restored::Done => {}
        Restored::Unknown => return Err(too_late().into()),
        Restored::NotDeleted => return Err(Problem::new(409, "this entry was not deleted").into()),
    }
    call.audit(Action::QuarantineRestored, Some(entry.id()), &no.to_string(), json!({})).await;
    Ok(Call::about(&entry, super::nothing()))
}

/// `POST .../quarantine/{id}/replay?dry_run=` `{"element"?: {...}}`: the entry as it is, or corrected; a dry run says what
/// would become of it and stores nothing.
pub(crate) async fn replay(call: Call) -> Answer {
    let entry = call.entry()?;
    let members = body::object(&call.body)?;
    body::only_known(&members, "", &["element"])?;
    let kept = found(&call, entry.id()).await?;
    let element = match members.get("element") {
        None => kept.element.into_vec(),
        Some(element @ Json::Object(_)) => corrected(&call.body, element),
        Some(_) => return Err(Problem::at("/element", "must be an object: the element as it should have been").into()),
    };
    let dry = call.is_true("dry_run");
    match replays::replay(&call.app, &entry, (kept.no, dry), &element).await {
        Ok((applied, recorded)) => {
            if !dry {
                let detail = json!({
                    "request_id": RequestId::from_no(applied.request).to_string(),
                    "applied": applied.changed_anything(),
                    "corrected": members.contains_key("element"),
                });
                call.audit(Action::QuarantineReplayed, Some(entry.id()), &kept.no.to_string(), detail).await;
            }
            Ok(Call::about(&entry, envelope::json(recorded.status, recorded.body.to_vec())))
        }
        Err(refused) => refusal(refused),
    }
}

/// The corrected element as it was sent, so that numbers and doubled members stay what they are.
fn corrected(body: &[u8], parsed: &Json) -> Vec<u8> {
    let sent: Option<BTreeMap<String, Box<RawValue>>> = serde_json::from_slice(body).ok();
    let element = sent.as_ref().and_then(|sent| sent.get("element"));
    element.map_or_else(|| render(parsed), |element| element.get().into())
}

fn refusal(refused: Refused) -> Answer {
    let problem = match refused {
        Refused::NoSuchEntry => unknown(),
        Refused::AlreadyReplayed(request) => {
            Problem::new(409, format!("this entry was replayed by request {}", RequestId::from_no(request)))
        }
        Refused::Wait(_, seconds) => {
            return Ok(retry(&Problem::new(429, "the budget of a minute is spent; try again later"), seconds));
        }
        Refused::Never(..) => Problem::new(413, "the element costs more than the whole budget of a minute"),
        Refused::Engine(error) => return Err(error.into()),
        Refused::Failure(Failure::Suspended) => Problem::new(403, "the workspace is suspended"),
        Refused::Failure(Failure::TooLarge { limit_bytes }) => {
            Problem::new(413, format!("the element is longer than a body may be: {limit_bytes} bytes"))
        }
        Refused::Failure(_) | Refused::Faults(..) => {
            Problem::at("/element", "cannot be read as an element; it must be JSON as the bulk import takes it")
        }
    };
    Err(problem.into())
}

fn retry(problem: &Problem, seconds: u32) -> Response {
    let mut response = super::problem(problem);
    response.headers_mut().insert(axum::http::header::RETRY_AFTER, seconds.into());
    response
}

/// What a replay of many takes.
struct Wanted {
    kind: Option<String>,
    since: Option<Timestamp>,
    ids: Option<Vec<QuarantineNo>>,
}

/// `POST .../quarantine/replay` `{"type"?, "since"?, "ids"?}`: all that were not replayed yet and fit, the oldest first.
pub(crate) async fn replay_many(call: Call) -> Answer {
    let entry = call.entry()?;
    let members = body::object(&call.body)?;
    let wanted = wanted(&members)?;
    let entries = call.read(entry.id(), move |reader| selected(reader, &wanted)).await?;
    let mut detail = json!({"entries": entries.len(), "type": members.get("type"), "since": members.get("since")});
    if let Some(ids) = members.get("ids").and_then(Json::as_array) {
        detail["ids"] = json!(ids.len());
    }
    let Some(job) = replays::start(&call.app, entry.id(), entries) else {
        return Err(Problem::new(503, "too many bulk replays are running; retry when one has finished").into());
    };
    call.audit(Action::ReplayStarted, Some(entry.id()), &job.to_string(), detail).await;
    Ok(Call::about(&entry, tree(202, &json!({"job_id": job.to_string()}))))
}

fn wanted(members: &Map<String, Json>) -> Result<Wanted, Problem> {
    body::only_known(members, "", &["type", "since", "ids"])?;
    let kind = members.get("type").map(|value| body::text(value, "/type").map(str::to_owned)).transpose()?;
    let since = members.get("since").map(|value| {
        let date = Date::parse(body::text(value, "/since")?);
        date.map(|date| date.instant(0)).ok_or_else(|| Problem::at("/since", "must be an instant as ISO 8601"))
    });
    let ids = members.get("ids").map(|value| {
        let wrong = || Problem::at("/ids", format!("must be a list of at most {REPLAY_ENTRIES_MAX} quarantine ids"));
        let list = value.as_array().filter(|list| list.len() <= REPLAY_ENTRIES_MAX).ok_or_else(wrong)?;
        list.iter().map(|id| id.as_str().and_then(QuarantineNo::parse).ok_or_else(wrong)).collect()
    });
    Ok(Wanted { kind, since: since.transpose()?, ids: ids.transpose()? })
}

/// The entries that a replay of many takes, the oldest first.
fn selected(reader: &mut dyn Reader, wanted: &Wanted) -> Result<Vec<QuarantineNo>, EngineError> {
    let fits = |entry: &QuarantinedElement| {
        entry.replayed_as.is_none()
            && wanted.since.is_none_or(|since| entry.at >= since)
            && wanted.kind.as_ref().is_none_or(|kind| quarantine::types(entry).any(|name| name == kind))
    };
    let mut entries = Vec::new();
    if let Some(ids) = &wanted.ids {
        for no in ids {
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
    // Of the oldest so many; the next call takes the next.
    entries.truncate(REPLAY_ENTRIES_MAX);
    Ok(entries)
}

/// `GET .../jobs/{id}`: how far a replay of many is.
pub(crate) async fn job(call: Call) -> Answer {
    let entry = call.entry()?;
    let found = call.part(1).parse().ok().and_then(|id| call.app.replays.get(entry.id(), id));
    let job = found.ok_or_else(|| Problem::new(404, "no such job; a restart of the server forgets them"))?;
    let answer = json!({
        "id": job.id.to_string(),
        "state": job.state.name(),
        "done": job.done,
        "total": job.total,
        "applied": job.applied,
        "rejected": job.rejected,
    });
    Ok(Call::about(&entry, tree(200, &answer)))
}
