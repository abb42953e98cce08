//! Reading and writing the chunks of large member records and views. A row whose attributes are stored here has none itself.

use super::apply::Apply;
use super::facts::Loaded;
use super::table;
use crate::codec::chunks::{self, PartOf, is_large_record, is_large_view};
use crate::codec::{Cell, Record, row_sum, view_cells};
use crate::engine::EngineError;
use crate::family::Family;
use muster_core::id::ProfileNo;
use muster_core::record::{MemberRecord, View};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// The checksums of the chunks of one record or view, by first name.
pub(crate) type Sums = BTreeMap<Box<str>, i64>;

const OF: &str = "WHERE part_of = ?1 AND profile = ?2 ORDER BY first";
const SUMS: &str = "SELECT first, sum FROM chunks WHERE part_of = ?1 AND profile = ?2";

fn key(part_of: PartOf, no: ProfileNo) -> [Cell<'static>; 2] {
    [Cell::Int(part_of as i64), Cell::unsigned(no.0)]
}

/// Gives a member record the attributes that are stored in chunks; the checksums of those.
pub(crate) fn fill_record(conn: &Connection, profile: &mut MemberRecord) -> Result<Sums, EngineError> {
    // One without any attribute is rare, and found here to have none.
    if !profile.attributes.is_empty() {
        return Ok(Sums::new());
    }
    let (mut sums, mut writes) = (Sums::new(), Vec::new());
    table::each_checked(conn, (Family::Chunks, OF), &key(PartOf::Record, profile.no), |cells, sum| {
        sums.insert(first(cells), sum);
        writes.extend(chunks::read_record(cells)?);
        Ok(())
    })?;
    profile.attributes = writes.into_iter().collect();
    Ok(sums)
}

/// The same of a view.
pub(crate) fn fill_view(conn: &Connection, root: ProfileNo, view: &mut View) -> Result<Sums, EngineError> {
    if !view.attributes.is_empty() {
        return Ok(Sums::new());
    }
    let mut sums = Sums::new();
    table::each_checked(conn, (Family::Chunks, OF), &key(PartOf::View, root), |cells, sum| {
        sums.insert(first(cells), sum);
        view.attributes.extend(chunks::read_view(cells)?);
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

impl Apply<'_, '_> {
    /// Puts a member record: in one row, or in a row and chunks.
    pub(super) fn profile(&mut self, profile: &MemberRecord) -> Result<(), EngineError> {
        let was_there = self.put_cells(Family::Profiles, &profile.cells())?;
        let mut old = self.chunks(PartOf::Record, profile.no, was_there)?;
        let mut new = Sums::new();
        if is_large_record(profile) {
            chunks::record_chunks(profile, |first, cells| self.chunk(first, &cells, (&mut old, &mut new)))?;
        }
        self.drop_chunks(PartOf::Record, profile.no, &old)?;
        self.loaded.set_chunks(PartOf::Record, profile.no, new);
        Ok(())
    }

    /// Puts a view.
    pub(super) fn view(&mut self, root: ProfileNo, view: &View) -> Result<(), EngineError> {
        let was_there = self.put_cells(Family::Views, &view_cells(root, view))?;
        let mut old = self.chunks(PartOf::View, root, was_there)?;
        let mut new = Sums::new();
        if is_large_view(view) {
            chunks::view_chunks(root, view, |first, cells| self.chunk(first, &cells, (&mut old, &mut new)))?;
        }
        self.drop_chunks(PartOf::View, root, &old)?;
        self.loaded.set_chunks(PartOf::View, root, new);
        Ok(())
    }

    /// A member record or a view goes, with its chunks.
    pub(super) fn delete_whole(&mut self, part_of: PartOf, no: ProfileNo) -> Result<(), EngineError> {
        let old = self.chunks(part_of, no, true)?;
        self.drop_chunks(part_of, no, &old)?;
        self.loaded.set_chunks(part_of, no, Sums::new());
        self.delete(family(part_of), &[Cell::unsigned(no.0)])
    }

    /// The chunks that are stored of a row that was there, or was not.
    fn chunks(&mut self, part_of: PartOf, no: ProfileNo, was_there: bool) -> Result<Sums, EngineError> {
        if let Some(known) = self.loaded.take_chunks(part_of, no) {
            return Ok(known);
        }
        if !was_there {
            return Ok(Sums::new());
        }
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        Ok(table::answers(self.rows, SUMS, &key(part_of, no), read)?.into_iter().collect())
    }

    /// Writes a chunk, unless it is stored as it is.
    fn chunk(
        &mut self,
        first: &str,
        cells: &[Cell<'_>],
        (old, new): (&mut Sums, &mut Sums),
    ) -> Result<(), EngineError> {
        let (sum, before) = (row_sum(Family::Chunks, cells), old.remove(first));
        new.insert(first.into(), sum);
        if before == Some(sum) {
            return Ok(());
        }
        if !self.rows.put((Family::Chunks, before.is_some()), cells, sum)? {
            return Err(EngineError::Corrupt("the chunks of a profile are not as they were read".into()));
        }
        self.state.sums.replace(Family::Chunks, before, Some(sum));
        Ok(())
    }

    fn drop_chunks(&mut self, part_of: PartOf, no: ProfileNo, old: &Sums) -> Result<(), EngineError> {
        for (first, sum) in old {
            let [part_of, no] = key(part_of, no);
            if !self.rows.delete(Family::Chunks, &[part_of, no, Cell::text(first)])? {
                return Err(EngineError::Corrupt("a chunk of a profile is not there any more".into()));
            }
            self.state.sums.replace(Family::Chunks, Some(*sum), None);
        }
        Ok(())
    }
}

fn family(part_of: PartOf) -> Family {
    match part_of {
        PartOf::Record => Family::Profiles,
        PartOf::View => Family::Views,
    }
}

impl Loaded {
    /// Remembers the chunks of a record or view; none of what is stored in one row.
    pub(super) fn set_chunks(&mut self, part_of: PartOf, no: ProfileNo, sums: Sums) {
        self.chunks.insert((part_of, no), sums);
    }

    fn take_chunks(&mut self, part_of: PartOf, no: ProfileNo) -> Option<Sums> {
        self.chunks.remove(&(part_of, no))
    }
}
