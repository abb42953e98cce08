//! What elements, reverts and lifts do to the naive model, from behaviour.md 2, 3.2, 3.3 and 3.4.

use crate::model::{Join, Model, Person};
use muster_core::command::{ArrayOperation, Body, Customer, Device, Element, Event, GivenKey, Matching, Unset};
use muster_core::id::{MergeNo, ProfileId, ProfileNo, SeparationNo};
use muster_core::identifier::{Key, Kind};
use muster_core::outcome::{ActionOutcome, ElementResult, Outcome};
use muster_core::record::{self, Choice, DeviceRef, Former};
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
    fn nothing(outcome: Outcome, actions: Vec<ActionOutcome>) -> Self {
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
struct Target {
    record: ProfileNo,
    outcome: Outcome,
    merged: Vec<ProfileId>,
}

type Kept = Vec<(GivenKey, Option<ProfileNo>)>;
type Warned = BTreeSet<(Code, Box<str>)>;

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
    fn kept(&self, keys: &[GivenKey], warned: &mut Warned) -> Kept {
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
    fn target(&mut self, kept: &Kept, now: Timestamp) -> Option<Target> {
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

    fn create(&mut self, now: Timestamp, first_seen: Timestamp) -> Target {
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

    fn write(&mut self, no: ProfileNo, name: &str, value: Option<Value>) {
        let seq = self.tick();
        self.person_mut(no).writes.push((seq, name.into(), value));
    }

    fn bind(&mut self, no: ProfileNo, key: &Key) {
        self.bindings.push((key.clone(), no));
        self.write(no, key.kind.name(), Some(Value::text(&key.value)));
    }

    fn release(&mut self, key: &Key, now: Timestamp) {
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

    fn tell(&self, target: Target, actions: Vec<ActionOutcome>, warnings: Warned) -> Told {
        let profile = Some(self.person(self.root(target.record)).id);
        Told { outcome: target.outcome, profile, merged: target.merged, actions, warnings }
    }

    fn customer(&mut self, customer: &Customer, now: Timestamp) -> Told {
        let mut warned = Warned::new();
        let kept = self.kept(&customer.keys, &mut warned);
        let target = match self.target(&kept, now) {
            Some(target) => {
                let ignored = customer.create_only_names.iter().map(|(n, _)| (Code::CreateOnlyIgnored, n.clone()));
                warned.extend(ignored);
                self.person_mut(target.record).seen.push(now);
                target
            }
            None if customer.update_existing_only => {
                return Told { warnings: warned, ..Told::nothing(Outcome::Skipped, Vec::new()) };
            }
            None => {
                let target = self.create(now, customer.seen.first.unwrap_or(now));
                self.person_mut(target.record).seen.push(customer.seen.last.unwrap_or(now).min(now));
                for (name, value) in &customer.create_only {
                    self.write(target.record, name, Some(value.clone()));
                }
                target
            }
        };
        let record = target.record;
        for (given, bound) in &kept {
            match bound {
                Some(no) if given.written => {
                    self.write(*no, given.key.kind.name(), Some(Value::text(&given.key.value)))
                }
                Some(_) => {}
                None => self.replace(record, &given.key, now, &mut warned),
            }
        }
        for (name, value) in &customer.sets {
            self.write(record, name, Some(value.clone()));
        }
        for (platform, active) in &customer.platforms {
            let seq = self.tick();
            self.person_mut(record).platforms.push((seq, *platform, *active));
        }
        for operation in &customer.arrays {
            self.array(record, operation, &mut warned);
        }
        self.unset(record, &customer.unsets, now, &mut warned);
        self.tell(target, Vec::new(), warned)
    }

    fn replace(&mut self, record: ProfileNo, key: &Key, now: Timestamp, warned: &mut Warned) {
        if let Some(old) = self.keys_of(&[record]).into_iter().find(|k| k.kind == key.kind) {
            self.release(&old, now);
            warned.insert((Code::IdentifierReplaced, key.kind.name().into()));
        }
        self.bind(record, key);
    }

    fn array(&mut self, record: ProfileNo, operation: &ArrayOperation, warned: &mut Warned) {
        let mut items = match self.attribute(self.root(record), &operation.name) {
            None if !operation.add => return,
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                warned.insert((Code::NotAnArray, operation.name.clone()));
                return;
            }
        };
        if operation.add {
            let new = operation.values.iter().filter(|v| !items.contains(v)).cloned().collect::<Vec<_>>();
            items.extend(new);
        } else {
            items.retain(|v| !operation.values.contains(v));
        }
        self.write(record, &operation.name, (!items.is_empty()).then_some(Value::Array(items)));
    }

    fn unset(&mut self, record: ProfileNo, rules: &[Unset], now: Timestamp, warned: &mut Warned) {
        let kinds: Vec<Kind> = self.identity().active().map(|k| k.kind.clone()).collect();
        let names: Vec<Box<str>> =
            self.names().into_iter().filter(|n| kinds.iter().all(|k| k.name() != &**n)).collect();
        for name in names {
            if rules.iter().any(|r| names_it(r, &name)) {
                self.write(record, &name, None);
            }
        }
        for kind in kinds.iter().rev() {
            if !rules.iter().any(|r| r.matching == Matching::Equals && names_it(r, kind.name())) {
                continue;
            }
            let (mine, others): (Vec<Key>, Vec<Key>) =
                self.keys_of(&self.under(self.root(record))).into_iter().partition(|k| k.kind == *kind);
            let active = others.iter().any(|k| kinds.contains(&k.kind));
            if !mine.is_empty() && !active {
                warned.insert((Code::LastIdentifierKept, kind.name().into()));
                continue;
            }
            for key in &mine {
                self.release(key, now);
            }
            self.write(record, kind.name(), None);
        }
    }

    fn event(&mut self, event: &Event, now: Timestamp) -> Told {
        let (skew, retention) = (self.settings.future_skew_ms, self.settings.event_id_retention_ms);
        let mut known: BTreeSet<Box<str>> =
            self.event_ids.iter().filter(|(_, at)| now.0 - at.0 < retention).map(|(id, _)| id.clone()).collect();
        let mut judged = Vec::new();
        for action in &event.actions {
            judged.push(match action {
                Err(_) => ActionOutcome::Rejected,
                Ok(a) if a.time.is_some_and(|t| t.0 > now.0 + skew) => ActionOutcome::Rejected,
                Ok(a) if a.event_id.as_ref().is_some_and(|id| !known.insert(id.clone())) => ActionOutcome::Duplicate,
                Ok(_) => ActionOutcome::Accepted,
            });
        }
        if !judged.contains(&ActionOutcome::Accepted) {
            let rejected = judged.contains(&ActionOutcome::Rejected);
            return Told::nothing(if rejected { Outcome::Rejected } else { Outcome::Duplicate }, judged);
        }
        let stored: Vec<_> =
            event.actions.iter().zip(&judged).filter(|(_, j)| **j == ActionOutcome::Accepted).collect();
        let stored: Vec<_> = stored.into_iter().map(|(a, _)| a.clone().unwrap()).collect();
        let times: Vec<Timestamp> = stored.iter().map(|a| a.time.unwrap_or(now)).collect();
        let mut warned = Warned::new();
        let kept = self.kept(&event.keys, &mut warned);
        let target = match self.target(&kept, now) {
            None if event.update_existing_only => {
                let skip = |j| if j == ActionOutcome::Accepted { ActionOutcome::Skipped } else { j };
                let actions = judged.into_iter().map(skip).collect();
                return Told { warnings: warned, ..Told::nothing(Outcome::Skipped, actions) };
            }
            None => {
                let target = self.create(now, times.iter().min().copied().unwrap());
                for (given, _) in &kept {
                    self.bind(target.record, &given.key);
                }
                target
            }
            Some(target) => {
                ignored(&kept, &mut warned);
                target
            }
        };
        for (action, time) in stored.iter().zip(&times) {
            self.tick();
            self.accepted += 1;
            self.event_ids.extend(action.event_id.clone().map(|id| (id, now)));
            let person = self.person_mut(target.record);
            person.events.push(*time);
            person.seen.push((*time).min(now));
        }
        self.tell(target, judged, warned)
    }

    fn device(&mut self, device: &Device, now: Timestamp) -> Told {
        let mut warned = Warned::new();
        let kept = self.kept(&device.keys, &mut warned);
        let Some(target) = self.target(&kept, now) else {
            return Told { warnings: warned, ..Told::nothing(Outcome::Rejected, Vec::new()) };
        };
        ignored(&kept, &mut warned);
        let at = DeviceRef { profile: target.record, device_id: device.device_id.clone() };
        let tokens: Vec<_> = device.fields.tokens().collect();
        let old = self.person(target.record).devices.iter().find(|d| d.at == at).map(|d| d.fields.clone());
        // What is not said stays as it was; an advertising id only on its own platform.
        let mut fields = device.fields.clone();
        if let Some(old) = old.filter(|old| old.platform == fields.platform) {
            fields.gaid = fields.gaid.or(old.gaid);
        }
        for person in &mut self.people {
            person.devices.retain(|d| d.at != at && !d.fields.tokens().any(|t| tokens.contains(&t)));
        }
        self.tick();
        let person = self.person_mut(target.record);
        person.devices.push(record::Device { at, seq: 0, updated_at: now, fields });
        person.seen.push(now);
        self.tell(target, Vec::new(), warned)
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

/// Events and devices bind keys only when they create.
fn ignored(kept: &Kept, warned: &mut Warned) {
    let unbound = kept.iter().filter(|(_, bound)| bound.is_none());
    warned.extend(unbound.map(|(given, _)| (Code::KeyNotBound, given.key.kind.name().into())));
}

fn names_it(rule: &Unset, name: &str) -> bool {
    let lower = |s: &str| if rule.case_sensitive { s.to_owned() } else { s.to_lowercase() };
    let (name, text) = (lower(name), lower(&rule.text));
    match rule.matching {
        Matching::Equals => name == text,
        Matching::Prefix => name.starts_with(&text),
        Matching::Suffix => name.ends_with(&text),
        Matching::Contains => name.contains(&text),
    }
}
