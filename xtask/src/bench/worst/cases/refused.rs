//! What is rejected goes into quarantine, and what is said of it into the log: many small ones, long ones, many warnings.

use super::super::case::Case;
use super::super::place::CaseWorkspace;
use super::super::things::{USUAL, kinds, known_by, object, user};
use anyhow::Result;
use serde_json::{Value as Json, json};

const LENIENT: &str = "Prefer: handling=lenient\r\n";
const TOLD: &str = "Prefer: handling=lenient, return=representation\r\n";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = rejected_cases();
    cases.extend(warned_cases());
    cases
}

fn nothing(_: &CaseWorkspace<'_>) -> Result<()> {
    Ok(())
}

fn rejected_cases() -> Vec<Case> {
    let empty = |n: usize| vec![json!({}); n];
    let device = json!({"type": "device", "customer_id": "x", "attributes": {"platform": "iOS", "push_id": "p"}});
    vec![
        Case::import("rejected: empty elements", nothing, empty).headers(LENIENT),
        Case::import("rejected: empty elements, representation", nothing, empty).headers(TOLD),
        Case::import("rejected: empty elements, with an idempotency key", nothing, empty).with_key(),
        Case::import("rejected: empty elements, strict", nothing, empty),
        Case::import("rejected: devices of nobody", nothing, move |n| vec![device.clone(); n]),
        Case::import("rejected: long values", nothing, |n| vec![known_by(&json!({"x": "y".repeat(5_000)})); n])
            .headers(LENIENT),
        Case::import("rejected: long names", nothing, |n| {
            (0..n).map(|at| user("u", &object([(format!("{}{at}", "n".repeat(900)), json!(1))]))).collect()
        }),
        Case::import("rejected: many long names in one element", nothing, |n| {
            vec![user("u", &object((0..n).map(|at| (format!("{}{at}", "n".repeat(900)), json!(1)))))]
        }),
        Case::import("rejected: long identifiers", nothing, |n| {
            (0..n).map(|at| user(&format!("{}{at}", "c".repeat(600)), &json!({}))).collect()
        }),
    ]
}

fn warned_cases() -> Vec<Case> {
    let nulls = |n: usize| object((0..n).map(|at| (format!("a{at}"), Json::Null)));
    vec![
        Case::import("warnings: of different names in one element", nothing, move |n| vec![user("u", &nulls(n))]),
        Case::import("warnings: of different names in one element, representation", nothing, move |n| {
            vec![user("u", &nulls(n))]
        })
        .headers("Prefer: return=representation\r\n"),
        Case::import("warnings: a hundred in each element", nothing, move |n| {
            (0..n).map(|at| user(&format!("u{at}"), &nulls(100))).collect()
        }),
        Case::import(
            "warnings: attributes that are only for new users",
            |place| place.store([user("u", &json!({}))]),
            |n| (0..n).map(|_| user("u", &json!({"first_seen": "2020-01-01T00:00:00.000Z"}))).collect(),
        ),
        Case::import(
            "warnings: identifiers of no kind",
            |place| place.identity(&kinds(&USUAL, &[], 50)),
            |n| {
                let names = object((0..n).map(|at| (format!("k{at}"), json!("v"))));
                vec![
                    json!({"type": "event", "customer_id": "u", "user_identifiers": names, "actions": [{"action": "a"}]}),
                ]
            },
        ),
        Case::import("warnings: unset rules that cannot be used", nothing, |n| {
            vec![json!({"type": "customer", "customer_id": "u", "unset_attributes": vec![json!({"type": "x"}); n]})]
        }),
    ]
}
