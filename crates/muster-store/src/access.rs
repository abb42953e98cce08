//! Records of named tokens, of console sessions and of the audit log, and the part of the seam that stores them. They
//! belong to the installation, not to a workspace. The server decides what a scope allows, when a session ends and
//! which calls are recorded.

use crate::bounds::Bounds;
use crate::error::EngineError;
use crate::page::Page;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use std::net::IpAddr;

/// A named token of the management API, as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The unique name.
    pub name: String,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// Scopes, comma-separated; the engine does not read them.
    pub scopes: String,
    /// The only workspace that the token may use; None = all.
    pub workspace: Option<WorkspaceId>,
    /// Creation time.
    pub created_at: Timestamp,
    /// Expiry; None = never. The engine does not check it.
    pub expires_at: Option<Timestamp>,
    /// Addresses that the token may be used from, comma-separated; empty = all. The engine does not read them.
    pub allowed_addresses: String,
}

/// Result of storing a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPut {
    /// The token is stored.
    Made,
    /// Another token has this name; nothing changed.
    Taken,
    /// There are already [`crate::bounds::Bounds::tokens`]; nothing changed.
    Full,
}

/// A session of the console, by the hashes of its cookie and of its token: a reader of the storage can use neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of the cookie; unique.
    pub cookie: [u8; 32],
    /// SHA-256 of the token that signed in.
    pub token: [u8; 32],
    /// Time of the sign-in.
    pub began: Timestamp,
    /// Last use, as of the last write.
    pub seen: Timestamp,
}

/// Changes of sessions since the last write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionChanges {
    /// Sessions to store; each replaces the one with the same cookie.
    pub put: Vec<SessionRecord>,
    /// Cookies of sessions that ended; unknown ones are ignored.
    pub ended: Vec<[u8; 32]>,
}

impl SessionChanges {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.ended.is_empty()
    }
}

/// Classes of audit records. Each has its own bound, so that many records of one class remove none of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AuditClass {
    /// A change of settings, keys, tokens or data.
    Change = 1,
    /// A session of the console began, ended or was refused.
    Session = 2,
    /// One person's data was read or deleted.
    PersonalData = 3,
}

impl AuditClass {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Change, Self::Session, Self::PersonalData];

    /// Returns the most records of this class.
    pub(crate) fn bound(self, bounds: &Bounds) -> usize {
        match self {
            Self::Change => bounds.audit_records,
            Self::Session => bounds.audit_sessions,
            Self::PersonalData => bounds.audit_people,
        }
    }
}

/// One recorded call of the management API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Number in the log, from 1, ascending, never reused. The engine assigns it and ignores the number of a record
    /// that is appended.
    pub no: u64,
    /// Time of the call.
    pub at: Timestamp,
    /// Name of the calling token.
    pub token: String,
    /// Address of the caller; None for the command line on a stopped server.
    pub address: Option<IpAddr>,
    /// The workspace concerned, if any.
    pub workspace: Option<WorkspaceId>,
    /// What was done: a word of a closed list of the server.
    pub action: String,
    /// Class, which has a bound of its own.
    pub class: AuditClass,
    /// Object of the call: an id, a fingerprint, a name. Never personal data.
    pub subject: String,
    /// Details, a string that the engine does not read. Cut at a character after
    /// [`crate::bounds::Bounds::audit_detail_bytes`] bytes.
    pub detail: String,
}

/// A page of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only records of this workspace; None = all records.
    pub workspace: Option<WorkspaceId>,
    /// Only numbers below this one, the last of the previous page; None = from the newest.
    pub below: Option<u64>,
    /// Most records of the page.
    pub limit: usize,
}

/// The part of an engine that stores tokens, sessions and the audit log. Calls may block; they are atomic and run one
/// after another.
pub trait Access: Send + Sync {
    /// Returns every named token, in order of name.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`], [`EngineError::Corrupt`].
    fn tokens(&self) -> Result<Vec<TokenRecord>, EngineError>;

    /// Stores a named token; durable when it returns.
    ///
    /// # Errors
    /// [`EngineError::UnknownWorkspace`] if it is bound to a workspace that is not there, [`EngineError::Unavailable`].
    fn put_token(&self, token: &TokenRecord) -> Result<TokenPut, EngineError>;

    /// Removes a token and, in the same commit, its sessions; durable when it returns. Returns false if there is no
    /// such token. Deleting a workspace removes its tokens and their sessions, too, in one commit.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn remove_token(&self, name: &str) -> Result<bool, EngineError>;

    /// Returns every stored session, in order of cookie.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`], [`EngineError::Corrupt`].
    fn sessions(&self) -> Result<Vec<SessionRecord>, EngineError>;

    /// Stores and removes sessions, all or none; durable when it returns. Beyond [`crate::bounds::Bounds::sessions`]
    /// the least recently used ones are removed.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn change_sessions(&self, changes: &SessionChanges) -> Result<(), EngineError>;

    /// Removes every session, readable or not; durable when it returns.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn clear_sessions(&self) -> Result<(), EngineError>;

    /// Appends to the audit log; durable when it returns the number. Beyond its bound, each class loses its oldest
    /// records ([`crate::bounds::Bounds::audit_records`], `audit_sessions`, `audit_people`). Deleting a workspace
    /// removes no records.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn append_audit(&self, record: &AuditRecord) -> Result<u64, EngineError>;

    /// Appends several records in order, all or none.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn append_audits(&self, records: &[AuditRecord]) -> Result<(), EngineError>;

    /// Returns a page of the audit log, newest first.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`], [`EngineError::Corrupt`].
    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRecord>, EngineError>;
}

/// Returns a detail cut to its bound, at a character.
pub(crate) fn cut(detail: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(detail.len())).rev().find(|end| detail.is_char_boundary(*end));
    &detail[..end.unwrap_or_default()]
}

/// Makes a page of rows that were read up to one beyond the limit.
pub(crate) fn page_of_limit<T>(mut items: Vec<T>, limit: usize) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    Page { items, more, bytes: 0 }
}
