//! What is done with one person's data is recorded: Delete Users of the Data API, and, where a workspace wants it, reads
//! through the management API. And the limit of disk that a workspace may have.

use crate::world::{Workspace, World};
use muster_server::app::Storage;
use serde_json::{Value as Json, json};

fn customer(id: &str) -> Json {
    json!({"type": "customer", "customer_id": id, "attributes": {"first_name": "Asha"}})
}

fn delete(workspace: &Workspace<'_>, value: &str) -> u16 {
    let body = json!({"identity_type": "customer_id", "identity_value": value}).to_string();
    let basic = workspace.basic();
    let headers = [("Content-Type", "application/json"), ("Authorization", basic.as_str())];
    let target = format!("/v1/customer/delete?app_id={}", workspace.id);
    workspace.world.call("POST", &target, &headers, body.as_bytes()).status
}

/// Action, subject and detail of the records about persons, oldest first.
fn recorded(world: &World) -> Vec<(String, String, Json)> {
    let page = world.admin("GET", "/audit?limit=1000", &Json::Null).json();
    let text = |item: &Json, name: &str| item[name].as_str().unwrap().to_owned();
    let items = page["items"].as_array().unwrap().iter().rev();
    let of_people = items.filter(|item| text(item, "action").starts_with("user."));
    of_people.map(|item| (text(item, "action"), text(item, "subject"), item["detail"].clone())).collect()
}

// Fails when `run` in `http/delete.rs` notes nothing, or notes a deletion that was answered from its record again.
#[test]
fn a_deletion_by_the_data_api_is_in_the_audit_log_without_the_person() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    workspace.results(&json!([customer("c1")]));
    assert_eq!((delete(&workspace, "c1"), delete(&workspace, "nobody")), (200, 400));
    let records = recorded(&world);
    assert_eq!(records.len(), 1);
    assert_eq!((&*records[0].0, &records[0].2), ("user.deleted", &json!({"by": "customer_id"})));
    let page = world.admin("GET", "/audit", &Json::Null).json();
    assert!(page["items"][0]["token"].as_str().unwrap().starts_with("key:"), "{page}");
    assert!(!page.to_string().contains("c1") && page["items"][0]["address"] == "127.0.0.1", "{page}");
}

// Fails when a reading handler of `users.rs` does not call `saw`, or `saw` does not ask the workspace.
#[test]
fn reads_of_one_person_are_recorded_where_the_workspace_wants_it_and_only_admin_ends_that() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    workspace.results(&json!([customer("c1")]));
    let id = workspace.find("customer_id", "c1").unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(recorded(&world), []);
    assert_eq!(workspace.admin("PATCH", "", &json!({"record_reads": true})).status, 200);
    workspace.find("customer_id", "c1").unwrap();
    for part in ["", "/events", "/history", "/members"] {
        assert_eq!(workspace.admin("GET", &format!("/users/{id}{part}"), &Json::Null).status, 200);
    }
    workspace.admin("POST", "/users/lookup", &json!({"value": id}));
    let read = |part: &str| ("user.read".to_owned(), id.clone(), json!({"part": part}));
    let parts = ["profile", "profile", "events", "history", "members", "lookup"];
    assert_eq!(recorded(&world), parts.map(read));
    let made = world.admin("POST", "/tokens", &json!({"name": "o", "scopes": ["operate"]})).json();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let path = format!("/api/v1/workspaces/{}", workspace.id);
    let off = world.call("PATCH", &path, &headers, br#"{"record_reads": false}"#);
    assert_eq!((off.status, off.json()["detail"].as_str()), (403, Some("this token lacks the scope admin")));
}

// Fails when `serve` in `http/import.rs` does not ask `disk_bytes`, or the engine counts what deletions freed.
#[test]
fn a_workspace_that_takes_as_much_disk_as_it_may_is_refused_imports_and_goes_on_when_there_is_room() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let storage = Storage::Directory { path, accept_loss: false, accept_catalogue: false, accept_clock: false };
    let world = World::with(|options| options.storage = storage, |_| {});
    let workspace = world.workspace(&json!({"limits": {"disk_bytes": 1}}));
    let elements = json!([customer("c1")]);
    let refused = workspace.import(&[], &elements);
    assert_eq!((refused.status, &refused.json()["error"]["type"]), (507, &json!("DiskQuotaExceeded")));
    let other = world.workspace(&json!({"limits": {"disk_bytes": 1 << 30}}));
    assert_eq!(other.import(&[], &elements).status, 200);
    assert_eq!(workspace.admin("PATCH", "", &json!({"limits": {"disk_bytes": 0}})).status, 200);
    assert_eq!(workspace.import(&[], &elements).status, 200);
}
