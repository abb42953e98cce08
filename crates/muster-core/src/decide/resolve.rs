//! Resolves the identifiers of an element to users (behaviour.md 3.2, 3.3). Identifiers are tried in order of rank and
//! kept if they do not conflict with those kept before; a withheld identifier is neither matched nor stored.

use super::activation::{Settled, settle};
use super::decision_state::{DecisionState, Known, Missing};
use super::guard::CandidateGroup;
use super::notes::Notes;
use crate::attribute::CUSTOMER_ID;
use crate::command::GivenIdentifier;
use crate::explanation::{GuardReason, IdentifierDecision, IdentifierOutcome};
use crate::id::ProfileNo;
use crate::warning::Code;

#[derive(Debug, Default)]
pub(super) struct Resolved<'k> {
    /// Kept identifiers in order of rank, with the id that each is bound to.
    pub(super) kept: Vec<(&'k GivenIdentifier, Option<ProfileNo>)>,
    /// Live profiles that they resolve to, in order of the identifiers, each once.
    pub(super) roots: Vec<ProfileNo>,
    /// Withheld identifiers with the live profile of each; a new `customer_id` with that of the id beside it.
    pub(super) withheld: Vec<(&'k GivenIdentifier, Option<ProfileNo>, GuardReason)>,
    /// Profiles that were merged because they hold the same value of an activating kind.
    pub(super) settled: Settled,
}

impl<'k> Resolved<'k> {
    /// Returns the `customer_id` of the user, if it is not bound.
    pub(super) fn unbound_id(&self) -> Option<&'k GivenIdentifier> {
        let mut ids = self.kept.iter().filter(|(given, _)| given.identifier.kind.name() == CUSTOMER_ID);
        ids.next().filter(|(_, bound)| bound.is_none()).map(|(given, _)| *given)
    }

    pub(super) fn one_id(&self) -> Option<ProfileNo> {
        let mut bound = self.kept.iter().filter_map(|(_, id)| *id);
        let first = bound.next()?;
        bound.all(|id| id == first).then_some(first)
    }
}

/// Resolves the identifiers of one element. `writes`: the element writes member records and binds new identifiers, so
/// the records are requested with the root pointers. Events need only those.
pub(super) fn resolve<'k>(
    state: &mut DecisionState<'_>,
    identifiers: &'k [GivenIdentifier],
    writes: bool,
    notes: &mut Notes,
) -> Known<Resolved<'k>> {
    let (found, settled) = look_up(state, identifiers, writes)?;
    let mut resolved = Resolved { settled, ..Resolved::default() };
    let mut group = if writes { CandidateGroup::binding() } else { CandidateGroup::new() };
    // The withheld `customer_id` of the element, with the live profile that it resolves to.
    let mut outer_withheld = None;
    for (given, bound) in found {
        let root = bound.map(|(_, root)| root);
        let follows_outer = given.is_new_id && bound.is_none();
        let withheld = match outer_withheld.filter(|_| follows_outer) {
            // It would be bound to the record of the outer id, to which this element does not write.
            Some(outer) => Some(outer),
            // While identity resolution is off, nothing is merged.
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

/// Identifier, with the id that it is bound to and the root of that id.
type Found<'k> = (&'k GivenIdentifier, Option<(ProfileNo, ProfileNo)>);

/// Looks up each identifier with its id and root; all before giving up, so that their needs are one round.
fn look_up<'k>(
    state: &mut DecisionState<'_>,
    identifiers: &'k [GivenIdentifier],
    writes: bool,
) -> Known<(Vec<Found<'k>>, Settled)> {
    let (mut missing, mut settled) = (false, None);
    for given in identifiers {
        match settle(state, &given.identifier) {
            Ok(joined) => {
                if let Some((merged, choice)) = joined {
                    settled.get_or_insert((Vec::new(), choice)).0.extend(merged);
                }
            }
            Err(Missing) => missing = true,
        }
    }
    // If a value is not settled yet, the needs of the other identifiers are still requested.
    let mut found = Vec::with_capacity(identifiers.len());
    for given in identifiers {
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

/// Leaves out live profiles that would be withheld because of their size: they need not be loaded.
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
