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
    let workspace = large(&world, 40);
    let all: Vec<Json> = (0..40)
        .map(|n| json!({"type": "customer", "customer_id": format!("c{n}"), "attributes": {"seen": true}}))
        .collect();
    let answer = workspace.import(&[], &Json::from(all.clone()));
    assert_eq!((answer.status, answer.json()["error"]["type"].clone()), (503, Json::from("DecisionTooLarge")));
    let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
    assert!(metrics.contains("muster_decisions_too_large_total 1"), "{metrics}");
    // Nothing of it is there, and half of it is taken.
    assert_eq!(workspace.find("customer_id", "c0").unwrap()["attributes"]["seen"], Json::Null);
    assert_eq!(workspace.import(&[], &Json::from(all[..20].to_vec())).status, 200);
}

/// What an element wrote before it failed is taken back in the index of names, too: of a user that it created, and of a name
/// that it removed.
// Fails when `refresh_names` asks for facts, or when `refresh` passes over names that the index does not know.
#[test]
fn an_element_that_fails_after_its_unset_rules_were_looked_up_harms_no_other() {
    let world = World::start();
    let workspace = world.workspace(&json!({"limits": {"body_bytes": 1_048_576}}));
    let unset = |text: &str| json!([{"type": "prefix", "attr": text}]);
    let many: serde_json::Map<String, Json> = (0..2_001).map(|n| (format!("a{n}"), json!(1))).collect();
    let results = workspace.results(&json!([
        {"type": "customer", "customer_id": "new", "attributes": many, "unset_attributes": unset("zz")},
        {"type": "customer", "customer_id": "good", "attributes": {"tags": ["x"], "tier": "gold"}},
    ]));
    let told = |results: &[Json]| results.iter().map(|r| r["outcome"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(told(&results), ["rejected", "created"]);
    let mut fails = many.clone();
    fails.insert("removeValueFromArrayField".to_owned(), json!({"tags": ["x"]}));
    let results = workspace.results(&json!([
        {"type": "customer", "customer_id": "good", "attributes": fails, "unset_attributes": unset("q")},
        {"type": "customer", "customer_id": "good", "unset_attributes": unset("tag")},
    ]));
    assert_eq!(told(&results), ["rejected", "updated"]);
    let left = workspace.find("customer_id", "good").unwrap()["attributes"].clone();
    assert_eq!(left, json!({"tier": "gold"}));
}

/// Two profiles with members, each nearly as large as one may be, are withheld from each other, and their review can be
/// decided: nobody loads both to see that they do not fit.
// Fails when `conflict` asks for separations before it compares weights.
#[test]
fn two_large_profiles_are_withheld_from_each_other_without_being_loaded() {
    let world = World::start();
    let workspace = large(&world, 4);
    let results = workspace.results(&json!([joins(0, 1), joins(2, 3)]));
    assert!(results.iter().all(|result| result["outcome"] == "merged"), "{results:?}");
    assert_eq!(workspace.results(&json!([joins(0, 2)]))[0]["outcome"], "updated");
    let reviews = format!("/workspaces/{}/reviews", workspace.id);
    let items = world.admin("GET", &reviews, &Json::Null).json();
    assert_eq!(items["items"][0]["reason"], "size");
    let review = format!("{reviews}/{}", items["items"][0]["id"].as_str().unwrap());
    assert_eq!(world.admin("POST", &review, &json!({"decision": "merge"})).status, 409);
    assert_eq!(world.admin("POST", &review, &json!({"decision": "keep_apart"})).status, 200);
}

// Fails when `walk` ends a page by the number of its rows alone: then their room is more than a workspace may take, and the
// answer is 503 for ever; or when `page_of_request` answers no next.
#[test]
fn a_quarantine_of_large_entries_is_read_whole_in_short_pages() {
    let world = World::start();
    let workspace = world.workspace(&json!({"limits": {"body_bytes": 1_048_576}}));
    // The name is reserved, so that each is rejected.
    let action = json!({"action": "moe_a", "attributes": {"text": "x".repeat(120_000)}});
    let element = json!({"type": "event", "customer_id": "c", "actions": [action]});
    for _ in 0..6 {
        assert_eq!(workspace.import(&[], &Json::from(vec![element.clone(); 8])).status, 200);
    }
    let listed = |filter: &str| {
        let (mut ids, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = workspace.admin("GET", &format!("/quarantine?limit=1000{filter}{cursor}"), &Json::Null);
            assert_eq!(page.status, 200, "{}", page.json());
            let page = page.json();
            ids.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            pages += 1;
            let Some(next) = page["next_cursor"].as_str() else { return (ids, pages) };
            cursor = format!("&cursor={next}");
        }
    };
    let (all, pages) = listed("");
    assert_eq!((all.len(), pages), (48, 12));
    let request = workspace.admin("GET", "/requests", &Json::Null).json()["items"][0]["request_id"].clone();
    let of_one = listed(&format!("&request_id={}", request.as_str().unwrap()));
    assert_eq!(of_one, (all[..8].to_vec(), 3), "the last page is empty");
    // What looks through all of it keeps one page at a time.
    let started = workspace.admin("POST", "/quarantine/replay", &json!({"type": "ReservedName"}));
    assert_eq!(started.status, 202, "{}", started.json());
}
