//! Groups at their bounds: what a decision changes may be dropped before the group ends.

use super::rig::Home;
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::decision::{Mode, Step};
use muster_core::facts::Needs;
use muster_core::id::{QuarantineNo, RequestNo};
use muster_core::kinds::{ElementKind, Route};
use muster_core::outcome::RecordedAnswer;
use muster_core::reason::{Fault, Reason};
use muster_core::record::{Counters, Idempotency, QuarantinedElement};
use muster_core::time::Timestamp;
use muster_store::bounds::Bounds;
use muster_store::conformance::rig::{Decide, Made, id, put, wait, workspace};
use muster_store::engine::{Engine, apply};
use muster_store::sqlite::{Sqlite, SqliteOptions, verify};
use std::time::Duration;

fn entry(no: u64) -> QuarantinedElement {
    QuarantinedElement {
        no: QuarantineNo(no),
        at: Timestamp(1),
        request: RequestNo(1),
        index: 0,
        kind: ElementKind::Customer,
        errors: Fault::new(Reason::KeyTooLong, "/elements/0", Some("customer_id")).into(),
        element: vec![b'x'; 10].into(),
        replayed_as: None,
        deleted_at: None,
    }
}

fn put_entry(entry: QuarantinedElement) -> RowChange {
    RowChange::Upsert(StoredRow::QuarantinedElement(entry))
}

// Fails when `WorkingSet::put_rows` keeps the checksums in `loaded`: the entry is dropped with the one that it had before.
#[test]
fn an_entry_that_the_last_decision_changed_and_the_bound_drops_leaves_the_sums_right() {
    let home = Home::new();
    let bounds = Bounds { quarantine_entries: 1, ..Bounds::default() };
    let engine = Sqlite::open(SqliteOptions { bounds, ..home.options() }).unwrap();
    let shop = id("shop");
    engine.create_workspace(&workspace("shop")).unwrap();
    put(&engine, &shop, vec![put_entry(entry(1))]).unwrap();
    let decide: Decide<()> = Box::new(|facts, _| {
        let replayed = facts.quarantine[&QuarantineNo(1)].clone().unwrap();
        let replayed = QuarantinedElement { replayed_as: Some(RequestNo(2)), ..replayed };
        let rows = [replayed, entry(2)].map(put_entry).into();
        let counters = Counters { seq: facts.counters.seq + 1, ..facts.counters };
        Step::Done(Changes { rows, counters, rate: None }, ())
    });
    let needs = Needs { quarantine: vec![QuarantineNo(1)], ..Needs::default() };
    wait(apply(&engine, &shop, Made { needs, decide }, Mode::Commit)).unwrap();
    engine.close();
    drop(engine);
    let breaches = verify(home.path()).unwrap().workspaces.remove(0).breaches;
    let of_sums: Vec<String> =
        breaches.into_iter().filter(|b| b.contains("checksum") || b.contains("rows, expected")).collect();
    assert_eq!(of_sums, Vec::<String>::new());
}

// Fails when `GroupPlace::log` or `Front::fill_once` does not note the bytes.
#[test]
fn the_health_tells_the_bytes_of_the_redo_log_until_the_tables_have_them() {
    let home = Home::new();
    let bounds = Bounds { redo_age: Duration::from_secs(3_600), ..Bounds::default() };
    let engine = Sqlite::open(SqliteOptions { bounds, ..home.options() }).unwrap();
    let shop = id("shop");
    engine.create_workspace(&workspace("shop")).unwrap();
    assert_eq!(engine.health().redo_bytes, 0);
    put(&engine, &shop, vec![put_entry(entry(1))]).unwrap();
    assert_ne!(engine.health().redo_bytes, 0);
    drop(engine.read(&shop).unwrap());
    assert_eq!(engine.health().redo_bytes, 0);
}

// Fails when `Writer::may_log` does not ask the bounds: then there are two groups for each answer.
#[test]
fn groups_over_answers_that_are_too_young_to_go_are_synced_once() {
    let home = Home::new();
    let bounds = Bounds { answer_bytes: 0, redo_age: Duration::from_secs(3_600), ..Bounds::default() };
    let engine = Sqlite::open(SqliteOptions { bounds, ..home.options() }).unwrap();
    let shop = id("shop");
    engine.create_workspace(&workspace("shop")).unwrap();
    for n in 1..=3 {
        let answer = RecordedAnswer { status: 200, outcomes: "".into(), body: vec![b'x'; 40].into() };
        let key = format!("key-{n}").into();
        let answer = Idempotency { route: Route::Transition, key, body_hash: [0; 32], at: Timestamp(1_000), answer };
        put(&engine, &shop, vec![RowChange::Upsert(StoredRow::Idempotency(answer))]).unwrap();
    }
    engine.close();
    drop(engine);
    // The first is logged, and is beyond the bound only then.
    assert_eq!(verify(home.path()).unwrap().workspaces.remove(0).group, 4);
}
