//! A folder that the catalogue does not know, on the real binary: told everywhere, never removed, taken in or moved aside.

use std::fs;

use serde_json::{Value, json};

use crate::operators::run;
use crate::server::{Launch, Server, Workspace};

fn users(server: &Server, id: &str) -> Value {
    server.get_as_admin(&format!("/api/v1/workspaces/{id}/stats")).json()["users"].clone()
}

/// A stopped data directory whose one workspace, with one user, is not in its catalogue any more; its id.
fn lost(launch: &Launch, data: &std::path::Path) -> String {
    let mut server = launch.start();
    let workspace = Workspace::create(&server);
    let body = json!({"type": "transition", "elements": [{"type": "customer", "customer_id": "a"}]});
    assert_eq!(workspace.import(&mut server.connect(), &body, None).unwrap().status, 200);
    assert_eq!(server.terminate(), Some(0));
    fs::remove_file(data.join("muster.db")).unwrap();
    workspace.id().to_owned()
}

// Fails when `create` in `manage/workspaces.rs` answers 201 over an orphan, or `ready` tells of none.
#[test]
fn a_workspace_that_the_catalogue_lost_is_told_and_taken_in_by_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let launch = Launch::new(&data);
    let id = lost(&launch, &data);
    assert!(launch.verify().unwrap_err().contains(&format!("{id}: NOT IN THE CATALOGUE")));
    let refused = launch.try_start().err().unwrap();
    assert!(refused.contains(&id) && refused.contains("muster workspace adopt"), "{refused}");
    let (mut server, _) = launch.start_with(&["--listen", "127.0.0.1:0", "--accept-catalogue"], 0).unwrap();
    assert!(launch.logs("the catalogue does not know this folder"));
    assert_eq!(server.terminate(), Some(0));
    let launch = launch.env(vec![("MUSTER_ACCEPT_CATALOGUE".into(), "true".into())]);
    let server = launch.start();
    let ready = server.get_as_admin("/readyz");
    assert_eq!((ready.status, &ready.json()["troubles"]), (200, &json!([{"trouble": "orphan", "folder": id}])));
    assert_eq!(server.get("/readyz").json(), json!({"status": "ready"}), "names are for the admin");
    let refused = run(&launch, "workspace", &["create", &id]).unwrap_err();
    assert!(refused.contains("(409)") && refused.contains(&format!("muster workspace adopt {id}")), "{refused}");
    assert_eq!(run(&launch, "workspace", &["adopt", &id]).unwrap()["id"], json!(id));
    assert_eq!(users(&server, &id), 1);
    assert!(run(&launch, "workspace", &["adopt", &id]).unwrap_err().contains("(409)"));
    let audit = server.get_as_admin("/api/v1/audit").json();
    assert_eq!(audit["items"][0]["action"], "workspace.adopted");
}

#[test]
fn a_workspace_that_the_catalogue_lost_is_taken_in_or_moved_aside_on_a_stopped_directory() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let launch = Launch::new(&data);
    let id = lost(&launch, &data);
    assert!(run(&launch, "workspace", &["adopt", "NOBODY"]).unwrap_err().contains("no folder with this id"));
    assert_eq!(run(&launch, "workspace", &["adopt", &id]).unwrap()["keys"], 1);
    let mut server = launch.start();
    assert_eq!(users(&server, &id), 1);
    assert_eq!(server.terminate(), Some(0));
    fs::remove_file(data.join("muster.db")).unwrap();
    let moved = run(&launch, "workspace", &["remove-orphan", &id]).unwrap();
    let server = launch.start();
    let aside = data.join(moved["moved_to"].as_str().unwrap());
    assert!(aside.join("muster.db").exists(), "a start leaves it there");
    drop(server);
}

// Fails when `prepare` in `dev.rs` continues over an orphan.
#[test]
fn a_dev_start_does_not_wipe_a_folder_that_the_catalogue_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let launch = Launch::new(&data);
    let dev = ["--dev", "--listen", "127.0.0.1:0"];
    let (mut server, _) = launch.start_with(&dev, 0).unwrap();
    assert_eq!(server.terminate(), Some(0));
    fs::remove_file(data.join("muster.db")).unwrap();
    let accepting = ["--dev", "--listen", "127.0.0.1:0", "--accept-catalogue"];
    assert!(launch.start_with(&dev, 0).is_none() && launch.start_with(&accepting, 0).is_none());
    assert!(launch.logs("muster workspace adopt DEMO"), "{}", launch.logged());
    assert!(data.join("workspaces/DEMO/muster.db").exists());
}
