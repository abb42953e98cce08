//! Lanes under load: overload, fairness, groups, closing.

use super::rig::Home;
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::decision::{Mode, Step};
use muster_core::facts::Needs;
use muster_core::id::{ProfileNo, REFUSED_REQUESTS, RequestNo, WorkspaceId};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::record::{Counters, LogEntry};
use muster_store::bounds::Bounds;
use muster_store::conformance::random::Dice;
use muster_store::conformance::rig::{Decide, Made, id, put, wait, workspace};
use muster_store::engine::{Engine, EngineError, Workspace, apply};
use muster_store::sqlite::{Sqlite, SqliteOptions};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A decision that says that it began and ends when it is told to.
fn gate(begun: Sender<()>, end: Receiver<()>) -> Made<()> {
    let end = Mutex::new(end);
    let decide: Decide<()> = Box::new(move |_, _| {
        begun.send(()).unwrap();
        end.lock().unwrap().recv().unwrap();
        Step::Leave(())
    });
    Made { needs: Needs::default(), decide }
}

fn count() -> Made<u64> {
    let decide: Decide<u64> = Box::new(|facts, _| {
        let seq = facts.counters.seq + 1;
        let key = Identifier { kind: IdentifierKind::new("customer_id"), value: seq.to_string().into() };
        let counters = Counters { seq, ..facts.counters };
        Step::Done(
            Changes { rows: vec![RowChange::Upsert(StoredRow::Binding(key, ProfileNo(seq)))], counters, rate: None },
            seq,
        )
    });
    Made { needs: Needs::default(), decide }
}

fn open(home: &Home, bounds: Bounds, committers: usize) -> Arc<Sqlite> {
    let engine = Sqlite::open(SqliteOptions { bounds, committers, ..home.options() }).unwrap();
    for text in ["aa", "bb"] {
        engine.create_workspace(&workspace(text)).unwrap();
    }
    Arc::new(engine)
}

fn in_thread(engine: &Arc<Sqlite>, shop: &WorkspaceId, made: Made<()>) -> thread::JoinHandle<Result<(), EngineError>> {
    let (engine, shop) = (engine.clone(), shop.clone());
    thread::spawn(move || wait(apply(&*engine, &shop, made, Mode::Commit)))
}

/// After so long nobody is thought to come any more.
const PATIENCE: Duration = Duration::from_secs(60);

// Fails when `Turns::pause` keeps the core.
#[test]
fn a_long_decision_gives_its_core_to_those_of_other_workspaces() {
    let home = Home::new();
    let engine = open(&home, Bounds::default(), 1);
    let ((begun, began), (end, ends)) = (channel(), channel());
    let ends = Mutex::new(ends);
    let long: Decide<()> = Box::new(move |facts, _| {
        let since = Instant::now();
        begun.send(()).unwrap();
        while ends.lock().unwrap().try_recv().is_err() {
            facts.pause.run();
            assert!(since.elapsed() < PATIENCE, "nobody else had the core");
        }
        Step::Leave(())
    });
    let running = in_thread(&engine, &id("aa"), Made { needs: Needs::default(), decide: long });
    began.recv().unwrap();
    // The only core is taken all the time.
    for n in 1..=10 {
        assert_eq!(wait(apply(&*engine, &id("bb"), count(), Mode::Commit)), Ok(n));
    }
    end.send(()).unwrap();
    running.join().unwrap().unwrap();
}

// Fails when `Lane::push` counts no waiting jobs, or when queues share one queue.
#[test]
fn a_full_lane_answers_overloaded_at_once_and_takes_no_room_from_another() {
    let home = Home::new();
    let engine = open(&home, Bounds { queue_jobs: 3, group_jobs: 1, ..Bounds::default() }, 2);
    let ((begun, began), (end, ends)) = (channel(), channel());
    let running = in_thread(&engine, &id("aa"), gate(begun, ends));
    began.recv().unwrap();
    let (engine, waiting) = (&*engine, Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let answer = wait(apply(engine, &id("aa"), count(), Mode::Commit));
                waiting.lock().unwrap().push(answer);
            });
        }
        while engine.health().queued < 4 {
            thread::yield_now();
        }
        assert_eq!(wait(apply(engine, &id("aa"), count(), Mode::Commit)), Err(EngineError::Overloaded));
        assert_eq!(wait(apply(engine, &id("bb"), count(), Mode::Commit)), Ok(1));
        end.send(()).unwrap();
    });
    assert_eq!(running.join().unwrap(), Ok(()));
    let mut waited = waiting.into_inner().unwrap();
    waited.sort_by_key(|r| r.clone().ok());
    assert_eq!(waited, [Ok(1), Ok(2), Ok(3)]);
    // A decision is counted until its turn is over, a moment after its answer.
    let settled = (0..5_000).any(|_| {
        thread::sleep(Duration::from_millis(1));
        engine.health().queued == 0
    });
    assert!(settled, "decisions that were answered are not counted as waiting for ever");
}

#[test]
fn what_waits_is_one_group_and_a_change_of_the_entry_keeps_its_place() {
    let home = Home::new();
    let shared = open(&home, Bounds::default(), 1);
    let engine = &*shared;
    let ((begun, began), (end, ends)) = (channel(), channel());
    let running = in_thread(&shared, &id("aa"), gate(begun, ends));
    began.recv().unwrap();
    thread::scope(|scope| {
        let counting: Vec<_> =
            (0..8).map(|_| scope.spawn(|| wait(apply(engine, &id("aa"), count(), Mode::Commit)))).collect();
        while engine.health().queued < 9 {
            thread::yield_now();
        }
        let settings = |w: &Workspace, c: &Counters| Some(Workspace { settings: c.seq.to_string(), ..w.clone() });
        let configuring = scope.spawn(move || engine.configure(&id("aa"), Box::new(settings)).map(|w| w.settings));
        end.send(()).unwrap();
        let mut seqs: Vec<u64> = counting.into_iter().map(|c| c.join().unwrap().unwrap()).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=8).collect::<Vec<_>>());
        let seen = configuring.join().unwrap().unwrap();
        assert!(seen == "0" || seen == "8", "it fell into a group: {seen}");
    });
    running.join().unwrap().unwrap();
}

#[test]
fn a_workspace_that_is_deleted_answers_what_waits() {
    let home = Home::new();
    let engine = open(&home, Bounds { group_jobs: 1, ..Bounds::default() }, 1);
    let ((begun, began), (end, ends)) = (channel(), channel());
    let running = in_thread(&engine, &id("aa"), gate(begun, ends));
    began.recv().unwrap();
    let ((second, _unused), (_never, ends)) = (channel(), channel());
    let waiting = in_thread(&engine, &id("aa"), gate(second, ends));
    while engine.health().queued < 2 {
        thread::yield_now();
    }
    let deleting = thread::spawn({
        let engine = engine.clone();
        move || engine.delete_workspace(&id("aa"))
    });
    assert_eq!(waiting.join().unwrap(), Err(EngineError::UnknownWorkspace));
    end.send(()).unwrap();
    assert_eq!(running.join().unwrap(), Ok(()), "the group that runs ends first");
    assert_eq!(deleting.join().unwrap(), Ok(()));
    assert!(!home.database("aa").exists());
    assert_eq!(put(&*engine, &id("bb"), Vec::new()), Ok(()));
}

#[test]
fn closing_finishes_what_waits() {
    let home = Home::new();
    let engine = open(&home, Bounds { group_jobs: 2, ..Bounds::default() }, 1);
    let ((begun, began), (end, ends)) = (channel(), channel());
    let running = in_thread(&engine, &id("aa"), gate(begun, ends));
    began.recv().unwrap();
    thread::scope(|scope| {
        let counting: Vec<_> =
            (0..7).map(|_| scope.spawn(|| wait(apply(&*engine, &id("aa"), count(), Mode::Commit)))).collect();
        while engine.health().queued < 8 {
            thread::yield_now();
        }
        let closing = scope.spawn(|| engine.close());
        end.send(()).unwrap();
        assert!(counting.into_iter().all(|c| c.join().unwrap().is_ok()), "what was taken is answered");
        closing.join().unwrap();
    });
    running.join().unwrap().unwrap();
    drop(engine);
    let again = home.open().unwrap();
    assert_eq!(again.read(&id("aa")).unwrap().counters().map(|c| c.seq), Ok(7));
}

// Fails when `turn_over` looks at waiting decisions alone.
#[test]
fn what_is_refused_during_the_last_turn_of_a_lane_is_written() {
    let home = Home::new();
    let engine = open(&home, Bounds::default(), 1);
    let ((begun, began), (end, ends)) = (channel(), channel());
    let running = in_thread(&engine, &id("aa"), gate(begun, ends));
    began.recv().unwrap();
    let refused = LogEntry { no: RequestNo(REFUSED_REQUESTS), ..Dice::new(4).request() };
    engine.note_refused(&id("aa"), refused.clone());
    let closing = thread::spawn({
        let engine = engine.clone();
        move || engine.close()
    });
    // Until the closing waits for the turn. If it is too short the test proves less; it does not fail.
    thread::sleep(Duration::from_millis(200));
    end.send(()).unwrap();
    closing.join().unwrap();
    running.join().unwrap().unwrap();
    drop(engine);
    let again = home.open().unwrap();
    assert_eq!(again.read(&id("aa")).unwrap().request(refused.no), Ok(Some(refused)));
}
