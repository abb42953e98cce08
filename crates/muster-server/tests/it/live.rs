//! The live stream: what a viewer is sent, who may watch, and how a stream ends.

use crate::wire::Connection;
use crate::world::{ADMIN_TOKEN, READ_TOKEN, Workspace, World, basic, comes_true, customer};
use serde_json::{Value as Json, json};

fn watch(workspace: &Workspace<'_>, token: &str) -> Connection {
    watch_for(workspace, token, "")
}

/// Watches with these filters.
pub(crate) fn watch_for(workspace: &Workspace<'_>, token: &str, query: &str) -> Connection {
    let mut viewer = workspace.world.connect();
    let path = format!("/api/v1/workspaces/{}/requests/live?{query}", workspace.id);
    viewer
        .send(format!("GET {path} HTTP/1.1\r\nHost: muster.test\r\nAuthorization: Bearer {token}\r\n\r\n").as_bytes());
    let head = viewer.until(": watching\n\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-type: text/event-stream\r\n"), "{head}");
    viewer
}

/// The next request that a viewer is sent; a stream that stays quiet fails the test.
pub(crate) fn next(viewer: &mut Connection) -> Json {
    loop {
        let sent = viewer.until("\n\n").unwrap();
        assert!(!sent.contains("still here"), "nothing came");
        if let Some((_, json)) = sent.split_once("data: ") {
            return serde_json::from_str(json.trim_end()).unwrap();
        }
    }
}

#[test]
fn a_viewer_sees_what_the_log_keeps_in_its_shape_and_what_was_turned_away() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let mut viewer = watch(&workspace, ADMIN_TOKEN);
    let answer = workspace.import(&[("X-Forwarded-For", "203.0.113.7")], &json!([customer("a")]));
    let listed = workspace.admin("GET", "/requests", &Json::Null).json()["items"][0].clone();
    assert_eq!(answer.json()["request_id"], listed["request_id"]);
    assert_eq!(next(&mut viewer), listed);
    assert_eq!(workspace.post("event", &[], b"{").status, 400);
    let refused = next(&mut viewer);
    let id = refused["request_id"].as_str().unwrap().to_owned();
    assert!(comes_true(|| workspace.admin("GET", &format!("/requests/{id}"), &Json::Null).status == 200));
    assert_eq!((&refused["status"], &refused["fault_count"]), (&json!(400), &json!(1)));
    let wrong = basic(&workspace.id, "wrong");
    let path = format!("/v1/transition/{}", workspace.id);
    let headers = [("Authorization", wrong.as_str()), ("X-Forwarded-For", "203.0.113.8")];
    assert_eq!(world.call("POST", &path, &headers, b"").status, 401);
    let away = json!({"request_id": null, "received_at": "2026-01-05T00:00:00.000Z", "status": 401, "path": "/v1/transition/{workspace_id}",
        "origin_address": "203.0.113.8", "duration_us": 0, "failure": "Authentication required", "first_error": {"type": "Authentication required",
        "message": "App Secret key mismatch. Please login to the dashboard to verify key"}});
    assert_eq!(next(&mut viewer), away);
    let body = vec![b' '; 200_000];
    assert_eq!(workspace.post("transition", &[], &body).status, 413);
    assert_eq!(next(&mut viewer)["failure"], "PayloadTooLarge");
}

#[test]
fn a_dry_run_and_a_repeated_answer_are_seen_as_such() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let mut viewer = watch(&workspace, ADMIN_TOKEN);
    let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    for (call, key) in [("transition?dry_run=true", "no"), ("transition", "k"), ("transition", "k")] {
        assert_eq!(workspace.post(call, &[("Idempotency-Key", key)], body.as_bytes()).status, 200);
    }
    let seen = [next(&mut viewer), next(&mut viewer), next(&mut viewer)];
    let told = seen.map(|item| (item["request_id"].is_null(), item["dry_run"].clone(), item["replayed"].clone()));
    assert_eq!(
        told,
        [(true, json!(true), Json::Null), (false, Json::Null, Json::Null), (true, Json::Null, json!(true))]
    );
}

// Fails when `check_viewer` in `http/manage/live.rs` answers `Some(false)`.
#[test]
fn values_are_masked_for_who_may_not_see_personal_data() {
    let world = World::start();
    let workspace = world.workspace(&json!({"mask_personal_data": true}));
    let (mut reader, mut admin) = (watch(&workspace, READ_TOKEN), watch(&workspace, ADMIN_TOKEN));
    assert_eq!(workspace.import(&[("X-Forwarded-For", "203.0.113.7")], &json!([customer("a")])).status, 200);
    assert_eq!(next(&mut admin)["origin_address"], "203.0.113.7");
    assert_eq!(next(&mut reader)["origin_address"], "***");
}

// Fails when `Viewer::check` ignores the workspace, and its stream holds the activity.
#[test]
fn a_stream_ends_when_its_workspace_goes() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let mut viewer = watch(&workspace, ADMIN_TOKEN);
    assert_eq!(workspace.admin("DELETE", "", &json!({"confirm": workspace.id})).status, 202);
    assert!(viewer.until("\r\n0\r\n\r\n").is_some_and(|rest| !rest.contains("data: ")));
}

// Fails when `App::drain` does not end the streams: then the server waits for its viewers until the grace is over, and cuts
// them off without the end of the body.
#[test]
fn a_server_that_stops_ends_its_streams_and_does_not_wait_for_viewers() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let mut viewer = watch(&workspace, ADMIN_TOKEN);
    world.stop().unwrap();
    assert_eq!(viewer.until("0\r\n\r\n").as_deref(), Some("\r\n0\r\n\r\n"));
}

// Fails when `Viewer::open` takes no place, `Watch::open` reads the members first, or a viewer that is gone keeps its place.
#[test]
fn viewers_beyond_the_bound_are_turned_away_until_one_goes() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let mut viewers: Vec<Connection> =
        (0..muster_server::limits::LIVE_VIEWERS_MAX).map(|_| watch(&workspace, ADMIN_TOKEN)).collect();
    // Reading calls have places of their own.
    assert_eq!(workspace.admin("GET", "/stats", &Json::Null).status, 200);
    assert_eq!(workspace.admin("GET", "/requests/live", &Json::Null).status, 503);
    // A viewer has its place before the members of the user are read: what is merged meanwhile is seen.
    assert_eq!(workspace.admin("GET", "/requests/live?user_id=x", &Json::Null).status, 503);
    viewers.pop();
    assert!(comes_true(|| {
        let mut one = world.admin_sent("GET", &format!("/workspaces/{}/requests/live", workspace.id), &Json::Null);
        one.until("\r\n").is_some_and(|line| line.starts_with("HTTP/1.1 200"))
    }));
}
