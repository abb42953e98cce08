//! The profile that an element is applied to, and the identifiers that are withheld from it.

use super::decision_state::{DecisionState, Known};
use super::join::{Causing, Origin, join_all};
use super::notes::{Context, Notes};
use super::resolve::Resolved;
use super::review::{self, WithheldIdentifier};
use crate::id::{ProfileId, ProfileNo};
use crate::outcome::Outcome;

pub(super) struct ElementTarget {
    pub(super) root: ProfileNo,
    pub(super) record: ProfileNo,
    pub(super) merged: Vec<ProfileId>,
}

impl ElementTarget {
    pub(super) fn outcome(&self) -> Outcome {
        if self.merged.is_empty() { Outcome::Updated } else { Outcome::Merged }
    }
}

/// Chooses the live profile of an element's identifiers, merging several, and the id that the element is recorded
/// under: the only id of all bound identifiers, else the root (behaviour.md 3.1).
pub(super) fn choose_target(
    state: &mut DecisionState<'_>,
    resolved: &Resolved<'_>,
    causing: &Causing,
    notes: &mut Notes,
) -> Known<ElementTarget> {
    let (root, record, joined) = if let [root] = resolved.roots[..] {
        (root, resolved.one_id().unwrap_or(root), Vec::new())
    } else {
        let (root, joined, choice) = join_all(state, &resolved.roots, causing)?;
        notes.explanation.rule = Some(choice);
        (root, root, joined)
    };
    let mut merged = Vec::new();
    if let Some((settled, choice)) = &resolved.settled {
        // A value of a withheld identifier may have merged profiles elsewhere.
        for id in settled {
            if state.root_of(id.no)? == root {
                merged.push(*id);
                notes.explanation.rule.get_or_insert(*choice);
            }
        }
    }
    merged.extend(joined);
    Ok(ElementTarget { root, record, merged })
}

pub(super) fn merge_cause(context: &Context<'_>, resolved: &Resolved<'_>, writes_email: bool) -> Causing {
    let identifiers = resolved.kept.iter().map(|(given, _)| given.identifier.clone()).collect();
    Causing { request: Some((context.request, context.index)), origin: Origin::Identifiers(identifiers), writes_email }
}

/// Opens reviews of withheld identifiers. Missing facts are requested, and the element continues: no round each.
pub(super) fn withhold_identifiers(
    state: &mut DecisionState<'_>,
    context: &Context<'_>,
    resolved: &Resolved<'_>,
    root: ProfileNo,
) {
    let request = Some((context.request, context.index));
    for (given, other, reason) in &resolved.withheld {
        // Merged by another identifier since.
        let other = other.map(|other| state.root_of(other)).transpose();
        let _asked = other.map(|other| other.filter(|other| *other != root)).and_then(|other| {
            review::withhold(
                state,
                &WithheldIdentifier { root, other, identifier: &given.identifier, reason: *reason, request },
            )
        });
    }
}
