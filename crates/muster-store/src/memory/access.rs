//! Tokens, sessions and the audit log of the reference engine.

use super::Memory;
use crate::access::{
    Access, AuditQuery, AuditRecord, SessionChanges, SessionRecord, TokenPut, TokenRecord, cut, page_of_limit,
};
use crate::engine::EngineError;
use crate::page::Page;
use crate::sync::lock;
use std::sync::PoisonError;

impl Access for Memory {
    fn tokens(&self) -> Result<Vec<TokenRecord>, EngineError> {
        self.open()?;
        Ok(lock(&self.access).tokens.values().cloned().collect())
    }

    fn put_token(&self, token: &TokenRecord) -> Result<TokenPut, EngineError> {
        self.open()?;
        // Before the tokens, as a deletion has it: a workspace that is there stays until its token is.
        let workspaces = self.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        if token.workspace.as_ref().is_some_and(|id| !workspaces.contains_key(id)) {
            return Err(EngineError::UnknownWorkspace);
        }
        let mut kept = lock(&self.access);
        if kept.tokens.contains_key(&token.name) {
            return Ok(TokenPut::Taken);
        }
        if kept.tokens.len() >= self.bounds.tokens {
            return Ok(TokenPut::Full);
        }
        kept.tokens.insert(token.name.clone(), token.clone());
        Ok(TokenPut::Made)
    }

    fn remove_token(&self, name: &str) -> Result<bool, EngineError> {
        self.open()?;
        Ok(lock(&self.access).remove_tokens(|token| token.name == name))
    }

    fn sessions(&self) -> Result<Vec<SessionRecord>, EngineError> {
        self.open()?;
        Ok(lock(&self.access).sessions.values().cloned().collect())
    }

    fn change_sessions(&self, changes: &SessionChanges) -> Result<(), EngineError> {
        self.open()?;
        let sessions = &mut lock(&self.access).sessions;
        for cookie in &changes.ended {
            sessions.remove(cookie);
        }
        sessions.extend(changes.put.iter().map(|session| (session.cookie, session.clone())));
        while sessions.len() > self.bounds.sessions {
            let oldest = sessions.values().min_by_key(|session| (session.seen, session.cookie));
            let Some(cookie) = oldest.map(|session| session.cookie) else { break };
            sessions.remove(&cookie);
        }
        Ok(())
    }

    fn clear_sessions(&self) -> Result<(), EngineError> {
        self.open()?;
        lock(&self.access).sessions.clear();
        Ok(())
    }

    fn append_audits(&self, records: &[AuditRecord]) -> Result<(), EngineError> {
        records.iter().try_for_each(|record| self.append_audit(record).map(drop))
    }

    fn append_audit(&self, record: &AuditRecord) -> Result<u64, EngineError> {
        self.open()?;
        let mut kept = lock(&self.access);
        kept.last += 1;
        let detail = cut(&record.detail, self.bounds.audit_detail_bytes).to_owned();
        let stored = AuditRecord { no: kept.last, detail, ..record.clone() };
        kept.audit.push_back(stored);
        let is_of_class = |other: &AuditRecord| other.class == record.class;
        if kept.audit.iter().filter(|other| is_of_class(other)).count() > record.class.bound(&self.bounds)
            && let Some(oldest) = kept.audit.iter().position(is_of_class)
        {
            kept.audit.remove(oldest);
        }
        Ok(kept.last)
    }

    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRecord>, EngineError> {
        self.open()?;
        let kept = lock(&self.access);
        let fits = |record: &&AuditRecord| {
            query.below.is_none_or(|below| record.no < below)
                && (query.workspace.is_none() || record.workspace == query.workspace)
        };
        let found = kept.audit.iter().rev().filter(fits).take(query.limit.saturating_add(1)).cloned().collect();
        Ok(page_of_limit(found, query.limit))
    }
}
