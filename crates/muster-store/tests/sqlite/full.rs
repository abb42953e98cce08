//! A disk without room while a workspace is opened: 503 and not ready, and on again when there is room. The device that
//! never has room takes the place of the disk.

use super::rig::Home;
use muster_core::change::{RowChange, StoredRow};
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_store::conformance::rig::{id, put, workspace};
use muster_store::engine::{Engine, EngineError};
use muster_store::sqlite::{Sqlite, SqliteOptions};
use std::os::unix::fs::symlink;
use std::thread;
use std::time::Duration;

fn bind(engine: &Sqlite, shop: &str, n: u64) -> Result<(), EngineError> {
    let key = Identifier { kind: IdentifierKind::new("customer_id"), value: n.to_string().into() };
    put(engine, &id(shop), vec![RowChange::Upsert(StoredRow::Binding(key, ProfileNo(n)))])
}

/// Waits until it holds: the keeper looks twice a second.
fn soon(holds: impl Fn() -> bool) -> bool {
    (0..1_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        holds()
    })
}

// Fails when `turn` answers a queue that does not open without marking it full, or the keeper wakes no full queue.
#[test]
fn a_disk_that_is_full_while_a_workspace_is_opened_is_told_and_left_behind() {
    let home = Home::new();
    let engine = Sqlite::open(SqliteOptions { open_max: 1, ..home.options() }).unwrap();
    for shop in ["aa", "bb"] {
        engine.create_workspace(&workspace(shop)).unwrap();
    }
    let synced = home.database("aa").with_file_name("synced");
    let aside = synced.with_file_name("aside");
    let closed = || !home.database("aa").with_file_name("muster.db-wal").exists();
    bind(&engine, "aa", 1).unwrap();
    assert!(soon(|| bind(&engine, "bb", 1).is_ok() && closed()), "beyond the bound the longest idle is closed");
    std::fs::rename(&synced, &aside).unwrap();
    symlink("/dev/full", &synced).unwrap();
    assert_eq!(bind(&engine, "aa", 2), Err(EngineError::Full));
    assert_eq!(engine.health().failed.as_deref(), Some("the disk is full"));
    assert_eq!(bind(&engine, "bb", 2), Ok(()), "another workspace continues");
    std::fs::remove_file(&synced).unwrap();
    std::fs::rename(&aside, &synced).unwrap();
    assert!(soon(|| engine.health().failed.is_none()), "it is tried again by itself");
    assert_eq!(bind(&engine, "aa", 3), Ok(()));
}
