//! The tables of a file and their version (`user_version`). A new file gets the current tables; a file of an earlier
//! release is migrated by numbered steps, of which there are none yet. A file of a later Muster is refused.

use super::row_statements::RowStatements;
use super::state::StoredState;
use crate::ddl::{Dialect, create_table};
use crate::engine::EngineError;
use crate::family::Family;
use rusqlite::Connection;

/// Version of a workspace's file. A change of its tables needs the next number and a migration.
const WORKSPACE_VERSION: i64 = 1;
/// Version of the catalogue.
const CATALOGUE_VERSION: i64 = 1;

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

/// The statements that make the tables, indexes and views of a workspace's file.
fn workspace_sql() -> String {
    let tables: String = Family::ALL.map(|family| create_table(family, Dialect::Sqlite) + ";\n\n").concat();
    tables + include_str!("schema/workspace.sql")
}

/// The version of an open file, if this Muster knows it; 0 = it has no tables.
fn version(conn: &Connection, known: i64) -> Result<i64, SchemaError> {
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if (0..=known).contains(&version) { Ok(version) } else { Err(SchemaError::Newer(version)) }
}

/// Gives a new workspace's file its tables and first rows.
pub(crate) fn workspace(conn: &mut Connection) -> Result<(), SchemaError> {
    create(conn, WORKSPACE_VERSION, &workspace_sql(), |conn| {
        StoredState::default().save(&RowStatements::new(conn), None)
    })
}

/// Gives a new catalogue its tables.
pub(crate) fn catalogue(conn: &mut Connection) -> Result<(), SchemaError> {
    create(conn, CATALOGUE_VERSION, include_str!("schema/catalogue.sql"), |_| Ok(()))
}

/// Whether a workspace's file, opened for reading, has the version of this Muster.
pub(crate) fn is_current(conn: &Connection) -> Result<bool, SchemaError> {
    Ok(version(conn, WORKSPACE_VERSION)? == WORKSPACE_VERSION)
}

/// Whether the catalogue has the version of this Muster.
pub(crate) fn is_current_catalogue(conn: &Connection) -> Result<bool, SchemaError> {
    Ok(version(conn, CATALOGUE_VERSION)? == CATALOGUE_VERSION)
}

fn create(
    conn: &mut Connection,
    current: i64,
    sql: &str,
    fill: impl Fn(&Connection) -> Result<(), EngineError>,
) -> Result<(), SchemaError> {
    if version(conn, current)? == 0 {
        let transaction = conn.transaction()?;
        transaction.execute_batch(sql)?;
        fill(&transaction)?;
        transaction.pragma_update(None, "user_version", current)?;
        transaction.commit()?;
    }
    Ok(())
}
