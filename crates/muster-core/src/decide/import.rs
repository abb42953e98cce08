//! Decision of an import: admission, elements, and the rows of the request: log, quarantine, recorded answer.

use super::decision_state::DecisionState;
use super::element::apply_element;
use super::log::bound_entry;
use super::names::NameIndexes;
use crate::change::{Changes, RowChange, StoredRow};
use crate::command::{Body, Element, GivenIdentifier, Import, Unset};
use crate::decision::{Decision, Step};
use crate::facts::{BindingNeed, Facts, Needs, Reach};
use crate::id::{ProfileNo, QuarantineNo, RequestNo};
use crate::kinds::ElementKind;
use crate::limits::{IDEMPOTENCY_MS, PROFILE_BYTES_DEFAULT, REVIEW_RECORD_BYTES_MAX, facts_bytes};
use crate::outcome::{ActionOutcome, Applied, ElementResult, ImportOutcome, Outcome, RecordedAnswer};
use crate::rate::{Class, Cost, RateWindow};
use crate::reason::{Fault, Reason};
use crate::record::{Idempotency, LogEntry, Omitted, QuarantinedElement};
use crate::time::Moment;
use std::sync::Arc;

/// Writes JSON that is stored with the decision.
pub trait Wire: Send + 'static {
    /// Returns the answer to an applied request.
    fn answer(&self, applied: &Applied) -> RecordedAnswer;

    /// Returns the JSON of an element for the quarantine; of an event only with the given rejected actions.
    fn quarantined_json(&self, index: u32, rejected_actions: Option<&[u32]>) -> Box<[u8]>;
}

/// Import with its writer of JSON.
pub struct ImportDecision<W> {
    /// Request.
    pub import: Import,
    /// Writes the JSON that is stored.
    pub wire: W,
}

impl<W: Wire> Decision for ImportDecision<W> {
    type Output = ImportOutcome;

    fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        for element in &self.import.elements {
            let (keys, reach) = match &element.body {
                Ok(Body::Customer(customer)) => (&customer.identifiers, Reach::Record),
                Ok(Body::Event(event)) => {
                    let ids = event.actions.iter().flatten().filter_map(|action| action.event_id.clone());
                    needs.event_ids.extend(ids);
                    (&event.identifiers, Reach::RootPointer)
                }
                Ok(Body::Device(device)) => {
                    needs.tokens.extend(device.fields.tokens());
                    (&device.identifiers, Reach::RootPointer)
                }
                Err(_) => continue,
            };
            let need = |given: &GivenIdentifier| BindingNeed { identifier: given.identifier.clone(), reach };
            needs.bindings.extend(keys.iter().map(need));
        }
        needs.quarantine.extend(self.import.replay);
        needs.idempotency = self.import.idempotency.as_ref().map(|key| (self.import.route, key.key.clone()));
        needs
    }

    fn revision(&self) -> Option<u64> {
        Some(self.import.settings.revision)
    }

    fn facts_bytes_max(&self) -> u64 {
        facts_bytes(self.import.settings.profile_bytes.max(PROFILE_BYTES_DEFAULT))
    }

    fn reads_ahead(&self, facts: &Facts, now: Moment) -> bool {
        recorded_answer(&self.import, facts, now).is_none() && admit(&self.import, facts, now).is_ok()
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<ImportOutcome> {
        let import = &self.import;
        if let Some(outcome) = recorded_answer(import, facts, now) {
            return Step::Leave(outcome);
        }
        let replayed = match import.replay.map(|no| facts.quarantine.get(&no)) {
            None => None,
            Some(None) => return Step::NeedMore(self.needs()),
            Some(Some(None)) => return Step::Leave(ImportOutcome::NoSuchEntry),
            Some(Some(Some(QuarantinedElement { deleted_at: Some(_), .. }))) => {
                return Step::Leave(ImportOutcome::NoSuchEntry);
            }
            Some(Some(Some(QuarantinedElement { replayed_as: Some(request), .. }))) => {
                return Step::Leave(ImportOutcome::AlreadyReplayed(*request));
            }
            Some(Some(Some(entry))) => Some(entry),
        };
        let rate = match admit(import, facts, now) {
            Ok(rate) => rate,
            Err(outcome) => return Step::Leave(outcome),
        };
        let mut state = DecisionState::new(facts, &import.settings.identity, now.at);
        state.names = NameIndexes::new(import.elements.iter().flat_map(unsets));
        state.profile_bytes_max = import.settings.profile_bytes;
        state.counters.request += 1;
        let request = RequestNo(state.counters.request);
        state.request = Some(request);
        state.receipt = replayed.map_or(now.at, |entry| entry.at);
        let first_new = ProfileNo(state.counters.profile + 1);
        let mut elements = Vec::with_capacity(import.elements.len());
        for of in &import.elements {
            elements.push(apply_element(&mut state, import, request, of));
            if state.is_exhausted() {
                return Step::TooLarge;
            }
            facts.pause.run();
        }
        let elements: Arc<[ElementResult]> = elements.into();
        if !state.needs.is_empty() {
            return Step::NeedMore(state.needs);
        }
        if import.all_or_nothing && elements.iter().any(|e| e.outcome == Outcome::Rejected) {
            return Step::Leave(ImportOutcome::Refused(
                elements.iter().flat_map(|e| e.errors.iter().cloned()).collect(),
            ));
        }
        let applied =
            Applied { request, received_at: now.at, elements, warnings: import.warnings.0.clone(), first_new };
        let answer = self.wire.answer(&applied);
        if import.dry {
            return Step::Leave(ImportOutcome::Applied(applied, answer));
        }
        self.append_request_rows(&mut state, &applied, &answer, now);
        self.mark_replayed(&mut state, &applied, replayed);
        let changes = Changes { rate, ..state.into_changes() };
        Step::Done(changes, ImportOutcome::Applied(applied, answer))
    }
}

fn unsets(element: &Element) -> &[Unset] {
    match &element.body {
        Ok(Body::Customer(customer)) => &customer.unsets,
        _ => &[],
    }
}

/// Returns the outcome of a repeated idempotency key within its day: replay or conflict.
fn recorded_answer(import: &Import, facts: &Facts, now: Moment) -> Option<ImportOutcome> {
    let sent = import.idempotency.as_ref()?;
    let found = facts.idempotency.get(&(import.route, sent.key.clone()))?.as_ref()?;
    if now.at.0 - found.at.0 >= IDEMPOTENCY_MS {
        return None;
    }
    let same = found.body_hash == sent.body_hash;
    Some(if same { ImportOutcome::Replayed(found.answer.clone()) } else { ImportOutcome::KeyConflict })
}

/// Returns the rate window including the request; unchanged for a dry run, which has a separate budget.
fn admit(import: &Import, facts: &Facts, now: Moment) -> Result<Option<RateWindow>, ImportOutcome> {
    if import.dry {
        return Ok(None);
    }
    let mut rate = facts.rate.at(now);
    match rate.spend(import.settings.limits, cost(&import.elements)) {
        Ok(()) => Ok(Some(rate)),
        Err((class, refusal)) => Err(ImportOutcome::RateLimited(class, refusal)),
    }
}

/// Returns the cost of a request: what it carries, whatever its outcomes (behaviour.md 1.7).
pub fn cost(elements: &[Element]) -> Cost {
    let mut cost = Cost::default();
    for element in elements {
        match element.kind {
            ElementKind::Customer | ElementKind::Unknown => cost.add(Class::Users, 1),
            ElementKind::Event => cost.add(Class::Events, element.actions.max(1)),
            ElementKind::Device => cost.add(Class::Devices, 1),
        }
    }
    cost
}

impl<W: Wire> ImportDecision<W> {
    fn append_request_rows(
        &self,
        state: &mut DecisionState<'_>,
        applied: &Applied,
        answer: &RecordedAnswer,
        now: Moment,
    ) {
        let import = &self.import;
        // What a replay did not apply stays in the entry that it replays.
        if import.replay.is_none() || applied.changed_anything() {
            // Reserved exactly: with tens of thousands of rejected elements, doubling would cost megabytes.
            let rejected = applied.elements.iter().filter(|e| e.outcome == Outcome::Rejected).count();
            state.appended.reserve_exact(rejected + 2);
            for result in applied.elements.iter() {
                self.quarantine(state, applied, result);
            }
        }
        self.store_review_records(state, applied.request);
        state.counters.requests_applied += 1;
        state.appended.push(RowChange::Upsert(StoredRow::LogEntry(bound_entry(LogEntry {
            no: applied.request,
            received_at: now.at,
            status: answer.status,
            route: import.route,
            origin: import.origin.clone(),
            bytes: import.bytes,
            duration_us: now.micros.saturating_sub(import.arrived_micros),
            warnings: import.warnings.0.clone(),
            elements: Arc::clone(&applied.elements),
            faults: Vec::new(),
            omitted: Omitted::default(),
        }))));
        if let Some(sent) = &import.idempotency {
            state.appended.push(RowChange::Upsert(StoredRow::Idempotency(Idempotency {
                route: import.route,
                key: sent.key.clone(),
                body_hash: sent.body_hash,
                at: now.at,
                answer: answer.clone(),
            })));
        }
    }

    fn mark_replayed(&self, state: &mut DecisionState<'_>, applied: &Applied, replayed: Option<&QuarantinedElement>) {
        if let Some(entry) = replayed.filter(|_| applied.changed_anything()) {
            state.counters.quarantined = state.counters.quarantined.saturating_sub(1);
            state.appended.push(RowChange::Upsert(StoredRow::QuarantinedElement(QuarantinedElement {
                replayed_as: Some(applied.request),
                ..entry.clone()
            })));
        }
    }

    /// Stores the JSON of their element with the reviews that the request opened, unless it is too long.
    fn store_review_records(&self, state: &mut DecisionState<'_>, request: RequestNo) {
        for no in state.opened.since(0) {
            let Some(review) = state.reviews.change(&no).as_mut() else { continue };
            if let Some((_, index)) = review.request.filter(|(of, _)| *of == request) {
                review.record =
                    Some(self.wire.quarantined_json(index, None)).filter(|r| r.len() <= REVIEW_RECORD_BYTES_MAX);
            }
        }
    }

    /// Quarantines a rejected element, or the rejected actions of one, unless it is blocked (behaviour.md 1.2). Applies
    /// to Track calls, too, if they are answered with 200 (behaviour.md 1.2.k).
    fn quarantine(&self, state: &mut DecisionState<'_>, applied: &Applied, result: &ElementResult) {
        let blocked = |errors: &[Fault]| errors.iter().any(|e| e.reason == Reason::Blocked);
        let rejected = |(_, action): &(u32, &crate::outcome::ActionResult)| {
            action.outcome == ActionOutcome::Rejected && !blocked(&action.errors)
        };
        let actions: Vec<(u32, _)> = (0..).zip(&result.actions).filter(rejected).collect();
        let whole = result.outcome == Outcome::Rejected && result.actions.is_empty();
        if whole && blocked(&result.errors) || !whole && actions.is_empty() {
            return;
        }
        let indexes: Vec<u32> = actions.iter().map(|(index, _)| *index).collect();
        let errors =
            if whole { result.errors.clone() } else { actions.iter().flat_map(|(_, a)| &a.errors).cloned().collect() };
        state.counters.quarantine += 1;
        state.counters.quarantined += 1;
        state.appended.push(RowChange::Upsert(StoredRow::QuarantinedElement(QuarantinedElement {
            no: QuarantineNo(state.counters.quarantine),
            at: state.receipt,
            request: applied.request,
            index: result.index,
            kind: result.kind,
            errors,
            element: self.wire.quarantined_json(result.index, (!whole).then_some(&indexes)),
            replayed_as: None,
            deleted_at: None,
        })));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::IdempotencyKey;
    use crate::kinds::Route;
    use crate::settings::{RateLimits, Settings};
    use crate::warning::Warnings;

    struct NoJson;

    impl Wire for NoJson {
        fn answer(&self, _: &Applied) -> RecordedAnswer {
            unreachable!("nothing is applied")
        }

        fn quarantined_json(&self, _: u32, _: Option<&[u32]>) -> Box<[u8]> {
            unreachable!("nothing is applied")
        }
    }

    /// An import of two customers.
    fn import(users_a_minute: u32, idempotency: Option<IdempotencyKey>) -> ImportDecision<NoJson> {
        let limits = RateLimits { users: users_a_minute, events: 0, devices: 0 };
        let element = |index| Element {
            index,
            kind: ElementKind::Customer,
            body: Ok(Body::Customer(Box::default())),
            actions: 0,
            warnings: Warnings::default(),
        };
        let import = Import {
            route: Route::Transition,
            settings: Arc::new(Settings { limits, ..Settings::default() }),
            all_or_nothing: false,
            dry: false,
            elements: vec![element(0), element(1)],
            origin: None,
            warnings: Warnings::default(),
            bytes: 2,
            arrived_micros: 0,
            idempotency,
            replay: None,
        };
        ImportDecision { import, wire: NoJson }
    }

    #[test]
    fn nothing_is_read_ahead_for_a_request_over_its_budget_or_with_a_recorded_answer() {
        let (mut facts, now) = (Facts::default(), Moment::default());
        let reads_ahead = |facts: &Facts, users, key| import(users, key).reads_ahead(facts, now);
        assert!(reads_ahead(&facts, 2, None));
        assert!(!reads_ahead(&facts, 1, None), "over its budget");
        let sent = IdempotencyKey { key: "k".into(), body_hash: [7; 32] };
        let answer = RecordedAnswer { status: 200, outcomes: "".into(), body: Arc::from(&b""[..]) };
        let row = Idempotency { route: Route::Transition, key: "k".into(), at: now.at, body_hash: [7; 32], answer };
        assert!(reads_ahead(&facts, 2, Some(sent.clone())));
        facts.idempotency.insert((Route::Transition, "k".into()), Some(row));
        assert!(!reads_ahead(&facts, 2, Some(sent)), "its answer is recorded");
    }
}
