//! What was deleted does not stay in the write-ahead log (finding of an attack: erased people could be read there).

use super::rig::Home;
use muster_core::change::{RowChange, RowKey, StoredRow};
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_store::conformance::rig::{id, put, workspace};
use muster_store::engine::Engine;
use muster_store::sqlite::{Sqlite, SqliteOptions};
use std::fs;
use std::thread;
use std::time::Duration;

const SECRET: &str = "asha@example.test";

fn key() -> Identifier {
    Identifier { kind: IdentifierKind::new("email"), value: SECRET.into() }
}

/// Whether a file of the workspace holds the value.
fn is_on_disk(home: &Home) -> bool {
    let folder = home.database("shop").parent().unwrap().to_owned();
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap_or_default());
    files.into_iter().any(|bytes| bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()))
}

/// An engine that stored the value and deleted it again.
fn deleted(home: &Home, log_kept: Duration) -> Sqlite {
    let engine = Sqlite::open(SqliteOptions { log_kept, ..home.options() }).unwrap();
    engine.create_workspace(&workspace("shop")).unwrap();
    put(&engine, &id("shop"), vec![RowChange::Upsert(StoredRow::Binding(key(), ProfileNo(1)))]).unwrap();
    put(&engine, &id("shop"), vec![RowChange::Delete(RowKey::Binding(key()))]).unwrap();
    engine
}

/// Waits until it holds: the keeper looks twice a second.
fn soon(holds: impl Fn() -> bool) -> bool {
    (0..1_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        holds()
    })
}

// Fails when `cut_log` asks for nothing, or `Writer::checkpoint` only copies the log.
#[test]
fn what_was_deleted_leaves_the_log_when_it_is_asked_for_once_nobody_reads() {
    let home = Home::new();
    let engine = deleted(&home, Duration::MAX);
    assert!(is_on_disk(&home), "the search finds what is there");
    let reader = engine.read(&id("shop")).unwrap();
    engine.cut_log(&id("shop"));
    drop(reader);
    assert!(soon(|| !is_on_disk(&home)));
    assert_eq!(put(&engine, &id("shop"), vec![RowChange::Upsert(StoredRow::Binding(key(), ProfileNo(2)))]), Ok(()));
}

// Fails when `wants_cut` leaves out how long the log has held something.
#[test]
fn what_was_deleted_leaves_the_log_after_a_while_by_itself() {
    let home = Home::new();
    let _engine = deleted(&home, Duration::ZERO);
    assert!(soon(|| !is_on_disk(&home)));
}
