//! Index of attribute names for unset rules in one decision. The first rule that is not one plain name indexes a live
//! profile; after that, an element costs what it unsets, however many names and rules there are.

use super::write_target::WriteTarget;
use crate::attribute::{Policy, policy};
use crate::command::Unset;
use crate::id::{ProfileNo, Seq};
use crate::pattern::{RuleNo, Rules};
use crate::pause::Pause;
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct NameIndexes {
    pub(super) rules: Rules,
    pub(super) trees: HashMap<ProfileNo, NameIndex>,
    pub(super) undo: Vec<IndexUndo>,
}

#[derive(Debug, Default)]
pub(super) struct NameIndex {
    pub(super) numbers: HashMap<Box<str>, u32>,
    pub(super) names: Vec<Name>,
    /// Names that each rule matches; repeated each time that they are set.
    pub(super) found: HashMap<RuleNo, Vec<u32>>,
    /// How many of those a rule has unset in a member record.
    pub(super) unset: HashMap<(RuleNo, ProfileNo), usize>,
    /// Newest link: values that were unset before may be current since.
    pub(super) joined: Seq,
}

#[derive(Debug)]
pub(super) struct Name {
    pub(super) name: Box<str>,
    pub(super) held: u32,
    pub(super) newest: Newest,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Newest {
    pub(super) seq: Seq,
    pub(super) record: ProfileNo,
    pub(super) is_set: bool,
}

pub(super) struct RecordedName<'p> {
    pub(super) name: &'p str,
    pub(super) held: u32,
    pub(super) newest: Newest,
    /// Whether rules may match it: not an identifier kind, and free to set.
    pub(super) is_free: bool,
}

pub(super) const NEVER: Newest = Newest { seq: 0, record: ProfileNo(0), is_set: false };

#[derive(Debug)]
pub(super) enum IndexUndo {
    Written(ProfileNo, u32, (u32, Newest)),
    Found(ProfileNo, RuleNo),
    Unset(ProfileNo, (RuleNo, ProfileNo), Option<usize>),
    Dropped(ProfileNo, Box<NameIndex>),
    /// The index of the first profile is that of the second since they were joined.
    Moved(ProfileNo, ProfileNo),
    Joined(ProfileNo, Seq),
    /// Built after the current element had merged profiles.
    Built(ProfileNo),
}

pub(super) enum MatchedNames<'u> {
    /// Names with the first rule that matches each, sorted.
    Names(Vec<(Box<str>, &'u Unset)>),
    TooMany,
}

impl NameIndexes {
    pub(super) fn new<'u>(unsets: impl Iterator<Item = &'u Unset>) -> Self {
        Self { rules: Rules::new(unsets), ..Self::default() }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.rules.is_empty()
    }

    /// Updates a name after the element that wrote it was rolled back.
    pub(super) fn refresh(&mut self, root: ProfileNo, name: &str, (held, newest): (u32, Newest), is_kind: bool) {
        let Some(tree) = self.trees.get_mut(&root) else { return };
        if held == 0 && !tree.numbers.contains_key(name) {
            return;
        }
        let number = tree.number(name);
        let state = &mut tree.names[number as usize];
        let was_known = state.newest.seq > 0;
        (state.held, state.newest) = (held, newest);
        // The name did not exist when the index was built.
        if !was_known && !is_kind && policy(name) == Policy::Free {
            for rule in self.rules.matching_rules(name) {
                tree.found.entry(rule).or_default().push(number);
            }
        }
    }

    pub(super) fn savepoint(&mut self) {
        self.undo.clear();
    }

    pub(super) fn roll_back(&mut self) {
        for undo in self.undo.drain(..).rev() {
            match undo {
                IndexUndo::Dropped(root, tree) => drop(self.trees.insert(root, *tree)),
                IndexUndo::Built(root) => drop(self.trees.remove(&root)),
                IndexUndo::Moved(from, to) => {
                    let tree = self.trees.remove(&to);
                    self.trees.extend(tree.map(|tree| (from, tree)));
                }
                IndexUndo::Joined(root, before) => {
                    if let Some(tree) = self.trees.get_mut(&root) {
                        tree.joined = before;
                    }
                }
                IndexUndo::Written(root, number, (held, newest)) => {
                    if let Some(tree) = self.trees.get_mut(&root) {
                        let name = &mut tree.names[number as usize];
                        (name.held, name.newest) = (held, newest);
                    }
                }
                IndexUndo::Found(root, rule) => {
                    self.trees.get_mut(&root).and_then(|tree| tree.found.get_mut(&rule)).map(Vec::pop);
                }
                IndexUndo::Unset(root, at, before) => {
                    if let Some(tree) = self.trees.get_mut(&root) {
                        match before {
                            Some(before) => drop(tree.unset.insert(at, before)),
                            None => drop(tree.unset.remove(&at)),
                        }
                    }
                }
            }
        }
    }

    /// Removes an index; it is rebuilt on request.
    pub(super) fn forget(&mut self, root: ProfileNo) {
        if let Some(tree) = self.trees.remove(&root) {
            self.undo.push(IndexUndo::Dropped(root, Box::new(tree)));
        }
    }

    /// Makes the index of `from` that of `to`, and adds the records that this link joined.
    pub(super) fn join(
        &mut self,
        (from, to): (ProfileNo, ProfileNo),
        link: Seq,
        added: &[RecordedName<'_>],
        pause: &Pause,
    ) {
        let Some(mut tree) = self.trees.remove(&from) else { return };
        if from != to {
            self.undo.push(IndexUndo::Moved(from, to));
        }
        self.undo.push(IndexUndo::Joined(to, tree.joined));
        tree.joined = link;
        tree.add(added, &mut self.rules, (Some((to, &mut self.undo)), pause));
        self.trees.insert(to, tree);
    }

    pub(super) fn update(&mut self, place: WriteTarget, name: &str, (was_set, is_set): (bool, bool), is_kind: bool) {
        let Some(tree) = self.trees.get_mut(&place.root) else { return };
        let number = match tree.numbers.get(name) {
            Some(number) => *number,
            None if !is_set => return,
            None => tree.number(name),
        };
        let state = &mut tree.names[number as usize];
        self.undo.push(IndexUndo::Written(place.root, number, (state.held, state.newest)));
        state.held = (state.held + u32::from(is_set)).saturating_sub(was_set.into());
        state.newest = Newest { seq: place.seq, record: place.record, is_set };
        if is_set && !is_kind && policy(name) == Policy::Free {
            for rule in self.rules.matching_rules(name) {
                tree.found.entry(rule).or_default().push(number);
                self.undo.push(IndexUndo::Found(place.root, rule));
            }
        }
    }
}

impl NameIndex {
    pub(super) fn number(&mut self, name: &str) -> u32 {
        let next = u32::try_from(self.names.len()).expect("a live profile has fewer names than that");
        let number = *self.numbers.entry(name.into()).or_insert(next);
        if number == next {
            self.names.push(Name { name: name.into(), held: 0, newest: NEVER });
        }
        number
    }

    /// Adds member records, whose names each rule matches again. Records undo if a live profile is given.
    pub(super) fn add(
        &mut self,
        said: &[RecordedName<'_>],
        rules: &mut Rules,
        (mut undo, pause): (Option<(ProfileNo, &mut Vec<IndexUndo>)>, &Pause),
    ) {
        for said in said {
            pause.run();
            if said.held == 0 && !self.numbers.contains_key(said.name) {
                continue;
            }
            let number = self.number(said.name);
            let name = &mut self.names[number as usize];
            if let Some((root, undo)) = &mut undo {
                undo.push(IndexUndo::Written(*root, number, (name.held, name.newest)));
            }
            name.held += said.held;
            if said.newest.seq >= name.newest.seq {
                name.newest = said.newest;
            }
            if said.held > 0 && said.is_free {
                for rule in rules.matching_rules(said.name) {
                    self.found.entry(rule).or_default().push(number);
                    if let Some((root, undo)) = &mut undo {
                        undo.push(IndexUndo::Found(*root, rule));
                    }
                }
            }
        }
    }

    /// Whether unsetting a name in a member record would change nothing, now or after a revert: no record has a value,
    /// or this record has unset it after every other write and join.
    pub(super) fn is_unset(&self, name: &Name, record: ProfileNo) -> bool {
        let Newest { seq, record: by, is_set } = name.newest;
        name.held == 0 || !is_set && by == record && seq > self.joined
    }
}
