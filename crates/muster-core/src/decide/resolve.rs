//! The users that the keys of an element lead to (behaviour.md 3.2, 3.3): keys are tried in order of rank and kept if they
//! conflict with none kept before; a key set aside is neither matched nor stored from this element.

use super::activation::{Settled, settle};
use super::decision_state::{DecisionState, Known, Missing};
use super::guard::CandidateGroup;
use super::notes::Notes;
use crate::attribute::CUSTOMER_ID;
use crate::command::GivenIdentifier;
use crate::explanation::{GuardReason, IdentifierDecision, IdentifierOutcome};
use crate::id::ProfileNo;
use crate::warning::Code;

/// What became of the keys.
#[derive(Debug, Default)]
pub(super) struct Resolved<'k> {
    /// The kept keys in order of rank, with the id that each is bound to.
    pub(super) kept: Vec<(&'k GivenIdentifier, Option<ProfileNo>)>,
    /// The live profiles that they lead to, in order of the keys, none twice.
    pub(super) roots: Vec<ProfileNo>,
    /// The keys set aside, with the live profile that each leads to; with a new `customer_id` that nobody has, the one that
    /// the id beside it leads to.
    pub(super) withheld: Vec<(&'k GivenIdentifier, Option<ProfileNo>, GuardReason)>,
    /// Who was joined since they hold the same value of a kind that has just become active, and what chose.
    pub(super) settled: Settled,
}

impl<'k> Resolved<'k> {
    /// The `customer_id` that names whoever the element is about, if nobody has it.
    pub(super) fn unbound_id(&self) -> Option<&'k GivenIdentifier> {
        let mut ids = self.kept.iter().filter(|(given, _)| given.identifier.kind.name() == CUSTOMER_ID);
        ids.next().filter(|(_, bound)| bound.is_none()).map(|(given, _)| *given)
    }

    /// The one id that all bound keys belong to, if there is just one.
    pub(super) fn one_id(&self) -> Option<ProfileNo> {
        let mut bound = self.kept.iter().filter_map(|(_, id)| *id);
        let first = bound.next()?;
        bound.all(|id| id == first).then_some(first)
    }
}

/// Resolves the keys of one element. `writes` tells that it will write to own records and bind what is new: they are asked
/// for with the standings, which are all that events need.
pub(super) fn resolve<'k>(
    state: &mut DecisionState<'_>,
    keys: &'k [GivenIdentifier],
    writes: bool,
    notes: &mut Notes,
) -> Known<Resolved<'k>> {
    let (found, settled) = look_up(state, keys, writes)?;
    let mut resolved = Resolved { settled, ..Resolved::default() };
    let mut group = if writes { CandidateGroup::binding() } else { CandidateGroup::new() };
    // The `customer_id` of the element itself where it is withheld, with the live profile that it leads to.
    let mut outer_withheld = None;
    for (given, bound) in found {
        let root = bound.map(|(_, root)| root);
        let follows_outer = given.is_new_id && bound.is_none();
        let withheld = match outer_withheld.filter(|_| follows_outer) {
            // It is bound to the record of the outer id, and this element does not write to that record.
            Some(outer) => Some(outer),
            // While identity resolution is off nothing merges, so that there is nothing to keep apart.
            None if !state.identity.enabled => None,
            None => group.conflict(state, &given.identifier, root)?.map(|reason| (root, reason)),
        };
        let outcome = match withheld {
            Some((other, reason)) => {
                notes.warnings.add(Code::KeySetAside, given.identifier.kind.name(), || given.pointer.to_string());
                if given.identifier.kind.name() == CUSTOMER_ID {
                    outer_withheld.get_or_insert((other, reason));
                }
                resolved.withheld.push((given, other, reason));
                IdentifierOutcome::Withheld(reason)
            }
            None => {
                group.keep(state, &given.identifier, root);
                resolved.kept.push((given, bound.map(|(id, _)| id)));
                if bound.is_some() { IdentifierOutcome::Found } else { IdentifierOutcome::NotBound }
            }
        };
        let id_of = |state: &mut DecisionState<'_>, no: Option<ProfileNo>| {
            no.map(|no| Ok(state.root_pointer(no)?.id())).transpose()
        };
        let (id, profile) = (id_of(state, bound.map(|(id, _)| id))?, id_of(state, root)?);
        notes.explanation.identifiers.push(IdentifierDecision {
            kind: given.identifier.kind.clone(),
            id,
            profile,
            outcome,
        });
    }
    resolved.roots = group.roots;
    Ok(resolved)
}

/// A key, and the id that it is bound to with that id's live profile.
type Found<'k> = (&'k GivenIdentifier, Option<(ProfileNo, ProfileNo)>);

/// Each key with its id and that id's live profile. Looks all of them up before it gives up, so that the needs of one
/// element are noted in one round; with more than one live profile those of a merge, too.
fn look_up<'k>(
    state: &mut DecisionState<'_>,
    keys: &'k [GivenIdentifier],
    writes: bool,
) -> Known<(Vec<Found<'k>>, Settled)> {
    let (mut missing, mut settled) = (false, None);
    for given in keys {
        match settle(state, &given.identifier) {
            Ok(joined) => {
                if let Some((merged, choice)) = joined {
                    settled.get_or_insert((Vec::new(), choice)).0.extend(merged);
                }
            }
            Err(Missing) => missing = true,
        }
    }
    // Where a value is not settled yet, the needs of the other keys are noted all the same.
    let mut found = Vec::with_capacity(keys.len());
    for given in keys {
        let bound = state.binding(&given.identifier);
        if let Ok(Some(id)) = bound {
            missing |= writes && state.record(id).is_err();
        }
        match bound.and_then(|id| id.map(|id| Ok((id, state.root_of(id)?))).transpose()) {
            Ok(bound) => found.push((given, bound)),
            Err(Missing) => missing = true,
        }
    }
    if missing {
        return Err(Missing);
    }
    let first = found.iter().find_map(|(_, bound)| bound.map(|(_, root)| root));
    let several = found.iter().any(|(_, bound)| bound.map(|(_, root)| root) != first && bound.is_some());
    let is_new_id = |(given, bound): &Found<'_>| bound.is_none() && given.identifier.kind.name() == CUSTOMER_ID;
    let may_add_member = writes && first.is_some() && found.iter().any(is_new_id);
    if several || may_add_member || state.is_eager() {
        let mut roots: Vec<ProfileNo> = found.iter().filter_map(|(_, bound)| bound.map(|(_, root)| root)).collect();
        roots.sort_unstable();
        roots.dedup();
        drop_oversized(state, &found, &mut roots);
        missing |= state.needs_more_facts(&roots);
    }
    if missing { Err(Missing) } else { Ok((found, settled)) }
}

/// Leaves out live profiles that would be withheld since they are too large beside those before them: they need not be
/// loaded.
fn drop_oversized(state: &mut DecisionState<'_>, found: &[Found<'_>], roots: &mut Vec<ProfileNo>) {
    let (mut kept, mut weight): (Vec<ProfileNo>, u64) = (Vec::new(), 0);
    for root in found.iter().filter_map(|(_, bound)| bound.map(|(_, root)| root)) {
        let Ok(root_pointer) = state.root_pointer(root) else { return };
        if !kept.contains(&root) && (kept.is_empty() || weight + root_pointer.weight <= state.profile_bytes_max) {
            kept.push(root);
            weight += root_pointer.weight;
        }
    }
    roots.retain(|root| kept.contains(root));
}
