//! Facts of one family with changes on top: what a decision reads and writes, and how an element that fails leaves no
//! trace.

use crate::facts::Found;
use std::collections::HashMap;
use std::hash::Hash;

/// A family of facts under changes.
#[derive(Debug)]
pub(super) struct Layer<'f, K, V> {
    facts: &'f Found<K, V>,
    changed: HashMap<K, Entry<V>>,
    /// What to put back if the running element fails: entries as they were when it began.
    undo: Vec<(K, Option<Entry<V>>)>,
    epoch: u32,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    value: Option<V>,
    /// The element that changed it last.
    epoch: u32,
}

impl<'f, K: Eq + Hash + Clone + Ord, V: Clone> Layer<'f, K, V> {
    pub(super) fn new(facts: &'f Found<K, V>) -> Self {
        Self { facts, changed: HashMap::new(), undo: Vec::new(), epoch: 0 }
    }

    /// The value as it is now: None = not known, `Some(None)` = there is none.
    pub(super) fn get(&self, key: &K) -> Option<Option<&V>> {
        match self.changed.get(key) {
            Some(entry) => Some(entry.value.as_ref()),
            None => self.facts.get(key).map(Option::as_ref),
        }
    }

    /// The value to change, as it is now; what is not known counts as none.
    pub(super) fn change(&mut self, key: &K) -> &mut Option<V> {
        let epoch = self.epoch;
        if self.changed.get(key).is_none_or(|entry| entry.epoch != epoch) {
            self.undo.push((key.clone(), self.changed.get(key).cloned()));
        }
        let facts = self.facts;
        let entry = self
            .changed
            .entry(key.clone())
            .or_insert_with(|| Entry { value: facts.get(key).cloned().flatten(), epoch });
        entry.epoch = epoch;
        &mut entry.value
    }

    pub(super) fn set(&mut self, key: K, value: Option<V>) {
        *self.change(&key) = value;
    }

    /// A new element begins: what it changes can be rolled back.
    pub(super) fn mark(&mut self) {
        self.epoch += 1;
        self.undo.clear();
    }

    /// Puts everything back as it was at the mark.
    pub(super) fn roll_back(&mut self) {
        for (key, entry) in self.undo.drain(..).rev() {
            match entry {
                Some(entry) => self.changed.insert(key, entry),
                None => self.changed.remove(&key),
            };
        }
    }

    /// What was changed, in order of the keys. What came and went within the decision is left out: rows that were not
    /// stored before and are none now. `unread` tells whether a row that was never read is stored.
    pub(super) fn into_changes(self, unread: impl Fn(&K) -> bool) -> Vec<(K, Option<V>)> {
        let facts = self.facts;
        let stored = |key: &K| facts.get(key).map_or_else(|| unread(key), Option::is_some);
        let mut changes: Vec<_> = self
            .changed
            .into_iter()
            .filter(|(key, entry)| entry.value.is_some() || stored(key))
            .map(|(key, entry)| (key, entry.value))
            .collect();
        changes.sort_by(|a, b| a.0.cmp(&b.0));
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolled_back_element_leaves_no_trace_and_earlier_ones_stay() {
        let facts = Found::from([("a", Some(1)), ("b", None)]);
        let mut layer = Layer::new(&facts);
        layer.mark();
        layer.set("b", Some(2));
        layer.mark();
        *layer.change(&"a") = None;
        layer.set("b", Some(3));
        layer.set("c", Some(4));
        layer.roll_back();
        assert_eq!([layer.get(&"a"), layer.get(&"b"), layer.get(&"c")], [Some(Some(&1)), Some(Some(&2)), None]);
        assert_eq!(layer.into_changes(|_| false), [("a", Some(1)), ("b", Some(2))][1..]);
    }
}
