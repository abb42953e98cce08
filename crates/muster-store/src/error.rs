//! What fails under a call of an engine.

use std::sync::Arc;

/// Why a call of an engine failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No such workspace.
    #[error("no such workspace")]
    UnknownWorkspace,
    /// The queue is full: try again later.
    #[error("too many requests are waiting")]
    Overloaded,
    /// The decision needs more data or work than allowed; nothing of it was stored (behaviour.md 1.11.f).
    #[error("the decision needs more data or work than one may")]
    TooLarge,
    /// The settings have changed since the decision was prepared: repeat it under those in force.
    #[error("the settings have changed")]
    Stale,
    /// The storage failed, or failed before and must be reopened; it is not known whether a commit in flight is durable.
    #[error("the storage is not available: {0}")]
    Unavailable(Arc<str>),
    /// The storage could not be used just now (no descriptor, no memory, somebody else's lock); nothing was stored, and a
    /// later try may pass.
    #[error("the storage could not be used just now, and nothing was stored: {0}")]
    Busy(Arc<str>),
    /// The clock cannot be believed; nothing was stored, and it continues when the clock is right.
    #[error("nothing is stored while the clock cannot be believed: {0}")]
    Clock(&'static str),
    /// The disk is full; nothing of the group was stored, and it continues when there is room.
    #[error("the disk is full")]
    Full,
    /// Stored data is not what was written.
    #[error("stored data is damaged: {0}")]
    Corrupt(Arc<str>),
    /// The data of this workspace cannot be used; others can. A start looks again.
    #[error("the data of this workspace cannot be used: {0}")]
    Damaged(Arc<str>),
    /// This decision broke a rule of the seam or panicked; nothing of it was stored, and the others continue.
    #[error("the decision failed: {0}")]
    Broken(Arc<str>),
}

impl EngineError {
    /// Whether the error is about one decision alone: the others of its group continue, and so does the queue.
    pub fn is_of_one_decision(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Corrupt(_) | Self::Stale | Self::TooLarge | Self::Overloaded)
    }

    /// Whether a workspace that could not store for this reason tries again by itself.
    pub(crate) fn is_retried(&self) -> bool {
        matches!(self, Self::Full | Self::Busy(_) | Self::Unavailable(_) | Self::Clock(_))
    }
}

/// Stored bytes are not what was written; says where it was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CorruptRow(pub &'static str);

impl From<CorruptRow> for EngineError {
    fn from(damage: CorruptRow) -> Self {
        Self::Corrupt(damage.0.into())
    }
}
