//! Where a write goes.

use crate::id::{ProfileNo, Seq};

#[derive(Clone, Copy, Debug)]
pub(super) struct WriteTarget {
    pub(super) record: ProfileNo,
    pub(super) root: ProfileNo,
    pub(super) seq: Seq,
}

impl WriteTarget {
    /// Returns the target for another member of the same live profile.
    pub(super) fn for_record(self, record: ProfileNo) -> Self {
        Self { record, ..self }
    }
}
