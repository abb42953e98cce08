//! What is there after a restart, and which directories are refused.

use super::rig::Home;
use muster_core::change::{RowChange, StoredRow};
use muster_core::id::{ProfileNo, REFUSED_REQUESTS, RequestNo};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_store::conformance::random::Dice;
use muster_store::conformance::rig::{id, put, workspace};
use muster_store::engine::{Engine, Workspace};
use muster_store::reader::dump;
use muster_store::sqlite::{OpenError, SqliteOptions};

fn key(n: u64) -> Identifier {
    Identifier { kind: IdentifierKind::new("customer_id"), value: n.to_string().into() }
}

#[test]
fn everything_answered_is_there_after_a_restart() {
    let home = Home::new();
    let engine = home.open().unwrap();
    let entry = Workspace { settings: "{\"a\":1}".into(), ..workspace("shop") };
    engine.create_workspace(&entry).unwrap();
    engine.put_secret("admin", b"hash").unwrap();
    let profile = Dice::new(3).profile();
    put(
        &engine,
        &id("shop"),
        vec![
            RowChange::Upsert(StoredRow::Binding(key(1), ProfileNo(1))),
            RowChange::Upsert(StoredRow::MemberRecord(profile.clone())),
        ],
    )
    .unwrap();
    let refused = muster_core::record::LogEntry { no: RequestNo(REFUSED_REQUESTS), ..Dice::new(4).request() };
    engine.note_refused(&id("shop"), refused.clone());
    engine.close();
    drop(engine);
    let engine = home.open().unwrap();
    assert_eq!(engine.workspaces(), Ok(vec![entry]));
    assert_eq!(engine.secret("admin"), Ok(Some(b"hash".to_vec())));
    let (counters, rows) = dump(&mut *engine.read(&id("shop")).unwrap()).unwrap();
    assert_eq!(
        rows,
        [
            RowChange::Upsert(StoredRow::Binding(key(1), ProfileNo(1))),
            RowChange::Upsert(StoredRow::MemberRecord(profile)),
            RowChange::Upsert(StoredRow::LogEntry(refused))
        ]
    );
    assert_eq!(counters.seq, 1);
}

#[test]
fn a_deletion_that_was_cut_short_is_finished_at_the_start() {
    let home = Home::new();
    let engine = home.open().unwrap();
    engine.create_workspace(&workspace("shop")).unwrap();
    put(&engine, &id("shop"), vec![RowChange::Upsert(StoredRow::Binding(key(1), ProfileNo(1)))]).unwrap();
    drop(engine);
    let catalogue = rusqlite::Connection::open(home.path().join("muster.db")).unwrap();
    catalogue.execute_batch("INSERT INTO deleted VALUES ('shop'); DELETE FROM workspaces;").unwrap();
    drop(catalogue);
    let engine = home.open().unwrap();
    assert!(!home.database("shop").exists());
    assert_eq!(engine.workspaces(), Ok(vec![]));
}

#[test]
fn a_directory_in_use_is_refused() {
    let home = Home::new();
    let first = home.open().unwrap();
    assert!(matches!(home.open(), Err(OpenError::InUse(_))));
    drop(first);
    assert!(home.open().is_ok());
}

// Fails when `Locks::take` leaves out the directory itself.
#[test]
fn a_directory_in_use_is_refused_though_its_lock_was_removed() {
    let home = Home::new();
    let first = home.open().unwrap();
    std::fs::remove_file(home.path().join("lock")).unwrap();
    assert!(matches!(home.open(), Err(OpenError::InUse(_))));
    drop(first);
    assert!(home.open().is_ok());
}

// Fails when `refuse_link` is not asked of `lock`, or of `format.new`.
#[cfg(unix)]
#[test]
fn links_where_files_of_the_directory_belong_are_not_followed() {
    for name in ["lock", "format.new"] {
        let (home, other) = (Home::new(), Home::new());
        let target = other.path().join("precious");
        std::fs::write(&target, "text").unwrap();
        std::os::unix::fs::symlink(&target, home.path().join(name)).unwrap();
        assert!(matches!(home.open(), Err(OpenError::Link(_))), "{name}");
        assert_eq!(std::fs::read_to_string(target).unwrap(), "text");
    }
}

#[test]
fn a_foreign_directory_is_refused_and_left_as_it_is() {
    let home = Home::new();
    std::fs::write(home.path().join("thesis.txt"), "mine").unwrap();
    assert!(matches!(home.open(), Err(OpenError::Foreign(_))));
    let names: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["thesis.txt"]);
}

#[test]
fn an_older_or_newer_directory_and_a_newer_database_are_refused() {
    let home = Home::new();
    let engine = home.open().unwrap();
    engine.create_workspace(&workspace("shop")).unwrap();
    drop(engine);
    for older in ["muster 1\n", "muster 2\n", "muster 3\n", "muster 4\n", "muster 5\n"] {
        std::fs::write(home.path().join("format"), older).unwrap();
        assert!(matches!(home.open(), Err(OpenError::Older(..))));
    }
    std::fs::write(home.path().join("format"), "muster 7\n").unwrap();
    assert!(matches!(home.open(), Err(OpenError::Newer(..))));
    std::fs::write(home.path().join("format"), "muster 6\n").unwrap();
    let database = rusqlite::Connection::open(home.database("shop")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    assert!(matches!(home.open(), Err(OpenError::Newer(..))));
}

#[test]
fn more_workspaces_than_stay_open_are_served() {
    let home = Home::new();
    let options = || SqliteOptions { open_max: 2, ..home.options() };
    let engine = muster_store::sqlite::Sqlite::open(options()).unwrap();
    let ids: Vec<_> = (10..20).map(|n| format!("w{n}")).collect();
    for text in &ids {
        engine.create_workspace(&workspace(text)).unwrap();
    }
    for round in 1..=3 {
        for text in &ids {
            put(&engine, &id(text), vec![RowChange::Upsert(StoredRow::Binding(key(round), ProfileNo(round)))]).unwrap();
        }
        // Long enough for the keeper to close what is idle.
        std::thread::sleep(std::time::Duration::from_millis(700));
    }
    drop(engine);
    let engine = muster_store::sqlite::Sqlite::open(options()).unwrap();
    for text in &ids {
        let (counters, rows) = dump(&mut *engine.read(&id(text)).unwrap()).unwrap();
        assert_eq!((counters.seq, rows.len()), (3, 3), "{text}");
    }
}

// Fails when `make_folder` leaves the mode to the umask.
#[cfg(unix)]
#[test]
fn only_the_owner_may_look_into_the_folders_that_are_made() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    drop(home.open().unwrap());
    let mode = std::fs::metadata(home.path().join("workspaces")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
