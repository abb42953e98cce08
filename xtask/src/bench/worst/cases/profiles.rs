//! One value in every element, and one user that all elements write to: small, near the bounds of a record, a live
//! profile of many members.

use super::super::case::Case;
use super::super::place::CaseWorkspace;
use super::super::things::{
    USUAL, event, heavy_profile, heavy_tree, kinds, known_by, large_user, object, record, user, wide_profile,
};
use anyhow::Result;
use serde_json::{Value as Json, json};

/// The longer answer.
const REPRESENTATION: &str = "Prefer: return=representation\r\n";

/// Records near 1 MiB that one request may name.
const RECORDS: usize = 160;
/// Profiles of 8 MiB that one may name.
const TREES: usize = 12;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = values();
    cases.extend(small());
    cases.extend(large());
    cases.extend(many_large());
    cases.push(writes_of_a_record().with_name("representation").headers(REPRESENTATION));
    cases.push(writes_of_a_record().with_name("with an idempotency key").with_key());
    cases.push(writes_of_a_record().with_name("dry run").query("?dry_run=true"));
    cases.push(wide_writes().with_name("with an idempotency key").with_key());
    cases.push(wide_writes().with_name("dry run").query("?dry_run=true"));
    cases
}

fn values() -> Vec<Case> {
    let with_email =
        |n: usize| -> Vec<Json> { (0..n).map(|at| user(&format!("c{at}"), &json!({"email": "a@b"}))).collect() };
    vec![
        Case::import(
            "values: one mobile number, identity resolution off",
            |_| Ok(()),
            |n| (0..n).map(|at| user(&format!("c{at}"), &json!({"mobile": "+4900"}))).collect(),
        ),
        Case::import(
            "values: one address, other customer ids, default cap",
            |place| place.identity(&kinds(&USUAL, &[], 50)),
            with_email,
        ),
        Case::import(
            "values: one address, other customer ids, cap 1,000",
            |place| place.identity(&kinds(&USUAL, &[], 1_000)),
            with_email,
        ),
        Case::import(
            "values: one address, other customer ids, pinned",
            |place| {
                place.identity(&kinds(&USUAL, &["customer_id"], 50))?;
                place.store([user("c", &json!({"email": "a@b"}))])
            },
            with_email,
        ),
        Case::import(
            "values: one address, stored customers, pinned",
            |place| {
                place.identity(&kinds(&USUAL, &["customer_id"], 50))?;
                place.store([user("c", &json!({"email": "a@b"}))])?;
                place.store((0..2_500).map(|at| user(&format!("c{at}"), &json!({}))))
            },
            with_email,
        ),
        Case::import(
            "values: new addresses of one user, each replacing the one before",
            |place| {
                place.identity(&kinds(&USUAL, &[], 50))?;
                place.store([user("u", &json!({"email": "e"}))])
            },
            |n| (0..n).map(|at| user("u", &json!({"email": format!("e{at}")}))).collect(),
        ),
    ]
}

fn small() -> Vec<Case> {
    vec![
        Case::import(
            "user: writes of one attribute",
            |_| Ok(()),
            |n| (0..n).map(|at| user("u", &json!({"x": at}))).collect(),
        ),
        Case::import(
            "user: writes of different attributes",
            |_| Ok(()),
            |n| (0..n).map(|at| user("u", &object([(format!("x{at}"), json!(at))]))).collect(),
        )
        .most(1_990),
        Case::import(
            "user: different attributes in one element",
            |_| Ok(()),
            |n| vec![user("u", &object((0..n).map(|at| (format!("x{at}"), json!(at)))))],
        ),
        Case::import(
            "user: platforms in turn",
            |_| Ok(()),
            |n| (0..n).map(|at| platform(&json!({"type": "customer", "customer_id": "u"}), at)).collect(),
        ),
    ]
}

/// The element with a platform that is switched on and off in turn.
fn platform(element: &Json, at: usize) -> Json {
    let mut element = element.clone();
    element["platforms"] = json!([{"platform": "web", "active": at.is_multiple_of(2)}]);
    element
}

fn writes_of_a_record() -> Case {
    Case::import("record near 1 MiB: writes", record, |n| (0..n).map(|at| user("big", &json!({"x": at}))).collect())
}

fn wide_writes() -> Case {
    Case::import("profile of 50 x 1,960: writes", wide_profile, |n| {
        (0..n).map(|at| known_by(&json!({"mobile": "m1", "x": at}))).collect()
    })
}

fn large() -> Vec<Case> {
    let heavy = Case::import("profile of 8 MiB: writes", heavy_profile, |n| {
        (0..n).map(|at| known_by(&json!({"mobile": "m1", "x": at}))).collect()
    });
    let spread = Case::import("profile of 50 x 1,960: writes to all members in turn", wide_profile, |n| {
        (0..n).map(|at| known_by(&json!({"mobile": format!("m{}", at % 50), "x": at}))).collect()
    });
    let different = Case::import("profile of 50 x 1,960: platforms in turn", wide_profile, |n| {
        let element = known_by(&json!({"mobile": "m1"}));
        (0..n).map(|at| platform(&element, at)).collect()
    });
    let events = Case::import("profile of 50 x 1,960: events", wide_profile, |n| {
        let element = json!({"type": "event", "user_identifiers": {"mobile": "m1"}, "actions": [{"action": "a"}]});
        vec![element; n]
    });
    let devices =
        Case::import("profile of 50 x 1,960: devices", wide_profile, |n| (0..n).map(device).collect()).most(900);
    let record_events = Case::import("record near 1 MiB: events", record, |n| vec![event("big", 1); n]);
    let too_large = Case::import(
        "record near 1 MiB: elements that would make it too large",
        |place| {
            record(place)?;
            place.store([user("big", &json!({"y": "x".repeat(48_000)}))])
        },
        |n| (0..n).map(|at| user("big", &json!({"z": "y".repeat(1_000 + at % 2)}))).collect(),
    );
    vec![writes_of_a_record(), record_events, too_large, wide_writes(), spread, different, heavy, events, devices]
}

/// Many large things in one request: what it may load is bounded (behaviour.md 1.11).
fn many_large() -> Vec<Case> {
    let records = |place: &CaseWorkspace<'_>| place.store((0..RECORDS).map(|at| large_user(&format!("b{at}"))));
    let trees = |place: &CaseWorkspace<'_>| -> Result<()> {
        place.identity(&kinds(&USUAL, &[], 50))?;
        (0..TREES).try_for_each(|tree| heavy_tree(place, &format!("t{tree}")))
    };
    let rule = json!([{"type": "contains", "attr": "zz"}]);
    let (of_users, of_trees) = (rule.clone(), rule);
    vec![
        Case::import("many records near 1 MiB: a write each", records, |n| {
            (0..n).map(|at| user(&format!("b{at}"), &json!({"x": 1}))).collect()
        })
        .most(RECORDS),
        Case::import("many records near 1 MiB: an unset rule each", records, move |n| {
            let element =
                |at: usize| json!({"type": "customer", "customer_id": format!("b{at}"), "unset_attributes": of_users});
            (0..n).map(element).collect()
        })
        .most(RECORDS),
        Case::import("many profiles of 8 MiB: a write each", trees, |n| {
            (0..n).map(|at| known_by(&json!({"mobile": format!("t{at}_1"), "x": 1}))).collect()
        })
        .most(TREES),
        Case::import("many profiles of 8 MiB: an unset rule each", trees, move |n| {
            let element = |at: usize| {
                let mut element = known_by(&json!({"mobile": format!("t{at}_1")}));
                element["unset_attributes"] = of_trees.clone();
                element
            };
            (0..n).map(element).collect()
        })
        .most(TREES),
    ]
}

fn device(at: usize) -> Json {
    json!({"type": "device", "user_identifiers": {"mobile": "m1"}, "device_id": format!("d{at}"),
        "attributes": {"platform": "iOS", "push_id": format!("p{at}")}})
}
