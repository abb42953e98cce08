//! What an error of SQLite means for a decision, its group and its lane.

use crate::engine::EngineError;
use rusqlite::{Error, ErrorCode, ffi};
use std::io;
use std::path::Path;

impl From<Error> for EngineError {
    /// [`EngineError::Full`] and [`EngineError::Unavailable`] concern the whole group, the others one decision.
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(_) if is_write(&error) => Self::Unavailable(format!("{WRITE}{error}").into()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string().into()),
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig) => Self::Broken(error.to_string().into()),
            Some(_) => Self::Unavailable(error.to_string().into()),
            None => Self::Broken(error.to_string().into()),
        }
    }
}

/// How the text of a write that failed begins. SQLite tells a disk without room apart only where the system says ENOSPC to
/// a plain write; an exhausted quota, and no room for the index of the write-ahead log, look like any failed write.
const WRITE: &str = "a write failed: ";

/// A write, and no sync: nothing that was on stable storage is in doubt.
fn is_write(error: &Error) -> bool {
    matches!(error, Error::SqliteFailure(failure, _)
        if [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_IOERR_SHMOPEN].contains(&failure.extended_code))
}

/// Whether the system says that there is no room: on the disk, or in the owner's quota.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What a failure in this folder means: a write that failed where no other write has room either is a full disk.
pub(crate) fn in_folder(error: EngineError, folder: &Path) -> EngineError {
    match &error {
        EngineError::Unavailable(why) if why.starts_with(WRITE) && has_no_room(folder) => EngineError::Full,
        _ => error,
    }
}

/// Tries to write a page.
fn has_no_room(folder: &Path) -> bool {
    let path = folder.join(PROBE);
    let wrote = std::fs::write(&path, [0; 4_096]);
    // Left behind it is written over by the next try.
    let _gone = std::fs::remove_file(&path);
    wrote.is_err_and(|error| is_full(&error))
}

/// The file that a look for room makes and removes.
const PROBE: &str = "room";

/// Whether somebody else's lock was in the way: nothing was written, and a later try may pass.
pub(crate) fn is_busy(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether a row with this key is there already.
pub(crate) fn is_taken(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn failed(extended_code: i32) -> EngineError {
        Error::SqliteFailure(ffi::Error::new(extended_code), None).into()
    }

    // Fails when `is_full` knows ENOSPC alone, or `in_folder` believes a failed sync.
    #[test]
    fn a_write_that_fails_where_nothing_has_room_is_a_full_disk_and_a_failed_sync_never_is() {
        const ENOSPC: i32 = 28;
        const EDQUOT: i32 = 122;
        const EIO: i32 = 5;
        assert_eq!([ENOSPC, EDQUOT, EIO].map(|n| is_full(&io::Error::from_raw_os_error(n))), [true, true, false]);
        let dir = tempfile::tempdir().expect("a folder");
        let of = |code| in_folder(failed(code), dir.path());
        assert_ne!(of(ffi::SQLITE_IOERR_WRITE), EngineError::Full, "there is room");
        for (code, full) in [
            (ffi::SQLITE_FULL, true),
            (ffi::SQLITE_IOERR_WRITE, true),
            (ffi::SQLITE_IOERR_SHMSIZE, true),
            (ffi::SQLITE_IOERR_FSYNC, false),
            (ffi::SQLITE_IOERR_READ, false),
        ] {
            // A device that never has room; each look removes the link.
            symlink("/dev/full", dir.path().join(PROBE)).expect("a link");
            assert_eq!(of(code) == EngineError::Full, full, "{code}");
            let _left = std::fs::remove_file(dir.path().join(PROBE));
        }
    }
}
