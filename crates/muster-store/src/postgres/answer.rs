//! Columns of the answers to questions, and what questions of groups and readers share.

use super::row::read_text;
use crate::engine::EngineError;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// The members of a root without itself, in order of their number.
pub(super) const MEMBERS: &str =
    "SELECT no FROM standings WHERE workspace_id = $1 AND root = $2 AND root <> no ORDER BY no";

/// Reads a column of an answer.
pub(super) fn column<'r, T: FromSql<'r>>(row: &'r Row, place: usize) -> Result<T, EngineError> {
    row.try_get(place).map_err(|_| EngineError::Corrupt("an answer of the database has another form".into()))
}

/// A number that is never negative.
pub(super) fn unsigned(row: &Row, place: usize) -> Result<u64, EngineError> {
    Ok(column::<i64>(row, place)?.cast_unsigned())
}

/// A string.
pub(super) fn text(row: &Row, place: usize) -> Result<Box<str>, EngineError> {
    Ok(read_text(column(row, place)?)?.into())
}

/// A limit as PostgreSQL takes it.
pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
