//! Where a write goes.

use crate::id::{ProfileNo, Seq};

#[derive(Clone, Copy, Debug)]
pub(super) struct WriteTarget {
    pub(super) record: ProfileNo,
    pub(super) root: ProfileNo,
    pub(super) seq: Seq,
}

impl WriteTarget {
    pub(super) fn for_record(self, record: ProfileNo) -> Self {
        Self { record, ..self }
    }
}
