//! The naive model: a list of all writes, from which profiles are folded on each read, following the words of
//! behaviour.md 3.1. It shares only the plain value types with the rules. `resolve.rs` and `elements.rs` apply
//! elements; guards, reviews and activation are in files of their names.

use crate::reviews::Noted;
use muster_core::id::{MergeNo, ProfileId, ProfileNo, RequestNo, ReviewNo, SeparationNo};
use muster_core::identifier::{Identifier, IdentifierKind, KindSettings, Normaliser};
use muster_core::kinds::{Platform, SurvivorChoice};
use muster_core::profile::{MemberEntry, Profile};
use muster_core::record::{Device, FormerIdentifier, TreeTotals};
use muster_core::settings::{Identity, Settings};
use muster_core::time::Timestamp;
use muster_core::value::{Combine, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The flags of behaviour.md 3.1 and FACTS 6.2.
const FLAGS: [&str; 3] = ["moe_hard_bounce", "moe_spam", "moe_unsubscribe"];

/// Writes of one name in one record, values or unsets, each with its position in the order of all events.
type Log<V> = Vec<(u64, Option<V>)>;

/// Aliases by kind, as in profiles.
type Aliases = Vec<(IdentifierKind, Vec<Box<str>>)>;

/// One id with everything that was recorded under it.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: ProfileId,
    pub(crate) first_seen: Timestamp,
    pub(crate) seen: Vec<Timestamp>,
    pub(crate) writes: Vec<Written>,
    pub(crate) platforms: Vec<(u64, Platform, bool)>,
    pub(crate) devices: Vec<Device>,
    pub(crate) events: Vec<Timestamp>,
    pub(crate) former: Vec<FormerIdentifier>,
}

/// Write of an attribute: its position, the value or an unset, and what history reports.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) seq: u64,
    pub(crate) name: Box<str>,
    pub(crate) value: Option<Value>,
    pub(crate) stamp: (Timestamp, Option<RequestNo>),
}

/// Cause of a merge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Why {
    Keys,
    Activation,
    Review(ReviewNo),
    Hand,
}

/// Merge; a link unless it is reverted.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) no: MergeNo,
    pub(crate) at: Timestamp,
    pub(crate) top: ProfileNo,
    pub(crate) part: ProfileNo,
    pub(crate) seq: u64,
    pub(crate) rules: Vec<(Box<str>, Combine)>,
    pub(crate) same_email: bool,
    pub(crate) choice: SurvivorChoice,
    pub(crate) why: Why,
    pub(crate) filled: Vec<Box<str>>,
    /// Names with the values before and after.
    pub(crate) combined: Vec<(Box<str>, Value, Value)>,
    pub(crate) reverted: Option<Timestamp>,
    /// Both profiles right before it, with the revision of the settings.
    pub(crate) before: Box<(Profile, Profile, u64)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) settings: Settings,
    pub(crate) people: Vec<Person>,
    pub(crate) bindings: Vec<(Identifier, ProfileNo)>,
    pub(crate) joins: Vec<Join>,
    pub(crate) separations: Vec<(SeparationNo, ProfileNo, ProfileNo)>,
    pub(crate) separations_ever: u64,
    /// Event ids with first receipt, name of the action, and the id that it is recorded under.
    pub(crate) event_ids: Vec<(Box<str>, Timestamp, Box<str>, ProfileNo)>,
    pub(crate) clock: u64,
    /// Live profiles that are being deleted, with the time of deletion.
    pub(crate) leaving: BTreeMap<ProfileNo, Timestamp>,
    pub(crate) reviews: Vec<Noted>,
    /// Unbound values of activating kinds, each with a member record that has it.
    pub(crate) unsettled: Vec<(Identifier, ProfileNo)>,
    /// Last id of the background pass.
    pub(crate) passed: ProfileNo,
    /// Time and request of the current writes.
    pub(crate) stamp: (Timestamp, Option<RequestNo>),
    /// Position of the current element in its request.
    pub(crate) running: u32,
    /// Whether the cause of the current merge writes an e-mail address.
    pub(crate) writes_email: bool,
    pub(crate) requests: u64,
    pub(crate) accepted: u64,
    pub(crate) quarantined: u64,
}

impl Model {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            people: Vec::new(),
            bindings: Vec::new(),
            joins: Vec::new(),
            separations: Vec::new(),
            separations_ever: 0,
            event_ids: Vec::new(),
            clock: 0,
            leaving: BTreeMap::new(),
            reviews: Vec::new(),
            unsettled: Vec::new(),
            passed: ProfileNo(0),
            stamp: (Timestamp(0), None),
            running: 0,
            writes_email: false,
            requests: 0,
            accepted: 0,
            quarantined: 0,
        }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.settings.identity
    }

    pub(crate) fn person(&self, no: ProfileNo) -> &Person {
        self.people.iter().find(|p| p.id.no == no).unwrap()
    }

    pub(crate) fn person_mut(&mut self, no: ProfileNo) -> &mut Person {
        self.people.iter_mut().find(|p| p.id.no == no).unwrap()
    }

    /// Returns the next position.
    pub(crate) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn link(&self, no: ProfileNo) -> Option<&Join> {
        self.joins.iter().find(|j| j.part == no && j.reverted.is_none())
    }

    pub(crate) fn root(&self, no: ProfileNo) -> ProfileNo {
        self.link(no).map_or(no, |j| self.root(j.top))
    }

    /// Returns the subtree of an id.
    pub(crate) fn under(&self, top: ProfileNo) -> Vec<ProfileNo> {
        let hangs = |mut no| loop {
            if no == top {
                return true;
            }
            match self.link(no) {
                Some(join) => no = join.top,
                None => return false,
            }
        };
        self.people.iter().map(|p| p.id.no).filter(|no| hangs(*no)).collect()
    }

    pub(crate) fn live(&self) -> Vec<ProfileNo> {
        self.people.iter().map(|p| p.id.no).filter(|no| self.link(*no).is_none()).collect()
    }

    pub(crate) fn bound(&self, key: &Identifier) -> Option<ProfileNo> {
        self.bindings.iter().find(|(k, _)| k == key).map(|(_, no)| *no)
    }

    /// Returns the identifiers of these ids, bound or not settled yet, with the id.
    pub(crate) fn identifiers_of(&self, members: &[ProfileNo]) -> Vec<(Identifier, ProfileNo)> {
        let all = self.bindings.iter().chain(&self.unsettled);
        all.filter(|(_, no)| members.contains(no)).cloned().collect()
    }

    /// Returns the identifiers bound to any of these ids.
    fn keys_of(&self, members: &[ProfileNo]) -> Vec<Identifier> {
        self.bindings.iter().filter(|(_, no)| members.contains(no)).map(|(key, _)| key.clone()).collect()
    }

    /// Returns the current value of behaviour.md 3.1 from the log of each record, as of a position.
    fn current<V: Clone>(
        &self,
        top: ProfileNo,
        before: u64,
        log: &dyn Fn(&Person) -> Log<V>,
        together: &dyn Fn(&Join, V, V) -> V,
    ) -> Option<V> {
        let joins: Vec<&Join> =
            self.joins.iter().filter(|j| j.top == top && j.reverted.is_none() && j.seq < before).collect();
        let mut writes = log(self.person(top));
        for join in &joins {
            let part = self.under(join.part);
            writes.extend(part.iter().flat_map(|no| log(self.person(*no))).filter(|(seq, _)| *seq > join.seq));
        }
        writes.retain(|(seq, _)| *seq < before);
        let (since, mut value) = writes.into_iter().max_by_key(|(seq, _)| *seq).unwrap_or((0, None));
        for join in joins.into_iter().filter(|j| j.seq > since) {
            let brought = self.current(join.part, join.seq, log, together);
            value = match (value, brought) {
                (Some(a), Some(b)) => Some(together(join, a, b)),
                (a, b) => a.or(b),
            };
        }
        value
    }

    pub(crate) fn attribute(&self, top: ProfileNo, name: &str) -> Option<Value> {
        let log = |p: &Person| p.writes.iter().filter(|w| *w.name == *name).map(|w| (w.seq, w.value.clone())).collect();
        let together = |join: &Join, a: Value, b: Value| {
            let rule = join.rules.iter().find(|(n, _)| **n == *name);
            let flag = join.same_email && FLAGS.contains(&name) && b == Value::Boolean(true);
            match rule {
                Some((_, rule)) => Value::combine(*rule, &a, &b),
                None if flag => b,
                None => a,
            }
        };
        self.current(top, u64::MAX, &log, &together)
    }

    /// Returns every name that was ever written.
    pub(crate) fn names(&self) -> BTreeSet<Box<str>> {
        self.people.iter().flat_map(|p| p.writes.iter().map(|w| w.name.clone())).collect()
    }

    pub(crate) fn totals(&self, root: ProfileNo) -> TreeTotals {
        let members: Vec<&Person> = self.under(root).iter().map(|no| self.person(*no)).collect();
        TreeTotals {
            first_seen: members.iter().map(|p| p.first_seen).min().unwrap(),
            last_seen: members.iter().flat_map(|p| &p.seen).max().copied().unwrap(),
            events: members.iter().map(|p| p.events.len() as u64).sum(),
            devices: members.iter().map(|p| p.devices.len() as u32).sum(),
            members: members.len() as u32,
        }
    }

    /// Returns a live profile as it must be shown.
    pub(crate) fn snapshot(&self, root: ProfileNo) -> Profile {
        let members = self.under(root);
        let written: BTreeSet<&Box<str>> =
            members.iter().flat_map(|no| self.person(*no).writes.iter().map(|w| &w.name)).collect();
        let attributes: BTreeMap<Box<str>, Value> =
            written.into_iter().filter_map(|n| Some((n.clone(), self.attribute(root, n)?))).collect();
        let platform = |p: Platform| {
            let log = |m: &Person| m.platforms.iter().filter(|w| w.1 == p).map(|w| (w.0, Some(w.2))).collect();
            self.current(root, u64::MAX, &log, &|_, a: bool, _| a)
        };
        let mut devices: Vec<Device> = members.iter().flat_map(|no| self.person(*no).devices.clone()).collect();
        devices.sort_by(|a, b| a.at.cmp(&b.at));
        let mut joined: Vec<&Join> = members.iter().filter(|no| **no != root).filter_map(|no| self.link(*no)).collect();
        joined.sort_by_key(|j| j.seq);
        let entry = |j: &Join| MemberEntry {
            id: self.person(j.part).id,
            parent: self.person(j.top).id,
            merge: j.no,
            joined_at: j.at,
        };
        let (identifiers, aliases) = self.identifiers(&members, &attributes);
        let mut former: Vec<FormerIdentifier> = members.iter().flat_map(|no| self.person(*no).former.clone()).collect();
        former.sort_by(|a, b| (a.until, &a.identifier).cmp(&(b.until, &b.identifier)));
        Profile {
            id: self.person(root).id,
            identifiers,
            aliases,
            former,
            attributes,
            platforms: Platform::ALL.into_iter().filter_map(|p| Some((p, platform(p)?))).collect(),
            devices,
            totals: self.totals(root),
            members: joined.into_iter().map(entry).collect(),
        }
    }

    fn identifiers(&self, members: &[ProfileNo], attributes: &BTreeMap<Box<str>, Value>) -> (Vec<Identifier>, Aliases) {
        let (mut current, mut aliases) = (Vec::new(), Vec::new());
        for KindSettings { kind, normaliser, .. } in self.identity().active() {
            let mut held: Vec<Identifier> = self.keys_of(members).into_iter().filter(|k| k.kind == *kind).collect();
            held.sort();
            let shown = attributes.get(kind.name()).and_then(|value| read(*normaliser, value));
            current.extend(held.iter().find(|k| Some(&k.value) == shown.as_ref()).cloned());
            held.retain(|k| Some(&k.value) != shown.as_ref());
            if !held.is_empty() {
                aliases.push((kind.clone(), held.into_iter().map(|k| k.value).collect()));
            }
        }
        (current, aliases)
    }
}

/// Returns a value as an identifier: a string, or an integer as JSON; `lowercase` compares in lower case.
pub(crate) fn read(normaliser: Option<Normaliser>, value: &Value) -> Option<Box<str>> {
    let text = match value {
        Value::Integer(n) => n.to_string(),
        value => value.as_text()?.to_owned(),
    };
    Some(if normaliser == Some(Normaliser::Lowercase) { text.to_lowercase().into() } else { text.into() })
}
