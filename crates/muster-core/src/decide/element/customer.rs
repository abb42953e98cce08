//! A customer element: creates or updates a user; it alone binds new keys to profiles that exist.

use crate::decide::arrays::Shown;
use crate::decide::join::{Causing, join_member};
use crate::decide::names::Named;
use crate::decide::notes::{Context, End, Notes};
use crate::decide::resolve::{Resolved, resolve};
use crate::decide::target::{Target, causing, set_aside, target_of};
use crate::decide::work::{Known, Missing, Work};
use crate::decide::write;
use crate::decide::write_target::Place;

use crate::array::Log;
use crate::attribute::{CUSTOMER_ID, EMAIL};
use crate::command::{ArrayOperation, Customer, GivenKey, Unset};
use crate::id::ProfileNo;
use crate::kinds::Choice;
use crate::outcome::Outcome;
use crate::reason::{Fault, Reason};
use crate::record::ChangeKind;
use crate::value::Value;
use crate::warning::{Code, Warnings};

/// Applies it.
pub(super) fn apply(work: &mut Work<'_>, context: &Context<'_>, customer: &Customer, notes: &mut Notes) -> Known<End> {
    let resolved = resolve(work, &customer.keys, true, notes)?;
    if let Some(fault) = conflicting_id(work, &resolved)? {
        return Ok(End::Rejected(vec![fault]));
    }
    let (outcome, Target { root, record, merged }, is_new) = if resolved.roots.is_empty() {
        if customer.update_existing_only {
            return Ok(End::Nothing(Outcome::Skipped));
        }
        let no = create(work, customer);
        (Outcome::Created, Target { root: no, record: no, merged: Vec::new() }, true)
    } else {
        let causing = causing(context, &resolved, writes_email(customer, &resolved));
        let mut target = target_of(work, &resolved, &causing, notes)?;
        let is_new = add_member(work, customer, &resolved, (&mut target, &causing), notes)?;
        (target.outcome(), target, is_new)
    };
    set_aside(work, context, &resolved, root);
    let place = Place { record, root, seq: work.next_seq() };
    let Some(bound) = keys(work, place, &resolved, notes)? else {
        let uid = pointer(context, "/attributes/uid");
        return Ok(End::Rejected(vec![Fault::new(Reason::ProfileTooLarge, uid, Some("uid"))]));
    };
    let mut changed = bound | is_new;
    if outcome == Outcome::Created {
        create_only(work, place, customer)?;
    }
    if !is_new {
        for (name, pointer) in &customer.create_only_names {
            notes.warnings.add(Code::CreateOnlyIgnored, name, || pointer.to_string());
        }
        write::seen(work, place, work.receipt)?;
    }
    let too_large = match values(work, place, customer, &mut notes.warnings)? {
        None => true,
        Some(more) => {
            changed |= more;
            changed && write::too_large(work, place)?
        }
    };
    if too_large {
        let pointer = pointer(context, "/attributes");
        return Ok(End::Rejected(vec![Fault::new(Reason::ProfileTooLarge, pointer, Some("attributes"))]));
    }
    if changed {
        write::noted(work, place, ChangeKind::User)?;
    }
    Ok(End::Applied { outcome, root, merged })
}

/// A profile with what the element says of when it was seen.
fn create(work: &mut Work<'_>, customer: &Customer) -> ProfileNo {
    let seen = |at: Option<_>| at.unwrap_or(work.receipt).min(work.now);
    let (first, last) = (seen(customer.seen.first), seen(customer.seen.last));
    write::create(work, first, last)
}

/// What is written only while a profile is created.
fn create_only(work: &mut Work<'_>, place: Place, customer: &Customer) -> Known<()> {
    for (name, value) in &customer.create_only {
        write::attribute(work, place, name, Some(value.clone()))?;
    }
    Ok(())
}

/// A `customer_id` that nobody has, beside identifiers of a profile that has one: a member is created for it and joined, and
/// the element is recorded under that member (behaviour.md 3.2.h). Answers whether one was.
fn add_member(
    work: &mut Work<'_>,
    customer: &Customer,
    resolved: &Resolved<'_>,
    (target, causing): (&mut Target, &Causing),
    notes: &mut Notes,
) -> Known<bool> {
    let Some(given) = resolved.unbound_id() else { return Ok(false) };
    if !work.has_customer_id(target.root)? {
        return Ok(false);
    }
    if work.lacks(&[target.root]) {
        return Err(Missing);
    }
    let no = create(work, customer);
    let place = Place { record: no, root: no, seq: work.next_seq() };
    // Before it is joined, so that what the profile shows of it stays and only gaps are filled.
    create_only(work, place, customer)?;
    write::bind(work, place, &given.key)?;
    write::noted(work, place, ChangeKind::User)?;
    target.merged.push(join_member(work, target.root, no, causing)?);
    target.record = no;
    notes.because.rule.get_or_insert(Choice::NewId);
    Ok(true)
}

/// Whether the element writes an e-mail address, as an identifier or as a plain attribute.
fn writes_email(customer: &Customer, resolved: &Resolved<'_>) -> bool {
    let is_key = |(given, _): &(&GivenKey, _)| given.key.kind.name() == EMAIL;
    resolved.kept.iter().any(is_key) || customer.sets.iter().any(|(name, _)| **name == *EMAIL)
}

/// While identity resolution is off a `uid` of another profile is a conflict: nothing merges (behaviour.md 3.2.i).
fn conflicting_id(work: &mut Work<'_>, resolved: &Resolved<'_>) -> Known<Option<Fault>> {
    let Some((given, Some(id))) = resolved.kept.iter().find(|(given, _)| given.is_new_id) else { return Ok(None) };
    let is_same = resolved.roots.len() == 1 && resolved.unbound_id().is_none();
    if work.identity.enabled || is_same && work.root_of(*id)? == resolved.roots[0] {
        return Ok(None);
    }
    Ok(Some(Fault::new(Reason::ConflictingIdentifier, given.pointer.to_string(), Some("uid"))))
}

/// A pointer to a member of the element.
fn pointer(context: &Context<'_>, member: &str) -> String {
    match context.import.route {
        crate::kinds::Route::Transition => format!("/elements/{}{member}", context.index),
        _ => member.to_owned(),
    }
}

/// Unbound keys bind to the record, and what changes an id to the record of that id; of the bound ones, those that stood
/// among the attributes are written in the record of the id that they are bound to. None if a record would hold more ids than
/// it may.
fn keys(work: &mut Work<'_>, place: Place, resolved: &Resolved<'_>, notes: &mut Notes) -> Known<Option<bool>> {
    let (mut changed, mut of_id) = (false, place.record);
    for (given, bound) in &resolved.kept {
        let kind = &given.key.kind;
        let bound = match bound {
            // A member was created for it.
            None => work.binding(&given.key)?,
            bound => *bound,
        };
        let is_id = kind.name() == CUSTOMER_ID;
        match bound {
            None if given.is_new_id => {
                if write::is_full_of_ids(work, of_id)? {
                    return Ok(None);
                }
                write::bind(work, place.of(of_id), &given.key)?;
                notes.bound(kind, false);
                changed = true;
            }
            Some(id) if is_id && resolved.unbound_id() == Some(*given) => {
                // Shown since it is the newer one, unless the element says what it is changed to.
                if !resolved.kept.iter().any(|(other, _)| other.is_new_id && other != given) {
                    write::attribute(work, place.of(id), kind.name(), Some(Value::text(&given.key.value)))?;
                }
                notes.bound(kind, false);
                changed = true;
            }
            None => {
                let replaced = write::bind(work, place, &given.key)?;
                if replaced {
                    notes.warnings.add(Code::IdentifierReplaced, kind.name(), || given.pointer.to_string());
                }
                notes.bound(kind, replaced);
                changed = true;
            }
            Some(id) if given.written => {
                changed |= write::attribute(work, place.of(id), kind.name(), Some(Value::text(&given.key.value)))?;
            }
            Some(id) if is_id && !given.is_new_id => of_id = id,
            Some(_) => {}
        }
    }
    Ok(Some(changed))
}

/// Values are set, then unset (behaviour.md 2). None if more is unset than an own record can hold.
fn values(work: &mut Work<'_>, place: Place, customer: &Customer, warnings: &mut Warnings) -> Known<Option<bool>> {
    let mut changed = false;
    for (name, value) in &customer.sets {
        changed |= write::attribute(work, place, name, Some(value.clone()))?;
    }
    for operation in &customer.arrays {
        changed |= operate(work, place, operation, warnings)?;
    }
    for (platform, active) in &customer.platforms {
        changed |= write::platform(work, place, *platform, *active)?;
    }
    Ok(unsets(work, place, &customer.unsets, warnings)?.map(|unset| unset | changed))
}

/// An array operator works on what the live profile shows; the result is a write (behaviour.md 2).
fn operate(work: &mut Work<'_>, place: Place, operation: &ArrayOperation, warnings: &mut Warnings) -> Known<bool> {
    let log = match work.array(place, &operation.name)? {
        Shown::Nothing if !operation.add => return Ok(false),
        Shown::Nothing => work.begin_array(place, &operation.name, Log::new(&[])),
        Shown::Array(log) => log,
        Shown::Other => {
            warnings.add(Code::NotAnArray, &operation.name, || operation.pointer.to_string());
            return Ok(false);
        }
    };
    for _ in 0..work.operate(log, operation) {
        warnings.add(Code::ArrayMixed, &operation.name, || operation.pointer.to_string());
    }
    // Written also where nothing changed: the array may be shown from another record, and this one shall keep it.
    write::array(work, place, &operation.name, log)
}

/// Unsets: plain attributes by any rule, identifiers by their whole name alone, the kind of lowest rank first. None if that
/// is more than an own record can hold.
fn unsets(work: &mut Work<'_>, place: Place, unsets: &[Unset], warnings: &mut Warnings) -> Known<Option<bool>> {
    if unsets.is_empty() {
        return Ok(Some(false));
    }
    let Named::Names(mut named) = work.named(place, unsets)? else { return Ok(None) };
    let rank = |name: &str| work.identity.kinds.iter().position(|k| k.kind.name() == name);
    named.sort_by_key(|(name, _)| std::cmp::Reverse(rank(name)));
    let mut changed = false;
    for (name, unset) in &named {
        let kind = work.identity.active_kind(name).map(|k| k.kind.clone());
        let released = kind.map_or(Ok(None), |kind| write::unset_kind(work, place, &kind))?;
        match released {
            Some(true) => changed = true,
            Some(false) => warnings.add(Code::LastIdentifierKept, name, || unset.pointer.to_string()),
            None => changed |= write::attribute(work, place, name, None)?,
        }
    }
    Ok(Some(changed))
}
