//! The naive model: every write that was ever made in a list, profiles folded from scratch at each look, straight from
//! the words of behaviour.md 3.1. It shares with the rules the plain value types and nothing else. What elements do to
//! it is `resolve.rs` and `elements.rs`; guards, reviews and activation are in files of their names.

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

/// Writes of one name in one record, values or unsets, each with its place in the order of all that happens.
type Log<V> = Vec<(u64, Option<V>)>;

/// Aliases by kind, as snapshots have them.
type Aliases = Vec<(IdentifierKind, Vec<Box<str>>)>;

/// One id with all that was ever recorded under it.
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

/// One write of an attribute: when in the order of all that happens, the value or an unset, and what history tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) seq: u64,
    pub(crate) name: Box<str>,
    pub(crate) value: Option<Value>,
    pub(crate) stamp: (Timestamp, Option<RequestNo>),
}

/// What led to a merge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Why {
    Keys,
    Activation,
    Review(ReviewNo),
    Hand,
}

/// A merge: a link while it is not reverted.
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
    /// Both as they were right before it, and the revision of the settings then.
    pub(crate) before: Box<(Profile, Profile, u64)>,
}

/// The whole workspace.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) settings: Settings,
    pub(crate) people: Vec<Person>,
    pub(crate) bindings: Vec<(Identifier, ProfileNo)>,
    pub(crate) joins: Vec<Join>,
    pub(crate) separations: Vec<(SeparationNo, ProfileNo, ProfileNo)>,
    pub(crate) separations_ever: u64,
    /// Each with when it was seen, the name of its action and the id that it is recorded under.
    pub(crate) event_ids: Vec<(Box<str>, Timestamp, Box<str>, ProfileNo)>,
    pub(crate) clock: u64,
    /// Live profiles whose deletion is under way, with when they go.
    pub(crate) leaving: BTreeMap<ProfileNo, Timestamp>,
    pub(crate) reviews: Vec<Noted>,
    /// Values of kinds that have just become active, each with an own record that shows it; until they are bound.
    pub(crate) unsettled: Vec<(Identifier, ProfileNo)>,
    /// The last id that the background pass has seen.
    pub(crate) passed: ProfileNo,
    /// What is written now is written at this time by this request.
    pub(crate) stamp: (Timestamp, Option<RequestNo>),
    /// The place in its request of the element that is applied now.
    pub(crate) running: u32,
    /// What joins now writes an e-mail address.
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

    /// The next place in the order of all that happens.
    pub(crate) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// The link by which an id hangs under another.
    fn link(&self, no: ProfileNo) -> Option<&Join> {
        self.joins.iter().find(|j| j.part == no && j.reverted.is_none())
    }

    pub(crate) fn root(&self, no: ProfileNo) -> ProfileNo {
        self.link(no).map_or(no, |j| self.root(j.top))
    }

    /// An id with everything that hangs under it.
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

    /// The keys that any of these ids hold: bound to them, or not settled yet; with the id.
    pub(crate) fn held(&self, members: &[ProfileNo]) -> Vec<(Identifier, ProfileNo)> {
        let all = self.bindings.iter().chain(&self.unsettled);
        all.filter(|(_, no)| members.contains(no)).cloned().collect()
    }

    /// The keys bound to any of these ids.
    fn keys_of(&self, members: &[ProfileNo]) -> Vec<Identifier> {
        self.bindings.iter().filter(|(_, no)| members.contains(no)).map(|(key, _)| key.clone()).collect()
    }

    /// "Shown" of behaviour.md 3.1, for what `log` tells of each record, as it was before a moment.
    fn shown<V: Clone>(
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
            let brought = self.shown(join.part, join.seq, log, together);
            value = match (value, brought) {
                (Some(a), Some(b)) => Some(together(join, a, b)),
                (a, b) => a.or(b),
            };
        }
        value
    }

    /// What a live profile shows of an attribute.
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
        self.shown(top, u64::MAX, &log, &together)
    }

    /// Every name that was ever written.
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

    /// A live profile as it must be shown.
    pub(crate) fn snapshot(&self, root: ProfileNo) -> Profile {
        let members = self.under(root);
        let written: BTreeSet<&Box<str>> =
            members.iter().flat_map(|no| self.person(*no).writes.iter().map(|w| &w.name)).collect();
        let attributes: BTreeMap<Box<str>, Value> =
            written.into_iter().filter_map(|n| Some((n.clone(), self.attribute(root, n)?))).collect();
        let platform = |p: Platform| {
            let log = |m: &Person| m.platforms.iter().filter(|w| w.1 == p).map(|w| (w.0, Some(w.2))).collect();
            self.shown(root, u64::MAX, &log, &|_, a: bool, _| a)
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

/// A value as an identifier: text, or an integer by its JSON text; `lowercase` compares in lower case.
pub(crate) fn read(normaliser: Option<Normaliser>, value: &Value) -> Option<Box<str>> {
    let text = match value {
        Value::Integer(n) => n.to_string(),
        value => value.as_text()?.to_owned(),
    };
    Some(if normaliser == Some(Normaliser::Lowercase) { text.to_lowercase().into() } else { text.into() })
}
