//! Rules and naive model side by side: the same steps on both, compared after each.

use crate::driver::Driver;
use crate::engine::{PlainWire, Store};
use crate::histories::{History, START, Step, element, import, later};
use crate::model::{Model, Why};
use crate::resolve::ResultSummary;
use crate::reviews::Noted;
use crate::variants::Variant;
use muster_core::command::{Element, Import};
use muster_core::decide::{ImportDecision, Lift, Revert, RevertOutcome};
use muster_core::id::{MergeNo, ProfileNo, RequestNo, ReviewNo, SeparationNo, Seq};
use muster_core::identifier::Identifier;
use muster_core::limits::HISTORY_MAX;
use muster_core::outcome::{ElementResult, ImportOutcome, Outcome};
use muster_core::profile::Profile;
use muster_core::profile::fold::{MemberRef, MemberTree};
use muster_core::record::Cause;
use muster_core::review::ReviewState;
use muster_core::settings::Settings;
use muster_core::time::{Moment, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) model: Model,
    pub(crate) settings: Arc<Settings>,
    pub(crate) now: Timestamp,
    pub(crate) driver: Driver,
}

/// Sends elements to a store; returns their results.
pub(crate) fn send(
    store: &mut Store,
    settings: &Arc<Settings>,
    elements: Vec<Element>,
    now: Timestamp,
) -> Result<Arc<[ElementResult]>, String> {
    run(store, import(settings, elements, false), now)
}

fn run(store: &mut Store, import: Import, now: Timestamp) -> Result<Arc<[ElementResult]>, String> {
    let decision = ImportDecision { import, wire: PlainWire };
    match store.run(&decision, Moment { at: now, micros: 0 })?.1 {
        ImportOutcome::Applied(applied, _) => Ok(applied.elements),
        other => Err(format!("a request was not applied: {other:?}")),
    }
}

/// Reverts a merge in a store.
pub(crate) fn revert(
    store: &mut Store,
    settings: &Settings,
    merge: MergeNo,
    now: Timestamp,
) -> Result<RevertOutcome, String> {
    let decision = Revert { merge, settings: Arc::new(settings.clone()) };
    Ok(store.run(&decision, Moment { at: now, micros: 0 })?.1)
}

/// Removes positions of the change sequence from a profile, and sorts where the order has no meaning.
pub(crate) fn plain(mut snapshot: Profile) -> Profile {
    snapshot.devices.iter_mut().for_each(|d| d.seq = 0);
    snapshot.devices.sort_by(|a, b| a.at.cmp(&b.at));
    snapshot.former.sort_by(|a, b| (a.until, &a.identifier).cmp(&(b.until, &b.identifier)));
    snapshot
}

pub(crate) fn same<T: PartialEq + Debug>(what: impl FnOnce() -> String, rules: &T, model: &T) -> Result<(), String> {
    if rules == model {
        return Ok(());
    }
    Err(format!("{}:\n rules {rules:?}\n model {model:?}", what()))
}

impl World {
    pub(crate) fn new(variant: &Variant) -> Self {
        let settings = variant.first();
        let (store, model) = (Store::new(), Model::new(settings.clone()));
        let driver = Driver::new(variant);
        Self { store, model, settings: Arc::new(settings), now: Timestamp(START), driver }
    }

    /// Runs a whole history; the error is the first difference.
    pub(crate) fn run(history: &History) -> Result<Self, String> {
        let mut world = Self::new(&history.variant);
        for (n, step) in history.steps.iter().enumerate() {
            world.step(step).and_then(|()| world.compare()).map_err(|e| format!("step {n} {step:?}: {e}"))?;
        }
        Ok(world)
    }

    pub(crate) fn step(&mut self, step: &Step) -> Result<(), String> {
        self.model.stamp = (self.now, None);
        match step {
            Step::Send { later: by, dry, elements } => {
                self.now = Timestamp(self.now.0 + later(*by));
                let elements: Vec<Element> =
                    elements.iter().enumerate().map(|(i, d)| element(i, d, &self.settings, self.now)).collect();
                self.send(elements, *dry)
            }
            Step::Revert(n) => self.revert(MergeNo(pick(*n, self.model.joins.len()))),
            Step::Lift(n) => self.lift(SeparationNo(pick(*n, self.model.separations_ever as usize))),
            Step::Decide(n, choose) => self.decide(ReviewNo(pick(*n, self.model.reviews.len())), *choose),
            Step::Delete(n) => self.delete(*n),
            Step::Merge(a, b) => self.merge_users(*a, *b),
            Step::Turn(turn) => {
                self.turn(turn)?;
                Ok(())
            }
            Step::Advance(n) => (0..=n % 4).try_for_each(|_| self.advance()),
        }
    }

    pub(crate) fn send(&mut self, elements: Vec<Element>, dry: bool) -> Result<(), String> {
        let foretold = if dry { Some(self.dry(elements.clone())?) } else { None };
        self.model.requests += 1;
        self.model.stamp = (self.now, Some(RequestNo(self.model.requests)));
        let want: Vec<ResultSummary> = elements.iter().map(|e| self.model.element(e, self.now)).collect();
        let results = send(&mut self.store, &self.settings, elements, self.now)?;
        if let Some(foretold) = foretold {
            same(|| "law L8: a dry run (rules) and what came then (model)".into(), &foretold, &results)?;
        }
        let got: Vec<ResultSummary> = results.iter().map(ResultSummary::new).collect();
        same(|| "results".into(), &got, &want)
    }

    /// Law L8: a dry run changes no state.
    fn dry(&mut self, elements: Vec<Element>) -> Result<Arc<[ElementResult]>, String> {
        let before = self.store.clone();
        let results = run(&mut self.store, import(&self.settings, elements, true), self.now)?;
        if self.store == before { Ok(results) } else { Err("law L8: a dry run changed something".into()) }
    }

    fn revert(&mut self, no: MergeNo) -> Result<(), String> {
        let known = self.model.joins.iter().find(|j| j.no == no).map(|j| j.reverted);
        let outcome = revert(&mut self.store, &self.settings, no, self.now)?;
        let want = match known {
            None => RevertOutcome::Unknown,
            Some(Some(at)) => RevertOutcome::AlreadyReverted(at),
            Some(None) if self.model.leaving.contains_key(&self.model.root_of_merge(no)) => {
                RevertOutcome::UnderDeletion
            }
            Some(None) => {
                let (root, part) = self.model.revert(no).ok_or("the model cannot revert")?;
                let side = |no| {
                    let mut side = self.model.snapshot(no);
                    side.devices.clear();
                    side
                };
                RevertOutcome::Reverted {
                    survivor: self.model.person(root).id,
                    restored: self.model.person(part).id,
                    separation: SeparationNo(self.model.separations_ever),
                    sides: Box::new((side(root), side(part))),
                }
            }
        };
        let got = match outcome {
            RevertOutcome::Reverted { survivor, restored, separation, sides } => {
                let (a, b) = *sides;
                RevertOutcome::Reverted { survivor, restored, separation, sides: Box::new((plain(a), plain(b))) }
            }
            other => other,
        };
        same(|| format!("revert of {no}"), &got, &want)
    }

    fn lift(&mut self, separation: SeparationNo) -> Result<(), String> {
        let (_, was_there) = self.store.run(&Lift { separation }, Moment { at: self.now, micros: 0 })?;
        same(|| format!("lift of {separation}"), &was_there, &self.model.lift(separation))
    }

    /// Compares everything that is stored with the model.
    pub(crate) fn compare(&self) -> Result<(), String> {
        let (store, model) = (&self.store, &self.model);
        self.activation()?;
        let mut bindings = model.bindings.clone();
        bindings.sort();
        // Bindings of inactive kinds have no meaning.
        let active = |key: &Identifier| self.settings.identity.active_kind(key.kind.name()).is_some();
        let stored: Vec<(Identifier, ProfileNo)> =
            store.bindings.iter().filter(|(k, _)| active(k)).map(|(k, no)| (k.clone(), *no)).collect();
        same(|| "bindings".into(), &stored, &bindings)?;
        let reviews: Vec<Noted> = store.reviews.values().map(Noted::new).collect();
        same(|| "reviews".into(), &reviews, &model.reviews)?;
        for person in &model.people {
            let no = person.id.no;
            same(|| format!("root of {no:?}"), &store.root(no), &model.root(no))?;
            let events: Vec<Timestamp> = store.events.values().filter(|e| e.profile == no).map(|e| e.time).collect();
            same(|| format!("events of {no:?}"), &events, &person.events)?;
        }
        for root in model.live() {
            let want = model.snapshot(root);
            let shown = plain(store.snapshot(root, &self.settings.identity, false)?);
            same(|| format!("what {root:?} shows, by its view"), &shown, &want)?;
            let folded = plain(store.snapshot(root, &self.settings.identity, true)?);
            same(|| format!("current values of {root:?}, folded from its member records"), &folded, &want)?;
            let leaving = model.leaving.get(&root).copied();
            same(|| format!("deletion of {root:?}"), &store.root_pointers[&root].deletion, &leaving)?;
        }
        let pair = |a: ProfileNo, b: ProfileNo| (a.min(b), a.max(b));
        let separations: Vec<_> = store.separations.values().map(|s| (s.no, pair(s.a.no, s.b.no))).collect();
        let want: Vec<_> = model.separations.iter().map(|(no, a, b)| (*no, pair(*a, *b))).collect();
        same(|| "separations".into(), &separations, &want)?;
        self.counters()?;
        self.merges()?;
        invariants(store)
    }

    fn counters(&self) -> Result<(), String> {
        let (c, m) = (&self.store.counters, &self.model);
        let got = [c.profile, c.users, c.merge, c.separation, c.request, c.requests_applied];
        let want = [
            m.people.len() as u64,
            m.live().len() as u64,
            m.joins.len() as u64,
            m.separations_ever,
            m.requests,
            m.requests,
        ];
        same(|| "counters of profile, users, merge, separation, request, requests_applied".into(), &got, &want)?;
        let events: usize = m.people.iter().map(|p| p.events.len()).sum();
        let devices: usize = m.people.iter().map(|p| p.devices.len()).sum();
        let reviews = m.reviews.len() as u64;
        let open = m.reviews.iter().filter(|r| r.state == ReviewState::Open).count() as u64;
        let got = [c.review, c.reviews_stored, c.reviews_open, c.reviews_dropped];
        same(|| "counters of reviews: given, stored, open, dropped".into(), &got, &[reviews, reviews, open, 0])?;
        let got = [c.events, c.events_accepted, c.events_removed, c.devices, c.quarantine, c.quarantined];
        let want = [events as u64, m.accepted, 0, devices as u64, m.quarantined, m.quarantined];
        same(|| "counters of events, accepted, removed, devices, quarantine, quarantined".into(), &got, &want)
    }

    fn merges(&self) -> Result<(), String> {
        for join in &self.model.joins {
            let merge = self.store.merges.get(&join.no).ok_or_else(|| format!("{} has no record", join.no))?;
            let (why, choice) = match &merge.cause {
                Cause::Identifiers { rule, .. } => (Why::Keys, Some(*rule)),
                Cause::Activation => (Why::Activation, None),
                Cause::Review(no) => (Why::Review(*no), None),
                Cause::Api => (Why::Hand, None),
            };
            let got = (merge.survivor.no, merge.merged.no, merge.at, (why, choice), merge.reverted_at);
            let by_rule = (join.why == Why::Keys).then_some(join.choice);
            let want = (join.top, join.part, join.at, (join.why, by_rule), join.reverted);
            same(|| format!("record of {}", join.no), &got, &want)?;
            let combined =
                merge.combined.iter().map(|c| (c.field.clone(), c.old.clone().unwrap(), c.new.clone().unwrap()));
            let combined = combined.collect();
            let (got, want) = ((&merge.filled, combined), (&join.filled, join.combined.clone()));
            same(|| format!("what {} filled and combined", join.no), &got, &want)?;
        }
        Ok(())
    }
}

/// Returns a number from 1 to one more than exist.
pub(crate) fn pick(n: u8, there: usize) -> u64 {
    u64::from(n) % (there as u64 + 1) + 1
}

/// Checks laws L1 to L4, and the relations between families, on stored rows alone.
pub(crate) fn invariants(store: &Store) -> Result<(), String> {
    let held = |no: &ProfileNo, key: &Identifier| store.profiles.get(no).is_some_and(|p| p.identifiers.contains(key));
    if let Some((key, _)) = store.bindings.iter().find(|(key, no)| !held(no, key)) {
        return Err(format!("law L1: {key:?} is bound to an id that does not hold it"));
    }
    for profile in store.profiles.values() {
        if let Some(key) = profile.identifiers.iter().find(|k| store.bindings.get(k) != Some(&profile.no)) {
            return Err(format!("law L2: {:?} holds {key:?}, which is not bound to it", profile.no));
        }
        // An id that was changed is kept beside the new one.
        let kinds: Vec<_> = profile.identifiers.iter().map(|k| &k.kind).filter(|k| k.name() != "customer_id").collect();
        if kinds.iter().enumerate().any(|(i, k)| kinds[..i].contains(k)) {
            return Err(format!("{:?} holds two identifiers of one kind", profile.no));
        }
    }
    let told = |p: &muster_core::record::MemberRecord| -> Vec<_> {
        p.former.iter().map(|f| ((f.identifier.clone(), p.no), ())).collect()
    };
    let told: BTreeMap<_, _> = store.profiles.values().flat_map(told).collect();
    same(|| "former holders (rules: stored, model: listed by the records)".into(), &store.former, &told)?;
    for root_pointer in store.root_pointers.values() {
        let (no, root) = (root_pointer.no, root_pointer.root);
        if store.root_pointers.get(&root).is_none_or(|r| r.root != root) {
            return Err(format!("law L3: {no:?} redirects to {root:?}, which is not live"));
        }
        if store.links.contains_key(&no) == (no == root) {
            return Err(format!("law L3: link and root of {no:?} disagree"));
        }
        if store.profiles.get(&no).is_none_or(|p| p.created != root_pointer.created) {
            return Err(format!("root pointer and member record of {no:?} disagree about the creation time"));
        }
        let rows: Vec<Seq> = store.history.keys().filter(|(of, _)| *of == no).map(|(_, seq)| *seq).collect();
        if rows != store.profiles[&no].history || rows.len() > HISTORY_MAX {
            return Err(format!("{no:?} does not name its rows of history, or has too many"));
        }
        let members = store.members(no);
        if store.views.contains_key(&no) != (no == root && members.len() > 1) {
            return Err(format!("{no:?} has a view and needs none, or the other way round"));
        }
        let events = store.events.values().filter(|e| e.profile == no).count() as u64;
        let devices = store.devices.values().filter(|d| d.at.profile == no).count();
        if (root_pointer.events, root_pointer.devices as usize) != (events, devices) {
            return Err(format!("law L4: {no:?} counts events or devices that it does not have"));
        }
    }
    let c = &store.counters;
    if c.events != store.events.len() as u64 || c.events != c.events_accepted - c.events_removed {
        return Err("law L4: stored events are not accepted - removed".into());
    }
    views(store)
}

/// Checks that the stored view equals the fold of the member records.
fn views(store: &Store) -> Result<(), String> {
    for (root, view) in &store.views {
        let members: Vec<_> = store.members(*root);
        let refs = members.iter().map(|no| MemberRef { record: &store.profiles[no], link: store.links.get(no) });
        let folded = MemberTree::new(refs).current_values(*root);
        same(|| format!("view of {root:?} (rules: kept, model: folded)"), view, &folded)?;
    }
    Ok(())
}

/// Whether a result is a merge, for generators that need one.
pub(crate) fn merged(result: &ElementResult) -> bool {
    result.outcome == Outcome::Merged
}
