//! What joins and keeps apart: merge records and separations.

use crate::explanation::Explanation;
use crate::id::{MergeNo, ProfileId, RequestNo, ReviewNo, SeparationNo};
use crate::identifier::Identifier;
use crate::kinds::SurvivorChoice;
use crate::time::Timestamp;
use crate::value::Value;

/// Family `merges`: the record of one merge, kept for ever.
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    /// Its number.
    pub no: MergeNo,
    /// When.
    pub at: Timestamp,
    /// The live profile that survived.
    pub survivor: ProfileId,
    /// The one that was merged into it.
    pub merged: ProfileId,
    /// The request that caused it, and the element's index.
    pub request: Option<(RequestNo, u32)>,
    /// Why.
    pub cause: Cause,
    /// The keys of the element that caused it, weighed; None if no element did.
    pub explanation: Option<Explanation>,
    /// Names that the survivor showed from it since the join.
    pub filled: Vec<Box<str>>,
    /// What the survivor showed before and showed otherwise since the join: by an attribute rule, or an e-mail flag.
    pub combined: Vec<Combined>,
    /// The keys that it brought.
    pub identifiers: Vec<Identifier>,
    /// When it was reverted.
    pub reverted_at: Option<Timestamp>,
}

/// A value that a merge changed by an attribute rule, or as an e-mail flag under one address (behaviour.md 3.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Combined {
    /// The canonical name.
    pub field: Box<str>,
    /// What the survivor showed before; None if that is longer than [`crate::limits::HISTORY_VALUE_BYTES_MAX`].
    pub old: Option<Value>,
    /// What it showed since; None likewise.
    pub new: Option<Value>,
}

impl Combined {
    /// Whether one of the values was too long to be kept.
    pub fn is_omitted(&self) -> bool {
        self.old.is_none() || self.new.is_none()
    }
}

/// What caused a merge.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// Keys of one element led to both.
    Identifiers {
        /// The kept keys of the element.
        identifiers: Vec<Identifier>,
        /// What chose the survivor.
        rule: SurvivorChoice,
    },
    /// A kind was activated over stored data.
    Activation,
    /// A call by hand.
    Api,
    /// A review was decided so.
    Review(ReviewNo),
}

/// Family `separations`: two ids that must stay apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Separation {
    /// Its number.
    pub no: SeparationNo,
    /// Since when.
    pub at: Timestamp,
    /// One id.
    pub a: ProfileId,
    /// The other.
    pub b: ProfileId,
    /// What made it.
    pub cause: SeparationCause,
    /// The merge whose revert made it.
    pub merge: Option<MergeNo>,
}

/// What made a separation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SeparationCause {
    /// A revert.
    Revert = 1,
    /// A review that was decided so.
    Review = 2,
}
