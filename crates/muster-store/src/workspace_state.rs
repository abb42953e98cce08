//! The state of a workspace that an engine keeps in memory and writes once for each group.

use crate::family::FamilySums;
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

/// The state of a workspace between two groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WorkspaceState {
    pub(crate) counters: Counters,
    pub(crate) sums: FamilySums,
    pub(crate) figures: TableStats,
    /// Bytes of the recorded answers; counted when the tables are opened.
    pub(crate) answer_bytes: u64,
}
