//! Writes rows of one family with their chunks, and keeps the figures of the workspace.

use super::chunks::{ChunkBuffer, ChunkWriter};
use super::loaded::LoadedChunks;
use super::pending::PendingRow;
use super::tables::{ChunkSums, FamilyWrites, RowWrite, StoredSum, Tables};
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
    /// Writes rows, those of each family in the order of their keys.
    pub(super) fn write(&mut self, batch: &[(Family, &[PendingRow<'_>])]) -> Result<(), EngineError> {
        let mut writes = Vec::with_capacity(batch.len());
        for (family, rows) in batch {
            writes.push(FamilyWrites { family: *family, rows: rows.iter().map(|row| row.to_write::<T>()).collect() });
        }
        self.tables.write(&mut writes)?;
        let mut chunks = ChunkBuffer::default();
        for ((family, rows), writes) in batch.iter().zip(&writes) {
            self.count_bounded_bytes(writes);
            for (row, write) in rows.iter().zip(&writes.rows) {
                self.settle(*family, row, write, &mut chunks)?;
                self.cores.pause();
            }
        }
        chunks.write(self.tables)
    }

    /// Counts a row that was written, and writes its chunks.
    fn settle(
        &mut self,
        family: Family,
        row: &PendingRow<'_>,
        write: &RowWrite<'_>,
        chunks: &mut ChunkBuffer,
    ) -> Result<(), EngineError> {
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
        match row.id.part_of() {
            Some(of) => self.write_chunks(of, row, stored.is_some(), chunks),
            None => Ok(()),
        }
    }

    /// Counts what a bounded family gains and loses.
    fn count_bounded_bytes(&mut self, FamilyWrites { family, rows }: &FamilyWrites<'_>) {
        let figures = &mut self.state.figures;
        let bytes = match family {
            Family::Quarantine => &mut figures.quarantine_bytes,
            Family::Refused => &mut figures.refused_bytes,
            Family::Idempotency => &mut self.state.answer_bytes,
            _ => return,
        };
        for write in rows {
            let after = if write.sum.is_some() { bounded_bytes(*family, &write.cells) } else { 0 };
            *bytes = bytes.saturating_sub(write.stored_bytes) + after;
        }
    }

    /// Writes the chunks of a record or view whose row is written; `existed` says whether it had one.
    fn write_chunks(
        &mut self,
        (of, no): (PartOf, ProfileNo),
        row: &PendingRow<'_>,
        existed: bool,
        buffer: &mut ChunkBuffer,
    ) -> Result<(), EngineError> {
        let old = match row.stored {
            StoredSum::Present(_) => self.chunk_sums.remove(&(of, no)).unwrap_or_default(),
            StoredSum::Unknown if existed => self.tables.chunk_sums(of, no)?,
            StoredSum::Unknown | StoredSum::Absent => ChunkSums::new(),
        };
        let writer = ChunkWriter { tables: &mut *self.tables, buffer, old, cores: self.cores };
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
