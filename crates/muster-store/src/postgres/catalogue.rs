//! The catalogue: workspaces with their settings and keys, the installation's secrets, and (`access`) tokens, sessions and
//! the audit log. Who changes more than one workspace's own entry locks the row of the installation first.

pub(super) mod access;

use super::answer::{column, text, unsigned};
use super::connection::{BEGIN, Command, DatabaseConnection, SqlParameter};
use super::errors::DatabaseFailure;
use super::pool::Pool;
use super::row::stored_text;
use super::schema;
use super::state::{self, LockedState};
use crate::catalogue_sums::{key_sum, secret_sum, workspace_sum};
use crate::engine::{Configure, Created, EngineError, KeyRecord, Workspace};
use muster_core::id::WorkspaceId;
use muster_core::record::Counters;
use muster_core::time::Timestamp;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio_postgres::Row;

/// How often a change is begun again where another transaction was in the way, or before it was to be committed.
const TRIES: u32 = 5;
/// Rows of a deleted workspace that one statement removes: some tenths of a second.
const DELETED_AT_A_TIME: i64 = 20_000;

const LOCK_INSTALLATION: &str = "SELECT last_audit FROM installation WHERE id = 1 FOR UPDATE";
const WORKSPACES: &str =
    "SELECT id, created_at, revision, settings, entry_sum FROM workspaces WHERE NOT is_deleting ORDER BY id";
const WORKSPACE: &str =
    "SELECT id, created_at, revision, settings, entry_sum FROM workspaces WHERE id = $1 AND NOT is_deleting";
const KEYS: &str =
    "SELECT workspace_id, sha256, scopes, created_at, valid_until, place, sum FROM keys ORDER BY workspace_id, place";
const KEYS_OF: &str = "SELECT workspace_id, sha256, scopes, created_at, valid_until, place, sum FROM keys \
    WHERE workspace_id = $1 ORDER BY place";

/// Why a change of the catalogue was not made.
pub(super) enum ChangeError {
    /// The database failed.
    Failed(DatabaseFailure),
    /// It is refused.
    Refused(EngineError),
}

impl From<DatabaseFailure> for ChangeError {
    fn from(failure: DatabaseFailure) -> Self {
        Self::Failed(failure)
    }
}

impl From<EngineError> for ChangeError {
    fn from(error: EngineError) -> Self {
        Self::Refused(error)
    }
}

impl From<ChangeError> for EngineError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Failed(failure) => failure.into(),
            ChangeError::Refused(error) => error,
        }
    }
}

/// Runs a change in a transaction under the lock of the installation; durable when it returns. What failed before it was to
/// be committed is tried again.
pub(super) fn write<T>(
    pool: &Pool,
    change: impl FnMut(&mut DatabaseConnection, u64) -> Result<T, ChangeError>,
) -> Result<T, EngineError> {
    write_locked(pool, Command::Query(LOCK_INSTALLATION, Vec::new()), change)
}

/// The same under another lock, whose row's first number the change is given.
fn write_locked<T>(
    pool: &Pool,
    lock: Command<'_>,
    mut change: impl FnMut(&mut DatabaseConnection, u64) -> Result<T, ChangeError>,
) -> Result<T, EngineError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let attempt = (|| {
            let mut connection = pool.connection()?;
            let answers = connection.send(&[Command::Plain(BEGIN), Command::copy(&lock)])?;
            let first = answers[1].first().map_or(Ok(0), |row| unsigned(row, 0))?;
            let value = change(&mut connection, first)?;
            Ok::<_, ChangeError>((connection, value))
        })();
        match attempt {
            Ok((mut connection, value)) => {
                connection.send(&[Command::Plain("COMMIT")])?;
                connection.ended();
                return Ok(value);
            }
            Err(ChangeError::Failed(DatabaseFailure::Conflict(_) | DatabaseFailure::Lost(_))) if tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn corrupt_row_of(what: &str) -> EngineError {
    EngineError::Corrupt(format!("a row of the catalogue's {what} fails its checksum").into())
}

/// Reads entries that were selected by [`WORKSPACES`] with their keys.
fn entries(workspaces: &[Row], keys: &[Row]) -> Result<Vec<Workspace>, EngineError> {
    let mut keys_of: BTreeMap<Box<str>, Vec<KeyRecord>> = BTreeMap::new();
    for row in keys {
        let id = WorkspaceId::parse(&text(row, 0)?).ok_or_else(|| corrupt_row_of("keys"))?;
        let key = KeyRecord {
            sha256: hash(row, 1, "keys")?,
            scopes: text(row, 2)?.into(),
            created_at: Timestamp(column(row, 3)?),
            valid_until: column::<Option<i64>>(row, 4)?.map(Timestamp),
        };
        if key_sum(&id, column(row, 5)?, &key) != column::<i64>(row, 6)? {
            return Err(corrupt_row_of("keys"));
        }
        keys_of.entry(id.as_str().into()).or_default().push(key);
    }
    let mut found = Vec::with_capacity(workspaces.len());
    for row in workspaces {
        let id = WorkspaceId::parse(&text(row, 0)?).ok_or_else(|| corrupt_row_of("workspaces"))?;
        let keys = keys_of.remove(id.as_str()).unwrap_or_default();
        let (created_at, revision) = (Timestamp(column(row, 1)?), unsigned(row, 2)?);
        let entry = Workspace { id, created_at, revision, settings: text(row, 3)?.into(), keys };
        if workspace_sum(&entry) != column::<i64>(row, 4)? {
            return Err(corrupt_row_of("workspaces"));
        }
        found.push(entry);
    }
    Ok(found)
}

/// A hash in a column.
fn hash(row: &Row, place: usize, table: &str) -> Result<[u8; 32], EngineError> {
    column::<&[u8]>(row, place)?.try_into().map_err(|_| corrupt_row_of(table))
}

/// Every workspace, in order of id.
pub(super) fn workspaces(connection: &mut DatabaseConnection) -> Result<Vec<Workspace>, EngineError> {
    // From one snapshot: a change of keys and settings is seen whole.
    let answers = connection.send(&[
        Command::Plain(super::connection::BEGIN_READING),
        Command::Query(WORKSPACES, Vec::new()),
        Command::Query(KEYS, Vec::new()),
        Command::Plain("COMMIT"),
    ])?;
    connection.ended();
    entries(&answers[1], &answers[2])
}

/// Puts the keys of an entry in place of those that it had.
fn put_keys(connection: &mut DatabaseConnection, entry: &Workspace) -> Result<(), DatabaseFailure> {
    let id = entry.id.as_str();
    let mut rows = Vec::new();
    for (place, key) in (0_i64..).zip(&entry.keys) {
        let sum = key_sum(&entry.id, place, key);
        rows.push((
            place,
            &key.sha256[..],
            stored_text(&key.scopes),
            key.created_at.0,
            key.valid_until.map(|at| at.0),
            sum,
        ));
    }
    let mut commands = vec![Command::Query("DELETE FROM keys WHERE workspace_id = $1", vec![&id])];
    for (place, sha256, scopes, created_at, valid_until, sum) in &rows {
        let parameters: Vec<SqlParameter<'_>> = vec![&id, place, sha256, scopes, created_at, valid_until, sum];
        commands.push(Command::Query("INSERT INTO keys VALUES ($1, $2, $3, $4, $5, $6, $7)", parameters));
    }
    connection.send(&commands).map(drop)
}

/// Creates a workspace.
pub(super) fn create(pool: &Pool, entry: &Workspace) -> Result<Created, EngineError> {
    const ALIKE: &str = "SELECT id, is_deleting FROM workspaces WHERE lower(id) = lower($1)";
    const INSERT: &str = "INSERT INTO workspaces (id, created_at, revision, settings, entry_sum, counters, figures, \
        family_rows, family_sums, rate, state_sum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let id = entry.id.as_str();
    let first = LockedState::default();
    let columns = first.columns(id);
    loop {
        let made = write(pool, |connection, _| {
            if let Some(row) = connection.query(ALIKE, &[&id])?.first() {
                let deleting: bool = column(row, 1)?;
                return Ok(if deleting { Err(text(row, 0)?) } else { Ok(Created::Taken) });
            }
            let (revision, sum) = (entry.revision.cast_signed(), workspace_sum(entry));
            let settings = stored_text(&entry.settings);
            let mut parameters: Vec<SqlParameter<'_>> = vec![&id, &entry.created_at.0, &revision, &settings, &sum];
            parameters.extend(columns.parameters());
            connection.query(INSERT, &parameters)?;
            put_keys(connection, entry)?;
            Ok(Ok(Created::Made))
        })?;
        match made {
            Ok(made) => return Ok(made),
            // A deletion that was not finished is finished now.
            Err(deleting) => finish_deletion(pool, &deleting)?,
        }
    }
}

/// Changes the entry of a workspace under its lock, after `check` has passed.
pub(super) fn configure(
    pool: &Pool,
    known: &Workspace,
    change: Configure,
    check: impl Fn() -> Result<(), EngineError>,
) -> Result<Workspace, EngineError> {
    const UPDATE: &str = "UPDATE workspaces SET revision = $2, settings = $3, entry_sum = $4 WHERE id = $1";
    let (id, created_at) = (known.id.as_str(), known.created_at.0);
    let mut change = Some(change);
    let mut changed: Option<(Workspace, Counters, Option<Workspace>)> = None;
    let lock = Command::Query(state::LOCK, vec![&id, &created_at]);
    write_locked(pool, lock, |connection, _| {
        let answers = connection.send(&[
            Command::Query(state::READ, vec![&id, &created_at]),
            Command::Query(WORKSPACE, vec![&id]),
            Command::Query(KEYS_OF, vec![&id]),
        ])?;
        let Some(locked) = answers[0].first() else { return Err(EngineError::UnknownWorkspace.into()) };
        let state = LockedState::read(id, locked)?;
        let entry = entries(&answers[1], &answers[2])?.pop().ok_or(EngineError::UnknownWorkspace)?;
        // It runs once. Where the transaction is begun again over another entry or other counters, its caller has to look again.
        let new = match (&changed, change.take()) {
            (_, Some(change)) => {
                check()?;
                let new = catch_unwind(AssertUnwindSafe(|| change(&entry, &state.counters)))
                    .map_err(|_| EngineError::Broken("the change of the entry panicked".into()))?;
                changed = Some((entry.clone(), state.counters, new.clone()));
                new
            }
            (Some((before, counters, new)), None) if *before == entry && *counters == state.counters => new.clone(),
            _ => return Err(EngineError::Busy("another process changed the workspace meanwhile".into()).into()),
        };
        let Some(new) = new else { return Ok(entry) };
        let entry = entry.changed_to(new);
        let (revision, sum) = (entry.revision.cast_signed(), workspace_sum(&entry));
        connection.query(UPDATE, &[&id, &revision, &stored_text(&entry.settings), &sum])?;
        put_keys(connection, &entry)?;
        Ok(entry)
    })
}

/// Deletes a workspace: from the commit on nobody finds it, and its rows are removed after that.
pub(super) fn delete(pool: &Pool, id: &WorkspaceId) -> Result<(), EngineError> {
    let id = id.as_str();
    write(pool, |connection, _| {
        // The row's lock is waited for, so that a group that runs ends first; not for long, since others wait for that of the
        // installation.
        connection.send(&[Command::Plain("SET LOCAL lock_timeout = '2s'")])?;
        let marked = connection
            .query("UPDATE workspaces SET is_deleting = true WHERE id = $1 AND NOT is_deleting RETURNING id", &[&id])?;
        if marked.is_empty() {
            return Err(EngineError::UnknownWorkspace.into());
        }
        connection.send(&[
            Command::Query(
                "DELETE FROM sessions WHERE token IN (SELECT sha256 FROM tokens WHERE workspace = $1)",
                vec![&id],
            ),
            Command::Query("DELETE FROM tokens WHERE workspace = $1", vec![&id]),
            Command::Query("DELETE FROM keys WHERE workspace_id = $1", vec![&id]),
        ])?;
        Ok(())
    })?;
    // What cannot be removed now is removed at the next start, or when the id is taken again.
    let _left = finish_deletion(pool, id);
    Ok(())
}

/// Removes the rows of a workspace that was deleted, a bounded number in each transaction, and last its own. Each holds the
/// lock of that one: of several processes that do it one deletes at a time, and none what belongs to a new workspace.
fn finish_deletion(pool: &Pool, id: &str) -> Result<(), EngineError> {
    const LOCK_DELETED: &str = "SELECT 1 FROM workspaces WHERE id = $1 AND is_deleting FOR UPDATE";
    let tables = schema::families().map(|family| family.table()).chain(["commits"]);
    for table in tables {
        let sql = format!(
            "WITH doomed AS (SELECT ctid FROM {table} WHERE workspace_id = $1 LIMIT $2), \
             gone AS (DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM doomed)) RETURNING 1) SELECT count(*) FROM gone"
        );
        loop {
            let mut connection = pool.connection()?;
            let locked = connection.send(&[Command::Plain(BEGIN), Command::Query(LOCK_DELETED, vec![&id])])?;
            if locked[1].is_empty() {
                return Ok(());
            }
            let answers =
                connection.send(&[Command::Query(&sql, vec![&id, &DELETED_AT_A_TIME]), Command::Plain("COMMIT")])?;
            connection.ended();
            let gone: i64 = answers[0].first().map_or(Ok(0), |row| column(row, 0))?;
            if gone < DELETED_AT_A_TIME {
                break;
            }
        }
    }
    let mut connection = pool.connection()?;
    connection.query("DELETE FROM workspaces WHERE id = $1 AND is_deleting", &[&id])?;
    Ok(())
}

/// Finishes the deletions that a stop interrupted.
pub(super) fn finish_deletions(pool: &Pool) -> Result<(), EngineError> {
    let rows = pool.connection()?.query("SELECT id FROM workspaces WHERE is_deleting ORDER BY id", &[])?;
    rows.iter().try_for_each(|row| finish_deletion(pool, &text(row, 0)?))
}

/// Returns a secret.
pub(super) fn secret(pool: &Pool, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
    let rows = pool.connection()?.query("SELECT value, sum FROM secrets WHERE name = $1", &[&stored_text(name)])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let value: Vec<u8> = column(row, 0)?;
    if secret_sum(name, &value) == column::<i64>(row, 1)? { Ok(Some(value)) } else { Err(corrupt_row_of("secrets")) }
}

/// Stores a secret.
pub(super) fn put_secret(pool: &Pool, name: &str, value: &[u8]) -> Result<(), EngineError> {
    const PUT: &str = "INSERT INTO secrets VALUES ($1, $2, $3) \
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, sum = excluded.sum";
    write(pool, |connection, _| {
        connection.query(PUT, &[&stored_text(name), &value, &secret_sum(name, value)])?;
        Ok(())
    })
}
