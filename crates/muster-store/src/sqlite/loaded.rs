//! Checksums of rows that the current decision read or wrote: replacing such a row need not read it again.

use crate::codec::Cell;
use crate::codec::chunks::PartOf;
use crate::family::Family;
use muster_core::facts::FactHasher;
use muster_core::id::ProfileNo;
use std::collections::{BTreeMap, HashMap};

/// Checksums of the chunks of one record or view, by first name.
pub(crate) type ChunkSums = BTreeMap<Box<str>, i64>;

/// Checksums as they are in the transaction.
#[derive(Default)]
pub(crate) struct LoadedSums {
    /// Of rows with a number as key; None = no such row exists.
    rows: HashMap<(Family, i64), Option<i64>, FactHasher>,
    /// Of the chunks of records and views.
    chunks: HashMap<(PartOf, ProfileNo), ChunkSums, FactHasher>,
}

impl LoadedSums {
    /// Returns what is known of a row; None = nothing.
    pub(crate) fn get(&self, family: Family, key: &Cell<'_>) -> Option<Option<i64>> {
        match key {
            Cell::Int(n) if family.key_columns() == 1 => self.rows.get(&(family, *n)).copied(),
            _ => None,
        }
    }

    /// Remembers a row.
    pub(crate) fn set(&mut self, family: Family, key: &Cell<'_>, sum: Option<i64>) {
        if let Cell::Int(n) = key
            && family.key_columns() == 1
        {
            self.rows.insert((family, *n), sum);
        }
    }

    /// Remembers the chunks of a record or view; none of what is stored in one row.
    pub(super) fn set_chunks(&mut self, part_of: PartOf, no: ProfileNo, sums: ChunkSums) {
        self.chunks.insert((part_of, no), sums);
    }

    /// Returns what is known of the chunks of a record or view, and forgets it; None = nothing.
    pub(super) fn take_chunks(&mut self, part_of: PartOf, no: ProfileNo) -> Option<ChunkSums> {
        self.chunks.remove(&(part_of, no))
    }

    /// Forgets everything: another decision begins, or one was undone.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.chunks.clear();
    }
}
