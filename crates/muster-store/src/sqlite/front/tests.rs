//! The redo log and the front by themselves.

use super::super::redo::{Tail, tail};
use super::*;
use crate::codec::row_sum;
use crate::conformance::rig::{HandClock, id, put_with, workspace};
use crate::engine::Engine as _;
use crate::sqlite::{Sqlite, SqliteOptions, schema, settings};
use crate::working_set::{RowWrite, StoredSum};
use crate::workspace_state::TableStats;
use muster_core::change::{RowChange, StoredRow};
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::record::Counters;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use tempfile::TempDir;

const FILES: [&str; 2] = ["redo-0", "redo-1"];

/// A front over new tables in a folder.
fn front(folder: &Path) -> Front {
    let mut conn = settings::writer(&folder.join("muster.db")).unwrap();
    schema::workspace(&mut conn).unwrap_or_else(|_| panic!("it makes tables"));
    let front = Front::new();
    let (log, tail) = RedoLog::open(folder, 0, &mut front.generation()).unwrap();
    assert_eq!(tail.unwrap(), Tail::Empty);
    front.start(TableWriter::new(conn).unwrap(), log);
    front
}

/// Cells of a row of the family `event_ids`, whose key has this many bytes.
fn cells(group: u64, bytes: usize) -> Vec<Cell<'static>> {
    let columns = Family::EventIds.columns().len();
    let key = format!("{group:08}{}", "x".repeat(bytes)).leak();
    let mut cells = vec![Cell::text(key)];
    cells.resize(columns, Cell::Int(1));
    cells
}

/// Logs one group of one row.
fn log(front: &Front, group: u64, bytes: usize) -> Result<(), LogError> {
    let place = front.place(&Cores::new(1));
    let mut group_rows = front.generation().group();
    let cells = cells(group, bytes);
    let sum = Some(row_sum(Family::EventIds, &cells));
    group_rows.add(Family::EventIds, &RowWrite::new(cells, sum, StoredSum::Unknown));
    place.log(group_rows, (Counters::default(), TableStats { group, ..TableStats::default() }))
}

fn logged(front: &Front, group: u64, bytes: usize) {
    assert!(log(front, group, bytes).is_ok(), "group {group} is logged");
}

/// Whether the tables have exactly the groups up to this one.
fn tables_have(folder: &Path, last: u64) -> bool {
    let conn = settings::reader(&folder.join("muster.db")).unwrap();
    let of = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap().cast_unsigned();
    (of("SELECT count(*) FROM event_ids"), of("SELECT group_no FROM engine")) == (last, last)
}

fn open_bytes(front: &Front) -> usize {
    lock(&front.unfilled).open.size()
}

// Fails when `Front::clear_log` empties the files whatever they hold.
#[test]
fn a_log_with_a_group_that_the_tables_lack_is_not_emptied() {
    let dir = TempDir::new().unwrap();
    let front = front(dir.path());
    logged(&front, 1, 10);
    let before = fs::read(dir.path().join(FILES[0])).unwrap();
    assert!(matches!(front.clear_log(), Ok(false)));
    assert_eq!(fs::read(dir.path().join(FILES[0])).unwrap(), before);
    assert_eq!(front.fill(&Cores::new(1)), Ok(()));
    assert!(matches!(front.clear_log(), Ok(true)));
    assert_eq!(FILES.map(|name| fs::metadata(dir.path().join(name)).unwrap().len()), [0, 0]);
    assert!(tables_have(dir.path(), 1));
}

// Fails when `RedoLog::clear` leaves a file alone that it believes to be empty: a closed workspace would not be readable.
#[test]
fn a_file_that_found_room_for_a_part_alone_is_emptied_too() {
    let dir = TempDir::new().unwrap();
    let front = front(dir.path());
    for name in FILES {
        fs::write(dir.path().join(name), [0; 4_096]).unwrap();
    }
    assert!(matches!(front.clear_log(), Ok(true)));
    assert_eq!(FILES.map(|name| fs::metadata(dir.path().join(name)).unwrap().len()), [0, 0]);
}

// Fails when `TableWriter::close` believes every checkpoint: what was erased would stay in the log unnoticed.
#[test]
fn a_write_ahead_log_that_somebody_reads_is_not_empty_when_its_writer_is_closed() {
    for is_read in [true, false] {
        let (dir, cores) = (TempDir::new().unwrap(), Cores::new(1));
        let front = front(dir.path());
        logged(&front, 1, 10);
        assert_eq!(front.fill(&cores), Ok(()));
        let reader = settings::reader(&dir.path().join("muster.db")).unwrap();
        if is_read {
            reader.execute_batch("BEGIN; SELECT 1 FROM engine;").unwrap();
        }
        logged(&front, 2, 10);
        let tables = front.close(&cores).unwrap().unwrap();
        tables.conn.busy_timeout(Duration::ZERO).unwrap();
        assert_eq!(tables.close(), Ok(!is_read));
    }
}

// Fails when `directory::make_private` opens a file that exists: to close it drops the locks of the process, and a shell that
// is closed then takes the write-ahead log away.
#[cfg(target_os = "linux")]
#[test]
fn a_writer_that_is_opened_leaves_the_locks_of_readers() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = TempDir::new().unwrap();
    let database = dir.path().join("muster.db");
    drop(front(dir.path()));
    let inode = format!(":{} ", fs::metadata(&database).unwrap().ino());
    let locks = || fs::read_to_string("/proc/locks").unwrap().lines().filter(|line| line.contains(&inode)).count();
    let reader = settings::reader(&database).unwrap();
    reader.query_row("SELECT count(*) FROM engine", [], |_| Ok(())).unwrap();
    assert_eq!(locks(), 1);
    let _writer = settings::writer(&database).unwrap();
    assert_eq!(locks(), 1);
}

// Fails when `RedoLog::append` says `NotStored` of a failed sync.
#[test]
fn nobody_knows_whether_a_group_is_stored_whose_sync_failed() {
    let dir = TempDir::new().unwrap();
    // A device that takes all bytes and cannot be synced.
    symlink("/dev/null", dir.path().join(FILES[0])).unwrap();
    let front = front(dir.path());
    assert!(matches!(log(&front, 1, 10), Err(LogError::Unknown(EngineError::Unavailable(_)))));
    assert!(front.is_filled(), "a group that is not synced is nowhere");
    assert!(matches!(front.get((Family::EventIds, &cells(1, 10)[..1]), |_| Ok(())), Ok(None)));
}

// Fails when `RedoLog::append` says `Unknown` of a failed write, or when `GroupPlace::log` absorbs a group before it is
// logged.
#[test]
fn a_group_is_not_stored_that_found_no_room() {
    let dir = TempDir::new().unwrap();
    let front = front(dir.path());
    let replace = |file| lock(&front.log).as_mut().unwrap().replace_file(file);
    let file = replace(fs::File::options().write(true).open("/dev/full").unwrap());
    assert!(matches!(log(&front, 1, 10), Err(LogError::NotStored(EngineError::Full))));
    assert!(front.is_filled());
    assert!(matches!(front.get((Family::EventIds, &cells(1, 10)[..1]), |_| Ok(())), Ok(None)));
    // There is room again.
    replace(file);
    logged(&front, 1, 20);
    assert_eq!(tail(dir.path(), 0).unwrap().unwrap(), Tail::Groups(1));
    assert!(matches!(front.get((Family::EventIds, &cells(1, 10)[..1]), |_| Ok(())), Ok(None)));
    assert!(matches!(front.get((Family::EventIds, &cells(1, 20)[..1]), |_| Ok(())), Ok(Some(Some(())))));
}

// Fails when `Writer::run` answers a group for which the log had no room, instead of writing it to the tables.
#[test]
fn a_group_that_finds_no_room_in_the_log_is_written_to_the_tables() {
    let dir = TempDir::new().unwrap();
    let engine = Sqlite::open(SqliteOptions::new(dir.path(), HandClock::at(1_000))).unwrap();
    let shop = id("shop");
    engine.create_workspace(&workspace("shop")).unwrap();
    let add = |n| {
        let key = Identifier { kind: IdentifierKind::new("customer_id"), value: "a".into() };
        let rows = vec![RowChange::Upsert(StoredRow::Binding(key, ProfileNo(n)))];
        put_with(&engine, &shop, rows, move |counters| Counters { profile: n, ..counters })
    };
    // The first loads the bindings, and is not logged.
    assert_eq!([add(1), add(2)], [Ok(()), Ok(())]);
    let front = engine.inner.workspace(&shop).unwrap().front.clone();
    for _ in FILES {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut log = lock(&front.log);
        drop(log.as_mut().unwrap().replace_file(full));
        log.as_mut().unwrap().switch();
    }
    assert_eq!(add(3), Ok(()));
    assert!(front.is_filled());
    assert_eq!(engine.read(&shop).unwrap().counters().unwrap().profile, 3);
}

// Fails when `Front::fill_once` takes the generation away whose fill failed, or `transact` keeps a part of it.
#[test]
fn a_fill_that_finds_no_room_loses_nothing_and_is_done_when_there_is_room() {
    let (dir, cores) = (TempDir::new().unwrap(), Cores::new(1));
    let front = front(dir.path());
    let pages_max = |pages: i64| {
        let tables = lock(&front.tables);
        tables.as_ref().unwrap().conn.pragma_update(None, "max_page_count", pages).unwrap();
    };
    logged(&front, 1, 10);
    assert_eq!(front.fill(&cores), Ok(()));
    // As many pages as there are.
    pages_max(1);
    for group in 2..=40 {
        logged(&front, group, 1_000);
    }
    assert_eq!(front.fill(&cores), Err(EngineError::Full));
    assert!(matches!(front.failure(), Some(failure) if failure.error == EngineError::Full && !failure.poison));
    assert!(tables_have(dir.path(), 1));
    for group in 41..=50 {
        logged(&front, group, 1_000);
    }
    // What a start would find, were it now: all of it, of both files.
    assert_eq!(tail(dir.path(), 1).unwrap().unwrap(), Tail::Groups(50));
    assert_eq!(front.fill(&cores), Err(EngineError::Full));
    pages_max(1_000_000);
    assert_eq!(front.fill(&cores), Ok(()));
    assert!(front.failure().is_none());
    assert!(tables_have(dir.path(), 50));
}

// Fails when `Front::overlay` leaves out a generation, or `table_writer::add_to_overlay` writes one again that the tables have.
#[test]
fn what_cannot_be_filled_is_read_over_the_tables_and_stored_nowhere() {
    let (dir, cores) = (TempDir::new().unwrap(), Cores::new(1));
    let database = dir.path().join("muster.db");
    let front = front(dir.path());
    let read = || {
        let conn = front.overlay(settings::overlay(&database).unwrap(), &cores).unwrap();
        let of = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        [of("SELECT count(*) FROM event_ids"), of("SELECT group_no FROM engine")]
    };
    logged(&front, 1, 10);
    assert_eq!(read(), [1, 1], "of the open generation");
    lock(&front.tables).as_ref().unwrap().conn.pragma_update(None, "max_page_count", 1).unwrap();
    (2..=40).for_each(|group| logged(&front, group, 1_000));
    assert_eq!(front.fill(&cores), Err(EngineError::Full));
    (41..=50).for_each(|group| logged(&front, group, 1_000));
    assert_eq!(read(), [50, 50], "of both generations");
    assert!(tables_have(dir.path(), 0));
    assert_eq!(tail(dir.path(), 0).unwrap().unwrap(), Tail::Groups(50));
    lock(&front.tables).as_ref().unwrap().conn.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    // The first of them is filled between the look at the generations and the transaction.
    let filling = lock(&front.unfilled).filling.clone().unwrap();
    assert_eq!(front.fill(&cores), Ok(()));
    let conn = settings::overlay(&database).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(table_writer::add_to_overlay(&conn, [&*filling].into_iter(), &cores), Ok(()));
    drop(conn);
    assert!(tables_have(dir.path(), 50));
    assert_eq!(read(), [50, 50]);
}

// Fails when `Front::fill_for_reader` waits for the tables, instead of for what it lacks.
#[test]
fn a_reader_does_not_wait_for_a_group_that_writes_the_tables_after_it_filled_them() {
    let (dir, cores) = (TempDir::new().unwrap(), Cores::new(2));
    let front = front(dir.path());
    logged(&front, 1, 10);
    let tables = lock(&front.tables);
    thread::scope(|scope| {
        let reader = scope.spawn(|| front.fill_for_reader(&cores));
        assert_eq!(front.fill_once(tables, 1, &cores), Ok(()));
        let _kept_by_the_group = lock(&front.tables);
        assert_eq!(reader.join().unwrap(), Ok(()));
    });
}

// Fails without the first condition of `Front::place`: the group is logged although the fill hangs.
#[test]
fn a_group_waits_while_a_fill_hangs_and_the_open_generation_is_at_its_bound() {
    const BYTES: usize = 1 << 20;
    let dir = TempDir::new().unwrap();
    let front = Arc::new(front(dir.path()));
    // Its share is never less.
    front.share(0, 1);
    logged(&front, 1, 10);
    // Somebody else has the lock of the tables: the fill waits for it.
    let other = rusqlite::Connection::open(dir.path().join("muster.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let filler = thread::spawn({
        let front = Arc::clone(&front);
        move || front.fill(&Cores::new(1))
    });
    while lock(&front.unfilled).filling.is_none() {
        thread::yield_now();
    }
    let last = Arc::new(AtomicUsize::new(0));
    let importer = thread::spawn({
        let (front, last) = (Arc::clone(&front), Arc::clone(&last));
        move || {
            for group in 2..=100 {
                logged(&front, group, 50_000);
                last.store(group as usize, Ordering::SeqCst);
            }
        }
    });
    // Until it waits.
    while open_bytes(&front) < BYTES {
        assert!(!importer.is_finished());
        thread::yield_now();
    }
    thread::sleep(Duration::from_millis(300));
    let (bytes, waits_at) = (open_bytes(&front), last.load(Ordering::SeqCst));
    assert!((BYTES..2 * BYTES).contains(&bytes) && waits_at < 30, "{bytes} bytes, group {waits_at}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(filler.join().unwrap(), Ok(()));
    importer.join().unwrap();
    assert_eq!(front.fill(&Cores::new(1)), Ok(()));
    assert!(tables_have(dir.path(), 100));
}

// Fails without the second condition of `Front::place`: nobody was there to fill.
#[test]
fn a_group_fills_by_itself_when_the_open_generation_has_twice_its_bytes() {
    const BYTES: usize = 1 << 20;
    let dir = TempDir::new().unwrap();
    let front = front(dir.path());
    front.share(0, 1);
    let mut most = 0;
    for group in 1..=100 {
        logged(&front, group, 50_000);
        most = most.max(open_bytes(&front));
    }
    assert!((2 * BYTES..2 * BYTES + 100_000).contains(&most), "{most}");
    assert_eq!(front.fill(&Cores::new(1)), Ok(()));
    assert!(tables_have(dir.path(), 100));
}

// Fails when `Front::wants_fill` asks more than once, or leaves out the size or the age.
#[test]
fn one_fill_is_asked_for_when_groups_are_old_or_many() {
    let dir = TempDir::new().unwrap();
    let front = front(dir.path());
    front.share(0, 1);
    let bounds = |redo_age| Bounds { redo_age, ..Bounds::default() };
    assert!(!front.wants_fill(&bounds(Duration::ZERO)), "there is nothing to fill");
    logged(&front, 1, 10);
    assert!(!front.wants_fill(&bounds(Duration::MAX)));
    assert!(front.wants_fill(&bounds(Duration::ZERO)));
    assert!(!front.wants_fill(&bounds(Duration::ZERO)));
    assert_eq!(front.fill(&Cores::new(1)), Ok(()));
    logged(&front, 2, 1 << 20);
    assert!(front.wants_fill(&bounds(Duration::MAX)));
}

// Fails when `Front::fill_once` does not ask how the last fill failed.
#[test]
fn nothing_is_filled_over_a_failed_sync() {
    let dir = TempDir::new().unwrap();
    let front = front(dir.path());
    logged(&front, 1, 10);
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
    let error = EngineError::from(rusqlite::Error::SqliteFailure(code, None));
    lock(&front.last_fill).failure = Some(GroupFailure { error: error.clone(), poison: true });
    assert_eq!(front.fill(&Cores::new(1)), Err(error.clone()));
    assert_eq!(front.close(&Cores::new(1)).err(), Some(error));
    assert!(tables_have(dir.path(), 0));
    assert_eq!(tail(dir.path(), 0).unwrap().unwrap(), Tail::Groups(1), "the next start does it");
}
