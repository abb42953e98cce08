//! Reading the reference engine: linear searches over the ordered maps.

use super::data::{Data, of_key};
use crate::engine::EngineError;
use crate::fact_loading::FactQueries as _;
use crate::page::{Page, page_of};
use crate::reader::{Due, EventQuery, LiveProfile, Reader, RequestQuery, ReviewQuery};
use muster_core::change::{RowChange, StoredRow};
use muster_core::facts::Cutoffs;
use muster_core::id::{MergeNo, ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo, Seq};
use muster_core::identifier::Identifier;
use muster_core::kinds::Route;
use muster_core::profile::Member;
use muster_core::record::{
    Change, Counters, Event, History, Idempotency, LogEntry, MemberRecord, Merge, QuarantinedElement, RootPointer,
    Separation,
};
use muster_core::review::Review;
use muster_core::time::Timestamp;
use std::cmp::Reverse;
use std::sync::Arc;

/// A reader: the data as it was.
pub(super) struct MemoryReader {
    pub(super) data: Arc<Data>,
}

impl MemoryReader {
    fn member(&self, no: ProfileNo) -> Result<Member, EngineError> {
        const MISSING: &str = "a member has no member record";
        let profile = self.data.profiles.get(&no).ok_or(EngineError::Corrupt(MISSING.into()))?.clone();
        let root_pointer = *self.data.root_pointers.get(&no).ok_or(EngineError::Corrupt(MISSING.into()))?;
        let link = self.data.links.get(&no).cloned();
        let joined_at = link.as_ref().and_then(|link| self.data.changes.get(&link.seq)).map(|change| change.at);
        let devices = self.data.devices.values().filter(|d| d.at.profile == no).cloned().collect();
        Ok(Member { record: profile, root_pointer, link, joined_at, devices })
    }
}

impl Reader for MemoryReader {
    fn counters(&mut self) -> Result<Counters, EngineError> {
        Ok(self.data.counters)
    }

    fn binding(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError> {
        Ok(self.data.bindings.get(key).copied())
    }

    fn profile(&mut self, no: ProfileNo) -> Result<Option<LiveProfile>, EngineError> {
        let Some(root) = self.data.root_pointers.get(&no).map(|s| s.root) else { return Ok(None) };
        let mut members = vec![self.member(root)?];
        for no in (&*self.data).members(root)? {
            members.push(self.member(no)?);
        }
        Ok(Some(LiveProfile { root, members, view: self.data.views.get(&root).cloned() }))
    }

    fn due_deletions(&mut self, now: Timestamp, after: Option<Due>, limit: usize) -> Result<Vec<Due>, EngineError> {
        let roots = self.data.root_pointers.values().filter(|s| s.root == s.no);
        let due = roots.filter_map(|s| s.deletion.filter(|due| *due <= now).map(|due| (due, s.no)));
        let mut due: Vec<Due> = due.filter(|due| after.is_none_or(|after| *due > after)).collect();
        due.sort_unstable();
        due.truncate(limit);
        Ok(due)
    }

    fn oldest(&mut self) -> Result<Cutoffs, EngineError> {
        let data = &*self.data;
        Ok(Cutoffs {
            log: data.requests.values().chain(data.refused.values()).map(|r| r.received_at).min(),
            quarantine: data.quarantine.values().map(|q| q.at).min(),
            deleted: data.quarantine.values().filter_map(|q| q.deleted_at).min(),
            event_ids: data.event_ids.values().map(|e| e.at).min(),
            idempotency: data.idempotency.values().map(|i| i.at).min(),
            events: data.events.values().next().map(|e| e.received_at),
        })
    }

    fn events(&mut self, query: &EventQuery<'_>) -> Result<Page<Event>, EngineError> {
        let asked = |e: &&Event| {
            query.profiles.contains(&e.profile)
                && query.name.is_none_or(|name| *e.action.name == *name)
                && query.below.is_none_or(|below| (e.time, e.seq) < below)
        };
        let mut events: Vec<Event> = self.data.events.values().filter(asked).cloned().collect();
        events.sort_by_key(|e| Reverse((e.time, e.seq)));
        Ok(page_of(events.into_iter(), query.limit))
    }

    fn requests(&mut self, query: RequestQuery) -> Result<Page<LogEntry>, EngineError> {
        let asked = |r: &&LogEntry| {
            query.status.is_none_or(|status| r.status == status)
                && query.outcome.is_none_or(|outcome| r.elements.iter().any(|e| e.outcome == outcome))
                && query.below.is_none_or(|below| (r.received_at, r.no) < below)
                && query.since.is_none_or(|since| r.received_at >= since)
        };
        let all = self.data.requests.values().chain(self.data.refused.values());
        let mut requests: Vec<LogEntry> = all.filter(asked).cloned().collect();
        requests.sort_by_key(|r| Reverse((r.received_at, r.no)));
        Ok(page_of(requests.into_iter(), query.limit))
    }

    fn request(&mut self, no: RequestNo) -> Result<Option<LogEntry>, EngineError> {
        let family = if no.is_refused() { &self.data.refused } else { &self.data.requests };
        Ok(family.get(&no).cloned())
    }

    fn quarantine(
        &mut self,
        below: Option<QuarantineNo>,
        limit: usize,
    ) -> Result<Page<QuarantinedElement>, EngineError> {
        let asked = |q: &&QuarantinedElement| q.deleted_at.is_none() && below.is_none_or(|below| q.no < below);
        Ok(page_of(self.data.quarantine.values().rev().filter(asked).cloned(), limit))
    }

    fn quarantined(&mut self, no: QuarantineNo) -> Result<Option<QuarantinedElement>, EngineError> {
        Ok(self.data.quarantine.get(&no).filter(|q| q.deleted_at.is_none()).cloned())
    }

    fn deleted(&mut self, after: Timestamp, limit: usize) -> Result<Page<QuarantinedElement>, EngineError> {
        let is_asked = |q: &&QuarantinedElement| q.deleted_at.is_some_and(|at| at > after);
        let mut deleted: Vec<QuarantinedElement> = self.data.quarantine.values().filter(is_asked).cloned().collect();
        deleted.sort_by_key(|q| Reverse((q.deleted_at, q.no)));
        Ok(page_of(deleted.into_iter(), limit))
    }

    fn merges(&mut self, below: Option<MergeNo>, limit: usize) -> Result<Page<Merge>, EngineError> {
        let asked = |m: &&Merge| below.is_none_or(|below| m.no < below);
        Ok(page_of(self.data.merges.values().rev().filter(asked).cloned(), limit))
    }

    fn merge(&mut self, no: MergeNo) -> Result<Option<Merge>, EngineError> {
        Ok(self.data.merges.get(&no).cloned())
    }

    fn separations(&mut self, below: Option<SeparationNo>, limit: usize) -> Result<Page<Separation>, EngineError> {
        let asked = |s: &&Separation| below.is_none_or(|below| s.no < below);
        Ok(page_of(self.data.separations.values().rev().filter(asked).cloned(), limit))
    }

    fn reviews(&mut self, query: ReviewQuery) -> Result<Page<Review>, EngineError> {
        let asked = |r: &&Review| {
            query.state.is_none_or(|state| r.state == state) && query.below.is_none_or(|below| r.no < below)
        };
        Ok(page_of(self.data.reviews.values().rev().filter(asked).cloned(), query.limit))
    }

    fn review(&mut self, no: ReviewNo) -> Result<Option<Review>, EngineError> {
        Ok(self.data.reviews.get(&no).cloned())
    }

    fn root(&mut self, no: ProfileNo) -> Result<Option<RootPointer>, EngineError> {
        let root = self.data.root_pointers.get(&no).map(|root_pointer| root_pointer.root);
        Ok(root.and_then(|root| self.data.root_pointers.get(&root)).copied())
    }

    fn profiles(&mut self, after: ProfileNo, limit: usize) -> Result<Vec<MemberRecord>, EngineError> {
        Ok(self.data.profiles.range(ProfileNo(after.0 + 1)..).take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn separations_of(&mut self, no: ProfileNo) -> Result<Vec<Separation>, EngineError> {
        (&*self.data).separations_of(no)
    }

    fn holder(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError> {
        Ok((&*self.data).holders(key, 1)?.first().copied())
    }

    fn former(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ProfileNo>, EngineError> {
        Ok(of_key(&self.data.former, key, limit))
    }

    fn history(&mut self, profile: &MemberRecord) -> Result<Vec<History>, EngineError> {
        let row = |seq: &Seq| self.data.history.get(&(*seq, profile.no)).cloned();
        Ok(profile.history.iter().filter_map(row).collect())
    }

    fn changes(&mut self, places: &[Seq]) -> Result<Vec<Change>, EngineError> {
        Ok(places.iter().filter_map(|seq| self.data.changes.get(seq).copied()).collect())
    }

    fn idempotency(&mut self, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError> {
        Ok(self.data.idempotency.get(&(route, key.into())).cloned())
    }

    fn quarantine_dropped(&mut self) -> Result<u64, EngineError> {
        Ok(self.data.quarantine_dropped)
    }

    fn rows(&mut self, each: &mut dyn FnMut(RowChange)) -> Result<(), EngineError> {
        let data = &*self.data;
        data.bindings.iter().for_each(|(key, no)| each(RowChange::Upsert(StoredRow::Binding(key.clone(), *no))));
        data.profiles.values().cloned().map(StoredRow::MemberRecord).map(RowChange::Upsert).for_each(&mut *each);
        data.root_pointers.values().copied().map(StoredRow::RootPointer).map(RowChange::Upsert).for_each(&mut *each);
        data.views.iter().for_each(|(root, view)| each(RowChange::Upsert(StoredRow::View(*root, view.clone()))));
        data.links.values().cloned().map(StoredRow::MergeLink).map(RowChange::Upsert).for_each(&mut *each);
        data.devices.values().cloned().map(StoredRow::Device).map(RowChange::Upsert).for_each(&mut *each);
        data.events.values().cloned().map(StoredRow::Event).map(RowChange::Upsert).for_each(&mut *each);
        data.event_ids.values().cloned().map(StoredRow::EventId).map(RowChange::Upsert).for_each(&mut *each);
        data.merges.values().cloned().map(StoredRow::Merge).map(RowChange::Upsert).for_each(&mut *each);
        data.separations.values().cloned().map(StoredRow::Separation).map(RowChange::Upsert).for_each(&mut *each);
        data.requests.values().cloned().map(StoredRow::LogEntry).map(RowChange::Upsert).for_each(&mut *each);
        data.refused.values().cloned().map(StoredRow::LogEntry).map(RowChange::Upsert).for_each(&mut *each);
        data.quarantine
            .values()
            .cloned()
            .map(StoredRow::QuarantinedElement)
            .map(RowChange::Upsert)
            .for_each(&mut *each);
        data.idempotency.values().cloned().map(StoredRow::Idempotency).map(RowChange::Upsert).for_each(&mut *each);
        data.outbox.values().cloned().map(StoredRow::OutboxMessage).map(RowChange::Upsert).for_each(&mut *each);
        data.changes.values().copied().map(StoredRow::Change).map(RowChange::Upsert).for_each(&mut *each);
        data.reviews.values().cloned().map(StoredRow::Review).map(RowChange::Upsert).for_each(&mut *each);
        data.history.values().cloned().map(StoredRow::History).map(RowChange::Upsert).for_each(&mut *each);
        data.holders.iter().for_each(|(key, no)| each(RowChange::Upsert(StoredRow::PendingHolder(key.clone(), *no))));
        data.former.iter().for_each(|(key, no)| each(RowChange::Upsert(StoredRow::FormerHolder(key.clone(), *no))));
        Ok(())
    }
}
