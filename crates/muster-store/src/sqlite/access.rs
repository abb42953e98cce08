//! Tokens, sessions and the audit log of the embedded engine: in the catalogue.

use super::Sqlite;
use super::errors::closed;
use crate::access::{Access, AuditQuery, AuditRecord, SessionChanges, SessionRecord, TokenPut, TokenRecord};
use crate::engine::EngineError;
use crate::page::Page;
use crate::sync::lock;
use muster_core::time::Timestamp;

impl Sqlite {
    fn is_open(&self) -> Result<(), EngineError> {
        if self.inner.is_closing() { Err(closed()) } else { Ok(()) }
    }
}

impl Access for Sqlite {
    fn tokens(&self) -> Result<Vec<TokenRecord>, EngineError> {
        self.is_open()?;
        lock(&self.inner.catalogue).tokens()
    }

    fn put_token(&self, token: &TokenRecord) -> Result<TokenPut, EngineError> {
        self.is_open()?;
        // When it ends is told from now.
        self.inner.clock_check.check(&*self.inner.clock, Timestamp::default())?;
        let most = self.inner.options.bounds.tokens;
        self.inner.write_catalogue(|catalogue| catalogue.put_token(token, most))
    }

    fn remove_token(&self, name: &str) -> Result<bool, EngineError> {
        self.is_open()?;
        self.inner.write_catalogue(|catalogue| catalogue.remove_token(name))
    }

    fn sessions(&self) -> Result<Vec<SessionRecord>, EngineError> {
        self.is_open()?;
        lock(&self.inner.catalogue).sessions()
    }

    fn change_sessions(&self, changes: &SessionChanges) -> Result<(), EngineError> {
        self.is_open()?;
        let most = self.inner.options.bounds.sessions;
        self.inner.write_catalogue(|catalogue| catalogue.change_sessions(changes, most))
    }

    fn clear_sessions(&self) -> Result<(), EngineError> {
        self.is_open()?;
        self.inner.write_catalogue(super::catalogue::Catalogue::clear_sessions)
    }

    fn append_audits(&self, records: &[AuditRecord]) -> Result<(), EngineError> {
        self.is_open()?;
        let bounds = &self.inner.options.bounds;
        self.inner.write_catalogue(|catalogue| catalogue.append_audits(records, bounds))
    }

    fn append_audit(&self, record: &AuditRecord) -> Result<u64, EngineError> {
        self.is_open()?;
        let bounds = &self.inner.options.bounds;
        self.inner.write_catalogue(|catalogue| catalogue.append_audit(record, bounds))
    }

    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRecord>, EngineError> {
        self.is_open()?;
        lock(&self.inner.catalogue).audit(query)
    }
}
