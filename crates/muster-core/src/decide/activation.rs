//! Activation of identifier kinds over stored data (behaviour.md 3.5). Stored values are indexed in batches while
//! imports continue under the old settings and keep the index current; then one change of the settings activates the
//! kinds. From then on, a lookup joins all holders of its value, and a background pass joins those that no import has
//! touched. The phase is in the settings, the progress in the counters.

use super::decision_state::{DecisionState, Known, Missing};
use super::guard::CandidateGroup;
use super::join::{Causing, Origin, join_all};
use super::review::{WithheldIdentifier, withhold};
use super::write;
use crate::decision::{Decision, Step};
use crate::explanation::GuardReason;
use crate::facts::{Facts, Needs};
use crate::id::{ProfileId, ProfileNo};
use crate::identifier::{Identifier, stored_identifier};
use crate::kinds::SurvivorChoice;
use crate::limits::{HOLDERS_MAX, NOTED_MAX};
use crate::record::Write;
use crate::settings::{Activation, ActivationPhase, Identity};
use crate::time::Moment;
use crate::value::Value;

/// Progress of a phase of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationProgress {
    /// Profiles up to a number are done.
    At {
        /// Last profile number that was processed.
        done: u64,
        /// Last profile number that was assigned.
        total: u64,
    },
    /// All profiles are done.
    Finished,
    /// The settings have no activation in this phase.
    Idle,
}

/// One batch of indexing: releases what the kind held when it was active before, and notes stored values.
pub struct Index {
    /// Identity settings, with the activation that is indexing.
    pub identity: Identity,
    /// Revision of the settings.
    pub revision: u64,
    /// Number of member records to read: [`crate::limits::ACTIVATION_BATCH`], except in tests.
    pub batch: usize,
}

/// One batch of deleting what a cancelled activation has indexed. The settings have no activation.
pub struct ClearIndex {
    /// Revision of the settings.
    pub revision: u64,
}

/// One batch of the background pass that joins holders of the same value, by ascending id and rank of the kind.
pub struct Settle {
    /// Identity settings, with the activation that is joining.
    pub identity: Identity,
    /// Largest live profile, in bytes.
    pub profile_bytes: u64,
    /// Revision of the settings.
    pub revision: u64,
    /// Number of member records to read: [`crate::limits::ACTIVATION_BATCH`], except in tests.
    pub batch: usize,
}

impl Decision for Index {
    type Output = ActivationProgress;

    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn revision(&self) -> Option<u64> {
        Some(self.revision)
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<ActivationProgress> {
        batch(facts, now, (&self.identity, ActivationPhase::Indexing, self.batch), |state, activation, numbers| {
            // Rows before the first batch were left by a cancelled activation; the batches will note again what imports
            // have noted since.
            let is_first = facts.counters.activation != activation.since;
            if is_first && clear(state)? {
                return Ok(None);
            }
            numbers.iter().try_for_each(|no| index(state, activation, *no))?;
            Ok(numbers.last().copied())
        })
    }
}

impl Decision for ClearIndex {
    type Output = ActivationProgress;

    fn needs(&self) -> Needs {
        Needs { noted: NOTED_MAX, ..Needs::default() }
    }

    fn revision(&self) -> Option<u64> {
        Some(self.revision)
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<ActivationProgress> {
        let identity = Identity::off();
        let mut state = DecisionState::new(facts, &identity, now.at);
        match clear(&mut state) {
            Err(Missing) => Step::NeedMore(state.needs),
            Ok(true) => {
                Step::Done(state.into_changes(), ActivationProgress::At { done: 0, total: facts.counters.profile })
            }
            Ok(false) => Step::Leave(ActivationProgress::Finished),
        }
    }
}

fn clear(state: &mut DecisionState<'_>) -> Known<bool> {
    let Some(noted) = &state.facts.noted else {
        state.needs.noted = NOTED_MAX;
        return Err(Missing);
    };
    for row in noted {
        state.holding.set(row.clone(), None);
    }
    Ok(!noted.is_empty())
}

impl Decision for Settle {
    type Output = ActivationProgress;

    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn revision(&self) -> Option<u64> {
        Some(self.revision)
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<ActivationProgress> {
        batch(facts, now, (&self.identity, ActivationPhase::Joining, self.batch), |state, activation, numbers| {
            state.profile_bytes_max = self.profile_bytes;
            pass(state, activation, numbers)
        })
    }
}

fn batch(
    facts: &Facts,
    now: Moment,
    (identity, phase, size): (&Identity, ActivationPhase, usize),
    run: impl FnOnce(&mut DecisionState<'_>, &Activation, &[ProfileNo]) -> Known<Option<ProfileNo>>,
) -> Step<ActivationProgress> {
    let activation = match &identity.activation {
        Some(activation) if activation.phase == phase => activation,
        _ => return Step::Leave(ActivationProgress::Idle),
    };
    let so_far = if facts.counters.activation == activation.since { facts.counters.activation_done } else { 0 };
    let Some(numbers) = &facts.scan else {
        return Step::NeedMore(Needs { scan: Some((ProfileNo(so_far), size)), ..Needs::default() });
    };
    let mut state = DecisionState::new(facts, identity, now.at);
    let Ok(last) = run(&mut state, activation, numbers) else {
        return Step::NeedMore(state.needs);
    };
    let total = facts.counters.profile;
    let finished = numbers.len() < size && !facts.scan_is_short && last == numbers.last().copied();
    let done = if finished { total } else { last.map_or(so_far, |no| no.0) };
    // If rows were only deleted, the next batch is the first.
    if finished || last.is_some() {
        (state.counters.activation, state.counters.activation_done) = (activation.since, done);
    }
    Step::Done(
        state.into_changes(),
        if finished { ActivationProgress::Finished } else { ActivationProgress::At { done, total } },
    )
}

fn index(state: &mut DecisionState<'_>, activation: &Activation, no: ProfileNo) -> Known<()> {
    for kind in &activation.kinds {
        let profile = state.record(no)?;
        let stale = profile.identifiers.iter().find(|identifier| identifier.kind == kind.kind).cloned();
        let value = profile.attributes.get(kind.kind.name()).and_then(|write| write.value.as_ref());
        let holds = value.and_then(|value| stored_identifier(kind, value));
        if let Some(stale) = stale {
            write::remove_identifier(state, no, &stale)?;
            state.bindings.set(stale, None);
        }
        if let Some(identifier) = holds {
            state.holding.set((identifier, no), Some(()));
        }
    }
    Ok(())
}

/// Settles the values of these member records; returns the last one done: many joins end a batch early.
fn pass(state: &mut DecisionState<'_>, activation: &Activation, numbers: &[ProfileNo]) -> Known<Option<ProfileNo>> {
    let (mut last, mut looked_at, mut missing) = (None, 0, false);
    'batch: for no in numbers {
        if looked_at > 2 * HOLDERS_MAX {
            break;
        }
        for kind in &activation.kinds {
            let value = state.record(*no)?.attributes.get(kind.kind.name()).and_then(|write| write.value.as_ref());
            let Some(identifier) = value.and_then(|value| stored_identifier(kind, value)) else { continue };
            state.savepoint();
            let holds = state.is_holder(&identifier, *no);
            if holds == Ok(false) {
                continue;
            }
            if state.unsettled.contains(&identifier) {
                missing = true;
                continue;
            }
            // Everything that the first lookup of a value needs is requested at once.
            let settled = match (holds, state.holders(&identifier), state.binding(&identifier)) {
                // The holders that were read are settled, without this one: the next batch continues.
                (Ok(true), Ok(holders), _) if holders.is_empty() => break 'batch,
                (Ok(true), Ok(holders), Ok(_)) => settle(state, &identifier).map(|_| holders.len()),
                _ => Err(Missing),
            };
            match settled {
                // This lookup did not read it: the next batch continues.
                Ok(_) if state.is_holder(&identifier, *no) == Ok(true) => break 'batch,
                Ok(holders) => looked_at += holders,
                Err(Missing) => missing = true,
            }
        }
        last = Some(*no);
    }
    if missing { Err(Missing) } else { Ok(last) }
}

/// Profiles that were merged, and what chose the survivor.
pub(super) type Settled = Option<(Vec<ProfileId>, SurvivorChoice)>;

/// Binds a value of an activating kind: its holders are tried in order of id and kept if they do not conflict with
/// those before; a withheld holder keeps the value as a plain attribute.
pub(super) fn settle(state: &mut DecisionState<'_>, identifier: &Identifier) -> Known<Settled> {
    if state.identity.activating_kind(ActivationPhase::Joining, identifier.kind.name()).is_none() {
        return Ok(None);
    }
    if state.unsettled.contains(identifier) {
        return Err(Missing);
    }
    let settled = settle_holders(state, identifier);
    if settled.is_err() {
        state.unsettled.insert(identifier.clone());
    }
    settled
}

fn settle_holders(state: &mut DecisionState<'_>, identifier: &Identifier) -> Known<Settled> {
    let (holders, bound) = (state.holders(identifier), state.binding(identifier));
    let (mut holders, bound) = (holders?, bound?);
    // Holders that were deleted since, and rows of a cancelled activation whose value was replaced since.
    let Some(kind) = state.identity.activating_kind(ActivationPhase::Joining, identifier.kind.name()) else {
        return Ok(None);
    };
    let is_gone = |state: &DecisionState<'_>, no: &ProfileNo| {
        let holds = |value: &Write<Value>| {
            value.value.as_ref().and_then(|value| stored_identifier(kind, value)).as_ref() == Some(identifier)
        };
        match (state.root_pointers.get(no), state.records.get(no)) {
            (Some(None), _) => true,
            (_, Some(Some(profile))) => !profile.attributes.get(identifier.kind.name()).is_some_and(holds),
            _ => false,
        }
    };
    let mut missing = false;
    for no in &holders {
        // All of them are requested before giving up.
        missing |= !matches!(state.root_pointers.get(no), Some(None)) && state.record(*no).is_err();
    }
    if missing {
        return Err(Missing);
    }
    let gone: Vec<ProfileNo> = holders.extract_if(.., |no| is_gone(state, no)).collect();
    for no in gone {
        state.holding.set((identifier.clone(), no), None);
    }
    if holders.is_empty() {
        return Ok(None);
    }
    let found = roots(state, bound.iter().chain(&holders))?;
    let mut group = CandidateGroup::new();
    if bound.is_some() {
        group.keep(state, identifier, Some(found[0]));
    }
    let (mut kept, mut withheld): (Vec<ProfileNo>, Vec<(ProfileNo, GuardReason)>) = (Vec::new(), Vec::new());
    for (holder, root) in holders.iter().zip(&found[usize::from(bound.is_some())..]) {
        match group.conflict(state, identifier, Some(*root))? {
            None => {
                group.keep(state, identifier, Some(*root));
                kept.push(*holder);
            }
            Some(reason) if !withheld.iter().any(|(root_aside, _)| root_aside == root) => {
                withheld.push((*root, reason))
            }
            Some(_) => {}
        }
    }
    for holder in holders {
        state.holding.set((identifier.clone(), holder), None);
    }
    let causing = Causing { request: None, origin: Origin::Activation, writes_email: false };
    let (root, joined) = match &group.roots[..] {
        [root] => (*root, None),
        roots => {
            let (root, merged, choice) = join_all(state, roots, &causing)?;
            (root, Some((merged, choice)))
        }
    };
    if bound.is_none()
        && let Some(record) = kept.iter().find(|no| **no == root).or(kept.first()).copied()
    {
        state.bindings.set(identifier.clone(), Some(record));
        write::add_identifier(state, record, identifier)?;
    }
    for (other, reason) in withheld {
        withhold(state, &WithheldIdentifier { root, other: Some(other), identifier, reason, request: None })?;
    }
    Ok(joined)
}

/// Returns the live profiles of these ids, in order. Requests everything that guards and joins need before giving up.
fn roots<'n>(state: &mut DecisionState<'_>, ids: impl Iterator<Item = &'n ProfileNo>) -> Known<Vec<ProfileNo>> {
    let mut missing = false;
    let mut roots = Vec::new();
    for no in ids {
        missing |= state.record(*no).is_err();
        match state.root_of(*no) {
            Ok(root) => roots.push(root),
            Err(Missing) => missing = true,
        }
    }
    if missing {
        return Err(Missing);
    }
    let several = roots.iter().any(|root| *root != roots[0]);
    // An import may join them to others by another identifier.
    missing |= (several || state.request.is_some()) && state.needs_more_facts(&roots);
    if missing { Err(Missing) } else { Ok(roots) }
}
