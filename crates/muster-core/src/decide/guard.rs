//! Guards (behaviour.md 3.3): whether one more identifier may be kept beside those kept before it. All guards but the
//! bounds are optional. `review` handles withheld identifiers.

use super::decision_state::{DecisionState, Known, Missing};
use crate::attribute::CUSTOMER_ID;
use crate::explanation::GuardReason;
use crate::id::{ProfileNo, SeparationNo};
use crate::identifier::{Identifier, IdentifierKind};
use crate::limits::MEMBERS_MAX;
use crate::record::Separation;
use crate::settings::ActivationPhase;
use std::collections::BTreeSet;

/// Profile that the kept identifiers would form.
#[derive(Debug)]
pub(super) struct CandidateGroup {
    /// Live profiles that they resolve to, in order of the identifiers, each once.
    pub(super) roots: Vec<ProfileNo>,
    /// Kept identifiers that are not bound.
    carried: Vec<Identifier>,
    /// Smallest `max_profiles` of the kinds of kept identifiers that resolve to a profile.
    cap: u32,
    /// The element binds new identifiers, so that a new `customer_id` may add a member.
    binds: bool,
    /// Whether the first kept `customer_id` is bound; None: none was kept.
    is_id_bound: Option<bool>,
}

impl CandidateGroup {
    /// Starts a group of identifiers that are only looked up.
    pub(super) fn new() -> Self {
        Self { roots: Vec::new(), carried: Vec::new(), cap: MEMBERS_MAX, binds: false, is_id_bound: None }
    }

    /// Starts the group of an element that binds new identifiers.
    pub(super) fn binding() -> Self {
        Self { binds: true, ..Self::new() }
    }

    pub(super) fn keep(&mut self, state: &DecisionState<'_>, identifier: &Identifier, root: Option<ProfileNo>) {
        if identifier.kind.name() == CUSTOMER_ID {
            self.is_id_bound.get_or_insert(root.is_some());
        }
        let Some(root) = root else {
            self.carried.push(identifier.clone());
            return;
        };
        self.cap = self.cap.min(cap(state, &identifier.kind));
        if !self.roots.contains(&root) {
            self.roots.push(root);
        }
    }

    /// Returns the guard that withholds an identifier, given the live profile that it resolves to.
    pub(super) fn conflict(
        &self,
        state: &mut DecisionState<'_>,
        identifier: &Identifier,
        root: Option<ProfileNo>,
    ) -> Known<Option<GuardReason>> {
        if root.is_some_and(|root| self.roots.contains(&root)) || self.roots.is_empty() && self.carried.is_empty() {
            return Ok(None);
        }
        if let Some(root) = root.filter(|_| !self.roots.is_empty()) {
            // Checked first because the other guards load both profiles.
            let mut weight = state.root_pointer(root)?.weight;
            for kept in &self.roots {
                weight += state.root_pointer(*kept)?.weight;
            }
            if weight > state.profile_bytes_max {
                return Ok(Some(GuardReason::Size));
            }
        }
        if self.pinned(state, identifier, root)? {
            return Ok(Some(GuardReason::Pinned));
        }
        let joined = root.filter(|_| !self.roots.is_empty());
        let brings_member = self.brings_member(state, identifier, root)?;
        if joined.is_none() && !brings_member {
            return Ok(None);
        }
        if let Some(root) = joined
            && between(state, &self.roots, root)?.separated
        {
            return Ok(Some(GuardReason::Separated));
        }
        let mut members = u32::from(brings_member);
        for root in self.roots.iter().chain(root.as_ref()) {
            let root_pointer = state.root_pointer(*root)?;
            if root_pointer.deletion.is_some() {
                return Ok(Some(GuardReason::Deletion));
            }
            members += root_pointer.tree.members;
        }
        Ok(match members {
            _ if members > MEMBERS_MAX => Some(GuardReason::Members),
            _ if members > self.cap.min(cap(state, &identifier.kind)) => Some(GuardReason::MaxProfiles),
            _ => None,
        })
    }

    /// Whether keeping this identifier would create a member for a new `customer_id` (behaviour.md 3.2.h), given the
    /// live profile that it resolves to. False if it does not change that.
    fn brings_member(
        &self,
        state: &mut DecisionState<'_>,
        identifier: &Identifier,
        root: Option<ProfileNo>,
    ) -> Known<bool> {
        let is_first_id = self.is_id_bound.is_none() && identifier.kind.name() == CUSTOMER_ID;
        let is_new = if is_first_id { root.is_none() } else { self.is_id_bound == Some(false) && root.is_some() };
        if !self.binds || !is_new {
            return Ok(false);
        }
        for root in self.roots.iter().chain(root.as_ref()) {
            if state.has_customer_id(*root)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether two values of a pinned kind would be merged, held or carried; those of one profile count as one.
    fn pinned(&self, state: &mut DecisionState<'_>, identifier: &Identifier, root: Option<ProfileNo>) -> Known<bool> {
        let identity = state.identity;
        let is_joining = identity.activation.as_ref().is_some_and(|a| a.phase == ActivationPhase::Joining);
        for kind in identity.active().filter(|k| k.pinned).map(|k| &k.kind) {
            if !is_joining {
                // A bound value is bound once, and an element carries one value of a kind: two values are different.
                let carries =
                    |identifiers: &[Identifier]| identifiers.iter().any(|identifier| identifier.kind == *kind);
                let further = carries(std::slice::from_ref(identifier)) || holds(state, kind, root.as_slice())?;
                if further && (carries(&self.carried) || holds(state, kind, &self.roots)?) {
                    return Ok(true);
                }
                continue;
            }
            let further = values(state, kind, root.as_slice(), std::slice::from_ref(identifier))?;
            if further.is_empty() {
                continue;
            }
            let kept = values(state, kind, &self.roots, &self.carried)?;
            if !kept.is_empty() && kept.is_disjoint(&further) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn holds(state: &mut DecisionState<'_>, kind: &IdentifierKind, roots: &[ProfileNo]) -> Known<bool> {
    for root in roots {
        if state.kinds_of(*root)?.contains(kind) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn values(
    state: &mut DecisionState<'_>,
    kind: &IdentifierKind,
    roots: &[ProfileNo],
    identifiers: &[Identifier],
) -> Known<BTreeSet<Box<str>>> {
    let mut values: BTreeSet<Box<str>> =
        identifiers.iter().filter(|k| k.kind == *kind).map(|k| k.value.clone()).collect();
    for root in roots {
        let members = state.members(*root)?;
        let held = state.identifiers_of_all(&members)?;
        values.extend(held.into_iter().filter(|k| k.kind == *kind).map(|k| k.value));
    }
    Ok(values)
}

fn cap(state: &DecisionState<'_>, kind: &IdentifierKind) -> u32 {
    state.identity.active_kind(kind.name()).map_or(MEMBERS_MAX, |k| k.max_profiles)
}

pub(super) struct Between {
    pub(super) separated: bool,
    pub(super) separations: Vec<SeparationNo>,
}

/// Returns the separations between one live profile and others, found on the side that has fewer.
pub(super) fn between(state: &mut DecisionState<'_>, kept: &[ProfileNo], root: ProfileNo) -> Known<Between> {
    let mut sides = [state.named_by(root)?, Vec::new()];
    for root in kept {
        sides[1].extend(state.named_by(*root)?);
        state.separations(*root)?;
    }
    state.separations(root)?;
    // A profile may have been joined in this decision: its separations are stored with the former roots of its members.
    let facts = state.facts;
    let lists = sides.map(|members| {
        let roots = state.stored_roots(&members);
        roots.iter().filter_map(|root| facts.separations.get(root)?.as_deref()).collect::<Vec<&[Separation]>>()
    });
    let len = |lists: &[&[Separation]]| lists.iter().map(|list| list.len()).sum::<usize>();
    let fewer = if len(&lists[0]) > len(&lists[1]) { &lists[1] } else { &lists[0] };
    let ends = fewer.iter().copied().flatten().flat_map(|separation| [separation.a.no, separation.b.no]);
    if state.needs_root_pointers(ends) {
        return Err(Missing);
    }
    let apart =
        |a: ProfileNo, b: ProfileNo| state.belongs_to(a, root) && kept.iter().any(|kept| state.belongs_to(b, *kept));
    let found = fewer.iter().copied().flatten().filter(|s| apart(s.a.no, s.b.no) || apart(s.b.no, s.a.no));
    let separations: BTreeSet<SeparationNo> = found.map(|s| s.no).collect();
    Ok(Between { separated: !separations.is_empty(), separations: separations.into_iter().collect() })
}
