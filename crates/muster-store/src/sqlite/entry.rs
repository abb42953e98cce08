//! The keys of an entry in rows, which the catalogue and a workspace's own copy share.

use crate::catalogue_sums::key_sum;
use crate::engine::KeyRecord;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use rusqlite::Row;

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
