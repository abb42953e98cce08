//! One element, applied as a whole or not at all (behaviour.md 3.2).

mod customer;
mod device;
mod event;

use super::decision_state::DecisionState;
use super::notes::{Context, End, Notes};
use crate::command::{Body, Element, Import};
use crate::id::RequestNo;
use crate::kinds::ElementKind;
use crate::outcome::{ElementResult, Outcome};
use crate::reason::Faults;

/// Applies one element; the result is only valid if no fact was missing.
pub(super) fn apply_element(
    state: &mut DecisionState<'_>,
    import: &Import,
    request: RequestNo,
    element: &Element,
) -> ElementResult {
    state.savepoint();
    let context = Context { import, request, index: element.index };
    let mut notes = Notes { warnings: element.warnings.clone(), ..Notes::default() };
    let end = match &element.body {
        Err(faults) => Ok(End::Rejected(faults.clone())),
        Ok(Body::Customer(customer)) => customer::apply(state, &context, customer, &mut notes),
        Ok(Body::Event(event)) => event::apply(state, &context, event, &mut notes),
        Ok(Body::Device(device)) => device::apply(state, &context, device, &mut notes),
    };
    // If a fact is missing, everything is discarded later. Until then, later elements see what this one has done so
    // far, so that they request what they will really need.
    let end = end.unwrap_or(End::Nothing(Outcome::Skipped));
    if matches!(end, End::Applied { .. }) && notes.explanation.is_notable() {
        state.explain((request, element.index), &notes.explanation);
    }
    result(state, element.index, element.kind, (end, notes))
}

fn result(state: &mut DecisionState<'_>, index: u32, kind: ElementKind, (end, notes): (End, Notes)) -> ElementResult {
    let told = notes.explanation.is_notable() || matches!(end, End::Rejected(_));
    let mut result = ElementResult {
        index,
        kind,
        outcome: Outcome::Rejected,
        profile: None,
        merged: Vec::new(),
        warnings: notes.warnings.0,
        errors: Faults::default(),
        explanation: told.then(|| Box::new(notes.explanation)),
        actions: notes.actions,
    };
    match end {
        End::Applied { outcome, root, merged } => {
            result.outcome = outcome;
            result.profile = state.root_pointer(root).ok().map(|root_pointer| root_pointer.id());
            result.merged = merged;
        }
        End::Nothing(outcome) => result.outcome = outcome,
        End::Rejected(errors) => {
            state.roll_back();
            result.errors = errors;
        }
    }
    result
}
