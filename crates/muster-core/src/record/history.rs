//! What a write in a member record replaced.

use crate::id::{ProfileNo, Seq};
use crate::value::Value;

/// Family `history`: the values of one own record that one element wrote over. Each own record names its rows, at most
/// [`crate::limits::HISTORY_MAX`] of them; the oldest goes first.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The own record.
    pub profile: ProfileNo,
    /// The place of the write in the change sequence; with the record the key.
    pub seq: Seq,
    /// What was there before, by name.
    pub replaced: Vec<Replaced>,
}

/// A value that was written over.
#[derive(Clone, Debug, PartialEq)]
pub struct Replaced {
    /// The canonical name.
    pub field: Box<str>,
    /// The value, or None: it was unset, or too long to be kept.
    pub old: Option<Value>,
    /// It was longer than [`crate::limits::HISTORY_VALUE_BYTES_MAX`] and is not kept.
    pub omitted: bool,
    /// When it was written, in the change sequence.
    pub since: Seq,
}
