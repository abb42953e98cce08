//! Numbered migrations: `user_version` says how far a file has come. A file of a later Muster is refused.

use super::state::State;
use crate::engine::EngineError;
use rusqlite::Connection;

/// Migrations of a workspace's file; the n-th makes version n.
const WORKSPACE: [&str; 1] = [include_str!("migrations/001.sql")];
/// Migrations of the catalogue.
const CATALOGUE: [&str; 2] =
    [include_str!("migrations/catalogue_001.sql"), include_str!("migrations/catalogue_002.sql")];

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
    migrate(conn, &WORKSPACE, |conn| Ok(State::default().save(conn, None)?))
}

/// Whether a workspace's file, opened for reading, has the version of this Muster.
pub(crate) fn is_current(conn: &Connection) -> Result<bool, SchemaError> {
    Ok(version(conn, WORKSPACE.len())? == WORKSPACE.len())
}

/// Brings the catalogue to the version of this Muster.
pub(crate) fn catalogue(conn: &mut Connection) -> Result<(), SchemaError> {
    migrate(conn, &CATALOGUE, |_| Ok(()))
}

fn migrate(
    conn: &mut Connection,
    migrations: &[&str],
    fill: impl Fn(&Connection) -> Result<(), SchemaError>,
) -> Result<(), SchemaError> {
    let from = version(conn, migrations.len())?;
    for (number, sql) in migrations.iter().enumerate().skip(from) {
        let transaction = conn.transaction()?;
        transaction.execute_batch(sql)?;
        if number == 0 {
            fill(&transaction)?;
        }
        transaction.pragma_update(None, "user_version", number as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
