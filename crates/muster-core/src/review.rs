//! Reviews: withheld identifiers that people decide about (behaviour.md 3.3).

use crate::explanation::{Explanation, GuardReason};
use crate::id::{ProfileId, RequestNo, ReviewNo};
use crate::identifier::Identifier;
use crate::time::Timestamp;

/// Family `reviews`: a withheld identifier, for a pair of profiles and a kind, or for a profile and a value if no
/// second profile has it. At most one of each is open; one that was decided without a merge does not ask again
/// (behaviour.md 3.3.h).
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    /// Number.
    pub no: ReviewNo,
    /// First occurrence.
    pub at: Timestamp,
    /// Last occurrence.
    pub last_at: Timestamp,
    /// Number of occurrences, including those after the decision.
    pub count: u64,
    /// Identifier that was withheld first.
    pub identifier: Identifier,
    /// Profile that the element was applied to, as of that time; the live profile is its root.
    pub a: ProfileId,
    /// Profile that the identifier resolved to, if any.
    pub b: Option<ProfileId>,
    /// First guard that withheld it.
    pub reason: GuardReason,
    /// Request of the first occurrence, with the index of the element; None = activation.
    pub request: Option<(RequestNo, u32)>,
    /// JSON of the element, if it has at most [`crate::limits::REVIEW_RECORD_BYTES_MAX`] bytes.
    pub record: Option<Box<[u8]>>,
    /// Decisions on all identifiers of that element.
    pub explanation: Explanation,
    /// State.
    pub state: ReviewState,
    /// Time of closing.
    pub closed_at: Option<Timestamp>,
}

impl Review {
    /// Whether it is not decided yet.
    pub fn is_open(&self) -> bool {
        self.state == ReviewState::Open
    }
}

/// State of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ReviewState {
    /// Not decided.
    Open = 1,
    /// The profiles were merged, by its decision or otherwise.
    Merged = 2,
    /// The profiles were separated.
    KeptApart = 3,
    /// Closed without a consequence.
    Dismissed = 4,
}

impl ReviewState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Merged, Self::KeptApart, Self::Dismissed];

    /// Returns its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Merged => "merged",
            Self::KeptApart => "kept_apart",
            Self::Dismissed => "dismissed",
        }
    }

    /// Returns the state with this stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|s| *s as u8 == code)
    }
}
