//! The rows that a group has read, as the tables have them: what was read at once is not asked for one by one.

use crate::codec::Cell;
use crate::family::Family;
use crate::working_set::StoredSum;
use std::collections::HashMap;
use tokio_postgres::Row;

/// The bytes of a family and a key.
pub(super) type KeyBytes = Vec<u8>;

/// Returns the bytes that tell a key from all others.
pub(super) fn key_bytes(family: Family, key: &[Cell<'_>]) -> KeyBytes {
    let mut bytes = vec![family as u8];
    for cell in key {
        match cell {
            Cell::Int(n) => bytes.extend_from_slice(&n.to_le_bytes()),
            Cell::Text(text) => {
                bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            _ => {}
        }
    }
    bytes
}

/// Rows by their keys; a key without a row is known to have none.
#[derive(Default)]
pub(super) struct Prefetched {
    rows: HashMap<KeyBytes, Option<Row>>,
}

impl Prefetched {
    /// Returns what is known under a key; None = nothing.
    pub(super) fn get(&self, key: &KeyBytes) -> Option<Option<&Row>> {
        self.rows.get(key).map(Option::as_ref)
    }

    /// Remembers a row.
    pub(super) fn put(&mut self, key: KeyBytes, row: Row) {
        self.rows.insert(key, Some(row));
    }

    /// Remembers that there is no row under a key that was asked for, unless one was found.
    pub(super) fn put_asked(&mut self, key: KeyBytes) {
        self.rows.entry(key).or_insert(None);
    }

    /// Forgets a row that is written.
    pub(super) fn forget(&mut self, key: &KeyBytes) {
        self.rows.remove(key);
    }

    /// Returns what is stored under a key, if it is known.
    pub(super) fn known(&self, family: Family, key: &[Cell<'_>]) -> StoredSum {
        match self.get(&key_bytes(family, key)) {
            None => StoredSum::Unknown,
            Some(None) => StoredSum::Absent,
            Some(Some(row)) => row.try_get(family.columns().len()).map_or(StoredSum::Unknown, StoredSum::Present),
        }
    }

    /// Returns a number of a row that was read; `column` is its place in the family.
    pub(super) fn number(&self, key: &KeyBytes, column: usize) -> Option<i64> {
        self.get(key).flatten().and_then(|row| row.try_get(column).ok())
    }
}
