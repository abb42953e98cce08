//! Delete Users (behaviour.md 4). One commit marks the whole live profile, which stays visible and updatable until its
//! time but takes part in no merge or revert. Then it is swept in bounded batches: first its events, finally everything
//! else at once.

use super::decision_state::{DecisionState, Known, Missing};
use super::import::Wire;
use crate::change::{Changes, RowChange, RowKey, StoredRow};
use crate::command::IdempotencyKey;
use crate::decision::{Decision, Step};
use crate::facts::{Facts, Needs};
use crate::id::{ProfileId, ProfileNo, RequestNo};
use crate::identifier::{Identifier, stored_identifier};
use crate::kinds::Route;
use crate::limits::IDEMPOTENCY_MS;
use crate::outcome::{Applied, RecordedAnswer};
use crate::record::{Idempotency, LogEntry, Omitted};
use crate::settings::{Identity, Settings};
use crate::time::{Moment, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How the user to delete is named.
#[derive(Clone, Debug, PartialEq)]
pub enum NamedUser {
    /// Live profile that this identifier resolves to.
    Identifier(Identifier),
    /// Live profile of this id.
    Id(ProfileId),
}

/// Marks a live profile for deletion.
pub struct Delete<W> {
    /// User.
    pub user: NamedUser,
    /// How long the profile stays, in milliseconds.
    pub buffer_ms: i64,
    /// The rate budget is spent: only replays and conflicts are answered.
    pub over_budget: bool,
    /// Idempotency key.
    pub idempotency: Option<IdempotencyKey>,
    /// Origin address, if the workspace keeps it.
    pub origin: Option<Arc<str>>,
    /// Bytes of the decoded body.
    pub bytes: u32,
    /// Time of arrival, by [`Moment::micros`].
    pub arrived_micros: u64,
    /// Writes the JSON that is stored.
    pub wire: W,
}

/// Result of a deletion request.
#[derive(Clone, Debug, PartialEq)]
pub enum DeleteOutcome {
    /// Marked, now or before; with the answer.
    Accepted(RecordedAnswer),
    /// Same key and same body as before: the recorded answer.
    Replayed(RecordedAnswer),
    /// Same key with another body: 409.
    KeyConflict,
    /// No user matches.
    NotFound,
    /// Over the budget: 429.
    OverBudget,
}

impl<W: Wire> Decision for Delete<W> {
    type Output = DeleteOutcome;

    fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        match &self.user {
            NamedUser::Identifier(key) => needs.bindings.push(key.clone().into()),
            NamedUser::Id(id) => needs.root_pointers.push(id.no),
        }
        needs.idempotency = self.idempotency.as_ref().map(|sent| (Route::Delete, sent.key.clone()));
        needs
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<DeleteOutcome> {
        if let Some(sent) = &self.idempotency
            && let Some(Some(found)) = facts.idempotency.get(&(Route::Delete, sent.key.clone()))
            && now.at.0 - found.at.0 < IDEMPOTENCY_MS
        {
            let same = found.body_hash == sent.body_hash;
            return Step::Leave(if same {
                DeleteOutcome::Replayed(found.answer.clone())
            } else {
                DeleteOutcome::KeyConflict
            });
        }
        if self.over_budget {
            return Step::Leave(DeleteOutcome::OverBudget);
        }
        let identity = Identity::off();
        let mut state = DecisionState::new(facts, &identity, now.at);
        match self.mark_profile(&mut state) {
            Ok(false) => Step::Leave(DeleteOutcome::NotFound),
            Ok(true) => {
                let answer = self.keep(&mut state, now);
                Step::Done(state.into_changes(), DeleteOutcome::Accepted(answer))
            }
            Err(Missing) => Step::NeedMore(state.needs),
        }
    }
}

impl<W: Wire> Delete<W> {
    /// Marks the profile; returns false if there is none. A repeated request keeps the time of the first one.
    fn mark_profile(&self, state: &mut DecisionState<'_>) -> Known<bool> {
        let no = match &self.user {
            NamedUser::Identifier(key) => state.binding(key)?,
            NamedUser::Id(id) => match state.root_pointers.get(&id.no) {
                None => return Err(state.need_root_pointer(id.no)),
                Some(found) => found.filter(|found| found.id() == *id).map(|found| found.no),
            },
        };
        let Some(no) = no else { return Ok(false) };
        let root = state.root_of(no)?;
        let due = Timestamp(state.now.0 + self.buffer_ms);
        let root_pointer = state.root_pointer_mut(root)?;
        root_pointer.deletion = Some(root_pointer.deletion.unwrap_or(due));
        Ok(true)
    }

    fn keep(&self, state: &mut DecisionState<'_>, now: Moment) -> RecordedAnswer {
        state.counters.request += 1;
        state.counters.requests_applied += 1;
        let request = RequestNo(state.counters.request);
        let first_new = ProfileNo(state.counters.profile + 1);
        let applied =
            Applied { request, received_at: now.at, elements: Arc::default(), warnings: Vec::new(), first_new };
        let answer = self.wire.answer(&applied);
        state.appended.push(RowChange::Upsert(StoredRow::LogEntry(LogEntry {
            no: request,
            received_at: now.at,
            status: answer.status,
            route: Route::Delete,
            origin: self.origin.clone(),
            bytes: self.bytes,
            duration_us: now.micros.saturating_sub(self.arrived_micros),
            warnings: Vec::new(),
            elements: Arc::default(),
            faults: Vec::new(),
            omitted: Omitted::default(),
        })));
        if let Some(sent) = &self.idempotency {
            state.appended.push(RowChange::Upsert(StoredRow::Idempotency(Idempotency {
                route: Route::Delete,
                key: sent.key.clone(),
                body_hash: sent.body_hash,
                at: now.at,
                answer: answer.clone(),
            })));
        }
        answer
    }
}

/// Sweeps one batch of a live profile whose deletion is due; the output says whether more is left.
pub struct Sweep {
    /// Live profile.
    pub root: ProfileNo,
    /// Settings in force; pending holders of an activation are deleted, too.
    pub settings: Arc<Settings>,
}

impl Decision for Sweep {
    type Output = bool;

    fn needs(&self) -> Needs {
        Needs { trees: vec![self.root], belongings: vec![self.root], ..Needs::default() }
    }

    fn revision(&self) -> Option<u64> {
        Some(self.settings.revision)
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<bool> {
        let due = |root_pointer: &crate::record::RootPointer| {
            root_pointer.root == self.root && root_pointer.deletion.is_some_and(|due| due <= now.at)
        };
        match facts.root_pointers.get(&self.root) {
            None => return Step::NeedMore(self.needs()),
            Some(found) if !found.as_ref().is_some_and(due) => return Step::Leave(false),
            Some(_) => {}
        }
        let mut state = DecisionState::new(facts, &self.settings.identity, now.at);
        match self.sweep(&mut state) {
            Ok((rows, more)) => {
                let mut changes: Changes = state.into_changes();
                changes.rows.extend(rows);
                Step::Done(changes, more)
            }
            Err(Missing) => Step::NeedMore(Needs { belongings: vec![self.root], ..state.needs }),
        }
    }
}

impl Sweep {
    fn sweep(&self, state: &mut DecisionState<'_>) -> Known<(Vec<RowChange>, bool)> {
        let members = state.members(self.root)?;
        let belongings = state.facts.belongings.get(&self.root).and_then(Option::as_ref).ok_or(Missing)?;
        let mut rows = Vec::new();
        if !belongings.events.is_empty() {
            for (no, seq) in &belongings.events {
                rows.push(RowChange::Delete(RowKey::Event(*seq)));
                let root_pointer = state.root_pointer_mut(*no)?;
                root_pointer.events = root_pointer.events.saturating_sub(1);
                let root = state.root_pointer_mut(self.root)?;
                root.tree.events = root.tree.events.saturating_sub(1);
            }
            rows.extend(belongings.event_ids.iter().cloned().map(|row| RowChange::Delete(RowKey::EventId(row))));
            let gone = belongings.events.len() as u64;
            state.counters.events = state.counters.events.saturating_sub(gone);
            state.counters.events_removed += gone;
            return Ok((rows, true));
        }
        if !belongings.reviews.is_empty() {
            rows.extend(belongings.reviews.iter().map(|(no, _)| RowChange::Delete(RowKey::Review(*no))));
            let open = belongings.reviews.iter().filter(|(_, open)| *open).count() as u64;
            let counters = &mut state.counters;
            counters.reviews_stored = counters.reviews_stored.saturating_sub(belongings.reviews.len() as u64);
            counters.reviews_open = counters.reviews_open.saturating_sub(open);
            return Ok((rows, true));
        }
        rows.extend(belongings.devices.iter().cloned().map(|row| RowChange::Delete(RowKey::Device(row))));
        state.counters.devices = state.counters.devices.saturating_sub(belongings.devices.len() as u64);
        if members.len() > 1 {
            rows.push(RowChange::Delete(RowKey::View(self.root)));
        }
        for no in members {
            let profile = state.record(no)?;
            rows.extend(profile.identifiers.iter().cloned().map(|row| RowChange::Delete(RowKey::Binding(row))));
            rows.extend(profile.history.iter().map(|seq| RowChange::Delete(RowKey::History(no, *seq))));
            let former: BTreeSet<&Identifier> = profile.former.iter().map(|former| &former.identifier).collect();
            rows.extend(former.into_iter().map(|key| RowChange::Delete(RowKey::FormerHolder(key.clone(), no))));
            for kind in self.settings.identity.activation.iter().flat_map(|activation| &activation.kinds) {
                let value = profile.attributes.get(kind.kind.name()).and_then(|write| write.value.as_ref());
                rows.extend(
                    value
                        .and_then(|value| stored_identifier(kind, value))
                        .map(|key| RowChange::Delete(RowKey::PendingHolder(key, no))),
                );
            }
            if state.facts.links.get(&no).is_some_and(Option::is_some) {
                rows.push(RowChange::Delete(RowKey::MergeLink(no)));
            }
            rows.extend([RowChange::Delete(RowKey::MemberRecord(no)), RowChange::Delete(RowKey::RootPointer(no))]);
        }
        state.counters.users = state.counters.users.saturating_sub(1);
        Ok((rows, false))
    }
}
