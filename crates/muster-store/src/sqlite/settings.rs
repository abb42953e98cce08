//! How SQLite is opened: every setting in this one place, each with its reason. Switches of the build are in
//! `.cargo/config.toml`: HAVE_FDATASYNC (a sync need not write the file's times), DQS=0 (a misspelt column is an error,
//! not a string), DEFAULT_MEMSTATUS=0 (no global lock around allocations), THREADSAFE=2 (a connection is used by one
//! thread at a time, which Rust holds), DEFAULT_WAL_SYNCHRONOUS=2 (a connection that forgets the setting still syncs),
//! LIKE_DOESNT_MATCH_BLOBS (values as JSONB are not strings).

use super::{directory, errors};
use crate::engine::EngineError;
use rusqlite::{Connection, ErrorCode, OpenFlags, Result};
use std::path::Path;
use std::time::Duration;

/// Bytes of a page: larger ones were slower, since random rows dirty one page each.
pub(crate) const PAGE_BYTES: u64 = 4_096;
/// Bytes of write-ahead log from which a checkpoint runs: long enough to write a hot page once for many commits, short
/// enough to be replayed in a second.
pub(crate) const WAL_BYTES: u64 = 128 << 20;
/// Bytes of pages that all writers keep in memory together, about, and the least and most of one: eight busy workspaces
/// with the most each would be half a gigabyte.
const CACHE_BYTES: usize = 128 << 20;
const CACHE_BYTES_MIN: usize = 2 << 20;
const CACHE_BYTES_MAX: usize = 64 << 20;

/// Returns what one of this many writers may keep, in KiB.
pub(crate) fn cache_kib(writers: usize) -> usize {
    (CACHE_BYTES / writers.max(1)).clamp(CACHE_BYTES_MIN, CACHE_BYTES_MAX) >> 10
}

/// Sets the size of a writer's page cache.
pub(crate) fn set_cache(conn: &Connection, kib: usize) -> rusqlite::Result<()> {
    conn.pragma_update(None, "cache_size", -i64::try_from(kib).unwrap_or(i64::MAX))
}
/// Prepared statements kept by a connection: more than there are.
const STATEMENTS: usize = 192;
/// How long somebody else's lock (a shell that writes) is waited for.
const BUSY: Duration = Duration::from_secs(5);
/// The sync of a commit: FULL = the commit record is on stable storage before the commit returns.
const SYNCHRONOUS: &str = if cfg!(feature = "unsafe-no-sync") { "OFF" } else { "FULL" };
/// The same for the catalogue, whose journal's directory entry counts, too.
const SYNCHRONOUS_JOURNAL: &str = if cfg!(feature = "unsafe-no-sync") { "OFF" } else { "EXTRA" };

fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    if flags.contains(OpenFlags::SQLITE_OPEN_CREATE) {
        // Before SQLite makes it with the umask's mode. Where it cannot be made, SQLite says so in its words.
        let _said_by_sqlite = directory::make_private(path);
    }
    let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.busy_timeout(BUSY)?;
    for (pragma, value) in [
        // Functions and virtual tables in a schema that somebody else wrote must not run.
        ("trusted_schema", "OFF"),
        // A damaged cell is an error before it is used.
        ("cell_size_check", "ON"),
        // Sorting never writes to a disk.
        ("temp_store", "MEMORY"),
        // An I/O error through a mapping would be a SIGBUS.
        ("mmap_size", "0"),
    ] {
        conn.pragma_update(None, pragma, value)?;
    }
    Ok(conn)
}

/// The connection that writes a workspace, and its write-ahead log, whose name is on stable storage when it returns.
pub(crate) fn writer(path: &Path) -> std::result::Result<Connection, EngineError> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    // Before the journal mode: it is fixed from then on.
    conn.pragma_update(None, "page_size", PAGE_BYTES.to_string())?;
    // Readers do not wait for the writer, and a commit is one append and one sync.
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    for (pragma, value) in [
        ("synchronous", SYNCHRONOUS),
        // Erased bytes are overwritten; FAST and OFF leave them.
        ("secure_delete", "ON"),
        // Checkpoints run on a thread of their own: by the writer they cost a p99 of 250-310 ms.
        ("wal_autocheckpoint", "0"),
        // The most that one keeps; its turns set its share (`cache_kib`).
        ("cache_size", "-65536"),
    ] {
        conn.pragma_update(None, pragma, value)?;
    }
    // SQLite does so at the first commit, and takes no notice if it fails: a power loss would take the whole log away.
    let folder = path.parent().unwrap_or(Path::new("."));
    directory::sync(folder).map_err(|error| errors::of_system(&error))?;
    Ok(conn)
}

/// A connection that reads a workspace and can do nothing else.
pub(crate) fn reader(path: &Path) -> Result<Connection> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    conn.pragma_update(None, "query_only", "ON")?;
    // Readers are many and short: 2 MiB each.
    conn.pragma_update(None, "cache_size", "-2048")?;
    Ok(conn)
}

/// A connection that reads what it writes and never commits. What does not fit into its memory would be written to the
/// disk, which is full.
pub(crate) fn overlay(path: &Path) -> Result<Connection> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "wal_autocheckpoint", "0")?;
    conn.pragma_update(None, "cache_size", "-65536")?;
    Ok(conn)
}

/// A connection that only looks, also at a copy in a place that cannot be written, if its write-ahead log is empty.
pub(crate) fn open_for_reading(path: &Path) -> std::result::Result<Connection, EngineError> {
    let reads = |conn: Connection| conn.query_row("PRAGMA user_version", [], |_| Ok(())).map(|()| conn);
    let error = match reader(path).and_then(reads) {
        Ok(conn) => return Ok(conn),
        Err(error) => error,
    };
    // The index of the log cannot be made where nothing can be written.
    if !matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) {
        return Err(error.into());
    }
    let log = path.with_extension("db-wal");
    if std::fs::metadata(log).is_ok_and(|file| file.len() > 0) {
        let why = "its write-ahead log is not empty and cannot be read here: copy it to where it can be written";
        return Err(EngineError::Broken(why.into()));
    }
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Ok(open(Path::new(&format!("file:{escaped}?immutable=1")), flags).and_then(reads)?)
}

/// The connection that runs checkpoints beside the writer.
pub(crate) fn checkpointer(path: &Path) -> Result<Connection> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "synchronous", SYNCHRONOUS)?;
    conn.pragma_update(None, "wal_autocheckpoint", "0")?;
    Ok(conn)
}

/// The connection of the catalogue: a few rows, seldom written, so the plain journal, whose loss cannot take a commit
/// back.
pub(crate) fn catalogue(path: &Path) -> Result<Connection> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    conn.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0))?;
    conn.pragma_update(None, "synchronous", SYNCHRONOUS_JOURNAL)?;
    conn.pragma_update(None, "secure_delete", "ON")?;
    Ok(conn)
}

/// A connection that reads the catalogue. It may write what a crash left to be taken back, if the file lets it.
pub(crate) fn catalogue_for_reading(path: &Path) -> Result<Connection> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "query_only", "ON")?;
    Ok(conn)
}

/// Copies the write-ahead log into the file as far as nobody is in the way; true if all of it.
pub(crate) fn checkpoint(conn: &Connection) -> Result<bool> {
    conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
    })
}

/// Bytes of the database that are in use, wherever their pages are now: pages that deletions freed are used again.
pub(crate) fn used_bytes(conn: &Connection) -> Result<u64> {
    let pages = |sql| conn.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0));
    let used = pages("PRAGMA page_count")? - pages("PRAGMA freelist_count")?;
    // In a damaged head the free pages may be more than all: `verify` finds it, and so does a write that takes one.
    Ok(u64::try_from(used).unwrap_or(0) * PAGE_BYTES)
}

/// Copies all of it and empties the log; false at once where somebody reads.
pub(crate) fn cut(conn: &Connection) -> Result<bool> {
    conn.busy_timeout(Duration::ZERO)?;
    let done = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0));
    conn.busy_timeout(BUSY)?;
    done
}

/// Copies all of it and empties the log; for a connection that is about to close. False where somebody reads.
pub(crate) fn truncate(conn: &Connection) -> Result<bool> {
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
}
