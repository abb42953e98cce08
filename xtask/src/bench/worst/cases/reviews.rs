//! Reviews: of one pair, of one value, of one profile with many others, beside many that are stored.

use super::super::case::Case;
use super::super::place::CaseWorkspace;
use super::super::things::{USUAL, kinds, known_by, lone_hub, meets, user};
use anyhow::Result;
use serde_json::{Value as Json, json};

/// Users that stand by.
const STORED: usize = 4_000;
/// Reviews that are more than a workspace keeps (behaviour.md 3.3), and the users that share them.
const LISTED: usize = 100_200;
const OWNERS: usize = 60;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = of_one();
    cases.extend(beside_stored());
    cases
}

/// The customer id is pinned: what names two users leaves a review.
fn pin_customer_id(place: &CaseWorkspace<'_>) -> Result<()> {
    place.identity(&kinds(&USUAL, &["customer_id"], 1_000))
}

/// Users `c0`, `c1`, ... with the addresses `e0`, `e1`, ....
fn customers(place: &CaseWorkspace<'_>) -> Result<()> {
    pin_customer_id(place)?;
    place.store((0..STORED).map(|at| user(&format!("c{at}"), &json!({"email": format!("e{at}")}))))
}

/// A user with the address of another.
fn conflict(customer: usize, email: usize) -> Json {
    user(&format!("c{customer}"), &json!({"email": format!("e{email}")}))
}

fn pairs(n: usize) -> Vec<Json> {
    (0..n).map(|at| conflict(2 * at, 2 * at + 1)).collect()
}

/// New addresses of one user, of which a pinned kind takes one.
fn new_values(n: usize) -> Vec<Json> {
    (0..n).map(|at| user("c", &json!({"email": format!("f{at}")}))).collect()
}

fn two_pinned(place: &CaseWorkspace<'_>) -> Result<()> {
    place.identity(&kinds(&USUAL, &["customer_id", "email"], 1_000))?;
    place.store([user("c", &json!({"email": "e"}))])
}

fn of_one() -> Vec<Case> {
    let open_elsewhere = |place: &CaseWorkspace<'_>| -> Result<()> {
        pin_customer_id(place)?;
        place.store([user("a", &json!({"email": "ea"})), user("b", &json!({"email": "eb"}))])?;
        place.store([user("a", &json!({"email": "eb"}))])?;
        place.store([known_by(&json!({"email": "hub"}))])?;
        place.store((0..1_000).map(|at| known_by(&json!({"mobile": format!("x{at}")}))))
    };
    let hub_and_others = |place: &CaseWorkspace<'_>| -> Result<()> {
        pin_customer_id(place)?;
        lone_hub(place)?;
        place.store((0..STORED).map(|at| user(&format!("o{at}"), &json!({"mobile": format!("x{at}")}))))
    };
    vec![
        Case::import("reviews: the same one", customers, |n| vec![conflict(1, 2); n]),
        Case::import("reviews: pairs", customers, pairs),
        Case::import("reviews: one user with the addresses of all others", customers, |n| {
            (0..n).map(|at| conflict(0, at + 1)).collect()
        }),
        Case::import("reviews: all others with the address of one user", customers, |n| {
            (0..n).map(|at| conflict(at + 1, 0)).collect()
        }),
        Case::import("reviews: values without a second profile", two_pinned, new_values),
        Case::import("reviews: a hub and many others", hub_and_others, |n| {
            (0..n).map(|at| meets("hub", &format!("x{at}"))).collect()
        }),
        Case::import("reviews: merges while one is open elsewhere", open_elsewhere, |n| {
            (0..n).map(|at| meets("hub", &format!("x{at}"))).collect()
        })
        .most(990),
        Case::import("reviews: merges of those that have reviews with each other", with_open_ones, |n| {
            (0..n).map(|at| meets("e0", &format!("m{at}"))).collect()
        })
        .most(490),
    ]
}

/// Users that are free to be joined, but have reviews with each other since their second kind was pinned then.
fn with_open_ones(place: &CaseWorkspace<'_>) -> Result<()> {
    place.identity(&kinds(&USUAL, &["mobile"], 1_000))?;
    let element = |at: usize| known_by(&json!({"email": format!("e{at}"), "mobile": format!("m{at}")}));
    place.store((0..500).map(element))?;
    place.store_in(20, (0..500).map(|at| meets(&format!("e{at}"), &format!("m{}", (at + 1) % 500))))?;
    place.identity(&kinds(&USUAL, &[], 1_000))
}

fn beside_stored() -> Vec<Case> {
    let many_of_one = |place: &CaseWorkspace<'_>| -> Result<()> {
        customers(place)?;
        place.store_in(50, (2_000..STORED).map(|at| conflict(0, at)))
    };
    let many_values = |place: &CaseWorkspace<'_>| -> Result<()> {
        two_pinned(place)?;
        place.store_in(200, (0..2_000).map(|at| user("c", &json!({"email": format!("g{at}")}))))
    };
    let many_pairs = |place: &CaseWorkspace<'_>| -> Result<()> {
        customers(place)?;
        place.store_in(100, pairs(STORED / 2))
    };
    let full = |place: &CaseWorkspace<'_>| -> Result<()> {
        place.identity(&kinds(&USUAL, &["customer_id", "email"], 1_000))?;
        place.store((0..OWNERS).map(|at| conflict(at, at)))?;
        let element = |at: usize| user(&format!("c{}", at % OWNERS), &json!({"email": format!("g{at}")}));
        place.store((0..LISTED).map(element))
    };
    vec![
        Case::import("reviews: a list that is full", full, |n| {
            (0..n).map(|at| user(&format!("c{}", at % OWNERS), &json!({"email": format!("f{at}")}))).collect()
        }),
        Case::import("reviews: one user's, 2,000 of it stored", many_of_one, |n| {
            (0..n).map(|at| conflict(0, at + 1)).collect()
        }),
        Case::import("reviews: values of one user, 2,000 of it stored", many_values, new_values),
        Case::import("reviews: pairs that are stored", many_pairs, pairs),
        Case::import("reviews: other pairs than are stored", many_pairs, |n| {
            (0..n).map(|at| conflict(2 * at + 1, 2 * at + 2)).collect()
        }),
    ]
}
