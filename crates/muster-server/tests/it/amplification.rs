//! Small bodies make no large answers, log entries or pages.

use crate::world::World;
use serde_json::{Value as Json, json};

// Fails when faults are told whole without a bound: 51,000 of them are 13 MB.
#[test]
fn a_body_of_fifty_thousand_bad_elements_has_an_answer_of_bounded_length() {
    let world = World::start();
    let workspace = world.workspace(&json!({"limits": {"users_per_minute": 0}}));
    let elements = vec!["1"; 51_000].join(",");
    let body = format!(r#"{{"type":"transition","elements":[{elements}]}}"#);
    let prefer = [("Prefer", "handling=lenient, return=representation"), ("Idempotency-Key", "k")];
    let answer = workspace.post("transition", &prefer, body.as_bytes());
    let (status, told, length) = (answer.status, answer.json(), answer.body.len());
    assert_eq!(status, 200);
    let results = told["results"].as_array().unwrap();
    assert_eq!(results.len(), 51_000, "every element is told");
    assert_eq!(results[999]["errors"][0]["pointer"], "/elements/999");
    let kind = &results[0]["errors"][0]["type"];
    assert_eq!(results[50_999]["errors"], json!([{"type": kind}]));
    assert!(length < 7 << 20, "{length} bytes");
    let again = workspace.post("transition", &prefer, body.as_bytes());
    assert!(again.body == answer.body, "a replay is the first answer");
}

fn element(leaves: usize, name: &str, depth: usize) -> Json {
    let leaves: serde_json::Map<String, Json> = (0..leaves).map(|n| (format!("l{n}"), Json::Null)).collect();
    let nested = (0..depth).fold(Json::Object(leaves), |inner, _| json!({ name: inner }));
    json!({"type": "customer", "customer_id": "c", "attributes": {"a": nested}})
}

// Fails when `Warnings::add` keeps a pointer of any length: a hundred of 17 KB are 1.7 MB.
#[test]
fn long_names_in_a_small_body_make_no_large_log_entry() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let elements = json!([element(3_000, &"n".repeat(700), 25)]);
    let answer = workspace.import(&[("Prefer", "return=representation")], &elements);
    assert_eq!(answer.status, 200);
    let id = answer.json()["request_id"].as_str().unwrap().to_owned();
    let entry = workspace.admin("GET", &format!("/requests/{id}"), &Json::Null);
    let lengths = [answer.body.len(), entry.body.len()];
    assert!(lengths.iter().all(|length| *length < 50_000), "{lengths:?}");
    assert_eq!(entry.json()["elements"][0]["warnings"].as_array().unwrap().len(), 100);
    let pointer = entry.json()["elements"][0]["warnings"][0]["pointer"].as_str().unwrap().to_owned();
    assert!(pointer.starts_with("/elements/0/attributes/a/nnn") && pointer.ends_with("n\u{2026}"), "{pointer}");
}

// Fails when the log entry of an import is not `bounded`.
#[test]
fn a_log_entry_says_how_many_warnings_it_does_not_list() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let elements: Vec<Json> = (0..62).map(|_| element(100, &"n".repeat(60), 5)).collect();
    let answer = workspace.import(&[], &json!(elements));
    assert_eq!(answer.status, 200, "{}", answer.json());
    let id = answer.json()["request_id"].as_str().unwrap().to_owned();
    let entry = workspace.admin("GET", &format!("/requests/{id}"), &Json::Null).json();
    let of_elements = entry["elements"].as_array().unwrap().iter().map(|e| e["warnings"].as_array().unwrap().len());
    let listed = of_elements.sum::<usize>() as u64;
    let omitted = entry["omitted"]["warnings"].as_u64().unwrap();
    assert!(listed > 3_000 && omitted > 0 && listed + omitted == 6_200, "{listed} listed, {omitted} counted");
}
