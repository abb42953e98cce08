//! What the suite wants of what guards, reviews, activations and history ask for.

use super::families::{device, event};
use super::rig::{Make, facts, put, shop};
use crate::reader::ReviewQuery;
use muster_core::change::{RowChange, RowKey, StoredRow};
use muster_core::explanation::{Explanation, GuardReason};
use muster_core::facts::{Belongings, Needs, ReviewList, ReviewPair};
use muster_core::id::{ProfileId, ProfileNo, RequestNo, ReviewNo};
use muster_core::identifier::{Identifier, IdentifierKind};
use muster_core::limits::{REVIEWS_LISTED_MAX, SCAN_BYTES_MAX};
use muster_core::record::{Change, ChangeKind, History, MemberRecord, Replaced, RootPointer, TreeTotals};
use muster_core::review::{Review, ReviewState};
use muster_core::time::Timestamp;
use muster_core::value::Value;
use std::collections::{BTreeMap, HashMap};

const fn no(n: u64) -> ProfileNo {
    ProfileNo(n)
}

fn key(value: &str) -> Identifier {
    Identifier { kind: IdentifierKind::new("email"), value: value.into() }
}

fn profile(n: u64) -> MemberRecord {
    MemberRecord {
        no: no(n),
        created: Timestamp(1),
        identifiers: vec![],
        attributes: BTreeMap::new().into(),
        platforms: BTreeMap::new(),
        former: vec![],
        history: vec![4, 6],
    }
}

fn root_pointer(n: u64, root: u64) -> RootPointer {
    let at = Timestamp(1);
    let members = if n == root { 2 } else { 1 };
    let tree = TreeTotals { first_seen: at, last_seen: at, events: 0, devices: 0, members };
    RootPointer {
        no: no(n),
        created: at,
        root: no(root),
        first_seen: at,
        last_seen: at,
        events: 0,
        devices: 0,
        tree,
        weight: 0,
        deletion: None,
    }
}

fn review(n: u64, a: u64, b: Option<u64>, state: ReviewState) -> Review {
    let id = |n| ProfileId { created: Timestamp(1), no: no(n) };
    Review {
        no: ReviewNo(n),
        at: Timestamp(2),
        last_at: Timestamp(3),
        count: n,
        identifier: key("a"),
        a: id(a),
        b: b.map(id),
        reason: GuardReason::Pinned,
        request: Some((RequestNo(1), 0)),
        record: Some(b"{}".as_slice().into()),
        explanation: Explanation::default(),
        state,
        closed_at: None,
    }
}

/// Two roots, 1 with the member 2, and 3 alone.
fn people() -> Vec<RowChange> {
    let mut rows: Vec<RowChange> = (1..=3).map(profile).map(StoredRow::MemberRecord).map(RowChange::Upsert).collect();
    rows.extend(
        [(1, 1), (2, 1), (3, 3)].map(|(n, root)| RowChange::Upsert(StoredRow::RootPointer(root_pointer(n, root)))),
    );
    rows
}

/// Fails if only the roots' own numbers are looked for, if reviews that ended in a merge are found, or decided ones are not,
/// or if of a value without a second profile a decided one hides an open one.
pub(super) fn reviews_are_found_by_any_member_of_either_side_until_they_end_in_a_merge(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let open = ReviewState::Open;
    let all = [
        review(1, 2, Some(3), open),
        review(2, 3, Some(2), open),
        review(3, 1, Some(3), ReviewState::Dismissed),
        review(4, 2, None, open),
        review(5, 3, None, ReviewState::Merged),
        review(6, 1, Some(2), open),
        review(7, 3, Some(2), ReviewState::Merged),
        review(8, 2, None, ReviewState::Dismissed),
        review(9, 3, None, ReviewState::Dismissed),
        review(10, 3, None, ReviewState::Dismissed),
    ];
    put(&*engine, &shop, people()).expect("it stores");
    put(&*engine, &shop, all.iter().cloned().map(StoredRow::Review).map(RowChange::Upsert).collect())
        .expect("it stores");
    let needs = Needs {
        reviews_of: vec![no(1), no(3)],
        reviews_between: vec![(no(1), no(3))],
        reviews_of_value: vec![(key("a"), no(1)), (key("a"), no(3)), (key("b"), no(1))],
        reviews: vec![ReviewNo(3), ReviewNo(77)],
        reviews_to_drop: 7,
        ..Needs::default()
    };
    let got = facts(&*engine, &shop, needs).expect("it reads");
    let pair = |n, a, b| ReviewPair { no: ReviewNo(n), a: no(a), b: no(b) };
    let between = vec![pair(1, 2, 3), pair(2, 3, 2), pair(3, 1, 3)];
    let of_first = between.iter().copied().chain([pair(6, 1, 2)]).collect();
    let lists = [(no(1), ReviewList::Whole(of_first)), (no(3), ReviewList::Whole(between.clone()))];
    assert_eq!(got.reviews_of, HashMap::from_iter(lists));
    assert_eq!(got.reviews_between, HashMap::from_iter([((no(1), no(3)), between)]));
    let alone = [("a", 1, vec![ReviewNo(4)]), ("a", 3, vec![ReviewNo(10)]), ("b", 1, vec![])];
    let alone = alone.map(|(value, root, found)| ((key(value), no(root)), found));
    assert_eq!(got.reviews_of_value, HashMap::from_iter(alone));
    let known = HashMap::from_iter([(ReviewNo(3), Some(all[2].clone())), (ReviewNo(77), None)]);
    assert_eq!(got.reviews, known);
    let decided = [3, 5, 7, 8, 9, 10].map(|n| (ReviewNo(n), false));
    assert_eq!(got.reviews_to_drop, decided.into_iter().chain([(ReviewNo(1), true)]).collect::<Vec<_>>());
    let mut reader = engine.read(&shop).expect("it reads");
    let mut listed = |state, below| {
        let page = reader.reviews(ReviewQuery { state, below, limit: 2 }).expect("it reads");
        (page.items.iter().map(|review| review.no.0).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(listed(None, None), (vec![10, 9], true));
    assert_eq!(listed(Some(open), Some(ReviewNo(6))), (vec![4, 2], true));
    assert_eq!(listed(Some(ReviewState::Merged), None), (vec![7, 5], false));
    assert_eq!(reader.review(ReviewNo(4)), Ok(Some(all[3].clone())));
}

/// Fails if a list that is full is told as long or a longer one as whole, if reviews of others are found between two
/// profiles that have many, or if not all of theirs are, from either side; the same of a value that many have.
pub(super) fn reviews_of_profiles_that_have_many_are_found_by_the_pair(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let open = ReviewState::Open;
    let many = REVIEWS_LISTED_MAX as u64;
    let others = |first, a| (0..many).map(move |n| review(first + n, a, Some(10_000 + n), open));
    let values = (0..5).map(|n| review(100 + n, 20_000 + n, None, open));
    let first = [review(1, 2, Some(3), open), review(2, 3, Some(1), ReviewState::Merged), review(3, 3, Some(1), open)];
    let alone = [review(4, 2, None, ReviewState::Dismissed), review(5, 2, None, open), review(6, 3, None, open)];
    put(&*engine, &shop, people()).expect("it stores");
    let reviews = first.into_iter().chain(alone).chain(values).chain(others(1_000, 2)).chain(others(5_000, 3));
    put(&*engine, &shop, reviews.map(StoredRow::Review).map(RowChange::Upsert).collect()).expect("it stores");
    let full = others(9_000, 4)
        .map(StoredRow::Review)
        .chain([StoredRow::RootPointer(root_pointer(4, 4)), StoredRow::MemberRecord(profile(4))]);
    put(&*engine, &shop, full.map(RowChange::Upsert).collect()).expect("it stores");
    let needs = Needs {
        reviews_of: vec![no(1), no(3), no(4)],
        reviews_between: vec![(no(1), no(3))],
        reviews_of_value: vec![(key("a"), no(1)), (key("a"), no(3))],
        ..Needs::default()
    };
    let got = facts(&*engine, &shop, needs).expect("it reads");
    let pair = |n, a, b| ReviewPair { no: ReviewNo(n), a: no(a), b: no(b) };
    let whole = (0..many).map(|n| pair(9_000 + n, 4, 10_000 + n)).collect();
    let lists = [(no(1), ReviewList::Long), (no(3), ReviewList::Long), (no(4), ReviewList::Whole(whole))];
    assert_eq!(got.reviews_of, HashMap::from_iter(lists));
    assert_eq!(got.reviews_between, HashMap::from_iter([((no(1), no(3)), vec![pair(1, 2, 3), pair(3, 3, 1)])]));
    let alone = [(1, vec![ReviewNo(5)]), (3, vec![ReviewNo(6)])].map(|(root, found)| ((key("a"), no(root)), found));
    assert_eq!(got.reviews_of_value, HashMap::from_iter(alone));
}

/// Fails if devices or reviews are read while events are left, or those of one member alone.
pub(super) fn what_hangs_on_a_profile_is_found_events_first(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let device = |n: u64| device(no(n), "d", "p");
    let event = |seq, n| RowChange::Upsert(StoredRow::Event(event(seq, no(n), 4, "e")));
    let others = [review(1, 3, Some(2), ReviewState::Open), review(2, 1, None, ReviewState::Dismissed)];
    put(&*engine, &shop, people()).expect("it stores");
    put(&*engine, &shop, vec![event(4, 2), event(6, 1), event(7, 3)]).expect("it stores");
    put(&*engine, &shop, others.map(StoredRow::Review).map(RowChange::Upsert).into()).expect("it stores");
    put(
        &*engine,
        &shop,
        vec![RowChange::Upsert(StoredRow::Device(device(2))), RowChange::Upsert(StoredRow::Device(device(3)))],
    )
    .expect("it stores");
    let found = |root| {
        let got = facts(&*engine, &shop, Needs { belongings: vec![no(root)], ..Needs::default() }).expect("it reads");
        got.belongings[&no(root)].clone().expect("it was read")
    };
    let events = vec![(no(1), 6), (no(2), 4)];
    assert_eq!(found(1), Belongings { events, ..Belongings::default() });
    put(&*engine, &shop, vec![RowChange::Delete(RowKey::Event(4)), RowChange::Delete(RowKey::Event(6))])
        .expect("it stores");
    let rest = Belongings {
        reviews: vec![(ReviewNo(1), true), (ReviewNo(2), false)],
        devices: vec![device(2).at],
        ..Belongings::default()
    };
    assert_eq!(found(1), rest);
}

/// Fails if a member's mark counts, one of later is due, or a page begins with what the one before ended with.
pub(super) fn deletions_come_due_in_the_order_of_their_marks(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let marked = |n, root, at| RootPointer { deletion: Some(Timestamp(at)), ..root_pointer(n, root) };
    let root_pointers =
        [marked(1, 1, 5), marked(2, 1, 3), marked(3, 3, 4), marked(4, 4, 4), marked(5, 5, 6), root_pointer(6, 6)];
    put(&*engine, &shop, (1..=6).map(profile).map(StoredRow::MemberRecord).map(RowChange::Upsert).collect())
        .expect("it stores");
    put(&*engine, &shop, root_pointers.map(StoredRow::RootPointer).map(RowChange::Upsert).into()).expect("it stores");
    let mut reader = engine.read(&shop).expect("it reads");
    let mut due = |after, limit| reader.due_deletions(Timestamp(5), after, limit).expect("it reads");
    let of = |at, n| (Timestamp(at), no(n));
    assert_eq!(due(None, 2), [of(4, 3), of(4, 4)]);
    assert_eq!(due(Some(of(4, 4)), 2), [of(5, 1)]);
}

/// Fails if `light_enough` keeps all, or counts a live profile once for each of its members.
pub(super) fn holders_are_looked_at_as_far_as_their_profiles_can_be_loaded_together(make: Make<'_>) {
    let (engine, shop) = shop(make);
    put(&*engine, &shop, people()).expect("it stores");
    let heavy =
        |n| RowChange::Upsert(StoredRow::RootPointer(RootPointer { weight: SCAN_BYTES_MAX - 1, ..root_pointer(n, n) }));
    put(&*engine, &shop, vec![heavy(1), heavy(3)]).expect("it stores");
    put(&*engine, &shop, (1..=3).map(|n| RowChange::Upsert(StoredRow::PendingHolder(key("a"), no(n)))).collect())
        .expect("it stores");
    let got = facts(&*engine, &shop, Needs { holders: vec![key("a")], ..Needs::default() }).expect("it reads");
    assert_eq!(got.holders, HashMap::from_iter([(key("a"), Some(vec![no(1), no(2)]))]));
}

/// Fails if a holder that is noted twice counts twice (`muster verify` sees it), or taking back one that is not noted is
/// an error.
pub(super) fn holders_are_noted_and_taken_back_without_harm(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let hold = |n| RowChange::Upsert(StoredRow::PendingHolder(key("a"), no(n)));
    put(&*engine, &shop, people()).expect("it stores");
    put(&*engine, &shop, vec![hold(3), hold(1), RowChange::Upsert(StoredRow::PendingHolder(key("b"), no(2)))])
        .expect("it stores");
    put(
        &*engine,
        &shop,
        vec![
            hold(3),
            RowChange::Delete(RowKey::PendingHolder(key("b"), no(2))),
            RowChange::Delete(RowKey::PendingHolder(key("a"), no(2))),
        ],
    )
    .expect("neither does harm");
    let needs = Needs {
        holders: vec![key("a"), key("b")],
        noted: 2,
        held: vec![(key("a"), no(3)), (key("a"), no(2))],
        scan: Some((no(1), 1)),
        ..Needs::default()
    };
    let got = facts(&*engine, &shop, needs).expect("it reads");
    let holders = [(key("a"), Some(vec![no(1), no(3)])), (key("b"), Some(vec![]))];
    assert_eq!(got.holders, HashMap::from_iter(holders), "by number");
    assert_eq!(got.noted, Some(vec![(key("a"), no(1)), (key("a"), no(3))]), "what was taken back is not among them");
    assert_eq!(got.held, HashMap::from_iter([((key("a"), no(3)), Some(())), ((key("a"), no(2)), None)]));
    assert_eq!((got.scan, got.records), (Some(vec![no(2)]), HashMap::from_iter([(no(2), Some(profile(2)))])));
    let mut reader = engine.read(&shop).expect("it reads");
    assert_eq!([reader.holder(&key("a")), reader.holder(&key("b"))], [Ok(Some(no(1))), Ok(None)]);
    assert_eq!(reader.profiles(no(2), 9), Ok(vec![profile(3)]));
    assert_eq!(reader.root(no(2)), Ok(Some(root_pointer(1, 1))));
}

/// Fails if one that is noted twice counts twice, or the families of holders of now and of once are mixed.
pub(super) fn who_held_a_key_once_is_noted_and_taken_back_without_harm(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let once = |n| RowChange::Upsert(StoredRow::FormerHolder(key("a"), no(n)));
    put(&*engine, &shop, people()).expect("it stores");
    put(&*engine, &shop, vec![once(3), once(1), RowChange::Upsert(StoredRow::FormerHolder(key("b"), no(2)))])
        .expect("it stores");
    put(
        &*engine,
        &shop,
        vec![
            once(3),
            RowChange::Delete(RowKey::FormerHolder(key("b"), no(2))),
            RowChange::Delete(RowKey::FormerHolder(key("a"), no(2))),
        ],
    )
    .expect("neither does harm");
    let mut reader = engine.read(&shop).expect("it reads");
    assert_eq!(reader.former(&key("a"), 9), Ok(vec![no(1), no(3)]), "by number");
    assert_eq!(reader.former(&key("a"), 1), Ok(vec![no(1)]));
    assert_eq!(reader.former(&key("b"), 9), Ok(vec![]));
    assert_eq!(reader.holder(&key("a")), Ok(None));
}

pub(super) fn history_is_read_by_the_own_record_that_names_it(make: Make<'_>) {
    let (engine, shop) = shop(make);
    let row = |profile, seq| History {
        profile: no(profile),
        seq,
        replaced: vec![
            Replaced { field: "city".into(), old: Some(Value::text("Pune")), omitted: false, since: 1 },
            Replaced { field: "bio".into(), old: None, omitted: true, since: 2 },
            Replaced { field: "tier".into(), old: None, omitted: false, since: 3 },
        ],
    };
    let change = Change {
        seq: 6,
        kind: ChangeKind::User,
        profile: no(1),
        merge: 0,
        at: Timestamp(9),
        request: Some(RequestNo(4)),
    };
    put(&*engine, &shop, people()).expect("it stores");
    let rows = vec![
        RowChange::Upsert(StoredRow::History(row(1, 4))),
        RowChange::Upsert(StoredRow::History(row(2, 6))),
        RowChange::Upsert(StoredRow::History(row(1, 6))),
        RowChange::Upsert(StoredRow::Change(change)),
    ];
    put(&*engine, &shop, rows).expect("it stores");
    let mut reader = engine.read(&shop).expect("it reads");
    assert_eq!(reader.history(&profile(1)), Ok(vec![row(1, 4), row(1, 6)]));
    assert_eq!(reader.changes(&[5, 6]), Ok(vec![change]));
    drop(reader);
    put(&*engine, &shop, vec![RowChange::Delete(RowKey::History(no(1), 6))]).expect("it stores");
    assert_eq!(engine.read(&shop).expect("it reads").history(&profile(1)), Ok(vec![row(1, 4)]));
}
