//! Tokens, sessions and the audit log of the engine of many nodes: in the catalogue.

use super::PostgresEngine;
use super::catalogue::access;
use crate::access::{Access, AuditQuery, AuditRecord, SessionChanges, SessionRecord, TokenPut, TokenRecord};
use crate::engine::EngineError;
use crate::page::Page;
use muster_core::time::Timestamp;

impl Access for PostgresEngine {
    fn tokens(&self) -> Result<Vec<TokenRecord>, EngineError> {
        self.inner.open()?;
        access::tokens(&self.inner.pool)
    }

    fn put_token(&self, token: &TokenRecord) -> Result<TokenPut, EngineError> {
        self.inner.open()?;
        // When it ends is told from now.
        self.inner.clock_check.check(&*self.inner.clock, Timestamp::default())?;
        access::put_token(&self.inner.pool, token, self.inner.options.bounds.tokens)
    }

    fn remove_token(&self, name: &str) -> Result<bool, EngineError> {
        self.inner.open()?;
        access::remove_token(&self.inner.pool, name)
    }

    fn sessions(&self) -> Result<Vec<SessionRecord>, EngineError> {
        self.inner.open()?;
        access::sessions(&self.inner.pool)
    }

    fn change_sessions(&self, changes: &SessionChanges) -> Result<(), EngineError> {
        self.inner.open()?;
        access::change_sessions(&self.inner.pool, changes, self.inner.options.bounds.sessions)
    }

    fn clear_sessions(&self) -> Result<(), EngineError> {
        self.inner.open()?;
        access::clear_sessions(&self.inner.pool)
    }

    fn append_audits(&self, records: &[AuditRecord]) -> Result<(), EngineError> {
        self.inner.open()?;
        access::append_audits(&self.inner.pool, records, &self.inner.options.bounds).map(drop)
    }

    fn append_audit(&self, record: &AuditRecord) -> Result<u64, EngineError> {
        self.inner.open()?;
        access::append_audits(&self.inner.pool, std::slice::from_ref(record), &self.inner.options.bounds)
    }

    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRecord>, EngineError> {
        self.inner.open()?;
        access::audit(&self.inner.pool, query)
    }
}
