//! Outcomes of a request: one for every element and every action (behaviour.md 1.3).

use crate::explanation::Explanation;
use crate::id::{ProfileId, ProfileNo, RequestNo};
use crate::kinds::ElementKind;
use crate::rate::{Class, RateRefusal};
use crate::reason::{Fault, Faults};
use crate::time::Timestamp;
use crate::warning::Warning;
use std::sync::Arc;

/// Outcome of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// A profile was created.
    Created = 1,
    /// A profile was updated.
    Updated = 2,
    /// Profiles were merged, then the survivor was updated.
    Merged = 3,
    /// `update_existing_only` found no user.
    Skipped = 4,
    /// All its actions were duplicates.
    Duplicate = 5,
    /// Refused and put into quarantine.
    Rejected = 6,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] =
        [Self::Created, Self::Updated, Self::Merged, Self::Skipped, Self::Duplicate, Self::Rejected];

    /// Returns its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Merged => "merged",
            Self::Skipped => "skipped",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
        }
    }
}

/// Outcome of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ActionOutcome {
    /// Stored.
    Accepted = 1,
    /// Its event id is known.
    Duplicate = 2,
    /// Refused.
    Rejected = 3,
    /// Would have been accepted, but its element was skipped.
    Skipped = 4,
}

impl ActionOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Duplicate, Self::Rejected, Self::Skipped];

    /// Returns its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::Skipped => "skipped",
        }
    }
}

/// Result of one element.
#[derive(Clone, Debug, PartialEq)]
pub struct ElementResult {
    /// Position in the request.
    pub index: u32,
    /// Type.
    pub kind: ElementKind,
    /// Outcome.
    pub outcome: Outcome,
    /// Live profile that it changed; None for skipped, duplicate and rejected.
    pub profile: Option<ProfileId>,
    /// Live profiles that were merged into it, in order.
    pub merged: Vec<ProfileId>,
    /// What was accepted differently from how it was sent.
    pub warnings: Vec<Warning>,
    /// Reasons of a rejection.
    pub errors: Faults,
    /// Explanation, if the element merged, withheld, replaced or was rejected.
    pub explanation: Option<Box<Explanation>>,
    /// Results of an event element's actions, in order; empty for others.
    pub actions: Vec<ActionResult>,
}

/// Result of one action.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionResult {
    /// Outcome.
    pub outcome: ActionOutcome,
    /// Reasons of a rejection.
    pub errors: Faults,
}

/// Request that was applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// Number.
    pub request: RequestNo,
    /// Time of receipt.
    pub received_at: Timestamp,
    /// Result of every element, in order.
    pub elements: Arc<[ElementResult]>,
    /// Warnings about the request as a whole.
    pub warnings: Vec<Warning>,
    /// First profile number of this request; a dry run shows it and later ones as `new-N`.
    pub first_new: ProfileNo,
}

impl Applied {
    /// Whether any element created, updated or merged a profile.
    pub fn changed_anything(&self) -> bool {
        self.elements.iter().any(|e| matches!(e.outcome, Outcome::Created | Outcome::Updated | Outcome::Merged))
    }

    /// Returns how many elements had this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.elements.iter().filter(|e| e.outcome == outcome).count()
    }
}

/// Answer that is stored for an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// Status.
    pub status: u16,
    /// Header `Muster-Outcomes`.
    pub outcomes: Box<str>,
    /// Body, verbatim.
    pub body: Arc<[u8]>,
}

/// Result of deciding an import.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportOutcome {
    /// Applied: 200. With the answer as it is recorded.
    Applied(Applied, RecordedAnswer),
    /// Same key and same body as before: the recorded answer.
    Replayed(RecordedAnswer),
    /// Same key with another body: 409.
    KeyConflict,
    /// A Track call whose element was rejected: 400.
    Refused(Vec<Fault>),
    /// Over the budget: 429 with the seconds until it fits, or 413 if it never would.
    RateLimited(Class, RateRefusal),
    /// Replay of a quarantine entry that does not exist (any more).
    NoSuchEntry,
    /// Replay of a quarantine entry that this request has replayed: 409.
    AlreadyReplayed(RequestNo),
}
