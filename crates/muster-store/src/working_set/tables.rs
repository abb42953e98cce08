//! What a relational engine does for a working set: the tables of one workspace, inside the transaction of a group.

use crate::codec::chunks::PartOf;
use crate::codec::{Cell, Record};
use crate::engine::EngineError;
use crate::fact_loading::FactQueries;
use crate::family::Family;
use muster_core::facts::Reach;
use muster_core::id::{ProfileNo, QuarantineNo, RequestNo};
use muster_core::kinds::Route;
use muster_core::time::Timestamp;
use std::collections::BTreeMap;

/// Checksums of the chunks of one record or view, by first name.
pub(crate) type ChunkSums = BTreeMap<Box<str>, i64>;

/// Receives the cells of a row with its checksum.
pub(crate) type EachRow<'e> = &'e mut dyn FnMut(&mut [Cell<'_>], i64) -> Result<(), EngineError>;

/// The tables of one workspace, by row.
pub(crate) trait Tables {
    /// Rows that are encoded and written at a time: as many as one call should take to the tables.
    const ROWS_AT_A_TIME: usize;

    /// The same of chunks of large records and views.
    const CHUNKS_AT_A_TIME: usize;

    /// Whether [`Tables::prefetch`] does anything.
    const PREFETCHES: bool = false;

    /// Reads rows that decisions will probably ask for, all at once, where each question alone would be a round trip.
    fn prefetch(&mut self, wanted: &[NeededRow<'_>]) -> Result<(), EngineError> {
        let _asked_one_by_one = wanted;
        Ok(())
    }

    /// Returns what is known of the table under a key without looking.
    fn known(&self, family: Family, key: &[Cell<'_>]) -> StoredSum {
        let _not_kept = (family, key);
        StoredSum::Unknown
    }

    /// Returns what answers questions about all rows, of which those that were written are a part; None if it cannot: the
    /// group must then be run where it can.
    fn as_whole(&mut self) -> Option<&mut dyn WholeTables>;

    /// Puts the JSON columns of a row into the engine's own form, before its checksum is taken.
    fn encode(cells: &mut [Cell<'_>]);

    /// Returns a row and its checksum by its key.
    fn get<R: Record>(&mut self, key: &[Cell<'_>]) -> Result<Option<(R, i64)>, EngineError>;

    /// Reads the chunks of a member record or view, in order.
    fn chunks(&mut self, of: PartOf, no: ProfileNo, each: EachRow<'_>) -> Result<(), EngineError>;

    /// Returns the checksums of those.
    fn chunk_sums(&mut self, of: PartOf, no: ProfileNo) -> Result<ChunkSums, EngineError>;

    /// Writes rows, those of each family in the order of their keys, and sees to the sums of the families. What was
    /// stored before is noted in each row where it was not known and somebody asks for it
    /// ([`RowWrite::is_stored_counted`]); of member records and views, too, if there are any chunks; and of rows of a
    /// bounded family the bytes that it counted.
    ///
    /// # Errors
    /// [`EngineError::Broken`] for a row that does not fit its table, [`EngineError::Corrupt`] where the table is not as
    /// it was read.
    fn write(&mut self, writes: &mut [FamilyWrites<'_>]) -> Result<(), EngineError>;
}

/// A row that a decision will ask for.
pub(crate) struct NeededRow<'n> {
    pub(crate) family: Family,
    pub(crate) key: Vec<Cell<'n>>,
    /// What is wanted with it: of a binding the rows of the bound id, of an id those of its root.
    pub(crate) reach: Reach,
}

/// Rows of one family to write.
pub(crate) struct FamilyWrites<'r> {
    pub(crate) family: Family,
    pub(crate) rows: Vec<RowWrite<'r>>,
}

/// A row to write.
pub(crate) struct RowWrite<'r> {
    /// All cells; of a deletion those of the key.
    pub(crate) cells: Vec<Cell<'r>>,
    /// Its checksum; None = it is deleted.
    pub(crate) sum: Option<i64>,
    /// What the table has under its key.
    pub(crate) stored: StoredSum,
    /// The bytes that the row in the table counts towards the bound of its family; 0 if there is none or no bound.
    pub(crate) stored_bytes: u64,
}

impl<'r> RowWrite<'r> {
    /// Returns a row to write, of which nothing is counted yet.
    pub(crate) fn new(cells: Vec<Cell<'r>>, sum: Option<i64>, stored: StoredSum) -> Self {
        Self { cells, sum, stored, stored_bytes: 0 }
    }

    /// Whether the working set asks what was stored before, whatever it was: of rows that are deleted, or whose family is
    /// bounded.
    pub(crate) fn is_stored_counted(&self, family: Family) -> bool {
        self.sum.is_none() || family.is_bounded()
    }
}

/// Questions about all rows of a workspace, of those that a group dropped for a bound among them.
pub(crate) trait WholeTables: FactQueries {
    /// Returns the quarantine entry that is dropped first, and whether it is open.
    fn first_quarantined(&mut self) -> Result<Option<(QuarantineNo, bool)>, EngineError>;

    /// Returns the key of the recorded answer that is dropped first, and when it was recorded.
    fn first_answer(&mut self) -> Result<Option<(Route, Box<str>, Timestamp)>, EngineError>;

    /// Returns the refused request that is dropped first.
    fn first_refused(&mut self) -> Result<Option<RequestNo>, EngineError>;
}

/// What a table has under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredSum {
    /// Nobody has looked yet: the engine finds out while it writes.
    Unknown,
    /// No row.
    Absent,
    /// A row with this checksum.
    Present(i64),
}

impl StoredSum {
    /// Returns what a lookup has found.
    pub(crate) fn found(sum: Option<i64>) -> Self {
        sum.map_or(Self::Absent, Self::Present)
    }

    /// Returns the checksum of the row, if there is one.
    pub(crate) fn sum(self) -> Option<i64> {
        match self {
            Self::Present(sum) => Some(sum),
            Self::Unknown | Self::Absent => None,
        }
    }
}
