//! What an error of SQLite means for a decision, its group and its workspace.

use crate::engine::EngineError;
use rusqlite::{Error, ErrorCode, ffi};
use std::io;
use std::path::Path;

impl From<Error> for EngineError {
    /// [`EngineError::Full`], [`EngineError::Busy`] and [`EngineError::Unavailable`] concern the whole group, the others one
    /// decision.
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::CannotOpen | ErrorCode::OutOfMemory,
            ) => Self::Busy(error.to_string().into()),
            Some(_) if has_code(&error, &SYNCS) => Self::Unavailable(format!("{SYNC}{error}").into()),
            Some(_) if has_code(&error, &WRITES) => Self::Unavailable(format!("{WRITE}{error}").into()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string().into()),
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig) => Self::Broken(error.to_string().into()),
            Some(_) => Self::Unavailable(error.to_string().into()),
            None => Self::Broken(error.to_string().into()),
        }
    }
}

/// Beginning of the message of a failed write. SQLite reports a full disk as such only if a plain write fails with
/// ENOSPC; an exhausted quota, and no room for the index of the write-ahead log, look like any failed write.
const WRITE: &str = "a write failed: ";

/// Beginning of the message of a failed sync.
const SYNC: &str = "a sync failed: ";

/// Failed writes: nothing that was on stable storage is in doubt.
const WRITES: [i32; 3] = [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_IOERR_SHMOPEN];
/// Failed syncs: it is not known what is on stable storage.
const SYNCS: [i32; 2] = [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC];

fn has_code(error: &Error, codes: &[i32]) -> bool {
    matches!(error, Error::SqliteFailure(failure, _) if codes.contains(&failure.extended_code))
}

/// Whether a sync failed: the one failure outside of a commit after which nothing may be written.
pub(crate) fn is_sync(error: &EngineError) -> bool {
    matches!(error, EngineError::Unavailable(why) if why.starts_with(SYNC))
}

/// Whether the result of a failed commit is unknown. A lock or a full disk ends it before anything is written.
pub(crate) fn is_unknown_end(error: &Error) -> bool {
    let known = [ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked, ErrorCode::DiskFull];
    error.sqlite_error_code().is_none_or(|code| !known.contains(&code))
}

/// Returns the error for a failed system call: no room, a temporary shortage, or a failure.
pub(crate) fn of_system(error: &io::Error) -> EngineError {
    if is_full(error) {
        return EngineError::Full;
    }
    let is_passing = error.raw_os_error().is_some_and(|code| PASSING.contains(&code));
    let why = error.to_string().into();
    if is_passing { EngineError::Busy(why) } else { EngineError::Unavailable(why) }
}

/// ENOMEM, ENFILE and EMFILE, which have these numbers on every platform: temporary shortages.
const PASSING: [i32; 3] = [12, 23, 24];

/// Whether no room is left: on the disk, or in the quota of the owner.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Returns the error for a failure in this folder: a failed write is a full disk if another write has no room either.
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
    // If it remains, the next check overwrites it.
    let _gone = std::fs::remove_file(&path);
    wrote.is_err_and(|error| is_full(&error))
}

/// File that is written and removed to check for room.
const PROBE: &str = "room";

/// Returns the error of an engine or a workspace that is closed.
pub(crate) fn closed() -> EngineError {
    EngineError::Unavailable("it was closed".into())
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

    // Fails when a code is missing from `PASSING` or from the arms of `from`, or when `is_unknown_end` knows CANTOPEN as harmless.
    #[test]
    fn what_wrote_nothing_is_busy_and_only_a_sync_or_a_commit_may_end_all_writing() {
        let is_busy = |code| matches!(failed(code), EngineError::Busy(_));
        let codes =
            [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_CANTOPEN, ffi::SQLITE_NOMEM, ffi::SQLITE_IOERR_READ];
        assert_eq!(codes.map(is_busy), [true, true, true, true, false]);
        assert_eq!(
            [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE].map(|code| is_sync(&failed(code))),
            [true, false]
        );
        let ends = [ffi::SQLITE_BUSY, ffi::SQLITE_FULL, ffi::SQLITE_CANTOPEN, ffi::SQLITE_IOERR_WRITE];
        let unknown = |code| is_unknown_end(&Error::SqliteFailure(ffi::Error::new(code), None));
        assert_eq!(ends.map(unknown), [false, false, true, true]);
        const EMFILE: i32 = 24;
        assert!(matches!(of_system(&io::Error::from_raw_os_error(EMFILE)), EngineError::Busy(_)));
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
