//! Numbered migrations: `user_version` says how far a file has come. A file of a later Muster is refused.

use super::state::{self, State};
use super::table;
use crate::codec::{holder_cells, row_sum};
use crate::engine::EngineError;
use crate::family::{Family, FamilySums};
use muster_core::identifier::Identifier;
use muster_core::record::MemberRecord;
use rusqlite::Connection;
use std::collections::BTreeSet;

/// Migrations of a workspace's file; the n-th makes version n.
const WORKSPACE: [&str; 4] = [
    include_str!("migrations/001.sql"),
    include_str!("migrations/002.sql"),
    include_str!("migrations/003.sql"),
    include_str!("migrations/004.sql"),
];
/// Migrations of the catalogue.
const CATALOGUE: [&str; 7] = [
    include_str!("migrations/catalogue_001.sql"),
    include_str!("migrations/catalogue_002.sql"),
    include_str!("migrations/catalogue_003.sql"),
    include_str!("migrations/catalogue_004.sql"),
    include_str!("migrations/catalogue_005.sql"),
    include_str!("migrations/catalogue_006.sql"),
    include_str!("migrations/catalogue_007.sql"),
];

/// Why a file cannot be brought to this version.
#[derive(Debug)]
pub(crate) enum SchemaError {
    /// It was written by a later Muster.
    Newer(i64),
    /// The storage failed.
    Storage(EngineError),
}

impl<E: Into<EngineError>> From<E> for SchemaError {
    fn from(error: E) -> Self {
        Self::Storage(error.into())
    }
}

/// The version of an open file, if it is one that this Muster knows.
fn version(conn: &Connection, known: usize) -> Result<usize, SchemaError> {
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    usize::try_from(version).ok().filter(|v| *v <= known).ok_or(SchemaError::Newer(version))
}

/// Brings a workspace's file to the version of this Muster; a new file gets its tables and first rows.
pub(crate) fn workspace(conn: &mut Connection) -> Result<(), SchemaError> {
    migrate(conn, &WORKSPACE, |conn, version| match version {
        1 => Ok(State::default().save(conn, None)?),
        2 => Ok(note_former(conn)?),
        4 => Ok(widen_quarantine(conn)?),
        _ => Ok(()),
    })
}

/// Version 2: notes who held what once, from the own records that tell it.
fn note_former(conn: &Connection) -> Result<(), EngineError> {
    let (mut sums, mut failure) = (FamilySums::default(), None);
    table::each(conn, (Family::Profiles, ""), &[], |row: MemberRecord| {
        let keys: BTreeSet<&Identifier> = row.former.iter().map(|former| &former.key).collect();
        for key in keys {
            let cells = holder_cells(key, row.no);
            let sum = row_sum(Family::Former, &cells);
            match table::insert(conn, Family::Former, &cells, sum) {
                Ok(_) => sums.replace(Family::Former, None, Some(sum)),
                Err(error) => drop(failure.get_or_insert(error)),
            }
        }
    })?;
    failure.map_or(Ok(()), |error| Err(EngineError::from(error)))?;
    state::save_sum(conn, Family::Former, sums.of(Family::Former))
}

/// Version 4: a row of the quarantine has a column more, so that its checksum is another. A row that failed its checksum
/// before fails it still.
fn widen_quarantine(conn: &Connection) -> Result<(), EngineError> {
    let (mut sums, mut last) = (FamilySums::default(), i64::MIN);
    let update = "UPDATE quarantine SET sum = ?2 WHERE no = ?1";
    while let Some((no, old, new)) = table::widened(conn, Family::Quarantine, last)? {
        conn.prepare_cached(update)?.execute((no, new.unwrap_or(old)))?;
        sums.replace(Family::Quarantine, None, Some(new.unwrap_or(old)));
        last = no;
    }
    state::save_sum(conn, Family::Quarantine, sums.of(Family::Quarantine))
}

/// Whether a workspace's file, opened for reading, has the version of this Muster.
pub(crate) fn is_current(conn: &Connection) -> Result<bool, SchemaError> {
    Ok(version(conn, WORKSPACE.len())? == WORKSPACE.len())
}

/// Whether the catalogue has the version of this Muster.
pub(crate) fn is_current_catalogue(conn: &Connection) -> Result<bool, SchemaError> {
    Ok(version(conn, CATALOGUE.len())? == CATALOGUE.len())
}

/// Brings the catalogue to the version of this Muster.
pub(crate) fn catalogue(conn: &mut Connection) -> Result<(), SchemaError> {
    migrate(conn, &CATALOGUE, |_, _| Ok(()))
}

fn migrate(
    conn: &mut Connection,
    migrations: &[&str],
    fill: impl Fn(&Connection, usize) -> Result<(), SchemaError>,
) -> Result<(), SchemaError> {
    let from = version(conn, migrations.len())?;
    for (number, sql) in migrations.iter().enumerate().skip(from) {
        let transaction = conn.transaction()?;
        transaction.execute_batch(sql)?;
        fill(&transaction, number + 1)?;
        transaction.pragma_update(None, "user_version", number as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
