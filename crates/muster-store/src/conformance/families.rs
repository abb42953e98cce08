//! What the suite wants of rows: each family comes back as it was put, is replaced and deleted by its key, and is found
//! by what needs it.

use super::random::Dice;
use super::rig::{Make, facts, put, shop, wait};
use crate::engine::{Engine, apply};
use crate::reader::{EventQuery, LiveProfile, Reader, RequestQuery, dump};
use muster_core::change::{RowChange, RowKey, StoredRow};
use muster_core::command::{Action, DeviceFields};
use muster_core::decision::{Decision, Mode, Step};
use muster_core::facts::{BindingNeed, Facts, Needs, Reach};
use muster_core::id::{MergeNo, ProfileId, ProfileNo, REFUSED_REQUESTS, RequestNo, SeparationNo, WorkspaceId};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::kinds::{Platform, Route};
use muster_core::outcome::{Outcome, RecordedAnswer};
use muster_core::profile::Member;
use muster_core::record::{
    Cause, Change, ChangeKind, Combined, Device, DeviceRef, DeviceToken, DeviceTokenKind, Event, EventId, Idempotency,
    LogEntry, MemberRecord, Merge, MergeLink, OutboxMessage, RootPointer, Separation, SeparationCause, TreeTotals,
    View,
};
use muster_core::time::{Moment, Timestamp};
use muster_core::value::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const NO: [ProfileNo; 4] = [ProfileNo(0), ProfileNo(1), ProfileNo(2), ProfileNo(3)];

fn key(value: &str) -> Identifier {
    Identifier { kind: IdentifierKind::new("customer_id"), value: value.into() }
}

fn profile(no: ProfileNo) -> MemberRecord {
    MemberRecord { no, ..Dice::new(no.0).profile() }
}

fn root_pointer(no: ProfileNo, root: ProfileNo, members: u32) -> RootPointer {
    let tree = TreeTotals { first_seen: Timestamp(1), last_seen: Timestamp(2), events: 3, devices: 1, members };
    RootPointer {
        no,
        created: Timestamp(1),
        root,
        first_seen: Timestamp(2),
        last_seen: Timestamp(2),
        events: 3,
        devices: 1,
        tree,
        weight: 0,
        deletion: Some(Timestamp(9)),
    }
}

fn view() -> View {
    View {
        attributes: BTreeMap::from([("city".into(), Value::text("Pune"))]),
        platforms: BTreeMap::from([(Platform::Web, true)]),
    }
}

fn link() -> MergeLink {
    MergeLink { child: NO[2], parent: NO[1], merge: MergeNo(1), seq: 12, rules: vec![], same_email: true }
}

pub(super) fn device(profile: ProfileNo, device_id: &str, push_id: &str) -> Device {
    Device {
        at: DeviceRef { profile, device_id: device_id.into() },
        seq: 5,
        updated_at: Timestamp(6),
        fields: DeviceFields {
            platform: Platform::Ios,
            push_id: push_id.into(),
            model: None,
            app_version: Some("1".into()),
            os_version: None,
            push_opted: Some(true),
            push_provisional_opted: None,
            gaid: None,
            idfv: Some(format!("idfv of {push_id}").into()),
            push_id_is_word: push_id == "none",
        },
    }
}

pub(super) fn event(seq: u64, profile: ProfileNo, time: i64, name: &str) -> Event {
    let action = Action {
        name: name.into(),
        attributes: vec![("price".into(), Value::Integer(seq.cast_signed()))],
        time: None,
        user_time: None,
        offset_seconds: 0,
        platform: Some(Platform::Web),
        os_type: None,
        app_version: None,
        event_id: None,
        pointer: "/elements/0/actions/0".into(),
    };
    Event {
        seq,
        profile,
        time: Timestamp(time),
        user_time: time,
        received_at: Timestamp(9),
        request: RequestNo(1),
        origin: None,
        device_id: None,
        action: action.into(),
    }
}

fn merge(no: u64) -> Merge {
    let id = |no| ProfileId { created: Timestamp(1), no };
    Merge {
        no: MergeNo(no),
        at: Timestamp(7),
        survivor: id(NO[1]),
        merged: id(NO[2]),
        request: Some((RequestNo(1), 0)),
        cause: Cause::Api,
        explanation: None,
        filled: vec!["city".into()],
        combined: vec![Combined { field: "points".into(), old: Some(Value::Integer(1)), new: None }],
        identifiers: vec![key("b")],
        reverted_at: None,
    }
}

fn separation(no: u64, a: ProfileNo, b: ProfileNo) -> Separation {
    let id = |no| ProfileId { created: Timestamp(1), no };
    let cause = SeparationCause::Revert;
    Separation { no: SeparationNo(no), at: Timestamp(8), a: id(a), b: id(b), cause, merge: Some(MergeNo(1)) }
}

pub(super) fn request(no: RequestNo, received_at: i64, status: u16) -> LogEntry {
    LogEntry { no, received_at: Timestamp(received_at), status, elements: [].into(), ..Dice::new(no.0).request() }
}

fn idempotency() -> Idempotency {
    let answer = RecordedAnswer { status: 200, outcomes: "applied=1".into(), body: b"{}".as_slice().into() };
    Idempotency { route: Route::Event, key: "k".into(), body_hash: [7; 32], at: Timestamp(3), answer }
}

/// A root with one member, and a profile of its own.
fn tree() -> Vec<RowChange> {
    vec![
        RowChange::Upsert(StoredRow::Binding(key("a"), NO[1])),
        RowChange::Upsert(StoredRow::Binding(key("b"), NO[2])),
        RowChange::Upsert(StoredRow::MemberRecord(profile(NO[1]))),
        RowChange::Upsert(StoredRow::MemberRecord(profile(NO[2]))),
        RowChange::Upsert(StoredRow::MemberRecord(profile(NO[3]))),
        RowChange::Upsert(StoredRow::RootPointer(root_pointer(NO[1], NO[1], 2))),
        RowChange::Upsert(StoredRow::RootPointer(root_pointer(NO[2], NO[1], 1))),
        RowChange::Upsert(StoredRow::RootPointer(root_pointer(NO[3], NO[3], 1))),
        RowChange::Upsert(StoredRow::View(NO[1], view())),
        RowChange::Upsert(StoredRow::MergeLink(link())),
        RowChange::Upsert(StoredRow::Device(device(NO[2], "phone", "push"))),
        RowChange::Upsert(StoredRow::Event(event(11, NO[2], 5, "seen"))),
        RowChange::Upsert(StoredRow::EventId(EventId {
            id: "once".into(),
            at: Timestamp(4),
            seq: 11,
            profile: ProfileNo(1),
            name: "seen".into(),
        })),
        RowChange::Upsert(StoredRow::Merge(merge(1))),
        RowChange::Upsert(StoredRow::Separation(separation(1, NO[2], NO[3]))),
        RowChange::Upsert(StoredRow::LogEntry(request(RequestNo(1), 1, 200))),
        RowChange::Upsert(StoredRow::Idempotency(idempotency())),
        RowChange::Upsert(StoredRow::OutboxMessage(OutboxMessage {
            request: RequestNo(1),
            body: b"[]".as_slice().into(),
        })),
        RowChange::Upsert(StoredRow::Change(Change {
            seq: 12,
            kind: ChangeKind::Merge,
            profile: NO[2],
            merge: 1,
            at: Timestamp(7),
            request: None,
        })),
    ]
}

fn stored(engine: &dyn Engine, shop: &WorkspaceId) -> Vec<RowChange> {
    dump(&mut *engine.read(shop).expect("it reads")).expect("it reads").1
}

pub(super) fn every_family_comes_back_as_it_was_put(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let rows = tree();
    put(&*engine, &shop, rows.clone()).expect("it stores");
    assert_eq!(stored(&*engine, &shop), rows);
    let mut reader = engine.read(&shop).expect("it reads");
    let member = |no, link: Option<MergeLink>, joined_at, devices| Member {
        record: profile(no),
        root_pointer: root_pointer(no, NO[1], if no == NO[1] { 2 } else { 1 }),
        link,
        joined_at,
        devices,
    };
    let members = vec![
        member(NO[1], None, None, vec![]),
        member(NO[2], Some(link()), Some(Timestamp(7)), vec![device(NO[2], "phone", "push")]),
    ];
    let live = LiveProfile { root: NO[1], members, view: Some(view()) };
    assert_eq!(reader.profile(NO[2]), Ok(Some(live)), "any id answers its live profile");
    assert_eq!(reader.profile(ProfileNo(77)), Ok(None));
    assert_eq!(reader.merges(None, 9).map(|page| page.items), Ok(vec![merge(1)]));
    assert_eq!(reader.merge(MergeNo(1)), Ok(Some(merge(1))));
    let apart = vec![separation(1, NO[2], NO[3])];
    assert_eq!(reader.separations(None, 9).map(|page| page.items), Ok(apart));
    assert_eq!(reader.idempotency(Route::Event, "k"), Ok(Some(idempotency())));
    assert_eq!(reader.idempotency(Route::Device, "k"), Ok(None), "a key is of its route");
}

pub(super) fn rows_are_replaced_and_deleted_by_their_keys(make: Make<'_>) {
    let (engine, shop) = shop(make);
    put(&*engine, &shop, tree()).expect("it stores");
    let reverted = Merge { reverted_at: Some(Timestamp(20)), ..merge(1) };
    let device_ref = DeviceRef { profile: NO[2], device_id: "phone".into() };
    let rows = vec![
        RowChange::Delete(RowKey::Binding(key("a"))),
        RowChange::Upsert(StoredRow::Binding(key("b"), NO[3])),
        RowChange::Delete(RowKey::View(NO[1])),
        RowChange::Delete(RowKey::MergeLink(NO[2])),
        RowChange::Upsert(StoredRow::RootPointer(root_pointer(NO[2], NO[2], 1))),
        RowChange::Delete(RowKey::Device(device_ref)),
        RowChange::Upsert(StoredRow::Merge(reverted.clone())),
        RowChange::Delete(RowKey::Separation(SeparationNo(1))),
        RowChange::Upsert(StoredRow::EventId(EventId {
            id: "once".into(),
            at: Timestamp(40),
            seq: 41,
            profile: ProfileNo(1),
            name: "seen".into(),
        })),
    ];
    put(&*engine, &shop, rows).expect("it stores");
    let want: Vec<RowChange> = tree()
        .into_iter()
        .filter_map(|row| match row {
            RowChange::Upsert(StoredRow::Binding(k, _)) if k == key("a") => None,
            RowChange::Upsert(StoredRow::Binding(k, _)) => Some(RowChange::Upsert(StoredRow::Binding(k, NO[3]))),
            RowChange::Upsert(StoredRow::View(..))
            | RowChange::Upsert(StoredRow::MergeLink(_))
            | RowChange::Upsert(StoredRow::Device(_))
            | RowChange::Upsert(StoredRow::Separation(_)) => None,
            RowChange::Upsert(StoredRow::RootPointer(s)) if s.no == NO[2] => {
                Some(RowChange::Upsert(StoredRow::RootPointer(root_pointer(NO[2], NO[2], 1))))
            }
            RowChange::Upsert(StoredRow::Merge(_)) => Some(RowChange::Upsert(StoredRow::Merge(reverted.clone()))),
            RowChange::Upsert(StoredRow::EventId(_)) => Some(RowChange::Upsert(StoredRow::EventId(EventId {
                id: "once".into(),
                at: Timestamp(40),
                seq: 41,
                profile: ProfileNo(1),
                name: "seen".into(),
            }))),
            row => Some(row),
        })
        .collect();
    assert_eq!(stored(&*engine, &shop), want);
}

pub(super) fn facts_are_closed_under_what_a_decision_needs(make: Make<'_>) {
    let (engine, shop) = shop(make);
    put(&*engine, &shop, tree()).expect("it stores");
    let needs = Needs {
        bindings: vec![key("b").into(), key("z").into()],
        records: vec![NO[2], ProfileNo(77)],
        event_ids: vec!["once".into(), "never".into()],
        idempotency: Some((Route::Event, "k".into())),
        ..Needs::default()
    };
    let got = facts(&*engine, &shop, needs).expect("it reads");
    assert_eq!(got.bindings, HashMap::from_iter([(key("b"), Some(NO[2])), (key("z"), None)]));
    let own = |no| (no, Some(profile(no)));
    assert_eq!(
        got.records,
        HashMap::from_iter([own(NO[1]), own(NO[2]), (ProfileNo(77), None)]),
        "of a member its root's, too"
    );
    assert_eq!(got.views, HashMap::from_iter([(NO[1], Some(view()))]));
    let once = EventId { id: "once".into(), at: Timestamp(4), seq: 11, profile: ProfileNo(1), name: "seen".into() };
    assert_eq!(got.event_ids, HashMap::from_iter([("once".into(), Some(once)), ("never".into(), None)]));
    assert_eq!(got.idempotency, HashMap::from_iter([((Route::Event, "k".into()), Some(idempotency()))]));
    let needs = Needs {
        trees: vec![NO[1]],
        separations: vec![NO[1], NO[3]],
        merges: vec![MergeNo(1), MergeNo(2)],
        separation_nos: vec![SeparationNo(1)],
        ..Needs::default()
    };
    let got = facts(&*engine, &shop, needs).expect("it reads");
    assert_eq!(got.trees, HashMap::from_iter([(NO[1], Some(vec![NO[1], NO[2]]))]));
    assert_eq!(got.links, HashMap::from_iter([(NO[1], None), (NO[2], Some(link()))]));
    assert_eq!(got.root_pointers[&NO[2]], Some(root_pointer(NO[2], NO[1], 1)));
    let apart = Some(vec![separation(1, NO[2], NO[3])]);
    assert_eq!(
        got.separations,
        HashMap::from_iter([(NO[1], apart.clone()), (NO[3], apart)]),
        "of any member, on either side"
    );
    assert_eq!(got.merges, HashMap::from_iter([(MergeNo(1), Some(merge(1))), (MergeNo(2), None)]));
    assert_eq!(got.separation_nos, HashMap::from_iter([(SeparationNo(1), Some(separation(1, NO[2], NO[3])))]));
}

pub(super) fn a_binding_is_read_with_what_its_reach_says(make: Make<'_>) {
    let (engine, shop) = shop(make);
    put(&*engine, &shop, tree()).expect("it stores");
    let read = |reach| {
        let bindings = vec![BindingNeed { identifier: key("b"), reach }];
        let got = facts(&*engine, &shop, Needs { bindings, ..Needs::default() }).expect("it reads");
        let sorted = |numbers: Vec<ProfileNo>| BTreeSet::from_iter(numbers);
        (sorted(got.root_pointers.into_keys().collect()), sorted(got.records.into_keys().collect()), got.views.len())
    };
    let (none, both) = (BTreeSet::new(), BTreeSet::from([NO[1], NO[2]]));
    assert_eq!(read(Reach::Binding), (none.clone(), none.clone(), 0));
    assert_eq!(read(Reach::RootPointer), (both.clone(), none, 0), "of a member its root's, too");
    assert_eq!(read(Reach::Record), (both.clone(), both, 1), "of a member its root's, too, and the root's view");
}

/// A decision that its first facts refuse.
struct Refused(Needs);

impl Decision for Refused {
    type Output = Facts;

    fn needs(&self) -> Needs {
        self.0.clone()
    }

    fn reads_ahead(&self, facts: &Facts, _: Moment) -> bool {
        assert_eq!(facts.bindings.len(), 1, "it sees the first facts");
        false
    }

    fn decide(&self, facts: &Facts, _: Moment) -> Step<Facts> {
        Step::Leave(facts.clone())
    }
}

pub(super) fn for_a_refused_decision_nothing_is_read_ahead(make: Make<'_>) {
    let (engine, shop) = shop(make);
    put(&*engine, &shop, tree()).expect("it stores");
    let bindings = vec![BindingNeed { identifier: key("b"), reach: Reach::Record }];
    let refused = Refused(Needs { bindings, ..Needs::default() });
    let got = wait(apply(&*engine, &shop, refused, Mode::Commit)).expect("it reads");
    let found = (got.bindings[&key("b")], got.root_pointers.len(), got.records.len(), got.views.len());
    assert_eq!(found, (Some(NO[2]), 0, 0, 0));
}

pub(super) fn a_token_finds_its_device(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let (phone, word) = (device(NO[1], "phone", "push"), device(NO[1], "tablet", "none"));
    put(
        &*engine,
        &shop,
        vec![RowChange::Upsert(StoredRow::Device(phone.clone())), RowChange::Upsert(StoredRow::Device(word.clone()))],
    )
    .expect("it stores");
    let token = |kind, value: &str| DeviceToken { kind, value: value.into() };
    let (push, idfv) = (token(DeviceTokenKind::Push, "push"), token(DeviceTokenKind::Idfv, "idfv of none"));
    let (none, gaid) = (token(DeviceTokenKind::Push, "none"), token(DeviceTokenKind::Gaid, "push"));
    let tokens = vec![push.clone(), idfv.clone(), none.clone(), gaid.clone()];
    let got = facts(&*engine, &shop, Needs { tokens, ..Needs::default() }).expect("it reads");
    let want = [(push, Some(phone.at.clone())), (idfv, Some(word.at.clone())), (none, None), (gaid, None)];
    assert_eq!(got.tokens, HashMap::from_iter(want), "a word finds nobody");
    let devices = [(phone.at.clone(), Some(phone)), (word.at.clone(), Some(word))];
    assert_eq!(got.devices, HashMap::from_iter(devices), "a device that is found is read");
}

pub(super) fn a_timeline_is_read_newest_first_in_pages(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let all: Vec<Event> = (1..=30)
        .map(|seq| {
            event(seq, NO[(seq % 3) as usize], (seq / 4).cast_signed(), if seq % 2 == 0 { "even" } else { "odd" })
        })
        .collect();
    put(&*engine, &shop, all.iter().cloned().map(StoredRow::Event).map(RowChange::Upsert).collect())
        .expect("it stores");
    let mut reader = engine.read(&shop).expect("it reads");
    for name in [None, Some("even")] {
        let mut want: Vec<Event> = all.clone();
        want.retain(|e| e.profile != NO[0] && name.is_none_or(|n| *e.action.name == *n));
        want.sort_by_key(|e| std::cmp::Reverse((e.time, e.seq)));
        let (mut got, mut below) = (Vec::new(), None);
        loop {
            let page = EventQuery { profiles: &NO[1..], name, below, limit: 4 };
            let page = reader.events(&page).expect("it reads");
            let last = page.items.last().expect("no page is empty");
            below = Some((last.time, last.seq));
            assert!(page.items.len() <= 4);
            got.extend(page.items);
            if !page.more {
                break;
            }
        }
        assert_eq!(got, want);
    }
}

pub(super) fn the_log_is_read_newest_first_with_refused_requests_in_their_place(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let refused = request(RequestNo(REFUSED_REQUESTS + 5), 2, 400);
    engine.note_refused(&shop, refused.clone());
    let mut merged = Dice::new(1).request();
    while merged.elements.iter().all(|e| e.outcome != Outcome::Merged) {
        merged = Dice::new(merged.duration_us + 1).request();
    }
    let merged = LogEntry { no: RequestNo(3), received_at: Timestamp(3), status: 200, ..merged };
    let first = request(RequestNo(1), 1, 200);
    put(
        &*engine,
        &shop,
        vec![
            RowChange::Upsert(StoredRow::LogEntry(first.clone())),
            RowChange::Upsert(StoredRow::LogEntry(merged.clone())),
        ],
    )
    .expect("it stores");
    let mut reader = seen_refused(&*engine, &shop, refused.no);
    let mut page = |query| reader.requests(query).expect("it reads").items;
    let all = RequestQuery { limit: 9, ..RequestQuery::default() };
    assert_eq!(page(all), [merged.clone(), refused.clone(), first.clone()]);
    assert_eq!(page(RequestQuery { status: Some(400), ..all }), std::slice::from_ref(&refused));
    assert_eq!(page(RequestQuery { outcome: Some(Outcome::Merged), ..all }), std::slice::from_ref(&merged));
    let below = Some((refused.received_at, refused.no));
    assert_eq!(page(RequestQuery { below, ..all }), std::slice::from_ref(&first));
    let since = Some(refused.received_at);
    assert_eq!(page(RequestQuery { since, ..all }), [merged.clone(), refused.clone()]);
    assert_eq!(page(RequestQuery { limit: 1, ..all }), std::slice::from_ref(&merged));
    assert_eq!(reader.request(refused.no), Ok(Some(refused)));
    assert_eq!(reader.request(RequestNo(3)), Ok(Some(merged)));
    assert_eq!(reader.request(RequestNo(2)), Ok(None));
}

/// A reader that sees a refused request: they are written without a sync of their own, within about a second.
pub(super) fn seen_refused<'e>(engine: &'e dyn Engine, shop: &WorkspaceId, no: RequestNo) -> Box<dyn Reader + 'e> {
    for _ in 0..1_000 {
        let mut reader = engine.read(shop).expect("it reads");
        if reader.request(no).expect("it reads").is_some() {
            return reader;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the refused request was never written");
}
