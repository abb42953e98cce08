//! What is written where (behaviour.md 2, 3.1, 3.2): attributes and platforms in an own record and in the view of its
//! live profile, keys bound and released, figures.

use super::work::{Known, Work};
use crate::attribute::CUSTOMER_ID;
use crate::change::Put;
use crate::fold::own_values;
use crate::history::Replaced;
use crate::id::{ProfileNo, Seq};
use crate::identifier::{Key, Kind};
use crate::limits::{FORMER_IDENTIFIERS_MAX, HISTORY_VALUE_BYTES_MAX, RECORD_ATTRIBUTES_MAX, RECORD_BYTES_MAX};
use crate::record::{Change, ChangeKind, Former, Platform, Profile, Standing, Tally, Write};
use crate::time::Timestamp;
use crate::value::{Value, text_json_bytes};
use std::collections::BTreeMap;

/// Where an element is recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The id whose own record it is.
    pub(super) record: ProfileNo,
    /// The live profile of that id.
    pub(super) root: ProfileNo,
    /// The place of the write in the change sequence.
    pub(super) seq: Seq,
}

impl Place {
    /// The same for another id of the same live profile.
    pub(super) fn of(self, record: ProfileNo) -> Self {
        Self { record, ..self }
    }
}

/// Makes a profile that nobody knew.
pub(super) fn create(work: &mut Work<'_>, first_seen: Timestamp, last_seen: Timestamp) -> ProfileNo {
    work.counters.profile += 1;
    work.counters.users += 1;
    let no = ProfileNo(work.counters.profile);
    let profile = Profile {
        no,
        created: work.now,
        first_seen,
        keys: Vec::new(),
        attributes: BTreeMap::new(),
        platforms: BTreeMap::new(),
        former: Vec::new(),
        history: Vec::new(),
    };
    let tree = Tally { first_seen, last_seen, events: 0, devices: 0, members: 1 };
    let standing = Standing { no, created: work.now, root: no, last_seen, events: 0, devices: 0, tree, deletion: None };
    work.profiles.set(no, Some(profile));
    work.standings.set(no, Some(standing));
    no
}

/// Writes or unsets an attribute; answers whether that changed anything. What is there already is not written again,
/// unless the live profile has members: there the newest write is the one that shows.
pub(super) fn attribute(work: &mut Work<'_>, place: Place, name: &str, value: Option<Value>) -> Known<bool> {
    let members = work.has_members(place.root)?;
    let stored = work.profile(place.record)?.attributes.get(name);
    let same = stored.map_or(value.is_none(), |write| write.value == value);
    if same && !members {
        return Ok(false);
    }
    if members {
        work.view_mut(place.root)?.write(name, value.as_ref());
    }
    if work.identity.activation.is_some() {
        let old = work.profile(place.record)?.attributes.get(name).and_then(|write| write.value.clone());
        work.reindex(place.record, name, old.as_ref(), value.as_ref());
    }
    if !same && let Some(old) = work.profile(place.record)?.attributes.get(name).map(|write| replaced(name, write)) {
        work.replaced.push((place.record, old));
    }
    let write = Write { seq: place.seq, value };
    work.profile_mut(place.record)?.attributes.insert(name.into(), write);
    Ok(true)
}

/// What history keeps of a value that is written over.
fn replaced(name: &str, write: &Write<Value>) -> Replaced {
    let kept = write.value.as_ref().filter(|value| value.json_bytes() <= HISTORY_VALUE_BYTES_MAX).cloned();
    let omitted = kept.is_none() && write.value.is_some();
    Replaced { field: name.into(), old: kept, omitted, since: write.seq }
}

/// Writes a platform; answers whether that changed anything.
pub(super) fn platform(work: &mut Work<'_>, place: Place, platform: Platform, active: bool) -> Known<bool> {
    let members = work.has_members(place.root)?;
    let stored = work.profile(place.record)?.platforms.get(&platform);
    if !members && stored.is_some_and(|write| write.value == Some(active)) {
        return Ok(false);
    }
    if members {
        work.view_mut(place.root)?.write_platform(platform, Some(active));
    }
    let write = Write { seq: place.seq, value: Some(active) };
    work.profile_mut(place.record)?.platforms.insert(platform, write);
    Ok(true)
}

/// Binds a key that is bound to nothing to the record; the value that it held of that kind is released. Answers whether
/// one was.
pub(super) fn bind(work: &mut Work<'_>, place: Place, key: &Key) -> Known<bool> {
    let replaced = release(work, place.record, &key.kind)?;
    work.bindings.set(key.clone(), Some(place.record));
    work.profile_mut(place.record)?.keys.push(key.clone());
    attribute(work, place, key.kind.name(), Some(Value::text(&key.value)))?;
    Ok(replaced)
}

/// Releases the key of a kind that an own record holds; answers whether it held one.
fn release(work: &mut Work<'_>, record: ProfileNo, kind: &Kind) -> Known<bool> {
    let now = work.now;
    let Some(key) = work.held(record)?.into_iter().find(|key| key.kind == *kind) else { return Ok(false) };
    let profile = work.profile_mut(record)?;
    let bound = profile.keys.iter().position(|held| *held == key);
    if let Some(at) = bound {
        profile.keys.swap_remove(at);
    }
    if profile.former.len() == FORMER_IDENTIFIERS_MAX {
        profile.former.remove(0);
    }
    profile.former.push(Former { key: key.clone(), until: now });
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
        release(work, member, kind)?;
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

/// Notes a write in the change sequence, and what it wrote over.
pub(super) fn noted(work: &mut Work<'_>, place: Place, kind: ChangeKind) -> Known<()> {
    let (at, request) = (work.now, work.request);
    work.appended.push(Put::Change(Change { seq: place.seq, kind, profile: place.record, merge: 0, at, request }));
    work.keep_history(place.seq)
}

/// Whether an own record passes its limits: 2,000 attributes, 1 MiB of names and JSON values (behaviour.md 2). Unset
/// names that mean nothing any more, in a live profile without members, are forgotten first, so that they do not pile up.
pub(super) fn too_large(work: &mut Work<'_>, place: Place) -> Known<bool> {
    let members = work.has_members(place.root)?;
    let profile = work.profile(place.record)?;
    if profile.attributes.len() > RECORD_ATTRIBUTES_MAX {
        if !members {
            work.profile_mut(place.record)?.attributes.retain(|_, write| write.value.is_some());
        }
        let attributes = &work.profile(place.record)?.attributes;
        let set = attributes.values().filter(|write| write.value.is_some()).count();
        if set > RECORD_ATTRIBUTES_MAX || attributes.len() > 2 * RECORD_ATTRIBUTES_MAX {
            return Ok(true);
        }
    }
    let set = own_values(&work.profile(place.record)?.attributes);
    Ok(set.map(|(name, value)| text_json_bytes(name) + value.json_bytes()).sum::<usize>() > RECORD_BYTES_MAX)
}

/// Whether a name is an active identifier kind, which patterns never unset.
pub(super) fn is_kind(work: &Work<'_>, name: &str) -> bool {
    name == CUSTOMER_ID || work.identity.active_kind(name).is_some()
}
