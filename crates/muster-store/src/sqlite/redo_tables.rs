//! The tables of a workspace as a group sees them that is logged: the rows of the redo log over a snapshot of the tables.

use super::chunks;
use super::front::GroupPlace;
use super::group_tables;
use super::redo::{Generation, GroupRows};
use super::row_statements::RowStatements;
use super::{jsonb, table};
use crate::codec::chunks::PartOf;
use crate::codec::{Cell, Record, bounded_bytes};
use crate::engine::EngineError;
use crate::error::CorruptRow;
use crate::family::Family;
use crate::working_set::{ChunkSums, EachRow, FamilyWrites, RowWrite, StoredSum, Tables, WholeTables};
use muster_core::id::ProfileNo;

/// The tables with what the redo log has beside them.
pub(crate) struct RedoTables<'a, 'c> {
    place: &'a GroupPlace<'a>,
    /// A snapshot that was taken when the place was had.
    rows: &'a RowStatements<'c>,
    /// What the group has written.
    pub(crate) group: GroupRows,
    /// Whether the tables have chunks of any record or view.
    has_chunks: bool,
}

impl<'a, 'c> RedoTables<'a, 'c> {
    pub(crate) fn new(
        place: &'a GroupPlace<'a>,
        rows: &'a RowStatements<'c>,
        (group, has_chunks): (GroupRows, bool),
    ) -> Self {
        Self { place, rows, group, has_chunks }
    }

    /// Returns what `read` makes of a row that is not in the tables yet; None = ask the tables, Some(None) = it was
    /// deleted.
    fn logged<T>(
        &mut self,
        (family, key): (Family, &[Cell<'_>]),
        read: impl Fn(Vec<Cell<'_>>, i64) -> Result<T, CorruptRow>,
    ) -> Result<Option<Option<T>>, EngineError> {
        let made = |found: Option<(Vec<Cell<'_>>, i64)>| found.map(|(cells, sum)| read(cells, sum)).transpose();
        if let Some(found) = self.group.get(family, key)? {
            return Ok(Some(made(found)?));
        }
        let find = |generation: &Generation| generation.get(family, key)?.map(made).transpose();
        if let Some(found) = self.place.with_open(find)? {
            return Ok(Some(found));
        }
        Ok(self.place.filling().map_or(Ok(None), find)?)
    }

    /// Returns what is stored under the key of a row.
    fn stored(&mut self, family: Family, key: &[Cell<'_>]) -> Result<StoredSum, EngineError> {
        let sum = match self.logged((family, key), |_, sum| Ok(sum))? {
            Some(logged) => logged,
            None => self.rows.stored_sum(family, key)?,
        };
        Ok(StoredSum::found(sum))
    }

    /// Returns the bytes of a stored row that count towards the bound of its family.
    fn bounded_bytes(&mut self, family: Family, key: &[Cell<'_>]) -> Result<u64, EngineError> {
        match self.logged((family, key), |cells, _| Ok(bounded_bytes(family, &cells)))? {
            Some(logged) => Ok(logged.unwrap_or(0)),
            None => group_tables::bounded_bytes(self.rows, family, key),
        }
    }

    fn write_row(&mut self, family: Family, row: &mut RowWrite<'_>) -> Result<(), EngineError> {
        let may_have_chunks = self.has_chunks && matches!(family, Family::Profiles | Family::Views);
        let key = &row.cells[..family.key_columns()];
        if family.is_bounded() {
            row.stored_bytes = self.bounded_bytes(family, key)?;
        }
        if row.stored == StoredSum::Unknown && (may_have_chunks || row.is_stored_counted(family)) {
            row.stored = self.stored(family, key)?;
        }
        // What was put and deleted in one group was never there.
        if row.sum.is_some() || row.stored != StoredSum::Absent {
            self.group.add(family, row);
        }
        Ok(())
    }
}

impl Tables for RedoTables<'_, '_> {
    const ROWS_AT_A_TIME: usize = 64;
    const CHUNKS_AT_A_TIME: usize = 1;

    fn as_whole(&mut self) -> Option<&mut dyn WholeTables> {
        None
    }

    fn encode(cells: &mut [Cell<'_>]) {
        jsonb::encode(cells);
    }

    fn get<R: Record>(&mut self, key: &[Cell<'_>]) -> Result<Option<(R, i64)>, EngineError> {
        let read = |cells: Vec<Cell<'_>>, sum| Ok((table::record(cells)?, sum));
        match self.logged((R::FAMILY, key), read)? {
            Some(logged) => Ok(logged),
            None => self.rows.get(key),
        }
    }

    fn chunks(&mut self, of: PartOf, no: ProfileNo, each: EachRow<'_>) -> Result<(), EngineError> {
        // The redo log holds no chunks.
        chunks::each(self.rows, (of, no), each)
    }

    fn chunk_sums(&mut self, of: PartOf, no: ProfileNo) -> Result<ChunkSums, EngineError> {
        chunks::sums(self.rows, (of, no))
    }

    fn write(&mut self, writes: &mut [FamilyWrites<'_>]) -> Result<(), EngineError> {
        for FamilyWrites { family, rows } in writes {
            let family = *family;
            if family == Family::Chunks {
                // A large record is written to the tables at once, chunk by chunk.
                return Err(EngineError::Broken("chunks are not logged".into()));
            }
            for row in rows {
                self.write_row(family, row)?;
            }
        }
        Ok(())
    }
}
