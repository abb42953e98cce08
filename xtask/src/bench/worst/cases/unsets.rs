//! Unset rules over many names: many rules in one element, one in each, rules that fit everything, and elements that fail
//! afterwards.

use super::super::case::Case;
use super::super::place::CaseWorkspace;
use super::super::things::{known_by, long_names, object, user, wide_profile};
use anyhow::Result;
use serde_json::{Value as Json, json};

/// What the types of rules are called; `equals` looks names up, the others go through all of them.
const TYPES: [&str; 4] = ["equals", "prefix", "suffix", "contains"];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for of in TYPES {
        cases.push(Case::import(format!("unset, 2,000 long names: {of} rules in one element"), long_names, move |n| {
            vec![unsetting(user("names", &json!({})), (0..n).map(|at| rule(of, &format!("b{at}"))))]
        }));
        cases.push(Case::import(
            format!("unset, 2,000 long names: one {of} rule in each element"),
            long_names,
            move |n| (0..n).map(|at| unsetting(user("names", &json!({})), [rule(of, &format!("b{at}"))])).collect(),
        ));
        cases.push(Case::import(
            format!("unset, profile of 50 x 1,960: {of} rules in one element"),
            wide_profile,
            move |n| vec![unsetting(member(), (0..n).map(|at| rule(of, &format!("q{at}"))))],
        ));
        cases.push(Case::import(
            format!("unset, profile of 50 x 1,960: one {of} rule in each element"),
            wide_profile,
            move |n| (0..n).map(|at| unsetting(member(), [rule(of, &format!("q{at}"))])).collect(),
        ));
    }
    cases.extend(in_any_case());
    cases.extend(that_fit());
    cases.extend(that_fail());
    cases
}

/// The element of a member of the large profile.
fn member() -> Json {
    known_by(&json!({"mobile": "m1"}))
}

fn rule(of: &str, text: &str) -> Json {
    json!({"type": of, "attr": text})
}

fn rule_in_any_case(of: &str, text: &str) -> Json {
    json!({"type": of, "attr": text, "case_sensitive": false})
}

fn unsetting(mut element: Json, rules: impl IntoIterator<Item = Json>) -> Json {
    element["unset_attributes"] = rules.into_iter().collect::<Vec<Json>>().into();
    element
}

fn in_any_case() -> Vec<Case> {
    vec![
        Case::import("unset, 2,000 long names: rules in any case in one element", long_names, |n| {
            vec![unsetting(user("names", &json!({})), (0..n).map(|at| rule_in_any_case("contains", &format!("b{at}"))))]
        }),
        Case::import("unset, 2,000 long names: rules that nearly fit", long_names, |n| {
            vec![unsetting(user("names", &json!({})), (0..n).map(|at| rule("contains", &format!("aaaaaaab{at}"))))]
        }),
        Case::import(
            "unset, profile of 50 x 1,960: equals rules in any case, one in each element",
            wide_profile,
            |n| (0..n).map(|at| unsetting(member(), [rule_in_any_case("equals", &format!("Q{at}"))])).collect(),
        ),
    ]
}

/// Rules that fit all names: what they unset is written.
fn that_fit() -> Vec<Case> {
    let everything = |n: usize| {
        let element = |at: usize| known_by(&json!({"mobile": "m1", "x": at}));
        (0..n).map(|at| unsetting(element(at), [rule("contains", "_")])).collect::<Vec<Json>>()
    };
    vec![
        Case::import("unset, 2,000 long names: everything in each element", long_names, |n| {
            (0..n).map(|at| unsetting(user("names", &json!({"x": at})), [rule("prefix", "a")])).collect()
        }),
        Case::import("unset, profile of 50 x 1,960: everything in each element", wide_profile, everything),
        Case::import("unset, profile of 50 x 1,960: many of its names in one element", wide_profile, |n| {
            let name = |at: usize| format!("m{}_{}", at % 50, at / 50);
            vec![unsetting(member(), (0..n).map(|at| rule("equals", &name(at))))]
        })
        .most(1_900),
        Case::import("unset, profile of 50 x 1,960: one of its names in each element", wide_profile, |n| {
            let name = |at: usize| format!("m{}_{}", at % 50, at / 50);
            (0..n).map(|at| unsetting(member(), [rule("equals", &name(at))])).collect()
        }),
        Case::import("unset, profile of 50 x 1,960: empty arrays in one element", wide_profile, |n| {
            let mut attributes = object((0..n).map(|at| (format!("m{}_{}", at % 50, at / 50), json!([]))));
            attributes["mobile"] = json!("m1");
            vec![known_by(&attributes)]
        }),
        Case::import("unset, profile of 50 members: an identifier that stays", wide_profile, |n| {
            (0..n).map(|_| unsetting(member(), [rule("equals", "email")])).collect()
        }),
    ]
}

/// What an element unset is undone when it fails.
fn that_fail() -> Vec<Case> {
    let too_long = "y".repeat(150);
    let failing = move |n: usize| {
        let element = |at: usize| user("names", &json!({"z": format!("{too_long}{at}")}));
        (0..n).map(|at| unsetting(element(at), [rule("suffix", "00000")])).collect::<Vec<Json>>()
    };
    let nearly_full = |place: &CaseWorkspace<'_>| -> Result<()> {
        long_names(place)?;
        // What is left of the record is less than the elements bring.
        place.store([user("names", &json!({"fill": "x".repeat(161_400)}))])
    };
    vec![
        Case::import("unset, 2,000 long names: elements that fail as too large", nearly_full, failing),
        Case::import(
            "unset, 2,000 long names: elements that fail by the number of attributes",
            |place| {
                long_names(place)?;
                place.store([user("names", &object((0..19).map(|at| (format!("f{at}"), json!(1)))))])
            },
            |n| {
                let attributes = object((0..30).map(|at| (format!("g{at}"), json!(1))));
                (0..n).map(|_| unsetting(user("names", &attributes), [rule("contains", "b")])).collect()
            },
        ),
    ]
}
