//! Events and devices: one event id, many of them, many actions of one element, one token, one user, one device.

use super::super::case::Case;
use super::super::place::CaseWorkspace;
use super::super::things::{USUAL, event, kinds, lone_hub, object, others, user};
use anyhow::Result;
use serde_json::{Value as Json, json};

/// Users with a device each.
const USERS: usize = 900;
const REPRESENTATION: &str = "Prefer: return=representation\r\n";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = events();
    cases.extend(devices());
    cases
}

fn nothing(_: &CaseWorkspace<'_>) -> Result<()> {
    Ok(())
}

/// One element with these actions.
fn actions(actions: Vec<Json>) -> Vec<Json> {
    vec![json!({"type": "event", "customer_id": "u", "actions": actions})]
}

fn events() -> Vec<Case> {
    let with_id = |id: &str| json!({"action": "a", "event_id": id});
    let named = |n: usize| vec![event("u", n)];
    vec![
        Case::import("events: actions of one element", nothing, named).most(10_000),
        Case::import("events: actions of one element, representation", nothing, named)
            .most(10_000)
            .headers(REPRESENTATION),
        Case::import("events: actions of one element, with an idempotency key", nothing, named).most(10_000).with_key(),
        Case::import("events: actions of one element, dry run", nothing, named).most(10_000).query("?dry_run=true"),
        Case::import("events: one event id in one element", nothing, move |n| actions(vec![with_id("e"); n])),
        Case::import("events: many event ids in one element", nothing, move |n| {
            actions((0..n).map(|at| with_id(&format!("e{at}"))).collect())
        }),
        Case::import("events: many event ids in many elements", nothing, move |n| {
            (0..n).flat_map(|at| actions(vec![with_id(&format!("e{at}"))])).collect()
        }),
        Case::import("events: one event id in many elements", nothing, move |n| {
            (0..n).flat_map(|_| actions(vec![with_id("e")])).collect()
        }),
        Case::import("events: rejected actions of one element", nothing, |n| {
            actions(vec![json!({"action": "moe_x"}); n])
        }),
        Case::import("events: every second action of one element rejected", nothing, |n| {
            actions((0..n).map(|at| json!({"action": if at.is_multiple_of(2) { "a" } else { "moe_x" }})).collect())
        }),
        Case::import("events: of one user in many elements", nothing, |n| vec![event("u", 1); n]),
        Case::import("events: attributes of one action", nothing, |n| {
            let names = object((0..n).map(|at| (format!("a{at}"), json!(1))));
            actions(vec![json!({"action": "a", "attributes": names})])
        }),
    ]
}

/// A device of a user, with this push id.
fn device(user: &str, id: &str, push: &str) -> Json {
    json!({"type": "device", "customer_id": user, "device_id": id, "attributes": {"platform": "iOS", "push_id": push}})
}

fn devices() -> Vec<Case> {
    let users = |place: &CaseWorkspace<'_>| place.store((0..USERS).map(|at| user(&format!("u{at}"), &json!({}))));
    let owners = move |place: &CaseWorkspace<'_>| -> Result<()> {
        users(place)?;
        place.store((0..USERS).map(|at| device(&format!("u{at}"), "d", &format!("p{at}"))))
    };
    let hub = |place: &CaseWorkspace<'_>| -> Result<()> {
        place.identity(&kinds(&USUAL, &[], 1_000))?;
        lone_hub(place)?;
        others(place, 1_000)
    };
    vec![
        Case::import("devices: one push id, users in turn", users, |n| {
            (0..n).map(|at| device(&format!("u{}", at % USERS), "d", "p")).collect()
        }),
        Case::import("devices: push ids that the next user has", owners, |n| {
            (0..n).map(|at| device(&format!("u{}", at % USERS), "d", &format!("p{}", (at + 1) % USERS))).collect()
        }),
        Case::import("devices: of one user", users, |n| {
            (0..n).map(|at| device("u0", &format!("d{at}"), &format!("p{at}"))).collect()
        })
        .most(990),
        Case::import("devices: of one user, beyond the bound", users, |n| {
            (0..n).map(|at| device("u0", &format!("d{at}"), &format!("p{at}"))).collect()
        }),
        Case::import("devices: one that is written again", users, |n| {
            (0..n).map(|at| device("u0", "d", &format!("p{at}"))).collect()
        }),
        Case::import("devices: each joins its owner to a hub", hub, |n| {
            let element = |at: usize| {
                json!({"type": "device", "device_id": format!("d{at}"),
                    "user_identifiers": {"email": "hub", "mobile": format!("x{at}")},
                    "attributes": {"platform": "iOS", "push_id": "p"}})
            };
            (0..n).map(element).collect()
        })
        .most(900),
    ]
}
