//! One element, whole or not at all (behaviour.md 3.2).

mod customer;
mod device;
mod event;

use super::join::join_all;
use super::resolve::Resolved;
use super::work::{Known, Missing, Work};
use crate::command::{Body, Element, ElementKind, Import};
use crate::id::{ProfileId, ProfileNo, RequestNo};
use crate::outcome::{ActionResult, ElementResult, Outcome};
use crate::reason::Fault;
use crate::warning::Warnings;

/// What an element came to.
pub(super) enum End {
    /// Applied to this live profile.
    Applied { outcome: Outcome, root: ProfileNo, merged: Vec<ProfileId> },
    /// Nobody was there to update, or everything was known.
    Nothing(Outcome),
    /// Refused: nothing of it stays.
    Rejected(Vec<Fault>),
}

/// What the rules of an element know beside the facts.
pub(super) struct Context<'a> {
    pub(super) import: &'a Import,
    pub(super) request: RequestNo,
    pub(super) index: u32,
}

/// Applies one element; its result means something only if nothing was missing.
pub(super) fn element(work: &mut Work<'_>, import: &Import, request: RequestNo, element: &Element) -> ElementResult {
    work.mark();
    let context = Context { import, request, index: element.index };
    let mut warnings = element.warnings.clone();
    let mut actions = Vec::new();
    let end = match &element.body {
        Err(faults) => Ok(End::Rejected(faults.clone())),
        Ok(Body::Customer(customer)) => customer::apply(work, &context, customer, &mut warnings),
        Ok(Body::Event(event)) => event::apply(work, &context, event, (&mut warnings, &mut actions)),
        Ok(Body::Device(device)) => device::apply(work, &context, device, &mut warnings),
    };
    let end = end.unwrap_or_else(|Missing| {
        work.roll_back();
        End::Nothing(Outcome::Skipped)
    });
    result(work, element.index, element.kind, (end, warnings, actions))
}

fn result(
    work: &mut Work<'_>,
    index: u32,
    kind: ElementKind,
    (end, warnings, actions): (End, Warnings, Vec<ActionResult>),
) -> ElementResult {
    let mut result = ElementResult {
        index,
        kind,
        outcome: Outcome::Rejected,
        profile: None,
        merged: Vec::new(),
        warnings: warnings.0,
        errors: Vec::new(),
        actions,
    };
    match end {
        End::Applied { outcome, root, merged } => {
            result.outcome = outcome;
            result.profile = work.standing(root).ok().map(|standing| standing.id());
            result.merged = merged;
        }
        End::Nothing(outcome) => result.outcome = outcome,
        End::Rejected(errors) => {
            work.roll_back();
            result.errors = errors;
        }
    }
    result
}

/// The live profile of an element's keys, merged if there are several, and the id it is recorded under: the one id of
/// all its bound keys, else the root (behaviour.md 3.1).
fn meet(
    work: &mut Work<'_>,
    context: &Context<'_>,
    resolved: &Resolved<'_>,
) -> Known<(ProfileNo, ProfileNo, Vec<ProfileId>)> {
    if let [root] = resolved.roots[..] {
        let record = resolved.one_id().unwrap_or(root);
        return Ok((root, record, Vec::new()));
    }
    let (root, merged) = join_all(work, resolved, (context.request, context.index))?;
    Ok((root, root, merged))
}
