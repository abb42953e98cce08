//! Checksums over the rows of the catalogue, the same for every relational engine. Part of the stored format.

use crate::access::{AuditRecord, SessionRecord, TokenRecord};
use crate::codec::{Cell, cells_sum};
use crate::engine::{KeyRecord, Workspace};
use muster_core::id::WorkspaceId;

/// Seeds of the checksums: no family has such a number.
const WORKSPACES_SEED: u64 = 2_001;
const KEYS_SEED: u64 = 2_002;
const SECRETS_SEED: u64 = 2_003;
const TOKENS_SEED: u64 = 2_004;
const AUDIT_SEED: u64 = 2_005;
const SESSIONS_SEED: u64 = 2_007;

/// The checksum of an entry without its keys.
pub(crate) fn workspace_sum(w: &Workspace) -> i64 {
    let cells =
        [Cell::text(w.id.as_str()), Cell::Int(w.created_at.0), Cell::unsigned(w.revision), Cell::text(&w.settings)];
    cells_sum(WORKSPACES_SEED, &cells)
}

/// The checksum of a key.
pub(crate) fn key_sum(id: &WorkspaceId, place: i64, key: &KeyRecord) -> i64 {
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

/// The checksum of a token.
pub(crate) fn token_sum(token: &TokenRecord) -> i64 {
    let cells = [
        Cell::text(&token.name),
        Cell::blob(&token.sha256),
        Cell::text(&token.scopes),
        Cell::text_or_null(token.workspace.as_ref().map(WorkspaceId::as_str)),
        Cell::Int(token.created_at.0),
    ];
    // Without these two as before they existed, so that older tokens stay valid.
    if token.expires_at.is_none() && token.allowed_addresses.is_empty() {
        return cells_sum(TOKENS_SEED, &cells);
    }
    let until = Cell::int_or_null(token.expires_at.map(|at| at.0));
    cells_sum(TOKENS_SEED, &[&cells[..], &[until, Cell::text(&token.allowed_addresses)]].concat())
}

/// The checksum of an audit record.
pub(crate) fn audit_sum(record: &AuditRecord) -> i64 {
    let address = record.address.map(|address| address.to_string());
    let cells = [
        Cell::unsigned(record.no),
        Cell::Int(record.at.0),
        Cell::text(&record.token),
        Cell::text_or_null(address.as_deref()),
        Cell::text_or_null(record.workspace.as_ref().map(WorkspaceId::as_str)),
        Cell::text(&record.action),
        Cell::Int(record.class as i64),
        Cell::text(&record.subject),
        Cell::text(&record.detail),
    ];
    cells_sum(AUDIT_SEED, &cells)
}

/// The checksum of a session.
pub(crate) fn session_sum(session: &SessionRecord) -> i64 {
    let cells = [
        Cell::blob(&session.cookie),
        Cell::blob(&session.token),
        Cell::Int(session.began.0),
        Cell::Int(session.seen.0),
    ];
    cells_sum(SESSIONS_SEED, &cells)
}

/// The checksum of a secret.
pub(crate) fn secret_sum(name: &str, value: &[u8]) -> i64 {
    cells_sum(SECRETS_SEED, &[Cell::text(name), Cell::blob(value)])
}
