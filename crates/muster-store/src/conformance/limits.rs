//! What the suite wants at the hard limits of behaviour.md 2 and at an engine's own bounds. An engine refuses nothing
//! by size: the limits are the rules', so what is at a limit, and one over it, is kept whole.

use super::families::{device, event, request, seen_refused};
use super::rig::{Make, facts, put, put_with, run, shop};
use crate::bounds::ANSWERS_KEPT_MS;
use crate::page::Page;
use crate::reader::dump;
use muster_core::change::{Changes, RowChange, RowKey, StoredRow};
use muster_core::command::Action;
use muster_core::decision::{Mode, Step};
use muster_core::facts::Needs;
use muster_core::id::{MergeNo, ProfileNo, QuarantineNo, REFUSED_REQUESTS, RequestNo};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::ElementKind;
use muster_core::limits::{
    ACTIONS_MAX, DEVICES_MAX, EVENT_ID_BYTES_MAX, FORMER_IDENTIFIERS_MAX, IDEMPOTENCY_KEY_BYTES_MAX,
    IDENTIFIER_BYTES_MAX, MEMBERS_MAX, NAME_BYTES_MAX, RECORD_ATTRIBUTES_MAX, RECORD_BYTES_MAX,
};
use muster_core::outcome::{ActionOutcome, ActionResult, ElementResult, Outcome, RecordedAnswer};
use muster_core::reason::{Fault, Faults, Reason};
use muster_core::record::{
    Counters, Event, EventId, FormerIdentifier, Idempotency, LogEntry, MemberRecord, MergeLink, QuarantinedElement,
    RootPointer, TreeTotals, View, Write,
};
use muster_core::time::Timestamp;
use muster_core::value::Value;
use std::collections::BTreeMap;

/// Returns a string of this many bytes, with characters of more than one byte.
fn text(bytes: usize) -> Box<str> {
    let mut text = "\u{e4}".repeat(bytes / 2);
    text.extend((bytes % 2 == 1).then_some('x'));
    text.into()
}

fn profile(attributes: BTreeMap<Box<str>, Write<Value>>) -> MemberRecord {
    let key = Identifier { kind: IdentifierKind::new("customer_id"), value: text(IDENTIFIER_BYTES_MAX) };
    let former = FormerIdentifier { identifier: key.clone(), until: Timestamp(1) };
    MemberRecord {
        no: ProfileNo(1),
        created: Timestamp(1),
        identifiers: vec![key],
        attributes: attributes.into(),
        platforms: BTreeMap::new(),
        former: vec![former; FORMER_IDENTIFIERS_MAX],
        history: (0..muster_core::limits::HISTORY_MAX as u64).map(|seq| seq * 1_000_000_007).collect(),
    }
}

fn root_pointer(no: u64, root: u64, members: u32) -> RootPointer {
    let at = Timestamp(1);
    let tree = TreeTotals { first_seen: at, last_seen: at, events: 0, devices: 0, members };
    RootPointer {
        no: ProfileNo(no),
        created: at,
        root: ProfileNo(root),
        first_seen: at,
        last_seen: at,
        events: 0,
        devices: 0,
        tree,
        weight: 0,
        deletion: None,
    }
}

fn write(value: Value) -> Write<Value> {
    Write { seq: 1, value: Some(value) }
}

fn identifiers(over: usize) -> Vec<RowChange> {
    let value = text(IDENTIFIER_BYTES_MAX + over);
    let route = muster_core::kinds::Route::Transition;
    let answer = RecordedAnswer { status: 200, outcomes: "applied=1".into(), body: vec![b'x'; 1 << 20].into() };
    let key = "k".repeat(IDEMPOTENCY_KEY_BYTES_MAX + over).into();
    vec![
        RowChange::Upsert(StoredRow::Binding(
            Identifier { kind: IdentifierKind::new("customer_id"), value: value.clone() },
            ProfileNo(1),
        )),
        RowChange::Upsert(StoredRow::Device(device(ProfileNo(1), &value, &value))),
        RowChange::Upsert(StoredRow::EventId(EventId {
            id: text(EVENT_ID_BYTES_MAX + over),
            at: Timestamp(1),
            seq: 1,
            profile: ProfileNo(1),
            name: "seen".into(),
        })),
        RowChange::Upsert(StoredRow::Idempotency(Idempotency {
            route,
            key,
            body_hash: [1; 32],
            at: Timestamp(1),
            answer,
        })),
    ]
}

fn names(over: usize) -> Vec<RowChange> {
    let name = text(NAME_BYTES_MAX + over);
    let mut named = event(1, ProfileNo(1), 1, &name);
    let attributes = vec![(name.clone(), Value::text("x"))];
    named.action = Action { attributes, ..(*named.action).clone() }.into();
    vec![
        RowChange::Upsert(StoredRow::MemberRecord(profile(BTreeMap::from([(name, write(Value::Boolean(true)))])))),
        RowChange::Upsert(StoredRow::Event(named)),
    ]
}

fn large_record(over: usize) -> Vec<RowChange> {
    let value = Value::text(&text(RECORD_BYTES_MAX - 10 + over));
    let view = View { attributes: BTreeMap::from([("a".into(), value.clone())]), platforms: BTreeMap::new() };
    vec![
        RowChange::Upsert(StoredRow::MemberRecord(profile(BTreeMap::from([("a".into(), write(value))])))),
        RowChange::Upsert(StoredRow::View(ProfileNo(1), view)),
    ]
}

fn many_attributes(over: usize) -> Vec<RowChange> {
    let attribute = |n| (format!("attribute {n}").into(), write(Value::Integer(n)));
    let last = (RECORD_ATTRIBUTES_MAX + over) as i64;
    vec![RowChange::Upsert(StoredRow::MemberRecord(profile((0..last).map(attribute).collect())))]
}

fn many_actions(over: usize) -> Vec<RowChange> {
    let last = (ACTIONS_MAX + over) as u64;
    let accepted = ActionResult { outcome: ActionOutcome::Accepted, errors: Faults::default() };
    let mut actions = vec![accepted; ACTIONS_MAX + over];
    actions[7] = ActionResult {
        outcome: ActionOutcome::Rejected,
        errors: Fault::new(Reason::FutureDate, "/elements/0/actions/7", None).into(),
    };
    let element = ElementResult {
        index: 0,
        kind: ElementKind::Event,
        outcome: Outcome::Updated,
        profile: None,
        merged: Vec::new(),
        warnings: Vec::new(),
        errors: Faults::default(),
        explanation: None,
        actions,
    };
    let events = (1..=last).map(|seq| RowChange::Upsert(StoredRow::Event(event(seq, ProfileNo(1), 1, "x"))));
    events
        .chain([RowChange::Upsert(StoredRow::LogEntry(LogEntry {
            elements: [element].into(),
            ..request(RequestNo(1), 1, 200)
        }))])
        .collect()
}

/// Returns a tree of this many members, each with a device.
fn many_members(over: usize) -> Vec<RowChange> {
    let members = u64::from(MEMBERS_MAX.max(DEVICES_MAX)) + over as u64;
    let link = |no| MergeLink {
        child: ProfileNo(no),
        parent: ProfileNo(1),
        merge: MergeNo(no),
        seq: no,
        rules: Vec::new(),
        same_email: false,
    };
    let view = View::default();
    let count = u32::try_from(members).expect("about a thousand");
    (1..=members)
        .map(|no| {
            RowChange::Upsert(StoredRow::MemberRecord(MemberRecord {
                no: ProfileNo(no),
                former: Vec::new(),
                ..profile(BTreeMap::new())
            }))
        })
        .chain(
            (1..=members).map(|no| {
                RowChange::Upsert(StoredRow::RootPointer(root_pointer(no, 1, if no == 1 { count } else { 1 })))
            }),
        )
        .chain([RowChange::Upsert(StoredRow::View(ProfileNo(1), view))])
        .chain((2..=members).map(|no| RowChange::Upsert(StoredRow::MergeLink(link(no)))))
        .chain(
            (1..=members)
                .map(|no| RowChange::Upsert(StoredRow::Device(device(ProfileNo(no), "phone", &format!("push {no}"))))),
        )
        .collect()
}

pub(super) fn everything_at_its_hard_limit_is_kept_whole(make: Make<'_>) {
    for limit in [identifiers, names, large_record, many_attributes, many_actions, many_members] {
        for over in [0, 1] {
            let (engine, shop) = shop(make);
            let rows = limit(over);
            put(&*engine, &shop, rows.clone()).expect("it stores");
            let mut reader = engine.read(&shop).expect("it reads");
            let (_, stored) = dump(&mut *reader).expect("it reads");
            // Whole values, but an assertion that prints megabytes helps nobody.
            assert!(stored == rows, "not everything came back");
            let needs = Needs { trees: vec![ProfileNo(1)], ..Needs::default() };
            let facts = facts(&*engine, &shop, needs).expect("it reads");
            for row in &rows {
                if let RowChange::Upsert(StoredRow::RootPointer(row)) = row {
                    assert_eq!(facts.root_pointers[&row.no], Some(*row));
                }
            }
            drop(reader);
            engine.close();
        }
    }
    let none: Page<Event> = Page { items: Vec::new(), more: false, bytes: 0 };
    let (engine, shop) = shop(make);
    let query = crate::reader::EventQuery { profiles: &[], name: None, below: None, limit: 5 };
    assert_eq!(engine.read(&shop).expect("it reads").events(&query), Ok(none));
}

pub(super) fn quarantined(no: u64, bytes: usize) -> QuarantinedElement {
    QuarantinedElement {
        no: QuarantineNo(no),
        at: Timestamp(1),
        request: RequestNo(1),
        index: 0,
        kind: ElementKind::Customer,
        errors: Fault::new(Reason::KeyTooLong, "/elements/0", Some("customer_id")).into(),
        element: vec![b'x'; bytes].into(),
        replayed_as: None,
        deleted_at: None,
    }
}

pub(super) fn the_quarantine_drops_its_oldest_and_counts_them(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let quarantine = |rows: Vec<QuarantinedElement>, more: u64| {
        let rows = rows.into_iter().map(StoredRow::QuarantinedElement).map(RowChange::Upsert).collect();
        let counters = move |c: Counters| Counters { quarantined: c.quarantined + more, ..c };
        put_with(&*engine, &shop, rows, counters).expect("it stores");
    };
    let look = || {
        let mut reader = engine.read(&shop).expect("it reads");
        let entries = reader.quarantine(None, 9).expect("it reads").items;
        let numbers: Vec<u64> = entries.iter().map(|q| q.no.0).collect();
        (numbers, reader.quarantine_dropped(), reader.counters().map(|c| c.quarantined))
    };
    quarantine((1..=3).map(|no| quarantined(no, 20)).collect(), 3);
    assert_eq!(look(), (vec![3, 2, 1], Ok(0), Ok(3)));
    quarantine(vec![quarantined(4, 20)], 1);
    assert_eq!(look(), (vec![4, 3, 2], Ok(1), Ok(3)), "at most three entries");
    quarantine(vec![quarantined(5, 220)], 1);
    assert_eq!(look(), (vec![5, 4], Ok(3), Ok(2)), "at most 300 bytes, faults among them");
    // A replay marks an entry: its bytes are not counted twice.
    quarantine(vec![QuarantinedElement { replayed_as: Some(RequestNo(2)), ..quarantined(5, 220) }], 0);
    assert_eq!(look().0, [5, 4]);
    let mut reader = engine.read(&shop).expect("it reads");
    let marked = QuarantinedElement { replayed_as: Some(RequestNo(2)), ..quarantined(5, 220) };
    assert_eq!(reader.quarantined(QuarantineNo(5)), Ok(Some(marked)));
    let page = reader.quarantine(Some(QuarantineNo(5)), 9);
    let page = page.map(|page| (page.items, page.more));
    assert_eq!(page, Ok((vec![quarantined(4, 20)], false)));
    // One that was deleted takes its place until it is dropped, and does not count a second time then.
    let deleted = QuarantinedElement { deleted_at: Some(Timestamp(1)), ..quarantined(4, 20) };
    let rows = [deleted, quarantined(6, 1), quarantined(7, 1)]
        .map(StoredRow::QuarantinedElement)
        .map(RowChange::Upsert)
        .to_vec();
    put_with(&*engine, &shop, rows, |c| Counters { quarantined: 2, ..c }).expect("it stores");
    assert_eq!(look(), (vec![7, 6], Ok(5), Ok(2)), "entry 5 was replayed, and counts no more either");
}

pub(super) fn refused_requests_drop_their_oldest(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let number = |n: u64| RequestNo(REFUSED_REQUESTS + 100 - n);
    for n in 1..=5 {
        engine.note_refused(&shop, request(number(n), n.cast_signed(), 400));
    }
    let mut reader = seen_refused(&*engine, &shop, number(5));
    let kept = reader.requests(crate::reader::RequestQuery { limit: 9, ..Default::default() }).expect("it reads");
    assert_eq!(kept.items.iter().map(|r| r.no).collect::<Vec<_>>(), [number(5), number(4), number(3)]);
}

pub(super) fn what_is_deleted_gives_its_room_back(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let large = |n: u64| {
        let faults = vec![Fault { pointer: "/".repeat(2_500).into(), ..Fault::new(Reason::KeyTooLong, "", None) }];
        LogEntry { faults, warnings: Vec::new(), ..request(RequestNo(REFUSED_REQUESTS + n), n.cast_signed(), 400) }
    };
    for n in 1..=2 {
        put(&*engine, &shop, vec![RowChange::Upsert(StoredRow::QuarantinedElement(quarantined(n, 200)))])
            .expect("it stores");
        engine.note_refused(&shop, large(n));
        drop(seen_refused(&*engine, &shop, large(n).no));
        if n == 1 {
            let rows = vec![
                RowChange::Delete(RowKey::QuarantinedElement(QuarantineNo(n))),
                RowChange::Delete(RowKey::LogEntry(large(n).no)),
            ];
            put(&*engine, &shop, rows).expect("it stores");
        }
    }
    let mut reader = engine.read(&shop).expect("it reads");
    let kept = reader.quarantined(QuarantineNo(2)).expect("it reads").is_some();
    assert_eq!((kept, reader.quarantine_dropped()), (true, Ok(0)));
    assert!(reader.request(large(2).no).expect("it reads").is_some());
}

pub(super) fn refused_requests_are_bounded_by_their_bytes(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let number = |n: u64| RequestNo(REFUSED_REQUESTS + n);
    for n in 1..=3 {
        let pointer = "/".repeat(if n == 3 { 2_500 } else { 1_500 }).into();
        let faults = vec![Fault { pointer, ..Fault::new(Reason::KeyTooLong, "", None) }];
        let warnings = Vec::new();
        engine.note_refused(&shop, LogEntry { faults, warnings, ..request(number(n), n.cast_signed(), 400) });
        drop(seen_refused(&*engine, &shop, number(n)));
    }
    let mut reader = engine.read(&shop).expect("it reads");
    let kept = reader.requests(crate::reader::RequestQuery { limit: 9, ..Default::default() }).expect("it reads");
    let kept: Vec<_> = kept.items.iter().map(|r| r.no).collect();
    assert_eq!(kept, [number(3)], "two of 1,500 bytes fit, one of 2,500 beside one of them does not");
}

/// Fails if young ones are dropped, if old ones are kept, or if what is dropped or replaced keeps its room.
pub(super) fn recorded_answers_drop_their_oldest_and_none_that_is_young(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let route = muster_core::kinds::Route::Transition;
    let record = |key: &str, at: i64| {
        let answer = RecordedAnswer { status: 200, outcomes: "".into(), body: vec![b'x'; 40].into() };
        RowChange::Upsert(StoredRow::Idempotency(Idempotency {
            route,
            key: key.into(),
            body_hash: [1; 32],
            at: Timestamp(at),
            answer,
        }))
    };
    let at = |row: Vec<RowChange>, now: i64| {
        let stored = run(&*engine, &shop, Mode::Commit, move |facts, _| {
            let counters = Counters { now: Timestamp(now), ..facts.counters };
            Step::Done(Changes { rows: row.clone(), counters, rate: None }, ())
        });
        stored.expect("it stores");
    };
    let kept = || {
        let (_, rows) = dump(&mut *engine.read(&shop).expect("it reads")).expect("it reads");
        let keys = rows.into_iter().map(|row| match row {
            RowChange::Upsert(StoredRow::Idempotency(row)) => row.key.to_string(),
            other => format!("{other:?}"),
        });
        keys.collect::<Vec<_>>()
    };
    for (n, key) in (1..).zip(["a", "b", "c"]) {
        at(vec![record(key, n)], n);
    }
    assert_eq!(kept(), ["a", "b", "c"], "beyond the bound, but young");
    at(vec![record("c", 3)], ANSWERS_KEPT_MS + 1);
    assert_eq!(kept(), ["b", "c"], "the oldest made room");
    at(vec![record("d", ANSWERS_KEPT_MS + 2)], ANSWERS_KEPT_MS + 2);
    assert_eq!(kept(), ["c", "d"]);
    at(vec![RowChange::Delete(RowKey::Idempotency(route, "c".into()))], ANSWERS_KEPT_MS + 3);
    at(vec![record("e", ANSWERS_KEPT_MS + 4)], 3 * ANSWERS_KEPT_MS);
    assert_eq!(kept(), ["d", "e"], "there is room for two");
}
