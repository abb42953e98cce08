//! The profile that an element is applied to, and what its keys leave for people to decide.

use super::decision_state::{DecisionState, Known};
use super::join::{Causing, Origin, join_all};
use super::notes::{Context, Notes};
use super::resolve::Resolved;
use super::review::{self, WithheldIdentifier};
use crate::id::{ProfileId, ProfileNo};
use crate::outcome::Outcome;

/// The profile that an element is applied to.
pub(super) struct Target {
    /// The live profile.
    pub(super) root: ProfileNo,
    /// The id that it is recorded under.
    pub(super) record: ProfileNo,
    /// Who was merged into the live profile, in order.
    pub(super) merged: Vec<ProfileId>,
}

impl Target {
    pub(super) fn outcome(&self) -> Outcome {
        if self.merged.is_empty() { Outcome::Updated } else { Outcome::Merged }
    }
}

/// The live profile of an element's keys, merged if there are several, and the id it is recorded under: the one id of
/// all its bound keys, else the root (behaviour.md 3.1).
pub(super) fn choose_target(
    state: &mut DecisionState<'_>,
    resolved: &Resolved<'_>,
    causing: &Causing,
    notes: &mut Notes,
) -> Known<Target> {
    let (root, record, joined) = if let [root] = resolved.roots[..] {
        (root, resolved.one_id().unwrap_or(root), Vec::new())
    } else {
        let (root, joined, choice) = join_all(state, &resolved.roots, causing)?;
        notes.explanation.rule = Some(choice);
        (root, root, joined)
    };
    let mut merged = Vec::new();
    if let Some((settled, choice)) = &resolved.settled {
        // A value of a key that is set aside may have joined others elsewhere.
        for id in settled {
            if state.root_of(id.no)? == root {
                merged.push(*id);
                notes.explanation.rule.get_or_insert(*choice);
            }
        }
    }
    merged.extend(joined);
    Ok(Target { root, record, merged })
}

/// What an element joins live profiles by.
pub(super) fn merge_cause(context: &Context<'_>, resolved: &Resolved<'_>, writes_email: bool) -> Causing {
    let keys = resolved.kept.iter().map(|(given, _)| given.identifier.clone()).collect();
    Causing { request: Some((context.request, context.index)), origin: Origin::Keys(keys), writes_email }
}

/// The keys set aside enter the review list. What is missing for that is asked for and hides nothing: the rest of the
/// element goes on, or each element addressed by what it binds would take a round of its own.
pub(super) fn withhold_identifiers(
    state: &mut DecisionState<'_>,
    context: &Context<'_>,
    resolved: &Resolved<'_>,
    root: ProfileNo,
) {
    let request = Some((context.request, context.index));
    for (given, other, reason) in &resolved.withheld {
        // Brought together by another key since.
        let other = other.map(|other| state.root_of(other)).transpose();
        let _asked = other.map(|other| other.filter(|other| *other != root)).and_then(|other| {
            review::withhold(
                state,
                &WithheldIdentifier { root, other, identifier: &given.identifier, reason: *reason, request },
            )
        });
    }
}
