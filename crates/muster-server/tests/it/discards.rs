//! Deleted quarantine entries through the socket: hidden at once, restored within a minute, removed after it, over a
//! restart as well.

use crate::damaged::open;
use crate::world::{Workspace, World};
use muster_server::app::offline::verify;
use muster_server::jobs::remove_deleted;
use serde_json::{Value as Json, json};

/// Puts elements into the quarantine; returns their ids, the newest first.
fn quarantined(workspace: &Workspace<'_>, n: usize) -> Vec<String> {
    let device = |n: usize| json!({"type": "device", "customer_id": format!("nobody{n}"), "attributes": {"platform": "iOS", "push_id": "x"}});
    workspace.results(&json!((0..n).map(device).collect::<Vec<_>>()));
    listed(workspace, "")
}

fn listed(workspace: &Workspace<'_>, query: &str) -> Vec<String> {
    let page = workspace.admin("GET", &format!("/quarantine{query}"), &Json::Null);
    assert_eq!(page.status, 200, "{}", page.json());
    page.json()["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn status(workspace: &Workspace<'_>, method: &str, path: &str) -> u16 {
    workspace.admin(method, path, &Json::Null).status
}

/// How many rows the job removes.
fn removed(workspace: &Workspace<'_>) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let id = muster_core::id::WorkspaceId::parse(&workspace.id).unwrap();
    runtime.block_on(remove_deleted(&workspace.world.app, &id)).unwrap()
}

// Fails when `list` of `manage/quarantine.rs` takes no heed of `deleted`, or `Reader::quarantined` shows what was deleted.
#[test]
fn a_deleted_entry_is_hidden_from_every_call_and_restored_as_it_was() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let ids = quarantined(&workspace, 3);
    let before = workspace.admin("GET", &format!("/quarantine/{}", ids[1]), &Json::Null).json();
    let path = format!("/quarantine/{}", ids[1]);
    assert_eq!([status(&workspace, "DELETE", &path), status(&workspace, "DELETE", &path)], [204, 404]);
    let rest = [ids[0].clone(), ids[2].clone()];
    let request = format!("?request_id={}", before["request_id"].as_str().unwrap());
    assert_eq!([listed(&workspace, ""), listed(&workspace, &request)], [rest.to_vec(), rest.to_vec()]);
    assert_eq!(listed(&workspace, "?deleted=true"), [ids[1].clone()]);
    assert_eq!((workspace.stats()["quarantined"].clone(), status(&workspace, "GET", &path)), (json!(2), 404));
    assert_eq!(status(&workspace, "POST", &format!("{path}/replay")), 404);
    world.clock.step(59);
    assert_eq!(removed(&workspace), 0);
    assert_eq!(status(&workspace, "POST", &format!("{path}/restore")), 204);
    assert_eq!(
        (workspace.admin("GET", &path, &Json::Null).json(), workspace.stats()["quarantined"].clone()),
        (before, json!(3))
    );
    let others = ["/quarantine/q99/restore", "/quarantine/none/restore", &format!("{path}/restore")];
    assert_eq!(others.map(|path| status(&workspace, "POST", path)), [404, 404, 409]);
    assert_eq!(workspace.admin("POST", &format!("{path}/restore"), &json!({"id": 1})).status, 400);
    assert_eq!(status(&workspace, "GET", "/quarantine?deleted=maybe"), 400);
}

// Fails when `Restore` asks for no time, when `remove_deleted` never looks again, or the mark is kept in memory alone.
#[test]
fn a_minute_after_its_deletion_an_entry_is_gone_for_good_also_over_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let world = open(&path);
    let workspace = world.workspace(&Json::Null);
    let (id, key) = (workspace.id.clone(), workspace.key.clone());
    let ids = quarantined(&workspace, 3);
    for id in &ids[..2] {
        assert_eq!(status(&workspace, "DELETE", &format!("/quarantine/{id}")), 204);
    }
    world.stop().unwrap();
    let world = open(&path);
    let workspace = Workspace { world: &world, id, key };
    let restore = |id: &str| status(&workspace, "POST", &format!("/quarantine/{id}/restore"));
    assert_eq!((listed(&workspace, "?deleted=true"), restore(&ids[0])), (ids[..2].to_vec(), 204));
    assert_eq!(removed(&workspace), 0);
    world.clock.step(60);
    assert_eq!((restore(&ids[1]), listed(&workspace, "?deleted=true").len()), (404, 0));
    assert_eq!([removed(&workspace), removed(&workspace)], [1, 0]);
    assert_eq!(
        (listed(&workspace, ""), workspace.stats()["quarantined"].clone()),
        (vec![ids[0].clone(), ids[2].clone()], json!(2))
    );
    world.stop().unwrap();
    let verified = verify(&path).unwrap();
    assert!(verified.is_sound, "the counts agree with the rows: {}", verified.text);
}
