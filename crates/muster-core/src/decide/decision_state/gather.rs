//! What judging and joining live profiles asks for: who holds what, what stands between them. All of it is asked for before
//! an element gives up, or each fact would take a round of its own.

use super::{DecisionState, Known, Missing};
use crate::attribute::CUSTOMER_ID;
use crate::facts::ReviewList;
use crate::id::{ProfileNo, ReviewNo};
use crate::identifier::{Identifier, IdentifierKind, stored_identifier};
use crate::limits::{EAGER_REVIEWS_MAX, EAGER_ROUND};
use crate::settings::ActivationPhase;
use std::collections::BTreeSet;

impl DecisionState<'_> {
    /// The own records that hold a value of a kind that is being joined and was not settled yet, by number.
    pub(in crate::decide) fn holders(&mut self, key: &Identifier) -> Known<Vec<ProfileNo>> {
        let facts = self.facts;
        let Some(found) = facts.holders.get(key) else {
            self.needs.holders.push(key.clone());
            return Err(Missing);
        };
        let mut held = (key.clone(), ProfileNo(0));
        let still = |no: &ProfileNo| {
            held.1 = *no;
            !matches!(self.holding.get(&held), Some(None))
        };
        Ok(found.iter().flatten().copied().filter(still).collect())
    }

    /// Whether an own record is among them.
    pub(in crate::decide) fn is_holder(&mut self, key: &Identifier, no: ProfileNo) -> Known<bool> {
        let wanted = (key.clone(), no);
        match self.holding.get(&wanted) {
            Some(held) => Ok(held.is_some()),
            // Made by this decision, under the new settings.
            None if no.0 > self.facts.counters.profile => Ok(false),
            None => {
                self.needs.held.push(wanted);
                Err(Missing)
            }
        }
    }

    /// The keys that an own record holds: those bound to it, and while kinds are being joined what it holds of them.
    /// Asks for all of them before it gives up.
    pub(in crate::decide) fn identifiers_of(&mut self, no: ProfileNo) -> Known<Vec<Identifier>> {
        let mut keys = self.record(no)?.identifiers.clone();
        let identity = self.identity;
        let Some(activation) = identity.activation.as_ref().filter(|a| a.phase == ActivationPhase::Joining) else {
            return Ok(keys);
        };
        let mut missing = false;
        for kind in &activation.kinds {
            let value = self.record(no)?.attributes.get(kind.kind.name()).and_then(|write| write.value.as_ref());
            let Some(key) = value.and_then(|value| stored_identifier(kind, value)) else { continue };
            if !keys.contains(&key) {
                match self.is_holder(&key, no) {
                    Ok(true) => keys.push(key),
                    Ok(false) => {}
                    Err(Missing) => missing = true,
                }
            }
        }
        if missing { Err(Missing) } else { Ok(keys) }
    }

    /// The keys that any of these own records holds. Asks for all of them before it gives up: one by one they would take
    /// a round each.
    pub(in crate::decide) fn identifiers_of_all(&mut self, members: &[ProfileNo]) -> Known<Vec<Identifier>> {
        let (mut keys, mut missing) = (Vec::new(), false);
        for no in members {
            match self.identifiers_of(*no) {
                Ok(held) => keys.extend(held),
                Err(Missing) => missing = true,
            }
        }
        if missing { Err(Missing) } else { Ok(keys) }
    }

    /// The kinds of which a live profile holds a bound value. Remembered until keys of it are bound, released or joined.
    pub(in crate::decide) fn kinds_of(&mut self, root: ProfileNo) -> Known<&BTreeSet<IdentifierKind>> {
        if !self.kinds_held.contains_key(&root) {
            let mut kinds = BTreeSet::new();
            for no in self.members(root)? {
                for key in &self.record(no)?.identifiers {
                    if !kinds.contains(&key.kind) {
                        kinds.insert(key.kind.clone());
                    }
                }
            }
            self.kinds_held.insert(root, kinds);
        }
        self.kinds_held.get(&root).ok_or(Missing)
    }

    /// Whether a live profile has a `customer_id`.
    pub(in crate::decide) fn has_customer_id(&mut self, root: ProfileNo) -> Known<bool> {
        Ok(self.kinds_of(root)?.iter().any(|kind| kind.name() == CUSTOMER_ID))
    }

    /// A live profile holds a key of this kind since now.
    pub(in crate::decide) fn add_kind(&mut self, root: ProfileNo, kind: &IdentifierKind) {
        if self.kinds_held.get_mut(&root).is_some_and(|kinds| kinds.insert(kind.clone())) {
            self.kinds_changed.push(root);
        }
    }

    /// A live profile that was created holds no key.
    pub(in crate::decide) fn begin_kinds(&mut self, root: ProfileNo) {
        self.kinds_held.insert(root, BTreeSet::new());
        self.kinds_changed.push(root);
    }

    /// A live profile is joined to another: what both hold is remembered, or a chain of joins would go through all members
    /// at each.
    pub(in crate::decide) fn join_kinds(&mut self, root: ProfileNo, part: ProfileNo) {
        let joined = self.kinds_held.remove(&part);
        self.kinds_changed.push(part);
        let Some(joined) = joined else { return self.forget_kinds(root) };
        for kind in &joined {
            self.add_kind(root, kind);
        }
    }

    /// Asks for everything that judging and joining these live profiles needs; true if something is missing.
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

    /// In later rounds: asks for the reviews between those of these live profiles that have too many to list.
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

    /// Asks for the keys that these own records hold, of each once: a profile of a thousand members may be asked about by
    /// every element. What an element wrote since is asked for where it is used.
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

    /// Asks for the open reviews that name a live profile, where any review is open.
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
            // In later rounds whatever may be needed is asked for: see `is_eager`.
            Some(ReviewList::Whole(found)) if self.is_eager() => {
                let found: Vec<ReviewNo> = found.iter().map(|pair| pair.no).take(EAGER_REVIEWS_MAX).collect();
                self.needs_reviews(&found)
            }
            Some(_) => false,
        }
    }

    /// Asks for reviews that were found and are not known.
    pub(in crate::decide) fn needs_reviews(&mut self, found: &[ReviewNo]) -> bool {
        let before = self.needs.reviews.len();
        self.needs.reviews.extend(found.iter().filter(|no| self.reviews.get(no).is_none()));
        self.needs.reviews.len() > before
    }

    /// Whether this is one of the later rounds, in which every element asks for all that it may need. An element that
    /// lacks a fact hides what the next one does; without this, a chain of elements, each addressed by what the one before
    /// it did, would take a round for each.
    pub(in crate::decide) fn is_eager(&self) -> bool {
        self.facts.round >= EAGER_ROUND
    }

    /// The ids by which separations and open reviews name a live profile: those of all members, or its own alone, where
    /// nothing was joined to it in this decision. What is stored of its members is found by their root, so that they
    /// need not be loaded.
    pub(in crate::decide) fn named_by(&mut self, root: ProfileNo) -> Known<Vec<ProfileNo>> {
        self.root_pointer(root)?;
        if self.trees.is_changed(&root) { self.members(root) } else { Ok(vec![root]) }
    }

    /// The roots that these ids are stored under: several where they were joined within this decision, none of those that
    /// it made.
    pub(in crate::decide) fn stored_roots(&self, members: &[ProfileNo]) -> Vec<ProfileNo> {
        let is_root =
            |no: &ProfileNo| matches!(self.facts.root_pointers.get(no), Some(Some(stored)) if stored.root == *no);
        members.iter().copied().filter(is_root).collect()
    }

    /// Asks where these ids stand that are not known.
    pub(in crate::decide) fn needs_root_pointers(&mut self, ids: impl Iterator<Item = ProfileNo>) -> bool {
        let before = self.needs.root_pointers.len();
        let ids: Vec<ProfileNo> = ids.filter(|no| self.root_pointers.get(no).is_none()).collect();
        self.needs.root_pointers.extend(ids);
        self.needs.root_pointers.len() > before
    }

    /// Whether an id belongs to a live profile. Who is not known belongs to none that is.
    pub(in crate::decide) fn belongs_to(&self, no: ProfileNo, root: ProfileNo) -> bool {
        matches!(self.root_pointers.get(&no), Some(Some(root_pointer)) if root_pointer.root == root)
    }

    /// Asks for what a live profile shows, without a copy of it.
    pub(in crate::decide) fn require_current_values(&mut self, root: ProfileNo) -> Known<()> {
        let known = if self.has_members(root)? {
            matches!(self.views.get(&root), Some(Some(_)))
        } else {
            matches!(self.records.get(&root), Some(Some(_)))
        };
        if known { Ok(()) } else { Err(self.need_record(root)) }
    }
}
