//! What the rules of one element share: what they know beside the facts, what they notice, and how the element ends.

use crate::command::Import;
use crate::explanation::{Explanation, IdentifierDecision, IdentifierOutcome};
use crate::id::{ProfileId, ProfileNo, RequestNo};
use crate::identifier::IdentifierKind;
use crate::outcome::{ActionResult, Outcome};
use crate::reason::Faults;
use crate::warning::Warnings;

/// What an element came to.
pub(super) enum End {
    /// Applied to this live profile.
    Applied { outcome: Outcome, root: ProfileNo, merged: Vec<ProfileId> },
    /// Nobody was there to update, or everything was known.
    Nothing(Outcome),
    /// Refused: nothing of it stays.
    Rejected(Faults),
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
    pub(super) explanation: Explanation,
}

impl Notes {
    /// The first key of a kind that was not bound is now.
    pub(super) fn bound(&mut self, kind: &IdentifierKind, replaced: bool) {
        let is_it = |key: &&mut IdentifierDecision| key.kind == *kind && key.outcome == IdentifierOutcome::NotBound;
        if let Some(key) = self.explanation.identifiers.iter_mut().find(is_it) {
            key.outcome = if replaced { IdentifierOutcome::Replaced } else { IdentifierOutcome::Bound };
        }
    }
}
