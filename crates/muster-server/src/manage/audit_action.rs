//! The actions that the audit log records (behaviour.md 4).

use muster_store::access::AuditClass;

/// A recorded action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuditAction {
    /// A workspace was created.
    WorkspaceCreated,
    /// A workspace was removed with all its data.
    WorkspaceRemoved,
    /// A folder that the catalogue did not know was adopted.
    WorkspaceAdopted,
    /// Such a folder was moved away.
    OrphanRemoved,
    /// Settings were changed.
    SettingsChanged,
    /// Identity settings were changed.
    IdentityChanged,
    /// A failed activation was cancelled.
    ActivationCancelled,
    /// The key was replaced.
    KeyRotated,
    /// A key was revoked.
    KeyRevoked,
    /// A token was created.
    TokenCreated,
    /// A token was revoked.
    TokenRevoked,
    /// Two users were merged manually.
    UsersMerged,
    /// A merge was reverted.
    MergeReverted,
    /// A separation was lifted.
    SeparationLifted,
    /// A review was decided.
    ReviewDecided,
    /// A quarantine entry was replayed.
    QuarantineReplayed,
    /// A bulk replay was started.
    ReplayStarted,
    /// A quarantine entry was deleted.
    QuarantineDiscarded,
    /// A quarantine entry that was deleted was restored.
    QuarantineRestored,
    /// A user was deleted by the Data API.
    UserDeleted,
    /// One person's data was read through the management API.
    UserRead,
    /// Somebody signed in to the console.
    SessionBegun,
    /// Somebody signed out.
    SessionEnded,
    /// An unknown token was given to sign in.
    SessionRefused,
}

impl AuditAction {
    /// Returns the class of its records.
    pub(crate) fn class(self) -> AuditClass {
        match self {
            Self::SessionBegun | Self::SessionEnded | Self::SessionRefused => AuditClass::Session,
            Self::UserDeleted | Self::UserRead => AuditClass::PersonalData,
            _ => AuditClass::Change,
        }
    }

    /// Returns its name in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WorkspaceCreated => "workspace.created",
            Self::WorkspaceRemoved => "workspace.removed",
            Self::WorkspaceAdopted => "workspace.adopted",
            Self::OrphanRemoved => "workspace.orphan_removed",
            Self::SettingsChanged => "settings.changed",
            Self::IdentityChanged => "identity.changed",
            Self::ActivationCancelled => "identity.activation_cancelled",
            Self::KeyRotated => "key.rotated",
            Self::KeyRevoked => "key.revoked",
            Self::TokenCreated => "token.created",
            Self::TokenRevoked => "token.revoked",
            Self::UsersMerged => "users.merged",
            Self::MergeReverted => "merge.reverted",
            Self::SeparationLifted => "separation.lifted",
            Self::ReviewDecided => "review.decided",
            Self::QuarantineReplayed => "quarantine.replayed",
            Self::ReplayStarted => "quarantine.replay_started",
            Self::QuarantineDiscarded => "quarantine.discarded",
            Self::QuarantineRestored => "quarantine.restored",
            Self::UserDeleted => "user.deleted",
            Self::UserRead => "user.read",
            Self::SessionBegun => "session.begun",
            Self::SessionEnded => "session.ended",
            Self::SessionRefused => "session.refused",
        }
    }
}
