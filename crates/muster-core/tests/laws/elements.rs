//! What customers, events and devices write in the naive model, from behaviour.md 2 and 3.2. `resolve.rs` finds their
//! users.

use crate::model::Model;
use crate::resolve::{Kept, ResultSummary, Warned};
use muster_core::command::{ArrayOperation, CustomerElement, DeviceElement, EventElement, Matching, Unset};
use muster_core::id::ProfileNo;
use muster_core::identifier::IdentifierKind;
use muster_core::outcome::{ActionOutcome, Outcome};
use muster_core::record::{self, DeviceRef};
use muster_core::settings::ActivationPhase;
use muster_core::time::Timestamp;
use muster_core::value::Value;
use muster_core::warning::Code;
use std::collections::BTreeMap;

impl Model {
    pub(crate) fn customer(&mut self, customer: &CustomerElement, now: Timestamp) -> ResultSummary {
        let mut warned = Warned::new();
        let resolved = self.resolve(&customer.identifiers, true, &mut warned);
        if !self.identity().enabled && self.names_two(&resolved.kept) {
            return ResultSummary { warnings: warned, ..ResultSummary::nothing(Outcome::Rejected, Vec::new()) };
        }
        let seen = [customer.seen.first.unwrap_or(now).min(now), customer.seen.last.unwrap_or(now).min(now)];
        let create_only = |model: &mut Self, no: ProfileNo| {
            for (name, value) in &customer.create_only {
                model.write(no, name, Some(value.clone()));
            }
        };
        let email = |name: &str| name == "email";
        let writes_email = resolved.kept.iter().any(|(given, _)| email(given.identifier.kind.name()))
            || customer.sets.iter().any(|(name, _)| email(name));
        let target = match self.target(&resolved, writes_email) {
            Some(target) => match self.new_member(&resolved, target, seen, create_only) {
                Ok(target) => target,
                Err(target) => {
                    let ignored = customer.create_only_names.iter().map(|(n, _)| (Code::CreateOnlyIgnored, n.clone()));
                    warned.extend(ignored);
                    self.person_mut(target.record).seen.push(now);
                    target
                }
            },
            None if customer.update_existing_only => {
                return ResultSummary { warnings: warned, ..ResultSummary::nothing(Outcome::Skipped, Vec::new()) };
            }
            None => {
                let target = self.create(seen[0]);
                self.person_mut(target.record).seen.push(seen[1]);
                create_only(self, target.record);
                target
            }
        };
        let record = target.record;
        self.enter(record, &resolved.withheld);
        let mut of_id = record;
        for (given, bound) in &resolved.kept {
            match bound {
                Some(no) if given.written => {
                    self.write(*no, given.identifier.kind.name(), Some(Value::text(&given.identifier.value)))
                }
                Some(no) if given.identifier.kind.name() == "customer_id" && !given.is_new_id => of_id = *no,
                Some(_) => {}
                // Bound to the member that was created for it.
                None if self.bound(&given.identifier).is_some() => {}
                // "Bound to the member record of the outer id."
                None if given.is_new_id => self.bind(of_id, &given.identifier),
                None => {
                    if self.replace(record, &given.identifier) {
                        warned.insert((Code::IdentifierReplaced, given.identifier.kind.name().into()));
                    }
                }
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
        self.unset(record, &customer.unsets, &mut warned);
        self.tell(target, Vec::new(), warned)
    }

    /// Whether the new id of an element belongs to another user, while identity resolution is off.
    fn names_two(&self, kept: &Kept) -> bool {
        let Some((_, Some(new))) = kept.iter().find(|(given, _)| given.is_new_id) else { return false };
        let others = kept.iter().filter(|(given, _)| !given.is_new_id);
        others.into_iter().any(|(_, bound)| bound.map(|no| self.root(no)) != Some(self.root(*new)))
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

    fn unset(&mut self, record: ProfileNo, rules: &[Unset], warned: &mut Warned) {
        let kinds: Vec<IdentifierKind> = self.identity().active().map(|k| k.kind.clone()).collect();
        let names: Vec<Box<str>> =
            self.names().into_iter().filter(|n| kinds.iter().all(|k| k.name() != &**n)).collect();
        // What can be set only while creating cannot be unset, either.
        let names = names.into_iter().filter(|n| **n != *"publisher_name");
        for name in names {
            if rules.iter().any(|r| names_it(r, &name)) {
                self.write(record, &name, None);
            }
        }
        for kind in kinds.iter().rev() {
            if !rules.iter().any(|r| r.matching == Matching::Equals && names_it(r, kind.name())) {
                continue;
            }
            let (mine, others): (Vec<_>, Vec<_>) =
                self.identifiers_of(&self.under(self.root(record))).into_iter().partition(|(k, _)| k.kind == *kind);
            let active = others.iter().any(|(k, _)| kinds.contains(&k.kind));
            if !mine.is_empty() && !active {
                warned.insert((Code::LastIdentifierKept, kind.name().into()));
                continue;
            }
            for key in &mine {
                self.release(key);
            }
            // "In the whole profile": includes records with such a value that do not hold it, after an activation.
            for no in self.under(self.root(record)).into_iter().filter(|_| !mine.is_empty()) {
                if self.person(no).writes.iter().any(|w| *w.name == *kind.name()) {
                    self.write(no, kind.name(), None);
                }
            }
            self.write(record, kind.name(), None);
        }
    }

    pub(crate) fn event(&mut self, event: &EventElement, now: Timestamp) -> ResultSummary {
        let (skew, retention) = (self.settings.future_skew_ms, self.settings.event_id_retention_ms);
        // With the name of the first action and its id; None = the element's own.
        let known = self.event_ids.iter().filter(|(_, at, ..)| now.0 - at.0 < retention);
        let mut known: BTreeMap<Box<str>, (Box<str>, Option<ProfileNo>)> =
            known.map(|(id, _, name, no)| (id.clone(), (name.clone(), Some(*no)))).collect();
        let (mut judged, mut warned) = (Vec::new(), Warned::new());
        for action in &event.actions {
            judged.push(match action {
                Err(_) => ActionOutcome::Rejected,
                Ok(a) if a.time.is_some_and(|t| t.0 > now.0 + skew) => ActionOutcome::Rejected,
                Ok(a) => match a.event_id.as_ref().and_then(|id| known.get(id)) {
                    Some((name, no)) => {
                        if *name != a.name || no.is_some_and(|no| self.is_anothers(no, event)) {
                            warned.insert((Code::EventIdReused, "event_id".into()));
                        }
                        ActionOutcome::Duplicate
                    }
                    None => {
                        known.extend(a.event_id.clone().map(|id| (id, (a.name.clone(), None))));
                        ActionOutcome::Accepted
                    }
                },
            });
        }
        if !judged.contains(&ActionOutcome::Accepted) {
            let rejected = judged.contains(&ActionOutcome::Rejected);
            let outcome = if rejected { Outcome::Rejected } else { Outcome::Duplicate };
            return ResultSummary { warnings: warned, ..ResultSummary::nothing(outcome, judged) };
        }
        let stored: Vec<_> =
            event.actions.iter().zip(&judged).filter(|(_, j)| **j == ActionOutcome::Accepted).collect();
        let stored: Vec<_> = stored.into_iter().map(|(a, _)| a.clone().unwrap()).collect();
        let times: Vec<Timestamp> = stored.iter().map(|a| a.time.unwrap_or(now)).collect();
        let resolved = self.resolve(&event.identifiers, false, &mut warned);
        let target = match self.target(&resolved, false) {
            None if event.update_existing_only => {
                let skip = |j| if j == ActionOutcome::Accepted { ActionOutcome::Skipped } else { j };
                let actions = judged.into_iter().map(skip).collect();
                return ResultSummary { warnings: warned, ..ResultSummary::nothing(Outcome::Skipped, actions) };
            }
            None => {
                let target = self.create(times.iter().min().copied().unwrap());
                for (given, _) in &resolved.kept {
                    self.bind(target.record, &given.identifier);
                }
                target
            }
            Some(target) => {
                ignored(&resolved.kept, &mut warned);
                target
            }
        };
        self.enter(target.record, &resolved.withheld);
        for (action, time) in stored.iter().zip(&times) {
            self.tick();
            self.accepted += 1;
            self.event_ids.extend(action.event_id.clone().map(|id| (id, now, action.name.clone(), target.record)));
            let person = self.person_mut(target.record);
            person.events.push(*time);
            person.first_seen = person.first_seen.min(*time);
            person.seen.push((*time).min(now));
        }
        self.tell(target, judged, warned)
    }

    /// Whether an id belongs to another live profile than those of the event's identifiers. Unknown while a value of an
    /// activating kind is not bound.
    fn is_anothers(&self, no: ProfileNo, event: &EventElement) -> bool {
        let joining = self.identity().activation.as_ref().filter(|a| a.phase == ActivationPhase::Joining);
        let becomes = |kind: &IdentifierKind| joining.is_some_and(|a| a.kinds.iter().any(|k| k.kind == *kind));
        let (mut found, mut is_unsure) = (Vec::new(), false);
        for given in &event.identifiers {
            match self.bound(&given.identifier) {
                Some(no) => found.push(self.root(no)),
                None => is_unsure |= becomes(&given.identifier.kind),
            }
        }
        !is_unsure && !found.contains(&self.root(no))
    }

    pub(crate) fn device(&mut self, device: &DeviceElement, now: Timestamp) -> ResultSummary {
        let mut warned = Warned::new();
        let resolved = self.resolve(&device.identifiers, false, &mut warned);
        let Some(target) = self.target(&resolved, false) else {
            return ResultSummary { warnings: warned, ..ResultSummary::nothing(Outcome::Rejected, Vec::new()) };
        };
        ignored(&resolved.kept, &mut warned);
        self.enter(target.record, &resolved.withheld);
        let at = DeviceRef { profile: target.record, device_id: device.device_id.clone() };
        let tokens: Vec<_> = device.fields.tokens().collect();
        let old = self.person(target.record).devices.iter().find(|d| d.at == at).map(|d| d.fields.clone());
        // Missing fields keep their value; an advertising id only on its own platform.
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
}

/// Events and devices bind identifiers only when they create a profile.
fn ignored(kept: &Kept, warned: &mut Warned) {
    let unbound = kept.iter().filter(|(_, bound)| bound.is_none());
    warned.extend(unbound.map(|(given, _)| (Code::KeyNotBound, given.identifier.kind.name().into())));
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
