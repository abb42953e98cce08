//! The management API: tokens, workspaces, keys, identity, users, merges and what came of requests.

use crate::world::{ADMIN_TOKEN, READ_TOKEN, World, customer};
use serde_json::{Value as Json, json};

fn identity() -> Json {
    json!({"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "mobile"}, {"kind": "email"}]})
}

#[test]
fn a_call_needs_a_token_and_the_read_token_may_only_read() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let path = format!("/api/v1/workspaces/{}", workspace.id);
    let status = |method: &str, path: &str, token: &str, body: &str| {
        world.call(method, path, &[("Authorization", &format!("Bearer {token}"))], body.as_bytes()).status
    };
    assert_eq!(world.call("GET", &path, &[], b"").status, 401);
    assert_eq!(status("GET", &path, "wrong", ""), 401);
    assert_eq!(status("GET", &path, READ_TOKEN, ""), 200);
    assert_eq!(status("GET", &path, ADMIN_TOKEN, ""), 200);
    assert_eq!(status("POST", &format!("{path}/users/find"), READ_TOKEN, r#"{"kind":"customer_id","value":"x"}"#), 404);
    for (method, path) in [
        ("PATCH", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/keys/rotate")),
        ("PUT", format!("{path}/identity")),
        ("POST", format!("{path}/merges/m1/revert")),
        ("POST", "/api/v1/workspaces".to_owned()),
    ] {
        // Without `judge` in `manage/routes.rs` a reader changes things.
        assert_eq!(status(method, &path, READ_TOKEN, "{}"), 403, "{method} {path}");
    }
}

#[test]
fn errors_are_problems_and_say_where() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let answer = workspace.admin("PATCH", "", &json!({"future_skew": 3}));
    assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/problem+json")));
    assert_eq!(answer.json()["pointer"], "/future_skew");
    assert_eq!(world.admin("GET", "/workspaces/NOBODY", &Json::Null).status, 404);
    assert_eq!(world.admin("GET", "/nowhere", &Json::Null).header("content-type"), Some("application/problem+json"));
    let answer = world.admin("PUT", "/workspaces", &json!({}));
    assert_eq!((answer.status, answer.header("content-type")), (405, Some("application/problem+json")));
    assert!(answer.header("allow").unwrap().contains("POST"));
}

#[test]
fn workspaces_are_made_listed_page_by_page_changed_and_removed() {
    let world = World::start();
    for id in ["w1", "w2", "w3"] {
        assert_eq!(world.admin("POST", "/workspaces", &json!({"name": "N", "id": id})).status, 201);
    }
    assert_eq!(world.admin("POST", "/workspaces", &json!({"name": "N", "id": "w1"})).status, 409);
    let ids = |page: &Json| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = world.admin("GET", "/workspaces?limit=2", &Json::Null).json();
    assert_eq!((ids(&first), &first["next_cursor"]), (vec!["w1".to_owned(), "w2".to_owned()], &json!("w2")));
    let second = world.admin("GET", "/workspaces?limit=2&cursor=w2", &Json::Null).json();
    assert_eq!((ids(&second), &second["next_cursor"]), (vec!["w3".to_owned()], &json!(null)));
    assert_eq!(world.admin("DELETE", "/workspaces/w1", &json!({"confirm": "w2"})).status, 400);
    assert_eq!(world.admin("DELETE", "/workspaces/w1", &json!({"confirm": "w1"})).status, 202);
    assert_eq!(world.admin("GET", "/workspaces/w1", &Json::Null).status, 404);
}

#[test]
fn settings_change_only_if_they_are_still_those_that_were_read() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let tag = workspace.admin("GET", "", &Json::Null).header("etag").unwrap().to_owned();
    let token = format!("Bearer {ADMIN_TOKEN}");
    let patch = || {
        let headers = [("Authorization", token.as_str()), ("If-Match", tag.as_str())];
        world.call("PATCH", &format!("/api/v1/workspaces/{}", workspace.id), &headers, br#"{"lenient":true}"#).status
    };
    assert_eq!([patch(), patch()], [200, 412]);
}

#[test]
fn a_rotated_key_is_refused_at_once_or_when_its_grace_ends() {
    let world = World::start();
    let mut workspace = world.workspace(&json!(null));
    let first = workspace.key.clone();
    let rotate = |body: Json| workspace.admin("POST", "/keys/rotate", &body).json();
    let second = rotate(json!({"grace_seconds": 60}));
    assert_eq!(second["previous_valid_until"], "2026-01-05T00:01:00.000Z");
    let shown = workspace.admin("GET", "", &Json::Null).json();
    assert_eq!(shown["keys"].as_array().unwrap().len(), 2);
    assert!(!shown.to_string().contains(&first));
    let mut status = |key: &str| {
        workspace.key = key.to_owned();
        workspace.import(&[], &json!([customer("a")])).status
    };
    let second = second["data_api_key"].as_str().unwrap();
    assert_eq!([status(&first), status(second)], [200, 200]);
    world.clock.step(60);
    assert_eq!([status(&first), status(second)], [401, 200]);
}

#[test]
fn a_revoked_key_is_refused() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let fingerprint = workspace.admin("GET", "", &Json::Null).json()["keys"][0]["fingerprint"].clone();
    let revoke = || workspace.admin("POST", "/keys/revoke", &json!({"fingerprint": fingerprint})).status;
    assert_eq!([revoke(), revoke()], [204, 404]);
    assert_eq!(workspace.import(&[], &json!([customer("a")])).status, 401);
}

#[test]
fn a_merge_is_listed_previewed_reverted_once_and_its_separation_lifted() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    workspace.admin("PUT", "/identity", &identity());
    let with =
        |id: &str, name: &str, value: &str| json!({"type": "customer", "customer_id": id, "attributes": {name: value}});
    let results = workspace.results(&json!([
        with("c1", "email", "a@example.test"),
        with("c2", "mobile", "+15550100"),
        with("c1", "mobile", "+15550100"),
    ]));
    assert_eq!(results[2]["outcome"], "merged");
    let (survivor, merged) = (results[0]["id"].as_str().unwrap(), results[1]["id"].as_str().unwrap());
    let by_member = workspace.admin("GET", &format!("/users/{merged}"), &Json::Null).json();
    assert_eq!((&by_member["id"], &by_member["redirected_from"]), (&json!(survivor), &json!(merged)));
    let merge = workspace.admin("GET", "/merges", &Json::Null).json()["items"][0]["id"].as_str().unwrap().to_owned();
    let revert = |query: &str| workspace.admin("POST", &format!("/merges/{merge}/revert{query}"), &json!({}));
    let preview = revert("?dry_run=true").json();
    assert_eq!(preview["separation_id"], Json::Null);
    assert_eq!(preview["preview"]["restored"]["id"], merged);
    assert_eq!(workspace.counts()[0], 1);
    let reverted = revert("").json();
    assert_eq!((&reverted["survivor"], &reverted["restored"]), (&json!(survivor), &json!(merged)));
    assert_eq!(revert("").status, 409);
    assert_eq!(workspace.counts()[0], 2);
    assert!(workspace.find("mobile", "+15550100").is_some_and(|user| user["id"] == merged));
    let separation = reverted["separation_id"].as_str().unwrap();
    let lift = || workspace.admin("DELETE", &format!("/separations/{separation}"), &Json::Null).status;
    assert_eq!([lift(), lift()], [204, 404]);
    assert_eq!(workspace.admin("POST", "/merges/m99/revert", &json!({})).status, 404);
}

#[test]
fn a_timeline_is_read_page_by_page_newest_first() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    for n in 0..5 {
        world.clock.step(1);
        let action = json!({"action": if n % 2 == 0 { "even" } else { "odd" }, "attributes": {"n": n}});
        workspace.results(&json!([{"type": "event", "customer_id": "a", "actions": [action]}]));
    }
    let id = workspace.find("customer_id", "a").unwrap()["id"].as_str().unwrap().to_owned();
    let pages = |query: &str| {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page =
                workspace.admin("GET", &format!("/users/{id}/events?limit=2{query}{cursor}"), &Json::Null).json();
            seen.extend(
                page["items"].as_array().unwrap().iter().map(|event| event["attributes"]["n"].as_u64().unwrap()),
            );
            let Some(next) = page["next_cursor"].as_str() else { return seen };
            cursor = format!("&cursor={next}");
        }
    };
    assert_eq!(pages(""), [4, 3, 2, 1, 0]);
    assert_eq!(pages("&name=even"), [4, 2, 0]);
    assert_eq!(workspace.admin("GET", &format!("/users/{id}/events?cursor=x"), &Json::Null).status, 400);
    assert_eq!(workspace.admin("GET", &format!("/users/{id}/events?limit=0"), &Json::Null).status, 400);
}

#[test]
fn the_log_tells_what_became_of_every_element() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let answer = workspace.import(&[], &json!([customer("a"), customer("a")]));
    let id = answer.json()["request_id"].as_str().unwrap().to_owned();
    let entry = workspace.admin("GET", &format!("/requests/{id}"), &Json::Null).json();
    let outcomes: Vec<&Json> = entry["elements"].as_array().unwrap().iter().map(|e| &e["outcome"]).collect();
    assert_eq!(outcomes, ["created", "updated"]);
    let listed = |query: &str| {
        let page = workspace.admin("GET", &format!("/requests{query}"), &Json::Null).json();
        page["items"].as_array().unwrap().len()
    };
    assert_eq!([listed("?outcome=created"), listed("?outcome=rejected"), listed("?status=200")], [1, 0, 1]);
    assert_eq!(workspace.admin("GET", "/requests?outcome=lost", &Json::Null).status, 400);
    assert_eq!(workspace.admin("GET", "/requests/zzzzzzzz", &Json::Null).status, 404);
}

// Fails when `noted` gives the log no faults where it has no elements to blame, or when `Call::told` starts only after the
// body was read.
#[test]
fn the_log_keeps_why_a_request_as_a_whole_was_refused_with_its_bytes_and_where_it_came_from() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let from = ("X-Forwarded-For", "203.0.113.9");
    let logged = |headers: &[(&str, &str)], body: &[u8]| {
        let answer = workspace.post("transition", &[&[from], headers].concat(), body).json();
        let id = answer["error"]["request_id"].as_str().unwrap().to_owned();
        let entry = workspace.admin("GET", &format!("/requests/{id}"), &Json::Null).json();
        let told = ["status", "bytes", "origin_address", "fault_count"].map(|name| entry[name].clone());
        (told, entry["errors"].clone(), answer["error"]["errors"].clone())
    };
    let told = |bytes: usize| [json!(400), json!(bytes), json!("203.0.113.9"), json!(1)];
    let (entry, kept, answered) = logged(&[], b"{\"type\":\"transition\"}");
    assert_eq!((entry, kept.clone()), (told(21), answered));
    assert_eq!(kept[0]["message"], "elements is not found in the payload");
    let (entry, kept, _) = logged(&[("Idempotency-Key", "\t")], b"{}");
    assert_eq!((entry, &kept[0]["type"]), (told(2), &json!("InvalidIdempotencyKey")));
    let (entry, kept, _) = logged(&[("Content-Encoding", "gzip")], b"no gzip");
    assert_eq!((entry, &kept[0]["type"]), (told(7), &json!("Malformed JSON")));
}

// Fails when `created` sends no `Location`.
#[test]
fn what_is_created_says_where_it_is_found() {
    let world = World::start();
    let made = world.admin("POST", "/workspaces", &json!({"name": "Shop", "id": "SHOP"}));
    assert_eq!((made.status, made.header("location")), (201, Some("/api/v1/workspaces/SHOP")));
    assert_eq!(world.call("GET", "/api/v1/workspaces/SHOP", &[("Authorization", &token())], b"").status, 200);
    let made = world.admin("POST", "/tokens", &json!({"name": "ci", "scopes": ["read"]}));
    assert_eq!((made.status, made.header("location")), (201, Some("/api/v1/tokens/ci")));
}

fn token() -> String {
    format!("Bearer {}", crate::world::ADMIN_TOKEN)
}

// Fails when `Call::from_request` does not call `parameters::check`: a misspelled filter then shows everything.
#[test]
fn an_unknown_query_parameter_is_refused_with_those_that_are_known() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let detail = |method: &str, path: &str| {
        let answer = workspace.admin(method, path, &Json::Null);
        (answer.status, answer.json()["detail"].as_str().unwrap_or_default().to_owned())
    };
    let takes = "unknown query parameter; this call accepts state, limit, cursor".to_owned();
    assert_eq!(detail("GET", "/reviews?stat=open"), (400, takes.clone()));
    assert_eq!(detail("GET", "/reviews?state=open&x"), (400, takes));
    assert_eq!(detail("GET", "/stats?limit=1"), (400, "this call accepts no query parameters".to_owned()));
    assert_eq!(detail("GET", "/reviews?state=open&limit=1").0, 200);
    // The Data API ignores what it does not know (clients.md 4.10).
    let body = json!({"type": "customer", "customer_id": "a"}).to_string();
    assert_eq!(workspace.post("customer?anything=1", &[], body.as_bytes()).status, 200);
}

// Fails when `find` answers an unknown kind like an unknown value.
#[test]
fn a_user_is_looked_for_by_an_identifier_of_the_workspace_or_not_at_all() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let kinds = json!({"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "loyalty_no"}]});
    assert_eq!(workspace.admin("PUT", "/identity", &kinds).status, 200);
    let find = |kind: &str| workspace.admin("POST", "/users/find", &json!({"kind": kind, "value": "nobody"}));
    assert_eq!([find("uid").status, find("loyalty_no").status], [404, 404]);
    let refused = find("mobile");
    let detail = "is not an identifier kind of this workspace; its kinds are: customer_id, loyalty_no";
    assert_eq!((refused.status, &refused.json()["detail"]), (400, &json!(detail)));
    assert_eq!(refused.json()["pointer"], "/kind");
}
