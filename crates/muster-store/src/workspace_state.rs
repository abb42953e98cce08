//! The state of a workspace that an engine keeps in memory and writes once for each group.

use crate::bounds::Bounds;
use muster_core::record::Counters;

/// Figures of the engine about a workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableStats {
    /// The number of the last group.
    pub(crate) group: u64,
    /// Bytes of the elements in quarantine.
    pub(crate) quarantine_bytes: u64,
    /// Quarantine entries removed for its bounds in total.
    pub(crate) quarantine_dropped: u64,
    /// Bytes of the refused requests in the log.
    pub(crate) refused_bytes: u64,
}

impl TableStats {
    /// How many numbers it is.
    pub(crate) const NUMBERS: usize = 4;

    /// Returns it as numbers, in the order of their columns.
    pub(crate) fn numbers(self) -> [u64; Self::NUMBERS] {
        [self.group, self.quarantine_bytes, self.quarantine_dropped, self.refused_bytes]
    }

    /// Returns the figures of those numbers.
    pub(crate) fn from_numbers([group, quarantine_bytes, quarantine_dropped, refused_bytes]: [u64; 4]) -> Self {
        Self { group, quarantine_bytes, quarantine_dropped, refused_bytes }
    }
}

/// The state of a workspace between two groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WorkspaceState {
    pub(crate) counters: Counters,
    pub(crate) figures: TableStats,
    /// Rows of the quarantine, of the refused requests, and bytes of the recorded answers; counted when the tables are
    /// opened.
    pub(crate) quarantine_rows: u64,
    pub(crate) refused_rows: u64,
    pub(crate) answer_bytes: u64,
}

impl WorkspaceState {
    /// Whether nothing is beyond the bounds if this number of refused requests is added.
    pub(crate) fn is_within(&self, bounds: &Bounds, refused: u64) -> bool {
        !self.has_too_many_quarantined(bounds)
            && !self.has_too_many_refused(bounds, refused)
            && self.answer_bytes <= bounds.answer_bytes
    }

    pub(crate) fn has_too_many_quarantined(&self, bounds: &Bounds) -> bool {
        self.quarantine_rows > bounds.quarantine_entries || self.figures.quarantine_bytes > bounds.quarantine_bytes
    }

    pub(crate) fn has_too_many_refused(&self, bounds: &Bounds, more: u64) -> bool {
        self.refused_rows + more > bounds.refused_entries || self.figures.refused_bytes > bounds.refused_bytes
    }
}
