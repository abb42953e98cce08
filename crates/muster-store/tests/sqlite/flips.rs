//! A flipped bit anywhere in any file: what is served is right, or it is not served, and somebody says why.

#![expect(clippy::disallowed_methods, reason = "the person who runs the test says how many flips it tries")]

use super::rig::Home;
use muster_core::change::{RowChange, StoredRow};
use muster_core::facts::Needs;
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::record::Counters;
use muster_store::bounds::Bounds;
use muster_store::conformance::random::Dice;
use muster_store::conformance::rig::{facts, id, put_with, workspace};
use muster_store::engine::{Engine, EngineError, Trouble};
use muster_store::reader::dump;
use muster_store::sqlite::{OpenError, Sqlite, SqliteOptions, verify};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Rows of the first group: enough for tables of several pages.
const FIRST: u64 = 400;
/// Flips of each file, unless `MUSTER_FLIPS` asks for another number.
const FLIPS: usize = 40;

fn open(home: &Home) -> Result<Sqlite, OpenError> {
    // Nothing is filled for its age.
    let bounds = Bounds { redo_age: Duration::MAX, ..Bounds::default() };
    Sqlite::open(SqliteOptions { bounds, ..home.options() })
}

fn key(n: u64) -> Identifier {
    Identifier { kind: IdentifierKind::new("customer_id"), value: format!("customer {n:04}").into() }
}

/// Group `g` binds these keys; the first one many.
fn of_group(group: u64) -> std::ops::RangeInclusive<u64> {
    if group == 1 { 1..=FIRST } else { FIRST + group..=FIRST + group }
}

fn rows(group: u64) -> Vec<RowChange> {
    let row = |n| RowChange::Upsert(StoredRow::Binding(key(n), ProfileNo(n)));
    of_group(group).map(row).collect()
}

fn add(engine: &Sqlite, group: u64) {
    let counters = move |c: Counters| Counters { profile: FIRST + group, seq: c.seq + 1, ..c };
    assert_eq!(put_with(engine, &id("shop"), rows(group), counters), Ok(()));
}

/// A crash with everything somewhere: of the groups 1 to 11 those up to 3 are in the database, 4 to 9 in its write-ahead log,
/// of which the redo log has the last fill, too, and the rest is in the redo log alone.
fn crashed() -> Home {
    let home = Home::new();
    let engine = open(&home).unwrap();
    engine.create_workspace(&workspace("shop")).unwrap();
    (1..=3).for_each(|group| add(&engine, group));
    drop(engine);
    let engine = open(&home).unwrap();
    for groups in [4..=5, 6..=7, 8..=9] {
        groups.for_each(|group| add(&engine, group));
        // A reader fills.
        assert!(engine.read(&id("shop")).unwrap().counters().is_ok());
    }
    (10..=11).for_each(|group| add(&engine, group));
    let copy = home.copy();
    for name in ["redo-0", "redo-1", "muster.db-wal"] {
        assert_ne!(fs::metadata(file(&copy, name)).unwrap().len(), 0, "{name}");
    }
    copy
}

/// The same groups after a clean stop, which leaves them in the database alone.
fn stopped() -> Home {
    let home = crashed();
    drop(open(&home).unwrap());
    home
}

fn file(home: &Home, name: &str) -> PathBuf {
    home.database("shop").with_file_name(name)
}

/// Everything that is served.
#[derive(Debug, PartialEq)]
struct Served {
    groups: u64,
    rows: Vec<RowChange>,
    /// Of some keys, as decisions are told.
    bound: Vec<Option<ProfileNo>>,
    workspaces: Vec<String>,
}

/// What is served, or why nothing is.
fn served(home: &Home) -> Result<Served, String> {
    let engine = open(home).map_err(|error| error.to_string())?;
    let told = |error: EngineError| format!("{error:?}");
    if let Some(Trouble::Damaged { why, .. }) = engine.health().troubles.first() {
        return Err(why.to_string());
    }
    let (counters, rows) = dump(&mut *engine.read(&id("shop")).map_err(told)?).map_err(told)?;
    let keys = (1..=FIRST + 11).step_by(7);
    let needs = Needs { bindings: keys.clone().map(|n| key(n).into()).collect(), ..Needs::default() };
    let found = facts(&engine, &id("shop"), needs).map_err(told)?;
    let bound = keys.map(|n| found.bindings.get(&key(n)).copied().flatten()).collect();
    let workspaces = engine.workspaces().map_err(told)?.iter().map(|entry| entry.id.to_string()).collect();
    Ok(Served { groups: counters.seq, rows, bound, workspaces })
}

/// Flips bits of a file, one at a time. Returns how that ended, for people.
fn flip(base: &Home, path: &str) -> String {
    let right = served(&base.copy()).unwrap();
    assert_eq!((right.groups, right.rows.len() as u64), (11, FIRST + 10));
    let flips = std::env::var("MUSTER_FLIPS").map_or(FLIPS, |text| text.parse().unwrap());
    let whole = fs::read(base.path().join(path)).unwrap();
    let mut dice = Dice::new(whole.len() as u64);
    let (mut held, mut refused, mut wrong) = (0, 0, Vec::new());
    let written = whole.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for n in 0..flips.min(written * 8) {
        // The head of the file byte by byte, then anywhere in what was written.
        let at = if n < flips / 3 { n % written } else { dice.below(written as u64) as usize };
        let bit = dice.below(8);
        let copy = base.copy();
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << bit;
        fs::write(copy.path().join(path), &flipped).unwrap();
        match served(&copy) {
            Err(why) => {
                assert!(!why.is_empty());
                refused += 1;
            }
            Ok(served) if served == right => held += 1,
            Ok(served) => {
                let found = verify(copy.path()).map(|report| report.is_clean());
                wrong.push(format!("byte {at} bit {bit}: {} rows, verify clean: {found:?}", served.rows.len()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "{path} served what is wrong");
    format!("{path}: {held} served what is right, {refused} were refused")
}

// Fails when `log::records` takes a damaged beginning for an empty file, or `record::split` compares no checksum.
#[test]
fn no_flip_in_the_redo_log_makes_a_wrong_answer() {
    let base = crashed();
    for name in ["redo-0", "redo-1"] {
        println!("{}", flip(&base, &format!("workspaces/shop/{name}")));
    }
}

// Fails when `Writer::open` takes a redo log that does not follow the tables, or forgets the last synced group.
#[test]
fn no_flip_in_the_write_ahead_log_makes_a_wrong_answer() {
    println!("{}", flip(&crashed(), "workspaces/shop/muster.db-wal"));
}

// Fails when `table::checked` compares no sum.
#[test]
fn no_flip_in_the_database_makes_a_wrong_answer() {
    for base in [crashed(), stopped()] {
        println!("{}", flip(&base, "workspaces/shop/muster.db"));
    }
}

// Fails when a start panics over it: nothing of it is served, it only makes a start refuse.
#[test]
fn no_flip_in_the_number_of_the_last_group_makes_a_wrong_answer() {
    println!("{}", flip(&crashed(), "workspaces/shop/synced"));
}

// Fails when the catalogue's rows are not checked.
#[test]
fn no_flip_in_the_catalogue_or_the_format_makes_a_wrong_answer() {
    let base = crashed();
    println!("{}", flip(&base, "muster.db"));
    println!("{}", flip(&base, "format"));
}
