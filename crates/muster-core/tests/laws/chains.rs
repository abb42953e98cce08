//! Requests whose elements need what only the one before them tells.

use crate::engine::Store;
use crate::histories::{Draft, What, element};
use crate::variants::{PLAIN, Variant};
use crate::world::send;
use muster_core::outcome::Outcome;
use std::sync::Arc;

/// The opposite: roll an element back when it lacks a fact, and let every import ask eight times only.
#[test]
fn a_chain_of_devices_that_merges_one_profile_after_another_is_one_request() {
    let settings = Arc::new(Variant { kinds: 1, ..PLAIN }.settings());
    let now = muster_core::time::Timestamp(crate::histories::START);
    let mut store = Store::new();
    let customer = |n: u8| Draft {
        keys: [Some(n), Some(n), None],
        existing_only: false,
        what: What::Customer { sets: vec![], arrays: vec![], unsets: vec![], platforms: vec![], seen: [None; 2] },
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
