//! Tokens, sessions and the audit log in the catalogue.

use super::{corrupt_row_of, hash, write};
use crate::access::{
    AuditClass, AuditQuery, AuditRecord, SessionChanges, SessionRecord, TokenPut, TokenRecord, cut, page_of_limit,
};
use crate::bounds::Bounds;
use crate::catalogue_sums::{audit_sum, session_sum, token_sum};
use crate::engine::EngineError;
use crate::page::Page;
use crate::postgres::answer::{column, sql_limit, text, unsigned};
use crate::postgres::connection::{Command, DatabaseConnection, SqlParameter};
use crate::postgres::errors::DatabaseFailure;
use crate::postgres::pool::Pool;
use crate::postgres::row::stored_text;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use tokio_postgres::Row;

const AUDIT: &str = "SELECT no, at, token, address, workspace, action, class, subject, detail, sum FROM audit \
    WHERE no < $1 ORDER BY no DESC LIMIT $2";
const AUDIT_OF: &str = "SELECT no, at, token, address, workspace, action, class, subject, detail, sum FROM audit \
    WHERE no < $1 AND workspace = $3 ORDER BY no DESC LIMIT $2";
/// Deletes the oldest records of a class beyond its bound.
const TRIM_AUDIT: &str = "DELETE FROM audit WHERE class = $1 AND no <= \
    (SELECT no FROM audit WHERE class = $1 ORDER BY no DESC LIMIT 1 OFFSET $2)";

/// A column that holds a workspace's id, or none.
fn workspace(row: &Row, place: usize, table: &str) -> Result<Option<WorkspaceId>, EngineError> {
    let id = column::<Option<&str>>(row, place)?;
    id.map(|id| WorkspaceId::parse(id).ok_or_else(|| corrupt_row_of(table))).transpose()
}

fn token(row: &Row) -> Result<TokenRecord, EngineError> {
    let token = TokenRecord {
        name: text(row, 0)?.into(),
        sha256: hash(row, 1, "tokens")?,
        scopes: text(row, 2)?.into(),
        workspace: workspace(row, 3, "tokens")?,
        created_at: Timestamp(column(row, 4)?),
        expires_at: column::<Option<i64>>(row, 5)?.map(Timestamp),
        allowed_addresses: text(row, 6)?.into(),
    };
    if token_sum(&token) == column::<i64>(row, 7)? { Ok(token) } else { Err(corrupt_row_of("tokens")) }
}

fn session(row: &Row) -> Result<SessionRecord, EngineError> {
    let session = SessionRecord {
        cookie: hash(row, 0, "sessions")?,
        token: hash(row, 1, "sessions")?,
        began: Timestamp(column(row, 2)?),
        seen: Timestamp(column(row, 3)?),
    };
    if session_sum(&session) == column::<i64>(row, 4)? { Ok(session) } else { Err(corrupt_row_of("sessions")) }
}

fn audit_record(row: &Row) -> Result<AuditRecord, EngineError> {
    let damaged = || corrupt_row_of("audit");
    let class: i64 = column(row, 6)?;
    let record = AuditRecord {
        no: unsigned(row, 0)?,
        at: Timestamp(column(row, 1)?),
        token: text(row, 2)?.into(),
        address: column::<Option<&str>>(row, 3)?.map(|address| address.parse().map_err(|_| damaged())).transpose()?,
        workspace: workspace(row, 4, "audit")?,
        action: text(row, 5)?.into(),
        class: AuditClass::ALL.into_iter().find(|other| *other as i64 == class).ok_or_else(damaged)?,
        subject: text(row, 7)?.into(),
        detail: text(row, 8)?.into(),
    };
    if audit_sum(&record) == column::<i64>(row, 9)? { Ok(record) } else { Err(damaged()) }
}

/// Appends records, the first with the number after the last one; returns the number of the last.
fn append(
    connection: &mut DatabaseConnection,
    last: u64,
    records: &[AuditRecord],
    bounds: &Bounds,
) -> Result<u64, DatabaseFailure> {
    let mut no = last;
    for record in records {
        no += 1;
        let detail = cut(&record.detail, bounds.audit_detail_bytes).to_owned();
        let record = AuditRecord { no, detail, ..record.clone() };
        let class = record.class as i64;
        let strings = [&record.token, &record.action, &record.subject, &record.detail].map(|text| stored_text(text));
        let [token, action, subject, detail] = &strings;
        let address = record.address.map(|address| address.to_string());
        let workspace = record.workspace.as_ref().map(WorkspaceId::as_str);
        let (signed, sum, bound) = (no.cast_signed(), audit_sum(&record), sql_limit(record.class.bound(bounds)));
        let values: Vec<SqlParameter<'_>> =
            vec![&signed, &record.at.0, token, &address, &workspace, action, &class, subject, detail, &sum];
        connection.send(&[
            Command::Query("INSERT INTO audit VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", values),
            Command::Query(TRIM_AUDIT, vec![&class, &bound]),
        ])?;
    }
    connection.query("UPDATE installation SET last_audit = $1 WHERE id = 1", &[&no.cast_signed()])?;
    Ok(no)
}

/// Every token, in order of name.
pub(in crate::postgres) fn tokens(pool: &Pool) -> Result<Vec<TokenRecord>, EngineError> {
    const TOKENS: &str = "SELECT name, sha256, scopes, workspace, created_at, expires_at, allowed_addresses, sum \
        FROM tokens ORDER BY name";
    pool.connection()?.query(TOKENS, &[])?.iter().map(token).collect()
}

/// Stores a token if its name is free, its workspace exists, and there are fewer tokens than the bound.
pub(in crate::postgres) fn put_token(pool: &Pool, token: &TokenRecord, most: usize) -> Result<TokenPut, EngineError> {
    const HAS_WORKSPACE: &str = "SELECT 1 FROM workspaces WHERE id = $1 AND NOT is_deleting";
    let most = sql_limit(most);
    write(pool, |connection, _| {
        let (name, scopes) = (stored_text(&token.name), stored_text(&token.scopes));
        let (addresses, workspace) =
            (stored_text(&token.allowed_addresses), token.workspace.as_ref().map(WorkspaceId::as_str));
        if let Some(id) = &workspace
            && connection.query(HAS_WORKSPACE, &[id])?.is_empty()
        {
            return Err(EngineError::UnknownWorkspace.into());
        }
        if !connection.query("SELECT 1 FROM tokens WHERE name = $1", &[&name])?.is_empty() {
            return Ok(TokenPut::Taken);
        }
        let kept = connection.query("SELECT count(*) FROM tokens", &[])?;
        if kept.first().map_or(Ok(0), |row| column::<i64>(row, 0))? >= most {
            return Ok(TokenPut::Full);
        }
        let (expires_at, sum) = (token.expires_at.map(|at| at.0), token_sum(token));
        let hash = &token.sha256[..];
        let values: [SqlParameter<'_>; 8] =
            [&name, &hash, &scopes, &workspace, &token.created_at.0, &expires_at, &addresses, &sum];
        connection.query("INSERT INTO tokens VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", &values)?;
        Ok(TokenPut::Made)
    })
}

/// Removes a token with its sessions; returns whether it existed.
pub(in crate::postgres) fn remove_token(pool: &Pool, name: &str) -> Result<bool, EngineError> {
    const SESSIONS: &str = "DELETE FROM sessions WHERE token IN (SELECT sha256 FROM tokens WHERE name = $1)";
    write(pool, |connection, _| {
        let name = stored_text(name);
        connection.query(SESSIONS, &[&name])?;
        Ok(!connection.query("DELETE FROM tokens WHERE name = $1 RETURNING name", &[&name])?.is_empty())
    })
}

/// Every session, in order of cookie.
pub(in crate::postgres) fn sessions(pool: &Pool) -> Result<Vec<SessionRecord>, EngineError> {
    let sql = "SELECT cookie, token, began, seen, sum FROM sessions ORDER BY cookie";
    pool.connection()?.query(sql, &[])?.iter().map(session).collect()
}

/// Puts and removes sessions, and lets go what is beyond the bound.
pub(in crate::postgres) fn change_sessions(
    pool: &Pool,
    changes: &SessionChanges,
    most: usize,
) -> Result<(), EngineError> {
    const PUT: &str = "INSERT INTO sessions VALUES ($1, $2, $3, $4, $5) ON CONFLICT (cookie) DO UPDATE \
        SET token = excluded.token, began = excluded.began, seen = excluded.seen, sum = excluded.sum";
    const DROP_OLDEST: &str = "DELETE FROM sessions WHERE cookie IN \
        (SELECT cookie FROM sessions ORDER BY seen DESC, cookie DESC OFFSET $1)";
    let most = sql_limit(most);
    write(pool, |connection, _| {
        let ended: Vec<&[u8]> = changes.ended.iter().map(|cookie| &cookie[..]).collect();
        let put: Vec<_> =
            changes.put.iter().map(|s| (&s.cookie[..], &s.token[..], s.began.0, s.seen.0, session_sum(s))).collect();
        let mut commands = vec![Command::Query("DELETE FROM sessions WHERE cookie = ANY($1::bytea[])", vec![&ended])];
        for (cookie, token, began, seen, sum) in &put {
            commands.push(Command::Query(PUT, vec![cookie, token, began, seen, sum]));
        }
        commands.push(Command::Query(DROP_OLDEST, vec![&most]));
        connection.send(&commands)?;
        Ok(())
    })
}

/// Removes every session.
pub(in crate::postgres) fn clear_sessions(pool: &Pool) -> Result<(), EngineError> {
    write(pool, |connection, _| {
        connection.query("DELETE FROM sessions", &[])?;
        Ok(())
    })
}

/// Appends to the audit log, all or none, and removes records beyond the bounds; returns the number of the last.
pub(in crate::postgres) fn append_audits(
    pool: &Pool,
    records: &[AuditRecord],
    bounds: &Bounds,
) -> Result<u64, EngineError> {
    write(pool, |connection, last| Ok(append(connection, last, records, bounds)?))
}

/// A page of the audit log, newest first.
pub(in crate::postgres) fn audit(pool: &Pool, query: &AuditQuery) -> Result<Page<AuditRecord>, EngineError> {
    let below = query.below.map_or(i64::MAX, |below| i64::try_from(below).unwrap_or(i64::MAX));
    let one_more = sql_limit(query.limit.saturating_add(1));
    let mut connection = pool.connection()?;
    let rows = match &query.workspace {
        Some(id) => connection.query(AUDIT_OF, &[&below, &one_more, &id.as_str()])?,
        None => connection.query(AUDIT, &[&below, &one_more])?,
    };
    let found = rows.iter().map(audit_record).collect::<Result<Vec<_>, _>>()?;
    Ok(page_of_limit(found, query.limit))
}
