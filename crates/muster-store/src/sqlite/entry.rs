//! An entry of the catalogue in rows: its keys and its checksums. The catalogue and a workspace's own copy share them.

use crate::codec::{Cell, cells_sum};
use crate::engine::{KeyRecord, Workspace};
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use rusqlite::Row;

/// Seeds of the checksums: no family has such a number.
const WORKSPACES_SEED: u64 = 2_001;
const KEYS_SEED: u64 = 2_002;

/// The checksum of an entry without its keys.
pub(super) fn workspace_sum(w: &Workspace) -> i64 {
    let cells =
        [Cell::text(w.id.as_str()), Cell::Int(w.created_at.0), Cell::unsigned(w.revision), Cell::text(&w.settings)];
    cells_sum(WORKSPACES_SEED, &cells)
}

/// The checksum of a key.
pub(super) fn key_sum(id: &WorkspaceId, place: i64, key: &KeyRecord) -> i64 {
    let cells = [
        Cell::text(id.as_str()),
        Cell::Int(place),
        Cell::blob(&key.sha256),
        Cell::text(&key.scopes),
        Cell::Int(key.created_at.0),
        Cell::int_or_null(key.valid_until.map(|at| at.0)),
    ];
    cells_sum(KEYS_SEED, &cells)
}

/// A key of a row with the columns hash, scopes, made, valid until, place, checksum; None if the checksum is another.
pub(super) fn key_record(id: &WorkspaceId, row: &Row<'_>) -> rusqlite::Result<Option<KeyRecord>> {
    let Ok(sha256) = row.get::<_, Vec<u8>>(0)?.try_into() else { return Ok(None) };
    let key = KeyRecord {
        sha256,
        scopes: row.get(1)?,
        created_at: Timestamp(row.get(2)?),
        valid_until: row.get::<_, Option<i64>>(3)?.map(Timestamp),
    };
    let is_sound = key_sum(id, row.get(4)?, &key) == row.get::<_, i64>(5)?;
    Ok(is_sound.then_some(key))
}
