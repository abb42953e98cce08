//! What the suite wants of retention: what is past its time goes in bounded batches, counters and standings follow, and
//! nothing else changes.

use super::families::{event, request, seen_refused};
use super::rig::{Make, put_with, run, shop, wait};
use crate::engine::{Engine, EngineError, apply};
use crate::reader::dump;
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::decide::{Expire, Retention};
use muster_core::decision::{Mode, Step};
use muster_core::facts::{Cutoffs, Facts};
use muster_core::id::{MergeNo, ProfileNo, QuarantineNo, REFUSED_REQUESTS, RequestNo, WorkspaceId};
use muster_core::kinds::{ElementKind, Route};
use muster_core::limits::{EXPIRE_BYTES_MAX, EXPIRE_ROWS_MAX, IDEMPOTENCY_MS};
use muster_core::outcome::RecordedAnswer;
use muster_core::reason::{Fault, Reason};
use muster_core::record::{
    Counters, Event, EventId, Idempotency, MemberRecord, MergeLink, QuarantinedElement, RootPointer, TreeTotals, View,
};
use muster_core::time::Timestamp;
use std::collections::BTreeMap;

/// What the clock of the suite shows.
const NOW: i64 = 3 * IDEMPOTENCY_MS;
const DAY: i64 = IDEMPOTENCY_MS;
/// A day back from now, where a row is just past a retention of a day.
const OLD: i64 = NOW - DAY;

/// A workspace that has seen the moment that the suite takes as now; it never goes back.
fn shop_now(make: Make<'_>) -> (Box<dyn Engine>, WorkspaceId) {
    let (engine, shop) = shop(make);
    let seen = |facts: &Facts, _| {
        let counters = Counters { now: Timestamp(NOW), ..facts.counters };
        Step::Done(Changes { rows: Vec::new(), counters, rate: None }, ())
    };
    run(&*engine, &shop, Mode::Commit, seen).expect("it stores");
    (engine, shop)
}

fn expire(engine: &dyn Engine, shop: &WorkspaceId, retention: Retention) -> usize {
    let mut gone = 0;
    loop {
        let decision = Expire { retention, settings_revision: 1 };
        match wait(apply(engine, shop, decision, Mode::Commit)).expect("it stores") {
            0 => return gone,
            rows => {
                assert!(rows <= EXPIRE_ROWS_MAX, "a batch is bounded");
                gone += rows;
            }
        }
    }
}

fn profile(no: u64) -> MemberRecord {
    let at = Timestamp(1);
    MemberRecord {
        no: ProfileNo(no),
        created: at,
        identifiers: Vec::new(),
        attributes: BTreeMap::new().into(),
        platforms: BTreeMap::new(),
        former: Vec::new(),
        history: Vec::new(),
    }
}

fn root_pointer(no: u64, events: u64, (tree, members): (u64, u32)) -> RootPointer {
    let at = Timestamp(1);
    let tree = TreeTotals { first_seen: at, last_seen: at, events: tree, devices: 0, members };
    let no = ProfileNo(no);
    RootPointer {
        no,
        created: at,
        root: ProfileNo(1),
        first_seen: at,
        last_seen: at,
        events,
        devices: 0,
        tree,
        weight: 0,
        deletion: None,
    }
}

/// The same instant for every family.
fn all(at: i64) -> Cutoffs {
    let at = Some(Timestamp(at));
    Cutoffs { log: at, quarantine: at, deleted: None, event_ids: at, idempotency: at, events: at }
}

/// A live profile and its member with this many own events.
fn tree(own: u64, of_member: u64) -> Vec<RowChange> {
    let (parent, child) = (ProfileNo(1), ProfileNo(2));
    let link = MergeLink { child, parent, merge: MergeNo(1), seq: 1, rules: Vec::new(), same_email: false };
    vec![
        RowChange::Upsert(StoredRow::MemberRecord(profile(1))),
        RowChange::Upsert(StoredRow::MemberRecord(profile(2))),
        RowChange::Upsert(StoredRow::RootPointer(root_pointer(1, own, (own + of_member, 2)))),
        RowChange::Upsert(StoredRow::RootPointer(root_pointer(2, of_member, (0, 1)))),
        RowChange::Upsert(StoredRow::View(parent, View::default())),
        RowChange::Upsert(StoredRow::MergeLink(link)),
    ]
}

fn received(at: i64, event: Event) -> RowChange {
    RowChange::Upsert(StoredRow::Event(Event { received_at: Timestamp(at), ..event }))
}

fn quarantined(no: u64, at: i64, bytes: usize) -> RowChange {
    RowChange::Upsert(StoredRow::QuarantinedElement(QuarantinedElement {
        no: QuarantineNo(no),
        at: Timestamp(at),
        request: RequestNo(1),
        index: 0,
        kind: ElementKind::Customer,
        errors: Fault::new(Reason::KeyTooLong, "/elements/0", None).into(),
        element: vec![b'x'; bytes].into(),
        replayed_as: (no == 1).then_some(RequestNo(9)),
        deleted_at: None,
    }))
}

fn answer(key: &str, at: i64) -> RowChange {
    let answer = RecordedAnswer { status: 200, outcomes: "applied=1".into(), body: vec![b'y'; 3_000].into() };
    let (route, key, at) = (Route::Transition, key.into(), Timestamp(at));
    RowChange::Upsert(StoredRow::Idempotency(Idempotency { route, key, body_hash: [1; 32], at, answer }))
}

fn event_id(id: &str, at: i64) -> RowChange {
    RowChange::Upsert(StoredRow::EventId(EventId {
        id: id.into(),
        at: Timestamp(at),
        seq: 1,
        profile: ProfileNo(1),
        name: "seen".into(),
    }))
}

pub(super) fn what_is_past_its_time_goes_and_its_figures_with_it(make: Make<'_>) {
    let (engine, shop) = shop_now(make);
    let kept = |own, of_member| {
        let mut rows = tree(own, of_member);
        rows.extend([
            received(OLD + 1, event(7, ProfileNo(1), 5, "late")),
            event_id("fresh", OLD + 1),
            RowChange::Upsert(StoredRow::LogEntry(request(RequestNo(2), OLD + 1, 200))),
            quarantined(3, OLD + 1, 10),
            answer("fresh", OLD + 1),
        ]);
        rows
    };
    let mut rows = kept(3, 1);
    rows.extend([
        received(OLD - 1, event(4, ProfileNo(1), 5, "early")),
        received(OLD, event(5, ProfileNo(2), 5, "early")),
        received(OLD, event(6, ProfileNo(1), 5, "early")),
        event_id("old", OLD),
        RowChange::Upsert(StoredRow::LogEntry(request(RequestNo(1), OLD, 200))),
        quarantined(1, OLD, 10),
        quarantined(2, OLD, 10),
        answer("old", OLD),
    ]);
    let counters = |c: Counters| Counters {
        seq: 9,
        users: 1,
        events: 4,
        events_accepted: 5,
        events_removed: 1,
        quarantined: 2,
        ..c
    };
    put_with(&*engine, &shop, rows.clone(), counters).expect("it stores");
    let refused = request(RequestNo(REFUSED_REQUESTS + 5), OLD, 400);
    engine.note_refused(&shop, refused.clone());
    drop(seen_refused(&*engine, &shop, refused.no));
    let nothing = Retention { log_ms: 0, quarantine_ms: 0, event_ids_ms: 0, events_ms: 0 };
    assert_eq!(expire(&*engine, &shop, nothing), 1, "0 keeps; recorded answers have their own time");
    let day = Retention { log_ms: DAY, quarantine_ms: DAY, event_ids_ms: DAY, events_ms: DAY };
    let other = Expire { retention: day, settings_revision: 2 };
    assert_eq!(wait(apply(&*engine, &shop, other, Mode::Commit)), Err(EngineError::Stale), "not under other settings");
    let oldest = |at| Cutoffs { events: Some(Timestamp(at - 1)), ..all(at) };
    assert_eq!(
        engine.read(&shop).expect("it reads").oldest(),
        Ok(Cutoffs { idempotency: all(OLD + 1).log, ..oldest(OLD) })
    );
    assert_eq!(expire(&*engine, &shop, day), 8);
    let mut reader = engine.read(&shop).expect("it reads");
    assert_eq!(reader.oldest(), Ok(all(OLD + 1)));
    let reach = |now| day.cutoffs(Timestamp(now)).reach(&all(OLD + 1));
    assert_eq!([reach(NOW), reach(NOW + 1)], [false, true]);
    let (counters, stored) = dump(&mut *reader).expect("it reads");
    let mut want = kept(1, 0);
    let kind = |row: &RowChange| match row {
        RowChange::Upsert(row) => Some(std::mem::discriminant(row)),
        RowChange::Delete(_) => None,
    };
    let family = |row: &RowChange| rows.iter().position(|r| kind(r) == kind(row));
    want.sort_by_key(family);
    assert_eq!(stored, want);
    let figures = [counters.events, counters.events_accepted, counters.events_removed, counters.quarantined];
    assert_eq!(figures, [1, 5, 4, 1], "law L4: stored = accepted - removed");
}

pub(super) fn a_batch_of_an_expiry_is_bounded_by_rows_and_by_bytes(make: Make<'_>) {
    let (engine, shop) = shop_now(make);
    let once = |retention| {
        let decision = Expire { retention, settings_revision: 1 };
        wait(apply(&*engine, &shop, decision, Mode::Commit)).expect("it stores")
    };
    let ids = (0..=EXPIRE_ROWS_MAX).map(|n| event_id(&format!("id {n}"), 1)).collect();
    put_with(&*engine, &shop, ids, |c| c).expect("it stores");
    let day = Retention { event_ids_ms: DAY, quarantine_ms: DAY, ..Retention::default() };
    assert_eq!([once(day), once(day), once(day)], [EXPIRE_ROWS_MAX, 1, 0]);
    // One row beyond the bound goes alone; what is older goes first.
    let large = usize::try_from(EXPIRE_BYTES_MAX).expect("a few megabytes");
    let rows = vec![quarantined(2, 1, 10), quarantined(3, 2, large), quarantined(4, 3, 10)];
    put_with(&*engine, &shop, rows, |c| Counters { quarantined: 3, ..c }).expect("it stores");
    assert_eq!([once(day), once(day), once(day), once(day)], [1, 1, 1, 0]);
}
