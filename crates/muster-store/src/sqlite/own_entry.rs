//! A workspace's own copy of its entry in the catalogue, in its own file. It is written after the catalogue: if the two
//! differ, the catalogue has the newer one, unless it is not the catalogue of this directory.

use super::entry::key_record;
use crate::catalogue_sums::{key_sum, workspace_sum};
use crate::codec::{Cell, cells_sum};
use crate::engine::{EngineError, KeyRecord, Workspace};
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Seed of its checksum, beside those of the catalogue.
const OWN_SEED: u64 = 2_007;

/// An entry with the number of its version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Versioned {
    pub(crate) entry: Workspace,
    pub(crate) version: u64,
}

impl Versioned {
    /// Whether the copy cannot be of a catalogue that has this entry in this version.
    pub(crate) fn is_unknown_to(&self, entry: &Workspace, version: u64) -> bool {
        self.version > version || self.entry.created_at != entry.created_at
    }
}

fn corrupt_copy() -> EngineError {
    EngineError::Corrupt("the workspace's copy of its entry fails its checksum".into())
}

fn sum(own: &Versioned) -> i64 {
    cells_sum(OWN_SEED, &[Cell::Int(workspace_sum(&own.entry)), Cell::unsigned(own.version)])
}

/// Loads the copy; None in a file from before there were copies.
pub(crate) fn load(conn: &Connection) -> Result<Option<Versioned>, EngineError> {
    let sql = "SELECT workspace, created_at, revision, settings, version, sum FROM own_entry WHERE id = 1";
    let row = conn.query_row(sql, [], |row| {
        let numbers = [row.get::<_, i64>(1)?, row.get(2)?, row.get(4)?, row.get(5)?];
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(3)?, numbers))
    });
    let Some((id, settings, [created_at, revision, version, stored])) = row.optional()? else { return Ok(None) };
    let id = WorkspaceId::parse(&id).ok_or_else(corrupt_copy)?;
    let keys = keys(conn, &id)?;
    let (created_at, revision) = (Timestamp(created_at), revision.cast_unsigned());
    let entry = Workspace { id, created_at, revision, settings, keys };
    let own = Versioned { entry, version: version.cast_unsigned() };
    if sum(&own) == stored { Ok(Some(own)) } else { Err(corrupt_copy()) }
}

fn keys(conn: &Connection, id: &WorkspaceId) -> Result<Vec<KeyRecord>, EngineError> {
    let mut select =
        conn.prepare("SELECT sha256, scopes, created_at, valid_until, place, sum FROM own_keys ORDER BY place")?;
    let mut rows = select.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(key_record(id, row)?.ok_or_else(corrupt_copy)?);
    }
    Ok(keys)
}

/// Stores the copy; durable when it returns.
pub(crate) fn save(conn: &Connection, own: &Versioned) -> Result<(), rusqlite::Error> {
    let transaction = conn.unchecked_transaction()?;
    let Workspace { id, created_at, revision, settings, keys } = &own.entry;
    conn.execute(
        "INSERT OR REPLACE INTO own_entry VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)",
        params![id.as_str(), created_at.0, revision.cast_signed(), settings, own.version.cast_signed(), sum(own)],
    )?;
    conn.execute("DELETE FROM own_keys", [])?;
    for (place, key) in (0_i64..).zip(keys) {
        let valid_until = key.valid_until.map(|at| at.0);
        conn.execute(
            "INSERT INTO own_keys VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![place, key.sha256, key.scopes, key.created_at.0, valid_until, key_sum(id, place, key)],
        )?;
    }
    transaction.commit()
}
