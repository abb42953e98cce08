//! One element, whole or not at all (behaviour.md 3.2).

mod customer;
mod device;
mod event;

use super::join::{Causing, Origin, join_all};
use super::resolve::Resolved;
use super::review::{self, Aside};
use super::work::{Known, Work};
use crate::because::{Because, Verdict, Weighed};
use crate::command::{Body, Element, ElementKind, Import};
use crate::id::{ProfileId, ProfileNo, RequestNo};
use crate::identifier::Kind;
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

/// What is noticed while an element is applied.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) warnings: Warnings,
    pub(super) actions: Vec<ActionResult>,
    pub(super) because: Because,
}

impl Notes {
    /// The first key of a kind that was not bound is now.
    fn bound(&mut self, kind: &Kind, replaced: bool) {
        let is_it = |key: &&mut Weighed| key.kind == *kind && key.verdict == Verdict::NotBound;
        if let Some(key) = self.because.keys.iter_mut().find(is_it) {
            key.verdict = if replaced { Verdict::Replaced } else { Verdict::Bound };
        }
    }
}

/// Applies one element; its result means something only if nothing was missing.
pub(super) fn element(work: &mut Work<'_>, import: &Import, request: RequestNo, element: &Element) -> ElementResult {
    work.mark();
    let context = Context { import, request, index: element.index };
    let mut notes = Notes { warnings: element.warnings.clone(), ..Notes::default() };
    let end = match &element.body {
        Err(faults) => Ok(End::Rejected(faults.clone())),
        Ok(Body::Customer(customer)) => customer::apply(work, &context, customer, &mut notes),
        Ok(Body::Event(event)) => event::apply(work, &context, event, &mut notes),
        Ok(Body::Device(device)) => device::apply(work, &context, device, &mut notes),
    };
    // What is missing is asked for and all of this thrown away; until then the elements after this one go by what it has
    // done so far, so that they ask for what they will really need.
    let end = end.unwrap_or(End::Nothing(Outcome::Skipped));
    if matches!(end, End::Applied { .. }) && notes.because.is_notable() {
        work.explain((request, element.index), &notes.because);
    }
    result(work, element.index, element.kind, (end, notes))
}

fn result(work: &mut Work<'_>, index: u32, kind: ElementKind, (end, notes): (End, Notes)) -> ElementResult {
    let told = notes.because.is_notable() || matches!(end, End::Rejected(_));
    let mut result = ElementResult {
        index,
        kind,
        outcome: Outcome::Rejected,
        profile: None,
        merged: Vec::new(),
        warnings: notes.warnings.0,
        errors: Vec::new(),
        because: told.then(|| Box::new(notes.because)),
        actions: notes.actions,
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

/// The profile that an element is applied to.
struct Target {
    /// The live profile.
    root: ProfileNo,
    /// The id that it is recorded under.
    record: ProfileNo,
    /// Who was merged into the live profile, in order.
    merged: Vec<ProfileId>,
}

impl Target {
    fn outcome(&self) -> Outcome {
        if self.merged.is_empty() { Outcome::Updated } else { Outcome::Merged }
    }
}

/// The live profile of an element's keys, merged if there are several, and the id it is recorded under: the one id of
/// all its bound keys, else the root (behaviour.md 3.1).
fn target_of(work: &mut Work<'_>, resolved: &Resolved<'_>, causing: &Causing, notes: &mut Notes) -> Known<Target> {
    let (root, record, joined) = if let [root] = resolved.roots[..] {
        (root, resolved.one_id().unwrap_or(root), Vec::new())
    } else {
        let (root, joined, choice) = join_all(work, &resolved.roots, causing)?;
        notes.because.rule = Some(choice);
        (root, root, joined)
    };
    let mut merged = Vec::new();
    if let Some((settled, choice)) = &resolved.settled {
        // A value of a key that is set aside may have joined others elsewhere.
        for id in settled {
            if work.root_of(id.no)? == root {
                merged.push(*id);
                notes.because.rule.get_or_insert(*choice);
            }
        }
    }
    merged.extend(joined);
    Ok(Target { root, record, merged })
}

/// What an element joins live profiles by.
fn causing(context: &Context<'_>, resolved: &Resolved<'_>, writes_email: bool) -> Causing {
    let keys = resolved.kept.iter().map(|(given, _)| given.key.clone()).collect();
    Causing { request: Some((context.request, context.index)), origin: Origin::Keys(keys), writes_email }
}

/// The keys set aside enter the review list. What is missing for that is asked for and hides nothing: the rest of the
/// element goes on, or each element addressed by what it binds would take a round of its own.
fn set_aside(work: &mut Work<'_>, context: &Context<'_>, resolved: &Resolved<'_>, root: ProfileNo) {
    let request = Some((context.request, context.index));
    for (given, other, reason) in &resolved.aside {
        // Brought together by another key since.
        let other = other.map(|other| work.root_of(other)).transpose();
        let _asked = other.map(|other| other.filter(|other| *other != root)).and_then(|other| {
            review::set_aside(work, &Aside { root, other, key: &given.key, reason: *reason, request })
        });
    }
}
