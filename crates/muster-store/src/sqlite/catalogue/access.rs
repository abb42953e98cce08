//! Tokens and the audit log in the catalogue: statements, checksums, bounds.

use super::{Catalogue, corrupt_row_of, remove_sessions_of_tokens};
use crate::access::{AuditClass, AuditQuery, AuditRecord, TokenPut, TokenRecord, cut, page_of_limit};
use crate::bounds::Bounds;
use crate::catalogue_sums::{audit_sum, token_sum};
use crate::engine::EngineError;
use crate::page::Page;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

/// Rows of the audit log that a check reads at a time.
const CHECKED_AT_A_TIME: usize = 1_000;

const NEWEST: &str = "SELECT no, at, token, address, workspace, action, class, subject, detail, sum FROM audit
    WHERE no < ?1 ORDER BY no DESC LIMIT ?2";
const NEWEST_OF: &str = "SELECT no, at, token, address, workspace, action, class, subject, detail, sum FROM audit
    WHERE no < ?1 AND workspace = ?3 ORDER BY no DESC LIMIT ?2";

/// Deletes the oldest records of a class beyond its bound.
const TRIM: &str = "DELETE FROM audit WHERE class = ?1 AND no <=
    (SELECT no FROM audit WHERE class = ?1 ORDER BY no DESC LIMIT 1 OFFSET ?2)";

/// A column that holds a workspace's id, or none.
fn workspace(row: &Row<'_>, place: usize, table: &str) -> Result<Option<WorkspaceId>, EngineError> {
    let text = row.get::<_, Option<String>>(place)?;
    text.map(|id| WorkspaceId::parse(&id).ok_or_else(|| corrupt_row_of(table))).transpose()
}

fn class(code: i64) -> Result<AuditClass, EngineError> {
    AuditClass::ALL.into_iter().find(|class| *class as i64 == code).ok_or_else(|| corrupt_row_of("audit"))
}

fn audit_record(row: &Row<'_>) -> Result<AuditRecord, EngineError> {
    let address = row.get::<_, Option<String>>(3)?;
    let record = AuditRecord {
        no: row.get::<_, i64>(0)?.cast_unsigned(),
        at: Timestamp(row.get(1)?),
        token: row.get(2)?,
        address: address.map(|text| text.parse().map_err(|_| corrupt_row_of("audit"))).transpose()?,
        workspace: workspace(row, 4, "audit")?,
        action: row.get(5)?,
        class: class(row.get(6)?)?,
        subject: row.get(7)?,
        detail: row.get(8)?,
    };
    if audit_sum(&record) == row.get::<_, i64>(9)? { Ok(record) } else { Err(corrupt_row_of("audit")) }
}

/// Appends a record within a transaction and removes records beyond the bound of its class; returns its number.
fn append_record(conn: &Connection, record: &AuditRecord, bounds: &Bounds) -> Result<u64, EngineError> {
    // The newest is never removed, so its number is the highest that was assigned.
    let last: i64 = conn.query_row("SELECT coalesce(max(no), 0) FROM audit", [], |row| row.get(0))?;
    let no = last.cast_unsigned() + 1;
    let detail = cut(&record.detail, bounds.audit_detail_bytes).to_owned();
    let record = AuditRecord { no, detail, ..record.clone() };
    conn.prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?.execute(params![
        no.cast_signed(),
        record.at.0,
        record.token,
        record.address.map(|address| address.to_string()),
        record.workspace.as_ref().map(WorkspaceId::as_str),
        record.action,
        record.class as i64,
        record.subject,
        record.detail,
        audit_sum(&record)
    ])?;
    let bound = i64::try_from(record.class.bound(bounds)).unwrap_or(i64::MAX);
    conn.prepare_cached(TRIM)?.execute([record.class as i64, bound])?;
    Ok(no)
}

impl Catalogue {
    /// Every token, in order of name.
    pub(crate) fn tokens(&self) -> Result<Vec<TokenRecord>, EngineError> {
        let mut select = self.conn.prepare_cached(
            "SELECT name, sha256, scopes, workspace, created_at, sum, expires_at, allowed_addresses
                 FROM tokens ORDER BY name",
        )?;
        let mut rows = select.query([])?;
        let mut tokens = Vec::new();
        while let Some(row) = rows.next()? {
            let token = TokenRecord {
                name: row.get(0)?,
                sha256: row.get::<_, Vec<u8>>(1)?.try_into().map_err(|_| corrupt_row_of("tokens"))?,
                scopes: row.get(2)?,
                workspace: workspace(row, 3, "tokens")?,
                created_at: Timestamp(row.get(4)?),
                expires_at: row.get::<_, Option<i64>>(6)?.map(Timestamp),
                allowed_addresses: row.get(7)?,
            };
            if token_sum(&token) != row.get::<_, i64>(5)? {
                return Err(corrupt_row_of("tokens"));
            }
            tokens.push(token);
        }
        Ok(tokens)
    }

    /// Stores a token if its name is free, its workspace exists, and there are fewer tokens than the bound.
    pub(crate) fn put_token(&mut self, token: &TokenRecord, most: usize) -> Result<TokenPut, EngineError> {
        if let Some(id) = &token.workspace
            && !self.has(id)?
        {
            return Err(EngineError::UnknownWorkspace);
        }
        self.write(|conn| {
            if conn.prepare_cached("SELECT 1 FROM tokens WHERE name = ?1")?.exists([&token.name])? {
                return Ok(TokenPut::Taken);
            }
            let kept: i64 = conn.query_row("SELECT count(*) FROM tokens", [], |row| row.get(0))?;
            if usize::try_from(kept).unwrap_or(usize::MAX) >= most {
                return Ok(TokenPut::Full);
            }
            conn.execute(
                "INSERT INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    token.name,
                    token.sha256,
                    token.scopes,
                    token.workspace.as_ref().map(WorkspaceId::as_str),
                    token.created_at.0,
                    token_sum(token),
                    token.expires_at.map(|at| at.0),
                    token.allowed_addresses
                ],
            )?;
            Ok(TokenPut::Made)
        })
    }

    /// Removes a token with its sessions; returns whether it existed.
    pub(crate) fn remove_token(&mut self, name: &str) -> Result<bool, EngineError> {
        self.write(|conn| {
            remove_sessions_of_tokens(conn, "name", name)?;
            Ok(conn.execute("DELETE FROM tokens WHERE name = ?1", [name])? == 1)
        })
    }

    /// Appends to the audit log and removes records beyond the bound.
    pub(crate) fn append_audit(&mut self, record: &AuditRecord, bounds: &Bounds) -> Result<u64, EngineError> {
        self.write(|conn| append_record(conn, record, bounds))
    }

    /// Appends several records, all or none.
    pub(crate) fn append_audits(&mut self, records: &[AuditRecord], bounds: &Bounds) -> Result<(), EngineError> {
        self.write(|conn| records.iter().try_for_each(|record| append_record(conn, record, bounds).map(drop)))
    }

    /// A page of the audit log, newest first.
    pub(crate) fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRecord>, EngineError> {
        let below = query.below.map_or(i64::MAX, |below| i64::try_from(below).unwrap_or(i64::MAX));
        let one_more = i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX);
        let mut select = self.conn.prepare_cached(if query.workspace.is_some() { NEWEST_OF } else { NEWEST })?;
        let mut rows = match &query.workspace {
            Some(id) => select.query(params![below, one_more, id.as_str()])?,
            None => select.query(params![below, one_more])?,
        };
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(audit_record(row)?);
        }
        Ok(page_of_limit(found, query.limit))
    }

    /// Reads every token, every session and the whole audit log, each row against its checksum.
    pub(crate) fn check_access(&self) -> Result<(), EngineError> {
        self.tokens()?;
        self.sessions()?;
        let mut query = AuditQuery { workspace: None, below: None, limit: CHECKED_AT_A_TIME };
        loop {
            let page = self.audit(&query)?;
            query.below = page.items.last().map(|last| last.no);
            if !page.more {
                return Ok(());
            }
        }
    }
}
