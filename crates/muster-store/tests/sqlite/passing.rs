//! What could not be written just now, and wrote nothing, is tried again and heals by itself (behaviour.md 1.11.g).

use super::rig::Home;
use muster_core::change::{RowChange, StoredRow};
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_store::conformance::rig::{id, put, workspace};
use muster_store::engine::{Created, Engine, EngineError};
use std::fs;
use std::os::unix::fs::symlink;

/// A link to nowhere where the catalogue's journal goes, which cannot be opened: the catalogue is not written.
fn in_the_way(home: &Home) -> std::path::PathBuf {
    let path = home.path().join("muster.db-journal");
    symlink(home.path().join("nowhere/journal"), &path).unwrap();
    path
}

// Fails when `Catalogue::write` sets `failed` for an error that wrote nothing.
#[test]
fn a_catalogue_that_cannot_be_written_for_a_while_is_busy_and_goes_on() {
    let home = Home::new();
    let engine = home.open().unwrap();
    engine.create_workspace(&workspace("shop")).unwrap();
    let blocked = in_the_way(&home);
    assert!(matches!(engine.put_secret("a", b"1"), Err(EngineError::Busy(_))));
    assert!(matches!(engine.create_workspace(&workspace("other")), Err(EngineError::Busy(_))));
    assert!(matches!(engine.delete_workspace(&id("shop")), Err(EngineError::Busy(_))));
    let health = engine.health();
    assert_eq!((health.failed, health.needs_restart), (None, false));
    fs::remove_file(blocked).unwrap();
    assert_eq!(engine.put_secret("a", b"1"), Ok(()));
    assert_eq!(engine.create_workspace(&workspace("other")), Ok(Created::Made));
    // Fails when `put_back` is not called: it was to be deleted, and is not.
    let key = Identifier { kind: IdentifierKind::new("customer_id"), value: "a".into() };
    assert_eq!(put(&engine, &id("shop"), vec![RowChange::Upsert(StoredRow::Binding(key, ProfileNo(1)))]), Ok(()));
    assert_eq!(engine.delete_workspace(&id("shop")), Ok(()));
}
