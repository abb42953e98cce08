//! Writes rows of one family with their chunks, and keeps the figures of the workspace.

use super::chunks::ChunkWriter;
use super::loaded::LoadedChunks;
use super::pending::PendingRow;
use super::tables::{ChunkSums, RowWrite, StoredSum, Tables};
use crate::codec::bounded_bytes;
use crate::codec::chunks::PartOf;
use crate::engine::EngineError;
use crate::family::Family;
use crate::queue::cores::Cores;
use crate::workspace_state::WorkspaceState;
use muster_core::change::{RowChange, StoredRow};
use muster_core::id::ProfileNo;

/// Writes rows.
pub(super) struct RowWriter<'a, T> {
    pub(super) tables: &'a mut T,
    pub(super) state: &'a mut WorkspaceState,
    /// Stored chunks of the records and views that have any.
    pub(super) chunk_sums: &'a mut LoadedChunks,
    /// Gives the core to who waits, after each row and each chunk.
    pub(super) cores: &'a Cores,
}

impl<T: Tables> RowWriter<'_, T> {
    /// Writes rows of one family, each with what is to be written of it.
    pub(super) fn write(
        &mut self,
        family: Family,
        rows: &[PendingRow<'_>],
        writes: &mut [RowWrite<'_>],
    ) -> Result<(), EngineError> {
        self.count_bounded_bytes(family, rows, writes)?;
        self.tables.write(family, writes)?;
        for (row, write) in rows.iter().zip(writes) {
            let stored = write.stored.sum();
            // Batches of an index and imports meet at the same holders.
            let may_be_absent = row.was_put || matches!(family, Family::Holders | Family::Former);
            if write.sum.is_none() && stored.is_none() && !may_be_absent {
                return Err(EngineError::Broken("it deletes a row that is not there".into()));
            }
            let change = i64::from(write.sum.is_some()) - i64::from(stored.is_some());
            match family {
                Family::Quarantine => add(&mut self.state.quarantine_rows, change),
                Family::Refused => add(&mut self.state.refused_rows, change),
                _ => {}
            }
            if let Some(of) = row.id.part_of() {
                self.write_chunks(of, row, stored.is_some())?;
            }
            self.cores.pause();
        }
        Ok(())
    }

    /// Counts what a bounded family gains and loses.
    fn count_bounded_bytes(
        &mut self,
        family: Family,
        rows: &[PendingRow<'_>],
        writes: &[RowWrite<'_>],
    ) -> Result<(), EngineError> {
        let figures = &mut self.state.figures;
        let bytes = match family {
            Family::Quarantine => &mut figures.quarantine_bytes,
            Family::Refused => &mut figures.refused_bytes,
            Family::Idempotency => &mut self.state.answer_bytes,
            _ => return Ok(()),
        };
        for (row, write) in rows.iter().zip(writes) {
            let before = self.tables.bounded_bytes(family, &row.id.cells())?;
            let after = if write.sum.is_some() { bounded_bytes(family, &write.cells) } else { 0 };
            *bytes = bytes.saturating_sub(before) + after;
        }
        Ok(())
    }

    /// Writes the chunks of a record or view whose row is written; `existed` says whether it had one.
    fn write_chunks(
        &mut self,
        (of, no): (PartOf, ProfileNo),
        row: &PendingRow<'_>,
        existed: bool,
    ) -> Result<(), EngineError> {
        let old = match row.stored {
            StoredSum::Present(_) => self.chunk_sums.remove(&(of, no)).unwrap_or_default(),
            StoredSum::Unknown if existed => self.tables.chunk_sums(of, no)?,
            StoredSum::Unknown | StoredSum::Absent => ChunkSums::new(),
        };
        let writer = ChunkWriter { tables: &mut *self.tables, old, cores: self.cores };
        match row.change {
            RowChange::Upsert(StoredRow::MemberRecord(record)) => writer.write_record(record),
            RowChange::Upsert(StoredRow::View(root, view)) => writer.write_view(*root, view),
            _ => writer.delete(of, no),
        }
    }
}

fn add(rows: &mut u64, change: i64) {
    *rows = rows.saturating_add_signed(change);
}
