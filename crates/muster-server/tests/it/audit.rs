//! The audit log through the socket: which calls are recorded, with what, and who reads it.

use crate::world::{ADMIN_TOKEN, World, customer};
use serde_json::{Value as Json, json};

/// The log as the admin reads it, oldest first, without times and tokens: action, subject, detail.
fn records(world: &World, query: &str) -> Vec<(String, String, Json)> {
    let page = world.admin("GET", &format!("/audit{query}"), &Json::Null).json();
    let text = |item: &Json, name: &str| item[name].as_str().unwrap().to_owned();
    let one = |item: &Json| (text(item, "action"), text(item, "subject"), item["detail"].clone());
    page["items"].as_array().unwrap().iter().rev().map(one).collect()
}

fn entry(action: &str, subject: &str, detail: Json) -> (String, String, Json) {
    (action.to_owned(), subject.to_owned(), detail)
}

// Fails when a handler forgets `call.audit`.
#[test]
fn settings_keys_tokens_and_workspaces_are_recorded_with_what_changed() {
    let world = World::start();
    assert_eq!(world.admin("POST", "/workspaces", &json!({"name": "Shop", "id": "SHOP"})).status, 201);
    let shop = |method: &str, path: &str, body: Json| {
        let answer = world.admin(method, &format!("/workspaces/SHOP{path}"), &body);
        assert!(answer.status < 300, "{method} {path}: {}", answer.json());
        answer
    };
    shop("PATCH", "", json!({"lenient": true, "name": "Shop"}));
    shop("PATCH", "", json!({"lenient": true}));
    let identity = json!({"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "email", "exceptions": ["shared@example.test"]}]});
    shop("PUT", "/identity", identity);
    shop("POST", "/keys/rotate", json!({"grace_seconds": 60, "scopes": ["import"]}));
    let keys = shop("GET", "", Json::Null).json()["keys"].clone();
    let [old, new] = [0, 1].map(|n| keys[n]["fingerprint"].as_str().unwrap().to_owned());
    shop("POST", "/keys/revoke", json!({"fingerprint": old}));
    world.admin("POST", "/tokens", &json!({"name": "ci", "scopes": ["read"], "workspace": "SHOP"}));
    world.admin("DELETE", "/tokens/ci", &Json::Null);
    shop("DELETE", "", json!({"confirm": "SHOP"}));
    // Nothing was changed by these.
    world.admin("DELETE", "/tokens/ci", &Json::Null);
    world.admin("POST", "/workspaces", &json!({"name": ""}));
    let mut log = records(&world, "?workspace=SHOP");
    let identity = log.remove(2);
    let expected = vec![
        entry("workspace.created", "SHOP", json!({"name": "Shop"})),
        entry("settings.changed", "SHOP", json!({"lenient": {"from": false, "to": true}})),
        entry("key.rotated", &new, json!({"scopes": ["import"], "grace_seconds": 60})),
        entry("key.revoked", &old, json!({})),
        entry("token.created", "ci", json!({"scopes": ["read"]})),
        entry("token.revoked", "ci", json!({})),
        entry("workspace.removed", "SHOP", json!({})),
    ];
    assert_eq!(log, expected);
    assert_eq!((&*identity.0, &identity.2["enabled"]), ("identity.changed", &json!({"from": false, "to": true})));
    assert!(!identity.2.to_string().contains("example.test"), "{}", identity.2);
    assert_eq!(records(&world, "").len(), 8);
}

#[test]
fn a_record_names_token_time_and_address() {
    let world = World::with(|options| options.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()], |_| {});
    world.clock.step(3);
    let token = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("Authorization", token.as_str()), ("X-Forwarded-For", "203.0.113.9")];
    assert_eq!(world.call("POST", "/api/v1/workspaces", &headers, br#"{"name": "Shop", "id": "SHOP"}"#).status, 201);
    let page = world.admin("GET", "/audit", &Json::Null).json();
    let record = json!({
        "at": "2026-01-05T00:00:03.000Z", "token": "admin", "address": "203.0.113.9", "workspace": "SHOP",
        "action": "workspace.created", "subject": "SHOP", "detail": {"name": "Shop"},
    });
    assert_eq!(page, json!({"items": [record], "next_cursor": null}));
}

// Fails when a dry run is recorded, or a call of the second half is not.
#[test]
fn reverts_separations_reviews_and_the_quarantine_are_recorded_and_dry_runs_are_not() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let pinned = json!({"enabled": true, "identifiers": [
        {"kind": "customer_id"}, {"kind": "mobile", "pinned": true}, {"kind": "email"}]});
    workspace.admin("PUT", "/identity", &pinned);
    let person =
        |id: &str, name: &str, value: &str| json!({"type": "customer", "customer_id": id, "attributes": {name: value}});
    let bad = json!({"type": "device", "customer_id": "nobody", "attributes": {"platform": "iOS", "push_id": "p"}});
    workspace.results(&json!([
        person("a", "email", "a@example.test"),
        {"type": "customer", "attributes": {"mobile": "+15550100"}},
        {"type": "customer", "attributes": {"mobile": "+15550100", "email": "a@example.test"}},
        person("a", "mobile", "+15550199"),
        bad, bad, bad,
    ]));
    let first = |path: &str| {
        let page = workspace.admin("GET", path, &Json::Null).json();
        page["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{path}: {page}")).to_owned()
    };
    let (merge, review, rejected) = (first("/merges"), first("/reviews"), first("/quarantine"));
    let begun = records(&world, "").len();
    let post = |path: &str, body: Json| {
        let answer = workspace.admin("POST", path, &body);
        assert!(answer.status < 300, "{path}: {}", answer.json());
        answer.json()
    };
    post(&format!("/merges/{merge}/revert?dry_run=true"), json!({}));
    post(&format!("/reviews/{review}?dry_run=true"), json!({"decision": "dismiss"}));
    assert_eq!(records(&world, "").len(), begun);
    let reverted = post(&format!("/merges/{merge}/revert"), json!({}));
    let separation = reverted["separation_id"].as_str().unwrap().to_owned();
    assert_eq!(workspace.admin("DELETE", &format!("/separations/{separation}"), &Json::Null).status, 204);
    post(&format!("/reviews/{review}"), json!({"decision": "dismiss"}));
    let replayed = post(&format!("/quarantine/{rejected}/replay"), json!({"element": customer("c")}));
    let second =
        workspace.admin("GET", "/quarantine", &Json::Null).json()["items"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(workspace.admin("DELETE", &format!("/quarantine/{second}"), &Json::Null).status, 204);
    let restore = format!("/quarantine/{second}/restore");
    assert_eq!([204, 409], [(); 2].map(|()| workspace.admin("POST", &restore, &json!({})).status));
    let job = post("/quarantine/replay", json!({"ids": []}))["job_id"].as_str().unwrap().to_owned();
    let expected = vec![
        entry("merge.reverted", &merge, reverted),
        entry("separation.lifted", &separation, json!({})),
        entry("review.decided", &review, json!({"decision": "dismiss", "merge_id": null, "separation_id": null})),
        entry(
            "quarantine.replayed",
            &rejected,
            json!({"request_id": replayed["request_id"], "applied": true, "corrected": true}),
        ),
        entry("quarantine.discarded", &second, json!({})),
        entry("quarantine.restored", &second, json!({})),
        entry("quarantine.replay_started", &job, json!({"entries": 0, "type": null, "since": null, "ids": 0})),
    ];
    assert_eq!(records(&world, "")[begun..], expected);
}

#[test]
fn the_log_is_read_page_by_page_and_of_all_workspaces_by_admin_alone() {
    let world = World::start();
    for id in ["w1", "w2", "w3"] {
        world.admin("POST", "/workspaces", &json!({"name": "N", "id": id}));
    }
    let first = world.admin("GET", "/audit?limit=2", &Json::Null).json();
    let subjects =
        |page: &Json| page["items"].as_array().unwrap().iter().map(|item| item["subject"].clone()).collect::<Vec<_>>();
    assert_eq!(subjects(&first), ["w3", "w2"]);
    let next = first["next_cursor"].as_str().unwrap();
    let second = world.admin("GET", &format!("/audit?limit=2&cursor={next}"), &Json::Null).json();
    assert_eq!((subjects(&second), &second["next_cursor"]), (vec![json!("w1")], &Json::Null));
    assert_eq!(world.admin("GET", "/audit?cursor=x", &Json::Null).status, 400);
    let made = world.admin("POST", "/tokens", &json!({"name": "ops", "scopes": ["operate"]})).json();
    let token = format!("Bearer {}", made["token"].as_str().unwrap());
    let get = |path: &str| world.call("GET", path, &[("Authorization", &token)], b"");
    assert_eq!(get("/api/v1/audit").json()["detail"], "this token lacks the scope admin");
    assert_eq!(subjects(&get("/api/v1/audit?workspace=w2").json()), ["w2"]);
    assert_eq!(get("/api/v1/audit?workspace=w9").status, 404);
}

// Fails when `list` does not ask when the workspace was made.
#[test]
fn who_sees_one_workspace_does_not_see_what_was_done_in_an_earlier_one_of_its_id() {
    let world = World::start();
    let make = || assert_eq!(world.admin("POST", "/workspaces", &json!({"name": "N", "id": "SHOP"})).status, 201);
    make();
    world.clock.step(1);
    assert_eq!(world.admin("DELETE", "/workspaces/SHOP", &json!({"confirm": "SHOP"})).status, 202);
    world.clock.step(1);
    make();
    let made =
        world.admin("POST", "/tokens", &json!({"name": "own", "scopes": ["operate"], "workspace": "SHOP"})).json();
    let token = format!("Bearer {}", made["token"].as_str().unwrap());
    let page = world.call("GET", "/api/v1/audit?limit=3", &[("Authorization", &token)], b"").json();
    let actions: Vec<&Json> = page["items"].as_array().unwrap().iter().map(|item| &item["action"]).collect();
    assert_eq!(
        (actions, &page["next_cursor"]),
        (vec![&json!("token.created"), &json!("workspace.created")], &Json::Null)
    );
    assert_eq!(records(&world, "?workspace=SHOP").len(), 4);
}

// Fails when `signed_in` records a refusal each time, or `session` what was typed.
#[test]
fn signing_in_and_out_is_recorded_and_a_refusal_once_a_minute_with_nothing_that_was_typed() {
    let world = World::start();
    let post = |path: &str, cookie: &str, body: &str| {
        let headers = [("Sec-Fetch-Site", "same-origin"), ("Cookie", cookie)];
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let headers: Vec<_> = headers.into_iter().chain([kind]).collect();
        world.call("POST", path, &headers, body.as_bytes())
    };
    for seconds in [0, 30, 30] {
        world.clock.step(seconds);
        assert_eq!(post("/sign-in", "", "token=guessed").status, 401);
    }
    let answer = post("/sign-in", "", &format!("token={ADMIN_TOKEN}"));
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(post("/sign-out", &cookie, "").status, 303);
    let page = world.admin("GET", "/audit", &Json::Null).json();
    let record = |second: &str, name: &str, action: &str| {
        json!({"at": format!("2026-01-05T00:0{second}.000Z"), "token": name, "address": "127.0.0.1", "workspace": null,
            "action": action, "subject": name, "detail": {}})
    };
    let expected = [
        record("1:00", "admin", "session.ended"),
        record("1:00", "admin", "session.begun"),
        record("1:00", "", "session.refused"),
        record("0:00", "", "session.refused"),
    ];
    assert_eq!(page["items"], json!(expected));
}
