//! What an error of PostgreSQL means for a statement, its transaction and its group.

use crate::engine::EngineError;
use std::sync::Arc;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Why the database did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DatabaseFailure {
    /// The connection is gone, or the server is none that writes: nothing more can be asked through it. What was not
    /// committed is taken back; how a commit in flight ended is not known.
    Lost(Arc<str>),
    /// Another transaction was in the way: the same may pass at once.
    Conflict(Arc<str>),
    /// The data does not fit its table.
    Data(Arc<str>),
    /// Stored data is damaged.
    Damaged(Arc<str>),
    /// No room is left.
    Full,
    /// A shortage, or a time-out: a later try may pass.
    Busy(Arc<str>),
    /// The rest: the database refuses.
    Refused(Arc<str>),
}

impl DatabaseFailure {
    /// Returns the failure of a statement that was not answered in time.
    pub(crate) fn timed_out() -> Self {
        Self::Lost("the database did not answer in time".into())
    }
}

impl From<Error> for DatabaseFailure {
    fn from(error: Error) -> Self {
        let Some(code) = error.code() else {
            // It never reached the server, or its answer never arrived. A parameter that cannot be written is our bug.
            let is_own_fault =
                !error.is_closed() && std::error::Error::source(&error).is_some_and(|e| !e.is::<std::io::Error>());
            let why: Arc<str> = text(&error).into();
            return if is_own_fault { Self::Refused(why) } else { Self::Lost(why) };
        };
        let why: Arc<str> = text(&error).into();
        match *code {
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED | SqlState::LOCK_NOT_AVAILABLE => {
                Self::Conflict(why)
            }
            // A primary that is a standby now, or one that stops.
            SqlState::READ_ONLY_SQL_TRANSACTION
            | SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Lost(why),
            SqlState::DISK_FULL => Self::Full,
            SqlState::QUERY_CANCELED => Self::Busy(why),
            SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Self::Damaged(why),
            _ => match code.code().get(..2) {
                Some("08") => Self::Lost(why),
                Some("22" | "23" | "54") => Self::Data(why),
                Some("40") => Self::Conflict(why),
                Some("53") => Self::Busy(why),
                _ => Self::Refused(why),
            },
        }
    }
}

/// Returns the message for people. The detail of an error may quote a received value, so it is left out.
fn text(error: &Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} (SQLSTATE {})", error.message(), error.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

impl From<DatabaseFailure> for EngineError {
    /// The error outside of a group. Within one, [`EngineError::Broken`] is about one decision alone, and only the group
    /// knows of which.
    fn from(failure: DatabaseFailure) -> Self {
        match failure {
            DatabaseFailure::Lost(why) | DatabaseFailure::Refused(why) => Self::Unavailable(why),
            DatabaseFailure::Conflict(why) | DatabaseFailure::Busy(why) => Self::Busy(why),
            DatabaseFailure::Data(why) => Self::Broken(why),
            DatabaseFailure::Damaged(why) => Self::Corrupt(why),
            DatabaseFailure::Full => Self::Full,
        }
    }
}

/// Returns the error of an engine that is closed.
pub(super) fn closed() -> EngineError {
    EngineError::Unavailable("it was closed".into())
}
