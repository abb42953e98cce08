//! `mask_personal_data`: who may not see personal data sees structure and names alone, on every reading route.

use crate::world::{ADMIN_TOKEN, READ_TOKEN, Workspace, World, customer};
use serde_json::{Value as Json, json};

/// In every value that is planted, and in nothing that Muster makes.
const PLANTED: &str = "planted";
const ORIGIN: &str = "203.0.113.77";

/// Data of every kind that reading routes show; the ids that paths need.
pub(crate) fn fixtures(workspace: &Workspace<'_>) -> Vec<(&'static str, String)> {
    let identity =
        json!({"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "mobile"}, {"kind": "email"}]});
    assert_eq!(workspace.admin("PUT", "/identity", &identity).status, 200);
    let person = |id: &str, more: Json| {
        let mut element = json!({"type": "customer", "customer_id": format!("{PLANTED}-{id}"), "attributes": more});
        element["attributes"]["note"] = json!({"deep": [format!("{PLANTED} note"), 4_711_001]});
        element
    };
    let action = json!({"action": "bought", "event_id": "planted-event", "attributes": {"what": "planted thing", "status": "planted"}});
    let bad = json!({"action": "bought", "user_time": "2099-01-01T00:00:00Z", "attributes": {"what": "planted later"}});
    let elements = json!([
        person("a", json!({"mobile": "+1555planted1", "first_name": "planted name"})),
        person("b", json!({"email": "planted-b@example.test"})),
        // Joins both, then replaces a value: an alias and a former identifier.
        {"type": "customer", "attributes": {"mobile": "+1555planted1", "email": "planted-b@example.test"}},
        person("a", json!({"mobile": "+1555planted2"})),
        {"type": "event", "customer_id": "planted-a", "actions": [action, bad]},
        {"type": "device", "customer_id": "planted-a", "attributes": {"platform": "iOS", "push_id": "planted-push", "device_id": "planted-device", "model": "planted model", "idfv": "planted-idfv"}},
        {"type": "device", "customer_id": "planted-nobody", "attributes": {"platform": "iOS", "push_id": "planted-lost"}},
    ]);
    let answer = workspace.import(&[("X-Forwarded-For", ORIGIN), ("Prefer", "return=representation")], &elements);
    assert_eq!(answer.status, 200, "{}", answer.json());
    let mut pinned = identity;
    pinned["identifiers"][1]["pinned"] = json!(true);
    assert_eq!(workspace.admin("PUT", "/identity", &pinned).status, 200);
    assert_eq!(workspace.import(&[], &json!([person("a", json!({"mobile": "+1555planted3"}))])).status, 200);
    let text = |json: &Json| json.as_str().unwrap_or_else(|| panic!("no id in {}", answer.json())).to_owned();
    let listed = |path: &str| workspace.admin("GET", path, &Json::Null).json()["items"].clone();
    vec![
        ("workspace_id", workspace.id.clone()),
        ("user_id", workspace.find("customer_id", "planted-a").unwrap()["id"].as_str().unwrap().to_owned()),
        ("request_id", text(&answer.json()["request_id"])),
        ("entry_id", text(&listed("/quarantine")[0]["id"])),
        ("merge_id", text(&listed("/merges")[0]["id"])),
        ("review_id", text(&listed("/reviews")[0]["id"])),
        ("job_id", "1".to_owned()),
        ("name", "nobody".to_owned()),
    ]
}

pub(crate) fn is_told(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    [PLANTED, ORIGIN, "4711001"].iter().any(|value| text.contains(value))
}

// Fails when `masks` in `manage/context.rs` answers false, or when the `Mask` of a document leaves out a received
// value. A route with a part that is not among the fixtures fails it, too: plant something for it.
#[test]
fn no_reading_route_tells_a_personal_value_to_a_token_without_that_right() {
    let world = World::start();
    let workspace = world.workspace(&json!({"mask_personal_data": true}));
    let fixtures = fixtures(&workspace);
    let (mut masked, mut told) = (0, Vec::new());
    for (method, template) in muster_server::router::call_paths() {
        if method != "GET" || !template.starts_with("/api/") {
            continue;
        }
        let mut path = template.to_owned();
        for (name, value) in &fixtures {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(!path.contains('{'), "{template} has a part that the fixtures do not know");
        let answer = world.reader(&path);
        assert!(!is_told(&answer.body), "{template}: {}", String::from_utf8_lossy(&answer.body));
        masked += usize::from(String::from_utf8_lossy(&answer.body).contains("***"));
        let admin = world.call("GET", &path, &[("Authorization", &format!("Bearer {ADMIN_TOKEN}"))], b"");
        told.extend(is_told(&admin.body).then_some(template));
    }
    let expected = [
        "users/{user_id}",
        "events",
        "requests",
        "requests/{request_id}",
        "quarantine",
        "quarantine/{entry_id}",
        "merges",
        "merges/{merge_id}",
        "history",
        "reviews",
        "reviews/{review_id}",
    ];
    for route in expected {
        assert!(told.iter().any(|template| template.ends_with(route)), "nothing is planted for {route}: {told:?}");
    }
    assert_eq!(masked, told.len());
}

#[test]
fn who_may_not_see_values_still_finds_a_user_by_one_and_sees_names_and_structure() {
    let world = World::start();
    let workspace = world.workspace(&json!({"mask_personal_data": true}));
    fixtures(&workspace);
    let token = format!("Bearer {READ_TOKEN}");
    let body = br#"{"kind": "customer_id", "value": "planted-a"}"#;
    let path = format!("/api/v1/workspaces/{}/users/find", workspace.id);
    let found = world.call("POST", &path, &[("Authorization", &token)], body);
    let user = found.json();
    assert_eq!((found.status, &user["identifiers"]["mobile"]), (200, &json!("***")));
    assert_eq!(user["attributes"]["note"], json!({"deep": ["***", "***"]}));
    assert_eq!((&user["event_count"], &user["devices"][0]["platform"]), (&json!(1), &json!("iOS")));
    assert_eq!(user["id"].as_str().map(str::len), Some(24));
    let all = workspace.find("customer_id", "planted-a").unwrap();
    assert_eq!(all["identifiers"]["mobile"], "+1555planted2");
}

// Fails when `value` is put on the open list of `mask.rs`, or `users` among the impersonal resources of `outgoing.rs`.
#[test]
fn a_lookup_tells_who_may_not_see_values_where_one_leads_and_not_how_it_is_written() {
    let world = World::start();
    let workspace = world.workspace(&json!({"mask_personal_data": true}));
    let id = workspace.results(&json!([customer("planted-a")]))[0]["id"].clone();
    let path = format!("/api/v1/workspaces/{}/users/lookup", workspace.id);
    let told = |token: &str| {
        let bearer = format!("Bearer {token}");
        let answer = world.call("POST", &path, &[("Authorization", &bearer)], br#"{"value": "planted-a"}"#);
        (answer.status, answer.json())
    };
    let shown = |value: &str| {
        let item = json!({"kind": "customer_id", "value": value, "active": true, "excepted": false, "id": id, "recorded_under": id, "former": []});
        (200, json!({"items": [item], "user_id": null, "request_id": false}))
    };
    assert_eq!([told(READ_TOKEN), told(ADMIN_TOKEN)], [shown("***"), shown("planted-a")]);
}

// Fails when `suggestion` or `hint` is taken off the open list of `mask.rs`.
#[test]
fn who_may_not_see_values_sees_what_a_request_of_the_log_probably_meant() {
    let world = World::start();
    let workspace = world.workspace(&json!({"mask_personal_data": true}));
    let logged = |body: &[u8], place: &str| {
        let answer = workspace.post("transition", &[], body).json();
        let id = answer["request_id"].as_str().or(answer["error"]["request_id"].as_str()).unwrap().to_owned();
        let shown = world.reader(&format!("/api/v1/workspaces/{}/requests/{id}", workspace.id)).json();
        shown.pointer(place).cloned().unwrap_or(shown)
    };
    let misspelled =
        br#"{"type":"transition","elements":[{"type":"customer","customer_id":"planted-a","atributes":{}}]}"#;
    assert_eq!(logged(misspelled, "/elements/0/warnings/0/suggestion"), "attributes");
    let table = logged(b"customer_id,name\nc1,Asha\n", "/errors/0/hint");
    assert!(table.as_str().is_some_and(|hint| hint.contains("CSV")), "{table}");
}

#[test]
fn without_the_setting_a_reader_sees_what_the_admin_sees() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let fixtures = fixtures(&workspace);
    let user = &fixtures[1].1;
    let path = format!("/api/v1/workspaces/{}/users/{user}", workspace.id);
    assert_eq!(world.reader(&path).json()["identifiers"]["mobile"], "+1555planted2");
}
