//! A customer element: creates or updates a user; it alone binds new keys to profiles that exist.

use super::super::arrays::Shown;
use super::super::names::Named;
use super::super::resolve::{Resolved, resolve};
use super::super::work::{Known, Work};
use super::super::write::{self, Place};
use super::{Context, End, Met, Notes, meet, set_aside};
use crate::array::Log;
use crate::command::{ArrayOperation, Customer, Unset};
use crate::outcome::Outcome;
use crate::reason::{Fault, Reason};
use crate::record::ChangeKind;
use crate::value::Value;
use crate::warning::{Code, Warnings};

/// Applies it.
pub(super) fn apply(work: &mut Work<'_>, context: &Context<'_>, customer: &Customer, notes: &mut Notes) -> Known<End> {
    let resolved = resolve(work, &customer.keys, true, notes)?;
    let (outcome, Met { root, record, merged }) = if resolved.roots.is_empty() {
        if customer.update_existing_only {
            return Ok(End::Nothing(Outcome::Skipped));
        }
        let seen = |at: Option<_>| at.unwrap_or(work.receipt).min(work.now);
        let (first, last) = (seen(customer.seen.first), seen(customer.seen.last));
        let no = write::create(work, first, last);
        (Outcome::Created, Met { root: no, record: no, merged: Vec::new() })
    } else {
        let met = meet(work, context, &resolved, notes)?;
        (met.outcome(), met)
    };
    set_aside(work, context, &resolved, root);
    let place = Place { record, root, seq: work.next_seq() };
    let created = outcome == Outcome::Created;
    let mut changed = keys(work, place, &resolved, notes)? | created;
    if created {
        for (name, value) in &customer.create_only {
            write::attribute(work, place, name, Some(value.clone()))?;
        }
    } else {
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

/// A pointer to a member of the element.
fn pointer(context: &Context<'_>, member: &str) -> String {
    match context.import.route {
        crate::command::Route::Transition => format!("/elements/{}{member}", context.index),
        _ => member.to_owned(),
    }
}

/// Unbound keys bind to the record; of the bound ones, those that stood among the attributes are written in the record
/// of the id that they are bound to.
fn keys(work: &mut Work<'_>, place: Place, resolved: &Resolved<'_>, notes: &mut Notes) -> Known<bool> {
    let mut changed = false;
    for (given, bound) in &resolved.kept {
        let kind = &given.key.kind;
        match bound {
            None => {
                let replaced = write::bind(work, place, &given.key)?;
                if replaced {
                    notes.warnings.add(Code::IdentifierReplaced, kind.name(), || given.pointer.to_string());
                }
                notes.bound(kind, replaced);
                changed = true;
            }
            Some(id) if given.written => {
                changed |= write::attribute(work, place.of(*id), kind.name(), Some(Value::text(&given.key.value)))?;
            }
            Some(_) => {}
        }
    }
    Ok(changed)
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
