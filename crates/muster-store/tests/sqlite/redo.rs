//! The redo log: what a crash, damage, or a failing disk leaves of it, and what readers see.

use super::rig::Home;
use muster_core::change::{RowChange, StoredRow};
use muster_core::facts::Needs;
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::Route;
use muster_core::outcome::RecordedAnswer;
use muster_core::record::{Counters, Idempotency};
use muster_core::time::Timestamp;
use muster_store::bounds::Bounds;
use muster_store::conformance::rig::{facts, id, put_with, workspace};
use muster_store::engine::{Engine, EngineError, Trouble};
use muster_store::reader::dump;
use muster_store::sqlite::{Sqlite, SqliteOptions, verify};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const FILES: [&str; 2] = ["redo-0", "redo-1"];

fn options(home: &Home) -> SqliteOptions {
    // Nothing is filled for its age.
    let bounds = Bounds { redo_age: Duration::MAX, ..Bounds::default() };
    SqliteOptions { bounds, ..home.options() }
}

fn open(home: &Home) -> Sqlite {
    Sqlite::open(options(home)).unwrap()
}

fn binding(n: u64) -> RowChange {
    let key = Identifier { kind: IdentifierKind::new("customer_id"), value: format!("customer {n:04}").into() };
    RowChange::Upsert(StoredRow::Binding(key, ProfileNo(n)))
}

fn add_to(engine: &Sqlite, shop: &str, n: u64) -> Result<(), EngineError> {
    put_with(engine, &id(shop), vec![binding(n)], move |c| Counters { profile: n, seq: c.seq + 1, ..c })
}

fn add(engine: &Sqlite, n: u64) {
    assert_eq!(add_to(engine, "shop", n), Ok(()));
}

/// A workspace whose groups up to 3 are in the tables, closed.
fn home() -> Home {
    let home = Home::new();
    let engine = open(&home);
    for shop in ["shop", "twin"] {
        engine.create_workspace(&workspace(shop)).unwrap();
        (1..=3).for_each(|n| assert_eq!(add_to(&engine, shop, n), Ok(())));
    }
    drop(engine);
    home
}

fn file(home: &Home, name: &str) -> PathBuf {
    home.database("shop").with_file_name(name)
}

fn lengths(home: &Home) -> [u64; 2] {
    FILES.map(|name| fs::metadata(file(home, name)).map_or(0, |file| file.len()))
}

/// A copy of its files when the groups 4 to 8 are in the redo log alone.
fn logged(home: &Home) -> Home {
    let engine = open(home);
    for n in 4..=8 {
        add(&engine, n);
        assert_eq!(add_to(&engine, "twin", n), Ok(()));
    }
    let copy = home.copy();
    assert_eq!(in_tables(&copy), 3);
    copy
}

/// A copy when groups from 4 on are being filled, and the groups after those are in the other file. Returns the last one.
fn filling(home: &Home) -> (Home, u64) {
    let engine = open(home);
    (4..=6).for_each(|n| add(&engine, n));
    // Somebody else has the lock of the tables: the fill waits for it.
    let other = rusqlite::Connection::open(home.database("shop")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| engine.read(&id("shop")).unwrap().counters().map(|c| c.seq));
        let mut last = 6;
        while lengths(home)[1] == 0 {
            last += 1;
            assert!(last < 5_000, "no fill begins");
            add(&engine, last);
        }
        last += 1;
        add(&engine, last);
        let copy = home.copy();
        assert_eq!(in_tables(&copy), 3);
        other.execute_batch("ROLLBACK").unwrap();
        assert!(reader.join().unwrap().is_ok_and(|seq| seq >= 6));
        (copy, last)
    })
}

/// The last group that the tables have.
fn in_tables(home: &Home) -> u64 {
    // SQLite empties the write-ahead log of what it closes.
    let copy = home.copy();
    let conn = rusqlite::Connection::open(copy.database("shop")).unwrap();
    conn.query_row("SELECT group_no FROM engine", [], |row| row.get::<_, i64>(0)).unwrap().cast_unsigned()
}

/// Its contents, if it is served.
fn contents(engine: &Sqlite) -> Result<(u64, Vec<RowChange>), EngineError> {
    let (counters, rows) = dump(&mut *engine.read(&id("shop"))?)?;
    Ok((counters.seq, rows))
}

/// The counter and rows after this many groups.
fn after(last: u64) -> Result<(u64, Vec<RowChange>), EngineError> {
    Ok((last, (1..=last).map(binding).collect()))
}

/// What `verify` finds that is not about the laws, which these rows do not keep.
fn breaches(home: &Home) -> Vec<String> {
    let found = verify(home.path()).unwrap().workspaces.remove(0).breaches;
    let words = ["checksum", "rows, expected", "redo log", "acknowledged", "the file"];
    found.into_iter().filter(|breach| words.iter().any(|word| breach.contains(word))).collect()
}

/// Why the workspace is not served.
fn damage(engine: &Sqlite) -> Option<String> {
    engine.health().troubles.into_iter().find_map(|trouble| match trouble {
        Trouble::Damaged { why, .. } => Some(why.to_string()),
        _ => None,
    })
}

/// Checks that a copy opens to this many groups and is whole, before, after, and after the next start.
fn assert_opens(copy: &Home, last: u64) {
    assert_eq!(breaches(copy), Vec::<String>::new());
    let engine = open(copy);
    assert_eq!(damage(&engine), None);
    assert_eq!(lengths(copy), [0, 0], "what is in the tables is in no log");
    assert_eq!(contents(&engine), after(last));
    add(&engine, last + 1);
    drop(engine);
    assert_eq!(lengths(copy), [0, 0]);
    assert_eq!(breaches(copy), Vec::<String>::new());
    assert_eq!(contents(&open(copy)), after(last + 1));
}

/// Checks that the loss is found by `verify` and by the start, in these words.
fn assert_refused(copy: &Home, why: &str, about: &str) {
    let found = breaches(copy);
    assert!(found.iter().any(|breach| breach.contains(why)), "{about}: {found:?}");
    let before = FILES.map(|name| fs::read(file(copy, name)).unwrap_or_default());
    let engine = open(copy);
    let told = damage(&engine);
    assert!(told.is_some_and(|told| told.contains("group")), "{about}: it is served");
    drop(engine);
    let left = FILES.map(|name| fs::read(file(copy, name)).unwrap_or_default());
    assert!(left == before, "{about}: what a person may look at was changed");
}

/// Where the records of a file begin and end.
fn records(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut records, mut at) = (Vec::new(), 24);
    while bytes[at..].starts_with(b"MRL") {
        let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        records.push((at, at + 24 + length));
        at += 24 + length;
    }
    records
}

fn set_synced(home: &Home, group: u64) {
    fs::write(file(home, "synced"), format!("{group:020}\n")).unwrap();
}

// Fails when `Writer::open` leaves the fill out, or `RedoLog::open` reads one file alone.
#[test]
fn a_crash_before_a_fill_and_while_one_runs_loses_nothing() {
    let home = home();
    assert_opens(&logged(&home), 8);
    let home = self::home();
    let (copy, last) = filling(&home);
    assert!(lengths(&copy).iter().all(|length| *length > 0));
    assert_opens(&copy, last);
}

// Fails when `RedoLog::clear` empties nothing, or `Front::close` does not call it.
#[test]
fn the_log_is_empty_after_a_clean_stop() {
    let home = home();
    let engine = open(&home);
    (4..=6).for_each(|n| add(&engine, n));
    assert_eq!(contents(&engine), after(6));
    (7..=8).for_each(|n| add(&engine, n));
    assert!(lengths(&home).iter().all(|length| *length > 0), "both were used");
    engine.close();
    assert_eq!((lengths(&home), in_tables(&home)), ([0, 0], 8));
}

// Fails when `replay` says `Broken` of a record that nothing follows, or `Writer::open` forgets the number of the last
// synced group.
#[test]
fn a_torn_last_record_is_lost_alone_if_nobody_acknowledged_it() {
    let base = logged(&home());
    let whole = fs::read(file(&base, FILES[0])).unwrap();
    let records = records(&whole);
    assert_eq!(records.len(), 5);
    let (start, end) = records[4];
    let is_zero = |at: usize| whole[at..end].iter().all(|byte| *byte == 0);
    // At every byte of the head, and at some of the rest; with what was grown ahead of it, and without.
    let cuts = (start..start + 26).chain((start + 26..end).step_by(23)).chain([end - 1]).filter(|at| !is_zero(*at));
    for (n, at) in cuts.enumerate() {
        let mut torn = whole.clone();
        if n % 3 == 0 {
            torn.truncate(at);
        } else {
            torn[at..end].fill(0);
        }
        let copy = base.copy();
        fs::write(file(&copy, FILES[0]), &torn).unwrap();
        if n % 4 == 0 {
            assert_refused(&copy, "lost its end", &format!("cut at {}", at - start));
        }
        set_synced(&copy, 7);
        if n % 4 == 1 {
            assert_opens(&copy, 7);
        } else {
            assert_eq!(contents(&open(&copy)), after(7), "cut at {}", at - start);
        }
    }
}

// Fails when `record::split` compares no checksum, when `replay` looks at nothing behind a damaged record, or when
// `group_is_synced` leaves out `redo::tail`.
#[test]
fn a_flipped_bit_in_the_middle_of_the_log_is_refused_and_found_by_verify() {
    let base = logged(&home());
    // Even where the number of the last synced group is lost, too.
    set_synced(&base, 0);
    let whole = fs::read(file(&base, FILES[0])).unwrap();
    let records = records(&whole);
    for (record, (start, end)) in records[..4].iter().copied().enumerate() {
        // Every byte of the first record's head, then some of the state and of the images.
        let places = (start..start + 24).step_by(if record == 0 { 1 } else { 5 }).chain((start + 24..end).step_by(31));
        for at in places.chain([end - 1]) {
            let copy = base.copy();
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(file(&copy, FILES[0]), &flipped).unwrap();
            assert_refused(&copy, "missing or damaged", &format!("byte {} of record {record}", at - start));
        }
    }
}

// Fails when `log::records` takes a file whose beginning fails its check for an empty one.
#[test]
fn a_log_whose_beginning_is_damaged_is_refused_even_if_nobody_knows_the_last_group() {
    let base = logged(&home());
    set_synced(&base, 0);
    let whole = fs::read(file(&base, FILES[0])).unwrap();
    for at in 0..24 {
        let copy = base.copy();
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(file(&copy, FILES[0]), &flipped).unwrap();
        assert_refused(&copy, "the beginning of a redo log is damaged", &format!("byte {at}"));
    }
}

// Fails when `replay` leaves out that a group must follow the one before it, or `Writer::open` the number of the last
// synced group.
#[test]
fn a_log_without_one_of_its_files_is_refused() {
    let (base, _) = filling(&home());
    for (name, why) in [(FILES[0], "missing or damaged"), (FILES[1], "lost its end")] {
        let copy = base.copy();
        fs::remove_file(file(&copy, name)).unwrap();
        assert_refused(&copy, why, name);
        // The same of an empty one.
        fs::write(file(&copy, name), b"").unwrap();
        assert_refused(&copy, why, name);
    }
}

// Fails when `log::seed` is the same for all folders.
#[test]
fn the_log_of_another_workspace_is_refused_although_its_groups_follow() {
    let copy = logged(&home());
    fs::copy(copy.database("twin").with_file_name(FILES[0]), file(&copy, FILES[0])).unwrap();
    assert_refused(&copy, "of another workspace", "the log of a twin");
}

// Fails when `replay` takes groups that the tables have, or when `Writer::open` forgets the number of the last synced group.
#[test]
fn a_log_of_an_older_time_takes_nothing_back() {
    let home = home();
    let engine = open(&home);
    (4..=5).for_each(|n| add(&engine, n));
    let old = fs::read(file(&home, FILES[0])).unwrap();
    (6..=8).for_each(|n| add(&engine, n));
    let copy = home.copy();
    drop(engine);
    fs::write(file(&copy, FILES[0]), &old).unwrap();
    assert_refused(&copy, "lost its end", "an older log that lacks acknowledged groups");
    for name in FILES {
        let stopped = home.copy();
        fs::write(file(&stopped, name), &old).unwrap();
        assert_opens(&stopped, 8);
    }
}

// Fails when `Writer::open` leaves the fill out, or when a replayed row counts twice in the sum of its family.
#[test]
fn a_log_is_replayed_once_wherever_the_start_is_cut_short() {
    let base = logged(&home());
    let before = FILES.map(|name| fs::read(file(&base, name)).unwrap());
    // The fill is committed and the log not emptied yet, start after start.
    let copy = base.copy();
    for _ in 0..3 {
        let engine = open(&copy);
        assert_eq!(contents(&engine), after(8));
        let crashed = copy.copy();
        drop(engine);
        for home in [&crashed, &copy] {
            for (name, bytes) in FILES.iter().zip(&before) {
                fs::write(file(home, name), bytes).unwrap();
            }
        }
        assert_opens(&crashed, 8);
    }
    assert_opens(&copy, 8);
    // A part of the fill is in the write-ahead log, and its end is not.
    let filled = base.copy();
    let engine = open(&filled);
    let crashed = filled.copy();
    drop(engine);
    let log = fs::read(file(&crashed, "muster.db-wal")).unwrap();
    let frames = (log.len() - 32) / (24 + 4_096);
    assert!(frames > 2);
    for frame in 0..frames {
        let copy = crashed.copy();
        fs::write(file(&copy, "muster.db-wal"), &log[..32 + frame * (24 + 4_096) + 1_000]).unwrap();
        for (name, bytes) in FILES.iter().zip(&before) {
            fs::write(file(&copy, name), bytes).unwrap();
        }
        set_synced(&copy, 8);
        assert_opens(&copy, 8);
    }
}

// Fails when `SqliteReader::open` reads without `check_readable`: groups that were acknowledged are not seen.
#[test]
fn a_start_that_cannot_write_the_tables_shows_nothing_older_and_heals() {
    let copy = logged(&home());
    let other = rusqlite::Connection::open(copy.database("shop")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let engine = open(&copy);
    assert_eq!(damage(&engine), None);
    assert!(matches!(contents(&engine), Err(EngineError::Busy(_))));
    assert!(matches!(engine.recorded_answer(&id("shop"), Route::Event, "a"), Err(EngineError::Busy(_))));
    other.execute_batch("ROLLBACK").unwrap();
    let is_healed = (0..1_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        contents(&engine).is_ok()
    });
    assert!(is_healed, "it is tried again by itself");
    assert_eq!(contents(&engine), after(8));
}

fn answer(key: &str) -> Idempotency {
    let answer = RecordedAnswer { status: 200, outcomes: "".into(), body: b"{}".to_vec().into() };
    Idempotency { route: Route::Event, key: key.into(), body_hash: [1; 32], at: Timestamp(1_000), answer }
}

fn record(engine: &Sqlite, key: &str) -> Result<(), EngineError> {
    let rows = vec![RowChange::Upsert(StoredRow::Idempotency(answer(key)))];
    put_with(engine, &id("shop"), rows, |c| Counters { seq: c.seq + 1, ..c })
}

// Fails when `Sqlite::recorded_answer` leaves out `Front::get`.
#[test]
fn a_recorded_answer_is_found_that_is_in_the_log_alone() {
    let home = home();
    let engine = open(&home);
    assert_eq!(record(&engine, "a"), Ok(()));
    let find = |key| engine.recorded_answer(&id("shop"), Route::Event, key);
    assert_eq!((find("a"), find("b")), (Ok(Some(answer("a"))), Ok(None)));
    assert_eq!(in_tables(&home), 3, "nothing was filled for it");
    assert!(contents(&engine).is_ok());
    assert_eq!((find("a"), in_tables(&home)), (Ok(Some(answer("a"))), 4));
}

// Fails when `RedoTables::logged`, or `Front::get`, leaves out the generation that is filled.
#[test]
fn a_decision_and_a_retry_see_what_is_filled_just_now() {
    let home = home();
    let engine = open(&home);
    assert_eq!(record(&engine, "a"), Ok(()));
    // Somebody else has the lock of the tables: the fill waits for it.
    let other = rusqlite::Connection::open(home.database("shop")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| engine.read(&id("shop")).unwrap().counters());
        let mut n = 3;
        while lengths(&home)[1] == 0 {
            n += 1;
            add(&engine, n);
        }
        let needs = Needs { idempotency: Some((Route::Event, "a".into())), ..Needs::default() };
        let decided = facts(&engine, &id("shop"), needs).map(|facts| facts.idempotency.into_values().collect());
        let retried = engine.recorded_answer(&id("shop"), Route::Event, "a");
        assert_eq!(in_tables(&home), 3, "it is filled");
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!((decided, retried), (Ok(vec![Some(answer("a"))]), Ok(Some(answer("a")))));
    });
}

// Fails when `Writer::log` takes `Unknown` for a failure that passes, or when `GroupPlace::log` absorbs a group before it is
// logged.
#[test]
fn after_a_failed_sync_of_the_log_nothing_more_is_written_and_nothing_unsynced_is_seen() {
    let home = home();
    // A device that takes all bytes and cannot be synced.
    fs::remove_file(file(&home, FILES[0])).unwrap();
    symlink("/dev/null", file(&home, FILES[0])).unwrap();
    let engine = open(&home);
    for key in ["a", "b"] {
        assert!(matches!(record(&engine, key), Err(EngineError::Unavailable(_))));
        assert_eq!(engine.recorded_answer(&id("shop"), Route::Event, key), Ok(None));
    }
    assert!(engine.health().needs_restart);
    assert_eq!(contents(&engine), after(3));
    drop(engine);
    fs::remove_file(file(&home, FILES[0])).unwrap();
    assert_opens(&home, 3);
}

// Fails when `SqliteReader::open` leaves out `fill_for_reader`, or `fill_for_reader` waits for no group in the log.
#[test]
fn readers_see_everything_that_was_answered_while_imports_run() {
    const EACH: u64 = 60;
    let home = home();
    let engine = Sqlite::open(home.options()).unwrap();
    let (answered, running) = (AtomicU64::new(3), AtomicU64::new(4));
    thread::scope(|scope| {
        for n in 0..4 {
            let (engine, answered, running) = (&engine, &answered, &running);
            scope.spawn(move || {
                for m in 0..EACH {
                    add(engine, 100 + n * EACH + m);
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while running.load(Ordering::SeqCst) > 0 {
                    let least = answered.load(Ordering::SeqCst);
                    let (seq, rows) = contents(&engine).unwrap();
                    assert!(seq >= least, "{least} were answered, and {seq} are there");
                    assert_eq!(rows.len() as u64, seq, "a reader sees whole groups");
                }
            });
        }
    });
    assert_eq!(contents(&engine).map(|(seq, _)| seq), Ok(3 + 4 * EACH));
}
