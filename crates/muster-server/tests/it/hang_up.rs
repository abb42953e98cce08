//! Clients that hang up: their work is completed, and memory agrees with the engine afterwards.

use crate::world::{World, comes_true, customer, pause};
use serde_json::{Value as Json, json};

/// Sends a management call, hangs up while its work waits, then lets the work continue.
fn hangs_up(world: &World, method: &str, path: &str, body: &Json) {
    let gate = world.gate();
    let connection = world.admin_sent(method, path, body);
    pause();
    pause();
    drop(connection);
    pause();
    pause();
    drop(gate);
}

// Fails when `Call::configure` puts the changed entry after `blocking(...).await` instead of within.
#[test]
fn a_key_revoked_by_a_client_that_hangs_up_is_refused() {
    let world = World::with_one_thread(|_| {});
    let workspace = world.workspace(&json!(null));
    let shown = workspace.admin("GET", "", &Json::Null).json();
    let fingerprint = &shown["keys"][0]["fingerprint"];
    assert!(fingerprint.is_string(), "{shown}");
    hangs_up(
        &world,
        "POST",
        &format!("/workspaces/{}/keys/revoke", workspace.id),
        &json!({"fingerprint": fingerprint}),
    );
    assert!(comes_true(|| workspace.import(&[], &json!([customer("a")])).status == 401));
}

// Fails as the one before.
#[test]
fn settings_and_identity_changed_by_a_client_that_hangs_up_are_in_force() {
    let world = World::with_one_thread(|_| {});
    let workspace = world.workspace(&json!(null));
    let path = format!("/workspaces/{}", workspace.id);
    let identity = json!({"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "email"}]});
    hangs_up(&world, "PUT", &format!("{path}/identity"), &identity);
    assert!(comes_true(|| workspace.admin("GET", "/identity", &Json::Null).json()["enabled"] == true));
    hangs_up(&world, "PATCH", &path, &json!({"suspended": true}));
    assert!(comes_true(|| workspace.import(&[], &json!([customer("a")])).status == 403));
}

// Fails when `remove` forgets the entry after `blocking(...).await` instead of within.
#[test]
fn a_workspace_removed_by_a_client_that_hangs_up_is_gone_and_its_id_is_free() {
    let world = World::with_one_thread(|_| {});
    let workspace = world.workspace(&json!(null));
    let path = format!("/workspaces/{}", workspace.id);
    hangs_up(&world, "DELETE", &path, &json!({"confirm": workspace.id}));
    assert!(comes_true(|| world.admin("GET", &path, &Json::Null).status == 404));
    assert_eq!(world.admin("POST", "/workspaces", &json!({"name": "Again", "id": workspace.id})).status, 201);
}

// Fails when `run_to_completion` in `manage/context.rs` awaits the work in place, instead of on a task of its own.
#[test]
fn a_change_of_a_client_that_hangs_up_is_in_the_audit_log() {
    let world = World::with_one_thread(|_| {});
    let workspace = world.workspace(&json!(null));
    hangs_up(&world, "PATCH", &format!("/workspaces/{}", workspace.id), &json!({"lenient": true}));
    let last = || world.admin("GET", "/audit?limit=1", &Json::Null).json()["items"][0]["action"].clone();
    assert!(comes_true(|| last() == "settings.changed"));
}

// Fails when `Call::read` does not move its place into the work (`let _until_it_is_read = place`).
#[test]
fn a_read_whose_client_hung_up_counts_until_its_work_is_done() {
    let world = World::with_one_thread(|options| options.management_reads = 1);
    let workspace = world.workspace(&json!(null));
    let path = format!("/workspaces/{}/stats", workspace.id);
    let gate = world.gate();
    let connection = world.admin_sent("GET", &path, &Json::Null);
    pause();
    pause();
    let answer = world.admin("GET", &path, &Json::Null);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    drop(connection);
    pause();
    pause();
    assert_eq!(world.admin("GET", &path, &Json::Null).status, 503);
    drop(gate);
    assert!(comes_true(|| world.admin("GET", &path, &Json::Null).status == 200));
}
