//! Damage is found: by reads, by `verify`, by the number of the last synced group.

use super::rig::Home;
use muster_core::change::{RowChange, StoredRow};
use muster_core::facts::Needs;
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::record::{Counters, MemberRecord, RootPointer, TreeTotals};
use muster_core::time::Timestamp;
use muster_store::conformance::rig::{facts, id, put_with, workspace};
use muster_store::engine::{Engine, EngineError, Trouble};
use muster_store::sqlite::{OpenError, Sqlite, SqliteOptions, verify};
use std::collections::BTreeMap;
use std::fs;

fn key(n: u64) -> Identifier {
    Identifier { kind: IdentifierKind::new("customer_id"), value: format!("customer {n}").into() }
}

/// A lawful user.
fn user(n: u64) -> [RowChange; 3] {
    let (no, at) = (ProfileNo(n), Timestamp(1));
    let profile = MemberRecord {
        no,
        created: at,
        identifiers: vec![key(n)],
        attributes: BTreeMap::new().into(),
        platforms: BTreeMap::new(),
        former: Vec::new(),
        history: vec![],
    };
    let tree = TreeTotals { first_seen: at, last_seen: at, events: 0, devices: 0, members: 1 };
    let root_pointer = RootPointer {
        no,
        created: at,
        root: no,
        first_seen: at,
        last_seen: at,
        events: 0,
        devices: 0,
        tree,
        weight: 0,
        deletion: None,
    };
    [
        RowChange::Upsert(StoredRow::Binding(key(n), no)),
        RowChange::Upsert(StoredRow::MemberRecord(profile)),
        RowChange::Upsert(StoredRow::RootPointer(root_pointer)),
    ]
}

fn add(engine: &Sqlite, n: u64) {
    let counters = move |c: Counters| Counters { profile: n, users: c.users + 1, ..c };
    put_with(engine, &id("shop"), user(n).into(), counters).unwrap();
}

/// A closed directory with three users.
fn home() -> Home {
    let home = Home::new();
    let engine = home.open().unwrap();
    engine.create_workspace(&workspace("shop")).unwrap();
    (1..=3).for_each(|n| add(&engine, n));
    drop(engine);
    home
}

fn breaches(home: &Home) -> Vec<String> {
    verify(home.path()).unwrap().workspaces.remove(0).breaches
}

fn sql(home: &Home, text: &str) {
    rusqlite::Connection::open(home.database("shop")).unwrap().execute_batch(text).unwrap();
}

#[test]
fn a_sound_directory_is_clean() {
    let home = home();
    let report = verify(home.path()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.workspaces[0].rows, 10, "three bindings, own records, standings, and the counters");
}

#[test]
fn verify_refuses_a_directory_in_use_and_one_that_is_none() {
    let home = home();
    let engine = home.open().unwrap();
    assert!(matches!(verify(home.path()), Err(OpenError::InUse(_))));
    drop(engine);
    assert!(matches!(verify(&home.path().join("nowhere")), Err(OpenError::Io { .. })));
}

// Fails when `table::checked` answers without comparing the sum.
#[test]
fn a_flipped_bit_in_a_row_is_found_by_reads_and_by_verify() {
    let home = home();
    let path = home.database("shop");
    let sound = fs::read(&path).unwrap();
    let (mut file, mut damaged_profiles, mut refused_decisions) = (sound.clone(), 0, 0);
    let text = b"customer 2";
    let places: Vec<usize> = (0..file.len() - text.len()).filter(|at| file[*at..].starts_with(text)).collect();
    assert_eq!(places.len(), 2, "the identifier is in the binding and in the member record");
    for place in places {
        file[place + 1] ^= 1;
        fs::write(&path, &file).unwrap();
        let found = breaches(&home);
        assert!(found.iter().any(|b| b.contains("fail their checksum")), "{found:?}");
        let engine = home.open().unwrap();
        let mut reader = engine.read(&id("shop")).unwrap();
        assert!(matches!(reader.rows(&mut |_| {}), Err(EngineError::Corrupt(_))));
        damaged_profiles += u32::from(matches!(reader.profile(ProfileNo(2)), Err(EngineError::Corrupt(_))));
        // A flipped binding is not found under its key any more, so the map that decisions ask reads all of them.
        let decided = facts(&engine, &id("shop"), Needs { bindings: vec![key(2).into()], ..Needs::default() }).err();
        refused_decisions += u32::from(matches!(decided, Some(EngineError::Corrupt(_))));
        drop(reader);
        drop(engine);
        file[place + 1] ^= 1;
        fs::write(&path, &sound).unwrap();
    }
    assert_eq!((damaged_profiles, refused_decisions), (1, 1));
}

// Fails when `FamilySums::replace` or the comparison in `sums_agree` is dropped: each row is sound by itself.
#[test]
fn a_lost_or_invented_row_is_found_by_the_sum_of_its_family() {
    for text in [
        "DELETE FROM standings WHERE no = 2",
        "CREATE TEMP TABLE copy AS SELECT * FROM standings WHERE no = 1; UPDATE copy SET no = 9;
         INSERT INTO standings SELECT * FROM copy",
        "UPDATE standings SET events = 1, sum = (SELECT sum FROM standings WHERE no = 1) WHERE no = 2",
        "DELETE FROM family_sums WHERE family = 'profiles'",
        "UPDATE family_sums SET row_count = row_count - 1 WHERE family = 'profiles'",
        "UPDATE counters SET users = 2",
        "UPDATE engine SET group_no = 1000000",
    ] {
        let home = home();
        sql(&home, text);
        assert_ne!(breaches(&home), Vec::<String>::new(), "{text}");
    }
}

/// Copies the files as a crash leaves them, the logs with them.
fn copy_of(home: &Home) -> Home {
    let copy = Home::new();
    let of_shop =
        ["muster.db", "muster.db-wal", "redo-0", "redo-1", "synced"].map(|name| format!("workspaces/shop/{name}"));
    for name in ["format", "muster.db"].map(String::from).iter().chain(&of_shop) {
        fs::create_dir_all(copy.path().join(name).parent().unwrap()).unwrap();
        fs::copy(home.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

// Fails when `Front::switch` empties the file of the generation that is filled, or `RedoLog::open` reads one file alone.
#[test]
fn a_write_ahead_log_that_lost_its_end_is_made_up_from_the_redo_log() {
    let home = home();
    let engine = home.open().unwrap();
    add(&engine, 4);
    assert_eq!(engine.read(&id("shop")).unwrap().counters().map(|c| c.users), Ok(4), "a reader fills the tables");
    let copy = copy_of(&home);
    drop(engine);
    let log = copy.database("shop").with_extension("db-wal");
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 4_096]).unwrap();
    assert!(verify(copy.path()).unwrap().is_clean());
    let engine = copy.open().unwrap();
    assert_eq!(engine.read(&id("shop")).unwrap().counters().map(|c| c.users), Ok(4));
}

// Fails when `note_synced` writes nothing, or `Writer::open` forgets the comparison.
#[test]
fn a_redo_log_that_lost_its_end_is_refused_until_the_loss_is_accepted() {
    let home = home();
    let engine = home.open().unwrap();
    add(&engine, 4);
    let copy = copy_of(&home);
    drop(engine);
    assert!(verify(copy.path()).unwrap().is_clean());
    let log = copy.path().join("workspaces/shop/redo-0");
    let mut whole = fs::read(&log).unwrap();
    let written = whole.iter().rposition(|byte| *byte != 0).unwrap();
    whole[written] ^= 1;
    fs::write(&log, &whole).unwrap();
    let found = breaches(&copy);
    assert!(found.iter().any(|b| b.contains("lost its end")), "{found:?}");
    let engine = copy.open().unwrap();
    let told = engine.health().troubles;
    assert!(
        matches!(&told[..], [Trouble::Damaged { why, .. }] if why.contains("ends at group 3, but group 4")),
        "{told:?}"
    );
    assert!(matches!(engine.read(&id("shop")).err(), Some(EngineError::Damaged(_))));
    drop(engine);
    let engine = Sqlite::open(SqliteOptions { accept_loss: true, ..copy.options() }).unwrap();
    assert_eq!(engine.read(&id("shop")).unwrap().counters().map(|c| c.users), Ok(3));
    drop(engine);
    assert!(copy.open().is_ok(), "the loss was accepted once and for all");
}

// Fails when `look_at_all` gives up at the first workspace that does not open.
#[test]
fn a_damaged_workspace_is_refused_by_itself_and_the_others_are_served() {
    let home = home();
    let engine = home.open().unwrap();
    engine.create_workspace(&workspace("sound")).unwrap();
    drop(engine);
    let good = fs::read(home.database("shop")).unwrap();
    fs::write(home.database("shop"), vec![b'x'; good.len()]).unwrap();
    let engine = home.open().unwrap();
    assert!(matches!(put_with(&engine, &id("shop"), vec![], |c| c), Err(EngineError::Damaged(_))));
    assert!(matches!(engine.read(&id("shop")).err(), Some(EngineError::Damaged(_))));
    assert_eq!(engine.configure(&id("shop"), Box::new(|_, _| None)).err().map(|e| e.is_of_one_decision()), Some(false));
    assert_eq!(put_with(&engine, &id("sound"), user(1).into(), |c| Counters { profile: 1, ..c }), Ok(()));
    assert_eq!(engine.health().failed, None);
    assert!(matches!(&engine.health().troubles[..], [Trouble::Damaged { workspace, .. }] if *workspace == id("shop")));
    drop(engine);
    // Also where nothing of it is there; fails when a folder that cannot be opened makes the whole server wait for it.
    let (folder, aside) = (home.path().join("workspaces/shop"), home.path().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    let engine = home.open().unwrap();
    assert_eq!((engine.health().failed, engine.health().troubles.len()), (None, 1));
    drop(engine);
    fs::rename(&aside, &folder).unwrap();
    fs::write(home.database("shop"), good).unwrap();
    let engine = home.open().unwrap();
    assert_eq!(engine.read(&id("shop")).unwrap().counters().map(|c| c.users), Ok(3));
}
