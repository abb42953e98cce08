//! Reading facts for needs, with exactly the closures that `muster_core::facts` documents, so that a rule that relies
//! on a generous engine fails here. The rows belong to `engine.rs`.

use crate::engine::Store;
use muster_core::facts::{Belongings, BindingNeed, Facts, Needs, Reach, ReviewList, ReviewPair};
use muster_core::id::{ProfileNo, ReviewNo};
use muster_core::limits::{HOLDERS_MAX, SWEEP_EVENTS_MAX};
use muster_core::record::DeviceRef;
use muster_core::review::{Review, ReviewState};
use std::collections::HashMap;

/// Most reviews that are listed for a root: fewer than in an engine, so that few reviews exercise the other path.
const REVIEWS_LISTED: usize = 1;

impl Store {
    /// Reads the needs in addition to existing facts.
    pub(crate) fn read(&self, needs: &Needs, facts: &mut Facts) -> Result<(), String> {
        facts.round += 1;
        facts.counters = self.counters;
        facts.settings_revision = self.settings_revision;
        facts.rate = self.rate.clone();
        for BindingNeed { identifier, reach } in &needs.bindings {
            let bound = self.bindings.get(identifier).copied();
            facts.bindings.insert(identifier.clone(), bound);
            match (bound, reach) {
                (Some(no), Reach::Record) => self.read_profile_and_root(no, facts),
                (Some(no), Reach::RootPointer) => self.read_root_pointer(no, facts),
                (Some(_), Reach::Binding) | (None, _) => {}
            }
        }
        for no in &needs.root_pointers {
            self.read_root_pointer(*no, facts);
        }
        for root in &needs.belongings {
            facts.belongings.insert(*root, Some(self.belongings(*root)));
        }
        for no in &needs.records {
            self.read_profile_and_root(*no, facts);
        }
        self.read_trees(needs, facts)?;
        for at in &needs.devices {
            self.read_device(at, facts);
        }
        for token in &needs.tokens {
            let found = self.devices.values().find(|d| d.fields.tokens().any(|t| t == *token)).map(|d| d.at.clone());
            if let Some(at) = &found {
                self.read_device(at, facts);
            }
            facts.tokens.insert(token.clone(), found);
        }
        for id in &needs.event_ids {
            facts.event_ids.insert(id.clone(), self.event_ids.get(id).cloned());
        }
        for seq in &needs.change_times {
            facts.change_times.insert(*seq, self.changes.get(seq).map(|change| change.at));
        }
        for no in &needs.merges {
            facts.merges.insert(*no, self.merges.get(no).cloned());
        }
        for no in &needs.separation_nos {
            facts.separation_nos.insert(*no, self.separations.get(no).cloned());
        }
        for no in &needs.quarantine {
            facts.quarantine.insert(*no, self.quarantine.get(no).cloned());
        }
        self.read_reviews(needs, facts);
        self.read_holders(needs, facts);
        if let Some(key) = &needs.idempotency {
            facts.idempotency.insert(key.clone(), self.idempotency.get(key).cloned());
        }
        Ok(())
    }

    fn read_root_pointer(&self, no: ProfileNo, facts: &mut Facts) {
        let found = self.root_pointers.get(&no).copied();
        facts.root_pointers.insert(no, found);
        if let Some(root) = found.map(|root_pointer| root_pointer.root) {
            facts.root_pointers.insert(root, self.root_pointers.get(&root).copied());
        }
    }

    fn read_profile_and_root(&self, no: ProfileNo, facts: &mut Facts) {
        self.read_profile(no, facts);
        if let Some(root_pointer) = self.root_pointers.get(&no) {
            self.read_profile(root_pointer.root, facts);
        }
    }

    fn read_trees(&self, needs: &Needs, facts: &mut Facts) -> Result<(), String> {
        for root in needs.trees.iter().chain(&needs.separations) {
            if self.root_pointers.get(root).is_none_or(|s| s.root != *root) {
                return Err(format!("a need names {root:?} as a root, which it is not"));
            }
        }
        for root in &needs.trees {
            let members = self.members(*root);
            for no in &members {
                self.read_profile(*no, facts);
                facts.links.insert(*no, self.links.get(no).cloned());
            }
            facts.trees.insert(*root, Some(members));
        }
        for root in &needs.separations {
            let members = self.members(*root);
            let named = |s: &&muster_core::record::Separation| members.contains(&s.a.no) || members.contains(&s.b.no);
            facts.separations.insert(*root, Some(self.separations.values().filter(named).cloned().collect()));
        }
        Ok(())
    }

    fn read_reviews(&self, needs: &Needs, facts: &mut Facts) {
        let asked = || self.reviews.values().filter(|review| review.state != ReviewState::Merged);
        for root in &needs.reviews_of {
            let members = self.members(*root);
            let pair = |r: &Review| Some(ReviewPair { no: r.no, a: r.a.no, b: r.b?.no });
            let named = |pair: &ReviewPair| members.contains(&pair.a) || members.contains(&pair.b);
            let pairs: Vec<ReviewPair> = asked().filter_map(pair).filter(named).collect();
            let is_long = pairs.len() > REVIEWS_LISTED;
            facts.reviews_of.insert(*root, if is_long { ReviewList::Long } else { ReviewList::Whole(pairs) });
        }
        for (a, b) in &needs.reviews_between {
            let [first, second] = [a, b].map(|root| self.members(*root));
            let pair = |r: &Review| Some(ReviewPair { no: r.no, a: r.a.no, b: r.b?.no });
            let joins = |pair: &ReviewPair| {
                first.contains(&pair.a) && second.contains(&pair.b)
                    || first.contains(&pair.b) && second.contains(&pair.a)
            };
            facts.reviews_between.insert((*a, *b), asked().filter_map(pair).filter(joins).collect());
        }
        for (key, root) in &needs.reviews_of_value {
            let members = self.members(*root);
            let mut found: HashMap<ProfileNo, &Review> = HashMap::new();
            for review in asked().filter(|r| r.b.is_none() && r.identifier == *key && members.contains(&r.a.no)) {
                if found.get(&review.a.no).is_none_or(|other| !other.is_open()) {
                    found.insert(review.a.no, review);
                }
            }
            let mut found: Vec<ReviewNo> = found.into_values().map(|review| review.no).collect();
            found.sort_unstable();
            facts.reviews_of_value.insert((key.clone(), *root), found);
        }
        for no in &needs.reviews {
            facts.reviews.insert(*no, self.reviews.get(no).cloned());
        }
        if needs.reviews_to_drop > 0 {
            let mut all: Vec<(bool, ReviewNo)> = self.reviews.values().map(|r| (r.is_open(), r.no)).collect();
            all.sort_unstable();
            let first = all.into_iter().take(needs.reviews_to_drop);
            facts.reviews_to_drop = first.map(|(open, no)| (no, open)).collect();
        }
    }

    fn read_holders(&self, needs: &Needs, facts: &mut Facts) {
        for key in &needs.holders {
            let holders = self.holders.keys().filter(|(k, _)| k == key).map(|(_, no)| *no);
            facts.holders.insert(key.clone(), Some(holders.take(HOLDERS_MAX).collect()));
        }
        if needs.noted > 0 {
            facts.noted = Some(self.holders.keys().take(needs.noted).cloned().collect());
        }
        for held in &needs.held {
            facts.held.insert(held.clone(), self.holders.get(held).copied());
        }
        if let Some((after, limit)) = needs.scan {
            let numbers: Vec<ProfileNo> = self.profiles.keys().copied().filter(|no| *no > after).take(limit).collect();
            for no in &numbers {
                facts.records.insert(*no, self.profiles.get(no).cloned());
                facts.root_pointers.insert(*no, self.root_pointers.get(no).copied());
            }
            facts.scan = Some(numbers);
        }
    }

    fn belongings(&self, root: ProfileNo) -> Belongings {
        let members = self.members(root);
        let events = self.events.values().filter(|e| members.contains(&e.profile)).map(|e| (e.profile, e.seq));
        let events: Vec<_> = events.take(SWEEP_EVENTS_MAX).collect();
        let event_ids = self.event_ids.values().filter(|id| events.iter().any(|(_, seq)| *seq == id.seq));
        let event_ids = event_ids.map(|id| id.id.clone()).collect();
        let devices = self.devices.keys().filter(|at| events.is_empty() && members.contains(&at.profile));
        let devices = devices.cloned().collect();
        let names = |r: &&Review| members.contains(&r.a.no) || r.b.is_some_and(|b| members.contains(&b.no));
        let reviews = self.reviews.values().filter(|_| events.is_empty()).filter(names);
        let reviews = reviews.take(SWEEP_EVENTS_MAX).map(|r| (r.no, r.is_open())).collect();
        Belongings { events, event_ids, reviews, devices }
    }

    fn read_profile(&self, no: ProfileNo, facts: &mut Facts) {
        facts.records.insert(no, self.profiles.get(&no).cloned());
        facts.root_pointers.insert(no, self.root_pointers.get(&no).copied());
        if self.root_pointers.get(&no).is_some_and(|s| s.root == no) {
            facts.views.insert(no, self.views.get(&no).cloned());
        }
    }

    fn read_device(&self, at: &DeviceRef, facts: &mut Facts) {
        facts.devices.insert(at.clone(), self.devices.get(at).cloned());
    }

    /// Returns all members of a root, the root first, the others by number.
    pub(crate) fn members(&self, root: ProfileNo) -> Vec<ProfileNo> {
        let others = self.root_pointers.values().filter(|s| s.root == root && s.no != root).map(|s| s.no);
        std::iter::once(root).chain(others).collect()
    }
}
