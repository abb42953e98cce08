//! Guards in the naive model, from behaviour.md 3.3.

use crate::model::Model;
use muster_core::explanation::GuardReason;
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use std::collections::BTreeSet;

/// Identifiers kept so far, which would form one profile.
#[derive(Default)]
pub(crate) struct Together {
    pub(crate) roots: BTreeSet<ProfileNo>,
    /// Kept identifiers without a profile.
    carried: Vec<Identifier>,
    /// Kinds of kept identifiers with a profile.
    kinds: Vec<IdentifierKind>,
    /// The element binds new identifiers.
    pub(crate) binds: bool,
    /// Whether the first kept `customer_id` is unbound.
    is_new: Option<bool>,
}

impl Together {
    pub(crate) fn keep(&mut self, key: &Identifier, root: Option<ProfileNo>) {
        if key.kind.name() == "customer_id" {
            self.is_new = self.is_new.or(Some(root.is_none()));
        }
        match root {
            None => self.carried.push(key.clone()),
            Some(root) => {
                self.roots.insert(root);
                self.kinds.push(key.kind.clone());
            }
        }
    }
}

impl Model {
    /// Returns why a further identifier must be withheld, given the live profile that it resolves to.
    pub(crate) fn conflict(&self, kept: &Together, key: &Identifier, root: Option<ProfileNo>) -> Option<GuardReason> {
        let first = kept.roots.is_empty() && kept.carried.is_empty();
        // "With identity resolution off ... nothing merges": nothing must be kept apart.
        if first || !self.identity().enabled || root.is_some_and(|root| kept.roots.contains(&root)) {
            return None;
        }
        for pinned in self.identity().active().filter(|k| k.pinned) {
            let values = |roots: &[ProfileNo], carried: &[Identifier]| -> BTreeSet<Box<str>> {
                let members: Vec<ProfileNo> = roots.iter().flat_map(|root| self.under(*root)).collect();
                let held = self.identifiers_of(&members).into_iter().map(|(key, _)| key);
                let all = held.chain(carried.iter().cloned()).filter(|key| key.kind == pinned.kind);
                all.map(|key| key.value).collect()
            };
            let (old, new) = (
                values(&kept.roots.iter().copied().collect::<Vec<_>>(), &kept.carried),
                values(root.as_slice(), std::slice::from_ref(key)),
            );
            if !old.is_empty() && !new.is_empty() && old.is_disjoint(&new) {
                return Some(GuardReason::Pinned);
            }
        }
        let all: Vec<ProfileNo> = kept.roots.iter().copied().chain(root).collect();
        // An unbound customer id is a member of its own if the profile already has one.
        let is_new = kept.is_new.unwrap_or(key.kind.name() == "customer_id" && root.is_none());
        let has_one =
            |of: &ProfileNo| self.identifiers_of(&self.under(*of)).iter().any(|(k, _)| k.kind.name() == "customer_id");
        let one_more = kept.binds && is_new && all.iter().any(has_one);
        let is_told = kept.is_new == Some(true) && root.is_none();
        // An identifier without a profile, or without others to join, merges nothing.
        if (root.is_none() || kept.roots.is_empty()) && (!one_more || is_told) {
            return None;
        }
        if root.is_some_and(|root| kept.roots.iter().any(|other| self.separated(*other, root))) {
            return Some(GuardReason::Separated);
        }
        if all.iter().any(|root| self.leaving.contains_key(root)) {
            return Some(GuardReason::Deletion);
        }
        let members: usize = all.iter().map(|root| self.under(*root).len()).sum::<usize>() + usize::from(one_more);
        let concerned = kept.kinds.iter().chain([&key.kind]);
        let caps = concerned.filter_map(|kind| self.identity().active_kind(kind.name())).map(|k| k.max_profiles);
        if members > caps.min().map_or(usize::MAX, |cap| cap as usize) {
            return Some(GuardReason::MaxProfiles);
        }
        (members > 1_000).then_some(GuardReason::Members)
    }

    pub(crate) fn separated(&self, a: ProfileNo, b: ProfileNo) -> bool {
        let (a, b) = (self.under(a), self.under(b));
        let apart = |x, y| a.contains(x) && b.contains(y);
        self.separations.iter().any(|(_, x, y)| apart(x, y) || apart(y, x))
    }
}
