//! Merge records and separations.

use crate::explanation::Explanation;
use crate::id::{MergeNo, ProfileId, RequestNo, ReviewNo, SeparationNo};
use crate::identifier::Identifier;
use crate::kinds::SurvivorChoice;
use crate::time::Timestamp;
use crate::value::Value;

/// Family `merges`: record of one merge, kept forever.
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    /// Number.
    pub no: MergeNo,
    /// Time.
    pub at: Timestamp,
    /// Live profile that remained.
    pub survivor: ProfileId,
    /// Live profile that was merged into it.
    pub merged: ProfileId,
    /// Request that caused it, with the index of the element.
    pub request: Option<(RequestNo, u32)>,
    /// Cause.
    pub cause: Cause,
    /// Identifiers of the causing element; None if no element caused the merge.
    pub explanation: Option<Explanation>,
    /// Names of attributes that the merge filled.
    pub filled: Vec<Box<str>>,
    /// Current values that the merge changed, by an attribute rule or as an e-mail flag.
    pub combined: Vec<Combined>,
    /// Identifiers of the merged profile.
    pub identifiers: Vec<Identifier>,
    /// Time of the revert.
    pub reverted_at: Option<Timestamp>,
}

/// Value that a merge changed by an attribute rule, or as an e-mail flag with the same address (behaviour.md 3.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Combined {
    /// Canonical name.
    pub field: Box<str>,
    /// Value before; None if it is longer than [`crate::limits::HISTORY_VALUE_BYTES_MAX`].
    pub old: Option<Value>,
    /// Value after; None as above.
    pub new: Option<Value>,
}

impl Combined {
    /// Whether one of the values was too long to be kept.
    pub fn is_omitted(&self) -> bool {
        self.old.is_none() || self.new.is_none()
    }
}

/// Cause of a merge.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// Identifiers of one element resolve to both.
    Identifiers {
        /// Kept identifiers of the element.
        identifiers: Vec<Identifier>,
        /// What chose the survivor.
        rule: SurvivorChoice,
    },
    /// Activation of a kind over stored data.
    Activation,
    /// API call.
    Api,
    /// Decision of a review.
    Review(ReviewNo),
}

/// Family `separations`: two ids that must stay apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Separation {
    /// Number.
    pub no: SeparationNo,
    /// Time of creation.
    pub at: Timestamp,
    /// First id.
    pub a: ProfileId,
    /// Second id.
    pub b: ProfileId,
    /// Cause.
    pub cause: SeparationCause,
    /// Merge whose revert caused it.
    pub merge: Option<MergeNo>,
}

/// Cause of a separation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SeparationCause {
    /// Revert.
    Revert = 1,
    /// Decision of a review.
    Review = 2,
}
