//! Worked examples of unset rules over the names of profiles that are joined in the same request.

use crate::engine::Store;
use crate::examples::{customer, element, given, settings};
use crate::histories::START;
use crate::variants::{PLAIN, Variant};
use crate::world::send;
use muster_core::command::{Body, CustomerElement, Matching, Unset};
use muster_core::id::ProfileNo;
use muster_core::kinds::ElementKind;
use muster_core::outcome::Outcome;
use muster_core::time::Timestamp;
use muster_core::value::Value;
use std::sync::Arc;

/// Each joins a profile of two members with 1,900 attributes each. Opposite: in `join_names` drop the existing index.
#[test]
fn many_new_ids_that_unset_by_rules_beside_a_large_profile_are_one_decision() {
    let variant = Variant { caps: [u8::MAX; 3], ..PLAIN };
    let (settings, mut store) = (Arc::new(variant.settings()), Store::new());
    let mut import = |elements| send(&mut store, &settings, elements, Timestamp(START)).unwrap();
    for (kind, letter) in [("email", 'a'), ("mobile", 'b')] {
        let sets: Vec<(Box<str>, Value)> =
            (0..1_900).map(|n| (format!("{letter}{n}").into(), Value::Integer(n))).collect();
        let keys = vec![given("customer_id", 0), given(kind, 0)];
        let keys = if kind == "mobile" { vec![given(kind, 0)] } else { keys };
        import(vec![element(
            ElementKind::Customer,
            0,
            Body::Customer(Box::new(CustomerElement { identifiers: keys, sets, ..CustomerElement::default() })),
        )]);
    }
    assert_eq!(import(vec![customer(vec![given("email", 0), given("mobile", 0)], &[])])[0].outcome, Outcome::Merged);
    let rule = Unset { matching: Matching::Prefix, text: "zz".into(), case_sensitive: true, pointer: "/u".into() };
    let joins = |n: u8| {
        let unsets = vec![rule.clone()];
        let customer = CustomerElement {
            identifiers: vec![given("customer_id", n), given("email", 0)],
            unsets,
            ..CustomerElement::default()
        };
        element(ElementKind::Customer, 0, Body::Customer(Box::new(customer)))
    };
    let outcomes: Vec<Outcome> = import((1..=250).map(joins).collect()).iter().map(|result| result.outcome).collect();
    assert_eq!(outcomes, vec![Outcome::Merged; 250]);
}

/// Opposite: in `NameIndexes::roll_back` undo in the original order.
#[test]
fn an_element_that_joins_and_then_fails_leaves_the_names_that_rules_find_as_they_were() {
    let (settings, both) = (settings(), [false, true]);
    let of = |kind: &str, n: u8, letter: char, count: i64| {
        let sets = (0..count).map(|at| (format!("{letter}{at}").into(), Value::Integer(at))).collect();
        CustomerElement { identifiers: vec![given(kind, n)], sets, ..CustomerElement::default() }
    };
    let unsetting = |customer: CustomerElement, text: &str| {
        let rule = Unset { matching: Matching::Prefix, text: text.into(), case_sensitive: true, pointer: "/u".into() };
        element(ElementKind::Customer, 0, Body::Customer(Box::new(CustomerElement { unsets: vec![rule], ..customer })))
    };
    let plain = |customer: CustomerElement| element(ElementKind::Customer, 0, Body::Customer(Box::new(customer)));
    let shown = both.map(|split| {
        let mut store = Store::new();
        let failing =
            CustomerElement { identifiers: vec![given("mobile", 1), given("email", 1)], ..of("mobile", 1, 'c', 2_001) };
        let elements = vec![
            plain(of("mobile", 1, 'a', 3)),
            plain(of("email", 1, 'b', 5)),
            unsetting(of("email", 1, 'x', 1), "z"),
            unsetting(of("mobile", 1, 'y', 1), "z"),
            unsetting(failing, "b1"),
            unsetting(of("email", 1, 'x', 2), "b"),
            unsetting(of("mobile", 1, 'y', 2), "a"),
        ];
        let groups = if split { elements.into_iter().map(|e| vec![e]).collect() } else { vec![elements] };
        let results =
            groups.into_iter().flat_map(|group| send(&mut store, &settings, group, Timestamp(START)).unwrap().to_vec());
        let outcomes: Vec<Outcome> = results.map(|result| result.outcome).collect();
        assert_eq!((outcomes[4], store.counters.users), (Outcome::Rejected, 2));
        let names =
            |no| store.snapshot(ProfileNo(no), &settings.identity, false).unwrap().attributes.into_keys().collect();
        [1, 2].map(|no| -> Vec<Box<str>> { names(no) })
    });
    let want = [["mobile", "y0", "y1"].map(Into::into).to_vec(), ["email", "x0", "x1"].map(Into::into).to_vec()];
    assert_eq!(shown, [want.clone(), want]);
}
