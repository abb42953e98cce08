//! Elements each of which is addressed by what the one before bound, so that what it needs is known only when that one is
//! done: a decision that restarts for every such need costs the square.

use super::super::case::Case;
use super::super::place::CaseWorkspace;
use super::super::things::{kinds, known_by, object, user};
use anyhow::Result;
use serde_json::{Value as Json, json};

/// Two kinds that are given and replaced in turn, beside the one that resolves to others.
const KINDS: [&str; 4] = ["customer_id", "a", "b", "mobile"];
/// Attributes of a record that takes no more.
const FULL: usize = 1_998;
/// Full records that stand by.
const FULL_RECORDS: usize = 400;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::import("chain: each review is known after the element before", reviews, links),
        Case::import("chain: each merge is known after the element before", full_records, links).most(FULL_RECORDS),
        Case::import("chain: each user is known after the element before", users, links).most(990),
        Case::import("chain: each device is known after the element before", users, devices).most(490),
    ]
}

/// Element `at` is addressed by what the one before it bound, binds what the next is addressed by, and names the mobile
/// number of somebody else.
fn link(at: usize) -> Json {
    let (old, new) = if at.is_multiple_of(2) { ("a", "b") } else { ("b", "a") };
    let keys = [(old, format!("x{at}")), (new, format!("x{}", at + 1)), ("mobile", format!("m{at}"))];
    known_by(&object(keys.map(|(name, value)| (name.to_owned(), json!(value)))))
}

fn links(n: usize) -> Vec<Json> {
    (0..n).map(link).collect()
}

/// The others have another customer id, which is pinned: each element leaves a review.
fn reviews(place: &CaseWorkspace<'_>) -> Result<()> {
    place.identity(&kinds(&KINDS, &["customer_id"], 50))?;
    place.store([user("s", &json!({"a": "x0"}))])?;
    place.store((0..2_000).map(|at| user(&format!("t{at}"), &json!({"mobile": format!("m{at}")}))))
}

/// The others take no further attribute: alone they reject the element, joined to the first they do not.
fn full_records(place: &CaseWorkspace<'_>) -> Result<()> {
    let mut settings = kinds(&KINDS, &[], 1_000);
    settings["survivor"] = json!({"rule": "first_seen"});
    place.identity(&settings)?;
    place.store([user("s", &json!({"a": "x0"}))])?;
    let full = |at: usize| {
        let mut attributes = object((0..FULL).map(|name| (name.to_string(), json!(1))));
        attributes["mobile"] = json!(format!("m{at}"));
        known_by(&attributes)
    };
    place.store((0..FULL_RECORDS).map(full))
}

/// The others are free: each element joins one of them.
fn users(place: &CaseWorkspace<'_>) -> Result<()> {
    place.identity(&kinds(&KINDS, &[], 1_000))?;
    place.store([user("s", &json!({"a": "x0"}))])?;
    place.store((0..1_000).map(|at| known_by(&json!({"mobile": format!("m{at}")}))))
}

/// Between the links of the chain, devices with one push id, which replace each other.
fn devices(n: usize) -> Vec<Json> {
    let device = |at: usize| {
        let kind = if at.is_multiple_of(2) { "b" } else { "a" };
        json!({"type": "device", "user_identifiers": {kind: format!("x{}", at + 1)}, "device_id": format!("d{at}"),
            "attributes": {"platform": "iOS", "push_id": "p"}})
    };
    (0..n).flat_map(|at| [link(at), device(at)]).collect()
}
