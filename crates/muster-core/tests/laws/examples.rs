//! Worked examples of behaviour.md 3.4 and 3.1, and cases that the search found, shrunk and kept.

use crate::engine::Store;
use crate::histories::{Draft, History, START, Step, Turn, What, key};
use crate::laws::agree;
use crate::variants::{PLAIN, Variant};
use crate::world::{World, plain, revert, send};
use muster_core::change::{Changes, RowChange, StoredRow};
use muster_core::command::{
    Action, Body, CustomerElement, DeviceElement, DeviceFields, Element, EventElement, GivenIdentifier,
};
use muster_core::decide::{Choose, ImportDecision, RevertOutcome};
use muster_core::id::{MergeNo, ProfileNo};
use muster_core::kinds::{ElementKind, Platform};
use muster_core::outcome::Outcome;
use muster_core::profile::Profile;
use muster_core::reason::Reason;
use muster_core::record::{self};
use muster_core::review::ReviewState;
use muster_core::settings::Settings;
use muster_core::time::{Moment, Timestamp};
use muster_core::value::Value;
use muster_core::warning::Warnings;
use std::sync::Arc;

/// `customer_id`, `mobile` and `email` identify; the latest last seen survives.
const STANDARD: Variant = PLAIN;

pub(crate) fn settings() -> Arc<Settings> {
    Arc::new(STANDARD.settings())
}

pub(crate) fn given(kind: &str, n: u8) -> GivenIdentifier {
    GivenIdentifier { identifier: key(kind, n), pointer: "/k".into(), written: kind != "customer_id", is_new_id: false }
}

pub(crate) fn element(kind: ElementKind, actions: u32, body: Body) -> Element {
    Element { index: 0, kind, body: Ok(body), actions, warnings: Warnings::default() }
}

pub(crate) fn customer(keys: Vec<GivenIdentifier>, sets: &[(&str, i64)]) -> Element {
    let sets = sets.iter().map(|(name, n)| ((*name).into(), Value::Integer(*n))).collect();
    element(
        ElementKind::Customer,
        0,
        Body::Customer(Box::new(CustomerElement { identifiers: keys, sets, ..CustomerElement::default() })),
    )
}

fn events(keys: Vec<GivenIdentifier>, numbers: std::ops::Range<i64>) -> Element {
    let action = |n: i64| {
        Ok(Arc::new(Action {
            name: "order".into(),
            attributes: vec![("n".into(), Value::Integer(n))],
            time: Some(Timestamp(START - 86_400_000 + n)),
            user_time: None,
            offset_seconds: 0,
            platform: None,
            os_type: None,
            app_version: None,
            event_id: None,
            pointer: "/a".into(),
        }))
    };
    let actions: Vec<_> = numbers.map(action).collect();
    element(
        ElementKind::Event,
        actions.len() as u32,
        Body::Event(Box::new(EventElement { identifiers: keys, actions, ..EventElement::default() })),
    )
}

fn device(keys: Vec<GivenIdentifier>, n: i64) -> Element {
    let fields = DeviceFields {
        platform: Platform::Ios,
        push_id: format!("token {n} of {:?}", keys[0].identifier).into(),
        model: None,
        app_version: None,
        os_version: None,
        push_opted: Some(n % 2 == 0),
        push_provisional_opted: None,
        gaid: None,
        idfv: None,
        push_id_is_word: false,
    };
    let device =
        DeviceElement { identifiers: keys, device_id: format!("d{}", n % 7).into(), fields, pointer: "/d".into() };
    element(ElementKind::Device, 0, Body::Device(Box::new(device)))
}

/// A store with the clock of its requests, one second each.
struct Shop {
    store: Store,
    settings: Arc<Settings>,
    now: Timestamp,
}

impl Shop {
    fn new() -> Self {
        Self { store: Store::new(), settings: settings(), now: Timestamp(START) }
    }

    fn send(&mut self, sent: Element) -> Outcome {
        self.now.0 += 1_000;
        send(&mut self.store, &self.settings, vec![sent], self.now).unwrap()[0].outcome
    }

    fn wait(&mut self) {
        self.now.0 += 1_000;
    }

    fn revert(&mut self, merge: u64) {
        let outcome = revert(&mut self.store, &self.settings, MergeNo(merge), self.now).unwrap();
        assert!(matches!(outcome, RevertOutcome::Reverted { .. }), "{outcome:?}");
    }

    /// Returns a live profile and its events, without positions in the change sequence.
    fn record(&self, no: u64) -> (Profile, Vec<record::Event>) {
        let no = ProfileNo(no);
        let of = |e: &&record::Event| e.profile == no;
        let request = muster_core::id::RequestNo(0);
        let bare = |e: &record::Event| record::Event { seq: 0, request, ..e.clone() };
        let events = self.store.events.values().filter(of).map(bare).collect();
        (plain(self.store.snapshot(no, &self.settings.identity, false).unwrap()), events)
    }

    /// Creates two people of 1,000 events each.
    fn two_people(&mut self) {
        for n in [1, 2] {
            self.send(customer(vec![given("customer_id", n), given("email", n)], &[("tier", n.into()), ("size", 7)]));
            for part in 0..4 {
                self.send(events(vec![given("customer_id", n)], part * 250..(part + 1) * 250));
            }
            self.send(device(vec![given("customer_id", n)], 1));
        }
    }

    /// Sends 500 more elements of each, alternating, under their own identifiers: users, events and devices.
    fn traffic(&mut self) {
        for n in 0..500 {
            for person in [1, 2] {
                let keys = vec![given(if n % 3 == 0 { "email" } else { "customer_id" }, person)];
                let name = ["tier", "city", "size"][n as usize % 3];
                self.send(match n % 5 {
                    0 | 1 => customer(keys, &[(name, n + i64::from(person))]),
                    2 | 3 => events(keys, 5_000 + n..5_001 + n),
                    _ => device(keys, n),
                });
            }
        }
    }
}

/// Fails if `write_attribute` writes to the root instead of the record, or if a revert keeps the root pointers of the
/// subtree.
#[test]
fn two_people_merged_by_mistake_have_after_the_revert_exactly_what_they_would_have_had() {
    let (mut shop, mut twin) = (Shop::new(), Shop::new());
    shop.two_people();
    twin.two_people();
    let addressed = |written| GivenIdentifier { written, ..given("email", 1) };
    // An event of the survivor: what the merging element leaves; the twin gets it, too.
    assert_eq!(shop.send(events(vec![given("customer_id", 2), addressed(false)], 9_000..9_001)), Outcome::Merged);
    twin.send(events(vec![given("customer_id", 2)], 9_000..9_001));
    assert_eq!(shop.store.counters.users, 1);
    shop.traffic();
    twin.traffic();
    shop.revert(1);
    assert_eq!([shop.record(1), shop.record(2)], [twin.record(1), twin.record(2)]);
    assert_eq!([shop.record(1).1.len(), shop.record(2).1.len()], [1_200, 1_201]);
    assert_eq!(shop.store.counters.users, 2);
}

/// A <- B <- C, reverted between A and B: C stays with B. Fails if a revert restores only the joined id.
#[test]
fn a_revert_in_the_middle_of_a_chain_leaves_the_subtree_its_members() {
    let (mut shop, mut twin) = (Shop::new(), Shop::new());
    for shop in [&mut shop, &mut twin] {
        for n in [3, 2, 1] {
            shop.send(customer(
                vec![given("customer_id", n), given("email", n)],
                &[("tier", n.into()), (["a", "b", "c"][usize::from(n) - 1], 1)],
            ));
        }
        // B was seen later than C: B <- C.
        shop.send(customer(vec![given("customer_id", 2)], &[]));
        shop.send(events(vec![given("customer_id", 2), given("email", 3)], 0..1));
        shop.send(customer(vec![given("customer_id", 1)], &[]));
    }
    // A <- B; the twin gets what the merging element leaves with A.
    assert_eq!(shop.send(events(vec![given("customer_id", 1), given("email", 2)], 1..2)), Outcome::Merged);
    twin.send(events(vec![given("customer_id", 1)], 1..2));
    assert_eq!(shop.store.links.len(), 2);
    let members = |shop: &Shop, no| shop.record(no).0.members.iter().map(|m| m.id.no.0).collect::<Vec<_>>();
    assert_eq!(members(&shop, 3), [1, 2], "C, then B");
    for shop in [&mut shop, &mut twin] {
        shop.send(customer(vec![given("customer_id", 3)], &[("tier", 33)]));
        shop.send(events(vec![given("email", 2)], 2..4));
    }
    shop.revert(2);
    assert_eq!([shop.record(2), shop.record(3)], [twin.record(2), twin.record(3)]);
    assert_eq!([members(&shop, 2), members(&shop, 3)], [vec![1], vec![]]);
    assert_eq!(shop.record(2).0.attributes["tier"], Value::Integer(33), "what arrived for C is B's again");
}

/// A merge is a link. Fails if it rewrites anything per event or device.
#[test]
fn a_merge_of_two_with_500_000_events_each_changes_as_many_rows_as_one_of_two_with_5() {
    let merge = |events_each: u64| -> (Changes, Shop) {
        let mut shop = Shop::new();
        for n in [1, 2] {
            shop.send(customer(vec![given("customer_id", n), given("email", n)], &[("tier", n.into())]));
            let root_pointer = shop.store.root_pointers.get_mut(&ProfileNo(n.into())).unwrap();
            (root_pointer.events, root_pointer.tree.events) = (events_each, events_each);
        }
        (shop.store.counters.events, shop.store.counters.events_accepted) = (2 * events_each, 2 * events_each);
        shop.wait();
        let sent = customer(vec![given("customer_id", 1), given("email", 2)], &[]);
        let import = crate::histories::import(&shop.settings, vec![sent], false);
        let now = Moment { at: shop.now, micros: 0 };
        let (changes, _) = shop.store.run(&ImportDecision { import, wire: crate::engine::PlainWire }, now).unwrap();
        (changes.unwrap(), shop)
    };
    let ((few, _), (many, shop)) = (merge(5), merge(500_000));
    assert_eq!(many.rows.len(), few.rows.len());
    assert!(many.rows.len() < 12, "{:#?}", many.rows);
    assert!(many.rows.iter().all(|row| !matches!(
        row,
        RowChange::Upsert(StoredRow::Event(_))
            | RowChange::Upsert(StoredRow::Device(_))
            | RowChange::Upsert(StoredRow::Binding(..))
    )));
    assert_eq!(shop.store.snapshot(ProfileNo(2), &shop.settings.identity, false).unwrap().totals.events, 1_000_000);
}

pub(crate) fn bare(keys: [Option<u8>; 3]) -> Draft {
    Draft {
        keys,
        existing_only: false,
        what: What::Customer {
            sets: vec![],
            arrays: vec![],
            unsets: vec![],
            platforms: vec![],
            seen: [None; 2],
            uid: None,
        },
    }
}

fn one(draft: Draft) -> Step {
    Step::Send { later: 0, dry: false, elements: vec![draft] }
}

/// Found by the search: the subtree of a revert has no view to delete. Fails if `settle` deletes a view that does not
/// exist.
#[test]
fn the_revert_of_a_single_id_deletes_no_view() {
    let steps = vec![
        one(bare([Some(2), None, None])),
        one(bare([None, Some(0), None])),
        one(bare([Some(2), Some(0), None])),
        Step::Revert(0),
    ];
    assert_eq!(agree(&History { variant: STANDARD, steps }), Ok(()));
}

/// An update of a user by these identifiers, eight seconds after the last one.
fn update(keys: [Option<u8>; 3], sets: Vec<(u8, u8)>, arrays: Vec<(bool, u8)>, unsets: Vec<u8>) -> Step {
    let what = What::Customer { sets, arrays, unsets, platforms: vec![], seen: [None; 2], uid: None };
    Step::Send { later: 8, dry: false, elements: vec![Draft { keys, existing_only: false, what }] }
}

/// Found by the search: both sides of a revert report when their members were joined. Fails if `side` omits it.
#[test]
fn the_sides_of_a_revert_say_when_the_members_that_stay_were_joined() {
    let bare = |keys| update(keys, vec![], vec![], vec![]);
    let steps = vec![
        bare([None, Some(1), None]),
        bare([None, Some(2), None]),
        bare([Some(0), None, None]),
        bare([Some(0), Some(1), None]),
        bare([Some(0), Some(2), None]),
        Step::Revert(0),
    ];
    assert_eq!(agree(&History { variant: STANDARD, steps }), Ok(()));
}

/// What is added to the current array of another member is kept by the record that it was sent for. Fails if an
/// operation that changes nothing is not written.
#[test]
fn an_array_operation_writes_its_record_even_if_the_current_array_does_not_change() {
    let tags = 5;
    let steps = vec![
        update([None, Some(1), None], vec![(tags, 1)], vec![], vec![]),
        update([Some(0), None, None], vec![], vec![], vec![]),
        update([Some(0), Some(1), None], vec![], vec![], vec![]),
        update([Some(0), None, None], vec![], vec![(true, 1)], vec![]),
        Step::Revert(0),
    ];
    assert_eq!(agree(&History { variant: STANDARD, steps }), Ok(()));
}

/// A <- B <- C: a value from C is hidden by an unset of A, then unset for B; after the revert B must not have it. Fails
/// if `unsets` reads only the live profile and the member record.
#[test]
fn an_unset_of_a_subtree_holds_after_the_revert_for_values_of_its_members_too() {
    let (tier, unset_tier) = (0, 0);
    let steps = vec![
        update([None, Some(3), None], vec![(tier, 0)], vec![], vec![]),
        update([Some(2), None, None], vec![], vec![], vec![]),
        update([Some(2), Some(3), None], vec![], vec![], vec![]),
        update([Some(1), None, None], vec![], vec![], vec![]),
        update([Some(1), Some(3), None], vec![], vec![], vec![]),
        update([Some(1), None, None], vec![], vec![], vec![unset_tier]),
        update([Some(2), None, None], vec![], vec![], vec![unset_tier]),
        Step::Revert(1),
    ];
    assert_eq!(agree(&History { variant: STANDARD, steps }), Ok(()));
}

/// Opposite: in `DecisionState::needs_reviews_of` request only the last root.
#[test]
fn a_request_of_many_merges_into_one_profile_takes_no_more_rounds_while_a_review_is_open() {
    let mut world = World::new(&Variant { pins: 2, batch: 200, ..PLAIN });
    // Two people with one mobile number each: the second number is withheld from the first person and opens a review.
    sends(&mut world, vec![[Some(100), Some(0), None], [Some(101), Some(1), None], [Some(100), Some(1), None]]);
    sends(&mut world, (0..49).map(|n| [Some(n), None, None]).chain([[None, None, Some(0)]]).collect());
    sends(&mut world, (0..49).map(|n| [Some(n), None, Some(0)]).collect());
    assert_eq!((world.store.counters.users, world.store.counters.reviews_open), (3, 1));
    // The same with an activating kind.
    world.step(&Step::Turn(Turn::Pause(1))).unwrap();
    sends(&mut world, (50..90).map(|n| [Some(n), None, Some(n)]).chain([[None, Some(2), None]]).collect());
    world.step(&Step::Turn(Turn::Activate(0))).unwrap();
    world.step(&Step::Advance(1)).unwrap();
    sends(&mut world, (50..90).map(|n| [None, Some(2), Some(n)]).collect());
    assert_eq!((world.store.counters.users, world.store.counters.reviews_open), (4, 1));
}

/// Found by the search: the review names a member, and a value without a holder until the previous request. Opposite:
/// in `withhold` add it under the ids that it names.
#[test]
fn a_review_that_gains_its_second_profile_is_that_of_the_pair_within_the_same_request() {
    let mut world = World::new(&Variant { kinds: 1, pins: 2, ..PLAIN });
    sends(&mut world, vec![[Some(5), Some(1), None], [Some(5), Some(2), None]]);
    world.now.0 += 1_000;
    sends(&mut world, vec![[Some(1), None, None], [Some(1), Some(1), None], [None, Some(2), None]]);
    sends(&mut world, vec![[Some(1), Some(2), None], [Some(1), Some(2), None]]);
    let reviews: Vec<_> = world.store.reviews.values().map(|r| (r.a.no.0, r.b.map(|b| b.no.0), r.count)).collect();
    assert_eq!(reviews, [(1, Some(3), 3)]);
}

/// A refused element between two that open the same review. Opposite: `Opened::len` returns 0, so that the rollback forgets
/// reviews of earlier elements; found by `cargo xtask mutants`.
#[test]
fn a_refused_element_does_not_hide_the_review_that_an_earlier_one_opened() {
    let mut world = World::new(&Variant { pins: 2, ..PLAIN });
    sends(&mut world, vec![[Some(1), Some(1), None], [Some(2), Some(2), None]]);
    let withheld = [Some(1), Some(2), None];
    sends(&mut world, vec![withheld, [None; 3], withheld]);
    let reviews: Vec<_> = world.store.reviews.values().map(|r| (r.a.no.0, r.b.map(|b| b.no.0), r.count)).collect();
    assert_eq!(reviews, [(1, Some(2), 2)]);
}

/// The profile has released its number and received the other one since. Opposite: omit the check in `close` of
/// `review_decision.rs`.
#[test]
fn a_review_whose_profiles_are_one_by_now_cannot_keep_them_apart() {
    let mut world = World::new(&Variant { kinds: 1, pins: 2, ..PLAIN });
    sends(&mut world, vec![[Some(5), Some(1), None], [Some(5), Some(2), None]]);
    let unset_mobile = 10;
    let steps = [
        update([Some(5), None, None], vec![], vec![], vec![unset_mobile]),
        update([Some(5), Some(2), None], vec![], vec![], vec![]),
        Step::Decide(0, Choose::KeepApart),
    ];
    for step in steps {
        world.step(&step).and_then(|()| world.compare()).unwrap();
    }
    let states: Vec<_> = world.store.reviews.values().map(|review| review.state).collect();
    assert_eq!((states, world.store.separations.len()), (vec![ReviewState::Open], 0));
}

/// Each element depends on what the previous one bound and names another user that a pin keeps apart. When open reviews
/// were requested by pair, each element took a round; they are requested by profile.
#[test]
fn a_chain_of_elements_takes_no_more_rounds_the_longer_it_is() {
    let mut world = World::new(&Variant { pins: 2, batch: 200, ..PLAIN });
    sends(&mut world, vec![[Some(100), Some(200), None], [Some(90), Some(90), None], [Some(100), Some(90), None]]);
    sends(&mut world, (0..40).map(|n| [None, Some(n), None]).collect());
    let link = |n: u8| match n % 2 {
        0 => [Some(100 + n), Some(n), Some(100 + n + 1)],
        _ => [Some(100 + n + 1), Some(n), Some(100 + n)],
    };
    sends(&mut world, (0..40).map(link).collect());
    assert_eq!((world.store.counters.users, world.store.counters.reviews_open), (42, 41));
}

pub(crate) fn sends(world: &mut World, keys: Vec<[Option<u8>; 3]>) {
    let elements = keys.into_iter().map(bare).collect();
    world.step(&Step::Send { later: 0, dry: false, elements }).and_then(|()| world.compare()).unwrap();
}

/// Opposites: omit `brings_member` from the sum in `CandidateGroup::conflict`; or in `look_up` do not request what
/// joining needs: then each takes a round.
#[test]
fn new_ids_beside_one_address_are_members_up_to_the_cap_and_users_of_their_own_beyond() {
    let mut world = World::new(&Variant { batch: 200, ..PLAIN });
    sends(&mut world, vec![[Some(100), None, Some(0)]]);
    sends(&mut world, (0..55).map(|n| [Some(n), None, Some(0)]).collect());
    // The first of at most fifty existed; six are users of their own, with a review each.
    assert_eq!((world.store.counters.users, world.store.counters.merge, world.store.counters.reviews_open), (7, 49, 6));
}

/// Opposite: return false in `write::is_full_of_ids`.
#[test]
fn a_member_record_holds_a_hundred_customer_ids_and_the_next_change_is_refused() {
    let (settings, mut store) = (settings(), Store::new());
    let rename = |n: u8| {
        let what = What::Customer {
            sets: vec![],
            arrays: vec![],
            unsets: vec![],
            platforms: vec![],
            seen: [None; 2],
            uid: Some(n + 1),
        };
        let draft = Draft { keys: [Some(n), None, None], existing_only: false, what };
        crate::histories::element(usize::from(n), &draft, &settings, Timestamp(START))
    };
    let elements = (0..100).map(rename).collect();
    let results = send(&mut store, &settings, elements, Timestamp(START)).unwrap();
    let outcomes: Vec<Outcome> = results.iter().map(|result| result.outcome).collect();
    assert_eq!((outcomes[0], &outcomes[1..99]), (Outcome::Created, &[Outcome::Updated; 98][..]));
    let told = (outcomes[99], results[99].errors[0].reason, store.profiles[&ProfileNo(1)].identifiers.len());
    assert_eq!(told, (Outcome::Rejected, Reason::ProfileTooLarge, 100));
}

/// More people than one lookup reads held a value when the activation was cancelled, and all but the last have another
/// value now: the last one is still found by it. Opposites: omit `clear` in `Index`; or in `pass` count a profile as
/// done although its value is not settled.
#[test]
fn rows_of_a_cancelled_activation_hide_no_holder() {
    let mut world = World::new(&Variant { batch: 200, ..PLAIN });
    world.step(&Step::Turn(Turn::Pause(1))).unwrap();
    let people = || (0..150_u8).map(|n| [Some(n), None, Some(0)]);
    sends(&mut world, people().collect());
    world.step(&Step::Turn(Turn::Activate(0))).unwrap();
    world.step(&Step::Advance(1)).unwrap();
    world.step(&Step::Turn(Turn::Cancel)).unwrap();
    sends(&mut world, (0..149).map(|n| [Some(n), None, Some(n + 1)]).collect());
    world.step(&Step::Turn(Turn::Activate(0))).unwrap();
    for _ in 0..8 {
        world.step(&Step::Advance(1)).unwrap();
    }
    assert_eq!(world.settings.identity.activation, None);
    sends(&mut world, vec![[None, None, Some(0)]]);
    assert_eq!(world.store.counters.users, 150, "no user was created for a value that has a holder");
}
