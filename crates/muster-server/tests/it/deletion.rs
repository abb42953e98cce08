//! Delete Users: the whole live profile stays for the buffer, takes part in no merge and no revert, then goes.

use crate::world::{Workspace, World, comes_true};
use muster_core::id::WorkspaceId;
use muster_server::app::Storage;
use muster_server::app::offline::verify;
use muster_server::jobs::sweep;
use serde_json::{Value as Json, json};
use std::path::Path;

const HOUR: i64 = 3_600;

fn delete(workspace: &Workspace<'_>, by: &str, value: &str) -> (u16, Json) {
    let body = json!({"identity_type": by, "identity_value": value}).to_string();
    let basic = workspace.basic();
    let headers = [("Content-Type", "application/json"), ("Authorization", basic.as_str())];
    let target = format!("/v1/customer/delete?app_id={}", workspace.id);
    let answer = workspace.world.call("POST", &target, &headers, body.as_bytes());
    (answer.status, answer.json())
}

/// Sweeps what is due, as the job does from time to time.
fn swept(workspace: &Workspace<'_>) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let id = WorkspaceId::parse(&workspace.id).unwrap();
    runtime.block_on(sweep(&workspace.world.app, &id)).unwrap()
}

fn resolving(world: &World) -> Workspace<'_> {
    let workspace = world.workspace(&json!({"limits": {"events_per_minute": 0}}));
    let kinds = json!({"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "email"}]});
    assert_eq!(workspace.admin("PUT", "/identity", &kinds).status, 200);
    workspace
}

fn customer(id: &str, email: &str) -> Json {
    json!({"type": "customer", "customer_id": id, "attributes": {"email": email}})
}

// Fails when `Delete::mark` forgets the buffer, or `Sweep::sweep` leaves the keys bound.
#[test]
fn a_deleted_user_stays_updatable_for_the_buffer_then_goes_with_all_members_and_their_identifiers_start_anew() {
    let world = World::start();
    let workspace = resolving(&world);
    let events = vec![json!({"action": "seen"}); 1_500];
    workspace.results(&json!([
        customer("c1", "a@example.test"),
        customer("c2", "b@example.test"),
        {"type": "event", "customer_id": "c2", "actions": events},
        {"type": "device", "customer_id": "c1", "device_id": "d", "attributes": {"platform": "web", "push_id": "t"}},
        customer("c1", "b@example.test"),
        customer("c3", "c@example.test"),
    ]));
    let gone = workspace.find("customer_id", "c2").unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(workspace.counts(), [2, 1_500, 1]);
    let (status, answer) = delete(&workspace, "customer_id", "c2");
    assert_eq!((status, &answer["status"]), (200, &json!("success")));
    world.clock.step(23 * HOUR);
    assert_eq!(swept(&workspace), 0);
    assert_eq!(workspace.results(&json!([customer("c1", "b@example.test")]))[0]["outcome"], "updated");
    world.clock.step(HOUR);
    assert_eq!(swept(&workspace), 1);
    assert_eq!(workspace.counts(), [1, 0, 0]);
    assert_eq!(workspace.find("email", "a@example.test"), None);
    assert_eq!(workspace.admin("GET", &format!("/users/{gone}"), &Json::Null).status, 404);
    assert_eq!(workspace.results(&json!([customer("c2", "b@example.test")]))[0]["outcome"], "created");
}

// Fails when `Sweep::sweep` drops no event ids, or those of others that were taken again with them.
#[test]
fn the_event_ids_of_a_deleted_user_are_forgotten_and_those_of_others_are_not() {
    let world = World::start();
    let workspace = resolving(&world);
    let bought = |id: &str, event: &str| json!({"type": "event", "customer_id": id, "actions": [{"action": "bought", "event_id": event}]});
    let outcomes = |elements: Json| -> Vec<Json> {
        workspace.results(&elements).iter().map(|result| result["outcome"].clone()).collect()
    };
    workspace.results(&json!([customer("c1", "a@example.test"), customer("c2", "b@example.test")]));
    assert_eq!(outcomes(json!([bought("c1", "e1"), bought("c1", "e2"), bought("c2", "e3")])), ["updated"; 3]);
    assert_eq!(delete(&workspace, "customer_id", "c1").0, 200);
    // In the buffer the user is there, and so are its event ids.
    assert_eq!(outcomes(json!([bought("c1", "e1")])), ["duplicate"]);
    world.clock.step(24 * HOUR);
    assert_eq!(swept(&workspace), 1);
    assert_eq!(
        outcomes(json!([bought("c2", "e1"), bought("c2", "e2"), bought("c2", "e3")])),
        ["updated", "updated", "duplicate"]
    );
}

/// A server whose data is in a directory.
fn on_disk(path: &Path) -> World {
    let path = path.to_owned();
    let storage = Storage::Directory { path, accept_loss: false, accept_catalogue: false, accept_clock: false };
    World::with(|options| options.storage = storage, |_| {})
}

// Fails when `Sweep::sweep` leaves what is noted of former identifiers: `verify` finds it told by nobody.
#[test]
fn what_a_deleted_user_held_once_goes_with_it() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let world = on_disk(&path);
    let workspace = resolving(&world);
    workspace.results(&json!([
        customer("c1", "a@example.test"),
        customer("c1", "b@example.test"),
        customer("c1", "a@example.test"),
        customer("c1", "c@example.test"),
        customer("c2", "z@example.test"),
        customer("c2", "y@example.test"),
    ]));
    assert_eq!(delete(&workspace, "customer_id", "c1").0, 200);
    world.clock.step(24 * HOUR);
    assert_eq!((swept(&workspace), workspace.counts()), (1, [1, 0, 0]));
    world.stop().unwrap();
    let verified = verify(&path).unwrap();
    assert!(verified.is_sound, "{}", verified.text);
}

/// Whether a file below the folder holds the text.
fn is_on_disk(folder: &Path, text: &str) -> bool {
    let mut entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.any(|path| {
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if path.is_dir() { is_on_disk(&path, text) } else { std::fs::read(&path).is_ok_and(|bytes| holds(&bytes)) }
    })
}

// Fails when `sweep` does not ask for the logs to be cut: the redo log and the write-ahead log keep it for minutes.
#[test]
fn what_a_deleted_user_was_is_soon_in_no_file() {
    const SECRET: &str = "asha@example.test";
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let world = on_disk(&path);
    let workspace = resolving(&world);
    workspace.results(&json!([customer("c1", SECRET)]));
    assert!(is_on_disk(&path, SECRET), "the search finds what is there");
    assert_eq!(delete(&workspace, "customer_id", "c1").0, 200);
    world.clock.step(24 * HOUR);
    assert_eq!(swept(&workspace), 1);
    assert!(comes_true(|| !is_on_disk(&path, SECRET)), "it is still there");
}

// Fails when `conflicts` does not look at `deletion`, or `cut` does not.
#[test]
fn a_profile_whose_deletion_is_under_way_takes_part_in_no_merge_and_no_revert() {
    let world = World::start();
    let workspace = resolving(&world);
    workspace.results(&json!([
        customer("c1", "a@example.test"),
        customer("c2", "b@example.test"),
        customer("c1", "b@example.test"),
        customer("c3", "c@example.test"),
    ]));
    assert_eq!(delete(&workspace, "customer_id", "c1").0, 200);
    let met = workspace.results(&json!([customer("c3", "a@example.test")]));
    assert_eq!((&met[0]["outcome"], &met[0]["warnings"][0]["code"]), (&json!("updated"), &json!("KeySetAside")));
    let merge = workspace.admin("GET", "/merges", &Json::Null).json()["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(workspace.admin("POST", &format!("/merges/{merge}/revert"), &json!({})).status, 409);
}

#[test]
fn nobody_is_deleted_who_is_not_there_and_ids_are_taken_in_both_forms() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    workspace.results(&json!([{"type": "customer", "customer_id": "c1"}]));
    let id = workspace.find("customer_id", "c1").unwrap()["id"].as_str().unwrap().to_owned();
    let (status, answer) = delete(&workspace, "customer_id", "nobody");
    let error = &answer["error"];
    assert_eq!(
        (status, &error["type"], &error["message"]),
        (400, &json!("Not Found"), &json!("User doesn't exists with customer id nobody"))
    );
    assert_eq!(delete(&workspace, "id", "01a20ddf4390000000000009").0, 400);
    assert_eq!([delete(&workspace, "moengage_id", &id).0, delete(&workspace, "id", &id).0], [200, 200]);
}

// Fails when `Call::budget` answers `Budget::Imports` for Delete Users.
#[test]
fn answers_of_delete_users_tell_of_its_own_budget() {
    let world = World::start();
    let workspace = world.workspace(&json!({"limits": {"users_per_minute": 7}}));
    workspace.results(&json!([customer("c1", "a@example.test"), customer("c2", "b@example.test")]));
    let basic = workspace.basic();
    let headers = [("Content-Type", "application/json"), ("Authorization", basic.as_str())];
    let target = format!("/v1/customer/delete?app_id={}", workspace.id);
    let told = |value: &str| {
        let body = json!({"identity_type": "customer_id", "identity_value": value}).to_string();
        let answer = world.call("POST", &target, &headers, body.as_bytes());
        let header = |name: &str| answer.header(&format!("x-ratelimit-{name}")).unwrap().to_owned();
        (answer.status, header("limit"), header("remaining"))
    };
    assert_eq!(told("c1"), (200, "5000".to_owned(), "4999".to_owned()));
    assert_eq!(told("nobody"), (400, "5000".to_owned(), "4999".to_owned()));
    let import = workspace.import(&[], &json!([customer("c2", "b@example.test")]));
    assert_eq!((import.header("x-ratelimit-limit"), import.header("x-ratelimit-remaining")), (Some("7"), Some("4")));
}
