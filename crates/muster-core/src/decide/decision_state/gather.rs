//! Facts that guards and joins need: identifiers, separations and reviews of live profiles. All are requested before an
//! element gives up; otherwise each fact would take a round.

use super::{DecisionState, Known, Missing};
use crate::attribute::CUSTOMER_ID;
use crate::facts::ReviewList;
use crate::id::{ProfileNo, ReviewNo};
use crate::identifier::{Identifier, IdentifierKind, stored_identifier};
use crate::limits::{EAGER_REVIEWS_MAX, EAGER_ROUND};
use crate::settings::ActivationPhase;
use std::collections::BTreeSet;

impl DecisionState<'_> {
    /// Returns the pending holders of a value of an activating kind, by number.
    pub(in crate::decide) fn holders(&mut self, identifier: &Identifier) -> Known<Vec<ProfileNo>> {
        let facts = self.facts;
        let Some(found) = facts.holders.get(identifier) else {
            self.needs.holders.push(identifier.clone());
            return Err(Missing);
        };
        let mut held = (identifier.clone(), ProfileNo(0));
        let still = |no: &ProfileNo| {
            held.1 = *no;
            !matches!(self.holding.get(&held), Some(None))
        };
        Ok(found.iter().flatten().copied().filter(still).collect())
    }

    pub(in crate::decide) fn is_holder(&mut self, identifier: &Identifier, no: ProfileNo) -> Known<bool> {
        let wanted = (identifier.clone(), no);
        match self.holding.get(&wanted) {
            Some(held) => Ok(held.is_some()),
            // Created by this decision, under the new settings.
            None if no.0 > self.facts.counters.profile => Ok(false),
            None => {
                self.needs.held.push(wanted);
                Err(Missing)
            }
        }
    }

    /// Returns the identifiers of a member record, with pending ones of activating kinds. Requests all before giving up.
    pub(in crate::decide) fn identifiers_of(&mut self, no: ProfileNo) -> Known<Vec<Identifier>> {
        let mut identifiers = self.record(no)?.identifiers.clone();
        let identity = self.identity;
        let Some(activation) = identity.activation.as_ref().filter(|a| a.phase == ActivationPhase::Joining) else {
            return Ok(identifiers);
        };
        let mut missing = false;
        for kind in &activation.kinds {
            let value = self.record(no)?.attributes.get(kind.kind.name()).and_then(|write| write.value.as_ref());
            let Some(identifier) = value.and_then(|value| stored_identifier(kind, value)) else { continue };
            if !identifiers.contains(&identifier) {
                match self.is_holder(&identifier, no) {
                    Ok(true) => identifiers.push(identifier),
                    Ok(false) => {}
                    Err(Missing) => missing = true,
                }
            }
        }
        if missing { Err(Missing) } else { Ok(identifiers) }
    }

    pub(in crate::decide) fn identifiers_of_all(&mut self, members: &[ProfileNo]) -> Known<Vec<Identifier>> {
        let (mut identifiers, mut missing) = (Vec::new(), false);
        for no in members {
            match self.identifiers_of(*no) {
                Ok(held) => identifiers.extend(held),
                Err(Missing) => missing = true,
            }
        }
        if missing { Err(Missing) } else { Ok(identifiers) }
    }

    /// Returns the kinds of bound identifiers of a live profile, cached until they change.
    pub(in crate::decide) fn kinds_of(&mut self, root: ProfileNo) -> Known<&BTreeSet<IdentifierKind>> {
        if !self.kinds_held.contains_key(&root) {
            let mut kinds = BTreeSet::new();
            for no in self.members(root)? {
                for identifier in &self.record(no)?.identifiers {
                    if !kinds.contains(&identifier.kind) {
                        kinds.insert(identifier.kind.clone());
                    }
                }
            }
            self.kinds_held.insert(root, kinds);
        }
        self.kinds_held.get(&root).ok_or(Missing)
    }

    pub(in crate::decide) fn has_customer_id(&mut self, root: ProfileNo) -> Known<bool> {
        Ok(self.kinds_of(root)?.iter().any(|kind| kind.name() == CUSTOMER_ID))
    }

    pub(in crate::decide) fn add_kind(&mut self, root: ProfileNo, kind: &IdentifierKind) {
        if self.kinds_held.get_mut(&root).is_some_and(|kinds| kinds.insert(kind.clone())) {
            self.kinds_changed.push(root);
        }
    }

    pub(in crate::decide) fn begin_kinds(&mut self, root: ProfileNo) {
        self.kinds_held.insert(root, BTreeSet::new());
        self.kinds_changed.push(root);
    }

    /// Combines the caches of two joined profiles: otherwise a chain of joins would visit all members each time.
    pub(in crate::decide) fn join_kinds(&mut self, root: ProfileNo, merged: ProfileNo) {
        let joined = self.kinds_held.remove(&merged);
        self.kinds_changed.push(merged);
        let Some(joined) = joined else { return self.forget_kinds(root) };
        for kind in &joined {
            self.add_kind(root, kind);
        }
    }

    /// Requests everything that guards and joins of these live profiles need; returns whether anything is missing.
    pub(in crate::decide) fn needs_more_facts(&mut self, roots: &[ProfileNo]) -> bool {
        let is_joining = self.identity.activation.as_ref().is_some_and(|a| a.phase == ActivationPhase::Joining);
        let mut missing = false;
        for root in roots {
            missing |= self.separations(*root).is_err() | self.require_current_values(*root).is_err();
            match self.members(*root) {
                Ok(members) if is_joining => missing |= self.needs_identifiers(&members),
                Ok(_) => {}
                Err(Missing) => missing = true,
            }
            missing |= self.needs_reviews_of(*root);
        }
        missing | self.needs_reviews_between(roots)
    }

    fn needs_reviews_between(&mut self, roots: &[ProfileNo]) -> bool {
        if !self.is_eager() {
            return false;
        }
        let facts = self.facts;
        let is_long = |root: &&ProfileNo| matches!(facts.reviews_of.get(root), Some(ReviewList::Long));
        let long: Vec<&ProfileNo> = roots.iter().filter(is_long).collect();
        let pairs = long.iter().enumerate().flat_map(|(at, a)| long[at + 1..].iter().map(|b| (**a.min(b), **a.max(b))));
        let before = self.needs.reviews_between.len();
        self.needs.reviews_between.extend(pairs.filter(|pair| !facts.reviews_between.contains_key(pair)));
        self.needs.reviews_between.len() > before
    }

    /// Requests the identifiers of these member records, each once per decision: many elements may ask for them.
    fn needs_identifiers(&mut self, members: &[ProfileNo]) -> bool {
        let mut missing = false;
        for no in members {
            if !self.held_known.contains(no) {
                match self.identifiers_of(*no) {
                    Ok(_) => drop(self.held_known.insert(*no)),
                    Err(Missing) => missing = true,
                }
            }
        }
        missing
    }

    fn needs_reviews_of(&mut self, root: ProfileNo) -> bool {
        if self.counters.reviews_open == 0 || self.stored_roots(&[root]).is_empty() {
            return false;
        }
        let facts = self.facts;
        match facts.reviews_of.get(&root) {
            None => {
                self.needs.reviews_of.push(root);
                true
            }
            // Later rounds request everything that may be needed: see `is_eager`.
            Some(ReviewList::Whole(found)) if self.is_eager() => {
                let found: Vec<ReviewNo> = found.iter().map(|pair| pair.no).take(EAGER_REVIEWS_MAX).collect();
                self.needs_reviews(&found)
            }
            Some(_) => false,
        }
    }

    pub(in crate::decide) fn needs_reviews(&mut self, found: &[ReviewNo]) -> bool {
        let before = self.needs.reviews.len();
        self.needs.reviews.extend(found.iter().filter(|no| self.reviews.get(no).is_none()));
        self.needs.reviews.len() > before
    }

    /// Whether this is a later round, in which every element requests everything that it may need. An element without
    /// its facts hides what the next one does: a chain of elements would otherwise take a round for each.
    pub(in crate::decide) fn is_eager(&self) -> bool {
        self.facts.round >= EAGER_ROUND
    }

    /// Returns the ids by which separations and open reviews name a live profile: those of all members, or only its own
    /// if nothing was joined to it in this decision, because stored ones are found by the root.
    pub(in crate::decide) fn named_by(&mut self, root: ProfileNo) -> Known<Vec<ProfileNo>> {
        self.root_pointer(root)?;
        if self.trees.is_changed(&root) { self.members(root) } else { Ok(vec![root]) }
    }

    /// Returns the roots that these ids are stored under: several if they were joined in this decision, none for new
    /// ids.
    pub(in crate::decide) fn stored_roots(&self, members: &[ProfileNo]) -> Vec<ProfileNo> {
        let is_root =
            |no: &ProfileNo| matches!(self.facts.root_pointers.get(no), Some(Some(stored)) if stored.root == *no);
        members.iter().copied().filter(is_root).collect()
    }

    pub(in crate::decide) fn needs_root_pointers(&mut self, ids: impl Iterator<Item = ProfileNo>) -> bool {
        let before = self.needs.root_pointers.len();
        let ids: Vec<ProfileNo> = ids.filter(|no| self.root_pointers.get(no).is_none()).collect();
        self.needs.root_pointers.extend(ids);
        self.needs.root_pointers.len() > before
    }

    /// Whether an id belongs to a live profile; false if the id is not known.
    pub(in crate::decide) fn belongs_to(&self, no: ProfileNo, root: ProfileNo) -> bool {
        matches!(self.root_pointers.get(&no), Some(Some(root_pointer)) if root_pointer.root == root)
    }

    pub(in crate::decide) fn require_current_values(&mut self, root: ProfileNo) -> Known<()> {
        let known = if self.has_members(root)? {
            matches!(self.views.get(&root), Some(Some(_)))
        } else {
            matches!(self.records.get(&root), Some(Some(_)))
        };
        if known { Ok(()) } else { Err(self.need_record(root)) }
    }
}
