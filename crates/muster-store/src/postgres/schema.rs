//! The tables of the database and their version. A new database gets the current tables; an older one is migrated by
//! numbered steps, of which there are none yet. One process at a time does that, under the lock of the table that has the
//! version.

use super::connection::Command;
use super::errors::DatabaseFailure;
use super::options::PostgresOpenError;
use super::pool::Pool;
use crate::ddl::{Dialect, create_table};
use crate::family::Family;
use std::time::Duration;

/// Version of the tables. A change needs the next number and a step that makes it.
const VERSION: i64 = 1;
/// The oldest PostgreSQL that is supported, as its `server_version_num`.
const SERVER_MIN: i64 = 150_000;
/// How often a start tries again where another process makes the first table at the same moment.
const TRIES: u32 = 10;

const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = '60s'; \
    CREATE TABLE IF NOT EXISTS muster_version (version bigint NOT NULL)";
/// Readers of the version wait, too: what they would read is about to change.
const LOCK: &str = "LOCK TABLE muster_version IN ACCESS EXCLUSIVE MODE";
const READ: &str = "SELECT max(version), current_setting('server_version_num')::bigint, \
    (current_setting('synchronous_commit') = 'off')::int::bigint FROM muster_version";

/// The families that are tables. The counters are in the row of their workspace.
pub(super) fn families() -> impl Iterator<Item = Family> {
    Family::ALL.into_iter().filter(|family| *family != Family::Counters)
}

/// The statements that make all tables and indexes.
pub fn tables_sql() -> String {
    let tables: String = families().map(|family| create_table(family, Dialect::Postgres) + ";\n\n").collect();
    tables + include_str!("schema/0001.sql")
}

/// Brings the database to this version.
pub(super) fn migrate(pool: &Pool) -> Result<(), PostgresOpenError> {
    for _ in 1..TRIES {
        match attempt(pool) {
            // Two processes that create the first table meet in the database's own catalogue, which waits for neither.
            Err(Failed::Database(
                DatabaseFailure::Conflict(_) | DatabaseFailure::Data(_) | DatabaseFailure::Refused(_),
            )) => {
                std::thread::sleep(Duration::from_millis(200));
            }
            ended => return ended.map_err(Into::into),
        }
    }
    attempt(pool).map_err(Into::into)
}

fn attempt(pool: &Pool) -> Result<(), Failed> {
    let mut connection = pool.connection()?;
    connection.send(&[Command::Plain(BEGIN), Command::Plain(LOCK)])?;
    // Prepared only now: before, there may be no table to read.
    let rows = connection.query(READ, &[])?;
    let read = |place| rows.first().and_then(|row| row.try_get::<_, Option<i64>>(place).ok()).flatten();
    let (version, server) = (read(0).unwrap_or(0), read(1).unwrap_or(0));
    if server < SERVER_MIN {
        return Err(Failed::Open(PostgresOpenError::OldServer(server / 10_000)));
    }
    if read(2) == Some(1) {
        return Err(Failed::Open(PostgresOpenError::NotDurable));
    }
    match version {
        VERSION => {}
        0 => {
            connection.send(&[Command::Plain(&tables_sql())])?;
            connection.send(&[Command::Plain(&format!("INSERT INTO muster_version VALUES ({VERSION})"))])?;
        }
        newer => return Err(Failed::Open(PostgresOpenError::Newer(newer))),
    }
    connection.send(&[Command::Plain("COMMIT")])?;
    connection.ended();
    Ok(())
}

enum Failed {
    Database(DatabaseFailure),
    Open(PostgresOpenError),
}

impl From<DatabaseFailure> for Failed {
    fn from(failure: DatabaseFailure) -> Self {
        Self::Database(failure)
    }
}

impl From<Failed> for PostgresOpenError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Database(failure) => Self::Database(failure.into()),
            Failed::Open(error) => error,
        }
    }
}
