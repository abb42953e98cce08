//! Customer element: creates or updates a user. Only these bind new identifiers to existing profiles.

use crate::decide::arrays::CurrentArray;
use crate::decide::decision_state::{DecisionState, Known, Missing};
use crate::decide::join::{Causing, join_member};
use crate::decide::names::MatchedNames;
use crate::decide::notes::{Context, End, Notes};
use crate::decide::resolve::{Resolved, resolve};
use crate::decide::target::{ElementTarget, choose_target, merge_cause, withhold_identifiers};
use crate::decide::write;
use crate::decide::write_target::WriteTarget;

use crate::array::ArrayLog;
use crate::attribute::{CUSTOMER_ID, EMAIL};
use crate::command::{ArrayOperation, CustomerElement, GivenIdentifier, Unset};
use crate::id::ProfileNo;
use crate::kinds::SurvivorChoice;
use crate::outcome::Outcome;
use crate::reason::{Fault, Reason};
use crate::record::ChangeKind;
use crate::value::Value;
use crate::warning::{Code, Warnings};

pub(super) fn apply(
    state: &mut DecisionState<'_>,
    context: &Context<'_>,
    customer: &CustomerElement,
    notes: &mut Notes,
) -> Known<End> {
    let resolved = resolve(state, &customer.identifiers, true, notes)?;
    if let Some(fault) = conflicting_id(state, &resolved)? {
        return Ok(End::Rejected(fault.into()));
    }
    let (outcome, ElementTarget { root, record, merged }, is_new) = if resolved.roots.is_empty() {
        if customer.update_existing_only {
            return Ok(End::Nothing(Outcome::Skipped));
        }
        let no = create(state, customer);
        (Outcome::Created, ElementTarget { root: no, record: no, merged: Vec::new() }, true)
    } else {
        let causing = merge_cause(context, &resolved, writes_email(customer, &resolved));
        let mut target = choose_target(state, &resolved, &causing, notes)?;
        let is_new = add_member(state, customer, &resolved, (&mut target, &causing), notes)?;
        (target.outcome(), target, is_new)
    };
    withhold_identifiers(state, context, &resolved, root);
    let place = WriteTarget { record, root, seq: state.next_seq() };
    let Some(bound) = bind_identifiers(state, place, &resolved, notes)? else {
        let uid = pointer(context, "/attributes/uid");
        return Ok(End::Rejected(Fault::new(Reason::ProfileTooLarge, uid, Some("uid")).into()));
    };
    let mut changed = bound | is_new;
    if outcome == Outcome::Created {
        create_only(state, place, customer)?;
    }
    if !is_new {
        for (name, pointer) in &customer.create_only_names {
            notes.warnings.add(Code::CreateOnlyIgnored, name, || pointer.to_string());
        }
        write::update_last_seen(state, place, state.receipt)?;
    }
    let too_large = match values(state, place, customer, &mut notes.warnings)? {
        None => true,
        Some(more) => {
            changed |= more;
            changed && write::is_too_large(state, place)?
        }
    };
    if too_large {
        let pointer = pointer(context, "/attributes");
        return Ok(End::Rejected(Fault::new(Reason::ProfileTooLarge, pointer, Some("attributes")).into()));
    }
    if changed {
        write::append_change(state, place, ChangeKind::User)?;
    }
    Ok(End::Applied { outcome, root, merged })
}

fn create(state: &mut DecisionState<'_>, customer: &CustomerElement) -> ProfileNo {
    let seen = |at: Option<_>| at.unwrap_or(state.receipt).min(state.now);
    let (first, last) = (seen(customer.seen.first), seen(customer.seen.last));
    write::create(state, first, last)
}

fn create_only(state: &mut DecisionState<'_>, place: WriteTarget, customer: &CustomerElement) -> Known<()> {
    for (name, value) in &customer.create_only {
        write::write_attribute(state, place, name, Some(value.clone()))?;
    }
    Ok(())
}

/// Creates and joins a member for an unbound `customer_id` if the profile has another one (behaviour.md 3.2.h); the
/// element is recorded under that member. Returns whether one was created.
fn add_member(
    state: &mut DecisionState<'_>,
    customer: &CustomerElement,
    resolved: &Resolved<'_>,
    (target, causing): (&mut ElementTarget, &Causing),
    notes: &mut Notes,
) -> Known<bool> {
    let Some(given) = resolved.unbound_id() else { return Ok(false) };
    if !state.has_customer_id(target.root)? {
        return Ok(false);
    }
    if state.needs_more_facts(&[target.root]) {
        return Err(Missing);
    }
    let no = create(state, customer);
    let place = WriteTarget { record: no, root: no, seq: state.next_seq() };
    // Before the join, so that current values are kept and only gaps are filled.
    create_only(state, place, customer)?;
    write::bind(state, place, &given.identifier)?;
    write::append_change(state, place, ChangeKind::User)?;
    target.merged.push(join_member(state, target.root, no, causing)?);
    target.record = no;
    notes.explanation.rule.get_or_insert(SurvivorChoice::NewId);
    Ok(true)
}

fn writes_email(customer: &CustomerElement, resolved: &Resolved<'_>) -> bool {
    let is_key = |(given, _): &(&GivenIdentifier, _)| given.identifier.kind.name() == EMAIL;
    resolved.kept.iter().any(is_key) || customer.sets.iter().any(|(name, _)| **name == *EMAIL)
}

/// While identity resolution is off, a `uid` of another profile is a conflict: nothing is merged (behaviour.md 3.2.i).
fn conflicting_id(state: &mut DecisionState<'_>, resolved: &Resolved<'_>) -> Known<Option<Fault>> {
    let Some((given, Some(id))) = resolved.kept.iter().find(|(given, _)| given.is_new_id) else { return Ok(None) };
    let is_same = resolved.roots.len() == 1 && resolved.unbound_id().is_none();
    if state.identity.enabled || is_same && state.root_of(*id)? == resolved.roots[0] {
        return Ok(None);
    }
    Ok(Some(Fault::new(Reason::ConflictingIdentifier, given.pointer.to_string(), Some("uid"))))
}

fn pointer(context: &Context<'_>, member: &str) -> String {
    match context.import.route {
        crate::kinds::Route::Transition => format!("/elements/{}{member}", context.index),
        _ => member.to_owned(),
    }
}

/// Binds unbound identifiers to the record, and a changed id to the record of that id; writes bound ones that were
/// given as attributes to the record that they are bound to. None if a record would hold too many ids.
fn bind_identifiers(
    state: &mut DecisionState<'_>,
    place: WriteTarget,
    resolved: &Resolved<'_>,
    notes: &mut Notes,
) -> Known<Option<bool>> {
    let (mut changed, mut of_id) = (false, place.record);
    for (given, bound) in &resolved.kept {
        let kind = &given.identifier.kind;
        let bound = match bound {
            // A member was created for it.
            None => state.binding(&given.identifier)?,
            bound => *bound,
        };
        let is_id = kind.name() == CUSTOMER_ID;
        match bound {
            None if given.is_new_id => {
                if write::is_full_of_ids(state, of_id)? {
                    return Ok(None);
                }
                write::bind(state, place.for_record(of_id), &given.identifier)?;
                notes.bound(kind, false);
                changed = true;
            }
            Some(id) if is_id && resolved.unbound_id() == Some(*given) => {
                // Current because it is newer, unless the element changes it, too.
                if !resolved.kept.iter().any(|(other, _)| other.is_new_id && other != given) {
                    write::write_attribute(
                        state,
                        place.for_record(id),
                        kind.name(),
                        Some(Value::text(&given.identifier.value)),
                    )?;
                }
                notes.bound(kind, false);
                changed = true;
            }
            None => {
                let replaced = write::bind(state, place, &given.identifier)?;
                if replaced {
                    notes.warnings.add(Code::IdentifierReplaced, kind.name(), || given.pointer.to_string());
                }
                notes.bound(kind, replaced);
                changed = true;
            }
            Some(id) if given.written => {
                changed |= write::write_attribute(
                    state,
                    place.for_record(id),
                    kind.name(),
                    Some(Value::text(&given.identifier.value)),
                )?;
            }
            Some(id) if is_id && !given.is_new_id => of_id = id,
            Some(_) => {}
        }
    }
    Ok(Some(changed))
}

/// Sets values, then unsets (behaviour.md 2). None if it unsets more than a member record can hold.
fn values(
    state: &mut DecisionState<'_>,
    place: WriteTarget,
    customer: &CustomerElement,
    warnings: &mut Warnings,
) -> Known<Option<bool>> {
    let mut changed = false;
    for (name, value) in &customer.sets {
        changed |= write::write_attribute(state, place, name, Some(value.clone()))?;
    }
    for operation in &customer.arrays {
        changed |= operate(state, place, operation, warnings)?;
    }
    for (platform, active) in &customer.platforms {
        changed |= write::write_platform(state, place, *platform, *active)?;
    }
    Ok(unsets(state, place, &customer.unsets, warnings)?.map(|unset| unset | changed))
}

fn operate(
    state: &mut DecisionState<'_>,
    place: WriteTarget,
    operation: &ArrayOperation,
    warnings: &mut Warnings,
) -> Known<bool> {
    let log = match state.open_array(place, &operation.name)? {
        CurrentArray::Nothing if !operation.add => return Ok(false),
        CurrentArray::Nothing => state.begin_array(place, &operation.name, ArrayLog::new(&[])),
        CurrentArray::Array(log) => log,
        CurrentArray::Other => {
            warnings.add(Code::NotAnArray, &operation.name, || operation.pointer.to_string());
            return Ok(false);
        }
    };
    for _ in 0..state.apply_operator(log, operation) {
        warnings.add(Code::ArrayMixed, &operation.name, || operation.pointer.to_string());
    }
    // Written even if nothing changed: the current array may come from another record, and this one must hold it.
    write::write_array(state, place, &operation.name, log)
}

/// Unsets attributes by any rule, identifiers by whole names, lowest rank first. None if a record cannot hold so much.
fn unsets(
    state: &mut DecisionState<'_>,
    place: WriteTarget,
    unsets: &[Unset],
    warnings: &mut Warnings,
) -> Known<Option<bool>> {
    if unsets.is_empty() {
        return Ok(Some(false));
    }
    let MatchedNames::Names(mut named) = state.match_unsets(place, unsets)? else { return Ok(None) };
    let rank = |name: &str| state.identity.kinds.iter().position(|k| k.kind.name() == name);
    named.sort_by_key(|(name, _)| std::cmp::Reverse(rank(name)));
    let mut changed = false;
    for (name, unset) in &named {
        let kind = state.identity.active_kind(name).map(|k| k.kind.clone());
        let released = kind.map_or(Ok(None), |kind| write::unset_kind(state, place, &kind))?;
        match released {
            Some(true) => changed = true,
            Some(false) => warnings.add(Code::LastIdentifierKept, name, || unset.pointer.to_string()),
            None => changed |= write::write_attribute(state, place, name, None)?,
        }
    }
    Ok(Some(changed))
}
