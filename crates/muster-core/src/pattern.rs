//! Matching of many unset rules against many names (FACTS 1.2.1): one walk over a name finds every rule that matches
//! it, at the cost of the name's length and the rules found. The automaton is that of Aho and Corasick (1975).

use crate::command::{Matching, Unset};
use std::collections::{HashMap, VecDeque};

/// Number of a rule of [`Rules`]; equal rules have the same number.
pub type RuleNo = u32;

/// Unset rules, prepared for matching.
#[derive(Debug, Default)]
pub struct Rules {
    numbers: HashMap<(bool, Matching, Box<str>), RuleNo>,
    exact: Machine,
    lower: Machine,
}

impl Rules {
    /// Builds the rules of these unsets.
    pub fn new<'u>(unsets: impl Iterator<Item = &'u Unset>) -> Self {
        let mut rules = Self::default();
        for unset in unsets {
            let next = RuleNo::try_from(rules.numbers.len()).expect("a body has fewer rules than that");
            let key = rule_key(unset);
            let number = *rules.numbers.entry(key.clone()).or_insert(next);
            if number == next {
                let machine = if key.0 { &mut rules.exact } else { &mut rules.lower };
                machine.insert(key.2.as_bytes(), unset.matching, number);
            }
        }
        rules.exact.link();
        rules.lower.link();
        rules
    }

    /// Returns the number of rules.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Returns the number of the rule of an unset.
    pub fn number_of(&self, unset: &Unset) -> Option<RuleNo> {
        self.numbers.get(&rule_key(unset)).copied()
    }

    /// Returns the rules that match an attribute, each once.
    pub fn matching_rules(&mut self, name: &str) -> Vec<RuleNo> {
        let mut found = Vec::new();
        self.exact.walk(name.as_bytes(), &mut found);
        if !self.lower.is_empty() {
            self.lower.walk(name.to_lowercase().as_bytes(), &mut found);
        }
        found
    }
}

fn rule_key(unset: &Unset) -> (bool, Matching, Box<str>) {
    let text = if unset.case_sensitive { unset.text.clone() } else { unset.text.to_lowercase().into() };
    (unset.case_sensitive, unset.matching, text)
}

/// Automaton over the bytes of the patterns. Node 0 is the root.
#[derive(Debug)]
struct Machine {
    nodes: Vec<Node>,
    /// Last walk that found the node.
    walk: u32,
}

#[derive(Clone, Debug, Default)]
struct Node {
    edges: Vec<(u8, u32)>,
    /// Node of the longest proper suffix that is the beginning of a pattern.
    fail: u32,
    /// Nearest node along `fail` where a pattern ends; 0 = none.
    ends: u32,
    rules: [Option<RuleNo>; 4],
    walk: u32,
}

impl Default for Machine {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], walk: 0 }
    }
}

impl Node {
    fn edge(&self, byte: u8) -> Option<u32> {
        let at = self.edges.binary_search_by_key(&byte, |(byte, _)| *byte).ok()?;
        Some(self.edges[at].1)
    }

    fn rule(&self, matching: Matching) -> Option<RuleNo> {
        self.rules[matching as usize]
    }

    fn is_end(&self) -> bool {
        self.rules.iter().any(Option::is_some)
    }
}

impl Machine {
    fn is_empty(&self) -> bool {
        self.nodes.len() == 1 && !self.nodes[0].is_end()
    }

    fn insert(&mut self, text: &[u8], matching: Matching, rule: RuleNo) {
        let mut at = 0;
        for byte in text {
            let next = u32::try_from(self.nodes.len()).expect("a body is shorter than that");
            let edges = &mut self.nodes[at].edges;
            at = match edges.binary_search_by_key(byte, |(byte, _)| *byte) {
                Ok(there) => edges[there].1,
                Err(place) => {
                    edges.insert(place, (*byte, next));
                    self.nodes.push(Node::default());
                    next
                }
            } as usize;
        }
        self.nodes[at].rules[matching as usize] = Some(rule);
    }

    /// Sets the links to suffixes, shortest patterns first.
    fn link(&mut self) {
        let mut open: VecDeque<u32> = self.nodes[0].edges.iter().map(|(_, child)| *child).collect();
        while let Some(no) = open.pop_front() {
            for (byte, child) in self.nodes[no as usize].edges.clone() {
                let fail = self.step(self.nodes[no as usize].fail, byte);
                let ends = if self.nodes[fail as usize].is_end() { fail } else { self.nodes[fail as usize].ends };
                (self.nodes[child as usize].fail, self.nodes[child as usize].ends) = (fail, ends);
                open.push_back(child);
            }
        }
    }

    fn step(&self, mut at: u32, byte: u8) -> u32 {
        loop {
            match self.nodes[at as usize].edge(byte) {
                Some(next) => return next,
                None if at == 0 => return 0,
                None => at = self.nodes[at as usize].fail,
            }
        }
    }

    fn walk(&mut self, name: &[u8], found: &mut Vec<RuleNo>) {
        if self.is_empty() {
            return;
        }
        self.walk += 1;
        self.walk_beginning(name, found);
        found.extend(self.nodes[0].rule(Matching::Contains));
        found.extend(self.nodes[0].rule(Matching::Suffix));
        let mut at = 0;
        for byte in name {
            at = self.step(at, *byte);
            let mut end = at;
            // Links of a node that this walk has visited were followed already.
            while end != 0 && self.nodes[end as usize].walk != self.walk {
                let node = &mut self.nodes[end as usize];
                node.walk = self.walk;
                found.extend(node.rule(Matching::Contains));
                end = node.ends;
            }
        }
        while at != 0 {
            found.extend(self.nodes[at as usize].rule(Matching::Suffix));
            at = self.nodes[at as usize].ends;
        }
    }

    /// Finds the rules that compare the start or the whole name.
    fn walk_beginning(&self, name: &[u8], found: &mut Vec<RuleNo>) {
        let mut node = &self.nodes[0];
        found.extend(node.rule(Matching::Prefix));
        for byte in name {
            let Some(next) = node.edge(*byte) else { return };
            node = &self.nodes[next as usize];
            found.extend(node.rule(Matching::Prefix));
        }
        found.extend(node.rule(Matching::Equals));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unset() -> impl Strategy<Value = Unset> {
        let matching = prop_oneof![
            Just(Matching::Equals),
            Just(Matching::Prefix),
            Just(Matching::Suffix),
            Just(Matching::Contains)
        ];
        ("[aAbé]{0,4}", matching, any::<bool>()).prop_map(|(text, matching, case_sensitive)| Unset {
            matching,
            text: text.into(),
            case_sensitive,
            pointer: "".into(),
        })
    }

    proptest! {
        /// Fails if a walk follows `fail` instead of `ends`, or stops at a node of an earlier walk.
        #[test]
        fn the_rules_that_name_an_attribute_are_those_that_name_it_one_by_one(
            unsets in prop::collection::vec(unset(), 0..12),
            names in prop::collection::vec("[aAbBéÉ]{0,7}", 1..5),
        ) {
            let mut rules = Rules::new(unsets.iter());
            for name in names {
                let mut found = rules.matching_rules(&name);
                found.sort_unstable();
                let fits = |unset: &&Unset| unset.prepare().matches(&name, &name.to_lowercase());
                let mut one_by_one: Vec<RuleNo> = unsets.iter().filter(fits).map(|u| rules.number_of(u).unwrap()).collect();
                one_by_one.sort_unstable();
                one_by_one.dedup();
                prop_assert_eq!(found, one_by_one);
            }
        }
    }
}
