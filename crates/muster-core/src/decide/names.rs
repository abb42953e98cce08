//! The names that unset rules find, within one decision. The first rule that is more than one plain name builds an index
//! of the names of a live profile; after that an element costs what it unsets, however many names and rules there are.

use super::work::{Known, Work};
use super::write::{self, Place};
use crate::attribute::{CUSTOMER_ID, Policy, policy};
use crate::command::{Matching, Unset};
use crate::id::{ProfileNo, Seq};
use crate::limits::RECORD_ATTRIBUTES_MAX;
use crate::pattern::{RuleNo, Rules};
use crate::pause::Pause;
use std::collections::{BTreeMap, HashMap};

/// The indexes of a decision.
#[derive(Debug, Default)]
pub(super) struct Names {
    rules: Rules,
    trees: HashMap<ProfileNo, Tree>,
    undo: Vec<Undo>,
}

/// The names of one live profile.
#[derive(Debug, Default)]
struct Tree {
    numbers: HashMap<Box<str>, u32>,
    names: Vec<Name>,
    /// For each rule the names that it finds, again each time that they are set.
    found: HashMap<RuleNo, Vec<u32>>,
    /// How many of those a rule has unset in an own record.
    unset: HashMap<(RuleNo, ProfileNo), usize>,
    /// The newest link: what was unset before it may be shown since.
    joined: Seq,
}

#[derive(Debug)]
struct Name {
    name: Box<str>,
    /// How many own records hold a value.
    held: u32,
    newest: Newest,
}

/// The newest write of a name.
#[derive(Clone, Copy, Debug)]
struct Newest {
    seq: Seq,
    record: ProfileNo,
    is_set: bool,
}

/// What some own records say of a name together.
struct Said<'p> {
    name: &'p str,
    /// How many of them hold a value.
    held: u32,
    newest: Newest,
    /// Rules may find it: it is no kind of identifier, and can be set at will.
    is_free: bool,
}

const NEVER: Newest = Newest { seq: 0, record: ProfileNo(0), is_set: false };

#[derive(Debug)]
enum Undo {
    Written(ProfileNo, u32, (u32, Newest)),
    Found(ProfileNo, RuleNo),
    Unset(ProfileNo, (RuleNo, ProfileNo), Option<usize>),
    Dropped(ProfileNo, Box<Tree>),
    /// The index of the first is that of the second, since they were joined.
    Moved(ProfileNo, ProfileNo),
    /// The newest link of before.
    Joined(ProfileNo, Seq),
    /// Built after the running element had merged others.
    Built(ProfileNo),
}

/// What the rules of an element name.
pub(super) enum Named<'u> {
    /// These, each with the first rule that names it, by name.
    Names(Vec<(Box<str>, &'u Unset)>),
    /// More than an own record can hold.
    TooMany,
}

impl Names {
    /// For a decision with these rules.
    pub(super) fn new<'u>(unsets: impl Iterator<Item = &'u Unset>) -> Self {
        Self { rules: Rules::new(unsets), ..Self::default() }
    }

    /// Whether there is no rule, so that nothing will ever be indexed.
    pub(super) fn is_idle(&self) -> bool {
        self.rules.is_empty()
    }

    /// The name as it is now, after what wrote it was taken back.
    fn refresh(&mut self, root: ProfileNo, name: &str, (held, newest): (u32, Newest), is_kind: bool) {
        let Some(tree) = self.trees.get_mut(&root) else { return };
        if held == 0 && !tree.numbers.contains_key(name) {
            return;
        }
        let number = tree.number(name);
        let state = &mut tree.names[number as usize];
        let was_known = state.newest.seq > 0;
        (state.held, state.newest) = (held, newest);
        // It was gone when the index was built.
        if !was_known && !is_kind && policy(name) == Policy::Free {
            for rule in self.rules.naming(name) {
                tree.found.entry(rule).or_default().push(number);
            }
        }
    }

    pub(super) fn mark(&mut self) {
        self.undo.clear();
    }

    pub(super) fn roll_back(&mut self) {
        for undo in self.undo.drain(..).rev() {
            match undo {
                Undo::Dropped(root, tree) => drop(self.trees.insert(root, *tree)),
                Undo::Built(root) => drop(self.trees.remove(&root)),
                Undo::Moved(from, to) => {
                    let tree = self.trees.remove(&to);
                    self.trees.extend(tree.map(|tree| (from, tree)));
                }
                Undo::Joined(root, before) => {
                    if let Some(tree) = self.trees.get_mut(&root) {
                        tree.joined = before;
                    }
                }
                Undo::Written(root, number, (held, newest)) => {
                    if let Some(tree) = self.trees.get_mut(&root) {
                        let name = &mut tree.names[number as usize];
                        (name.held, name.newest) = (held, newest);
                    }
                }
                Undo::Found(root, rule) => {
                    self.trees.get_mut(&root).and_then(|tree| tree.found.get_mut(&rule)).map(Vec::pop);
                }
                Undo::Unset(root, at, before) => {
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

    /// Drops an index; it is built again when it is asked for.
    fn forget(&mut self, root: ProfileNo) {
        if let Some(tree) = self.trees.remove(&root) {
            self.undo.push(Undo::Dropped(root, Box::new(tree)));
        }
    }

    /// The index of `from` is that of `to` from now on, with what the records said that were joined by this link.
    fn join(&mut self, (from, to): (ProfileNo, ProfileNo), link: Seq, added: &[Said<'_>], pause: &Pause) {
        let Some(mut tree) = self.trees.remove(&from) else { return };
        if from != to {
            self.undo.push(Undo::Moved(from, to));
        }
        self.undo.push(Undo::Joined(to, tree.joined));
        tree.joined = link;
        tree.add(to, added, &mut self.rules, (&mut self.undo, pause));
        self.trees.insert(to, tree);
    }

    /// An own record was written.
    pub(super) fn written(&mut self, place: Place, name: &str, (was_set, is_set): (bool, bool), is_kind: bool) {
        let Some(tree) = self.trees.get_mut(&place.root) else { return };
        let number = match tree.numbers.get(name) {
            Some(number) => *number,
            None if !is_set => return,
            None => tree.number(name),
        };
        let state = &mut tree.names[number as usize];
        self.undo.push(Undo::Written(place.root, number, (state.held, state.newest)));
        state.held = (state.held + u32::from(is_set)).saturating_sub(was_set.into());
        state.newest = Newest { seq: place.seq, record: place.record, is_set };
        if is_set && !is_kind && policy(name) == Policy::Free {
            for rule in self.rules.naming(name) {
                tree.found.entry(rule).or_default().push(number);
                self.undo.push(Undo::Found(place.root, rule));
            }
        }
    }
}

impl Tree {
    fn number(&mut self, name: &str) -> u32 {
        let next = u32::try_from(self.names.len()).expect("a live profile has fewer names than that");
        let number = *self.numbers.entry(name.into()).or_insert(next);
        if number == next {
            self.names.push(Name { name: name.into(), held: 0, newest: NEVER });
        }
        number
    }

    /// Adds what more own records say. What they show may be shown from now on, so that each rule finds their names again.
    fn add(&mut self, root: ProfileNo, said: &[Said<'_>], rules: &mut Rules, (undo, pause): (&mut Vec<Undo>, &Pause)) {
        for said in said {
            pause.between();
            if said.held == 0 && !self.numbers.contains_key(said.name) {
                continue;
            }
            let number = self.number(said.name);
            let name = &mut self.names[number as usize];
            undo.push(Undo::Written(root, number, (name.held, name.newest)));
            name.held += said.held;
            if said.newest.seq >= name.newest.seq {
                name.newest = said.newest;
            }
            if said.held > 0 && said.is_free {
                for rule in rules.naming(said.name) {
                    self.found.entry(rule).or_default().push(number);
                    undo.push(Undo::Found(root, rule));
                }
            }
        }
    }

    /// Whether unsetting a name in an own record would change anything, now or after a revert. Nobody holds a value, or
    /// this record has unset it after every other write and every join.
    fn is_unset(&self, name: &Name, record: ProfileNo) -> bool {
        let Newest { seq, record: by, is_set } = name.newest;
        name.held == 0 || !is_set && by == record && seq > self.joined
    }
}

impl Work<'_> {
    /// The names that rules may unset: shown ones, and what the record or a part of it holds, which may be hidden in the
    /// live profile and would be shown again after a revert.
    pub(super) fn named<'u>(&mut self, place: Place, unsets: &'u [Unset]) -> Known<Named<'u>> {
        let plain = unsets.iter().all(|unset| unset.matching == Matching::Equals && unset.case_sensitive);
        if plain && !self.has_members(place.root)? {
            self.profile(place.record)?;
            let held = |unset: &&Unset| self.own_write(place.record, &unset.text).is_some_and(|w| w.value.is_some());
            let held = unsets.iter().filter(held).filter(|unset| policy(&unset.text) == Policy::Free);
            let mut names = BTreeMap::new();
            for unset in held {
                names.entry(unset.text.clone()).or_insert(unset);
            }
            return Ok(Named::Names(names.into_iter().collect()));
        }
        self.index_names(place)?;
        let mut names = BTreeMap::new();
        self.kinds_named(place, unsets, &mut names);
        let may_have = 2 * RECORD_ATTRIBUTES_MAX;
        let Some(tree) = self.names.trees.get_mut(&place.root) else { return Ok(Named::Names(Vec::new())) };
        let mut done = Vec::new();
        for unset in unsets {
            let Some(rule) = self.names.rules.of(unset) else { continue };
            let found = tree.found.get(&rule).map_or(&[][..], Vec::as_slice);
            let from = tree.unset.get(&(rule, place.record)).copied().unwrap_or_default();
            for number in &found[from..] {
                let name = &tree.names[*number as usize];
                if !tree.is_unset(name, place.record) {
                    names.entry(name.name.clone()).or_insert(unset);
                }
                if names.len() > may_have {
                    return Ok(Named::TooMany);
                }
            }
            done.push(((rule, place.record), found.len()));
        }
        for (at, len) in done {
            let before = tree.unset.insert(at, len);
            self.names.undo.push(Undo::Unset(place.root, at, before));
        }
        Ok(Named::Names(names.into_iter().collect()))
    }

    /// Identifier kinds are unset by their whole name alone.
    fn kinds_named<'u>(&self, place: Place, unsets: &'u [Unset], names: &mut BTreeMap<Box<str>, &'u Unset>) {
        let Some(tree) = self.names.trees.get(&place.root) else { return };
        let equal: Vec<&Unset> = unsets.iter().filter(|unset| unset.matching == Matching::Equals).collect();
        let kinds = self.identity.active().map(|kind| kind.kind.name());
        for name in kinds.chain([CUSTOMER_ID]) {
            let is_held = tree.numbers.get(name).is_some_and(|number| tree.names[*number as usize].held > 0);
            let names_it = |unset: &&&Unset| unset.ready().names(name, &name.to_lowercase());
            if is_held && let Some(unset) = equal.iter().find(names_it) {
                names.insert(name.into(), unset);
            }
        }
    }

    /// Builds the index of a live profile, unless it is there.
    fn index_names(&mut self, place: Place) -> Known<()> {
        if self.names.trees.contains_key(&place.root) {
            return Ok(());
        }
        let members = self.members(place.root)?;
        let mut tree = Tree::default();
        for no in &members {
            self.profile(*no)?;
            let joined = self.links.get(no).flatten().map_or(0, |link| link.seq);
            tree.joined = tree.joined.max(joined);
        }
        let mut names = std::mem::take(&mut self.names);
        let mut writes = 0;
        if let Some((said, count)) = self.said_by(&members) {
            writes = count;
            // Nothing to take back: an element that fails after this leaves the index as it is.
            tree.add(place.root, &said, &mut names.rules, (&mut Vec::new(), &self.facts.pause));
        }
        names.trees.insert(place.root, tree);
        self.names = names;
        self.spend(6 * writes);
        if self.has_merged() {
            self.names.undo.push(Undo::Built(place.root));
        }
        Ok(())
    }

    /// Two live profiles with these members became one by a link. The larger index stays, if there is one, and the records of
    /// the other side are added to it: many members that join one profile cost what they bring.
    pub(super) fn join_names(
        &mut self,
        (survivor, staying): (ProfileNo, &[ProfileNo]),
        (part, joined): (ProfileNo, &[ProfileNo]),
        link: Seq,
    ) {
        let size = |root: ProfileNo| self.names.trees.get(&root).map(|tree| tree.names.len());
        if size(survivor).is_none() && size(part).is_none() {
            return;
        }
        let (kept, dropped, added) =
            if size(survivor) >= size(part) { (survivor, part, joined) } else { (part, survivor, staying) };
        let mut names = std::mem::take(&mut self.names);
        names.forget(dropped);
        let mut writes = 0;
        match self.said_by(added) {
            Some((said, count)) => {
                writes = count;
                names.join((kept, survivor), link, &said, &self.facts.pause);
            }
            // A merge needs no own record: whoever asks for the index asks for them.
            None => names.forget(kept),
        }
        self.names = names;
        self.spend(6 * writes);
    }

    /// What own records say of each name, and how many writes that are, each of which is counted, hashed and walked. None if
    /// a record is not known.
    fn said_by(&self, members: &[ProfileNo]) -> Option<(Vec<Said<'_>>, usize)> {
        let (mut said, mut places): (Vec<Said<'_>>, HashMap<&str, usize>) = (Vec::new(), HashMap::new());
        let mut writes = 0;
        for no in members {
            self.facts.pause.between();
            let Some(profile) = self.profiles.get(no)? else { continue };
            writes += profile.attributes.len();
            for (name, write) in profile.attributes.iter() {
                let place = *places.entry(name).or_insert(said.len());
                if place == said.len() {
                    let is_free = policy(name) == Policy::Free && !write::is_kind(self, name);
                    said.push(Said { name, held: 0, newest: NEVER, is_free });
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

    /// The running element has failed: what it wrote before an index was built is not in it any more.
    pub(super) fn refresh_names(&mut self) {
        for (root, name) in std::mem::take(&mut self.wrote) {
            // Nothing may be asked for here: who was made by the element that failed is nobody again.
            let Some(Some(standing)) = self.standings.get(&root).map(|found| found.copied()) else {
                self.names.trees.remove(&root);
                continue;
            };
            if !self.names.trees.contains_key(&root) {
                continue;
            }
            let members = match self.trees.get(&root) {
                Some(Some(members)) if standing.tree.members > 1 => members.clone(),
                _ => vec![root],
            };
            let is_kind = write::is_kind(self, &name);
            let (mut held, mut newest) = (0, NEVER);
            for no in members {
                let Some(write) = self.own_write(no, &name) else { continue };
                held += u32::from(write.value.is_some());
                if write.seq >= newest.seq {
                    newest = Newest { seq: write.seq, record: no, is_set: write.value.is_some() };
                }
            }
            self.names.refresh(root, &name, (held, newest), is_kind);
        }
    }
}
