//! Reading and writing the chunks of large member records and views. A row whose attributes are stored here has none itself.

use super::jsonb;
use super::loaded::{ChunkSums, LoadedSums};
use super::row_statements::RowStatements;
use super::table;
use crate::codec::chunks::{self, PartOf, is_large_record, is_large_view};
use crate::codec::{Cell, row_sum};
use crate::engine::EngineError;
use crate::family::{Family, FamilySums};
use muster_core::id::ProfileNo;
use muster_core::record::{MemberRecord, View};
use rusqlite::Connection;

const OF: &str = "WHERE part_of = ?1 AND profile = ?2 ORDER BY first";
const SUMS: &str = "SELECT first, sum FROM chunks WHERE part_of = ?1 AND profile = ?2";

fn key(part_of: PartOf, no: ProfileNo) -> [Cell<'static>; 2] {
    [Cell::Int(part_of as i64), Cell::unsigned(no.0)]
}

/// Gives a member record the attributes that are stored in chunks; the checksums of those.
pub(crate) fn fill_record(conn: &Connection, profile: &mut MemberRecord) -> Result<ChunkSums, EngineError> {
    // One without any attribute is rare, and found here to have none.
    if !profile.attributes.is_empty() {
        return Ok(ChunkSums::new());
    }
    let (mut sums, mut writes) = (ChunkSums::new(), Vec::new());
    table::each_checked(conn, (Family::Chunks, OF), &key(PartOf::Record, profile.no), |mut cells, sum| {
        sums.insert(first(&cells), sum);
        jsonb::decode(Family::Chunks, &mut cells)?;
        writes.extend(chunks::read_record(&mut cells)?);
        Ok(())
    })?;
    profile.attributes = writes.into_iter().collect();
    Ok(sums)
}

/// The same of a view.
pub(crate) fn fill_view(conn: &Connection, root: ProfileNo, view: &mut View) -> Result<ChunkSums, EngineError> {
    if !view.attributes.is_empty() {
        return Ok(ChunkSums::new());
    }
    let mut sums = ChunkSums::new();
    table::each_checked(conn, (Family::Chunks, OF), &key(PartOf::View, root), |mut cells, sum| {
        sums.insert(first(&cells), sum);
        jsonb::decode(Family::Chunks, &mut cells)?;
        view.attributes.extend(chunks::read_view(&mut cells)?);
        Ok(())
    })?;
    Ok(sums)
}

fn first(cells: &[Cell<'_>]) -> Box<str> {
    match &cells[2] {
        Cell::Text(first) => (&**first).into(),
        _ => Box::default(),
    }
}

/// Writes the chunks of records and views.
pub(super) struct ChunkWriter<'a, 'c> {
    pub(super) rows: &'a RowStatements<'c>,
    pub(super) sums: &'a mut FamilySums,
    pub(super) loaded: &'a mut LoadedSums,
}

impl ChunkWriter<'_, '_> {
    /// Writes the chunks of a member record whose row is written; `existed` says whether it replaced one.
    pub(super) fn write_record(&mut self, record: &MemberRecord, existed: bool) -> Result<(), EngineError> {
        let (mut old, mut new) = (self.stored(PartOf::Record, record.no, existed)?, ChunkSums::new());
        if is_large_record(record) {
            chunks::record_chunks(record, |first, cells| self.write(first, cells, (&mut old, &mut new)))?;
        }
        self.replace(PartOf::Record, record.no, (&old, new))
    }

    /// The same of a view.
    pub(super) fn write_view(&mut self, root: ProfileNo, view: &View, existed: bool) -> Result<(), EngineError> {
        let (mut old, mut new) = (self.stored(PartOf::View, root, existed)?, ChunkSums::new());
        if is_large_view(view) {
            chunks::view_chunks(root, view, |first, cells| self.write(first, cells, (&mut old, &mut new)))?;
        }
        self.replace(PartOf::View, root, (&old, new))
    }

    /// Deletes the chunks of a record or view.
    pub(super) fn delete(&mut self, part_of: PartOf, no: ProfileNo) -> Result<(), EngineError> {
        let old = self.stored(part_of, no, true)?;
        self.replace(part_of, no, (&old, ChunkSums::new()))
    }

    /// Returns the stored chunks of a row that existed, or did not.
    fn stored(&mut self, part_of: PartOf, no: ProfileNo, existed: bool) -> Result<ChunkSums, EngineError> {
        if let Some(known) = self.loaded.take_chunks(part_of, no) {
            return Ok(known);
        }
        if !existed {
            return Ok(ChunkSums::new());
        }
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        Ok(table::answers(self.rows, SUMS, &key(part_of, no), read)?.into_iter().collect())
    }

    /// Writes a chunk, unless it is stored as it is.
    fn write(
        &mut self,
        first: &str,
        mut cells: [Cell<'_>; 5],
        (old, new): (&mut ChunkSums, &mut ChunkSums),
    ) -> Result<(), EngineError> {
        jsonb::encode(&mut cells);
        let (sum, before) = (row_sum(Family::Chunks, &cells), old.remove(first));
        new.insert(first.into(), sum);
        if before == Some(sum) {
            return Ok(());
        }
        if !self.rows.put((Family::Chunks, before.is_some()), &cells, sum)? {
            return Err(EngineError::Corrupt("the chunks of a profile are not as they were read".into()));
        }
        self.sums.replace(Family::Chunks, before, Some(sum));
        Ok(())
    }

    /// Deletes the old chunks that were not written again, and remembers the new ones.
    fn replace(
        &mut self,
        part_of: PartOf,
        no: ProfileNo,
        (old, new): (&ChunkSums, ChunkSums),
    ) -> Result<(), EngineError> {
        for (first, sum) in old {
            let [part, profile] = key(part_of, no);
            if !self.rows.delete(Family::Chunks, &[part, profile, Cell::text(first)])? {
                return Err(EngineError::Corrupt("a chunk of a profile does not exist any more".into()));
            }
            self.sums.replace(Family::Chunks, Some(*sum), None);
        }
        self.loaded.set_chunks(part_of, no, new);
        Ok(())
    }
}
