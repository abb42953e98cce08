//! Scopes that mean what they say: who may lift a mask, set limits, and give a key its rights; tokens that end, and that
//! come from some addresses alone.

use crate::world::{Workspace, World};
use serde_json::{Value as Json, json};

fn make(world: &World, body: &Json) -> String {
    let made = world.admin("POST", "/tokens", body);
    assert_eq!(made.status, 201, "{}", made.json());
    made.json()["token"].as_str().unwrap().to_owned()
}

fn call(world: &World, token: &str, (method, path): (&str, &str), body: &Json) -> (u16, String) {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = world.connect().call(method, path, &headers, &bytes);
    (answer.status, answer.json()["detail"].as_str().unwrap_or_default().to_owned())
}

fn path(workspace: &Workspace) -> String {
    format!("/api/v1/workspaces/{}", workspace.id)
}

fn missing_scope(scope: &str) -> (u16, String) {
    (403, format!("this token lacks the scope {scope}"))
}

// Fails when one of the three parts of `may_change` in `manage/workspaces.rs` is left out.
#[test]
fn each_setting_needs_the_scope_of_what_it_opens() {
    let world = World::start();
    let workspace = world.workspace(&json!({"mask_personal_data": true}));
    let token = |name: &str, scopes: Json| make(&world, &json!({"name": name, "scopes": scopes}));
    let patch = |token: &str, body: Json| call(&world, token, ("PATCH", &path(&workspace)), &body);
    let operates = token("o", json!(["read", "operate"]));
    let limits = token("l", json!(["limits"]));
    assert_eq!(patch(&operates, json!({"mask_personal_data": false})), missing_scope("personal"));
    for body in [
        json!({"suspended": true}),
        json!({"allowed_addresses": ["203.0.113.1/32"]}),
        json!({"limits": {"users_per_minute": 7}}),
        json!({"limits": {"body_bytes": 200_000}}),
    ] {
        assert_eq!(patch(&operates, body.clone()), missing_scope("limits"), "{body}");
        assert_eq!(patch(&limits, body.clone()).0, 200, "{body}");
        // What is sent as it is changes nothing, as the form of the console does.
        assert_eq!(patch(&operates, body.clone()).0, 200, "{body}");
    }
    assert_eq!(patch(&limits, json!({"lenient": true})), missing_scope("operate"));
    assert_eq!(patch(&token("r", json!(["read", "personal"])), json!({"lenient": true})), missing_scope("operate"));
    let personal = token("p", json!(["operate", "personal"]));
    assert_eq!(patch(&personal, json!({"mask_personal_data": false})).0, 200);
    assert_eq!(patch(&operates, json!({"mask_personal_data": true})).0, 200, "to mask needs no more than operate");
}

// Fails when `rotate` does not ask `may_give`, or asks it only of scopes that are named.
#[test]
fn a_key_may_no_more_than_the_token_that_makes_it() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let token = |name: &str, scopes: Json| make(&world, &json!({"name": name, "scopes": scopes}));
    let rotate_path = format!("{}/keys/rotate", path(&workspace));
    let rotate = |token: &str, body: Json| call(&world, token, ("POST", &rotate_path), &body);
    let operates = token("o", json!(["read", "operate"]));
    for body in [json!({}), json!({"scopes": ["import", "erase"]})] {
        let (status, detail) = rotate(&operates, body);
        assert!(status == 403 && detail.contains("needs a token with the scope erase"), "{status} {detail}");
    }
    assert_eq!(rotate(&operates, json!({"scopes": ["import", "read"]})).0, 200);
    assert_eq!(rotate(&operates, json!({})).0, 200, "the key before it may no more");
    assert_eq!(rotate(&token("w", json!(["operate"])), json!({"scopes": ["read"]})).0, 403);
    assert_eq!(rotate(&token("e", json!(["operate", "erase"])), json!({"scopes": ["import", "erase"]})).0, 200);
    assert_eq!(rotate(&token("a", json!(["admin"])), json!({"scopes": ["import", "read", "erase"]})).0, 200);
}

// Fails when `create` does not store when a token ends, or from where it may come, or `authorise` gives no address.
#[test]
fn a_token_ends_and_comes_from_its_addresses_alone() {
    let world = World::start();
    let body = json!({"name": "short", "scopes": ["read"], "expires_in": 60, "allowed_addresses": ["127.0.0.0/8"]});
    let near = make(&world, &body);
    let far = make(&world, &json!({"name": "far", "scopes": ["read"], "allowed_addresses": ["203.0.113.0/24"]}));
    let status = |token: &str| call(&world, token, ("GET", "/api/v1/workspaces"), &Json::Null).0;
    assert_eq!((status(&near), status(&far)), (200, 401));
    let listed = world.admin("GET", "/tokens", &Json::Null).json();
    assert_eq!(listed["items"][1]["expires_at"], "2026-01-05T00:01:00.000Z");
    assert_eq!(listed["items"][1]["allowed_addresses"], json!(["127.0.0.0/8"]));
    world.clock.step(60);
    assert_eq!(status(&near), 401);
}
