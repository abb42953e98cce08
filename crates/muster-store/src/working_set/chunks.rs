//! The chunks of large member records and views. A row whose attributes are stored in chunks has none itself.

use super::tables::{ChunkSums, EachRow, FamilyWrites, RowWrite, StoredSum, Tables};
use crate::codec::chunks::{self, PartOf, is_large_record, is_large_view};
use crate::codec::{Cell, row_sum};
use crate::engine::EngineError;
use crate::family::Family;
use crate::queue::cores::Cores;
use muster_core::id::ProfileNo;
use muster_core::record::{MemberRecord, View};

/// Gives a member record the attributes that are stored in chunks, which `read` reads; returns their checksums.
pub(crate) fn fill_record(
    record: &mut MemberRecord,
    read: impl FnOnce(EachRow<'_>) -> Result<(), EngineError>,
) -> Result<ChunkSums, EngineError> {
    let mut sums = ChunkSums::new();
    // One without any attribute is rare, and found here to have none.
    if record.attributes.is_empty() {
        let mut writes = Vec::new();
        read(&mut |cells, sum| {
            sums.insert(first(cells), sum);
            writes.extend(chunks::read_record(cells)?);
            Ok(())
        })?;
        record.attributes = writes.into_iter().collect();
    }
    Ok(sums)
}

/// The same of a view.
pub(crate) fn fill_view(
    view: &mut View,
    read: impl FnOnce(EachRow<'_>) -> Result<(), EngineError>,
) -> Result<ChunkSums, EngineError> {
    let mut sums = ChunkSums::new();
    if view.attributes.is_empty() {
        let mut values = Vec::new();
        read(&mut |cells, sum| {
            sums.insert(first(cells), sum);
            values.extend(chunks::read_view(cells)?);
            Ok(())
        })?;
        // A map that is made of all its values has full nodes. Values that are put one by one, in order, leave half of
        // each node empty, in this map and in every copy of it.
        view.attributes = values.into_iter().collect();
    }
    Ok(sums)
}

fn first(cells: &[Cell<'_>]) -> Box<str> {
    match &cells[2] {
        Cell::Text(first) => (&**first).into(),
        _ => Box::default(),
    }
}

/// Chunks that wait until there are enough to write.
#[derive(Default)]
pub(super) struct ChunkBuffer(Vec<RowWrite<'static>>);

impl ChunkBuffer {
    fn put<T: Tables>(&mut self, tables: &mut T, row: RowWrite<'_>) -> Result<(), EngineError> {
        if T::CHUNKS_AT_A_TIME <= 1 {
            return tables.write(&mut [FamilyWrites { family: Family::Chunks, rows: vec![row] }]);
        }
        self.0.push(RowWrite { cells: row.cells.into_iter().map(Cell::into_owned).collect(), ..row });
        if self.0.len() >= T::CHUNKS_AT_A_TIME { self.write(tables) } else { Ok(()) }
    }

    /// Writes what waits.
    pub(super) fn write<T: Tables>(&mut self, tables: &mut T) -> Result<(), EngineError> {
        if self.0.is_empty() {
            return Ok(());
        }
        tables.write(&mut [FamilyWrites { family: Family::Chunks, rows: std::mem::take(&mut self.0) }])
    }
}

/// Writes the chunks of a record or view.
pub(super) struct ChunkWriter<'a, T> {
    pub(super) tables: &'a mut T,
    pub(super) buffer: &'a mut ChunkBuffer,
    /// Stored chunks that were not written again yet.
    pub(super) old: ChunkSums,
    pub(super) cores: &'a Cores,
}

impl<T: Tables> ChunkWriter<'_, T> {
    /// Writes the chunks of a member record, and deletes those that it no longer has.
    pub(super) fn write_record(mut self, record: &MemberRecord) -> Result<(), EngineError> {
        if is_large_record(record) {
            chunks::record_chunks(record, |first, cells| self.write(first, cells.into()))?;
        }
        self.delete(PartOf::Record, record.no)
    }

    /// The same of a view.
    pub(super) fn write_view(mut self, root: ProfileNo, view: &View) -> Result<(), EngineError> {
        if is_large_view(view) {
            chunks::view_chunks(root, view, |first, cells| self.write(first, cells.into()))?;
        }
        self.delete(PartOf::View, root)
    }

    /// Writes a chunk, unless it is stored as it is.
    fn write(&mut self, first: &str, mut cells: Vec<Cell<'_>>) -> Result<(), EngineError> {
        self.cores.pause();
        T::encode(&mut cells);
        let (sum, stored) = (row_sum(Family::Chunks, &cells), self.old.remove(first));
        if stored == Some(sum) {
            return Ok(());
        }
        self.buffer.put(self.tables, RowWrite::new(cells, Some(sum), StoredSum::found(stored)))
    }

    /// Deletes the stored chunks that were not written again.
    pub(super) fn delete(self, of: PartOf, no: ProfileNo) -> Result<(), EngineError> {
        for (first, sum) in &self.old {
            self.cores.pause();
            let cells = vec![Cell::Int(of as i64), Cell::unsigned(no.0), Cell::text(first)];
            let stored = StoredSum::Present(*sum);
            self.buffer.put(self.tables, RowWrite::new(cells, None, stored))?;
        }
        Ok(())
    }
}
