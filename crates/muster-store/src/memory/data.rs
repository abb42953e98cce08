//! The rows of one workspace in ordered maps, and what a decision's changes do to them.

use crate::bounds::{ANSWERS_KEPT_MS, Bounds};
use crate::codec::{Record as _, answer_bytes, quarantine_bytes, refused_bytes};
use crate::engine::EngineError;
use crate::fact_loading::{FactQueries, FactSource, ReviewAlone, WithBytes};
use crate::page::payload;
use muster_core::change::{Changes, RowChange, RowKey, StoredRow};
use muster_core::facts::ReviewPair;
use muster_core::id::{MergeNo, ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo, Seq};
use muster_core::identifier::Identifier;
use muster_core::kinds::Route;
use muster_core::record::{
    Change, Counters, Device, DeviceRef, DeviceToken, Event, EventId, History, Idempotency, LogEntry, MemberRecord,
    Merge, MergeLink, OutboxMessage, QuarantinedElement, RootPointer, Separation, View,
};
use muster_core::review::{Review, ReviewState};
use muster_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The rows of one workspace, a map for each family.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    pub(super) counters: Counters,
    pub(super) bindings: BTreeMap<Identifier, ProfileNo>,
    pub(super) profiles: BTreeMap<ProfileNo, MemberRecord>,
    pub(super) root_pointers: BTreeMap<ProfileNo, RootPointer>,
    pub(super) views: BTreeMap<ProfileNo, View>,
    pub(super) links: BTreeMap<ProfileNo, MergeLink>,
    pub(super) devices: BTreeMap<DeviceRef, Device>,
    pub(super) events: BTreeMap<Seq, Event>,
    pub(super) event_ids: BTreeMap<Box<str>, EventId>,
    pub(super) merges: BTreeMap<MergeNo, Merge>,
    pub(super) separations: BTreeMap<SeparationNo, Separation>,
    pub(super) requests: BTreeMap<RequestNo, LogEntry>,
    pub(super) refused: BTreeMap<RequestNo, LogEntry>,
    pub(super) quarantine: BTreeMap<QuarantineNo, QuarantinedElement>,
    pub(super) quarantine_dropped: u64,
    pub(super) idempotency: BTreeMap<(Route, Box<str>), Idempotency>,
    pub(super) outbox: BTreeMap<RequestNo, OutboxMessage>,
    pub(super) changes: BTreeMap<Seq, Change>,
    pub(super) reviews: BTreeMap<ReviewNo, Review>,
    pub(super) history: BTreeMap<(Seq, ProfileNo), History>,
    pub(super) holders: BTreeSet<(Identifier, ProfileNo)>,
    pub(super) former: BTreeSet<(Identifier, ProfileNo)>,
    /// Index for what a preview of 50,000 live profiles asks for repeatedly, so that it does not scan every row.
    of: Of,
}

/// Rows that name a profile. A row that is replaced by one that names another leaves its entry: readers check the row.
#[derive(Clone, Debug, Default)]
struct Of {
    members: Named<ProfileNo>,
    separations: Named<SeparationNo>,
    reviews: Named<ReviewNo>,
}

type Named<N> = BTreeMap<ProfileNo, BTreeSet<N>>;

fn named<N: Copy>(index: &Named<N>, no: ProfileNo) -> impl Iterator<Item = N> {
    index.get(&no).into_iter().flatten().copied()
}

fn name<N: Ord>(index: &mut Named<N>, no: ProfileNo, row: N) {
    index.entry(no).or_default().insert(row);
}

fn unname<N: Ord>(index: &mut Named<N>, no: ProfileNo, row: N) {
    if let Some(rows) = index.get_mut(&no) {
        rows.remove(&row);
        if rows.is_empty() {
            index.remove(&no);
        }
    }
}

impl Data {
    /// Deletes must name rows that exist; checked before anything is put, so that a decision is applied whole.
    pub(super) fn check(&self, changes: &Changes) -> Result<(), EngineError> {
        let there = |row: &RowChange| match row {
            RowChange::Delete(RowKey::Binding(key)) => self.bindings.contains_key(key),
            RowChange::Delete(RowKey::View(root)) => self.views.contains_key(root),
            RowChange::Delete(RowKey::MergeLink(child)) => self.links.contains_key(child),
            RowChange::Delete(RowKey::Device(at)) => self.devices.contains_key(at),
            RowChange::Delete(RowKey::Separation(no)) => self.separations.contains_key(no),
            RowChange::Delete(RowKey::Event(seq)) => self.events.contains_key(seq),
            RowChange::Delete(RowKey::MemberRecord(no)) => self.profiles.contains_key(no),
            RowChange::Delete(RowKey::RootPointer(no)) => self.root_pointers.contains_key(no),
            RowChange::Delete(RowKey::EventId(id)) => self.event_ids.contains_key(id),
            RowChange::Delete(RowKey::LogEntry(no)) if no.is_refused() => self.refused.contains_key(no),
            RowChange::Delete(RowKey::LogEntry(no)) => self.requests.contains_key(no),
            RowChange::Delete(RowKey::QuarantinedElement(no)) => self.quarantine.contains_key(no),
            RowChange::Delete(RowKey::Idempotency(route, key)) => self.idempotency.contains_key(&(*route, key.clone())),
            RowChange::Delete(RowKey::Review(no)) => self.reviews.contains_key(no),
            RowChange::Delete(RowKey::History(no, seq)) => self.history.contains_key(&(*seq, *no)),
            _ => true,
        };
        if changes.rows.iter().all(there) {
            Ok(())
        } else {
            Err(EngineError::Broken("it deletes a row that is not there".into()))
        }
    }

    pub(super) fn apply(&mut self, rows: Vec<RowChange>) {
        for row in rows {
            match row {
                RowChange::Upsert(StoredRow::Binding(key, no)) => drop(self.bindings.insert(key, no)),
                RowChange::Delete(RowKey::Binding(key)) => drop(self.bindings.remove(&key)),
                RowChange::Upsert(StoredRow::MemberRecord(row)) => drop(self.profiles.insert(row.no, row)),
                RowChange::Upsert(StoredRow::RootPointer(row)) => {
                    name(&mut self.of.members, row.root, row.no);
                    let before = self.root_pointers.insert(row.no, row).filter(|before| before.root != row.root);
                    before.into_iter().for_each(|before| unname(&mut self.of.members, before.root, row.no));
                }
                RowChange::Upsert(StoredRow::View(root, row)) => drop(self.views.insert(root, row)),
                RowChange::Delete(RowKey::View(root)) => drop(self.views.remove(&root)),
                RowChange::Upsert(StoredRow::MergeLink(row)) => drop(self.links.insert(row.child, row)),
                RowChange::Delete(RowKey::MergeLink(child)) => drop(self.links.remove(&child)),
                RowChange::Upsert(StoredRow::Device(row)) => drop(self.devices.insert(row.at.clone(), row)),
                RowChange::Delete(RowKey::Device(at)) => drop(self.devices.remove(&at)),
                RowChange::Upsert(StoredRow::Event(row)) => drop(self.events.insert(row.seq, row)),
                RowChange::Delete(RowKey::Event(seq)) => drop(self.events.remove(&seq)),
                RowChange::Delete(RowKey::MemberRecord(no)) => drop(self.profiles.remove(&no)),
                RowChange::Delete(RowKey::RootPointer(no)) => {
                    let gone = self.root_pointers.remove(&no);
                    gone.into_iter().for_each(|row| unname(&mut self.of.members, row.root, no));
                }
                RowChange::Upsert(StoredRow::EventId(row)) => drop(self.event_ids.insert(row.id.clone(), row)),
                RowChange::Delete(RowKey::EventId(id)) => drop(self.event_ids.remove(&id)),
                RowChange::Upsert(StoredRow::Merge(row)) => drop(self.merges.insert(row.no, row)),
                RowChange::Upsert(StoredRow::Separation(row)) => {
                    [row.a.no, row.b.no].into_iter().for_each(|no| name(&mut self.of.separations, no, row.no));
                    self.separations.insert(row.no, row);
                }
                RowChange::Delete(RowKey::Separation(no)) => {
                    let sides = self.separations.remove(&no).map(|row| [row.a.no, row.b.no]);
                    sides.into_iter().flatten().for_each(|side| unname(&mut self.of.separations, side, no));
                }
                RowChange::Upsert(StoredRow::LogEntry(row)) => drop(self.requests.insert(row.no, row)),
                RowChange::Delete(RowKey::LogEntry(no)) if no.is_refused() => drop(self.refused.remove(&no)),
                RowChange::Delete(RowKey::LogEntry(no)) => drop(self.requests.remove(&no)),
                RowChange::Delete(RowKey::QuarantinedElement(no)) => drop(self.quarantine.remove(&no)),
                RowChange::Upsert(StoredRow::QuarantinedElement(row)) => drop(self.quarantine.insert(row.no, row)),
                RowChange::Upsert(StoredRow::Idempotency(row)) => {
                    drop(self.idempotency.insert((row.route, row.key.clone()), row))
                }
                RowChange::Delete(RowKey::Idempotency(route, key)) => drop(self.idempotency.remove(&(route, key))),
                RowChange::Upsert(StoredRow::OutboxMessage(row)) => drop(self.outbox.insert(row.request, row)),
                RowChange::Upsert(StoredRow::Change(row)) => drop(self.changes.insert(row.seq, row)),
                RowChange::Upsert(StoredRow::Review(row)) => {
                    let sides = std::iter::once(row.a.no).chain(row.b.map(|b| b.no));
                    sides.for_each(|no| name(&mut self.of.reviews, no, row.no));
                    self.reviews.insert(row.no, row);
                }
                RowChange::Delete(RowKey::Review(no)) => {
                    let sides = self.reviews.remove(&no).map(|row| [Some(row.a.no), row.b.map(|b| b.no)]);
                    sides.into_iter().flatten().flatten().for_each(|side| unname(&mut self.of.reviews, side, no));
                }
                RowChange::Upsert(StoredRow::History(row)) => drop(self.history.insert((row.seq, row.profile), row)),
                RowChange::Delete(RowKey::History(no, seq)) => drop(self.history.remove(&(seq, no))),
                RowChange::Upsert(StoredRow::PendingHolder(key, no)) => drop(self.holders.insert((key, no))),
                RowChange::Delete(RowKey::PendingHolder(key, no)) => drop(self.holders.remove(&(key, no))),
                RowChange::Upsert(StoredRow::FormerHolder(key, no)) => drop(self.former.insert((key, no))),
                RowChange::Delete(RowKey::FormerHolder(key, no)) => drop(self.former.remove(&(key, no))),
            }
        }
    }

    fn reviews_of(&self, no: ProfileNo) -> impl Iterator<Item = &Review> {
        let names = move |r: &&Review| r.a.no == no || r.b.is_some_and(|b| b.no == no);
        named(&self.of.reviews, no).filter_map(|it| self.reviews.get(&it)).filter(names)
    }

    /// Keeps the bounded families within their bounds, oldest dropped first.
    pub(super) fn trim(&mut self, bounds: &Bounds) {
        let mut bytes: u64 = self.quarantine.values().map(quarantine_bytes).sum();
        while self.quarantine.len() as u64 > bounds.quarantine_entries || bytes > bounds.quarantine_bytes {
            let Some((_, dropped)) = self.quarantine.pop_first() else { break };
            bytes -= quarantine_bytes(&dropped);
            self.quarantine_dropped += 1;
            if dropped.is_open() {
                self.counters.quarantined = self.counters.quarantined.saturating_sub(1);
            }
        }
        let mut bytes: u64 = self.idempotency.values().map(answer_bytes).sum();
        while bytes > bounds.answer_bytes {
            let oldest = self.idempotency.values().min_by_key(|row| (row.at, row.route as i64, &row.key));
            let Some(dropped) = oldest.filter(|row| self.counters.now.0 - row.at.0 >= ANSWERS_KEPT_MS).cloned() else {
                break;
            };
            bytes -= answer_bytes(&dropped);
            self.idempotency.remove(&(dropped.route, dropped.key));
        }
        let mut bytes: u64 = self.refused.values().map(refused_bytes).sum();
        while self.refused.len() as u64 > bounds.refused_entries || bytes > bounds.refused_bytes {
            let oldest = self.refused.values().min_by_key(|r| (r.received_at, r.no)).map(|r| r.no);
            let Some(dropped) = oldest.and_then(|no| self.refused.remove(&no)) else { break };
            bytes -= refused_bytes(&dropped);
        }
    }
}

impl FactSource for &Data {
    fn queries(&mut self) -> Result<&mut dyn FactQueries, EngineError> {
        Ok(self)
    }

    fn binding(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError> {
        Ok(self.bindings.get(key).copied())
    }

    fn profile(&mut self, no: ProfileNo) -> Result<Option<MemberRecord>, EngineError> {
        Ok(self.profiles.get(&no).cloned())
    }

    fn root_pointer(&mut self, no: ProfileNo) -> Result<Option<RootPointer>, EngineError> {
        Ok(self.root_pointers.get(&no).copied())
    }

    fn view(&mut self, root: ProfileNo) -> Result<Option<View>, EngineError> {
        Ok(self.views.get(&root).cloned())
    }

    fn link(&mut self, child: ProfileNo) -> Result<Option<MergeLink>, EngineError> {
        Ok(self.links.get(&child).cloned())
    }

    fn device(&mut self, at: &DeviceRef) -> Result<Option<Device>, EngineError> {
        Ok(self.devices.get(at).cloned())
    }

    fn event_id(&mut self, id: &str) -> Result<Option<EventId>, EngineError> {
        Ok(self.event_ids.get(id).cloned())
    }

    fn merge(&mut self, no: MergeNo) -> Result<Option<Merge>, EngineError> {
        Ok(self.merges.get(&no).cloned())
    }

    fn change(&mut self, seq: Seq) -> Result<Option<Change>, EngineError> {
        Ok(self.changes.get(&seq).copied())
    }

    fn separation(&mut self, no: SeparationNo) -> Result<Option<Separation>, EngineError> {
        Ok(self.separations.get(&no).cloned())
    }

    fn idempotency(&mut self, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError> {
        Ok(self.idempotency.get(&(route, key.into())).cloned())
    }

    fn review(&mut self, no: ReviewNo) -> Result<Option<Review>, EngineError> {
        Ok(self.reviews.get(&no).cloned())
    }

    fn quarantined(&mut self, no: QuarantineNo) -> Result<Option<QuarantinedElement>, EngineError> {
        Ok(self.quarantine.get(&no).cloned())
    }
}

impl FactQueries for &Data {
    fn members(&mut self, root: ProfileNo) -> Result<Vec<ProfileNo>, EngineError> {
        let below = |no: &ProfileNo| *no != root && self.root_pointers.get(no).is_some_and(|s| s.root == root);
        Ok(named(&self.of.members, root).filter(below).collect())
    }

    fn separations_of(&mut self, no: ProfileNo) -> Result<Vec<Separation>, EngineError> {
        Ok(named(&self.of.separations, no).filter_map(|it| self.separations.get(&it)).cloned().collect())
    }

    fn events_of(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<(Seq, Option<Box<str>>)>, EngineError> {
        let of = self.events.values().filter(|e| e.profile == no);
        Ok(of.map(|e| (e.seq, e.action.event_id.clone())).take(limit).collect())
    }

    fn devices_of(&mut self, no: ProfileNo) -> Result<Vec<DeviceRef>, EngineError> {
        Ok(self.devices.keys().filter(|at| at.profile == no).cloned().collect())
    }

    fn token(&mut self, token: &DeviceToken) -> Result<Option<DeviceRef>, EngineError> {
        Ok(self.devices.values().find(|d| d.fields.tokens().any(|t| t == *token)).map(|d| d.at.clone()))
    }

    fn review_pairs(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<ReviewPair>, EngineError> {
        let pair = |r: &Review| Some(ReviewPair { no: r.no, a: r.a.no, b: r.b?.no });
        Ok(self.reviews_of(no).filter(|r| r.state != ReviewState::Merged).filter_map(pair).take(limit).collect())
    }

    fn reviews_between(&mut self, a: ProfileNo, b: ProfileNo) -> Result<Vec<ReviewPair>, EngineError> {
        let mut pairs = self.review_pairs(a, usize::MAX)?;
        pairs.retain(|pair| pair.a == b || pair.b == b);
        Ok(pairs)
    }

    fn reviews_of_value(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ReviewAlone>, EngineError> {
        let is_it = |r: &&Review| r.state != ReviewState::Merged && r.b.is_none() && r.identifier == *key;
        let alone = |r: &Review| ReviewAlone { no: r.no, profile: r.a.no, is_open: r.is_open() };
        Ok(self.reviews.values().filter(is_it).map(alone).take(limit).collect())
    }

    fn reviews_of_holder(&mut self, key: &Identifier, no: ProfileNo) -> Result<Vec<ReviewAlone>, EngineError> {
        let mut reviews = self.reviews_of_value(key, usize::MAX)?;
        reviews.retain(|review| review.profile == no);
        Ok(reviews)
    }

    fn reviews_naming(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<(ReviewNo, bool)>, EngineError> {
        Ok(self.reviews_of(no).take(limit).map(|r| (r.no, r.is_open())).collect())
    }

    fn reviews_to_drop(&mut self, limit: usize) -> Result<Vec<(ReviewNo, bool)>, EngineError> {
        let mut all: Vec<(bool, ReviewNo)> = self.reviews.values().map(|r| (r.is_open(), r.no)).collect();
        all.sort_unstable();
        Ok(all.into_iter().take(limit).map(|(open, no)| (no, open)).collect())
    }

    fn noted(&mut self, limit: usize) -> Result<Vec<(Identifier, ProfileNo)>, EngineError> {
        Ok(self.holders.iter().take(limit).cloned().collect())
    }

    fn holders(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ProfileNo>, EngineError> {
        Ok(of_key(&self.holders, key, limit))
    }

    fn holds(&mut self, key: &Identifier, no: ProfileNo) -> Result<bool, EngineError> {
        Ok(self.holders.contains(&(key.clone(), no)))
    }

    fn profiles_after(&mut self, after: ProfileNo, limit: usize) -> Result<Vec<ProfileNo>, EngineError> {
        Ok(self.profiles.range(ProfileNo(after.0 + 1)..).take(limit).map(|(no, _)| *no).collect())
    }

    fn expired_requests(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<RequestNo>, EngineError> {
        let [applied, refused] = [&self.requests, &self.refused]
            .map(|family| oldest(family.values().filter(|r| r.received_at <= until), |r| (r.received_at, r.no)));
        Ok(applied.into_iter().chain(refused).take(limit).map(|r| (r.no, refused_bytes(r))).collect())
    }

    fn expired_quarantine(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<WithBytes<(QuarantineNo, bool)>, EngineError> {
        let rows = oldest(self.quarantine.values().filter(|q| q.at <= until), |q| (q.at, q.no));
        let entry = |q: &QuarantinedElement| ((q.no, q.is_open()), quarantine_bytes(q));
        Ok(rows.into_iter().take(limit).map(entry).collect())
    }

    fn expired_deleted(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<QuarantineNo>, EngineError> {
        let is_due = |q: &&QuarantinedElement| q.deleted_at.is_some_and(|at| at <= until);
        let rows = oldest(self.quarantine.values().filter(is_due), |q| (q.deleted_at, q.no));
        Ok(rows.into_iter().take(limit).map(|q| (q.no, quarantine_bytes(q))).collect())
    }

    fn expired_event_ids(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<Box<str>>, EngineError> {
        let rows = oldest(self.event_ids.values().filter(|e| e.at <= until), |e| (e.at, e.id.clone()));
        Ok(rows.into_iter().take(limit).map(|e| (e.id.clone(), e.id.len() as u64)).collect())
    }

    fn expired_idempotency(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<WithBytes<(Route, Box<str>)>, EngineError> {
        let key = |i: &Idempotency| (i.at, i.route, i.key.clone());
        let rows = oldest(self.idempotency.values().filter(|i| i.at <= until), key);
        let answer = |i: &Idempotency| ((i.route, i.key.clone()), payload(&i.cells()));
        Ok(rows.into_iter().take(limit).map(answer).collect())
    }

    fn expired_events(&mut self, until: Timestamp, limit: usize) -> Result<WithBytes<(ProfileNo, Seq)>, EngineError> {
        let rows = self.events.values().take(limit).take_while(|e| e.received_at <= until);
        Ok(rows.map(|e| ((e.profile, e.seq), payload(&e.cells()))).collect())
    }
}

/// The first of those that are noted with a key, by number.
pub(super) fn of_key(noted: &BTreeSet<(Identifier, ProfileNo)>, key: &Identifier, limit: usize) -> Vec<ProfileNo> {
    let from = (key.clone(), ProfileNo(0));
    noted.range(from..).take_while(|(k, _)| k == key).take(limit).map(|(_, no)| *no).collect()
}

/// Rows in the order of their age.
fn oldest<'r, R, K: Ord>(rows: impl Iterator<Item = &'r R>, age: impl Fn(&R) -> K) -> Vec<&'r R> {
    let mut rows: Vec<&R> = rows.collect();
    rows.sort_by_key(|row| age(row));
    rows
}
