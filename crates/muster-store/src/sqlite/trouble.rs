//! What an error of SQLite means for a decision, its group and its lane.

use crate::engine::EngineError;
use rusqlite::{Error, ErrorCode};

impl From<Error> for EngineError {
    /// [`EngineError::Full`] and [`EngineError::Unavailable`] concern the whole group, the others one decision.
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string().into()),
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig) => Self::Broken(error.to_string().into()),
            Some(_) => Self::Unavailable(error.to_string().into()),
            None => Self::Broken(error.to_string().into()),
        }
    }
}

/// Whether somebody else's lock was in the way: nothing was written, and a later try may pass.
pub(crate) fn is_busy(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether a row with this key is there already.
pub(crate) fn is_taken(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}
