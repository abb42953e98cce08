//! Index of the names of a live profile: built on the first request, updated by writes and joins.

use super::{DecisionState, Known};
use crate::attribute::{CUSTOMER_ID, Policy, policy};
use crate::command::{Matching, Unset};
use crate::decide::names::{IndexUndo, MatchedNames, NEVER, NameIndex, Newest, RecordedName};
use crate::decide::write_target::WriteTarget;
use crate::id::{ProfileNo, Seq};
use crate::limits::RECORD_ATTRIBUTES_MAX;
use std::collections::{BTreeMap, HashMap};

impl DecisionState<'_> {
    /// Returns the names that unset rules match: current ones, and hidden ones that a revert would make current.
    pub(in crate::decide) fn match_unsets<'u>(
        &mut self,
        place: WriteTarget,
        unsets: &'u [Unset],
    ) -> Known<MatchedNames<'u>> {
        let plain = unsets.iter().all(|unset| unset.matching == Matching::Equals && unset.case_sensitive);
        if plain && !self.has_members(place.root)? {
            self.record(place.record)?;
            let held = |unset: &&Unset| self.record_write(place.record, &unset.text).is_some_and(|w| w.value.is_some());
            let held = unsets.iter().filter(held).filter(|unset| policy(&unset.text) == Policy::Free);
            let mut names = BTreeMap::new();
            for unset in held {
                names.entry(unset.text.clone()).or_insert(unset);
            }
            return Ok(MatchedNames::Names(names.into_iter().collect()));
        }
        self.index_names(place)?;
        let mut names = BTreeMap::new();
        self.match_kinds(place, unsets, &mut names);
        let may_have = 2 * RECORD_ATTRIBUTES_MAX;
        let Some(tree) = self.names.trees.get_mut(&place.root) else { return Ok(MatchedNames::Names(Vec::new())) };
        let mut done = Vec::new();
        for unset in unsets {
            let Some(rule) = self.names.rules.number_of(unset) else { continue };
            let found = tree.found.get(&rule).map_or(&[][..], Vec::as_slice);
            let from = tree.unset.get(&(rule, place.record)).copied().unwrap_or_default();
            for number in &found[from..] {
                let name = &tree.names[*number as usize];
                if !tree.is_unset(name, place.record) {
                    names.entry(name.name.clone()).or_insert(unset);
                }
                if names.len() > may_have {
                    return Ok(MatchedNames::TooMany);
                }
            }
            done.push(((rule, place.record), found.len()));
        }
        for (at, len) in done {
            let before = tree.unset.insert(at, len);
            self.names.undo.push(IndexUndo::Unset(place.root, at, before));
        }
        Ok(MatchedNames::Names(names.into_iter().collect()))
    }

    /// Matches identifier kinds, which are unset only by their whole name.
    fn match_kinds<'u>(&self, place: WriteTarget, unsets: &'u [Unset], names: &mut BTreeMap<Box<str>, &'u Unset>) {
        let Some(tree) = self.names.trees.get(&place.root) else { return };
        let equal: Vec<&Unset> = unsets.iter().filter(|unset| unset.matching == Matching::Equals).collect();
        let kinds = self.identity.active().map(|kind| kind.kind.name());
        for name in kinds.chain([CUSTOMER_ID]) {
            let is_held = tree.numbers.get(name).is_some_and(|number| tree.names[*number as usize].held > 0);
            let names_it = |unset: &&&Unset| unset.prepare().matches(name, &name.to_lowercase());
            if is_held && let Some(unset) = equal.iter().find(names_it) {
                names.insert(name.into(), unset);
            }
        }
    }

    fn index_names(&mut self, place: WriteTarget) -> Known<()> {
        if self.names.trees.contains_key(&place.root) {
            return Ok(());
        }
        let members = self.members(place.root)?;
        let mut tree = NameIndex::default();
        for no in &members {
            self.record(*no)?;
            let joined = self.links.get(no).flatten().map_or(0, |link| link.seq);
            tree.joined = tree.joined.max(joined);
        }
        let mut names = std::mem::take(&mut self.names);
        let mut writes = 0;
        if let Some((said, count)) = self.collect_names(&members) {
            writes = count;
            // No undo: the index stays valid if the element fails later.
            tree.add(&said, &mut names.rules, (None, &self.facts.pause));
        }
        names.trees.insert(place.root, tree);
        self.names = names;
        self.count_steps(6 * writes);
        if self.has_merged() {
            self.names.undo.push(IndexUndo::Built(place.root));
        }
        Ok(())
    }

    /// Joins two indexes: adds the smaller to the larger, so that many joins to one profile cost what they add.
    pub(in crate::decide) fn join_names(
        &mut self,
        (survivor, staying): (ProfileNo, &[ProfileNo]),
        (merged, joined): (ProfileNo, &[ProfileNo]),
        link: Seq,
    ) {
        let size = |root: ProfileNo| self.names.trees.get(&root).map(|tree| tree.names.len());
        if size(survivor).is_none() && size(merged).is_none() {
            return;
        }
        let (kept, dropped, added) =
            if size(survivor) >= size(merged) { (survivor, merged, joined) } else { (merged, survivor, staying) };
        let mut names = std::mem::take(&mut self.names);
        names.forget(dropped);
        let mut writes = 0;
        match self.collect_names(added) {
            Some((said, count)) => {
                writes = count;
                names.join((kept, survivor), link, &said, &self.facts.pause);
            }
            // A merge needs no member records: they are requested with the index.
            None => names.forget(kept),
        }
        self.names = names;
        self.count_steps(6 * writes);
    }

    /// Returns what member records hold of each name, with the number of writes. None if a record is not known.
    fn collect_names(&self, members: &[ProfileNo]) -> Option<(Vec<RecordedName<'_>>, usize)> {
        let (mut said, mut places): (Vec<RecordedName<'_>>, HashMap<&str, usize>) = (Vec::new(), HashMap::new());
        let mut writes = 0;
        for no in members {
            self.facts.pause.run();
            let Some(profile) = self.records.get(no)? else { continue };
            writes += profile.attributes.len();
            for (name, write) in profile.attributes.iter() {
                let place = *places.entry(name).or_insert(said.len());
                if place == said.len() {
                    let is_free = policy(name) == Policy::Free && !self.is_kind(name);
                    said.push(RecordedName { name, held: 0, newest: NEVER, is_free });
                }
                let said = &mut said[place];
                said.held += u32::from(write.value.is_some());
                if write.seq >= said.newest.seq {
                    said.newest = Newest { seq: write.seq, record: profile.no, is_set: write.value.is_some() };
                }
            }
        }
        Some((said, writes))
    }

    /// Updates names that the failed element wrote before an index was built.
    pub(in crate::decide) fn refresh_names(&mut self) {
        for (root, name) in std::mem::take(&mut self.wrote) {
            // Nothing may be requested here: a profile of the failed element does not exist any more.
            let Some(Some(root_pointer)) = self.root_pointers.get(&root).map(|found| found.copied()) else {
                self.names.trees.remove(&root);
                continue;
            };
            if !self.names.trees.contains_key(&root) {
                continue;
            }
            let members = match self.trees.get(&root) {
                Some(Some(members)) if root_pointer.tree.members > 1 => members.clone(),
                _ => vec![root],
            };
            let is_kind = self.is_kind(&name);
            let (mut held, mut newest) = (0, NEVER);
            for no in members {
                let Some(write) = self.record_write(no, &name) else { continue };
                held += u32::from(write.value.is_some());
                if write.seq >= newest.seq {
                    newest = Newest { seq: write.seq, record: no, is_set: write.value.is_some() };
                }
            }
            self.names.refresh(root, &name, (held, newest), is_kind);
        }
    }
}
