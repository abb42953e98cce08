//! What is large: profiles have a bound, and what one decision may load or do has one, too (behaviour.md 1.11.f).

use crate::world::{Workspace, World};
use serde_json::{Value as Json, json};

const TEXT: usize = 950_000;

/// A workspace in which a live profile may weigh 2 MiB, with users of nearly 1 MiB each.
fn large(world: &World, users: usize) -> Workspace<'_> {
    let limits = json!({"body_bytes": 1_048_576, "profile_bytes": 2_097_152, "users_per_minute": 0});
    let workspace = world.workspace(&json!({ "limits": limits }));
    let kinds = json!([{"kind": "customer_id"}, {"kind": "email"}]);
    let path = format!("/workspaces/{}/identity", workspace.id);
    assert_eq!(world.admin("PUT", &path, &json!({"enabled": true, "identifiers": kinds})).status, 200);
    for n in 0..users {
        let text = json!({format!("text {n}"): "x".repeat(TEXT), "email": format!("e{n}@example.test")});
        let elements = json!([{"type": "customer", "customer_id": format!("c{n}"), "attributes": text}]);
        assert_eq!(workspace.import(&[], &elements).status, 200);
    }
    workspace
}

fn joins(a: usize, b: usize) -> Json {
    json!({"type": "customer", "customer_id": format!("c{a}"), "attributes": {"email": format!("e{b}@example.test")}})
}

// Fails when `Group::conflict` compares no weights, or when `too_large` looks at the record alone.
#[test]
fn a_profile_grows_to_its_bound_and_no_further() {
    let world = World::start();
    let workspace = large(&world, 3);
    let results = workspace.results(&json!([joins(0, 1), joins(0, 2)]));
    let outcome = |n: usize| results[n]["outcome"].as_str().unwrap_or_default().to_owned();
    assert_eq!([outcome(0), outcome(1)], ["merged", "updated"]);
    let reviews = world.admin("GET", &format!("/workspaces/{}/reviews", workspace.id), &Json::Null).json();
    assert_eq!(reviews["items"][0]["reason"], "size");
    // What makes it larger is rejected, what makes it smaller is not.
    let write = |value: Json| json!([{"type": "customer", "customer_id": "c0", "attributes": {"more": value}}]);
    let results = workspace.results(&write(Json::from("y".repeat(300_000))));
    assert_eq!(results[0]["errors"][0]["type"], "ProfileTooLarge");
    assert_eq!(workspace.results(&write(Json::from("y".repeat(50_000))))[0]["outcome"], "updated");
    assert_eq!(workspace.results(&write(Json::from("y")))[0]["outcome"], "updated");
}

// Fails when `rounds::weigh` compares with no bound.
#[test]
fn a_request_that_needs_too_much_at_once_is_refused_alone() {
    let world = World::start();
    let workspace = large(&world, 12);
    let all: Vec<Json> = (0..12)
        .map(|n| json!({"type": "customer", "customer_id": format!("c{n}"), "attributes": {"seen": true}}))
        .collect();
    let answer = workspace.import(&[], &Json::from(all.clone()));
    assert_eq!((answer.status, answer.json()["error"]["type"].clone()), (503, Json::from("DecisionTooLarge")));
    let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
    assert!(metrics.contains("muster_decisions_too_large_total 1"), "{metrics}");
    // Nothing of it is there, and half of it is taken.
    assert_eq!(workspace.find("customer_id", "c0").unwrap()["attributes"]["seen"], Json::Null);
    assert_eq!(workspace.import(&[], &Json::from(all[..6].to_vec())).status, 200);
}
