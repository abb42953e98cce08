//! Worked examples of behaviour.md 3.2.i: a new customer id if the one beside it cannot be used.

use crate::examples::{bare, sends};
use crate::histories::{Draft, Step, Turn, What, key};
use crate::variants::{PLAIN, Variant};
use crate::world::World;
use muster_core::review::Review;

/// Returns the effect of an element with these identifiers in the order of `KINDS` and this new customer id.
fn renames(keys: [Option<u8>; 3], uid: u8) -> Draft {
    let mut draft = bare(keys);
    if let What::Customer { uid: to, .. } = &mut draft.what {
        *to = Some(uid);
    }
    draft
}

fn send(world: &mut World, draft: Draft) {
    step(world, &Step::Send { later: 0, dry: true, elements: vec![draft] });
}

fn step(world: &mut World, step: &Step) {
    world.step(step).and_then(|()| world.compare()).unwrap();
}

/// Returns value, profiles and count of each review.
fn reviews(world: &World) -> Vec<(String, u64, Option<u64>, u64)> {
    let told = |r: &Review| (r.identifier.value.to_string(), r.a.no.0, r.b.map(|b| b.no.0), r.count);
    world.store.reviews.values().map(told).collect()
}

/// An address ranks before the customer id and finds the first user; a pin withholds the outer id from it. Opposites:
/// in `resolve` ask the guards about a new id beside a withheld one, or note it without the profile of the outer id.
#[test]
fn a_new_customer_id_beside_one_that_is_withheld_is_withheld_with_it() {
    let mut world = World::new(&Variant { kinds: 2, pins: 1, ..PLAIN });
    sends(&mut world, vec![[Some(1), None, Some(1)], [Some(2), None, Some(2)]]);
    send(&mut world, renames([Some(2), None, Some(1)], 3));
    // The outer id is unbound.
    send(&mut world, renames([Some(4), None, Some(1)], 5));
    let bound = [3, 4, 5].map(|n| world.store.bindings.get(&key("customer_id", n)));
    assert_eq!(bound, [None; 3]);
    assert_eq!(reviews(&world), [("c2".into(), 1, Some(2), 2), ("c4".into(), 1, None, 1), ("c5".into(), 1, None, 1)]);
}

/// A cap, a separation, and an unbound address beside an id whose user has another one. Opposite: in `resolve` ask the
/// guards about a new id beside a withheld one.
#[test]
fn whatever_guard_withholds_the_outer_customer_id_withholds_the_new_one() {
    let email_pinned = 4;
    for (caps, pins, email, users) in [([1, 0, 0], 0, 1, 2), ([0; 3], 0, 1, 2), ([0; 3], email_pinned, 6, 3)] {
        let mut world = World::new(&Variant { kinds: 2, caps, pins, ..PLAIN });
        sends(&mut world, vec![[Some(1), None, Some(1)], [Some(2), None, Some(2)]]);
        if (caps, pins) == ([0; 3], 0) {
            sends(&mut world, vec![[Some(2), None, Some(1)]]);
            step(&mut world, &Step::Revert(0));
        }
        send(&mut world, renames([Some(2), None, Some(email)], 3));
        let told = (world.store.bindings.get(&key("customer_id", 3)), world.store.counters.users);
        assert_eq!(told, (None, users), "{caps:?} {pins}");
        let withheld_from = if users == 3 { 3 } else { 1 };
        assert_eq!(reviews(&world), [("c2".into(), withheld_from, Some(2), 2)], "{caps:?} {pins}");
    }
}

/// A new id that is bound is an identifier like any other. Opposite: withhold it, too, in `resolve`.
#[test]
fn a_bound_customer_id_beside_one_that_is_withheld_merges_as_any_identifier_does() {
    let mut world = World::new(&Variant { kinds: 2, caps: [2, 0, 0], ..PLAIN });
    sends(&mut world, vec![[Some(1), None, Some(1)], [Some(2), None, Some(2)], [Some(3), None, Some(2)]]);
    sends(&mut world, vec![[Some(4), None, None]]);
    send(&mut world, renames([Some(2), None, Some(1)], 4));
    assert_eq!((world.store.counters.users, reviews(&world)), (2, vec![("c2".into(), 1, Some(2), 1)]));
}

/// A pin, a separation, a deletion. Opposite: in `resolve` ask the guards while identity resolution is off.
#[test]
fn while_resolution_is_off_a_new_id_renames_or_is_refused_whatever_a_guard_would_say() {
    for (guard, pins) in [("pin", 1), ("separation", 0), ("deletion", 0)] {
        let mut world = World::new(&Variant { kinds: 2, pins, ..PLAIN });
        sends(&mut world, vec![[Some(1), None, Some(1)], [Some(2), None, Some(2)]]);
        match guard {
            "separation" => {
                sends(&mut world, vec![[Some(2), None, Some(1)]]);
                step(&mut world, &Step::Revert(0));
            }
            "deletion" => step(&mut world, &Step::Delete(0)),
            _ => {}
        }
        step(&mut world, &Step::Turn(Turn::Off));
        send(&mut world, renames([Some(1), None, None], 2));
        send(&mut world, renames([Some(1), None, None], 3));
        let bound = [2, 3].map(|n| world.store.bindings.get(&key("customer_id", n)).map(|no| no.0));
        let told = (bound, world.store.quarantine.len(), reviews(&world));
        assert_eq!(told, ([Some(2), Some(1)], 1, vec![]), "{guard}");
    }
}
