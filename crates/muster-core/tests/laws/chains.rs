//! Needs that are requested in vain or only in a chain: elements that depend on the previous one, holders that were
//! deleted.

use crate::engine::Store;
use crate::histories::{Draft, What, element, key};
use crate::variants::{PLAIN, Variant};
use crate::world::send;
use muster_core::id::ProfileNo;
use muster_core::outcome::Outcome;
use muster_core::settings::{Activation, ActivationPhase};
use std::sync::Arc;

/// Opposite: roll an element back when it lacks a fact, and let every import ask only eight times.
#[test]
fn a_chain_of_devices_that_merges_one_profile_after_another_is_one_request() {
    let settings = Arc::new(Variant { kinds: 1, ..PLAIN }.settings());
    let now = muster_core::time::Timestamp(crate::histories::START);
    let mut store = Store::new();
    let customer = |n: u8| Draft {
        keys: [Some(n), Some(n), None],
        existing_only: false,
        what: What::Customer {
            sets: vec![],
            arrays: vec![],
            unsets: vec![],
            platforms: vec![],
            seen: [None; 2],
            uid: None,
        },
    };
    let device = |n: u8| Draft {
        keys: [Some(n), Some(n + 1), None],
        existing_only: false,
        what: What::Device { id: n, push: n, gaid: None },
    };
    let elements = |drafts: Vec<Draft>| drafts.iter().enumerate().map(|(i, d)| element(i, d, &settings, now)).collect();
    send(&mut store, &settings, elements((0..41).map(customer).collect()), now).unwrap();
    let results = send(&mut store, &settings, elements((0..40).map(device).collect()), now).unwrap();
    assert_eq!(results.iter().map(|r| r.outcome).collect::<Vec<_>>(), vec![Outcome::Merged; 40]);
    assert_eq!((store.counters.users, store.counters.devices), (1, 40));
}

/// Opposite: `settle` does not check that a holder exists.
#[test]
fn a_deleted_holder_is_forgotten() {
    let mut settings = Variant { kinds: 1, ..PLAIN }.settings();
    let kinds = settings.identity.kinds[1..].to_vec();
    settings.identity.activation = Some(Activation { phase: ActivationPhase::Joining, kinds, since: 1 });
    let settings = Arc::new(settings);
    let now = muster_core::time::Timestamp(crate::histories::START);
    let mut store = Store::new();
    store.holders.insert((key("mobile", 1), ProfileNo(9)), ());
    store.counters.profile = 9;
    let draft = Draft {
        keys: [Some(1), Some(1), None],
        existing_only: false,
        what: What::Customer {
            sets: vec![],
            arrays: vec![],
            unsets: vec![],
            platforms: vec![],
            seen: [None; 2],
            uid: None,
        },
    };
    let results = send(&mut store, &settings, vec![element(0, &draft, &settings, now)], now).unwrap();
    assert_eq!((results[0].outcome, store.holders.len()), (Outcome::Created, 0));
    assert_eq!(store.bindings.get(&key("mobile", 1)), Some(&ProfileNo(10)));
}
