//! Merges of three and more: the members of a live profile with what each shows, merges that were made together, and the
//! list of merges narrowed to some.

use crate::world::{Workspace, World, customer};
use serde_json::{Value as Json, json};

fn get(workspace: &Workspace<'_>, path: &str) -> Json {
    let answer = workspace.admin("GET", path, &Json::Null);
    assert_eq!(answer.status, 200, "{path}: {}", answer.json());
    answer.json()
}

/// Three kinds, and three profiles that one element joins: m1 and m2 into `a`; then `a` and all into `z` by m3.
pub(crate) fn joined(world: &World) -> (Workspace<'_>, [String; 4]) {
    let workspace = world.workspace(&Json::Null);
    let kinds = json!([{"kind": "customer_id"}, {"kind": "mobile"}, {"kind": "email"}]);
    let set = workspace.admin("PUT", "/identity", &json!({"enabled": true, "identifiers": kinds}));
    assert_eq!(set.status, 200, "{}", set.json());
    let made = workspace.results(&json!([
        {"type": "customer", "customer_id": "a", "attributes": {"tier": "gold"}},
        {"type": "customer", "attributes": {"mobile": "+15550100", "city": "Pune"}},
        {"type": "customer", "attributes": {"email": "c@example.test", "city": "Goa", "age": 4}},
    ]));
    world.clock.step(5);
    let seen = json!([{"type": "event", "customer_id": "a", "actions": [{"action": "x"}]}]);
    assert_eq!(workspace.import(&[], &seen).status, 200);
    let all = json!([{"type": "customer", "customer_id": "a", "attributes": {"mobile": "+15550100", "email": "c@example.test"}}]);
    assert_eq!(workspace.results(&all)[0]["outcome"], "merged");
    world.clock.step(5);
    let last = workspace.results(&json!([customer("z")]));
    world.clock.step(5);
    let seen = json!([{"type": "event", "customer_id": "z", "actions": [{"action": "x"}]}]);
    assert_eq!(workspace.import(&[], &seen).status, 200);
    let into = json!([{"type": "customer", "customer_id": "z", "attributes": {"email": "c@example.test"}}]);
    assert_eq!(workspace.results(&into)[0]["outcome"], "merged");
    let id = |json: &Json| json["id"].as_str().unwrap().to_owned();
    let ids = [id(&last[0]), id(&made[0]), id(&made[1]), id(&made[2])];
    (workspace, ids)
}

// Fails when `order` lists members by joining, or when `own` shows the whole live profile.
#[test]
fn members_are_listed_below_their_parents_with_what_their_part_shows() {
    let world = World::start();
    let (workspace, [z, a, b, c]) = joined(&world);
    let page = get(&workspace, &format!("/users/{b}/members"));
    let items = page["items"].as_array().unwrap();
    let places: Vec<[&Json; 3]> = items.iter().map(|item| [&item["id"], &item["parent"], &item["merge_id"]]).collect();
    let place = |id: &str, parent: Json, merge: Json| [json!(id), parent, merge];
    let expected = [
        place(&z, json!(null), json!(null)),
        place(&a, json!(z), json!("m3")),
        place(&b, json!(a), json!("m1")),
        place(&c, json!(a), json!("m2")),
    ];
    assert_eq!(places, expected.each_ref().map(|row| row.each_ref()), "{page}");
    let root = &items[0];
    let counts = ["alias_count", "device_count", "member_count"].map(|name| root["shows"][name].clone());
    assert_eq!(counts, [json!(1), json!(0), json!(3)], "{root}");
    let shown = |of: &Json| {
        ["identifiers", "attributes", "platforms", "first_seen", "last_seen", "event_count"]
            .map(|name| of[name].clone())
    };
    assert_eq!(shown(&root["shows"]), shown(&get(&workspace, &format!("/users/{z}"))));
    assert_eq!([&root["own"]["event_count"], &root["shows"]["event_count"]], [&json!(1), &json!(2)]);
    assert_eq!(root["own"]["identifiers"], json!([{"kind": "customer_id", "value": "z"}]));
    let leaf = &items[2];
    assert_eq!(leaf["own"]["attributes"], json!({"city": "Pune"}));
    assert_eq!(leaf["own"]["identifiers"], json!([{"kind": "mobile", "value": "+15550100"}]));
    assert_eq!((&leaf["shows"]["member_count"], &leaf["own"]["event_count"]), (&json!(0), &json!(0)));
    for item in &items[1..] {
        let path = format!("/merges/{}/revert?dry_run=true", item["merge_id"].as_str().unwrap());
        let foretold = workspace.admin("POST", &path, &json!({})).json()["preview"]["restored"].clone();
        assert_eq!(shown(&item["shows"]), shown(&foretold), "{path}");
        assert_eq!(item["shows"]["member_count"], foretold["members"].as_array().unwrap().len(), "{path}");
    }
}

#[test]
fn members_come_in_pages_that_lose_none() {
    let world = World::start();
    let (workspace, ids) = joined(&world);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&workspace, &format!("/users/{}/members?limit=1{cursor}", ids[0]));
        seen.push(page["items"][0]["id"].as_str().unwrap().to_owned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ids);
    let wrong = workspace.admin("GET", &format!("/users/{}/members?cursor=x", ids[0]), &Json::Null);
    assert_eq!(wrong.status, 400);
    // A member that was detached since is not a valid cursor.
    assert_eq!(workspace.admin("POST", "/merges/m1/revert", &json!({})).status, 200);
    let gone = workspace.admin("GET", &format!("/users/{}/members?cursor={}", ids[0], ids[2]), &Json::Null);
    assert_eq!(gone.status, 409);
}

// Fails when `together` does not ask for the same survivor and element, or looks to one side alone.
#[test]
fn a_merge_names_those_that_its_element_made_with_it() {
    let world = World::start();
    let (workspace, _) = joined(&world);
    let together = |id: &str| get(&workspace, &format!("/merges/{id}"))["together"].clone();
    assert_eq!(together("m1"), json!(["m1", "m2"]));
    assert_eq!(together("m2"), json!(["m1", "m2"]));
    assert_eq!(together("m3"), json!(["m3"]));
}

// Fails when a filter of `Filter::takes` is left out.
#[test]
fn merges_are_narrowed_to_a_state_a_cause_and_a_profile() {
    let world = World::start();
    let (workspace, [z, _, b, c]) = joined(&world);
    let others = workspace.results(&json!([
        {"type": "customer", "customer_id": "p"},
        {"type": "customer", "attributes": {"mobile": "+15550199"}},
        {"type": "customer", "customer_id": "p", "attributes": {"mobile": "+15550199"}},
    ]));
    assert_eq!(others[2]["outcome"], "merged");
    let ids = |query: &str| -> Vec<String> {
        let page = get(&workspace, &format!("/merges?{query}"));
        assert_eq!(page["next_cursor"], Json::Null, "{query}");
        page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(""), ["m4", "m3", "m2", "m1"]);
    assert_eq!(ids("cause=keys"), ["m4", "m3", "m2", "m1"]);
    assert_eq!(ids("cause=activation"), Vec::<String>::new());
    assert_eq!(ids(&format!("user_id={z}")), ["m3", "m2", "m1"]);
    assert_eq!(ids(&format!("user_id={c}")), ["m3", "m2", "m1"]);
    assert_eq!(workspace.admin("POST", "/merges/m1/revert", &json!({})).status, 200);
    assert_eq!(ids("state=reverted"), ["m1"]);
    assert_eq!(ids("state=standing"), ["m4", "m3", "m2"]);
    assert_eq!(ids(&format!("user_id={b}&state=standing")), Vec::<String>::new());
    assert_eq!(ids(&format!("user_id={b}")), ["m1"]);
    let page = get(&workspace, "/merges?state=standing&limit=1");
    assert_eq!((&page["items"][0]["id"], &page["next_cursor"]), (&json!("m4"), &json!("m4")));
    let wrong_id = format!("{}ffffffff{}", &z[..8], &z[16..]);
    assert_eq!(ids(&format!("user_id={wrong_id}")), Vec::<String>::new());
    let whole = get(&workspace, "/merges?state=reverted&limit=1");
    assert_eq!(whole["next_cursor"], Json::Null, "it is the last of all");
    for wrong in ["state=gone", "cause=love", "user_id=7"] {
        assert_eq!(workspace.admin("GET", &format!("/merges?{wrong}"), &Json::Null).status, 400, "{wrong}");
    }
}
