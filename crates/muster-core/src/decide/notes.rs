//! What the rules of one element share: its context, its notes, and how it ends.

use crate::command::Import;
use crate::explanation::{Explanation, IdentifierDecision, IdentifierOutcome};
use crate::id::{ProfileId, ProfileNo, RequestNo};
use crate::identifier::IdentifierKind;
use crate::outcome::{ActionResult, Outcome};
use crate::reason::Faults;
use crate::warning::Warnings;

pub(super) enum End {
    Applied {
        outcome: Outcome,
        root: ProfileNo,
        merged: Vec<ProfileId>,
    },
    /// No user to update, or everything was known.
    Nothing(Outcome),
    Rejected(Faults),
}

pub(super) struct Context<'a> {
    pub(super) import: &'a Import,
    pub(super) request: RequestNo,
    pub(super) index: u32,
}

#[derive(Default)]
pub(super) struct Notes {
    pub(super) warnings: Warnings,
    pub(super) actions: Vec<ActionResult>,
    pub(super) explanation: Explanation,
}

impl Notes {
    /// Notes that the first unbound identifier of a kind was bound.
    pub(super) fn bound(&mut self, kind: &IdentifierKind, replaced: bool) {
        let is_it = |key: &&mut IdentifierDecision| key.kind == *kind && key.outcome == IdentifierOutcome::NotBound;
        if let Some(key) = self.explanation.identifiers.iter_mut().find(is_it) {
            key.outcome = if replaced { IdentifierOutcome::Replaced } else { IdentifierOutcome::Bound };
        }
    }
}
