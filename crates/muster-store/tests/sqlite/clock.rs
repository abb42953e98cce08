//! Nothing is stored under a clock that cannot be believed, and it continues when the clock is right (docs/adr/0020).

use super::rig::Home;
use muster_core::change::{RowChange, StoredRow};
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::record::Counters;
use muster_core::time::Timestamp;
use muster_store::access::{Access, TokenRecord};
use muster_store::conformance::rig::{HandClock, id, put_with, workspace};
use muster_store::engine::{Engine, EngineError};
use muster_store::sqlite::{Sqlite, SqliteOptions};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const MINUTE: i64 = 60_000;
const YEAR: i64 = 366 * 86_400_000;
/// When the tests begin.
const NOW: i64 = 30_000 * MINUTE;

fn open(home: &Home, clock: &Arc<HandClock>, accept_clock: bool) -> Sqlite {
    Sqlite::open(SqliteOptions { accept_clock, clock: clock.clone(), ..home.options() }).unwrap()
}

/// Stores something at the time of the clock.
fn store(engine: &Sqlite, at: i64, n: u64) -> Result<(), EngineError> {
    let key = Identifier { kind: IdentifierKind::new("customer_id"), value: n.to_string().into() };
    let counters = move |c: Counters| Counters { now: Timestamp(at), ..c };
    put_with(engine, &id("shop"), vec![RowChange::Upsert(StoredRow::Binding(key, ProfileNo(n)))], counters)
}

fn is_clock(result: &Result<(), EngineError>) -> bool {
    matches!(result, Err(EngineError::Clock(_)))
}

/// A directory in which something is stored at [`NOW`].
fn home() -> (Home, Arc<HandClock>) {
    let (home, clock) = (Home::new(), HandClock::at(NOW));
    let engine = open(&home, &clock, false);
    engine.create_workspace(&workspace("shop")).unwrap();
    store(&engine, NOW, 1).unwrap();
    drop(engine);
    (home, clock)
}

// Fails when `run` does not call `judge`, or `judge` leaves out how far the clock is behind.
#[test]
fn a_clock_behind_what_is_stored_stops_writing_until_it_is_right_or_accepted() {
    let (home, clock) = home();
    let engine = open(&home, &clock, false);
    clock.set(NOW - 9 * MINUTE);
    assert_eq!(store(&engine, NOW, 2), Ok(()), "a few minutes are taken");
    clock.set(NOW - 11 * MINUTE);
    assert!(is_clock(&store(&engine, NOW, 3)));
    let configured = engine.configure(&id("shop"), Box::new(|w, _| Some(w.clone())));
    assert!(matches!(configured, Err(EngineError::Clock(_))));
    let health = engine.health();
    assert!(health.clock.is_some() && health.failed.is_some() && !health.needs_restart);
    clock.set(NOW);
    assert_eq!(store(&engine, NOW, 3), Ok(()));
    let is_well = || engine.health().failed.is_none();
    assert!(
        (0..1_000).any(|_| is_well() || {
            thread::sleep(Duration::from_millis(10));
            false
        }),
        "by itself"
    );
    drop(engine);
    clock.set(NOW - 11 * MINUTE);
    assert_eq!(store(&open(&home, &clock, true), NOW, 4), Ok(()), "the operator takes it");
}

// Fails when `look_at_all` does not call `Trust::start`.
#[test]
fn a_clock_a_year_ahead_of_what_is_stored_stops_writing_at_a_start_and_no_shorter_pause_does() {
    let (home, clock) = home();
    clock.set(NOW + YEAR - MINUTE);
    assert!(open(&home, &clock, false).health().clock.is_none(), "a server may stand still for months");
    clock.set(NOW + 2 * YEAR);
    let engine = open(&home, &clock, false);
    assert!(is_clock(&store(&engine, NOW, 2)) && engine.health().failed.is_some());
    // Fails when `put_token` does not judge the clock: the token would end in another year.
    let token = TokenRecord {
        name: "t".into(),
        sha256: [1; 32],
        scopes: "read".into(),
        workspace: None,
        created_at: Timestamp(NOW),
        expires_at: None,
        allowed_addresses: String::new(),
    };
    assert!(matches!(engine.put_token(&token), Err(EngineError::Clock(_))));
    clock.set(NOW + MINUTE);
    assert_eq!(store(&engine, NOW + MINUTE, 2), Ok(()), "it was set right");
    clock.set(NOW + 3 * YEAR);
    assert_eq!(store(&engine, NOW + MINUTE, 3), Ok(()), "a server that runs saw it pass");
    drop(engine);
    assert_eq!(store(&open(&home, &clock, true), NOW + MINUTE, 4), Ok(()));
}
