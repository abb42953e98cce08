//! Reviews: what the guards set aside and somebody shall decide (behaviour.md 3.3).

use crate::explanation::{Explanation, GuardReason};
use crate::id::{ProfileId, RequestNo, ReviewNo};
use crate::identifier::Identifier;
use crate::time::Timestamp;

/// Family `reviews`: a key that was set aside, for a pair of profiles and a kind, or for a profile and a value where no
/// second profile has it. At most one of each is open, and one that was decided without a merge does not ask again
/// (behaviour.md 3.3.h).
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    /// Its number.
    pub no: ReviewNo,
    /// When it was set aside first.
    pub at: Timestamp,
    /// When it was set aside last.
    pub last_at: Timestamp,
    /// How often, also since it was decided.
    pub count: u64,
    /// The key that was set aside first.
    pub identifier: Identifier,
    /// The profile that the record was applied to, as it was then; the live profile is its root.
    pub a: ProfileId,
    /// The profile that the key led to, if one had it.
    pub b: Option<ProfileId>,
    /// The guard that tripped first.
    pub reason: GuardReason,
    /// The request that it was found in first, and the element's index; None = by an activation.
    pub request: Option<(RequestNo, u32)>,
    /// The element's JSON, if it is at most [`crate::limits::REVIEW_RECORD_BYTES_MAX`] long.
    pub record: Option<Box<[u8]>>,
    /// All keys of that element, weighed.
    pub explanation: Explanation,
    /// Where it stands.
    pub state: ReviewState,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

impl Review {
    /// Whether nobody has decided it.
    pub fn is_open(&self) -> bool {
        self.state == ReviewState::Open
    }
}

/// Where a review stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ReviewState {
    /// To be decided.
    Open = 1,
    /// The profiles were merged: by its decision, or by whatever brought them together since.
    Merged = 2,
    /// They were separated.
    KeptApart = 3,
    /// Closed without a consequence.
    Dismissed = 4,
}

impl ReviewState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Merged, Self::KeptApart, Self::Dismissed];

    /// Its word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Merged => "merged",
            Self::KeptApart => "kept_apart",
            Self::Dismissed => "dismissed",
        }
    }

    /// The state of a stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|s| *s as u8 == code)
    }
}
