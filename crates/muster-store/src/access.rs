//! Who may call the management API, who is signed in to the console, and what they changed: the records of named tokens,
//! of sessions and of the audit log, and the part of the seam that keeps them. They belong to the installation, not to a
//! workspace. What a scope allows, when a session ends and which calls are recorded is the server's.

use crate::bounds::Bounds;
use crate::error::EngineError;
use crate::page::Page;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use std::net::IpAddr;

/// A named token of the management API, as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its name, which tells it from all others.
    pub name: String,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// What it may do, comma-separated; the engine does not read it.
    pub scopes: String,
    /// The one workspace that it is bound to; None = all.
    pub workspace: Option<WorkspaceId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is over; None = never. The engine does not look at it.
    pub expires_at: Option<Timestamp>,
    /// The addresses that it may be used from, comma-separated; empty = all. The engine does not read it.
    pub allowed_addresses: String,
}

/// Result of storing a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPut {
    /// It is stored.
    Made,
    /// Another one has its name; nothing changed.
    Taken,
    /// There are as many as [`crate::bounds::Bounds::tokens`] says; nothing changed.
    Full,
}

/// A session of the console, by the hashes of its cookie and of its token: whoever reads the storage can use neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of its cookie, which tells it from all others.
    pub cookie: [u8; 32],
    /// SHA-256 of the token that it began with.
    pub token: [u8; 32],
    /// When it began.
    pub began: Timestamp,
    /// When it was used last, as far as that was stored.
    pub seen: Timestamp,
}

/// Changes of sessions since they were written last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionChanges {
    /// Those that are kept, each in the place of the one with its cookie.
    pub put: Vec<SessionRecord>,
    /// The cookies of those that ended; of one that is not kept nothing changes.
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

/// One change that somebody made through the management API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place in the log, from 1, ascending and never given twice. The engine gives it: the number in a record
    /// that is appended is not read.
    pub no: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The name of the token that made it.
    pub token: String,
    /// Where the call came from; None for one that came over no connection (the command line on a stopped server).
    pub address: Option<IpAddr>,
    /// The workspace that it was about, if it was about one.
    pub workspace: Option<WorkspaceId>,
    /// What was done, a word of a closed list of the server.
    pub action: String,
    /// Its class, which has a bound of its own.
    pub class: AuditClass,
    /// What it was done to: an id, a fingerprint, a name. Never personal data.
    pub subject: String,
    /// More about it, a string that the engine does not read. Cut at a character after
    /// [`crate::bounds::Bounds::audit_detail_bytes`] bytes.
    pub detail: String,
}

/// Which part of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this workspace alone; None = of all, and of what is about none.
    pub workspace: Option<WorkspaceId>,
    /// Below this place, which is the last of the page before; None = from the newest.
    pub below: Option<u64>,
    /// Most records of the page.
    pub limit: usize,
}

/// The part of an engine that keeps tokens, sessions and the audit log. Calls may block; they are atomic, and one after another.
pub trait Access: Send + Sync {
    /// Every named token, in order of name.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`], [`EngineError::Corrupt`].
    fn tokens(&self) -> Result<Vec<TokenRecord>, EngineError>;

    /// Keeps a named token; durable when it returns.
    ///
    /// # Errors
    /// [`EngineError::UnknownWorkspace`] if it is bound to a workspace that is not there, [`EngineError::Unavailable`].
    fn put_token(&self, token: &TokenRecord) -> Result<TokenPut, EngineError>;

    /// Removes the token of a name, and in the same commit the sessions that began with it; durable when it returns. False
    /// if there is none. Tokens that are bound to a workspace, and their sessions, also go when that is deleted, in the same
    /// commit.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn remove_token(&self, name: &str) -> Result<bool, EngineError>;

    /// Every session that is kept, in order of cookie.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`], [`EngineError::Corrupt`].
    fn sessions(&self) -> Result<Vec<SessionRecord>, EngineError>;

    /// Puts and removes sessions, all or none; durable when it returns. Beyond [`crate::bounds::Bounds::sessions`] those
    /// used least lately go.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn change_sessions(&self, changes: &SessionChanges) -> Result<(), EngineError>;

    /// Removes every session, readable or not; durable when it returns.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn clear_sessions(&self) -> Result<(), EngineError>;

    /// Appends to the audit log; durable when it returns the place. Beyond [`crate::bounds::Bounds::audit_records`] the
    /// oldest records of changes go, beyond `audit_sessions` those of sessions, beyond `audit_people` those of persons' data.
    /// Records stay when their workspace is deleted.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn append_audit(&self, record: &AuditRecord) -> Result<u64, EngineError>;

    /// Appends many, in their order, all or none.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn append_audits(&self, records: &[AuditRecord]) -> Result<(), EngineError>;

    /// A page of the audit log, newest first.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`], [`EngineError::Corrupt`].
    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRecord>, EngineError>;
}

/// A detail within its bound: a string of any length, cut at a character.
pub(crate) fn cut(detail: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(detail.len())).rev().find(|end| detail.is_char_boundary(*end));
    &detail[..end.unwrap_or_default()]
}

/// A page of rows of which one more than the limit was read, if there is one more.
pub(crate) fn page_of_limit<T>(mut items: Vec<T>, limit: usize) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    Page { items, more, bytes: 0 }
}
