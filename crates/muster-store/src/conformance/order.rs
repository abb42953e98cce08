//! What the suite wants of a queue: order, isolation, dry decisions, time.

use super::rig::{Decide, Made, Make, facts, id, put, run, shop, wait, workspace};
use crate::engine::{Created, Engine, EngineError, apply};
use crate::reader::dump;
use muster_core::change::{Changes, RowChange, RowKey, StoredRow};
use muster_core::decision::{Mode, Step};
use muster_core::facts::{Facts, Needs};
use muster_core::id::ProfileNo;
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::rate::{Class, Cost, RateWindow};
use muster_core::record::Counters;
use muster_core::settings::RateLimits;
use muster_core::time::{Moment, Timestamp};
use std::sync::Mutex;

fn key(value: &str) -> Identifier {
    Identifier { kind: IdentifierKind::new("customer_id"), value: value.into() }
}

/// Takes the next place of the change sequence and binds a key of that number.
fn next(facts: &Facts, _: Moment) -> Step<u64> {
    let seq = facts.counters.seq + 1;
    let rows = vec![RowChange::Upsert(StoredRow::Binding(key(&seq.to_string()), ProfileNo(seq)))];
    Step::Done(Changes { rows, counters: Counters { seq, ..facts.counters }, rate: None }, seq)
}

pub(super) fn decisions_run_one_after_another_and_readers_see_what_was_answered(make: Make<'_>) {
    let (engine, shop) = shop(make);
    assert_eq!(engine.create_workspace(&workspace("other")), Ok(Created::Made));
    let taken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let seq = run(&*engine, &shop, Mode::Commit, next).expect("it stores");
                    let mut reader = engine.read(&shop).expect("it reads");
                    let bound = reader.binding(&key(&seq.to_string()));
                    assert_eq!(bound, Ok(Some(ProfileNo(seq))), "a read after the answer sees it");
                    taken.lock().expect("no panic before").push(seq);
                }
            });
        }
    });
    let mut taken = taken.into_inner().expect("no panic before");
    taken.sort_unstable();
    assert_eq!(taken, (1..=100).collect::<Vec<u64>>(), "each decision saw all before it");
    let other = engine.read(&id("other")).expect("it reads").counters();
    assert_eq!(other, Ok(Counters::default()), "a workspace sees nothing of another");
}

pub(super) fn a_decision_that_breaks_or_panics_stores_nothing_and_the_others_go_on(make: Make<'_>) {
    let (engine, shop) = shop(make);
    run(&*engine, &shop, Mode::Commit, next).expect("it stores");
    // The last row cannot be written: the rows before it must not stay.
    let breaking: Decide<()> = Box::new(|facts, _| {
        let rows = vec![
            RowChange::Upsert(StoredRow::Binding(key("broken"), ProfileNo(9))),
            RowChange::Upsert(StoredRow::Binding(key("1"), ProfileNo(9))),
            RowChange::Delete(RowKey::Binding(key("nobody"))),
        ];
        Step::Done(Changes { rows, counters: Counters { seq: 99, ..facts.counters }, rate: None }, ())
    });
    let panicking: Decide<()> = Box::new(|_, _| panic!("as the suite wants it"));
    let asking: Decide<()> = Box::new(|_, _| Step::NeedMore(Needs::default()));
    for decide in [breaking, panicking, asking] {
        let broken = wait(apply(&*engine, &shop, Made { needs: Needs::default(), decide }, Mode::Commit));
        assert!(matches!(broken, Err(EngineError::Broken(_))), "{broken:?}");
        let mut reader = engine.read(&shop).expect("it reads");
        let (counters, rows) = dump(&mut *reader).expect("it reads");
        assert_eq!((counters.seq, rows), (1, vec![RowChange::Upsert(StoredRow::Binding(key("1"), ProfileNo(1)))]));
        let needs = Needs { bindings: vec![key("broken").into(), key("1").into()], ..Needs::default() };
        let facts = facts(&*engine, &shop, needs).expect("it reads");
        assert_eq!((facts.bindings[&key("broken")], facts.bindings[&key("1")]), (None, Some(ProfileNo(1))));
    }
    assert_eq!(run(&*engine, &shop, Mode::Commit, next), Ok(2));
}

pub(super) fn a_dry_decision_sees_everything_and_stores_nothing(make: Make<'_>) {
    let (engine, shop) = shop(make);
    assert_eq!(run(&*engine, &shop, Mode::Commit, next), Ok(1));
    assert_eq!(run(&*engine, &shop, Mode::Dry, next), Ok(2), "it sees what was stored before it");
    assert_eq!(run(&*engine, &shop, Mode::Commit, next), Ok(2), "nobody sees what it would have stored");
    let mut reader = engine.read(&shop).expect("it reads");
    assert_eq!(reader.counters().map(|c| c.seq), Ok(2));
}

pub(super) fn now_never_goes_backwards(make: Make<'_>) {
    let (engine, shop) = shop(make);
    // Within what a clock may be behind.
    let late = Timestamp(61_000);
    let now = |engine: &dyn Engine| run(engine, &shop, Mode::Dry, |_, now| Step::Leave(now.at)).expect("it runs");
    assert!(now(&*engine) < late);
    run(&*engine, &shop, Mode::Commit, move |facts, _| {
        Step::Done(Changes { rows: vec![], counters: Counters { now: late, ..facts.counters }, rate: None }, ())
    })
    .expect("it stores");
    assert_eq!(now(&*engine), late, "the clock is behind what a decision took as now");
}

pub(super) fn the_rate_window_is_kept_by_the_queue(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let limits = RateLimits { users: 10, events: 0, devices: 0 };
    let spend = move |facts: &Facts, _: Moment| {
        let mut rate = facts.rate.at(Moment { micros: 5_000_000, ..Moment::default() });
        let mut cost = Cost::default();
        cost.add(Class::Users, 3);
        rate.spend(limits, cost).expect("it fits");
        Step::Done(Changes { rows: vec![], counters: facts.counters, rate: Some(rate.clone()) }, rate)
    };
    assert_eq!(engine.rate(&shop), RateWindow::default());
    run(&*engine, &shop, Mode::Commit, spend).expect("it stores");
    let second = run(&*engine, &shop, Mode::Commit, spend).expect("it stores");
    assert_eq!(engine.rate(&shop), second);
    assert_eq!(second.status(limits).map(|s| s.remaining), Some(4));
    run(&*engine, &shop, Mode::Dry, spend).expect("it runs");
    assert_eq!(engine.rate(&shop), second, "a dry decision spends nothing");
}

pub(super) fn a_closed_engine_answers_unavailable(make: Make<'_>) {
    let (engine, shop) = shop(make);
    engine.close();
    assert!(matches!(put(&*engine, &shop, Vec::new()), Err(EngineError::Unavailable(_))));
    assert!(matches!(engine.read(&shop).err(), Some(EngineError::Unavailable(_))));
    assert!(matches!(engine.workspaces(), Err(EngineError::Unavailable(_))));
    assert!(matches!(engine.secret("token"), Err(EngineError::Unavailable(_))));
}
