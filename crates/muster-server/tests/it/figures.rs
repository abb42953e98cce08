//! Figures of the console: rates, faults, the use of keys, one value under every kind, both sides before a merge.

use crate::world::{ADMIN_TOKEN, Workspace, World, basic, customer};
use serde_json::{Value as Json, json};

const NOW: &str = "2026-01-05T00:00:00.000Z";

fn get(workspace: &Workspace<'_>, path: &str) -> Json {
    let answer = workspace.admin("GET", path, &Json::Null);
    assert_eq!(answer.status, 200, "{path}: {}", answer.json());
    answer.json()
}

/// A device of nobody: rejected.
fn lost_device() -> Json {
    json!({"type": "device", "customer_id": "nobody", "attributes": {"platform": "iOS", "push_id": "p"}})
}

#[test]
fn rates_count_requests_by_status_and_elements_by_outcome_in_their_minute() {
    let world = World::start();
    let workspace = world.workspace(&json!({"limits": {"users_per_minute": 3}}));
    let since = get(&workspace, "/rates")["since"].clone();
    let event = json!({"type": "event", "customer_id": "a", "actions": [{"action": "x"}, {"action": "y"}]});
    assert_eq!(workspace.import(&[], &json!([customer("a"), event, lost_device()])).status, 200);
    assert_eq!(workspace.import(&[("Idempotency-Key", "k")], &json!([customer("b")])).status, 200);
    assert_eq!(workspace.import(&[("Idempotency-Key", "k")], &json!([customer("b")])).status, 200);
    world.clock.step(60);
    assert_eq!(workspace.post("transition?dry_run=true", &[], b"{}").status, 400);
    assert_eq!(workspace.import(&[], &json!([customer("c"), customer("d")])).status, 429);
    let wrong = basic(&workspace.id, "wrong");
    let path = format!("/v1/transition/{}", workspace.id);
    assert_eq!(world.call("POST", &path, &[("Authorization", &wrong)], b"").status, 401);
    let rates = get(&workspace, "/rates");
    let minutes = rates["minutes"].as_array().unwrap();
    assert_eq!(minutes.len(), 60);
    let first = json!({"at": "2026-01-05T00:00:00.000Z", "requests": 3, "by_status": {"2xx": 3, "4xx": 0, "5xx": 0},
        "accepted": 3, "rejected": 1, "events": 2, "limited": 0, "p50_us": 0, "p99_us": 0});
    let second = json!({"at": "2026-01-05T00:01:00.000Z", "requests": 3, "by_status": {"2xx": 0, "4xx": 3, "5xx": 0},
        "accepted": 0, "rejected": 0, "events": 0, "limited": 1, "p50_us": 0, "p99_us": 0});
    assert_eq!((&minutes[58], &minutes[59]), (&first, &second));
    assert_eq!((&minutes[0]["requests"], &minutes[0]["p50_us"]), (&json!(0), &Json::Null));
    assert_eq!(rates["per_second"], json!(0.3));
    assert_eq!((&rates["last_request_at"], &rates["since"]), (&json!("2026-01-05T00:01:00.000Z"), &since));
    let budget = json!({"users": {"used": 2, "limit": 3}, "events": {"used": 2, "limit": 30_000},
        "devices": {"used": 1, "limit": 10_000}});
    assert_eq!(rates["budget"], budget);
}

#[test]
fn figures_live_on_when_settings_change_and_are_those_of_one_workspace() {
    let world = World::start();
    let (workspace, other) = (world.workspace(&Json::Null), world.workspace(&Json::Null));
    assert_eq!(workspace.import(&[], &json!([customer("a")])).status, 200);
    assert_eq!(workspace.admin("PATCH", "", &json!({"name": "Other"})).status, 200);
    assert_eq!(get(&workspace, "/rates")["minutes"][59]["requests"], 1);
    assert_eq!(get(&other, "/rates")["minutes"][59]["requests"], 0);
    assert_eq!(get(&other, "/rates")["last_request_at"], Json::Null);
}

#[test]
fn faults_are_counted_by_the_type_that_the_answers_tell_with_the_latest_request() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let prefer = [("Prefer", "return=representation")];
    let answer = workspace.import(&prefer, &json!([lost_device(), lost_device()])).json();
    let name = answer["results"][0]["errors"][0]["type"].clone();
    let malformed = workspace.post("transition", &[], b"{").json();
    world.clock.step(3_600);
    let latest = workspace.import(&prefer, &json!([lost_device()])).json();
    let faults = get(&workspace, "/faults");
    let item = json!({"type": name, "count": 1, "earlier": 2, "last_at": "2026-01-05T01:00:00.000Z", "request_id": latest["request_id"]});
    assert_eq!((&faults["items"], &faults["next_cursor"]), (&json!([item]), &Json::Null));
    assert_eq!(malformed["error"]["type"], "Malformed JSON");
}

// Fails when `keys_changed` is not called after a rotation: the old key is unknown then.
#[test]
fn the_use_of_keys_is_told_with_addresses_and_uses_after_their_end() {
    let world = World::with(|options| options.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()], |_| {});
    let workspace = world.workspace(&Json::Null);
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.1"] {
        assert_eq!(workspace.import(&[("X-Forwarded-For", address)], &json!([customer("a")])).status, 200);
    }
    world.clock.step(5);
    let rotated = workspace.admin("POST", "/keys/rotate", &json!({"scopes": ["read"]}));
    assert_eq!(rotated.status, 200);
    assert_eq!(workspace.import(&[], &json!([customer("a")])).status, 401);
    let new = Workspace {
        world: &world,
        id: workspace.id.clone(),
        key: rotated.json()["data_api_key"].as_str().unwrap().to_owned(),
    };
    assert_eq!(new.import(&[], &json!([customer("a")])).status, 403);
    let keys = get(&workspace, "/keys");
    let mut items = keys["items"].as_array().unwrap().clone();
    for item in &mut items {
        assert_eq!(item.as_object_mut().unwrap().remove("fingerprint").unwrap().as_str().map(str::len), Some(16));
    }
    let later = "2026-01-05T00:00:05.000Z";
    let expected = json!([
        {"scopes": ["read"], "created_at": later, "valid_until": null, "last_used_at": later, "addresses": 1, "refused_after_end": 0, "made_by": "admin", "made_from": "127.0.0.1"},
        {"scopes": ["import", "read", "erase"], "created_at": NOW, "valid_until": later, "last_used_at": NOW, "addresses": 2, "refused_after_end": 1, "made_by": "admin", "made_from": "127.0.0.1"},
    ]);
    assert_eq!(Json::from(items), expected);
    assert_eq!(keys["since"], NOW);
    // Fails when `keys` asks for the makers whatever the caller may: the audit log is for those who operate.
    let read = world.reader(&format!("/api/v1/workspaces/{}/keys", workspace.id)).json();
    let makers: Vec<_> =
        read["items"].as_array().unwrap().iter().map(|it| (&it["made_by"], &it["made_from"])).collect();
    assert_eq!(makers, [(&Json::Null, &Json::Null); 2]);
}

fn identified(workspace: &Workspace<'_>) {
    let kinds =
        json!([{"kind": "customer_id"}, {"kind": "mobile", "normalise": "e164"}, {"kind": "email", "paused": true}]);
    assert_eq!(workspace.admin("PUT", "/identity", &json!({"enabled": true, "identifiers": kinds})).status, 200);
}

fn lookup(workspace: &Workspace<'_>, value: &str) -> Json {
    let answer = workspace.admin("POST", "/users/lookup", &json!({"value": value}));
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

#[test]
fn a_value_is_looked_up_under_every_kind_in_order_of_rank_and_as_an_id() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    identified(&workspace);
    let results = workspace.results(&json!([
        customer("a"),
        {"type": "customer", "attributes": {"mobile": "+15550100"}},
        {"type": "customer", "customer_id": "a", "attributes": {"mobile": "+15550100"}},
    ]));
    let id = |n: usize| results[n]["id"].as_str().unwrap().to_owned();
    let (live, member) = (id(2), if id(0) == id(2) { id(1) } else { id(0) });
    let item = |kind: &str, value: &str, active: bool, excepted: bool| json!({"kind": kind, "value": value, "active": active, "excepted": excepted, "id": null, "recorded_under": null, "former": []});
    let mut found = item("mobile", "+15550100", true, false);
    (found["id"], found["recorded_under"]) = (json!(live), json!(id(1)));
    let expected = json!({"items": [item("customer_id", "00 1 (555) 0100", true, false), found, item("email", "00 1 (555) 0100", false, false)],
        "user_id": null, "request_id": false});
    assert_eq!(lookup(&workspace, "00 1 (555) 0100"), expected);
    let guest = lookup(&workspace, "Guest");
    assert_eq!(guest["items"][0], item("customer_id", "Guest", true, true));
    let by_id = lookup(&workspace, &member);
    assert_eq!((&by_id["user_id"], &by_id["redirected_from"]), (&json!(live), &json!(member)));
    assert_eq!(lookup(&workspace, &live)["user_id"], json!(live));
    let request = workspace.import(&[], &json!([customer("a")])).json()["request_id"].as_str().unwrap().to_owned();
    assert_eq!(lookup(&workspace, &request)["request_id"], true);
    assert_eq!(lookup(&workspace, "ZZZZZZZZ")["request_id"], false);
    assert_eq!(workspace.admin("POST", "/users/lookup", &json!({})).status, 400);
}

// Fails when `former` in `lookup.rs` tells those of another kind, or the record's own place instead of its live profile.
#[test]
fn a_lookup_tells_who_held_the_value_before_the_last_to_lose_it_first() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    identified(&workspace);
    let mobile =
        |id: &str, value: &str| json!({"type": "customer", "customer_id": id, "attributes": {"mobile": value}});
    let mut ids = Vec::new();
    for (id, other) in [("a", "+15550101"), ("b", "+15550102")] {
        world.clock.step(1);
        ids.push(workspace.results(&json!([mobile(id, "+15550100")]))[0]["id"].clone());
        world.clock.step(1);
        assert_eq!(workspace.import(&[], &json!([mobile(id, other)])).status, 200);
    }
    world.clock.step(1);
    let now = workspace.results(&json!([mobile("c", "+15550100")]))[0]["id"].clone();
    let item = lookup(&workspace, "+1 555 0100")["items"][1].clone();
    let held =
        |id: &Json, at: &str| json!({"id": id, "recorded_under": id, "until": format!("2026-01-05T00:00:0{at}.000Z")});
    assert_eq!((&item["id"], &item["former"]), (&now, &json!([held(&ids[1], "4"), held(&ids[0], "2")])));
    // Merged into another, it is told under the live profile.
    let both = json!([{"type": "customer", "customer_id": "b", "attributes": {"mobile": "+15550101"}}]);
    assert_eq!(workspace.results(&both)[0]["outcome"], "merged");
    let former = lookup(&workspace, "+15550100")["items"][1]["former"].clone();
    assert_eq!([&former[0]["id"], &former[1]["id"]], [&former[0]["id"]; 2]);
    assert_eq!([&former[0]["recorded_under"], &former[1]["recorded_under"]], [&ids[1], &ids[0]]);
    assert_eq!(lookup(&workspace, "+15550101")["items"][0]["former"], json!([]));
    // Who got it back does not hold it before, but now.
    for value in ["+15550103", "+15550100"] {
        world.clock.step(1);
        assert_eq!(workspace.import(&[], &json!([mobile("c", value)])).status, 200);
    }
    let item = lookup(&workspace, "+15550100")["items"][1].clone();
    assert_eq!((&item["id"], item["former"].as_array().unwrap().len()), (&now, 2));
}

// Fails when the list is cut before it is sorted.
#[test]
fn of_many_who_held_a_value_before_the_last_to_lose_it_are_told() {
    let world = World::start();
    let workspace = world.workspace(&json!({"limits": {"users_per_minute": 0}}));
    identified(&workspace);
    let mobile = |n: usize, value: &str| json!({"type": "customer", "customer_id": format!("c{n}"), "attributes": {"mobile": value}});
    let mut last = Vec::new();
    for n in 0..25 {
        world.clock.step(1);
        let held = json!([mobile(n, "+15550100"), mobile(n, &format!("+1555020{n:02}"))]);
        last.push(workspace.results(&held)[0]["id"].clone());
    }
    let former = lookup(&workspace, "+15550100")["items"][1]["former"].clone();
    let ids: Vec<Json> = former.as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!(ids, last.into_iter().rev().take(20).collect::<Vec<_>>());
}

#[test]
fn both_sides_before_a_merge_are_told_whatever_was_written_since_and_as_they_are_after_its_revert() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    identified(&workspace);
    let results = workspace.results(&json!([
        {"type": "customer", "customer_id": "a", "attributes": {"tier": "gold"}},
        {"type": "customer", "attributes": {"mobile": "+15550100", "city": "Pune"}},
    ]));
    world.clock.step(5);
    let both = json!({"type": "customer", "customer_id": "a", "attributes": {"mobile": "+15550100", "tier": "blue", "city": "Goa"}});
    assert_eq!(workspace.results(&json!([both]))[0]["outcome"], "merged");
    let merge = get(&workspace, "/merges")["items"][0].clone();
    let before = get(&workspace, "/merges/m1/before");
    let side = |name: &str| -> Json {
        let side = &before[name];
        json!([side["id"], side["identifiers"], side["attributes"]])
    };
    let of = |id: &Json| {
        let is_first = *id == results[0]["id"];
        let (held, shown) = if is_first {
            (json!({"customer_id": "a"}), json!({"tier": "gold"}))
        } else {
            (json!({"mobile": "+15550100"}), json!({"city": "Pune"}))
        };
        json!([id, held, shown])
    };
    assert_eq!(side("survivor"), of(&merge["survivor"]), "{before}");
    assert_eq!(side("merged"), of(&merge["merged"]));
    assert_eq!(
        (&before["complete"], &before["as_of"], &before["unknown"]),
        (&json!(true), &json!("merge"), &json!([]))
    );
    assert_eq!(workspace.admin("POST", "/merges/m1/revert", &json!({})).status, 200);
    let after = get(&workspace, "/merges/m1/before");
    assert_eq!((&after["complete"], &after["as_of"]), (&json!(false), &json!("now")));
    assert_eq!(after["merged"]["id"], merge["merged"]);
    assert_eq!(workspace.admin("GET", "/merges/m9/before", &Json::Null).status, 404);
}

// Fails when `cut_since` takes the separations that are left for all of them: without `seen as u64 == all`.
#[test]
fn sides_that_lack_what_an_older_merge_had_joined_are_said_to_be_incomplete_also_when_its_separation_is_lifted() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let kinds = json!([{"kind": "customer_id"}, {"kind": "mobile"}, {"kind": "email"}]);
    assert_eq!(workspace.admin("PUT", "/identity", &json!({"enabled": true, "identifiers": kinds})).status, 200);
    let with = |name: &str, value: &str| json!({"type": "customer", "attributes": {name: value}});
    let mut outcomes = Vec::new();
    for (name, value) in [("mobile", "+15550100"), ("email", "a@example.test")] {
        let joins = json!({"type": "customer", "customer_id": "a", "attributes": {name: value}});
        let results = workspace.results(&json!([customer("a"), with(name, value), joins]));
        outcomes.push(results[2]["outcome"].clone());
    }
    assert_eq!(outcomes, ["merged", "merged"]);
    let told = || {
        let before = get(&workspace, "/merges/m2/before");
        json!([before["complete"], before["unknown"], before["as_of"]])
    };
    assert_eq!(told(), json!([true, [], "merge"]));
    let reverted = workspace.admin("POST", "/merges/m1/revert", &json!({}));
    assert_eq!(reverted.status, 200, "{}", reverted.json());
    assert_eq!(told(), json!([false, [], "merge"]));
    let separation = reverted.json()["separation_id"].as_str().unwrap().to_owned();
    assert_eq!(workspace.admin("DELETE", &format!("/separations/{separation}"), &Json::Null).status, 204);
    assert_eq!(told(), json!([false, [], "merge"]));
}

#[test]
fn figures_need_a_token_and_a_workspace() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let token = format!("Bearer {ADMIN_TOKEN}");
    for (method, path) in [
        ("GET", "rates"),
        ("GET", "faults"),
        ("GET", "keys"),
        ("GET", "requests/live"),
        ("POST", "users/lookup"),
        ("POST", "requests/find"),
        ("GET", "merges/m1/before"),
    ] {
        let body: &[u8] = if method == "POST" { br#"{"value": "x"}"# } else { b"" };
        let known = format!("/api/v1/workspaces/{}/{path}", workspace.id);
        assert_eq!(world.call(method, &known, &[], body).status, 401, "{path}");
        let unknown = format!("/api/v1/workspaces/NOBODY/{path}");
        assert_eq!(world.call(method, &unknown, &[("Authorization", &token)], body).status, 404, "{path}");
    }
}
