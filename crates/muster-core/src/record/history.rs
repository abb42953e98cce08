//! Values that a write in a member record replaced.

use crate::id::{ProfileNo, Seq};
use crate::value::Value;

/// Family `history`: values that one element replaced. A record lists at most [`crate::limits::HISTORY_MAX`] rows.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Member record.
    pub profile: ProfileNo,
    /// Position of the write in the change sequence; with the record the key.
    pub seq: Seq,
    /// Replaced values, by name.
    pub replaced: Vec<Replaced>,
}

/// Value that was replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Replaced {
    /// Canonical name.
    pub field: Box<str>,
    /// Value; None if it was unset or too long to be kept.
    pub old: Option<Value>,
    /// Whether the value was longer than [`crate::limits::HISTORY_VALUE_BYTES_MAX`] and is not kept.
    pub omitted: bool,
    /// Position of its write in the change sequence.
    pub since: Seq,
}
