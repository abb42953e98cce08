//! Making a workspace removes nothing, and a catalogue that does not know what is there is noticed (behaviour.md 1.11.h).

use super::rig::Home;
use muster_core::change::{RowChange, StoredRow};
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::time::Timestamp;
use muster_store::access::{AuditClass, AuditRecord};
use muster_store::conformance::rig::{id, put, workspace};
use muster_store::engine::{Adopted, Created, Engine, EngineError, KeyRecord, Trouble, Workspace};
use muster_store::sqlite::{OpenError, Sqlite, SqliteOptions, verify};
use std::fs;

fn key() -> KeyRecord {
    KeyRecord { sha256: [7; 32], scopes: "import".into(), created_at: Timestamp(1), valid_until: None }
}

fn fill(engine: &Sqlite, shop: &str) {
    let key = Identifier { kind: IdentifierKind::new("customer_id"), value: "a".into() };
    put(engine, &id(shop), vec![RowChange::Upsert(StoredRow::Binding(key, ProfileNo(1)))]).unwrap();
}

fn has_data(engine: &Sqlite, shop: &str) -> bool {
    engine.read(&id(shop)).unwrap().counters().unwrap().seq == 1
}

/// A stopped directory with a workspace that holds something, and the catalogue as it was before the workspace.
fn home() -> (Home, Vec<u8>) {
    let home = Home::new();
    drop(home.open().unwrap());
    let before = fs::read(home.path().join("muster.db")).unwrap();
    let engine = home.open().unwrap();
    engine.create_workspace(&workspace("shop")).unwrap();
    fill(&engine, "shop");
    let with_key = |w: &Workspace| Workspace { keys: vec![key()], settings: "{\"x\":1}".into(), ..w.clone() };
    engine.configure(&id("shop"), Box::new(move |w, _| Some(with_key(w)))).unwrap();
    drop(engine);
    (home, before)
}

fn record() -> AuditRecord {
    AuditRecord {
        no: 0,
        at: Timestamp(1),
        token: "admin".into(),
        address: None,
        workspace: None,
        action: "workspace.adopted".into(),
        class: AuditClass::Change,
        subject: "shop".into(),
        detail: "{}".into(),
    }
}

fn adopt(home: &Home, shop: &str) -> Result<Adopted, OpenError> {
    muster_store::sqlite::adopt(home.path(), &id(shop), &workspace(shop), &record())
}

fn orphan(folder: &str) -> Trouble {
    Trouble::Orphan { folder: folder.into() }
}

// Fails when `create_workspace` does not look at the folders, or when `refuse_lost_catalogue` is not asked.
#[test]
fn a_lost_catalogue_stops_the_start_and_making_the_workspace_anew_removes_nothing() {
    for lost in ["removed", "emptied", "older"] {
        let (home, before) = home();
        let path = home.path().join("muster.db");
        match lost {
            "removed" => fs::remove_file(&path).unwrap(),
            "emptied" => fs::write(&path, "").unwrap(),
            _ => fs::write(&path, before).unwrap(),
        }
        let report = verify(home.path()).unwrap();
        assert!(!report.is_clean() && report.orphans == ["shop"], "{lost}: {report:?}");
        let refused = home.open().err();
        assert!(matches!(refused, Some(OpenError::NoCatalogue { .. })), "{lost}: {refused:?}");
        let engine = Sqlite::open(SqliteOptions { accept_catalogue: true, ..home.options() }).unwrap();
        assert_eq!(engine.health().troubles, [orphan("shop")]);
        for same in ["shop", "SHOP"] {
            assert_eq!(engine.create_workspace(&workspace(same)), Ok(Created::Orphaned), "{lost}");
        }
        assert!(matches!(engine.adopt_workspace(&id("shop"), &workspace("shop")), Ok(Adopted::TakenIn(_))));
        assert!(has_data(&engine, "shop"));
        assert_eq!((engine.health().troubles, engine.health().failed), (vec![], None));
        let entry = Workspace { keys: vec![key()], settings: "{\"x\":1}".into(), revision: 2, ..workspace("shop") };
        assert_eq!(engine.workspaces(), Ok(vec![entry]), "with the settings and keys that it keeps itself");
    }
}

// Fails when `compare` does not ask `is_unknown_to`, or `reconfigure` forgets `keep_entry`.
#[test]
fn a_catalogue_that_is_older_than_a_workspaces_own_copy_stops_the_start() {
    let (home, _) = home();
    let path = home.path().join("muster.db");
    let older = fs::read(&path).unwrap();
    let engine = home.open().unwrap();
    let revoked = engine.configure(&id("shop"), Box::new(|w, _| Some(Workspace { keys: vec![], ..w.clone() })));
    assert_eq!(revoked.unwrap().keys, []);
    drop(engine);
    fs::write(&path, &older).unwrap();
    assert!(!verify(home.path()).unwrap().is_clean());
    let refused = home.open().err();
    assert!(
        matches!(&refused, Some(OpenError::OldCatalogue { workspaces, .. }) if workspaces == "shop"),
        "{refused:?}"
    );
    // The copy that the workspace keeps is taken: the revoked key stays revoked.
    assert!(matches!(adopt(&home, "shop"), Ok(Adopted::TakenIn(entry)) if entry.keys.is_empty()));
    assert!(matches!(adopt(&home, "shop"), Ok(Adopted::Taken)));
    drop(home.open().unwrap());
    // Or the older one is, once and for all.
    fs::write(&path, &older).unwrap();
    let engine = Sqlite::open(SqliteOptions { accept_catalogue: true, ..home.options() }).unwrap();
    assert_eq!(engine.workspaces().unwrap()[0].keys, [key()]);
    drop(engine);
    assert!(home.open().is_ok());
}

#[test]
fn a_folder_is_taken_in_or_moved_aside_and_stays_there() {
    let (home, before) = home();
    fs::write(home.path().join("muster.db"), before).unwrap();
    assert!(matches!(adopt(&home, "none"), Ok(Adopted::Nothing)));
    let aside = muster_store::sqlite::remove_orphan(home.path(), &id("shop"), &record()).unwrap().unwrap();
    assert!(matches!(muster_store::sqlite::remove_orphan(home.path(), &id("shop"), &record()), Ok(None)));
    // Fails when `remove_set_aside` takes what was moved aside for what is to be removed.
    let engine = home.open().unwrap();
    assert!(home.path().join(&aside).join("muster.db").exists());
    assert_eq!(engine.create_workspace(&workspace("shop")), Ok(Created::Made));
    fill(&engine, "shop");
    let other = home.path().join("workspaces/other");
    fs::rename(home.path().join(&aside), &other).unwrap();
    let foreign = engine.adopt_workspace(&id("other"), &workspace("other"));
    assert!(matches!(foreign, Err(EngineError::Broken(_))), "it is the data of another workspace: {foreign:?}");
    assert_eq!(engine.remove_orphan(&id("other")), Ok(Some("removed/other.0.orphan".into())));
    assert!(has_data(&engine, "shop") && engine.health().troubles.is_empty());
}

// Fails when `has_alike` compares with case.
#[test]
fn ids_are_unique_without_case_and_two_of_before_still_open() {
    let home = Home::new();
    let engine = home.open().unwrap();
    assert_eq!(engine.create_workspace(&workspace("SHOP")), Ok(Created::Made));
    assert_eq!(engine.create_workspace(&workspace("shop")), Ok(Created::Taken));
    assert_eq!(engine.create_workspace(&workspace("other")), Ok(Created::Made));
    fill(&engine, "other");
    drop(engine);
    // As a version without the rule left it.
    let rename = "UPDATE workspaces SET id = 'shop', sum = ?1 WHERE id = 'other'";
    let conn = rusqlite::Connection::open(home.path().join("muster.db")).unwrap();
    conn.execute(rename, [sum_of("shop")]).unwrap();
    conn.execute("DELETE FROM versions", []).unwrap();
    drop(conn);
    let workspaces = home.path().join("workspaces");
    fs::rename(workspaces.join("other"), workspaces.join("shop")).unwrap();
    for shop in ["SHOP", "shop"] {
        let conn = rusqlite::Connection::open(home.database(shop)).unwrap();
        conn.execute_batch("DELETE FROM own_entry").unwrap();
    }
    let engine = home.open().unwrap();
    assert_eq!(engine.workspaces().unwrap().len(), 2);
    assert_eq!((has_data(&engine, "shop"), engine.health().troubles), (true, vec![]));
}

/// The checksum of the entry of a workspace of this id.
fn sum_of(shop: &str) -> i64 {
    let home = Home::new();
    home.open().unwrap().create_workspace(&workspace(shop)).unwrap();
    let conn = rusqlite::Connection::open(home.path().join("muster.db")).unwrap();
    conn.query_row("SELECT sum FROM workspaces", [], |row| row.get(0)).unwrap()
}

// Fails when `end_unfinished` gives no place to a workspace that the catalogue has, or leaves one that it has not.
#[test]
fn a_making_that_was_cut_short_is_ended_at_the_start() {
    let home = Home::new();
    let engine = home.open().unwrap();
    engine.create_workspace(&workspace("shop")).unwrap();
    drop(engine);
    let workspaces = home.path().join("workspaces");
    // After the entry and before the folder had its place; and before the entry.
    fs::rename(workspaces.join("shop"), workspaces.join("shop.new")).unwrap();
    fs::create_dir(workspaces.join("other.new")).unwrap();
    assert_eq!(verify(home.path()).unwrap().orphans, Vec::<String>::new());
    let engine = home.open().unwrap();
    assert!(!workspaces.join("other.new").exists());
    fill(&engine, "shop");
    assert_eq!((has_data(&engine, "shop"), engine.health().troubles), (true, vec![]));
    assert_eq!(engine.create_workspace(&workspace("other")), Ok(Created::Made));
}
