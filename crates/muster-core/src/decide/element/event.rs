//! An event element: its actions are judged first; if none is accepted, nothing is resolved, merged, bound or touched.

use super::super::resolve::resolve;
use super::super::work::{Known, Missing, Work};
use super::super::write::{self, Place};
use super::{Context, End, Met, Notes, meet, set_aside};
use crate::change::Put;
use crate::command::{Action, Event};
use crate::id::ProfileNo;
use crate::outcome::{ActionOutcome, ActionResult, Outcome};
use crate::planted;
use crate::reason::{Fault, Reason};
use crate::record::{self, ChangeKind, EventId};
use crate::time::Timestamp;
use crate::warning::Code;
use std::collections::HashSet;
use std::sync::Arc;

/// Applies it.
pub(super) fn apply(work: &mut Work<'_>, context: &Context<'_>, event: &Event, notes: &mut Notes) -> Known<End> {
    let accepted = judge(work, context, event, &mut notes.actions)?;
    if accepted.is_empty() {
        let errors: Vec<Fault> = notes.actions.iter().flat_map(|r| r.errors.iter().cloned()).collect();
        return Ok(if errors.is_empty() { End::Nothing(Outcome::Duplicate) } else { End::Rejected(errors) });
    }
    let resolved = resolve(work, &event.keys, false, notes)?;
    let times = || accepted.iter().map(|action| time_of(action, work.receipt));
    let latest = times().max().unwrap_or(work.receipt).min(work.now);
    let (outcome, Met { root, record, merged }) = if resolved.roots.is_empty() {
        if event.update_existing_only {
            let skipped = notes.actions.iter_mut().filter(|r| r.outcome == ActionOutcome::Accepted);
            skipped.for_each(|r| r.outcome = ActionOutcome::Skipped);
            return Ok(End::Nothing(Outcome::Skipped));
        }
        let earliest = times().min().unwrap_or(work.receipt).min(work.receipt);
        let no = write::create(work, earliest, latest);
        let place = Place { record: no, root: no, seq: work.next_seq() };
        for (given, _) in &resolved.kept {
            write::bind(work, place, &given.key)?;
            notes.bound(&given.key.kind, false);
        }
        write::noted(work, place, ChangeKind::User)?;
        (Outcome::Created, Met { root: no, record: no, merged: Vec::new() })
    } else {
        for (given, _) in resolved.kept.iter().filter(|(_, bound)| bound.is_none()) {
            notes.warnings.add(Code::KeyNotBound, given.key.kind.name(), || given.pointer.to_string());
        }
        let met = meet(work, context, &resolved, notes)?;
        (met.outcome(), met)
    };
    set_aside(work, context, &resolved, root);
    let record = if planted::EVENT_ON_ROOT.is_planted() { root } else { record };
    store(work, context, (root, record), (event, &accepted))?;
    write::seen(work, Place { record, root, seq: 0 }, latest)?;
    Ok(End::Applied { outcome, root, merged })
}

fn time_of(action: &Action, receipt: Timestamp) -> Timestamp {
    action.time.unwrap_or(receipt)
}

/// Judges each action; the accepted ones in order.
fn judge<'e>(
    work: &mut Work<'_>,
    context: &Context<'_>,
    event: &'e Event,
    results: &mut Vec<ActionResult>,
) -> Known<Vec<&'e Arc<Action>>> {
    let (mut accepted, mut ids): (Vec<&Arc<Action>>, HashSet<&str>) = (Vec::new(), HashSet::new());
    let mut missing = false;
    for action in &event.actions {
        let (outcome, errors) = match action {
            Err(faults) => (ActionOutcome::Rejected, faults.clone()),
            Ok(action) if time_of(action, work.receipt).0 > work.now.0 + context.import.settings.future_skew_ms => (
                ActionOutcome::Rejected,
                vec![Fault::new(Reason::FutureDate, action.pointer.clone(), Some("current_time"))],
            ),
            Ok(action) => match known(work, context, action, &ids) {
                Ok(true) => (ActionOutcome::Duplicate, Vec::new()),
                Ok(false) => {
                    accepted.push(action);
                    ids.extend(action.event_id.as_deref());
                    (ActionOutcome::Accepted, Vec::new())
                }
                Err(Missing) => {
                    missing = true;
                    continue;
                }
            },
        };
        results.push(ActionResult { outcome, errors });
    }
    if missing { Err(Missing) } else { Ok(accepted) }
}

/// Whether the action's event id was seen: in the workspace within the retention, or earlier in this element.
fn known(work: &mut Work<'_>, context: &Context<'_>, action: &Action, ids: &HashSet<&str>) -> Known<bool> {
    let Some(id) = &action.event_id else { return Ok(false) };
    if ids.contains(&**id) {
        return Ok(true);
    }
    let Some(seen) = work.event_ids.get(id) else {
        work.needs.event_ids.push(id.clone());
        return Err(Missing);
    };
    let retention = context.import.settings.event_id_retention_ms;
    let seen = seen.is_some_and(|seen| retention == 0 || work.now.0 - seen.at.0 <= retention);
    if seen && planted::DUPLICATE_COUNTED.is_planted() {
        work.counters.events += 1;
    }
    Ok(seen)
}

/// Stores the accepted actions as events of the record.
fn store(
    work: &mut Work<'_>,
    context: &Context<'_>,
    (root, record): (ProfileNo, ProfileNo),
    (event, accepted): (&Event, &[&Arc<Action>]),
) -> Known<()> {
    for action in accepted {
        let seq = work.next_seq();
        if let Some(id) = &action.event_id {
            work.event_ids.set(id.clone(), Some(EventId { id: id.clone(), at: work.now, seq }));
        }
        let time = time_of(action, work.receipt);
        work.appended.push(Put::Event(record::Event {
            seq,
            profile: record,
            time,
            user_time: action.user_time.unwrap_or(time.0 + i64::from(action.offset_seconds) * 1_000),
            received_at: work.now,
            request: context.request,
            origin: context.import.origin.clone(),
            device_id: event.device_id.clone(),
            action: Arc::clone(action),
        }));
    }
    let stored = accepted.len() as u64;
    work.counters.events += stored;
    work.counters.events_accepted += stored;
    work.standing_mut(record)?.events += stored;
    work.standing_mut(root)?.tree.events += stored;
    Ok(())
}
