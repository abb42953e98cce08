//! Checksums of rows that the current decision has read: replacing such a row need not read it again.

use super::tables::{ChunkSums, StoredSum};
use crate::codec::chunks::PartOf;
use crate::family::Family;
use muster_core::facts::FactHasher;
use muster_core::id::ProfileNo;
use std::collections::HashMap;

/// Checksums of the chunks of records and views that have any.
pub(super) type LoadedChunks = HashMap<(PartOf, ProfileNo), ChunkSums, FactHasher>;

/// Checksums as they are in the tables.
#[derive(Default)]
pub(super) struct LoadedSums {
    /// Of rows with a number as key.
    rows: HashMap<(Family, u64), StoredSum, FactHasher>,
    pub(super) chunks: LoadedChunks,
}

impl LoadedSums {
    /// Returns what is known of a row.
    pub(super) fn get(&self, family: Family, no: u64) -> StoredSum {
        self.rows.get(&(family, no)).copied().unwrap_or(StoredSum::Unknown)
    }

    /// Remembers a row.
    pub(super) fn set(&mut self, family: Family, no: u64, sum: Option<i64>) {
        self.rows.insert((family, no), StoredSum::found(sum));
    }

    /// Remembers the chunks of a record or view.
    pub(super) fn set_chunks(&mut self, of: PartOf, no: ProfileNo, sums: ChunkSums) {
        if !sums.is_empty() {
            self.chunks.insert((of, no), sums);
        }
    }

    /// Forgets everything: another decision begins, or the changes of this one are pending.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.chunks.clear();
    }
}
