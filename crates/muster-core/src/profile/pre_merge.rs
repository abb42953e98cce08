//! Both sides of a merge right before it, reconstructed from member records, history, links and the merge record.
//!
//! History keeps only changes of a value. If a name was written after the merge without such a change, its record held
//! that value or nothing, and the merge record must decide: it names filled attributes, combined values and merged
//! identifiers. What remains undecided is listed, and shown with the likelier answer: the value was there.

use crate::attribute::CUSTOMER_ID;
use crate::id::{ProfileNo, Seq};
use crate::identifier::{Identifier, identifier_text, normalise};
use crate::kinds::SurvivorChoice;
use crate::limits::{FORMER_IDENTIFIERS_MAX, HISTORY_MAX};
use crate::profile::fold::{MemberRef, MemberTree};
use crate::profile::{Member, Profile, assemble};
use crate::record::{Cause, History, MemberRecord, Merge, Replaced, TreeTotals, View, Write};
use crate::settings::{ActivationPhase, Identity};
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Name that represents all platforms among the unknown names: history does not keep platforms.
pub const PLATFORMS: &str = "platforms";

/// State of two profiles before their merge.
#[derive(Clone, Debug, PartialEq)]
pub struct PreMerge {
    /// Live profile that survived.
    pub survivor: Profile,
    /// Live profile that was merged into it.
    pub merged: Profile,
    /// Names whose value or identifier at the time is unknown, on either side.
    pub unknown: BTreeSet<Box<str>>,
    /// Whether no member and no other name of that time is missing.
    pub whole: bool,
}

impl PreMerge {
    /// Whether attributes, platforms and identifiers of both sides are exact. Devices, first and last seen and the
    /// number of events are always the present ones, and identifiers those of kinds that are active now.
    pub fn is_complete(&self) -> bool {
        self.whole && self.unknown.is_empty()
    }
}

/// One side under construction: its members and values of that time.
struct Side {
    top: ProfileNo,
    members: Vec<Member>,
    view: View,
    /// Names that a record held or did not, to be decided by the merge record.
    open: BTreeSet<Box<str>>,
    was_open: BTreeSet<Box<str>>,
    names: BTreeMap<Box<str>, usize>,
    lost: BTreeSet<Box<str>>,
    /// Whether no history that could name further values was removed.
    whole: bool,
}

/// Reconstructs both sides of a merge that is in force. `members` are those of the live profile, `rows` their history,
/// and `cut` older merges that were reverted at its time or later: the subtrees that they had joined are missing. None
/// if the link is not among the members.
pub fn pre_merge(
    merge: &Merge,
    members: &[Member],
    rows: &[History],
    cut: &[Merge],
    identity: &Identity,
) -> Option<PreMerge> {
    let link = members.iter().filter_map(|member| member.link.as_ref()).find(|link| link.merge == merge.no)?;
    let mut survivor = Side::new(link.parent, link.seq, members, rows)?;
    let mut merged = Side::new(link.child, link.seq, members, rows)?;
    merged.set_identifiers(&merge.identifiers);
    if matches!(merge.cause, Cause::Identifiers { rule: SurvivorChoice::NewId, .. }) {
        merged.clear_to(&merge.identifiers);
    }
    apply_merge_record(merge, &mut survivor, &mut merged);
    survivor.restore_identifiers(merge, members, identity);
    let missing = |cut: &Merge| [&survivor, &merged].iter().any(|side| side.has(cut.survivor.no));
    let whole = survivor.whole && merged.whole && !cut.iter().any(missing);
    let mut unknown = BTreeSet::new();
    for side in [&survivor, &merged] {
        unknown.extend(side.open.iter().chain(&side.lost).cloned());
    }
    Some(PreMerge {
        survivor: survivor.into_profile(identity)?,
        merged: merged.into_profile(identity)?,
        unknown,
        whole,
    })
}

/// Decides open names by the merge record: filled names were the merged side's alone, all others both sides'.
fn apply_merge_record(merge: &Merge, survivor: &mut Side, merged: &mut Side) {
    for name in &merge.filled {
        survivor.view.attributes.remove(name);
        survivor.open.remove(name);
        survivor.lost.remove(name);
        if merged.is_sole(name) && merged.view.attributes.contains_key(name) {
            merged.open.remove(name);
        }
    }
    for combined in &merge.combined {
        survivor.open.remove(&combined.field);
        // A value that was too long to be kept is unknown.
        let Some(old) = &combined.old else {
            survivor.lost.insert(combined.field.clone());
            continue;
        };
        survivor.view.attributes.insert(combined.field.clone(), old.clone());
        survivor.lost.remove(&combined.field);
    }
    let is_filled = |name: &str| merge.filled.iter().any(|filled| **filled == *name);
    for name in merged.open.clone() {
        if survivor.is_settled(&name) && !survivor.view.attributes.contains_key(&name) && !is_filled(&name) {
            merged.view.attributes.remove(&name);
            merged.open.remove(&name);
        }
    }
    for name in survivor.open.clone() {
        let both = merged.is_settled(&name) && merged.view.attributes.contains_key(&name) && !is_filled(&name);
        if both && survivor.is_sole(&name) {
            survivor.open.remove(&name);
        }
    }
}

impl Side {
    fn new(top: ProfileNo, seq: Seq, all: &[Member], rows: &[History]) -> Option<Self> {
        let mut subtree = vec![top];
        let mut next = 0;
        // A corrupt ring of links ends here, too.
        while next < subtree.len() && subtree.len() <= all.len() {
            let above = subtree[next];
            let under = all.iter().filter_map(|m| m.link.as_ref()).filter(|l| l.parent == above && l.seq < seq);
            subtree.extend(under.map(|link| link.child));
            next += 1;
        }
        let mut side = Self {
            top,
            members: Vec::new(),
            view: View::default(),
            open: BTreeSet::new(),
            was_open: BTreeSet::new(),
            names: BTreeMap::new(),
            lost: BTreeSet::new(),
            whole: true,
        };
        for no in subtree {
            let member = all.iter().find(|member| member.record.no == no)?;
            side.add(member, seq, rows);
        }
        let refs = side.members.iter().map(|m| MemberRef { record: &m.record, link: m.link.as_ref() });
        side.view = MemberTree::new(refs).current_values(top);
        side.was_open = side.open.clone();
        let (names, view) = (&side.names, &side.view);
        // An unset and no write at all make no difference if no other record has a write.
        side.open.retain(|name| names.get(name) != Some(&1) || view.attributes.contains_key(name));
        Some(side)
    }

    fn add(&mut self, member: &Member, seq: Seq, rows: &[History]) {
        let mut own: Vec<&History> = rows.iter().filter(|row| row.profile == member.record.no).collect();
        own.sort_by_key(|row| row.seq);
        let since: Vec<&History> = own.iter().copied().filter(|row| row.seq > seq).collect();
        // The oldest rows are removed first: if all remaining rows are newer, others may have been removed.
        if member.record.history.len() >= HISTORY_MAX && own.len() == since.len() {
            self.whole = false;
        }
        let mut attributes = BTreeMap::new();
        let names = since.iter().flat_map(|row| row.replaced.iter().map(|replaced| &replaced.field));
        let names: BTreeSet<&Box<str>> = member.record.attributes.keys().chain(names).collect();
        for name in names {
            let (write, is_sure) = match value_at(&member.record, &since, name, seq) {
                PriorValue::Sure(write) => (write, true),
                PriorValue::OrNothing(value) => (Write { seq: 1, value }, false),
                PriorValue::Lost => {
                    self.lost.insert(name.clone());
                    continue;
                }
            };
            if !is_sure {
                self.open.insert(name.clone());
            }
            *self.names.entry(name.clone()).or_default() += 1;
            attributes.insert(name.clone(), write);
        }
        if member.record.platforms.values().any(|write| write.seq > seq) {
            self.lost.insert(PLATFORMS.into());
        }
        let link = member.link.clone().filter(|link| link.seq < seq && link.child != self.top);
        let profile = MemberRecord { attributes: attributes.into(), ..member.record.clone() };
        let profile = MemberRecord { platforms: platforms_before(&profile, seq), ..profile };
        let joined_at = member.joined_at.filter(|_| link.is_some());
        self.members.push(Member { record: profile, link, joined_at, ..member.clone() });
    }

    fn has(&self, no: ProfileNo) -> bool {
        self.members.iter().any(|member| member.record.no == no)
    }

    fn is_settled(&self, name: &str) -> bool {
        !self.open.contains(name) && !self.lost.contains(name)
    }

    fn is_sole(&self, name: &str) -> bool {
        self.names.get(name) == Some(&1) && !self.lost.contains(name)
    }

    /// Resets the side to a member that was created for the merge: what was written before, and its identifiers.
    fn clear_to(&mut self, identifiers: &[Identifier]) {
        for member in &mut self.members {
            let early = member.record.attributes.iter().filter(|(name, _)| !self.was_open.contains(*name));
            let early = early.map(|(name, write)| (name.clone(), write.clone()));
            let value = |identifier: &Identifier| Write { seq: 1, value: Some(Value::text(&identifier.value)) };
            let ids = identifiers.iter().map(|identifier| (identifier.kind.name().into(), value(identifier)));
            member.record.attributes = early.chain(ids).collect::<BTreeMap<_, _>>().into();
        }
        let refs = self.members.iter().map(|m| MemberRef { record: &m.record, link: m.link.as_ref() });
        self.view = MemberTree::new(refs).current_values(self.top);
        let names = self.members.iter().flat_map(|member| member.record.attributes.keys());
        self.names = names.map(|name| (name.clone(), 1)).collect();
        self.open.clear();
        self.lost.clear();
        self.whole = true;
    }

    fn set_identifiers(&mut self, identifiers: &[Identifier]) {
        for member in &mut self.members {
            let own = if member.record.no == self.top { identifiers.to_vec() } else { Vec::new() };
            member.record.former.retain(|former| !identifiers.contains(&former.identifier));
            member.record.identifiers = own;
        }
    }

    /// Restores the identifiers of its records. An identifier is written as a value, too, so the value of the name
    /// tells which of its present and former identifiers the record had.
    fn restore_identifiers(&mut self, merge: &Merge, all: &[Member], identity: &Identity) {
        // An activating kind binds its values one by one, and which were bound at the time is not recorded.
        let joining = |name: &&str| identity.activating_kind(ActivationPhase::Joining, name).is_some();
        let names = identity.active().map(|kind| kind.kind.name());
        let mut unsure: BTreeSet<Box<str>> = names.filter(joining).map(Into::into).collect();
        let sole = |side: &Self, name: &str| side.is_settled(name) && side.is_sole(name);
        let told: BTreeSet<Box<str>> = self.was_open.iter().filter(|name| sole(self, name)).cloned().collect();
        for member in &mut self.members {
            let Some(now) = all.iter().find(|other| other.record.no == member.record.no) else { continue };
            let since: Vec<&Identifier> = now
                .record
                .former
                .iter()
                .filter(|former| former.until >= merge.at)
                .map(|former| &former.identifier)
                .collect();
            if since.len() >= FORMER_IDENTIFIERS_MAX {
                self.whole = false;
            }
            let candidates: Vec<&Identifier> = now.record.identifiers.iter().chain(since).collect();
            let mut identifiers: Vec<Identifier> = Vec::new();
            for kind in identity.active() {
                let name = kind.kind.name();
                let of_kind = || candidates.iter().filter(|identifier| identifier.kind == kind.kind);
                let own = member.record.attributes.get(name).and_then(|write| write.value.as_ref());
                // If the merge record decided the value of the only record, that is the current value.
                let written = if told.contains(name) { own.and(self.view.attributes.get(name)) } else { own };
                let value = written.and_then(identifier_text).map(|text| normalise(kind.normaliser, &text));
                let found = of_kind().find(|identifier| value.as_ref() == Some(&identifier.value));
                identifiers.extend(found.map(|identifier| Identifier::clone(identifier)));
                let is_odd = found.is_none() && written.is_some() && of_kind().next().is_some();
                let is_open = self.was_open.contains(name) && !told.contains(name);
                // A record may have several ids after a change of `customer_id`; which ones at the time is not
                // recorded.
                let is_changed_id = name == CUSTOMER_ID && of_kind().count() > 1;
                if is_odd || is_open || is_changed_id || self.lost.contains(name) {
                    unsure.insert(name.into());
                }
            }
            member.record.former.retain(|former| former.until <= merge.at && !identifiers.contains(&former.identifier));
            member.record.identifiers = identifiers;
        }
        self.lost.extend(unsure);
    }

    fn into_profile(self, identity: &Identity) -> Option<Profile> {
        let mut members = self.members;
        let totals = members.iter().map(|member| TreeTotals {
            first_seen: member.root_pointer.first_seen,
            last_seen: member.root_pointer.last_seen,
            events: member.root_pointer.events,
            devices: member.root_pointer.devices,
            members: 1,
        });
        let tree = totals.reduce(TreeTotals::with)?;
        members.iter_mut().find(|member| member.record.no == self.top)?.root_pointer.tree = tree;
        assemble(self.top, &members, Some(self.view), identity)
    }
}

fn platforms_before(profile: &MemberRecord, seq: Seq) -> BTreeMap<crate::kinds::Platform, Write<bool>> {
    profile.platforms.iter().filter(|(_, write)| write.seq < seq).map(|(platform, w)| (*platform, w.clone())).collect()
}

enum PriorValue {
    /// This write.
    Sure(Write<Value>),
    /// This value, or none at all: written later, with nothing before.
    OrNothing(Option<Value>),
    /// A value that was too long to be kept.
    Lost,
}

/// Returns the value of a name at a position of the change sequence; `since` are the later rows of history, in order.
fn value_at(profile: &MemberRecord, since: &[&History], name: &str, seq: Seq) -> PriorValue {
    let first: Option<&Replaced> =
        since.iter().find_map(|row| row.replaced.iter().find(|replaced| *replaced.field == *name));
    match (first, profile.attributes.get(name)) {
        (Some(replaced), _) if replaced.since > seq && !replaced.omitted => PriorValue::OrNothing(replaced.old.clone()),
        (Some(replaced), _) if replaced.omitted => PriorValue::Lost,
        (Some(replaced), _) => PriorValue::Sure(Write { seq: replaced.since, value: replaced.old.clone() }),
        (None, Some(write)) if write.seq > seq => PriorValue::OrNothing(write.value.clone()),
        (None, Some(write)) => PriorValue::Sure(write.clone()),
        (None, None) => PriorValue::OrNothing(None),
    }
}
