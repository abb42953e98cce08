//! Whom elements are about in the naive model, and what merges, reverts and lifts do to it, from behaviour.md 3.2, 3.3
//! and 3.4. What is then written is `elements.rs`.

use crate::model::{Join, Model, Person};
use muster_core::command::{Body, Element, GivenKey};
use muster_core::id::{MergeNo, ProfileId, ProfileNo, SeparationNo};
use muster_core::identifier::Key;
use muster_core::outcome::{ActionOutcome, ElementResult, Outcome};
use muster_core::record::{Choice, Former};
use muster_core::settings::SurvivorRule;
use muster_core::time::Timestamp;
use muster_core::value::Value;
use muster_core::warning::Code;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What became of an element, as far as model and rules are compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) outcome: Outcome,
    pub(crate) profile: Option<ProfileId>,
    pub(crate) merged: Vec<ProfileId>,
    pub(crate) actions: Vec<ActionOutcome>,
    pub(crate) warnings: BTreeSet<(Code, Box<str>)>,
}

impl Told {
    pub(crate) fn nothing(outcome: Outcome, actions: Vec<ActionOutcome>) -> Self {
        Self { outcome, profile: None, merged: Vec::new(), actions, warnings: BTreeSet::new() }
    }

    /// What the rules told.
    pub(crate) fn of(result: &ElementResult) -> Self {
        Self {
            outcome: result.outcome,
            profile: result.profile,
            merged: result.merged.clone(),
            actions: result.actions.iter().map(|a| a.outcome).collect(),
            warnings: result.warnings.iter().map(|w| (w.code, w.name.clone())).collect(),
        }
    }
}

/// Whom an element is about, once its keys are resolved and whoever must be is merged.
pub(crate) struct Target {
    pub(crate) record: ProfileNo,
    outcome: Outcome,
    merged: Vec<ProfileId>,
}

pub(crate) type Kept = Vec<(GivenKey, Option<ProfileNo>)>;
pub(crate) type Warned = BTreeSet<(Code, Box<str>)>;

impl Model {
    /// Applies an element received at `now`.
    pub(crate) fn element(&mut self, element: &Element, now: Timestamp) -> Told {
        let told = match &element.body {
            Err(_) => Told::nothing(Outcome::Rejected, Vec::new()),
            Ok(Body::Customer(customer)) => self.customer(customer, now),
            Ok(Body::Event(event)) => self.event(event, now),
            Ok(Body::Device(device)) => self.device(device, now),
        };
        let refused = told.outcome == Outcome::Rejected || told.actions.contains(&ActionOutcome::Rejected);
        self.quarantined += u64::from(refused);
        told
    }

    /// Keys in order of rank, kept if they would join no two that are separated, and no more than 1,000 members.
    pub(crate) fn kept(&self, keys: &[GivenKey], warned: &mut Warned) -> Kept {
        let mut kept: Kept = Vec::new();
        for given in keys {
            let bound = self.bound(&given.key);
            let mut roots: BTreeSet<ProfileNo> = kept.iter().filter_map(|(_, no)| no.map(|no| self.root(no))).collect();
            let conflict = bound.is_some_and(|no| roots.iter().any(|root| self.separated(*root, self.root(no))));
            roots.extend(bound.map(|no| self.root(no)));
            let members: usize = roots.iter().map(|root| self.under(*root).len()).sum();
            if conflict || (roots.len() > 1 && members > 1_000) {
                warned.insert((Code::KeySetAside, given.key.kind.name().into()));
            } else {
                kept.push((given.clone(), bound));
            }
        }
        kept
    }

    fn separated(&self, a: ProfileNo, b: ProfileNo) -> bool {
        let (a, b) = (self.under(a), self.under(b));
        self.separations.iter().any(|(_, x, y)| (a.contains(x) && b.contains(y)) || (a.contains(y) && b.contains(x)))
    }

    /// The table of behaviour.md 3.2; None: no live profile.
    pub(crate) fn target(&mut self, kept: &Kept, now: Timestamp) -> Option<Target> {
        let ids: BTreeSet<ProfileNo> = kept.iter().filter_map(|(_, no)| *no).collect();
        let roots: BTreeSet<ProfileNo> = ids.iter().map(|no| self.root(*no)).collect();
        let first = *ids.first()?;
        if roots.len() == 1 {
            let record = if ids.len() == 1 { first } else { self.root(first) };
            return Some(Target { record, outcome: Outcome::Updated, merged: Vec::new() });
        }
        let (order, choice) = self.survivors(roots.into_iter().collect());
        let merged = order[1..].iter().map(|no| self.person(*no).id).collect();
        for part in &order[1..] {
            self.join(order[0], *part, choice, now);
        }
        Some(Target { record: order[0], outcome: Outcome::Merged, merged })
    }

    /// The survivor first, the others in the order in which they are merged into it.
    fn survivors(&self, mut roots: Vec<ProfileNo>) -> (Vec<ProfileNo>, Choice) {
        let rule = self.identity().survivor_rule;
        roots.sort_by_key(|no| {
            let t = self.tally(*no);
            let by_rule = match rule {
                SurvivorRule::LastSeen => (Reverse(t.last_seen.0), 0),
                SurvivorRule::FirstSeen => (Reverse(0), t.first_seen.0),
                SurvivorRule::MostEvents => (Reverse(t.events as i64), 0),
            };
            (by_rule, t.first_seen, self.person(*no).id)
        });
        if let Some(name) = &self.identity().survivor_attribute {
            let showing: Vec<ProfileNo> =
                roots.iter().copied().filter(|no| self.attribute(*no, name).is_some()).collect();
            if let [only] = showing[..] {
                roots.retain(|no| *no != only);
                roots.insert(0, only);
                return (roots, Choice::Attribute);
            }
        }
        (roots, Choice::Rule(rule))
    }

    fn join(&mut self, top: ProfileNo, part: ProfileNo, choice: Choice, at: Timestamp) {
        let email = self.attribute(top, "email");
        let same_email = email.is_some() && email == self.attribute(part, "email");
        let (no, seq) = (MergeNo(self.joins.len() as u64 + 1), self.tick());
        let rules = self.identity().attribute_rules.clone();
        self.joins.push(Join { no, at, top, part, seq, rules, same_email, choice, reverted: None });
    }

    pub(crate) fn create(&mut self, now: Timestamp, first_seen: Timestamp) -> Target {
        let id = ProfileId { created: now, no: ProfileNo(self.people.len() as u64 + 1) };
        self.people.push(Person {
            id,
            first_seen: first_seen.min(now),
            seen: Vec::new(),
            writes: Vec::new(),
            platforms: Vec::new(),
            devices: Vec::new(),
            events: Vec::new(),
            former: Vec::new(),
        });
        Target { record: id.no, outcome: Outcome::Created, merged: Vec::new() }
    }

    pub(crate) fn write(&mut self, no: ProfileNo, name: &str, value: Option<Value>) {
        let seq = self.tick();
        self.person_mut(no).writes.push((seq, name.into(), value));
    }

    pub(crate) fn bind(&mut self, no: ProfileNo, key: &Key) {
        self.bindings.push((key.clone(), no));
        self.write(no, key.kind.name(), Some(Value::text(&key.value)));
    }

    pub(crate) fn release(&mut self, key: &Key, now: Timestamp) {
        let no = self.bound(key).unwrap();
        self.bindings.retain(|(k, _)| k != key);
        let former = &mut self.person_mut(no).former;
        former.push(Former { key: key.clone(), until: now });
        if former.len() > 100 {
            former.remove(0);
        }
        // The record that held it shows it no more, also when it comes off on its own.
        self.write(no, key.kind.name(), None);
    }

    pub(crate) fn tell(&self, target: Target, actions: Vec<ActionOutcome>, warnings: Warned) -> Told {
        let profile = Some(self.person(self.root(target.record)).id);
        Told { outcome: target.outcome, profile, merged: target.merged, actions, warnings }
    }

    /// Cuts a link; the live profile that the part came off, and the part. None: there is none to cut.
    pub(crate) fn revert(&mut self, merge: MergeNo, now: Timestamp) -> Option<(ProfileNo, ProfileNo)> {
        let (top, part) = {
            let join = self.joins.iter().find(|j| j.no == merge && j.reverted.is_none())?;
            (join.top, join.part)
        };
        let root = self.root(top);
        self.joins.iter_mut().find(|j| j.no == merge)?.reverted = Some(now);
        self.separations_ever += 1;
        self.separations.push((SeparationNo(self.separations_ever), top, part));
        self.tick();
        Some((root, part))
    }

    pub(crate) fn lift(&mut self, no: SeparationNo) -> bool {
        let before = self.separations.len();
        self.separations.retain(|(n, _, _)| *n != no);
        self.separations.len() < before
    }
}
