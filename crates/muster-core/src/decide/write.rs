//! Writes (behaviour.md 2, 3.1, 3.2): attributes and platforms of a member record and its view, bindings, totals.

use super::arrays::{HeldArray, is_placeholder, placeholder};
use super::decision_state::{DecisionState, Known};
use super::write_target::WriteTarget;
use crate::attribute::CUSTOMER_ID;
use crate::change::{RowChange, StoredRow};
use crate::id::ProfileNo;
use crate::identifier::{Identifier, IdentifierKind};
use crate::kinds::Platform;
use crate::limits::{
    CUSTOMER_IDS_MAX, FORMER_IDENTIFIERS_MAX, HISTORY_VALUE_BYTES_MAX, RECORD_ATTRIBUTES_MAX, RECORD_BYTES_MAX,
};
use crate::record::{
    Attributes, Change, ChangeKind, FormerIdentifier, MemberRecord, Replaced, RootPointer, Size, TreeTotals, View,
    Write,
};
use crate::time::Timestamp;
use crate::value::{Value, text_json_bytes};
use std::collections::BTreeMap;

pub(super) fn create(state: &mut DecisionState<'_>, first_seen: Timestamp, last_seen: Timestamp) -> ProfileNo {
    state.counters.profile += 1;
    state.counters.users += 1;
    let no = ProfileNo(state.counters.profile);
    let profile = MemberRecord {
        no,
        created: state.now,
        identifiers: Vec::new(),
        attributes: Attributes::default(),
        platforms: BTreeMap::new(),
        former: Vec::new(),
        history: Vec::new(),
    };
    let tree = TreeTotals { first_seen, last_seen, events: 0, devices: 0, members: 1 };
    let root_pointer = RootPointer {
        no,
        created: state.now,
        root: no,
        first_seen,
        last_seen,
        events: 0,
        devices: 0,
        tree,
        weight: 0,
        deletion: None,
    };
    state.records.set(no, Some(profile));
    state.root_pointers.set(no, Some(root_pointer));
    state.begin_kinds(no);
    no
}

/// Writes or unsets an attribute; returns whether that changed anything. An equal value is not written again, unless
/// the live profile has members, where the newest write is the current one.
pub(super) fn write_attribute(
    state: &mut DecisionState<'_>,
    place: WriteTarget,
    name: &str,
    value: Option<Value>,
) -> Known<bool> {
    let members = state.has_members(place.root)?;
    let size = Size::new(name, value.as_ref().map(Value::json_bytes));
    state.record(place.record)?;
    let stored = state.record_write(place.record, name);
    let same = match (stored.and_then(|write| write.value.as_ref()), state.arrays.held_array(place.record, name)) {
        (Some(stored), Some(held)) if is_placeholder(stored) => {
            held.size == size && state.arrays.is_value(held, value.as_ref())
        }
        (stored, _) => stored == value.as_ref(),
    };
    if same && !members {
        return Ok(false);
    }
    if members {
        set_current(state, place.root, name, value.clone())?;
    }
    put_write(state, place, name, (value, size), same)?;
    state.arrays.forget(place, name);
    Ok(true)
}

pub(super) fn write_array(state: &mut DecisionState<'_>, place: WriteTarget, name: &str, log: usize) -> Known<bool> {
    let now = state.current_array(name, log);
    let members = state.has_members(place.root)?;
    let same = state.holds_array(place.record, name, now)?;
    if same && !members {
        return Ok(false);
    }
    let value = now.map(|_| placeholder());
    if members {
        set_current(state, place.root, name, value.clone())?;
    }
    let size = now.map_or(Size::new(name, None), |now| now.size);
    put_write(state, place, name, (value, size), same)?;
    state.set_array(place, name, now);
    Ok(true)
}

fn set_current(state: &mut DecisionState<'_>, root: ProfileNo, name: &str, value: Option<Value>) -> Known<()> {
    let name: Box<str> = name.into();
    state.edit_view(root, |view| {
        let before = view.put(&name, value);
        move |view: &mut View| drop(view.put(&name, before))
    })
}

/// Puts a write of this size into a member record; a replaced value goes into the history, unless it is equal.
fn put_write(
    state: &mut DecisionState<'_>,
    place: WriteTarget,
    name: &str,
    (value, size): (Option<Value>, Size),
    same: bool,
) -> Known<()> {
    let stored = state.record_write(place.record, name);
    let held = state.arrays.held_array(place.record, name);
    let before = match (stored, held) {
        (Some(_), Some(held)) => held.size,
        (Some(write), None) => Size::new(name, write.value.as_ref().map(Value::json_bytes)),
        (None, _) => Size::default(),
    };
    if state.is_indexed(name) {
        let old = stored.and_then(|write| write.value.clone());
        state.reindex(place.record, name, old.as_ref(), value.as_ref());
    }
    let stored = state.record_write(place.record, name).filter(|_| !same);
    if let Some(old) = stored.map(|write| replaced_value(state, (name, write), before, held)) {
        state.replaced.push((place.record, old));
    }
    state.weight += difference(before.weight, size.weight);
    if !state.names.is_idle() {
        state.wrote.push((place.root, name.into()));
        let is_kind = state.is_kind(name);
        state.names.update(place, name, (before.set > 0, size.set > 0), is_kind);
    }
    let (name, write) = (Box::<str>::from(name), Write { seq: place.seq, value });
    state.edit_record(place.record, |profile| {
        let old = profile.attributes.put_sized(&name, Some(write), (before, size));
        move |profile: &mut MemberRecord| drop(profile.attributes.put_sized(&name, old, (size, before)))
    })
}

fn replaced_value(
    state: &DecisionState<'_>,
    (name, write): (&str, &Write<Value>),
    size: Size,
    held: Option<HeldArray>,
) -> Replaced {
    let is_kept = write.value.is_some() && size.bytes <= HISTORY_VALUE_BYTES_MAX + text_json_bytes(name);
    let value = || held.map_or_else(|| write.value.clone(), |held| state.arrays.value(held));
    let old = if is_kept { value() } else { None };
    Replaced { field: name.into(), omitted: old.is_none() && write.value.is_some(), old, since: write.seq }
}

pub(super) fn write_platform(
    state: &mut DecisionState<'_>,
    place: WriteTarget,
    platform: Platform,
    active: bool,
) -> Known<bool> {
    let members = state.has_members(place.root)?;
    let stored = state.record(place.record)?.platforms.get(&platform);
    if !members && stored.is_some_and(|write| write.value == Some(active)) {
        return Ok(false);
    }
    if members {
        state.edit_view(place.root, |view| {
            let before = view.platforms.get(&platform).copied();
            view.write_platform(platform, Some(active));
            move |view: &mut View| view.write_platform(platform, before)
        })?;
    }
    let write = Write { seq: place.seq, value: Some(active) };
    state.edit_record(place.record, |profile| {
        let before = profile.platforms.insert(platform, write);
        move |profile: &mut MemberRecord| match before {
            Some(before) => drop(profile.platforms.insert(platform, before)),
            None => drop(profile.platforms.remove(&platform)),
        }
    })?;
    Ok(true)
}

/// Binds an unbound identifier to the record and releases the record's value of that kind, except for `customer_id`,
/// which stays as an alias (behaviour.md 3.2.b, 3.2.i). Returns whether one was released.
pub(super) fn bind(state: &mut DecisionState<'_>, place: WriteTarget, identifier: &Identifier) -> Known<bool> {
    let replaced = identifier.kind.name() != CUSTOMER_ID && release(state, place.record, &identifier.kind)?;
    state.bindings.set(identifier.clone(), Some(place.record));
    add_identifier(state, place.record, identifier)?;
    write_attribute(state, place, identifier.kind.name(), Some(Value::text(&identifier.value)))?;
    Ok(replaced)
}

pub(super) fn is_full_of_ids(state: &mut DecisionState<'_>, record: ProfileNo) -> Known<bool> {
    let identifiers = &state.record(record)?.identifiers;
    Ok(identifiers.iter().filter(|identifier| identifier.kind.name() == CUSTOMER_ID).count() >= CUSTOMER_IDS_MAX)
}

pub(super) fn add_identifier(state: &mut DecisionState<'_>, record: ProfileNo, identifier: &Identifier) -> Known<()> {
    let root = state.root_of(record)?;
    state.add_kind(root, &identifier.kind);
    state.edit_record(record, |profile| {
        profile.identifiers.push(identifier.clone());
        |profile: &mut MemberRecord| drop(profile.identifiers.pop())
    })
}

/// Removes an identifier from a member record without making it a former one.
pub(super) fn remove_identifier(
    state: &mut DecisionState<'_>,
    record: ProfileNo,
    identifier: &Identifier,
) -> Known<()> {
    let root = state.root_of(record)?;
    state.forget_kinds(root);
    state.edit_record(record, |profile| {
        let before = profile.identifiers.clone();
        profile.identifiers.retain(|held| held != identifier);
        |profile: &mut MemberRecord| profile.identifiers = before
    })
}

/// Releases a member record's identifier of a kind; returns whether it had one.
fn release(state: &mut DecisionState<'_>, record: ProfileNo, kind: &IdentifierKind) -> Known<bool> {
    let now = state.now;
    let Some(identifier) = state.identifiers_of(record)?.into_iter().find(|identifier| identifier.kind == *kind) else {
        return Ok(false);
    };
    let root = state.root_of(record)?;
    state.forget_kinds(root);
    let bound = state.record(record)?.identifiers.iter().position(|held| *held == identifier);
    state.edit_record(record, |profile| {
        let before = (profile.identifiers.clone(), profile.former.clone());
        if let Some(at) = bound {
            profile.identifiers.swap_remove(at);
        }
        if profile.former.len() == FORMER_IDENTIFIERS_MAX {
            profile.former.remove(0);
        }
        profile.former.push(FormerIdentifier { identifier: identifier.clone(), until: now });
        move |profile: &mut MemberRecord| (profile.identifiers, profile.former) = before
    })?;
    if bound.is_some() {
        state.bindings.set(identifier, None);
    } else {
        state.holding.set((identifier, record), None);
    }
    Ok(true)
}

/// Releases a kind in the live profile; false if it is the last kind of identifier, None if it has no value.
pub(super) fn unset_kind(
    state: &mut DecisionState<'_>,
    place: WriteTarget,
    kind: &IdentifierKind,
) -> Known<Option<bool>> {
    let members = state.members(place.root)?;
    let (held, identity) = (state.identifiers_of_all(&members)?, state.identity);
    let holds = held.iter().any(|identifier| identifier.kind == *kind);
    let holds_others = held
        .iter()
        .any(|identifier| identifier.kind != *kind && identity.active_kind(identifier.kind.name()).is_some());
    if !holds {
        return Ok(None);
    }
    if !holds_others {
        return Ok(Some(false));
    }
    for member in members {
        while release(state, member, kind)? {}
        if state.record(member)?.attributes.contains_key(kind.name()) {
            write_attribute(state, place.for_record(member), kind.name(), None)?;
        }
    }
    write_attribute(state, place, kind.name(), None)?;
    Ok(Some(true))
}

/// Updates last seen of the record and of the live profile: the latest counts.
pub(super) fn update_last_seen(state: &mut DecisionState<'_>, place: WriteTarget, at: Timestamp) -> Known<()> {
    let at = at.min(state.now);
    for no in [place.record, place.root] {
        let root_pointer = state.root_pointer(no)?;
        let newer =
            root_pointer.last_seen < at && no == place.record || root_pointer.tree.last_seen < at && no == place.root;
        if newer {
            let root_pointer = state.root_pointer_mut(no)?;
            if no == place.record {
                root_pointer.last_seen = root_pointer.last_seen.max(at);
            }
            if no == place.root {
                root_pointer.tree.last_seen = root_pointer.tree.last_seen.max(at);
            }
        }
    }
    Ok(())
}

/// Updates first seen of the record and of the live profile: the earliest counts (behaviour.md 2.ad).
pub(super) fn update_first_seen(state: &mut DecisionState<'_>, place: WriteTarget, at: Timestamp) -> Known<()> {
    if at < state.root_pointer(place.record)?.first_seen {
        state.root_pointer_mut(place.record)?.first_seen = at;
    }
    if at < state.root_pointer(place.root)?.tree.first_seen {
        state.root_pointer_mut(place.root)?.tree.first_seen = at;
    }
    Ok(())
}

/// Appends a write to the change sequence, and the values that it replaced.
pub(super) fn append_change(state: &mut DecisionState<'_>, place: WriteTarget, kind: ChangeKind) -> Known<()> {
    let (at, request) = (state.now, state.request);
    let weight = std::mem::take(&mut state.weight);
    if weight != 0 {
        let root_pointer = state.root_pointer_mut(place.root)?;
        root_pointer.weight = root_pointer.weight.saturating_add_signed(weight);
    }
    state.appended.push(RowChange::Upsert(StoredRow::Change(Change {
        seq: place.seq,
        kind,
        profile: place.record,
        merge: 0,
        at,
        request,
    })));
    state.push_history(place.seq)
}

/// Whether a member record exceeds its limits (2,000 attributes, 1 MiB of names and JSON values, behaviour.md 2.l), or
/// its live profile exceeds its bound. In a live profile without members, unset names are removed first, so that they
/// do not accumulate.
pub(super) fn is_too_large(state: &mut DecisionState<'_>, place: WriteTarget) -> Known<bool> {
    let record = &state.record(place.record)?.attributes;
    let (len, size) = (record.len(), record.size());
    if len > RECORD_ATTRIBUTES_MAX {
        let left = if state.has_members(place.root)? { len } else { forget_unset(state, place.record)? };
        if size.set > RECORD_ATTRIBUTES_MAX || left > 2 * RECORD_ATTRIBUTES_MAX {
            return Ok(true);
        }
    }
    let weight = state.root_pointer(place.root)?.weight.saturating_add_signed(state.weight);
    Ok(size.bytes > RECORD_BYTES_MAX || state.weight > 0 && weight > state.profile_bytes_max)
}

fn difference(before: usize, after: usize) -> i64 {
    (after as u64).cast_signed() - (before as u64).cast_signed()
}

fn forget_unset(state: &mut DecisionState<'_>, record: ProfileNo) -> Known<usize> {
    let attributes = &state.record(record)?.attributes;
    let unset = attributes.iter().filter(|(_, write)| write.value.is_none());
    let unset: Vec<(Box<str>, Write<Value>)> = unset.map(|(name, write)| (name.clone(), write.clone())).collect();
    let (len, before) = (attributes.len(), attributes.size().weight);
    state.count_steps(len);
    let left = len - unset.len();
    state.edit_record(record, |profile| {
        unset.iter().for_each(|(name, _)| drop(profile.attributes.put(name, None)));
        move |profile: &mut MemberRecord| {
            unset.into_iter().for_each(|(name, write)| drop(profile.attributes.put(&name, Some(write))));
        }
    })?;
    state.weight += difference(before, state.record(record)?.attributes.size().weight);
    Ok(left)
}
