//! Event element: its actions are checked first; if none is accepted, nothing is resolved, merged, bound or written.

use crate::decide::decision_state::{DecisionState, Known, Missing};
use crate::decide::notes::{Context, End, Notes};
use crate::decide::resolve::resolve;
use crate::decide::target::{ElementTarget, choose_target, merge_cause, withhold_identifiers};
use crate::decide::write;
use crate::decide::write_target::WriteTarget;

use crate::change::{RowChange, StoredRow};
use crate::command::{Action, EventElement};
use crate::id::ProfileNo;
use crate::outcome::{ActionOutcome, ActionResult, Outcome};
use crate::reason::{Fault, Faults, Reason};
use crate::record::{self, ChangeKind, EventId};
use crate::settings::ActivationPhase;
use crate::time::Timestamp;
use crate::warning::{Code, Warnings};
use std::collections::HashMap;
use std::sync::Arc;

pub(super) fn apply(
    state: &mut DecisionState<'_>,
    context: &Context<'_>,
    event: &EventElement,
    notes: &mut Notes,
) -> Known<End> {
    let (accepted, repeated) = check_actions(state, context, event, &mut notes.actions)?;
    warn_of_reuse(state, event, &repeated, &mut notes.warnings)?;
    if accepted.is_empty() {
        let errors: Faults = notes.actions.iter().flat_map(|r| r.errors.iter().cloned()).collect();
        return Ok(if errors.is_empty() { End::Nothing(Outcome::Duplicate) } else { End::Rejected(errors) });
    }
    let resolved = resolve(state, &event.identifiers, false, notes)?;
    let times = || accepted.iter().map(|action| time_of(action, state.receipt));
    let latest = times().max().unwrap_or(state.receipt).min(state.now);
    let earliest = times().min().unwrap_or(state.receipt);
    let (outcome, ElementTarget { root, record, merged }) = if resolved.roots.is_empty() {
        if event.update_existing_only {
            let skipped = notes.actions.iter_mut().filter(|r| r.outcome == ActionOutcome::Accepted);
            skipped.for_each(|r| r.outcome = ActionOutcome::Skipped);
            return Ok(End::Nothing(Outcome::Skipped));
        }
        let earliest = earliest.min(state.receipt);
        let no = write::create(state, earliest, latest);
        let place = WriteTarget { record: no, root: no, seq: state.next_seq() };
        for (given, _) in &resolved.kept {
            write::bind(state, place, &given.identifier)?;
            notes.bound(&given.identifier.kind, false);
        }
        write::append_change(state, place, ChangeKind::User)?;
        (Outcome::Created, ElementTarget { root: no, record: no, merged: Vec::new() })
    } else {
        for (given, _) in resolved.kept.iter().filter(|(_, bound)| bound.is_none()) {
            notes.warnings.add(Code::KeyNotBound, given.identifier.kind.name(), || given.pointer.to_string());
        }
        let target = choose_target(state, &resolved, &merge_cause(context, &resolved, false), notes)?;
        (target.outcome(), target)
    };
    withhold_identifiers(state, context, &resolved, root);
    store(state, context, (root, record), (event, &accepted))?;
    let place = WriteTarget { record, root, seq: 0 };
    write::update_first_seen(state, place, earliest)?;
    write::update_last_seen(state, place, latest)?;
    Ok(End::Applied { outcome, root, merged })
}

fn time_of(action: &Action, receipt: Timestamp) -> Timestamp {
    action.time.unwrap_or(receipt)
}

struct Repeated<'e> {
    action: &'e Action,
    name: Box<str>,
    /// Id that the first action is recorded under; None: this element.
    profile: Option<ProfileNo>,
}

/// Checks each action; returns the accepted ones and the duplicates, each in order.
fn check_actions<'e>(
    state: &mut DecisionState<'_>,
    context: &Context<'_>,
    event: &'e EventElement,
    results: &mut Vec<ActionResult>,
) -> Known<(Vec<&'e Arc<Action>>, Vec<Repeated<'e>>)> {
    let (mut accepted, mut ids): (Vec<&Arc<Action>>, HashMap<&str, &str>) = (Vec::new(), HashMap::new());
    let (mut repeated, mut missing) = (Vec::new(), false);
    for action in &event.actions {
        let (outcome, errors) = match action {
            Err(faults) => (ActionOutcome::Rejected, faults.clone()),
            Ok(action) if time_of(action, state.receipt).0 > state.now.0 + context.import.settings.future_skew_ms => (
                ActionOutcome::Rejected,
                Fault::new(Reason::FutureDate, action.pointer.clone(), Some("current_time")).into(),
            ),
            Ok(action) => match find_repeated(state, context, action, &ids) {
                Ok(Some(first)) => {
                    repeated.push(first);
                    (ActionOutcome::Duplicate, Faults::default())
                }
                Ok(None) => {
                    accepted.push(action);
                    ids.extend(action.event_id.as_deref().map(|id| (id, &*action.name)));
                    (ActionOutcome::Accepted, Faults::default())
                }
                Err(Missing) => {
                    missing = true;
                    continue;
                }
            },
        };
        results.push(ActionResult { outcome, errors });
    }
    if missing { Err(Missing) } else { Ok((accepted, repeated)) }
}

/// Returns the action that this one repeats: its event id was seen within the retention, or earlier in this element.
fn find_repeated<'e>(
    state: &mut DecisionState<'_>,
    context: &Context<'_>,
    action: &'e Action,
    ids: &HashMap<&str, &str>,
) -> Known<Option<Repeated<'e>>> {
    let Some(id) = &action.event_id else { return Ok(None) };
    if let Some(name) = ids.get(&**id) {
        return Ok(Some(Repeated { action, name: (*name).into(), profile: None }));
    }
    let Some(seen) = state.event_ids.get(id) else {
        state.needs.event_ids.push(id.clone());
        return Err(Missing);
    };
    let retention = context.import.settings.event_id_retention_ms;
    let now = state.now.0;
    let seen = seen.filter(|seen| retention == 0 || now - seen.at.0 <= retention);
    Ok(seen.map(|seen| Repeated { action, name: seen.name.clone(), profile: Some(seen.profile) }))
}

/// Warns of reused event ids (behaviour.md 1.4.h): a program that restarts its ids would lose events.
fn warn_of_reuse(
    state: &mut DecisionState<'_>,
    event: &EventElement,
    repeated: &[Repeated<'_>],
    warnings: &mut Warnings,
) -> Known<()> {
    if repeated.is_empty() {
        return Ok(());
    }
    let mut missing = state.needs_root_pointers(repeated.iter().filter_map(|first| first.profile));
    let (mut roots, mut is_unsettled) = (Vec::new(), false);
    for given in &event.identifiers {
        let bound = state.binding(&given.identifier);
        is_unsettled |=
            state.identity.activating_kind(ActivationPhase::Joining, given.identifier.kind.name()).is_some()
                && bound == Ok(None);
        match bound.and_then(|id| id.map(|id| state.root_of(id)).transpose()) {
            Ok(root) => roots.extend(root),
            Err(Missing) => missing = true,
        }
    }
    if missing {
        return Err(Missing);
    }
    for Repeated { action, name, profile } in repeated {
        let is_mine = |no: &ProfileNo| roots.iter().any(|root| state.belongs_to(*no, *root));
        // The holder of an activating value is not known before it is joined.
        let is_other_user = !is_unsettled && profile.as_ref().is_some_and(|no| !is_mine(no));
        if is_other_user || *name != action.name {
            warnings.add(Code::EventIdReused, "event_id", || format!("{}/event_id", action.pointer));
        }
    }
    Ok(())
}

fn store(
    state: &mut DecisionState<'_>,
    context: &Context<'_>,
    (root, record): (ProfileNo, ProfileNo),
    (event, accepted): (&EventElement, &[&Arc<Action>]),
) -> Known<()> {
    for action in accepted {
        let seq = state.next_seq();
        if let Some(id) = &action.event_id {
            let (id, name) = (id.clone(), action.name.clone());
            state.event_ids.set(id.clone(), Some(EventId { id, at: state.now, seq, profile: record, name }));
        }
        let time = time_of(action, state.receipt);
        state.appended.push(RowChange::Upsert(StoredRow::Event(record::Event {
            seq,
            profile: record,
            time,
            user_time: action.user_time.unwrap_or(time.0 + i64::from(action.offset_seconds) * 1_000),
            received_at: state.now,
            request: context.request,
            origin: context.import.origin.clone(),
            device_id: event.device_id.clone(),
            action: Arc::clone(action),
        })));
    }
    let stored = accepted.len() as u64;
    state.counters.events += stored;
    state.counters.events_accepted += stored;
    state.root_pointer_mut(record)?.events += stored;
    state.root_pointer_mut(root)?.tree.events += stored;
    Ok(())
}
