//! The jobs on the reference engine: nothing that is due stays for another that fails, and no panic ends them.

use super::{catch_panic, store_sessions, sweep_all};
use crate::app::{App, Options, Storage};
use crate::clock::SystemRandom;
use crate::limits::{SESSION_IDLE_MS, SESSION_SEEN_MS, SESSION_WRITE_PERIOD, SWEEP_PROFILES_MAX};
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::decision::{Decision, Mode, Step};
use muster_core::facts::{Facts, Needs};
use muster_core::id::{ProfileNo, WorkspaceId};
use muster_core::record::{Counters, MemberRecord, RootPointer, TreeTotals};
use muster_core::settings::Settings;
use muster_core::time::{Clock, Moment, Timestamp};
use muster_store::engine::{Created, Engine, EngineError, Workspace, apply};
use muster_store::memory::Memory;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

const NOW: Timestamp = Timestamp(1_000);

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Moment {
        Moment { at: NOW, micros: 0 }
    }
}

/// Stores rows.
struct Stored(Vec<RowChange>, u64);

impl Decision for Stored {
    type Output = ();

    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn decide(&self, facts: &Facts, _: Moment) -> Step<()> {
        let counters = Counters { users: self.1, profile: self.1, ..facts.counters };
        Step::Done(Changes { rows: self.0.clone(), counters, rate: None }, ())
    }
}

fn root_pointer(no: u64) -> RowChange {
    let tree = TreeTotals { first_seen: NOW, last_seen: NOW, events: 0, devices: 0, members: 1 };
    RowChange::Upsert(StoredRow::RootPointer(RootPointer {
        no: ProfileNo(no),
        created: NOW,
        root: ProfileNo(no),
        first_seen: NOW,
        last_seen: NOW,
        events: 0,
        devices: 0,
        tree,
        weight: 0,
        deletion: Some(NOW),
    }))
}

fn profile(no: u64) -> RowChange {
    RowChange::Upsert(StoredRow::MemberRecord(MemberRecord {
        no: ProfileNo(no),
        created: NOW,
        identifiers: Vec::new(),
        attributes: BTreeMap::new().into(),
        platforms: BTreeMap::new(),
        former: Vec::new(),
        history: Vec::new(),
    }))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

// Fails when `sweep_all` gives up at the first profile that fails, or looks once alone.
#[test]
fn everything_due_is_swept_and_a_profile_that_fails_keeps_no_other_waiting() {
    let engine: Arc<dyn Engine> = Arc::new(Memory::new(Arc::new(FixedClock)));
    let id = WorkspaceId::parse("shop").expect("an id");
    let workspace = Workspace { id: id.clone(), created_at: NOW, revision: 1, settings: "{}".into(), keys: Vec::new() };
    assert_eq!(engine.create_workspace(&workspace), Ok(Created::Made));
    let all = 3 * SWEEP_PROFILES_MAX as u64;
    // More than a page of them have no member record: a sweep of one asks for it in vain until its rounds are over.
    let broken = SWEEP_PROFILES_MAX as u64 + 1;
    let rows = (1..=all).map(root_pointer).chain((broken + 1..=all).map(profile)).collect();
    let failed = Mutex::new(Vec::new());
    let note = |root: ProfileNo, error: &EngineError| {
        assert!(matches!(error, EngineError::Broken(_)), "{error}");
        failed.lock().expect("one thread").push(root.0);
    };
    let settings = Arc::new(Settings::default());
    let swept = runtime().block_on(async {
        apply(&*engine, &id, Stored(rows, all), Mode::Commit).await?;
        sweep_all(&engine, &id, (&|| NOW, &settings), &note).await
    });
    assert_eq!(swept, Ok(usize::try_from(all - broken).expect("a few")));
    assert_eq!(failed.into_inner().expect("one thread"), (1..=broken).collect::<Vec<_>>());
}

// Fails when `guarded` awaits without catching.
#[test]
fn a_job_survives_its_panic() {
    let (panics, fails): (fn() -> _, fn() -> _) = (|| panic!("as the test wants it"), || Err(EngineError::Overloaded));
    let got =
        runtime().block_on(async { (catch_panic(async { panics() }).await, catch_panic(async { fails() }).await) });
    assert_eq!(got, (Err(EngineError::Broken("the job panicked".into())), Err(EngineError::Overloaded)));
}

const TOKEN: &str = "the-admin-token-of-the-tests";

/// A clock that a test sets.
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Moment {
        let at = self.0.load(Ordering::SeqCst);
        Moment { at: Timestamp(at), micros: at.unsigned_abs() * 1_000 }
    }
}

// Fails when `store_sessions` leaves out the write or the sweep, or a use of a session does not cause a write.
#[tokio::test(start_paused = true)]
async fn what_is_used_is_written_and_what_is_over_is_removed_though_nobody_signs_in_or_out() {
    let clock = Arc::new(Hand(AtomicI64::new(0)));
    let hand = Arc::clone(&clock);
    let app =
        App::open(Options::new(Storage::Memory, clock, Arc::new(SystemRandom), TOKEN.to_owned())).expect("it opens");
    let cookie = app.sessions.begin((app.secret(), app.now()), TOKEN, true).expect("there is room");
    let running = Arc::clone(&app);
    let job = tokio::spawn(async move { store_sessions(&running).await });
    let mut seen = Vec::new();
    for (at, is_used) in [(0, true), (SESSION_SEEN_MS, true), (SESSION_SEEN_MS + SESSION_IDLE_MS, false)] {
        hand.0.store(at, Ordering::SeqCst);
        assert_eq!(is_used && app.sessions.token(&cookie, app.now()).is_some(), is_used);
        tokio::time::sleep(SESSION_WRITE_PERIOD * 2).await;
        let stored = app.engine.sessions().expect("it reads");
        seen.push(stored.into_iter().map(|session| session.seen.0).collect::<Vec<_>>());
    }
    job.abort();
    assert_eq!(seen, [vec![0], vec![SESSION_SEEN_MS], Vec::new()]);
}
