//! Other events of a history besides requests, reverts and lifts: decisions of reviews, deletions, changes of settings,
//! activations batch by batch. Applied to rules and model alike.

use crate::engine::PlainWire;
use crate::histories::Turn;
use crate::reviews::{Decided, Noted};
use crate::variants::Variant;
use crate::world::{World, pick, plain, same};
use muster_core::decide::{
    ActivationProgress, Choose, ClearIndex, DecideReview, Delete, DeleteOutcome, Index, MergeUsers, MergeUsersOutcome,
    NamedUser, ReviewOutcome, Settle,
};
use muster_core::decision::Decision;
use muster_core::id::{ProfileId, ProfileNo, ReviewNo};
use muster_core::identifier::{Identifier, KindSettings};
use muster_core::settings::{Activation, ActivationPhase, Identity, Settings};
use muster_core::time::{Moment, Timestamp};
use std::sync::Arc;

const DAY: i64 = 86_400_000;

/// Settings and activations as a server keeps them.
#[derive(Clone)]
pub(crate) struct Driver {
    /// Settings with every kind active.
    all: Identity,
    /// Member records in one batch.
    pub(crate) batch: usize,
    /// Settings after the activation in progress.
    target: Identity,
    /// Settings before it, in force again if it is cancelled.
    before: Identity,
    /// An activation was cancelled, and its rows are not deleted yet.
    leaves_rows: bool,
    /// The current phase is finished.
    finished: bool,
}

impl Driver {
    pub(crate) fn new(variant: &Variant) -> Self {
        let all = variant.settings().identity;
        Self {
            target: all.clone(),
            before: all.clone(),
            all,
            batch: usize::from(variant.batch) + 1,
            leaves_rows: false,
            finished: false,
        }
    }
}

impl World {
    pub(crate) fn decide(&mut self, review: ReviewNo, choose: Choose) -> Result<(), String> {
        let decision = DecideReview { review, choose, settings: Arc::clone(&self.settings) };
        let (_, got) = self.store.run(&decision, Moment { at: self.now, micros: 0 })?;
        let want = self.model.decide(review, choose);
        match (got, want) {
            (ReviewOutcome::Closed { review: got, merge, separation, sides }, Decided::Closed(m, s, ends)) => {
                let want = self.model.reviews.iter().find(|r| r.no == review).unwrap();
                same(|| format!("review {review:?} as it was decided"), &Noted::new(&got), want)?;
                same(|| "merge and separation of a review".into(), &(merge, separation), &(m, s))?;
                let want: Vec<_> = ends.into_iter().map(|no| self.model.snapshot(no)).collect();
                let want: Vec<_> = want.into_iter().map(|mut side| (side.devices.clear(), side).1).collect();
                same(|| "sides of a review".into(), &sides.into_iter().map(plain).collect(), &want)
            }
            (ReviewOutcome::Unknown, Decided::Unknown) | (ReviewOutcome::AlreadyOpen, Decided::AlreadyOpen) => Ok(()),
            (ReviewOutcome::AlreadyClosed(got), Decided::AlreadyClosed(want)) => {
                same(|| "state of a review that was decided before".into(), &got, &want)
            }
            (ReviewOutcome::Refused(got), Decided::Refused(want)) => {
                same(|| "why a review cannot be decided".into(), &got, &want)
            }
            (got, want) => Err(format!("decision of a review:\n rules {got:?}\n model {want:?}")),
        }
    }

    pub(crate) fn delete(&mut self, n: u8) -> Result<(), String> {
        let no = ProfileNo(pick(n, self.model.people.len()));
        let known = self.model.people.iter().find(|p| p.id.no == no).map(|p| p.id);
        let user = NamedUser::Id(known.unwrap_or(ProfileId { created: self.now, no }));
        let decision = Delete {
            user,
            buffer_ms: DAY,
            over_budget: false,
            idempotency: None,
            origin: None,
            bytes: 0,
            arrived_micros: 0,
            wire: PlainWire,
        };
        let (_, outcome) = self.store.run(&decision, Moment { at: self.now, micros: 0 })?;
        if known.is_some() {
            let (root, due) = (self.model.root(no), Timestamp(self.now.0 + DAY));
            self.model.leaving.entry(root).or_insert(due);
            self.model.requests += 1;
        }
        match (outcome, known) {
            (DeleteOutcome::Accepted(_), Some(_)) | (DeleteOutcome::NotFound, None) => Ok(()),
            (other, _) => Err(format!("deletion of {no:?}: {other:?}")),
        }
    }

    /// Merges two users, each given by any of its ids.
    pub(crate) fn merge_users(&mut self, a: u8, b: u8) -> Result<(), String> {
        let id = |n: u8| {
            let no = ProfileNo(pick(n, self.model.people.len()));
            let known = self.model.people.iter().find(|p| p.id.no == no).map(|p| p.id);
            (known.unwrap_or(ProfileId { created: self.now, no }), known.is_some())
        };
        let ((survivor, knows_first), (merged, knows_second)) = (id(a), id(b));
        let decision = MergeUsers { survivor, merged, settings: Arc::clone(&self.settings) };
        let (_, got) = self.store.run(&decision, Moment { at: self.now, micros: 0 })?;
        let unknown = [(survivor, knows_first), (merged, knows_second)].into_iter().find(|(_, known)| !known);
        let want = match unknown {
            Some((id, _)) => MergeUsersOutcome::Unknown(id),
            None => self.model.merge_users(survivor.no, merged.no, got.clone()),
        };
        same(|| format!("merge of {merged:?} into {survivor:?} by an API call"), &got, &want)
    }

    /// Puts other identity settings in force.
    fn put(&mut self, identity: Identity) {
        let settings = Settings { identity, revision: self.settings.revision + 1, ..(*self.settings).clone() };
        self.store.settings_revision = settings.revision;
        self.settings = Arc::new(settings.clone());
        self.model.turn(settings);
        self.driver.finished = false;
    }

    /// Changes the settings, unless an activation is in progress.
    pub(crate) fn turn(&mut self, turn: &Turn) -> Result<(), String> {
        let mut identity = self.settings.identity.clone();
        if let (Turn::Cancel, Some(_)) = (turn, &identity.activation) {
            self.driver.leaves_rows = true;
            self.put(self.driver.before.clone());
            // Every other time, the server was killed before it deleted the rows.
            if self.settings.revision.is_multiple_of(2) {
                while !self.batch(&ClearIndex { revision: self.settings.revision })? {}
                self.driver.leaves_rows = false;
            }
            return Ok(());
        }
        if identity.activation.is_some() || self.driver.all.kinds.len() < 2 {
            return Ok(());
        }
        let other = |n: u8| {
            let others: Vec<_> = self.driver.all.kinds.iter().filter(|k| k.kind.name() != "customer_id").collect();
            others[usize::from(n) % others.len()].kind.clone()
        };
        match turn {
            Turn::Activate(bits) => self.activate(*bits),
            Turn::Cancel => {}
            Turn::Off => self.put(Identity { enabled: false, ..identity }),
            Turn::Pause(n) => {
                let kind = other(*n);
                identity.kinds.iter_mut().filter(|k| k.kind == kind).for_each(|k| k.paused = true);
                self.put(identity);
            }
            Turn::Remove(n) => {
                let kind = other(*n);
                identity.kinds.retain(|k| k.kind != kind);
                self.put(identity);
            }
        }
        Ok(())
    }

    /// Starts the activation of inactive kinds; the bits choose them, none means all.
    fn activate(&mut self, bits: u8) {
        let old = self.settings.identity.clone();
        let all = self.driver.all.kinds.clone();
        let missing: Vec<&KindSettings> = all.iter().filter(|k| old.active_kind(k.kind.name()).is_none()).collect();
        let mut chosen: Vec<KindSettings> =
            (0..).zip(&missing).filter(|(n, _)| bits >> n & 1 == 1).map(|(_, k)| (**k).clone()).collect();
        if chosen.is_empty() {
            chosen = missing.into_iter().cloned().collect();
        }
        if chosen.is_empty() {
            return;
        }
        let in_force = |k: &KindSettings| chosen.contains(k) || old.active_kind(k.kind.name()).is_some();
        let kinds = all.iter().filter(|k| in_force(k)).cloned().collect();
        self.driver.target = Identity { enabled: true, kinds, ..old.clone() };
        self.driver.before = old.clone();
        self.begin(old, ActivationPhase::Indexing, chosen);
    }

    fn begin(&mut self, identity: Identity, phase: ActivationPhase, kinds: Vec<KindSettings>) {
        let activation = Some(Activation { phase, kinds, since: self.settings.revision + 1 });
        self.put(Identity { activation, ..identity });
    }

    /// Advances an activation by one batch, the switch, or its end.
    pub(crate) fn advance(&mut self) -> Result<(), String> {
        let (identity, revision, batch) = (self.settings.identity.clone(), self.settings.revision, self.driver.batch);
        let Some(activation) = identity.activation.clone() else { return Ok(()) };
        match activation.phase {
            ActivationPhase::Indexing if self.driver.finished => {
                self.begin(self.driver.target.clone(), ActivationPhase::Joining, activation.kinds);
            }
            ActivationPhase::Indexing => {
                self.driver.finished = self.batch(&Index { identity, revision, batch })?;
                self.driver.leaves_rows &= self.store.counters.activation != activation.since;
            }
            ActivationPhase::Joining if self.driver.finished => {
                self.put(Identity { activation: None, ..self.driver.target.clone() });
            }
            ActivationPhase::Joining => {
                self.driver.finished = self.batch(&Settle {
                    identity: identity.clone(),
                    profile_bytes: muster_core::limits::PROFILE_BYTES_DEFAULT,
                    revision,
                    batch,
                })?;
                let finished = self.model.pass(&identity, batch);
                same(|| "whether the background pass is finished".into(), &self.driver.finished, &finished)?;
            }
        }
        Ok(())
    }

    fn batch<D: Decision<Output = ActivationProgress>>(&mut self, decision: &D) -> Result<bool, String> {
        match self.store.run(decision, Moment { at: self.now, micros: 0 })?.1 {
            ActivationProgress::Finished => Ok(true),
            ActivationProgress::At { done, total } if done <= total => Ok(false),
            other => Err(format!("a batch of an activation: {other:?}")),
        }
    }

    /// Checks that the index holds what member records hold; after the switch, what is not bound yet.
    pub(crate) fn activation(&self) -> Result<(), String> {
        let stored: Vec<(Identifier, ProfileNo)> = self.store.holders.keys().cloned().collect();
        match &self.settings.identity.activation {
            Some(Activation { phase: ActivationPhase::Indexing, kinds, .. }) => {
                let held: Vec<_> = kinds.iter().flat_map(|kind| self.model.holders(kind)).collect();
                match stored.iter().find(|row| !held.contains(row) && !self.driver.leaves_rows) {
                    Some(stale) => Err(format!("the index of an activation has {stale:?}, which no record holds")),
                    None => Ok(()),
                }
            }
            _ => {
                let mut unsettled = self.model.unsettled.clone();
                unsettled.sort();
                let stored = if self.driver.leaves_rows { unsettled.clone() } else { stored };
                same(|| "values that are not settled yet".into(), &stored, &unsettled)
            }
        }
    }
}
