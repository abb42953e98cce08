//! Where a write goes.

use crate::id::{ProfileNo, Seq};

/// Where an element is recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriteTarget {
    /// The id whose own record it is.
    pub(super) record: ProfileNo,
    /// The live profile of that id.
    pub(super) root: ProfileNo,
    /// The place of the write in the change sequence.
    pub(super) seq: Seq,
}

impl WriteTarget {
    /// The same for another id of the same live profile.
    pub(super) fn for_record(self, record: ProfileNo) -> Self {
        Self { record, ..self }
    }
}
