//! Named tokens through the socket: created, shown once, listed, revoked; what each scope allows, and which workspaces each
//! token sees.

use crate::world::{READ_TOKEN, Workspace, World, customer};
use crate::{mask, wire::Answer};
use serde_json::{Value as Json, json};

/// A call with this token.
fn with(world: &World, token: &str, (method, path): (&str, &str), body: &Json) -> Answer {
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    world.call(method, path, &[("Authorization", &format!("Bearer {token}"))], &bytes)
}

pub(crate) fn make(world: &World, body: &Json) -> String {
    let made = world.admin("POST", "/tokens", body);
    assert_eq!(made.status, 201, "{}", made.json());
    made.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_token_is_made_shown_once_listed_and_revoked() {
    let world = World::start();
    let wanted = json!({"name": "ci", "scopes": ["operate", "read"]});
    let made = world.admin("POST", "/tokens", &wanted);
    assert_eq!(made.status, 201);
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(made.json(), json!({"name": "ci", "token": token}));
    assert!(token.len() >= 43);
    assert_eq!(world.admin("POST", "/tokens", &wanted).status, 409);
    world.clock.step(5);
    assert_eq!(with(&world, &token, ("GET", "/api/v1/workspaces"), &Json::Null).status, 200);
    let shown = |last_used_at: Json| {
        json!({"name": "ci", "scopes": ["read", "operate"], "workspace": null,
               "created_at": "2026-01-05T00:00:00.000Z", "expires_at": null, "allowed_addresses": [],
               "last_used_at": last_used_at})
    };
    let used = shown(json!("2026-01-05T00:00:05.000Z"));
    let listed = |query: &str| world.admin("GET", &format!("/tokens{query}"), &Json::Null).json();
    assert_eq!(listed(""), json!({"items": [used], "next_cursor": null}));
    make(&world, &json!({"name": "b", "scopes": ["read"]}));
    let names =
        |page: &Json| page["items"].as_array().unwrap().iter().map(|item| item["name"].clone()).collect::<Vec<_>>();
    let first = listed("?limit=1");
    assert_eq!((names(&first), &first["next_cursor"]), (vec![json!("b")], &json!("b")));
    assert_eq!(names(&listed("?limit=1&cursor=b")), ["ci"]);
    let revoke = || world.admin("DELETE", "/tokens/ci", &Json::Null).status;
    assert_eq!([revoke(), revoke()], [204, 404]);
}

#[test]
fn what_is_wrong_with_a_token_that_is_asked_for_is_said() {
    let world = World::start();
    let refused = |body: Json| {
        let answer = world.admin("POST", "/tokens", &body);
        (answer.status, answer.json()["pointer"].clone())
    };
    assert_eq!(refused(json!({"name": "a", "scopes": ["rule"]})), (400, json!("/scopes/0")));
    assert_eq!(refused(json!({"name": "a", "scopes": ["read"], "workspace": "NOBODY"})), (400, json!("/workspace")));
    for name in ["admin", "read"] {
        assert_eq!(refused(json!({"name": name, "scopes": ["read"]})), (409, Json::Null));
        assert_eq!(world.admin("DELETE", &format!("/tokens/{name}"), &Json::Null).status, 404);
    }
}

// Fails when `revoke` leaves out `callers.remove`, or `remove` in `workspaces.rs` does.
#[test]
fn a_revoked_token_is_refused_at_once_and_one_that_is_bound_goes_with_its_workspace() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let free = make(&world, &json!({"name": "free", "scopes": ["read"]}));
    let bound = make(&world, &json!({"name": "bound", "scopes": ["admin"], "workspace": workspace.id}));
    let status = |token: &str| with(&world, token, ("GET", "/api/v1/workspaces"), &Json::Null).status;
    assert_eq!([status(&free), status(&bound)], [200, 200]);
    assert_eq!(world.admin("DELETE", "/tokens/free", &Json::Null).status, 204);
    assert_eq!([status(&free), status(&bound)], [401, 200]);
    assert_eq!(workspace.admin("DELETE", "", &json!({"confirm": workspace.id})).status, 202);
    assert_eq!([status(&free), status(&bound)], [401, 401]);
    assert_eq!(world.admin("GET", "/tokens", &Json::Null).json()["items"], json!([]));
    let again = world.admin("POST", "/workspaces", &json!({"name": "Again", "id": workspace.id}));
    assert_eq!((again.status, status(&bound)), (201, 401));
}

#[test]
fn a_call_that_needs_another_scope_is_refused_with_its_name() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let path = format!("/api/v1/workspaces/{}", workspace.id);
    let reads = make(&world, &json!({"name": "r", "scopes": ["read", "personal", "erase"]}));
    let operates = make(&world, &json!({"name": "o", "scopes": ["operate"]}));
    let told = |token: &str, (method, path): (&str, &str), body: Json| {
        let answer = with(&world, token, (method, path), &body);
        (answer.status, answer.json()["detail"].as_str().unwrap_or_default().to_owned())
    };
    let lacks = |scope: &str| (403, format!("this token lacks the scope {scope}"));
    assert_eq!(told(&reads, ("PATCH", &path), json!({"lenient": true})), lacks("operate"));
    assert_eq!(told(&operates, ("PATCH", &path), json!({"lenient": true})).0, 200);
    assert_eq!(told(&operates, ("GET", &path), Json::Null), lacks("read"));
    assert_eq!(told(&operates, ("DELETE", &path), json!({"confirm": workspace.id})), lacks("admin"));
    assert_eq!(told(&operates, ("POST", "/api/v1/tokens"), json!({"name": "x", "scopes": ["admin"]})), lacks("admin"));
}

// Fails when `masks` in `manage/context.rs` looks at the name of the token, or `personal` is not asked for.
#[test]
fn who_has_the_scope_personal_sees_what_a_workspace_masks() {
    let world = World::start();
    let workspace = world.workspace(&json!({"mask_personal_data": true}));
    workspace.results(&json!([customer("a")]));
    let id = workspace.find("customer_id", "a").unwrap()["id"].as_str().unwrap().to_owned();
    let shown = |scopes: Json| {
        let token = make(&world, &json!({"name": format!("t{}", scopes.as_array().unwrap().len()), "scopes": scopes}));
        let path = format!("/api/v1/workspaces/{}/users/{id}", workspace.id);
        with(&world, &token, ("GET", &path), &Json::Null).json()["identifiers"]["customer_id"].clone()
    };
    assert_eq!([shown(json!(["read"])), shown(json!(["read", "personal"]))], [json!("***"), json!("a")]);
}

/// A body with which the call would change something, were it let in.
fn body(method: &str, template: &str, workspace: &Workspace<'_>) -> Json {
    let last = template.rsplit('/').next().unwrap();
    match (method, last) {
        ("PATCH", _) => json!({"lenient": true, "name": "Changed"}),
        ("DELETE", "{workspace_id}") => json!({"confirm": workspace.id}),
        ("POST", "revoke") => {
            let shown = workspace.admin("GET", "", &Json::Null).json();
            json!({"fingerprint": shown["keys"][0]["fingerprint"]})
        }
        ("PUT" | "POST", "identity" | "preview") => json!({"enabled": false, "identifiers": [{"kind": "customer_id"}]}),
        ("POST", "find") if template.ends_with("/requests/find") => json!({"origin_address": "203.0.113.7"}),
        ("POST", "find") => json!({"kind": "customer_id", "value": "planted-a"}),
        ("POST", "{review_id}") => json!({"decision": "dismiss"}),
        ("POST", "merges") => {
            let ids = ["s1", "s3"].map(|id| workspace.find("customer_id", id).map(|user| user["id"].clone()));
            json!({"survivor": ids[0], "merged": ids[1]})
        }
        ("POST", "workspaces") => json!({"name": "New"}),
        ("POST", "tokens") => json!({"name": "new", "scopes": ["admin"]}),
        ("GET", _) => Json::Null,
        _ => json!({}),
    }
}

/// Every call of the management API with the ids of a workspace's data, and a body that would do something.
pub(crate) fn calls(
    workspace: &Workspace<'_>,
    fixtures: &[(&str, String)],
) -> Vec<(&'static str, &'static str, String, Json)> {
    let of_management =
        muster_server::router::call_paths().into_iter().filter(|(_, template)| template.starts_with("/api/"));
    let filled = of_management.map(|(method, template)| {
        let mut path = template.to_owned();
        for (name, value) in fixtures {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(!path.contains('{'), "{template} has a part that the fixtures do not know");
        (method, template, path, body(method, template, workspace))
    });
    filled.collect()
}

/// A workspace with data of every kind, a separation among it, and a named token.
pub(crate) fn fixtures(workspace: &Workspace<'_>) -> Vec<(&'static str, String)> {
    let mut fixtures = mask::fixtures(workspace);
    fixtures.retain(|(name, _)| *name != "name");
    let with = |id: &str, value: &str| json!({"type": "customer", "customer_id": id, "attributes": {"email": value}});
    workspace.results(&json!([with("s1", "s1@example.test"), with("s2", "s2@example.test")]));
    workspace.results(&json!([
        {"type": "customer", "attributes": {"mobile": "+1555999", "email": "s1@example.test"}},
        {"type": "customer", "customer_id": "s3", "attributes": {"email": "s3@example.test"}},
        {"type": "customer", "attributes": {"customer_id": "s3", "email": "s1@example.test"}},
    ]));
    let merges = workspace.admin("GET", "/merges", &Json::Null).json();
    let newest = merges["items"][0]["id"].as_str().unwrap().to_owned();
    let reverted = workspace.admin("POST", &format!("/merges/{newest}/revert"), &json!({}));
    assert_eq!(reverted.status, 200, "{}", reverted.json());
    fixtures.push(("separation_id", reverted.json()["separation_id"].as_str().unwrap().to_owned()));
    make(workspace.world, &json!({"name": "kept", "scopes": ["read"]}));
    fixtures.push(("name", "kept".to_owned()));
    fixtures
}

/// Everything that the admin sees by GET: what a write would show in.
pub(crate) fn seen(world: &World, calls: &[(&str, &str, String, Json)]) -> Vec<(String, Vec<u8>)> {
    let gets = calls.iter().filter(|(method, ..)| *method == "GET");
    gets.map(|(_, _, path, _)| (path.clone(), world.admin("GET", &path["/api/v1".len()..], &Json::Null).body)).collect()
}

/// Whether a call writes, as the contract says it and not as the server's table does.
fn is_writing(method: &str, template: &str) -> bool {
    let searches = ["/users/find", "/users/lookup", "/requests/find", "/identity/preview"];
    method != "GET" && !searches.iter().any(|end| template.ends_with(end))
}

// Fails when `judge` in `manage/routes.rs` answers Ok, or a writing row of its table has the scope `read`.
#[test]
fn every_writing_call_is_refused_to_a_token_that_may_only_read_and_nothing_is_written() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let fixtures = fixtures(&workspace);
    let named = make(&world, &json!({"name": "named", "scopes": ["read", "personal"]}));
    let calls = calls(&workspace, &fixtures);
    let before = seen(&world, &calls);
    let mut writing = 0;
    for token in [READ_TOKEN, &named] {
        for (method, template, path, body) in &calls {
            let answer = with(&world, token, (method, path), body);
            let of_all = ["/api/v1/tokens", "/api/v1/orphans", "/api/v1/requests/refused", "/api/v1/audit"];
            let for_others = of_all.iter().any(|of| template.starts_with(of));
            if is_writing(method, template) || for_others {
                writing += usize::from(is_writing(method, template));
                assert_eq!(answer.status, 403, "{method} {template}");
            } else {
                assert!([200, 400, 404].contains(&answer.status), "{method} {template}: {}", answer.status);
            }
        }
    }
    assert_eq!(writing, 2 * 19);
    // The token was used meanwhile, which the list of tokens shows; the clock is stopped, so all else is the same.
    let without_tokens = |seen: Vec<(String, Vec<u8>)>| {
        seen.into_iter().filter(|(path, _)| path != "/api/v1/tokens").collect::<Vec<_>>()
    };
    assert_eq!(without_tokens(seen(&world, &calls)), without_tokens(before));
}

// Fails when neither `judge` nor `Call::entry` asks `sees`, or `list` in `workspaces.rs` shows all.
#[test]
fn a_token_of_another_workspace_finds_nothing_of_this_one_and_learns_not_even_that_it_is_there() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let fixtures = fixtures(&workspace);
    assert_eq!(world.admin("POST", "/workspaces", &json!({"name": "Other", "id": "OTHER"})).status, 201);
    let token = make(&world, &json!({"name": "other", "scopes": ["admin"], "workspace": "OTHER"}));
    let calls = calls(&workspace, &fixtures);
    let before = seen(&world, &calls);
    let nobody = format!("/api/v1/workspaces/{}", "N".repeat(workspace.id.len()));
    let (mut of_it, here) = (0, format!("/api/v1/workspaces/{}", workspace.id));
    for (method, template, path, body) in &calls {
        let answer = with(&world, &token, (method, path), body);
        if path.starts_with(&here) {
            of_it += 1;
            let of_none = with(&world, &token, (method, &path.replace(&here, &nobody)), body);
            assert_eq!((answer.status, &answer.body), (404, &of_none.body), "{method} {template}");
        } else if !matches!((*method, *template), ("GET", "/api/v1/workspaces" | "/api/v1/audit")) {
            assert_eq!(answer.status, 403, "{method} {template}");
        }
    }
    assert_eq!(of_it, 40);
    assert_eq!(seen(&world, &calls).len(), before.len());
    let without_uses = |seen: Vec<(String, Vec<u8>)>| {
        seen.into_iter().filter(|(path, _)| path != "/api/v1/tokens").collect::<Vec<_>>()
    };
    assert_eq!(without_uses(seen(&world, &calls)), without_uses(before));
    let get = |path: &str| with(&world, &token, ("GET", path), &Json::Null);
    let listed = get("/api/v1/workspaces").json();
    assert_eq!(listed["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect::<Vec<_>>(), ["OTHER"]);
    assert_eq!(get(&format!("/api/v1/audit?workspace={}", workspace.id)).status, 404);
    let own = get("/api/v1/audit").json();
    let actions: Vec<&Json> = own["items"].as_array().unwrap().iter().map(|item| &item["action"]).collect();
    assert_eq!(actions, ["token.created", "workspace.created"]);
    assert_eq!(get("/api/v1/workspaces/OTHER").status, 200);
}
