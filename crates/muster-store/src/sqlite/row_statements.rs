//! The statements that read and write single rows, held while a group runs: to look each of them up by its text for
//! every row took a twentieth of an import.

use super::errors;
use super::table::{bind, checked, prepared, record, statements};
use crate::codec::{Cell, Record};
use crate::engine::EngineError;
use crate::family::Family;
use rusqlite::{CachedStatement, Connection};
use std::cell::RefCell;
use std::ops::Deref;

/// What a statement does with a row of its family.
#[derive(Clone, Copy)]
enum RowAction {
    Select,
    SelectSum,
    Insert,
    Update,
    Delete,
}

const ACTIONS: usize = 5;

type Slot<'c> = RefCell<Option<CachedStatement<'c>>>;

/// A connection with its statements of single rows, each compiled at its first use.
pub(crate) struct RowStatements<'c> {
    conn: &'c Connection,
    /// By family and action.
    held: [[Slot<'c>; ACTIONS]; Family::ALL.len()],
}

impl Deref for RowStatements<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn
    }
}

impl<'c> RowStatements<'c> {
    pub(crate) fn new(conn: &'c Connection) -> Self {
        Self { conn, held: [const { [const { RefCell::new(None) }; ACTIONS] }; Family::ALL.len()] }
    }

    fn with<T, E: From<rusqlite::Error>>(
        &self,
        family: Family,
        action: RowAction,
        run: impl FnOnce(&mut CachedStatement<'c>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut held = self.held[family.place()][action as usize].borrow_mut();
        let statement = match &mut *held {
            Some(statement) => statement,
            None => {
                let sql = statements(family);
                held.insert(prepared(
                    self.conn,
                    match action {
                        RowAction::Select => &sql.select,
                        RowAction::SelectSum => &sql.select_sum,
                        RowAction::Insert => &sql.insert,
                        RowAction::Update => &sql.update,
                        RowAction::Delete => &sql.delete,
                    },
                )?)
            }
        };
        run(statement)
    }

    /// Returns a row and its checksum by its key.
    pub(crate) fn get<R: Record>(&self, key: &[Cell<'_>]) -> Result<Option<(R, i64)>, EngineError> {
        self.with(R::FAMILY, RowAction::Select, |statement| {
            bind(statement, key)?;
            let mut rows = statement.raw_query();
            let Some(row) = rows.next()? else { return Ok(None) };
            let (cells, sum) = checked(R::FAMILY, row)?;
            Ok(Some((record(cells)?, sum)))
        })
    }

    /// Inserts a row; false if its key exists, and nothing changed.
    pub(crate) fn insert(&self, family: Family, cells: &[Cell<'_>], sum: i64) -> rusqlite::Result<bool> {
        self.with(family, RowAction::Insert, |statement| {
            bind(statement, cells)?;
            statement.raw_bind_parameter(cells.len() + 1, sum)?;
            match statement.raw_execute() {
                Ok(_) => Ok(true),
                Err(error) if errors::is_taken(&error) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    /// Replaces an existing row; false if there is none.
    pub(crate) fn update(&self, family: Family, cells: &[Cell<'_>], sum: i64) -> rusqlite::Result<bool> {
        self.with(family, RowAction::Update, |statement| {
            bind(statement, cells)?;
            statement.raw_bind_parameter(cells.len() + 1, sum)?;
            Ok(statement.raw_execute()? == 1)
        })
    }

    /// Replaces a row that exists, or inserts one that does not; false if it was the other way round.
    pub(crate) fn put(&self, (family, exists): (Family, bool), cells: &[Cell<'_>], sum: i64) -> rusqlite::Result<bool> {
        if exists { self.update(family, cells, sum) } else { self.insert(family, cells, sum) }
    }

    /// Deletes a row; false if there is none.
    pub(crate) fn delete(&self, family: Family, key: &[Cell<'_>]) -> rusqlite::Result<bool> {
        self.with(family, RowAction::Delete, |statement| {
            bind(statement, key)?;
            Ok(statement.raw_execute()? == 1)
        })
    }

    /// Returns the stored checksum of a row.
    pub(crate) fn stored_sum(&self, family: Family, key: &[Cell<'_>]) -> rusqlite::Result<Option<i64>> {
        self.with(family, RowAction::SelectSum, |statement| {
            bind(statement, key)?;
            let mut rows = statement.raw_query();
            rows.next()?.map(|row| row.get(0)).transpose()
        })
    }
}
