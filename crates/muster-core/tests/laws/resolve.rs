//! Users of elements in the naive model, and the effects of merges, reverts and lifts, from behaviour.md 3.2 and 3.4.
//! Guards are in `guards.rs`, writes in `elements.rs`.

use crate::guards::Together;
use crate::model::{Join, Model, Person, Why, Written};
use muster_core::command::{Body, Element, GivenIdentifier};
use muster_core::decide::MergeUsersOutcome;
use muster_core::explanation::GuardReason;
use muster_core::id::{MergeNo, ProfileId, ProfileNo, SeparationNo};
use muster_core::identifier::Identifier;
use muster_core::kinds::{SurvivorChoice, SurvivorRule};
use muster_core::outcome::{ActionOutcome, ElementResult, Outcome};
use muster_core::record::FormerIdentifier;
use muster_core::time::Timestamp;
use muster_core::value::Value;
use muster_core::warning::Code;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Result of an element, as far as model and rules are compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResultSummary {
    pub(crate) outcome: Outcome,
    pub(crate) profile: Option<ProfileId>,
    pub(crate) merged: Vec<ProfileId>,
    pub(crate) actions: Vec<ActionOutcome>,
    pub(crate) warnings: BTreeSet<(Code, Box<str>)>,
}

impl ResultSummary {
    pub(crate) fn nothing(outcome: Outcome, actions: Vec<ActionOutcome>) -> Self {
        Self { outcome, profile: None, merged: Vec::new(), actions, warnings: BTreeSet::new() }
    }

    pub(crate) fn new(result: &ElementResult) -> Self {
        Self {
            outcome: result.outcome,
            profile: result.profile,
            merged: result.merged.clone(),
            actions: result.actions.iter().map(|a| a.outcome).collect(),
            warnings: result.warnings.iter().map(|w| (w.code, w.name.clone())).collect(),
        }
    }
}

/// User of an element, after resolving and merging.
pub(crate) struct Target {
    pub(crate) record: ProfileNo,
    outcome: Outcome,
    merged: Vec<ProfileId>,
}

pub(crate) type Kept = Vec<(GivenIdentifier, Option<ProfileNo>)>;

/// Resolved identifiers of an element.
pub(crate) struct Resolved {
    pub(crate) kept: Kept,
    /// Each with the profile that it was withheld from.
    pub(crate) withheld: Vec<(Identifier, Option<ProfileNo>, GuardReason)>,
    /// Profiles that were merged because they hold the same value of an activating kind.
    settled: Vec<ProfileNo>,
}

pub(crate) type Warned = BTreeSet<(Code, Box<str>)>;

impl Model {
    /// Applies an element received at `now`.
    pub(crate) fn element(&mut self, element: &Element, now: Timestamp) -> ResultSummary {
        // A rejected element leaves nothing.
        let before = matches!(element.body, Ok(Body::Device(_))).then(|| self.clone());
        self.running = element.index;
        let told = match &element.body {
            Err(_) => ResultSummary::nothing(Outcome::Rejected, Vec::new()),
            Ok(Body::Customer(customer)) => self.customer(customer, now),
            Ok(Body::Event(event)) => self.event(event, now),
            Ok(Body::Device(device)) => self.device(device, now),
        };
        if let Some(before) = before.filter(|_| told.outcome == Outcome::Rejected) {
            *self = before;
        }
        let refused = told.outcome == Outcome::Rejected || told.actions.contains(&ActionOutcome::Rejected);
        self.quarantined += u64::from(refused);
        told
    }

    /// Resolves identifiers in order of rank; they are kept if they do not conflict with those kept before. A value of
    /// an activating kind is settled first. `binds`: the element binds new identifiers.
    pub(crate) fn resolve(&mut self, keys: &[GivenIdentifier], binds: bool, warned: &mut Warned) -> Resolved {
        let (mut kept, mut withheld, mut settled) = (Vec::new(), Vec::new(), Vec::new());
        for given in keys {
            settled.extend(self.settle(&given.identifier));
        }
        let mut together = Together::default();
        together.binds = binds;
        for given in keys {
            let bound = self.bound(&given.identifier);
            let root = bound.map(|no| self.root(no));
            // "An unbound `uid` is bound to the member record of the outer id": if the element does not reach that
            // record, it is withheld, too.
            let outer =
                withheld.iter().find(|(key, ..): &&(Identifier, _, _)| key.kind.name() == "customer_id").cloned();
            let outer = outer.filter(|_| given.is_new_id && bound.is_none()).map(|(_, other, reason)| (other, reason));
            match outer.or_else(|| Some((root, self.conflict(&together, &given.identifier, root)?))) {
                Some((other, reason)) => {
                    warned.insert((Code::KeySetAside, given.identifier.kind.name().into()));
                    withheld.push((given.identifier.clone(), other, reason));
                }
                None => {
                    together.keep(&given.identifier, root);
                    kept.push((given.clone(), bound));
                }
            }
        }
        Resolved { kept, withheld, settled }
    }

    /// The table of behaviour.md 3.2; None: no live profile.
    pub(crate) fn target(&mut self, resolved: &Resolved, writes_email: bool) -> Option<Target> {
        let ids: BTreeSet<ProfileNo> = resolved.kept.iter().filter_map(|(_, no)| *no).collect();
        let roots: BTreeSet<ProfileNo> = ids.iter().map(|no| self.root(*no)).collect();
        let first = *ids.first()?;
        let (mut record, mut joined) = (first, Vec::new());
        if roots.len() > 1 {
            self.writes_email = writes_email;
            (record, joined) = self.join_all(roots.into_iter().collect(), Why::Keys);
            self.writes_email = false;
        } else if ids.len() > 1 {
            record = self.root(first);
        }
        // A profile that was merged into another one is not part of this result.
        let root = self.root(record);
        let mut merged: Vec<ProfileNo> = resolved.settled.iter().copied().filter(|no| self.root(*no) == root).collect();
        merged.extend(joined);
        let merged: Vec<ProfileId> = merged.into_iter().map(|no| self.person(no).id).collect();
        let outcome = if merged.is_empty() { Outcome::Updated } else { Outcome::Merged };
        Some(Target { record, outcome, merged })
    }

    /// Joins live profiles; returns the survivor, and the others in order.
    pub(crate) fn join_all(&mut self, roots: Vec<ProfileNo>, why: Why) -> (ProfileNo, Vec<ProfileNo>) {
        let (mut order, choice) = self.survivors(roots);
        let top = order.remove(0);
        for part in &order {
            self.join(top, *part, choice, why);
        }
        (top, order)
    }

    /// Sorts by the survivor rules: the survivor first, the others in the order of merging.
    fn survivors(&self, mut roots: Vec<ProfileNo>) -> (Vec<ProfileNo>, SurvivorChoice) {
        let rule = self.identity().survivor_rule;
        roots.sort_by_key(|no| {
            let t = self.totals(*no);
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
                return (roots, SurvivorChoice::Attribute);
            }
        }
        (roots, SurvivorChoice::Rule(rule))
    }

    /// Merges two users by an API call; returns the outcome of the rules if they are one now.
    pub(crate) fn merge_users(
        &mut self,
        survivor: ProfileNo,
        merged: ProfileNo,
        told: MergeUsersOutcome,
    ) -> MergeUsersOutcome {
        let (top, part) = (self.root(survivor), self.root(merged));
        if top == part {
            return MergeUsersOutcome::SameProfile;
        }
        if self.leaving.contains_key(&top) || self.leaving.contains_key(&part) {
            return MergeUsersOutcome::UnderDeletion;
        }
        if self.separated(top, part) {
            return MergeUsersOutcome::Separated;
        }
        self.join(top, part, SurvivorChoice::Attribute, Why::Hand);
        match told {
            // The merge record is compared with all others.
            MergeUsersOutcome::Merged(merge) if Some(merge.no) == self.joins.last().map(|join| join.no) => {
                MergeUsersOutcome::Merged(merge)
            }
            _ => MergeUsersOutcome::TooLarge,
        }
    }

    /// Creates a member for an unbound `customer_id` beside identifiers of a profile that has another one, and joins it
    /// to that profile. None: no such id, or the profile has none.
    pub(crate) fn new_member(
        &mut self,
        resolved: &Resolved,
        target: Target,
        seen: [Timestamp; 2],
        write: impl FnOnce(&mut Self, ProfileNo),
    ) -> Result<Target, Target> {
        let is_id = |key: &Identifier| key.kind.name() == "customer_id";
        let top = self.root(target.record);
        let first =
            resolved.kept.iter().find(|(given, _)| is_id(&given.identifier)).filter(|(_, bound)| bound.is_none());
        let has_one = self.identifiers_of(&self.under(top)).iter().any(|(key, _)| is_id(key));
        let Some((given, _)) = first.filter(|_| has_one) else { return Err(target) };
        let no = self.create(seen[0]).record;
        self.person_mut(no).seen.push(seen[1]);
        write(self, no);
        self.bind(no, &given.identifier);
        self.join(top, no, SurvivorChoice::NewId, Why::Keys);
        // The newer id is current, unless the element changes it, too.
        if !resolved.kept.iter().any(|(other, _)| other.is_new_id && other != given) {
            self.write(no, "customer_id", Some(Value::text(&given.identifier.value)));
        }
        let merged = target.merged.into_iter().chain([self.person(no).id]).collect();
        Ok(Target { record: no, outcome: Outcome::Merged, merged })
    }

    fn join(&mut self, top: ProfileNo, part: ProfileNo, choice: SurvivorChoice, why: Why) {
        self.close_between(top, part);
        let sides = Box::new((self.snapshot(top), self.snapshot(part), self.settings.revision));
        let at = self.stamp.0;
        let email = self.attribute(top, "email");
        let same_email = self.writes_email || email.is_some() && email == self.attribute(part, "email");
        let (no, seq) = (MergeNo(self.joins.len() as u64 + 1), self.tick());
        let rules = self.identity().attribute_rules.clone();
        let before: Vec<_> = self.names().into_iter().map(|name| (self.attribute(top, &name), name)).collect();
        let (filled, combined) = (Vec::new(), Vec::new());
        let told = Join {
            no,
            at,
            top,
            part,
            seq,
            rules,
            same_email,
            choice,
            why,
            filled,
            combined,
            reverted: None,
            before: sides,
        };
        self.joins.push(told);
        for (old, name) in before {
            let new = self.attribute(top, &name);
            let join = self.joins.last_mut().unwrap();
            match (old, new) {
                (None, Some(_)) => join.filled.push(name),
                (Some(old), Some(new)) if old != new => join.combined.push((name, old, new)),
                _ => {}
            }
        }
    }

    pub(crate) fn create(&mut self, first_seen: Timestamp) -> Target {
        let now = self.stamp.0;
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
        let (seq, stamp) = (self.tick(), self.stamp);
        self.person_mut(no).writes.push(Written { seq, name: name.into(), value, stamp });
    }

    pub(crate) fn bind(&mut self, no: ProfileNo, key: &Identifier) {
        self.bindings.push((key.clone(), no));
        self.write(no, key.kind.name(), Some(Value::text(&key.value)));
    }

    /// Releases an identifier.
    pub(crate) fn release(&mut self, (key, no): &(Identifier, ProfileNo)) {
        self.bindings.retain(|(k, n)| (k, n) != (key, no));
        self.unsettled.retain(|(k, n)| (k, n) != (key, no));
        let until = self.stamp.0;
        let former = &mut self.person_mut(*no).former;
        former.push(FormerIdentifier { identifier: key.clone(), until });
        if former.len() > 100 {
            former.remove(0);
        }
        // The record has no value any more, also after a revert.
        self.write(*no, key.kind.name(), None);
    }

    /// Binds an identifier to a record and releases the record's value of that kind; returns whether there was one. A
    /// `customer_id` is never released for another.
    pub(crate) fn replace(&mut self, record: ProfileNo, key: &Identifier) -> bool {
        let old = self
            .identifiers_of(&[record])
            .into_iter()
            .find(|(k, _)| k.kind == key.kind && k.kind.name() != "customer_id");
        if let Some(old) = &old {
            self.release(old);
        }
        self.bind(record, key);
        old.is_some()
    }

    pub(crate) fn tell(&self, target: Target, actions: Vec<ActionOutcome>, warnings: Warned) -> ResultSummary {
        let profile = Some(self.person(self.root(target.record)).id);
        ResultSummary { outcome: target.outcome, profile, merged: target.merged, actions, warnings }
    }

    /// Reverts a merge; returns the live profile that the subtree was detached from, and the subtree. None: there is no
    /// such link.
    pub(crate) fn revert(&mut self, merge: MergeNo) -> Option<(ProfileNo, ProfileNo)> {
        let (top, part) = {
            let join = self.joins.iter().find(|j| j.no == merge && j.reverted.is_none())?;
            (join.top, join.part)
        };
        let root = self.root(top);
        self.joins.iter_mut().find(|j| j.no == merge)?.reverted = Some(self.stamp.0);
        self.separations_ever += 1;
        self.separations.push((SeparationNo(self.separations_ever), top, part));
        self.tick();
        Some((root, part))
    }

    /// Returns the live profile of a merged profile.
    pub(crate) fn root_of_merge(&self, no: MergeNo) -> ProfileNo {
        self.root(self.joins.iter().find(|j| j.no == no).unwrap().part)
    }

    pub(crate) fn lift(&mut self, no: SeparationNo) -> bool {
        let before = self.separations.len();
        self.separations.retain(|(n, _, _)| *n != no);
        self.separations.len() < before
    }
}
