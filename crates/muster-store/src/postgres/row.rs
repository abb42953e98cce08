//! Rows as PostgreSQL keeps them: cells to columns and back, with the checksum of each row.

use super::connection::SqlParameter;
use crate::codec::{Cell, Record, row_sum, typed};
use crate::engine::EngineError;
use crate::error::CorruptRow;
use crate::family::{Column, ColumnType, Family};
use crate::working_set::RowWrite;
use std::borrow::Cow;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// PostgreSQL stores no U+0000 in text. It is written as two characters that begin with this one, and so is this one
/// itself: the order of strings stays that of their bytes.
const ESCAPE: char = '\u{1}';
const ESCAPED_NUL: char = '\u{1}';
const ESCAPED_ESCAPE: char = '\u{2}';

/// Returns text as it is stored.
pub(super) fn stored_text(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte <= 1) {
        return Cow::Borrowed(text);
    }
    let mut stored = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => stored.extend([ESCAPE, ESCAPED_NUL]),
            ESCAPE => stored.extend([ESCAPE, ESCAPED_ESCAPE]),
            c => stored.push(c),
        }
    }
    Cow::Owned(stored)
}

/// Returns stored text as it was.
pub(super) fn read_text(stored: &str) -> Result<Cow<'_, str>, CorruptRow> {
    if !stored.contains(ESCAPE) {
        return Ok(Cow::Borrowed(stored));
    }
    let (mut text, mut chars) = (String::with_capacity(stored.len()), stored.chars());
    while let Some(c) = chars.next() {
        text.push(match (c, c == ESCAPE) {
            (c, false) => c,
            (_, true) => match chars.next() {
                Some(ESCAPED_NUL) => '\0',
                Some(ESCAPED_ESCAPE) => ESCAPE,
                _ => return Err(CorruptRow("a string has a broken escape")),
            },
        });
    }
    Ok(Cow::Owned(text))
}

fn damaged(family: Family) -> EngineError {
    EngineError::Corrupt(format!("a row of {} fails its checksum", family.table()).into())
}

/// Reads the cells of a row that was selected with all its columns and its sum, from a place on, and checks them against
/// the sum.
pub(super) fn checked(family: Family, row: &Row) -> Result<(Vec<Cell<'_>>, i64), EngineError> {
    let unreadable = |_| damaged(family);
    let columns = family.columns();
    let mut cells = Vec::with_capacity(columns.len());
    for (place, column) in columns.iter().enumerate() {
        cells.push(match column.column_type {
            ColumnType::Int => Cell::int_or_null(row.try_get(place).map_err(unreadable)?),
            ColumnType::Text => match row.try_get::<_, Option<&str>>(place).map_err(unreadable)? {
                Some(text) => Cell::Text(read_text(text)?),
                None => Cell::Null,
            },
            ColumnType::Blob | ColumnType::Json => match row.try_get(place).map_err(unreadable)? {
                Some(bytes) => Cell::blob(bytes),
                None => Cell::Null,
            },
        });
    }
    let sum = row.try_get(columns.len()).map_err(unreadable)?;
    if row_sum(family, &cells) == sum { Ok((cells, sum)) } else { Err(damaged(family)) }
}

/// The same with the objects of its JSON columns.
pub(super) fn decoded(family: Family, row: &Row) -> Result<(Vec<Cell<'_>>, i64), EngineError> {
    let (mut cells, sum) = checked(family, row)?;
    typed::decode(family, &mut cells)?;
    Ok((cells, sum))
}

/// Returns the record of a row, with its checksum.
pub(super) fn record<R: Record>(family: Family, row: &Row) -> Result<(R, i64), EngineError> {
    let (mut cells, sum) = decoded(family, row)?;
    Ok((R::from_cells(&mut cells)?, sum))
}

/// Returns the key of a row that was selected with its key columns first.
pub(super) fn key(family: Family, row: &Row) -> Result<Vec<Cell<'_>>, EngineError> {
    let unreadable = |_| damaged(family);
    let columns = &family.columns()[..family.key_columns()];
    let mut cells = Vec::with_capacity(columns.len());
    for (place, column) in columns.iter().enumerate() {
        cells.push(match column.column_type {
            ColumnType::Int => Cell::Int(row.try_get(place).map_err(unreadable)?),
            _ => Cell::Text(read_text(row.try_get(place).map_err(unreadable)?)?),
        });
    }
    Ok(cells)
}

/// Returns the parameters of a statement over the tables: the workspace, and then columns.
pub(super) fn parameters<'p>(id: &'p &str, columns: &'p [Values<'_>]) -> Vec<SqlParameter<'p>> {
    let mut parameters: Vec<SqlParameter<'p>> = vec![id];
    parameters.extend(columns.iter().map(|column| &**column as SqlParameter<'p>));
    parameters
}

/// The values of one column of many rows, or a single value.
pub(super) type Values<'v> = Box<dyn ToSql + Sync + Send + 'v>;

/// Returns the values of one key.
pub(super) fn scalars<'v>(key: &'v [Cell<'v>]) -> Vec<Values<'v>> {
    let value = |cell: &'v Cell<'v>| -> Values<'v> {
        match cell {
            Cell::Int(n) => Box::new(*n),
            Cell::Text(text) => Box::new(stored_text(text)),
            Cell::Blob(bytes) => Box::new(&**bytes),
            Cell::Null | Cell::Json(_) => Box::new(None::<i64>),
        }
    };
    key.iter().map(value).collect()
}

/// Returns one column of keys or rows. `cell` is its place in them.
fn column<'v>(column_type: ColumnType, cells: impl Iterator<Item = &'v Cell<'v>>) -> Result<Values<'v>, EngineError> {
    let unfit = || EngineError::Broken("a cell does not fit its column".into());
    Ok(match column_type {
        ColumnType::Int => {
            let number = |cell: &Cell<'_>| match cell {
                Cell::Int(n) => Ok(Some(*n)),
                Cell::Null => Ok(None),
                _ => Err(unfit()),
            };
            Box::new(cells.map(number).collect::<Result<Vec<Option<i64>>, _>>()?)
        }
        ColumnType::Text => {
            let text = |cell: &'v Cell<'v>| match cell {
                Cell::Text(text) => Ok(Some(stored_text(text))),
                Cell::Null => Ok(None),
                _ => Err(unfit()),
            };
            Box::new(cells.map(text).collect::<Result<Vec<Option<Cow<'v, str>>>, _>>()?)
        }
        ColumnType::Blob | ColumnType::Json => {
            let bytes = |cell: &'v Cell<'v>| match cell {
                Cell::Blob(bytes) => Ok(Some(&**bytes)),
                Cell::Null => Ok(None),
                _ => Err(unfit()),
            };
            Box::new(cells.map(bytes).collect::<Result<Vec<Option<&'v [u8]>>, _>>()?)
        }
    })
}

/// Returns the key columns of these keys.
pub(super) fn key_columns<'v>(family: Family, keys: &'v [Vec<Cell<'v>>]) -> Result<Vec<Values<'v>>, EngineError> {
    let of = |(place, Column { column_type, .. }): (usize, &Column)| {
        column(*column_type, keys.iter().map(move |key| &key[place]))
    };
    family.columns()[..family.key_columns()].iter().enumerate().map(of).collect()
}

/// Returns the same of rows that are deleted.
pub(super) fn deleted_columns<'v>(family: Family, rows: &[&'v RowWrite<'v>]) -> Result<Vec<Values<'v>>, EngineError> {
    let of = |(place, Column { column_type, .. }): (usize, &Column)| {
        column(*column_type, rows.iter().map(move |row| &row.cells[place]))
    };
    family.columns()[..family.key_columns()].iter().enumerate().map(of).collect()
}

/// Returns all columns of rows that are put, with their sums.
pub(super) fn put_columns<'v>(family: Family, rows: &[&'v RowWrite<'v>]) -> Result<Vec<Values<'v>>, EngineError> {
    let mut columns: Vec<Values<'v>> = Vec::with_capacity(family.columns().len() + 2);
    for (place, Column { column_type, .. }) in family.columns().iter().enumerate() {
        if *column_type == ColumnType::Json {
            let json = |row: &&'v RowWrite<'v>| match &row.cells[place] {
                Cell::Blob(bytes) => Ok(typed::json(bytes)?),
                _ => Err(EngineError::Broken("a JSON column is not encoded".into())),
            };
            columns.push(Box::new(rows.iter().map(json).collect::<Result<Vec<String>, _>>()?));
        }
        columns.push(column(*column_type, rows.iter().map(move |row| &row.cells[place]))?);
    }
    columns.push(Box::new(rows.iter().map(|row| row.sum).collect::<Vec<Option<i64>>>()));
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when `stored_text` leaves the escape itself alone, or writes it below U+0000.
    #[test]
    fn text_is_stored_without_nul_in_the_same_order_and_read_back() {
        let mut strings =
            ["", "\0", "\0\0", "\0a", "\u{1}", "\u{1}\u{1}", "\u{1}a", "\u{2}", "a", "a\0", "a\0b", "a\u{1}", "ab"];
        strings.sort_unstable();
        let stored: Vec<_> = strings.iter().map(|text| stored_text(text)).collect();
        assert!(stored.is_sorted() && !stored.iter().any(|text| text.contains('\0')), "{stored:?}");
        let read: Vec<_> = stored.iter().map(|text| read_text(text).unwrap()).collect();
        assert_eq!(read, strings);
        assert!(read_text("\u{1}").is_err() && read_text("\u{1}x").is_err());
    }
}
