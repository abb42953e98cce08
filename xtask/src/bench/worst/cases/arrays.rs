//! One large array that all elements work on.

use super::super::case::Case;
use super::super::place::CaseWorkspace;
use super::super::things::{ARRAY_LENGTH, adds, array, event, known_by, object, user, wide_profile};
use anyhow::Result;
use serde_json::{Value as Json, json};

/// Strings of a large array: with 11 bytes each nearly the whole of a record.
const STRINGS: usize = 92_000;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = one_by_one();
    cases.extend(mixed_cases());
    cases
}

fn integers(place: &CaseWorkspace<'_>) -> Result<()> {
    array(place, ARRAY_LENGTH, false)
}

fn removes(values: &Json) -> Json {
    user("arr", &json!({"removeValueFromArrayField": {"t": values}}))
}

/// A number that the array does not hold yet.
fn new(at: usize) -> Json {
    json!(10_000_000 + at)
}

fn one_by_one() -> Vec<Case> {
    let strings = |place: &CaseWorkspace<'_>| array(place, STRINGS, true);
    vec![
        Case::import("array of integers: add one", integers, |n| {
            (0..n).map(|at| adds("arr", &json!([new(at)]))).collect()
        }),
        Case::import("array of integers: add one, dry run", integers, |n| {
            (0..n).map(|at| adds("arr", &json!([new(at)]))).collect()
        })
        .query("?dry_run=true"),
        Case::import("array of integers: add what is there", integers, |n| vec![adds("arr", &json!([5])); n]),
        Case::import("array of integers: remove one", integers, |n| (0..n).map(|at| removes(&json!([at]))).collect()),
        Case::import("array of integers: remove what is not there", integers, |n| {
            (0..n).map(|at| removes(&json!([new(at)]))).collect()
        }),
        Case::import("array of strings: add one", strings, |n| {
            (0..n).map(|at| adds("arr", &json!([format!("n{at}")]))).collect()
        }),
        Case::import("array of strings: remove one", strings, |n| {
            (0..n).map(|at| removes(&json!([format!("t{at:07}")]))).collect()
        }),
        Case::import("array of integers: add many in one element", integers, |n| {
            vec![adds("arr", &(0..n).map(|at| json!(at)).collect::<Vec<Json>>().into())]
        }),
        Case::import(
            "array: grown from nothing, one in each element",
            |_| Ok(()),
            |n| (0..n).map(|at| adds("arr", &json!([at]))).collect(),
        ),
    ]
}

fn mixed_cases() -> Vec<Case> {
    let turns = |n: usize| {
        let turn = |at: usize| match at % 4 {
            0 => adds("arr", &json!([new(at)])),
            1 => user("arr", &json!({"x": at})),
            2 => removes(&json!([at])),
            _ => user("arr", &json!({"x": []})),
        };
        (0..n).map(turn).collect::<Vec<Json>>()
    };
    let between_events = |n: usize| {
        let turn = |at: usize| if at.is_multiple_of(2) { adds("arr", &json!([new(at)])) } else { event("arr", 1) };
        (0..n).map(turn).collect::<Vec<Json>>()
    };
    let of_a_member = |place: &CaseWorkspace<'_>| -> Result<()> {
        wide_profile(place)?;
        let part = |from: usize| {
            let values: Vec<usize> = (from..from + 40_000).collect();
            known_by(&json!({"mobile": "m1", "addValueToArrayField": {"t": values}}))
        };
        place.store_in(1, [part(0), part(40_000), part(80_000)])
    };
    vec![
        Case::import("array of integers: add, set, remove, unset in turn", integers, turns),
        Case::import("array of integers: add, between events", integers, between_events),
        Case::import("array of a member of 50 x 1,960: add one", of_a_member, |n| {
            let element = |at: usize| known_by(&json!({"mobile": "m1", "addValueToArrayField": {"t": [new(at)]}}));
            (0..n).map(element).collect()
        }),
        Case::import(
            "array: many small ones in one element",
            |_| Ok(()),
            |n| {
                vec![user(
                    "u",
                    &json!({"addValueToArrayField": object((0..n).map(|at| (format!("t{at}"), json!([1]))))}),
                )]
            },
        ),
        Case::import(
            "array: many operations on what is not an array",
            |place| place.store([user("u", &object((0..1_900).map(|at| (format!("t{at}"), json!(1)))))]),
            |n| {
                vec![user(
                    "u",
                    &json!({"addValueToArrayField": object((0..n).map(|at| (format!("t{at}"), json!([1]))))}),
                )]
            },
        )
        .most(1_900),
        Case::import("array: operations on what is not an array in a profile of 50 x 1,960", wide_profile, |n| {
            let name = |at: usize| format!("m{}_{}", at % 50, at / 50);
            let operations = object((0..n).map(|at| (name(at), json!([1]))));
            vec![known_by(&json!({"mobile": "m1", "addValueToArrayField": operations}))]
        }),
    ]
}
