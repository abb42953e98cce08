//! What the suite wants of deleted quarantine entries: hidden at once, restored as they were for a minute, removed after
//! it, and counted as what they are at every time.

use super::limits::quarantined;
use super::rig::{Make, put_with, run, shop, wait};
use crate::engine::{Engine, apply};
use crate::reader::dump;
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::decide::{Discard, Expire, Restore, Restored, Retention};
use muster_core::decision::{Mode, Step};
use muster_core::facts::Facts;
use muster_core::id::{QuarantineNo, RequestNo, WorkspaceId};
use muster_core::limits::RESTORE_MS;
use muster_core::record::{Counters, QuarantinedElement};
use muster_core::time::Timestamp;

/// Later than the clock of the suite.
const START: i64 = 10_000;

/// A workspace with three entries, of which the third was replayed; the time is [`START`].
fn three(make: Make<'_>) -> (Box<dyn Engine>, WorkspaceId) {
    let (engine, shop) = shop(make);
    let replayed = QuarantinedElement { replayed_as: Some(RequestNo(2)), ..quarantined(3, 10) };
    let rows = [quarantined(1, 10), quarantined(2, 10), replayed]
        .map(StoredRow::QuarantinedElement)
        .map(RowChange::Upsert)
        .to_vec();
    let counters = |c: Counters| Counters { quarantine: 3, quarantined: 2, ..c };
    put_with(&*engine, &shop, rows, counters).expect("it stores");
    becomes(&*engine, &shop, START);
    (engine, shop)
}

/// Time passes until then: a workspace never sees an earlier one again.
fn becomes(engine: &dyn Engine, shop: &WorkspaceId, at: i64) {
    let seen = move |facts: &Facts, _| {
        let counters = Counters { now: Timestamp(at), ..facts.counters };
        Step::Done(Changes { rows: Vec::new(), counters, rate: None }, ())
    };
    run(engine, shop, Mode::Commit, seen).expect("it stores");
}

fn discard(engine: &dyn Engine, shop: &WorkspaceId, no: u64) -> bool {
    wait(apply(engine, shop, Discard { entry: QuarantineNo(no) }, Mode::Commit)).expect("it stores")
}

fn restore(engine: &dyn Engine, shop: &WorkspaceId, no: u64) -> Restored {
    wait(apply(engine, shop, Restore { entry: QuarantineNo(no) }, Mode::Commit)).expect("it stores")
}

/// The numbers of the entries that a reader sees, one by one and in the list, and how many are open.
fn seen(engine: &dyn Engine, shop: &WorkspaceId) -> (Vec<u64>, u64) {
    let mut reader = engine.read(shop).expect("it reads");
    let listed: Vec<u64> = reader.quarantine(None, 9).expect("it reads").items.iter().map(|it| it.no.0).collect();
    let one = |no: &u64| reader.quarantined(QuarantineNo(*no)).expect("it reads").is_some();
    let found: Vec<u64> = [3, 2, 1].into_iter().filter(one).collect();
    assert_eq!(listed, found);
    (listed, reader.counters().expect("it reads").quarantined)
}

pub(super) fn a_deleted_quarantine_entry_is_hidden_and_can_be_restored_for_a_minute(make: Make<'_>) {
    let (engine, shop) = three(make);
    let (engine, before) = (&*engine, dump(&mut *engine.read(&shop).expect("it reads")).expect("it reads").1);
    assert_eq!(restore(engine, &shop, 1), Restored::NotDeleted);
    assert_eq!([discard(engine, &shop, 1), discard(engine, &shop, 3), discard(engine, &shop, 4)], [true, true, false]);
    assert_eq!((discard(engine, &shop, 1), seen(engine, &shop)), (false, (vec![2], 1)));
    let deleted = |after| engine.read(&shop).expect("it reads").deleted(Timestamp(after), 9).expect("it reads").items;
    let told: Vec<_> = deleted(START - 1).iter().map(|it| (it.no.0, it.deleted_at)).collect();
    assert_eq!(told, [3, 1].map(|no| (no, Some(Timestamp(START)))));
    assert_eq!(deleted(START), []);
    becomes(engine, &shop, START + RESTORE_MS - 1);
    let back = [1, 3, 4].map(|no| restore(engine, &shop, no));
    assert_eq!(back, [Restored::Done, Restored::Done, Restored::Unknown]);
    assert_eq!(seen(engine, &shop), (vec![3, 2, 1], 2));
    assert_eq!(dump(&mut *engine.read(&shop).expect("it reads")).expect("it reads").1, before);
    assert!(discard(engine, &shop, 2));
    becomes(engine, &shop, START + 2 * RESTORE_MS - 1);
    assert_eq!((restore(engine, &shop, 2), seen(engine, &shop)), (Restored::Unknown, (vec![3, 1], 1)));
}

pub(super) fn a_deleted_quarantine_entry_is_removed_after_a_minute_and_counts_once(make: Make<'_>) {
    let (engine, shop) = three(make);
    let engine = &*engine;
    let oldest = || engine.read(&shop).expect("it reads").oldest().expect("it reads").deleted;
    let expire = |quarantine_ms| {
        let retention = Retention { quarantine_ms, ..Retention::default() };
        wait(apply(engine, &shop, Expire { retention, settings_revision: 1 }, Mode::Commit)).expect("it stores")
    };
    let stored = || dump(&mut *engine.read(&shop).expect("it reads")).expect("it reads").1.len();
    assert_eq!(oldest(), None);
    assert!(discard(engine, &shop, 1));
    becomes(engine, &shop, START + 1);
    assert!(discard(engine, &shop, 3));
    assert_eq!((oldest(), expire(0), stored()), (Some(Timestamp(START)), 0, 3), "they can be restored");
    becomes(engine, &shop, START + RESTORE_MS);
    assert_eq!((expire(0), stored(), seen(engine, &shop)), (1, 2, (vec![2], 1)));
    assert_eq!(oldest(), Some(Timestamp(START + 1)));
    // The time of all of them is over: each is removed once, and only one was open.
    becomes(engine, &shop, START + 2 * RESTORE_MS);
    assert_eq!((expire(1), expire(1), stored(), seen(engine, &shop)), (2, 0, 0, (vec![], 0)));
}
