//! Connections that are lost: what was acknowledged is there, and nothing is there twice.

use super::proxy::{Cut, Proxy};
use super::rig::{Home, with_database};
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::decision::{Mode, Step};
use muster_core::facts::Needs;
use muster_core::id::ProfileNo;
use muster_core::record::{Counters, EventId};
use muster_core::time::Timestamp;
use muster_store::conformance::rig::{Decide, Made, id, run, wait, workspace};
use muster_store::engine::{Engine, EngineError, apply};
use muster_store::postgres::PostgresEngine;
use muster_store::reader::dump;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Stores a row with the next number, and its own mark.
fn mark(engine: &dyn Engine, mark: u64) -> Result<u64, EngineError> {
    run(engine, &id("shop"), Mode::Commit, move |facts, _| {
        let seq = facts.counters.seq + 1;
        let row =
            EventId { id: format!("{mark}").into(), at: Timestamp(1), seq, profile: ProfileNo(1), name: "n".into() };
        let rows = vec![RowChange::Upsert(StoredRow::EventId(row))];
        Step::Done(Changes { rows, counters: Counters { seq, ..facts.counters }, rate: None }, seq)
    })
}

/// The numbers under which marks are stored, and the last number that was given.
fn stored(engine: &PostgresEngine) -> (Vec<u64>, u64) {
    let mut reader = engine.read(&id("shop")).unwrap();
    let (counters, rows) = dump(&mut *reader).unwrap();
    let seq = |row| if let RowChange::Upsert(StoredRow::EventId(row)) = row { row.seq } else { panic!("{row:?}") };
    let mut numbers: Vec<u64> = rows.into_iter().map(seq).collect();
    numbers.sort_unstable();
    (numbers, counters.seq)
}

/// Runs decisions while `disturb` does what it wants; every one is acknowledged, and stored once.
fn run_disturbed(engine: &PostgresEngine, marks: u64, disturb: impl Fn() + Sync) {
    engine.create_workspace(&workspace("shop")).unwrap();
    let is_over = AtomicBool::new(false);
    let taken: Vec<u64> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                disturb();
            }
        });
        let taken: Result<Vec<u64>, _> = (0..marks).map(|n| mark(engine, n)).collect();
        is_over.store(true, Ordering::Relaxed);
        taken
    })
    .unwrap();
    assert_eq!(taken, (1..=marks).collect::<Vec<u64>>(), "each was decided once");
    assert_eq!(stored(engine), (taken, marks));
}

// Fails when `attempts` does not begin again, or `DatabaseConnection::is_usable` believes a connection that was ended.
#[test]
fn decisions_go_on_when_the_server_ends_their_connections() {
    with_database(|server| {
        let home = server.home();
        let name = "ended_by_a_test";
        let own = Home { url: format!("{}&application_name={name}", home.url) };
        let sql = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}'");
        let engine = own.open();
        // Seldom enough that the next attempt passes, also on a machine that does much else.
        run_disturbed(&engine, 200, || {
            server.execute(&home, &sql);
            std::thread::sleep(Duration::from_millis(400));
        });
    });
}

// Fails when `attempts` takes a lost commit for one that failed: it is stored twice. Or for one that passed: it is lost.
#[test]
fn a_commit_whose_answer_is_lost_is_stored_once() {
    with_database(|server| {
        for cut in [Cut::AfterCommit, Cut::BeforeCommit] {
            let home = server.home();
            let proxy = Proxy::start(&home.url);
            let engine = Home { url: proxy.url.clone() }.open();
            // Seldom enough that the next attempt passes.
            run_disturbed(&engine, 300, || {
                proxy.cut_next(cut);
                std::thread::sleep(Duration::from_millis(400));
            });
            assert!(proxy.cuts() >= 2, "{cut:?}: the test has met what it is about");
        }
    });
}

// Fails without `keep_alive`: the server ends the transaction, five times.
#[test]
fn decisions_of_one_group_may_take_longer_than_a_transaction_may_be_idle() {
    with_database(|server| {
        let engine = server.home().open();
        engine.create_workspace(&workspace("shop")).unwrap();
        let shop = id("shop");
        let slow = || {
            let decide: Decide<u64> = Box::new(|facts, _| {
                std::thread::sleep(Duration::from_secs(4));
                let counters = Counters { seq: facts.counters.seq + 1, ..facts.counters };
                Step::Done(Changes { rows: Vec::new(), counters, rate: None }, counters.seq)
            });
            Box::pin(apply(&engine, &shop, Made { needs: Needs::default(), decide }, Mode::Commit))
        };
        // While the first runs the others wait, and are one group.
        let mut all: Vec<_> = (0..4).map(|_| slow()).collect();
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        for decision in &mut all {
            assert!(decision.as_mut().poll(&mut context).is_pending());
        }
        let taken: Vec<_> = all.into_iter().map(|decision| wait(decision).unwrap()).collect();
        assert_eq!(taken, [1, 2, 3, 4]);
    });
}
