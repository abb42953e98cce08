//! Statements over the chunks of large member records and views.

use super::jsonb;
use super::table;
use crate::codec::Cell;
use crate::codec::chunks::PartOf;
use crate::engine::EngineError;
use crate::family::Family;
use crate::working_set::{ChunkSums, EachRow, chunks};
use muster_core::id::ProfileNo;
use muster_core::record::{MemberRecord, View};
use rusqlite::Connection;

const OF: &str = "WHERE part_of = ?1 AND profile = ?2 ORDER BY first";
const SUMS: &str = "SELECT first, sum FROM chunks WHERE part_of = ?1 AND profile = ?2";

fn key((of, no): (PartOf, ProfileNo)) -> [Cell<'static>; 2] {
    [Cell::Int(of as i64), Cell::unsigned(no.0)]
}

/// Reads the chunks of a record or view, in order.
pub(crate) fn each(conn: &Connection, of: (PartOf, ProfileNo), each: EachRow<'_>) -> Result<(), EngineError> {
    table::each_checked(conn, (Family::Chunks, OF), &key(of), |mut cells, sum| {
        jsonb::decode(Family::Chunks, &mut cells)?;
        each(&mut cells, sum)
    })
}

/// Returns the checksums of the chunks of a record or view.
pub(crate) fn sums(conn: &Connection, of: (PartOf, ProfileNo)) -> Result<ChunkSums, EngineError> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(table::answers(conn, SUMS, &key(of), read)?.into_iter().collect())
}

/// Gives a member record the attributes that are stored in chunks.
pub(crate) fn fill_record(conn: &Connection, record: &mut MemberRecord) -> Result<(), EngineError> {
    let of = (PartOf::Record, record.no);
    chunks::fill_record(record, |row| each(conn, of, row)).map(|_sums| ())
}

/// The same of a view.
pub(crate) fn fill_view(conn: &Connection, root: ProfileNo, view: &mut View) -> Result<(), EngineError> {
    chunks::fill_view(view, |row| each(conn, (PartOf::View, root), row)).map(|_sums| ())
}
