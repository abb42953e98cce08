//! A workspace whose data cannot be used is refused by itself, and told; all others are served (behaviour.md 1.11.g).

use crate::world::{ADMIN_TOKEN, World, customer};
use muster_server::app::Storage;
use serde_json::{Value as Json, json};
use std::path::Path;

pub(crate) fn open(path: &Path) -> World {
    let path = path.to_owned();
    let storage = Storage::Directory { path, accept_loss: false, accept_catalogue: false, accept_clock: false };
    World::with(|options| options.storage = storage, |_| {})
}

// Fails when `engine_failed` in `http/import.rs` answers anything but 503, or `shape` tells of no trouble.
#[test]
fn a_damaged_workspace_is_answered_503_and_told_and_the_others_are_served() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let world = open(&path);
    let keys = ["BROKEN", "SOUND"].map(|id| {
        let made = world.admin("POST", "/workspaces", &json!({"name": id, "id": id})).json();
        made["data_api_key"].as_str().unwrap().to_owned()
    });
    world.stop().unwrap();
    let file = path.join("workspaces/BROKEN/muster.db");
    let bytes = std::fs::metadata(&file).unwrap().len();
    std::fs::write(&file, vec![b'x'; usize::try_from(bytes).unwrap()]).unwrap();
    let world = open(&path);
    let import = |id: &str, key: &str| {
        let basic = crate::world::basic(id, key);
        let headers = [("Content-Type", "application/json"), ("Authorization", basic.as_str())];
        let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
        world.call("POST", &format!("/v1/transition/{id}"), &headers, body.as_bytes()).status
    };
    assert_eq!((import("BROKEN", &keys[0]), import("SOUND", &keys[1])), (503, 200));
    let read = |id: &str| world.admin("GET", &format!("/workspaces/{id}/stats"), &Json::Null).status;
    assert_eq!((read("BROKEN"), read("SOUND")), (503, 200));
    let listed = world.admin("GET", "/workspaces", &Json::Null).json();
    let troubles = [&listed["items"][0]["trouble"], &listed["items"][1]["trouble"]];
    assert_eq!(troubles, [&json!("damaged"), &Json::Null]);
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let ready = world.call("GET", "/readyz", &[("Authorization", bearer.as_str())], b"");
    assert_eq!((ready.status, &ready.json()["troubles"][0]["workspace"]), (200, &json!("BROKEN")));
    let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
    assert!(metrics.contains("muster_workspaces_damaged 1"), "{metrics}");
}
