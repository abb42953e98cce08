//! What the reference engine stores for [`crate::access::Access`].

use crate::access::{AuditRecord, SessionRecord, TokenRecord};
use std::collections::{BTreeMap, VecDeque};

/// Tokens, sessions and the audit log.
#[derive(Default)]
pub(super) struct AccessRecords {
    pub(super) tokens: BTreeMap<String, TokenRecord>,
    /// By cookie.
    pub(super) sessions: BTreeMap<[u8; 32], SessionRecord>,
    /// Oldest first.
    pub(super) audit: VecDeque<AuditRecord>,
    /// Number of the latest audit record.
    pub(super) last: u64,
}

impl AccessRecords {
    /// Removes the tokens that fit, and the sessions that began with them; whether any did.
    pub(super) fn remove_tokens(&mut self, fits: impl Fn(&TokenRecord) -> bool) -> bool {
        let gone: Vec<TokenRecord> = self.tokens.values().filter(|token| fits(token)).cloned().collect();
        self.tokens.retain(|_, token| !fits(token));
        self.sessions.retain(|_, session| gone.iter().all(|token| token.sha256 != session.token));
        !gone.is_empty()
    }
}
