//! Customer ids that nobody has beside an address that all elements share (behaviour.md 3.2.h), ids that are changed
//! (3.2.i), event ids of other users (1.4.h), reviews that were decided (3.3.h).

use super::super::case::Case;
use super::super::place::CaseWorkspace;
use super::super::things::{USUAL, kinds, lone_hub, object, user};
use anyhow::Result;
use serde_json::{Value as Json, json};

/// Members that join one profile: nearly the most that there may be.
const JOINED: usize = 990;
/// Event ids that are remembered.
const REMEMBERED: usize = 1_000;

pub(super) fn cases() -> Vec<Case> {
    let hub = |cap: u32| {
        move |place: &CaseWorkspace<'_>| -> Result<()> {
            place.identity(&kinds(&USUAL, &[], cap))?;
            lone_hub(place)
        }
    };
    let remembered = |place: &CaseWorkspace<'_>| -> Result<()> {
        place.store([user("a", &json!({})), user("b", &json!({}))])?;
        place.store((0..REMEMBERED).map(|at| bought("a", at)))
    };
    vec![
        Case::import("new ids: beside one address, cap 1,000", hub(1_000), beside_one).most(JOINED),
        Case::import("new ids: beside one address, dry run", hub(1_000), beside_one)
            .most(JOINED)
            .query("?dry_run=true"),
        Case::import("new ids: beside one address, cap 50", hub(50), beside_one),
        Case::import(
            "new ids: beside a profile of 1,900 attributes, each with an unset rule",
            |place| {
                place.identity(&kinds(&USUAL, &[], 1_000))?;
                let mut attributes = object((0..1_900).map(|at| (format!("a{at}"), json!(1))));
                attributes["email"] = json!("hub");
                place.store([user("h", &attributes)])
            },
            |n| beside_one(n).into_iter().map(unsetting).collect(),
        )
        .most(JOINED),
        Case::import("new ids: each changed to the next", hub(50), |n| {
            (0..n).map(|at| user(&format!("i{at}"), &json!({"uid": format!("i{}", at + 1)}))).collect()
        }),
        Case::import("new ids: event ids of another user", remembered, |n| {
            (0..n).map(|at| bought("b", at % REMEMBERED)).collect()
        }),
    ]
}

/// An id that nobody has in every element, and the same address in each.
fn beside_one(n: usize) -> Vec<Json> {
    (0..n).map(|at| user(&format!("n{at}"), &json!({"email": "hub"}))).collect()
}

/// With a rule that finds nothing, for which the names of the profile are indexed.
fn unsetting(mut element: Json) -> Json {
    element["unset_attributes"] = json!([{"type": "prefix", "attr": "zz"}]);
    element
}

fn bought(id: &str, at: usize) -> Json {
    json!({"type": "event", "customer_id": id, "actions": [{"action": "a", "event_id": format!("e{at}")}]})
}
