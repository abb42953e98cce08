//! What became of a request: an outcome for every element and every action (behaviour.md 1.3).

use crate::explanation::Explanation;
use crate::id::{ProfileId, ProfileNo, RequestNo};
use crate::kinds::ElementKind;
use crate::rate::{Class, RateRefusal};
use crate::reason::{Fault, Faults};
use crate::time::Timestamp;
use crate::warning::Warning;
use std::sync::Arc;

/// What became of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// A profile was created.
    Created = 1,
    /// A profile was updated.
    Updated = 2,
    /// Profiles were merged, then the survivor was updated.
    Merged = 3,
    /// `update_existing_only` found nobody.
    Skipped = 4,
    /// All its actions were known.
    Duplicate = 5,
    /// It was refused and put into quarantine.
    Rejected = 6,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] =
        [Self::Created, Self::Updated, Self::Merged, Self::Skipped, Self::Duplicate, Self::Rejected];

    /// Its word on the wire.
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

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ActionOutcome {
    /// Stored.
    Accepted = 1,
    /// Its event id was known.
    Duplicate = 2,
    /// Refused.
    Rejected = 3,
    /// It would have been accepted, but its element was skipped.
    Skipped = 4,
}

impl ActionOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Duplicate, Self::Rejected, Self::Skipped];

    /// Its word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::Skipped => "skipped",
        }
    }
}

/// The result of one element.
#[derive(Clone, Debug, PartialEq)]
pub struct ElementResult {
    /// Its place in the request.
    pub index: u32,
    /// Its type.
    pub kind: ElementKind,
    /// What became of it.
    pub outcome: Outcome,
    /// The live profile that it touched; None for skipped, duplicate and rejected.
    pub profile: Option<ProfileId>,
    /// The live profiles that were merged into it, in order.
    pub merged: Vec<ProfileId>,
    /// What was accepted otherwise than it was sent.
    pub warnings: Vec<Warning>,
    /// Why it was refused.
    pub errors: Faults,
    /// Why it went the way it went, if it merged, set aside, replaced or was rejected.
    pub explanation: Option<Box<Explanation>>,
    /// The results of an event element's actions, in order; empty for others.
    pub actions: Vec<ActionResult>,
}

/// The result of one action.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionResult {
    /// What became of it.
    pub outcome: ActionOutcome,
    /// Why it was refused.
    pub errors: Faults,
}

/// A request that was applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// Its number.
    pub request: RequestNo,
    /// Its receipt.
    pub received_at: Timestamp,
    /// The result of every element, in order.
    pub elements: Arc<[ElementResult]>,
    /// Warnings about the request as a whole.
    pub warnings: Vec<Warning>,
    /// The first profile number that this request gave; a dry run shows those and later ones as `new-N`.
    pub first_new: ProfileNo,
}

impl Applied {
    /// Whether something of it was applied: an element that created, updated or merged somebody.
    pub fn changed_anything(&self) -> bool {
        self.elements.iter().any(|e| matches!(e.outcome, Outcome::Created | Outcome::Updated | Outcome::Merged))
    }

    /// How many elements had this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.elements.iter().filter(|e| e.outcome == outcome).count()
    }
}

/// An answer as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedAnswer {
    /// The status.
    pub status: u16,
    /// The header `Muster-Outcomes`.
    pub outcomes: Box<str>,
    /// The body, verbatim.
    pub body: Arc<[u8]>,
}

/// What a decision about an import comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportOutcome {
    /// Applied: 200. With the answer, as it is recorded under an idempotency key.
    Applied(Applied, RecordedAnswer),
    /// The same key and body before: the recorded answer.
    Replayed(RecordedAnswer),
    /// The same key with another body: 409.
    KeyConflict,
    /// A Track call whose element was rejected: 400.
    Refused(Vec<Fault>),
    /// Over the budget: 429 with the seconds until it fits, or 413 if it never would.
    RateLimited(Class, RateRefusal),
    /// A replay of a quarantine entry that is not there (any more).
    NoSuchEntry,
    /// A replay of a quarantine entry that this request replayed before: 409.
    AlreadyReplayed(RequestNo),
}
