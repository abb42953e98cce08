//! Facts of one family with the changes of a decision on top, and their undo when an element fails.

use crate::facts::{FactHasher, FactMap};
use std::collections::HashMap;
use std::hash::Hash;

#[derive(Debug)]
pub(super) struct Layer<'f, K, V> {
    facts: &'f FactMap<K, V>,
    changed: HashMap<K, Entry<V>, FactHasher>,
    /// Undo of the current element, applied in reverse order.
    undo: Vec<(K, Undo<V>)>,
    epoch: u32,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    value: Option<V>,
    /// Element that last replaced the entry; its undo holds the whole previous value.
    epoch: u32,
    changes: u32,
}

enum Undo<V> {
    Whole(Option<Entry<V>>),
    Part(Box<dyn FnOnce(&mut V)>),
}

impl<V> std::fmt::Debug for Undo<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Whole(_)) { "Whole" } else { "Part" })
    }
}

impl<'f, K: Eq + Hash + Clone + Ord, V: Clone> Layer<'f, K, V> {
    pub(super) fn new(facts: &'f FactMap<K, V>) -> Self {
        Self { facts, changed: HashMap::default(), undo: Vec::new(), epoch: 0 }
    }

    /// Returns the current value: None = not known, `Some(None)` = no row.
    pub(super) fn get(&self, key: &K) -> Option<Option<&V>> {
        match self.changed.get(key) {
            Some(entry) => Some(entry.value.as_ref()),
            None => self.facts.get(key).map(Option::as_ref),
        }
    }

    pub(super) fn is_changed(&self, key: &K) -> bool {
        self.changed.contains_key(key)
    }

    fn entry(&mut self, key: &K) -> &mut Entry<V> {
        let (facts, epoch) = (self.facts, self.epoch);
        let copy = || Entry { value: facts.get(key).cloned().flatten(), epoch: epoch.wrapping_sub(1), changes: 0 };
        self.changed.entry(key.clone()).or_insert_with(copy)
    }

    /// Returns the current value for changes and keeps it whole for undo; for large values use [`Self::edit`].
    pub(super) fn change(&mut self, key: &K) -> &mut Option<V> {
        let epoch = self.epoch;
        if self.changed.get(key).is_none_or(|entry| entry.epoch != epoch) {
            self.undo.push((key.clone(), Undo::Whole(self.changed.get(key).cloned())));
        }
        let entry = self.entry(key);
        entry.epoch = epoch;
        entry.changes += 1;
        &mut entry.value
    }

    /// Changes part of a value at the cost of the change; `edit` returns the undo. Returns whether the value exists.
    pub(super) fn edit<B: FnOnce(&mut V) + 'static>(&mut self, key: &K, edit: impl FnOnce(&mut V) -> B) -> bool {
        if self.get(key).flatten().is_none() {
            return false;
        }
        let epoch = self.epoch;
        let entry = self.entry(key);
        let Some(value) = &mut entry.value else { return false };
        let back = edit(value);
        entry.changes += 1;
        if entry.epoch != epoch {
            self.undo.push((key.clone(), Undo::Part(Box::new(back))));
        }
        true
    }

    /// Sets a value. The previous value is moved to the undo, not copied.
    pub(super) fn set(&mut self, key: K, value: Option<V>) {
        let epoch = self.epoch;
        let changes = self.changed.get(&key).map_or(0, |entry| entry.changes) + 1;
        let before = self.changed.insert(key.clone(), Entry { value, epoch, changes });
        if before.as_ref().is_none_or(|entry| entry.epoch != epoch) {
            self.undo.push((key, Undo::Whole(before)));
        }
    }

    pub(super) fn savepoint(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.undo.clear();
    }

    pub(super) fn roll_back(&mut self) {
        for (key, undo) in self.undo.drain(..).rev() {
            match undo {
                Undo::Whole(Some(entry)) => drop(self.changed.insert(key, entry)),
                Undo::Whole(None) => drop(self.changed.remove(&key)),
                Undo::Part(back) => {
                    let Some(entry) = self.changed.get_mut(&key) else { continue };
                    entry.changes -= 1;
                    if let Some(value) = &mut entry.value {
                        back(value);
                    }
                }
            }
        }
    }

    /// Returns the changes, in order of the keys, without rows that were both created and removed by this decision.
    /// `unread` says whether a row that was never read is stored.
    pub(super) fn into_changes(self, unread: impl Fn(&K) -> bool) -> Vec<(K, Option<V>)> {
        let facts = self.facts;
        let stored = |key: &K| facts.get(key).map_or_else(|| unread(key), Option::is_some);
        let mut changes: Vec<_> = self
            .changed
            .into_iter()
            .filter(|(key, entry)| entry.changes > 0 && (entry.value.is_some() || stored(key)))
            .map(|(key, entry)| (key, entry.value))
            .collect();
        changes.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolled_back_element_leaves_no_trace_and_earlier_ones_stay() {
        let facts = FactMap::from_iter([("a", Some(1)), ("b", None)]);
        let mut layer = Layer::new(&facts);
        layer.savepoint();
        layer.set("b", Some(2));
        layer.savepoint();
        *layer.change(&"a") = None;
        layer.set("b", Some(3));
        layer.set("c", Some(4));
        layer.roll_back();
        assert_eq!([layer.get(&"a"), layer.get(&"b"), layer.get(&"c")], [Some(Some(&1)), Some(Some(&2)), None]);
        assert_eq!(layer.into_changes(|_| false), [("a", Some(1)), ("b", Some(2))][1..]);
    }

    #[test]
    fn a_partial_change_is_undone_alone_and_is_not_a_change_afterwards() {
        let facts = FactMap::from_iter([("a", Some(vec![1])), ("b", Some(vec![2]))]);
        let push = |n: i32| {
            move |list: &mut Vec<i32>| {
                list.push(n);
                |list: &mut Vec<i32>| list.truncate(list.len() - 1)
            }
        };
        let mut layer = Layer::new(&facts);
        layer.savepoint();
        assert!(layer.edit(&"a", push(2)));
        layer.savepoint();
        assert!(layer.edit(&"a", push(3)) && layer.edit(&"b", push(4)));
        *layer.change(&"a") = None;
        assert!(!layer.edit(&"a", push(5)) && !layer.edit(&"c", push(6)));
        layer.roll_back();
        assert_eq!([layer.get(&"a"), layer.get(&"b")], [Some(Some(&vec![1, 2])), Some(Some(&vec![2]))]);
        // Without the count of changes, `b` would be written needlessly.
        assert_eq!(layer.into_changes(|_| false), [("a", Some(vec![1, 2]))]);
    }
}
