//! Rows of family tables: statements made once from the family list, cells bound and read, checksums checked at every
//! read. Single rows of a group are `row_statements`.

use super::jsonb;
use crate::codec::{Cell, Record, row_sum};
use crate::engine::EngineError;
use crate::error::CorruptRow;
use crate::family::Family;
use crate::page::{Page, PageBuilder, payload};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Row};
use std::borrow::Cow;
use std::sync::LazyLock;

/// The statements of one family.
pub(super) struct Statements {
    pub(super) insert: String,
    pub(super) update: String,
    pub(super) select: String,
    pub(super) select_sum: String,
    pub(super) delete: String,
    /// `SELECT columns, sum FROM table`, for a condition to follow.
    from: String,
}

static STATEMENTS: LazyLock<Vec<Statements>> = LazyLock::new(|| Family::ALL.map(Statements::new).into());

impl Statements {
    fn new(family: Family) -> Self {
        let (table, columns, keys) = (family.table(), family.columns(), family.key_columns());
        let names: Vec<&str> = columns.iter().map(|c| c.name).chain(["sum"]).collect();
        let set = |(place, name): (usize, &&str)| format!("{name} = ?{}", place + 1);
        let sets: Vec<String> = names.iter().enumerate().skip(keys).map(set).collect();
        let key: Vec<String> = names.iter().enumerate().take(keys).map(set).collect();
        let key = key.join(" AND ");
        let marks: Vec<String> = (1..=names.len()).map(|n| format!("?{n}")).collect();
        let from = format!("SELECT {} FROM {table}", names.join(", "));
        Self {
            insert: format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), marks.join(", ")),
            update: format!("UPDATE {table} SET {} WHERE {key}", sets.join(", ")),
            select: format!("{from} WHERE {key}"),
            select_sum: format!("SELECT sum FROM {table} WHERE {key}"),
            delete: format!("DELETE FROM {table} WHERE {key}"),
            from,
        }
    }
}

pub(super) fn statements(family: Family) -> &'static Statements {
    &STATEMENTS[family.place()]
}

/// Compiles a statement of a workspace's tables, once for each connection. All of them are compiled here, so that tests
/// can check their plans.
pub(crate) fn prepared<'c>(conn: &'c Connection, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
    #[cfg(feature = "support")]
    super::plans::note(conn, sql);
    conn.prepare_cached(sql)
}

/// A value that is bound. Its conversion cannot fail, which makes the binding of each column cheaper.
struct BoundValue<'c>(ValueRef<'c>);

impl ToSql for BoundValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

/// Binds cells from the first parameter on. A JSON column must be encoded, because checksums are over the stored bytes.
pub(super) fn bind(statement: &mut CachedStatement<'_>, cells: &[Cell<'_>]) -> rusqlite::Result<()> {
    for (place, cell) in (1..).zip(cells) {
        let value = match cell {
            Cell::Null => ValueRef::Null,
            Cell::Int(n) => ValueRef::Integer(*n),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Blob(bytes) => ValueRef::Blob(bytes),
            Cell::Json(_) => {
                return Err(rusqlite::Error::ToSqlConversionFailure("a JSON column is not encoded".into()));
            }
        };
        statement.raw_bind_parameter(place, BoundValue(value))?;
    }
    Ok(())
}

fn damaged(family: Family) -> EngineError {
    EngineError::Corrupt(format!("a row of {} fails its checksum", family.table()).into())
}

/// Reads the cells of a row that was selected with all its columns and its sum, and checks them against it.
pub(crate) fn checked<'r>(family: Family, row: &'r Row<'_>) -> Result<(Vec<Cell<'r>>, i64), EngineError> {
    let (cells, sum) = unchecked(family, row)?;
    if row_sum(family, &cells) == sum { Ok((cells, sum)) } else { Err(damaged(family)) }
}

/// Returns the record of a row that was checked.
pub(crate) fn record<R: Record>(mut cells: Vec<Cell<'_>>) -> Result<R, CorruptRow> {
    jsonb::decode(R::FAMILY, &mut cells)?;
    R::from_cells(&mut cells)
}

fn unchecked<'r>(family: Family, row: &'r Row<'_>) -> Result<(Vec<Cell<'r>>, i64), EngineError> {
    let damaged = || damaged(family);
    let columns = family.columns().len();
    let mut cells = Vec::with_capacity(columns);
    for place in 0..columns {
        cells.push(match row.get_ref(place)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(n) => Cell::Int(n),
            ValueRef::Text(text) => Cell::Text(Cow::Borrowed(std::str::from_utf8(text).map_err(|_| damaged())?)),
            ValueRef::Blob(bytes) => Cell::Blob(Cow::Borrowed(bytes)),
            ValueRef::Real(_) => return Err(damaged()),
        });
    }
    let ValueRef::Integer(sum) = row.get_ref(columns)? else { return Err(damaged()) };
    Ok((cells, sum))
}

/// Returns a row and its checksum by key.
pub(crate) fn get<R: Record>(conn: &Connection, key: &[Cell<'_>]) -> Result<Option<(R, i64)>, EngineError> {
    get_of(conn, R::FAMILY, key)
}

/// The same for a family that shares its record type with another.
pub(crate) fn get_of<R: Record>(
    conn: &Connection,
    family: Family,
    key: &[Cell<'_>],
) -> Result<Option<(R, i64)>, EngineError> {
    let mut statement = prepared(conn, &statements(family).select)?;
    bind(&mut statement, key)?;
    let mut rows = statement.raw_query();
    let Some(row) = rows.next()? else { return Ok(None) };
    let (cells, sum) = checked(family, row)?;
    Ok(Some((record(cells)?, sum)))
}

/// Reads every row under a condition (`WHERE ... ORDER BY ...`, with parameters from ?1 on), in its order.
pub(crate) fn each<R: Record>(
    conn: &Connection,
    (family, condition): (Family, &str),
    parameters: &[Cell<'_>],
    mut each: impl FnMut(R),
) -> Result<(), EngineError> {
    let mut statement = prepared(conn, &format!("{} {condition}", statements(family).from))?;
    bind(&mut statement, parameters)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let (cells, _) = checked(family, row)?;
        each(record(cells)?);
    }
    Ok(())
}

/// Every row under a condition as its cells, and its checksum; the first error ends it.
pub(crate) fn each_checked(
    conn: &Connection,
    (family, condition): (Family, &str),
    parameters: &[Cell<'_>],
    mut each: impl FnMut(Vec<Cell<'_>>, i64) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let mut statement = prepared(conn, &format!("{} {condition}", statements(family).from))?;
    bind(&mut statement, parameters)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let (cells, sum) = checked(family, row)?;
        each(cells, sum)?;
    }
    Ok(())
}

/// Checks every row of a family; returns the checksums of sound rows, and how many are damaged.
pub(crate) fn scan(
    conn: &Connection,
    family: Family,
    mut sound: impl FnMut(&[Cell<'_>], i64) -> bool,
) -> Result<u64, EngineError> {
    let mut statement = prepared(conn, &statements(family).from)?;
    let mut rows = statement.raw_query();
    let mut damaged = 0;
    while let Some(row) = rows.next()? {
        let whole = checked(family, row).is_ok_and(|(cells, sum)| sound(&cells, sum));
        damaged += u64::from(!whole);
    }
    Ok(damaged)
}

/// The same as a list; the condition bounds it.
pub(crate) fn list<R: Record>(
    conn: &Connection,
    of: (Family, &str),
    parameters: &[Cell<'_>],
) -> Result<Vec<R>, EngineError> {
    let mut rows = Vec::new();
    each(conn, of, parameters, |row| rows.push(row))?;
    Ok(rows)
}

/// The same as one page of a list: reads only the rows of the page and the one after it. `room` is called before a row
/// of this many bytes is decoded.
pub(crate) fn page<R: Record>(
    conn: &Connection,
    (family, condition): (Family, &str),
    parameters: &[Cell<'_>],
    limit: usize,
    room: &mut dyn FnMut(u64) -> Result<(), EngineError>,
) -> Result<Page<R>, EngineError> {
    let mut statement = prepared(conn, &format!("{} {condition}", statements(family).from))?;
    bind(&mut statement, parameters)?;
    let mut rows = statement.raw_query();
    let mut filling = PageBuilder::new(limit);
    while let Some(row) = rows.next()? {
        let (cells, _) = checked(family, row)?;
        let bytes = payload(&cells);
        if !filling.takes(bytes) {
            break;
        }
        room(bytes)?;
        filling.put(record(cells)?);
    }
    Ok(filling.done())
}

/// Reads the result of a statement, row by row.
pub(crate) fn answers<T>(
    conn: &Connection,
    sql: &str,
    parameters: &[Cell<'_>],
    mut read: impl FnMut(&Row<'_>) -> Result<T, EngineError>,
) -> Result<Vec<T>, EngineError> {
    let mut statement = prepared(conn, sql)?;
    bind(&mut statement, parameters)?;
    let mut rows = statement.raw_query();
    let mut answers = Vec::new();
    while let Some(row) = rows.next()? {
        answers.push(read(row)?);
    }
    Ok(answers)
}

/// A number that is never negative in a column of a row.
pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

/// Numbers that a statement answers in its only column.
pub(crate) fn numbers(conn: &Connection, sql: &str, parameters: &[Cell<'_>]) -> Result<Vec<u64>, EngineError> {
    answers(conn, sql, parameters, |row| Ok(unsigned(row, 0)?))
}
