//! What is written where (behaviour.md 2, 3.1, 3.2): attributes and platforms in an own record and in the view of its
//! live profile, keys bound and released, figures.

use super::arrays::{Held, is_stand_in, stand_in};
use super::work::{Known, Work};
use super::write_target::Place;
use crate::attribute::CUSTOMER_ID;
use crate::change::{RowChange, StoredRow};
use crate::id::ProfileNo;
use crate::identifier::{Key, Kind};
use crate::kinds::Platform;
use crate::limits::{
    CUSTOMER_IDS_MAX, FORMER_IDENTIFIERS_MAX, HISTORY_VALUE_BYTES_MAX, RECORD_ATTRIBUTES_MAX, RECORD_BYTES_MAX,
};
use crate::record::{Attributes, Change, ChangeKind, Former, Profile, Replaced, Size, Standing, Tally, View, Write};
use crate::time::Timestamp;
use crate::value::{Value, text_json_bytes};
use std::collections::BTreeMap;

/// Makes a profile that nobody knew.
pub(super) fn create(work: &mut Work<'_>, first_seen: Timestamp, last_seen: Timestamp) -> ProfileNo {
    work.counters.profile += 1;
    work.counters.users += 1;
    let no = ProfileNo(work.counters.profile);
    let profile = Profile {
        no,
        created: work.now,
        keys: Vec::new(),
        attributes: Attributes::default(),
        platforms: BTreeMap::new(),
        former: Vec::new(),
        history: Vec::new(),
    };
    let tree = Tally { first_seen, last_seen, events: 0, devices: 0, members: 1 };
    let standing = Standing {
        no,
        created: work.now,
        root: no,
        first_seen,
        last_seen,
        events: 0,
        devices: 0,
        tree,
        weight: 0,
        deletion: None,
    };
    work.profiles.set(no, Some(profile));
    work.standings.set(no, Some(standing));
    work.begin_kinds(no);
    no
}

/// Writes or unsets an attribute; answers whether that changed anything. What is there already is not written again,
/// unless the live profile has members: there the newest write is the one that shows.
pub(super) fn attribute(work: &mut Work<'_>, place: Place, name: &str, value: Option<Value>) -> Known<bool> {
    let members = work.has_members(place.root)?;
    let size = Size::of(name, value.as_ref().map(Value::json_bytes));
    work.profile(place.record)?;
    let stored = work.own_write(place.record, name);
    let same = match (stored.and_then(|write| write.value.as_ref()), work.arrays.held(place.record, name)) {
        (Some(stored), Some(held)) if is_stand_in(stored) => held.size == size && work.arrays.value(held) == value,
        (stored, _) => stored == value.as_ref(),
    };
    if same && !members {
        return Ok(false);
    }
    if members {
        show(work, place.root, name, value.clone())?;
    }
    put(work, place, name, (value, size), same)?;
    work.arrays.overwritten(place, name);
    Ok(true)
}

/// Writes the array that a log makes, as [`attribute`] writes a value.
pub(super) fn array(work: &mut Work<'_>, place: Place, name: &str, log: usize) -> Known<bool> {
    let now = work.array_now(name, log);
    let members = work.has_members(place.root)?;
    let same = work.holds_array(place.record, name, now)?;
    if same && !members {
        return Ok(false);
    }
    let value = now.map(|_| stand_in());
    if members {
        show(work, place.root, name, value.clone())?;
    }
    let size = now.map_or(Size::of(name, None), |now| now.size);
    put(work, place, name, (value, size), same)?;
    work.array_written(place, name, now);
    Ok(true)
}

/// A live profile with members shows a value, or none.
fn show(work: &mut Work<'_>, root: ProfileNo, name: &str, value: Option<Value>) -> Known<()> {
    let name: Box<str> = name.into();
    work.edit_view(root, |view| {
        let before = view.put(&name, value);
        move |view: &mut View| drop(view.put(&name, before))
    })
}

/// Puts a write of this size into an own record; what it wrote over goes into the history, unless it is the same.
fn put(work: &mut Work<'_>, place: Place, name: &str, (value, size): (Option<Value>, Size), same: bool) -> Known<()> {
    let stored = work.own_write(place.record, name);
    let held = work.arrays.held(place.record, name);
    let before = match (stored, held) {
        (Some(_), Some(held)) => held.size,
        (Some(write), None) => Size::of(name, write.value.as_ref().map(Value::json_bytes)),
        (None, _) => Size::default(),
    };
    if work.is_indexed(name) {
        let old = stored.and_then(|write| write.value.clone());
        work.reindex(place.record, name, old.as_ref(), value.as_ref());
    }
    let stored = work.own_write(place.record, name).filter(|_| !same);
    if let Some(old) = stored.map(|write| replaced(work, (name, write), before, held)) {
        work.replaced.push((place.record, old));
    }
    work.weight += difference(before.weight, size.weight);
    if !work.names.is_idle() {
        work.wrote.push((place.root, name.into()));
        let is_kind = work.is_kind(name);
        work.names.written(place, name, (before.set > 0, size.set > 0), is_kind);
    }
    let (name, write) = (Box::<str>::from(name), Write { seq: place.seq, value });
    work.edit_profile(place.record, |profile| {
        let old = profile.attributes.put_sized(&name, Some(write), (before, size));
        move |profile: &mut Profile| drop(profile.attributes.put_sized(&name, old, (size, before)))
    })
}

/// What history keeps of a value that is written over.
fn replaced(work: &Work<'_>, (name, write): (&str, &Write<Value>), size: Size, held: Option<Held>) -> Replaced {
    let is_kept = write.value.is_some() && size.bytes <= HISTORY_VALUE_BYTES_MAX + text_json_bytes(name);
    let value = || held.map_or_else(|| write.value.clone(), |held| work.arrays.value(held));
    let old = if is_kept { value() } else { None };
    Replaced { field: name.into(), omitted: old.is_none() && write.value.is_some(), old, since: write.seq }
}

/// Writes a platform; answers whether that changed anything.
pub(super) fn platform(work: &mut Work<'_>, place: Place, platform: Platform, active: bool) -> Known<bool> {
    let members = work.has_members(place.root)?;
    let stored = work.profile(place.record)?.platforms.get(&platform);
    if !members && stored.is_some_and(|write| write.value == Some(active)) {
        return Ok(false);
    }
    if members {
        work.edit_view(place.root, |view| {
            let before = view.platforms.get(&platform).copied();
            view.write_platform(platform, Some(active));
            move |view: &mut View| view.write_platform(platform, before)
        })?;
    }
    let write = Write { seq: place.seq, value: Some(active) };
    work.edit_profile(place.record, |profile| {
        let before = profile.platforms.insert(platform, write);
        move |profile: &mut Profile| match before {
            Some(before) => drop(profile.platforms.insert(platform, before)),
            None => drop(profile.platforms.remove(&platform)),
        }
    })?;
    Ok(true)
}

/// Binds a key that is bound to nothing to the record; the value that it held of that kind is released, but a `customer_id`
/// stays as an alias (behaviour.md 3.2.b, 3.2.i). Answers whether one was.
pub(super) fn bind(work: &mut Work<'_>, place: Place, key: &Key) -> Known<bool> {
    let replaced = key.kind.name() != CUSTOMER_ID && release(work, place.record, &key.kind)?;
    work.bindings.set(key.clone(), Some(place.record));
    hold(work, place.record, key)?;
    attribute(work, place, key.kind.name(), Some(Value::text(&key.value)))?;
    Ok(replaced)
}

/// Whether an own record holds as many values of `customer_id` as it may.
pub(super) fn is_full_of_ids(work: &mut Work<'_>, record: ProfileNo) -> Known<bool> {
    let keys = &work.profile(record)?.keys;
    Ok(keys.iter().filter(|key| key.kind.name() == CUSTOMER_ID).count() >= CUSTOMER_IDS_MAX)
}

/// An own record holds a key.
pub(super) fn hold(work: &mut Work<'_>, record: ProfileNo, key: &Key) -> Known<()> {
    let root = work.root_of(record)?;
    work.add_kind(root, &key.kind);
    work.edit_profile(record, |profile| {
        profile.keys.push(key.clone());
        |profile: &mut Profile| drop(profile.keys.pop())
    })
}

/// An own record holds a key no more, which does not count as former.
pub(super) fn unhold(work: &mut Work<'_>, record: ProfileNo, key: &Key) -> Known<()> {
    let root = work.root_of(record)?;
    work.forget_kinds(root);
    work.edit_profile(record, |profile| {
        let before = profile.keys.clone();
        profile.keys.retain(|held| held != key);
        |profile: &mut Profile| profile.keys = before
    })
}

/// Releases the key of a kind that an own record holds; answers whether it held one.
fn release(work: &mut Work<'_>, record: ProfileNo, kind: &Kind) -> Known<bool> {
    let now = work.now;
    let Some(key) = work.held(record)?.into_iter().find(|key| key.kind == *kind) else { return Ok(false) };
    let root = work.root_of(record)?;
    work.forget_kinds(root);
    let bound = work.profile(record)?.keys.iter().position(|held| *held == key);
    work.edit_profile(record, |profile| {
        let before = (profile.keys.clone(), profile.former.clone());
        if let Some(at) = bound {
            profile.keys.swap_remove(at);
        }
        if profile.former.len() == FORMER_IDENTIFIERS_MAX {
            profile.former.remove(0);
        }
        profile.former.push(Former { key: key.clone(), until: now });
        move |profile: &mut Profile| (profile.keys, profile.former) = before
    })?;
    if bound.is_some() {
        work.bindings.set(key, None);
    } else {
        work.holding.set((key, record), None);
    }
    Ok(true)
}

/// Releases every value of a kind in the whole live profile; answers false, and leaves all, if it is the last kind of
/// identifier that the profile holds. None if it holds no value of the kind.
pub(super) fn unset_kind(work: &mut Work<'_>, place: Place, kind: &Kind) -> Known<Option<bool>> {
    let members = work.members(place.root)?;
    let (held, identity) = (work.held_by(&members)?, work.identity);
    let holds = held.iter().any(|key| key.kind == *kind);
    let holds_others = held.iter().any(|key| key.kind != *kind && identity.active_kind(key.kind.name()).is_some());
    if !holds {
        return Ok(None);
    }
    if !holds_others {
        return Ok(Some(false));
    }
    for member in members {
        while release(work, member, kind)? {}
        if work.profile(member)?.attributes.contains_key(kind.name()) {
            attribute(work, place.of(member), kind.name(), None)?;
        }
    }
    attribute(work, place, kind.name(), None)?;
    Ok(Some(true))
}

/// Seen: the latest counts, of the record and of the live profile.
pub(super) fn seen(work: &mut Work<'_>, place: Place, at: Timestamp) -> Known<()> {
    let at = at.min(work.now);
    for no in [place.record, place.root] {
        let standing = work.standing(no)?;
        let newer = standing.last_seen < at && no == place.record || standing.tree.last_seen < at && no == place.root;
        if newer {
            let standing = work.standing_mut(no)?;
            if no == place.record {
                standing.last_seen = standing.last_seen.max(at);
            }
            if no == place.root {
                standing.tree.last_seen = standing.tree.last_seen.max(at);
            }
        }
    }
    Ok(())
}

/// Seen by an action of this time: the earliest counts, of the record and of the live profile (behaviour.md 2.ad).
pub(super) fn seen_first(work: &mut Work<'_>, place: Place, at: Timestamp) -> Known<()> {
    if at < work.standing(place.record)?.first_seen {
        work.standing_mut(place.record)?.first_seen = at;
    }
    if at < work.standing(place.root)?.tree.first_seen {
        work.standing_mut(place.root)?.tree.first_seen = at;
    }
    Ok(())
}

/// Notes a write in the change sequence, and what it wrote over.
pub(super) fn noted(work: &mut Work<'_>, place: Place, kind: ChangeKind) -> Known<()> {
    let (at, request) = (work.now, work.request);
    let weight = std::mem::take(&mut work.weight);
    if weight != 0 {
        let standing = work.standing_mut(place.root)?;
        standing.weight = standing.weight.saturating_add_signed(weight);
    }
    work.appended.push(RowChange::Upsert(StoredRow::Change(Change {
        seq: place.seq,
        kind,
        profile: place.record,
        merge: 0,
        at,
        request,
    })));
    work.keep_history(place.seq)
}

/// Whether an own record passes its limits: 2,000 attributes, 1 MiB of names and JSON values (behaviour.md 2.l), or its
/// live profile grows beyond its bound. Unset names that mean nothing any more, in a live profile without members, are
/// forgotten first, so that they do not pile up.
pub(super) fn too_large(work: &mut Work<'_>, place: Place) -> Known<bool> {
    let record = &work.profile(place.record)?.attributes;
    let (len, size) = (record.len(), record.size());
    if len > RECORD_ATTRIBUTES_MAX {
        let left = if work.has_members(place.root)? { len } else { forget_unset(work, place.record)? };
        if size.set > RECORD_ATTRIBUTES_MAX || left > 2 * RECORD_ATTRIBUTES_MAX {
            return Ok(true);
        }
    }
    let weight = work.standing(place.root)?.weight.saturating_add_signed(work.weight);
    Ok(size.bytes > RECORD_BYTES_MAX || work.weight > 0 && weight > work.profile_bytes_max)
}

/// What was added to a weight.
fn difference(before: usize, after: usize) -> i64 {
    (after as u64).cast_signed() - (before as u64).cast_signed()
}

/// Forgets the unset names of an own record; answers how many attributes are left.
fn forget_unset(work: &mut Work<'_>, record: ProfileNo) -> Known<usize> {
    let attributes = &work.profile(record)?.attributes;
    let unset = attributes.iter().filter(|(_, write)| write.value.is_none());
    let unset: Vec<(Box<str>, Write<Value>)> = unset.map(|(name, write)| (name.clone(), write.clone())).collect();
    let (len, before) = (attributes.len(), attributes.size().weight);
    work.spend(len);
    let left = len - unset.len();
    work.edit_profile(record, |profile| {
        unset.iter().for_each(|(name, _)| drop(profile.attributes.put(name, None)));
        move |profile: &mut Profile| {
            unset.into_iter().for_each(|(name, write)| drop(profile.attributes.put(&name, Some(write))));
        }
    })?;
    work.weight += difference(before, work.profile(record)?.attributes.size().weight);
    Ok(left)
}
