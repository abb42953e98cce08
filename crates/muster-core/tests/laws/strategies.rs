//! How random histories are drawn; `histories.rs` defines their steps.

use crate::histories::{Draft, History, Step, Turn, What};
use crate::variants::{Variant, variants};
use muster_core::decide::Choose;
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;

pub(crate) fn contents() -> impl Strategy<Value = What> {
    let customer = (
        vec((0..9u8, 0..12u8), 0..3),
        vec((any::<bool>(), 1..8u8), 0..2),
        prop_oneof![3 => Just(Vec::new()), 1 => vec(0..14u8, 1..3)],
        vec((0..3u8, any::<bool>()), 0..2),
        ([weighted(0.1, 0..5u8), weighted(0.1, 0..5u8)], weighted(0.05, 0..6u8)),
    );
    let customer = customer.prop_map(|(sets, arrays, unsets, platforms, (seen, uid))| What::Customer {
        sets,
        arrays,
        unsets,
        platforms,
        seen,
        uid,
    });
    let event = vec((0..10u8, weighted(0.3, 0..6u8)), 1..4).prop_map(|actions| What::Event { actions });
    let device = (0..3u8, 0..6u8, weighted(0.3, 0..3u8)).prop_map(|(id, push, gaid)| What::Device { id, push, gaid });
    prop_oneof![5 => customer, 3 => event, 2 => device]
}

fn drafts() -> impl Strategy<Value = Draft> {
    let keys = [weighted(0.5, 0..6u8), weighted(0.4, 0..4u8), of(0..4u8)];
    (keys, prop::bool::weighted(0.1), contents()).prop_map(|(keys, existing_only, what)| Draft {
        keys,
        existing_only,
        what,
    })
}

fn sends() -> impl Strategy<Value = Step> {
    let send = (0..20u8, prop::bool::weighted(0.2), vec(drafts(), 1..4));
    send.prop_map(|(later, dry, elements)| Step::Send { later, dry, elements })
}

fn decisions() -> impl Strategy<Value = Step> {
    let choose = prop_oneof![
        3 => Just(Choose::Merge),
        2 => Just(Choose::KeepApart),
        2 => Just(Choose::Dismiss),
        1 => Just(Choose::Reopen),
    ];
    (any::<u8>(), choose).prop_map(|(n, choose)| Step::Decide(n, choose))
}

/// Returns histories of up to this many steps.
pub(crate) fn histories(steps: usize) -> impl Strategy<Value = History> {
    let turn = prop_oneof![
        5 => any::<u8>().prop_map(Turn::Activate),
        1 => any::<u8>().prop_map(Turn::Pause),
        1 => any::<u8>().prop_map(Turn::Remove),
        1 => Just(Turn::Off),
        1 => Just(Turn::Cancel),
    ];
    let step = prop_oneof![
        28 => sends(),
        5 => any::<u8>().prop_map(Step::Revert),
        3 => any::<u8>().prop_map(Step::Lift),
        4 => decisions(),
        1 => any::<u8>().prop_map(Step::Delete),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Step::Merge(a, b)),
        3 => turn.prop_map(Step::Turn),
        6 => any::<u8>().prop_map(Step::Advance),
    ]
    .boxed();
    // Mostly long ones: short ones merge few profiles.
    let steps = prop_oneof![1 => vec(step.clone(), 1..=steps / 2), 4 => vec(step, steps / 2..=steps)];
    (variants(), steps).prop_map(|(variant, steps)| History { variant, steps })
}

/// Returns histories in which kinds become active over stored data, mixed with everything else.
pub(crate) fn activations() -> impl Strategy<Value = History> {
    let meanwhile = prop_oneof![
        8 => sends(),
        6 => Just(Step::Advance(0)),
        1 => any::<u8>().prop_map(Step::Revert),
        1 => any::<u8>().prop_map(Step::Lift),
        1 => decisions(),
        1 => prop_oneof![Just(Step::Turn(Turn::Cancel)), any::<u8>().prop_map(|bits| Step::Turn(Turn::Activate(bits)))],
    ];
    let dormant = prop_oneof![Just(2u8), Just(4u8), Just(6u8), Just(24u8), Just(32u8)];
    let turn = any::<u8>().prop_map(|bits| Step::Turn(Turn::Activate(bits)));
    let steps = (vec(sends(), 3..12), turn, vec(meanwhile, 3..30));
    (variants(), 1..8u8, dormant, steps).prop_map(|(variant, kinds, dormant, (mut steps, turn, then))| {
        steps.push(turn);
        steps.extend(then);
        History { variant: Variant { kinds, dormant, ..variant }, steps }
    })
}
