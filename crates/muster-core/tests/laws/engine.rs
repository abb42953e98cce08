//! The smallest engine that can run a decision: ordered maps, one decision at a time. It checks what every engine
//! relies on: rounds are bounded, a decision is deterministic, a key is changed at most once, deletes name existing
//! rows.

use muster_core::change::{Changes, RowChange, RowKey, StoredRow};
use muster_core::decide::Wire;
use muster_core::decision::{Decision, Step};
use muster_core::facts::Facts;
use muster_core::id::{MergeNo, ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo, Seq};
use muster_core::identifier::Identifier;
use muster_core::outcome::{Applied, RecordedAnswer};
use muster_core::profile::{Member, Profile, assemble};
use muster_core::rate::RateWindow;
use muster_core::record::{
    Change, Counters, Device, DeviceRef, Event, EventId, History, Idempotency, LogEntry, MemberRecord, Merge,
    MergeLink, QuarantinedElement, RootPointer, Separation, View,
};
use muster_core::review::Review;
use muster_core::settings::Identity;
use muster_core::time::Moment;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// Families of one workspace.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Store {
    pub(crate) settings_revision: u64,
    pub(crate) counters: Counters,
    pub(crate) rate: RateWindow,
    pub(crate) bindings: BTreeMap<Identifier, ProfileNo>,
    pub(crate) profiles: BTreeMap<ProfileNo, MemberRecord>,
    pub(crate) root_pointers: BTreeMap<ProfileNo, RootPointer>,
    pub(crate) views: BTreeMap<ProfileNo, View>,
    pub(crate) links: BTreeMap<ProfileNo, MergeLink>,
    pub(crate) devices: BTreeMap<DeviceRef, Device>,
    pub(crate) events: BTreeMap<Seq, Event>,
    pub(crate) event_ids: BTreeMap<Box<str>, EventId>,
    pub(crate) merges: BTreeMap<MergeNo, Merge>,
    pub(crate) separations: BTreeMap<SeparationNo, Separation>,
    pub(crate) reviews: BTreeMap<ReviewNo, Review>,
    pub(crate) holders: BTreeMap<(Identifier, ProfileNo), ()>,
    pub(crate) former: BTreeMap<(Identifier, ProfileNo), ()>,
    pub(crate) history: BTreeMap<(ProfileNo, Seq), History>,
    pub(crate) requests: BTreeMap<RequestNo, LogEntry>,
    pub(crate) quarantine: BTreeMap<QuarantineNo, QuarantinedElement>,
    pub(crate) idempotency: BTreeMap<(muster_core::kinds::Route, Box<str>), Idempotency>,
    pub(crate) changes: BTreeMap<Seq, Change>,
}

/// Answers without content except their counts.
pub(crate) struct PlainWire;

impl Wire for PlainWire {
    fn answer(&self, applied: &Applied) -> RecordedAnswer {
        let outcomes: String = applied.elements.iter().map(|e| format!("{} ", e.outcome.name())).collect();
        RecordedAnswer { status: 200, outcomes: outcomes.into(), body: (*b"{}").into() }
    }

    fn quarantined_json(&self, index: u32, rejected_actions: Option<&[u32]>) -> Box<[u8]> {
        format!("{index} {rejected_actions:?}").into_bytes().into()
    }
}

impl Store {
    /// Creates an empty workspace under the first revision of its settings.
    pub(crate) fn new() -> Self {
        Self { settings_revision: 1, ..Self::default() }
    }

    /// Runs a decision to completion; returns its changes and its output.
    pub(crate) fn run<D: Decision>(
        &mut self,
        decision: &D,
        now: Moment,
    ) -> Result<(Option<Changes>, D::Output), String> {
        if decision.revision().is_some_and(|revision| revision != self.settings_revision) {
            return Err("it was made under other settings".into());
        }
        let mut facts = Facts::default();
        self.read(&decision.needs(), &mut facts)?;
        for _ in 0..decision.rounds() {
            match decision.decide(&facts, now) {
                Step::NeedMore(needs) if needs.is_empty() => {
                    return Err("more facts are needed, and none is named".into());
                }
                Step::NeedMore(needs) => self.read(&needs, &mut facts)?,
                Step::Leave(output) => return Ok((None, output)),
                Step::TooLarge => return Err("a small decision is too large".into()),
                Step::Done(changes, output) => {
                    let again = matches!(decision.decide(&facts, now), Step::Done(c, _) if c == changes);
                    if !again {
                        return Err("law L5: the same decision on the same facts changes something else".into());
                    }
                    self.apply(&changes)?;
                    return Ok((Some(changes), output));
                }
            }
        }
        Err(format!("no decision after {} rounds", decision.rounds()))
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), String> {
        let mut keys = BTreeSet::new();
        for row in &changes.rows {
            let key = self.put(row)?;
            if !keys.insert(key.clone()) {
                return Err(format!("{key} is changed twice by one decision"));
            }
        }
        self.counters = changes.counters;
        self.rate = changes.rate.clone().unwrap_or_else(|| self.rate.clone());
        let mut tokens = BTreeSet::new();
        let twice = self.devices.values().flat_map(|d| d.fields.tokens()).find(|t| !tokens.insert(t.clone()));
        twice.map_or(Ok(()), |t| Err(format!("two devices carry {t:?}")))
    }

    /// Applies a row change; returns the family and key.
    fn put(&mut self, row: &RowChange) -> Result<String, String> {
        match row {
            RowChange::Upsert(StoredRow::Binding(key, no)) => set(&mut self.bindings, "bindings", key.clone(), *no),
            RowChange::Delete(RowKey::Binding(key)) => cut(&mut self.bindings, "bindings", key),
            RowChange::Upsert(StoredRow::MemberRecord(p)) => set(&mut self.profiles, "profiles", p.no, p.clone()),
            RowChange::Delete(RowKey::MemberRecord(no)) => cut(&mut self.profiles, "profiles", no),
            RowChange::Delete(RowKey::RootPointer(no)) => cut(&mut self.root_pointers, "standings", no),
            RowChange::Upsert(StoredRow::RootPointer(s)) => set(&mut self.root_pointers, "standings", s.no, *s),
            RowChange::Upsert(StoredRow::View(no, view)) => set(&mut self.views, "views", *no, view.clone()),
            RowChange::Delete(RowKey::View(no)) => cut(&mut self.views, "views", no),
            RowChange::Upsert(StoredRow::MergeLink(link)) => set(&mut self.links, "links", link.child, link.clone()),
            RowChange::Delete(RowKey::MergeLink(no)) => cut(&mut self.links, "links", no),
            RowChange::Upsert(StoredRow::Device(d)) => set(&mut self.devices, "devices", d.at.clone(), d.clone()),
            RowChange::Delete(RowKey::Device(at)) => cut(&mut self.devices, "devices", at),
            RowChange::Upsert(StoredRow::Event(e)) => append(&mut self.events, "events", e.seq, e.clone()),
            RowChange::Delete(RowKey::Event(seq)) => cut(&mut self.events, "events", seq),
            RowChange::Upsert(StoredRow::EventId(id)) => {
                set(&mut self.event_ids, "event_ids", id.id.clone(), id.clone())
            }
            RowChange::Delete(RowKey::EventId(id)) => cut(&mut self.event_ids, "event_ids", id),
            RowChange::Upsert(StoredRow::Merge(m)) => set(&mut self.merges, "merges", m.no, m.clone()),
            RowChange::Upsert(StoredRow::Separation(s)) => set(&mut self.separations, "separations", s.no, s.clone()),
            RowChange::Delete(RowKey::Separation(no)) => cut(&mut self.separations, "separations", no),
            RowChange::Upsert(StoredRow::Review(r)) => set(&mut self.reviews, "reviews", r.no, r.clone()),
            RowChange::Delete(RowKey::Review(no)) => cut(&mut self.reviews, "reviews", no),
            RowChange::Upsert(StoredRow::History(h)) => {
                append(&mut self.history, "history", (h.profile, h.seq), h.clone())
            }
            RowChange::Delete(RowKey::History(no, seq)) => cut(&mut self.history, "history", &(*no, *seq)),
            RowChange::Upsert(StoredRow::PendingHolder(key, no)) => {
                set(&mut self.holders, "holders", (key.clone(), *no), ())
            }
            RowChange::Delete(RowKey::PendingHolder(key, no)) => {
                self.holders.remove(&(key.clone(), *no));
                Ok(format!("holders {key:?} {no:?}"))
            }
            RowChange::Upsert(StoredRow::FormerHolder(key, no)) => {
                set(&mut self.former, "former", (key.clone(), *no), ())
            }
            RowChange::Delete(RowKey::FormerHolder(key, no)) => {
                self.former.remove(&(key.clone(), *no));
                Ok(format!("former {key:?} {no:?}"))
            }
            RowChange::Upsert(StoredRow::LogEntry(r)) => append(&mut self.requests, "requests", r.no, r.clone()),
            RowChange::Upsert(StoredRow::QuarantinedElement(q)) => {
                set(&mut self.quarantine, "quarantine", q.no, q.clone())
            }
            RowChange::Delete(RowKey::LogEntry(no)) => cut(&mut self.requests, "requests", no),
            RowChange::Delete(RowKey::QuarantinedElement(no)) => cut(&mut self.quarantine, "quarantine", no),
            RowChange::Upsert(StoredRow::Idempotency(i)) => {
                set(&mut self.idempotency, "idempotency", (i.route, i.key.clone()), i.clone())
            }
            RowChange::Delete(RowKey::Idempotency(route, key)) => {
                cut(&mut self.idempotency, "idempotency", &(*route, key.clone()))
            }
            RowChange::Upsert(StoredRow::OutboxMessage(o)) => Ok(format!("outbox {:?}", o.request)),
            RowChange::Upsert(StoredRow::Change(c)) => append(&mut self.changes, "changes", c.seq, *c),
        }
    }

    /// Returns a live profile as engines do; `folded`: from its member records, ignoring the view.
    pub(crate) fn snapshot(&self, root: ProfileNo, identity: &Identity, folded: bool) -> Result<Profile, String> {
        let members = self.members_of(root)?;
        let view = if folded { None } else { self.views.get(&root).cloned() };
        assemble(root, &members, view, identity).ok_or_else(|| format!("{root:?} cannot be assembled"))
    }

    /// Returns the members of a live profile with everything that is stored about them.
    pub(crate) fn members_of(&self, root: ProfileNo) -> Result<Vec<Member>, String> {
        let member = |no: ProfileNo| {
            let link = self.links.get(&no).cloned();
            Some(Member {
                record: self.profiles.get(&no)?.clone(),
                root_pointer: *self.root_pointers.get(&no)?,
                joined_at: link.as_ref().and_then(|l| self.merges.get(&l.merge)).map(|m| m.at),
                link,
                devices: self.devices.values().filter(|d| d.at.profile == no).cloned().collect(),
            })
        };
        let members: Option<Vec<Member>> = self.members(root).into_iter().map(member).collect();
        members.ok_or_else(|| format!("{root:?} has a member without a member record"))
    }

    pub(crate) fn root(&self, no: ProfileNo) -> ProfileNo {
        self.root_pointers[&no].root
    }

    pub(crate) fn separated(&self, a: ProfileNo, b: ProfileNo) -> bool {
        let between = |x, y| self.root(x) == a && self.root(y) == b;
        self.separations.values().any(|s| between(s.a.no, s.b.no) || between(s.b.no, s.a.no))
    }
}

fn set<K: Ord + Debug, V>(family: &mut BTreeMap<K, V>, name: &str, key: K, row: V) -> Result<String, String> {
    let told = format!("{name} {key:?}");
    family.insert(key, row);
    Ok(told)
}

fn append<K: Ord + Debug, V>(family: &mut BTreeMap<K, V>, name: &str, key: K, row: V) -> Result<String, String> {
    if family.contains_key(&key) {
        return Err(format!("{name} {key:?} is appended twice"));
    }
    set(family, name, key, row)
}

fn cut<K: Ord + Debug, V>(family: &mut BTreeMap<K, V>, name: &str, key: &K) -> Result<String, String> {
    let told = format!("{name} {key:?}");
    family.remove(key).map(|_| told.clone()).ok_or_else(|| format!("{told} is deleted and does not exist"))
}
