//! What is past its time goes, on the embedded engine, and what stays is sound; merges cost members, never events.

use crate::world::{Workspace, World, comes_true, customer};
use muster_core::id::WorkspaceId;
use muster_server::app::Storage;
use muster_server::app::offline::verify;
use muster_server::jobs::expire;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const DAY: i64 = 86_400;

fn on_disk() -> (TempDir, World) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let world = World::with(
        |options| {
            options.storage =
                Storage::Directory { path, accept_loss: false, accept_catalogue: false, accept_clock: false }
        },
        |_| {},
    );
    (dir, world)
}

/// Removes what is past its time, as the job does from time to time.
fn expired(workspace: &Workspace<'_>) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let id = WorkspaceId::parse(&workspace.id).unwrap();
    runtime.block_on(expire(&workspace.world.app, &id)).unwrap()
}

fn get(workspace: &Workspace<'_>, path: &str) -> Json {
    workspace.admin("GET", path, &Json::Null).json()
}

fn items(workspace: &Workspace<'_>, path: &str) -> usize {
    get(workspace, path)["items"].as_array().unwrap().len()
}

fn events(customer: &str, names: &[String]) -> Json {
    let actions: Vec<Json> = names.iter().map(|name| json!({"action": name})).collect();
    json!({"type": "event", "customer_id": customer, "actions": actions})
}

fn many(name: &str, n: usize) -> Vec<String> {
    vec![name.to_owned(); n]
}

fn resolving(world: &World) -> Workspace<'_> {
    let limits = json!({"events_per_minute": 0, "users_per_minute": 0, "body_bytes": 1_048_576});
    let workspace = world.workspace(&json!({"limits": limits}));
    let kinds = json!({"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "email"}]});
    assert_eq!(workspace.admin("PUT", "/identity", &kinds).status, 200);
    workspace
}

fn with_email(id: &str, email: &str) -> Json {
    json!({"type": "customer", "customer_id": id, "attributes": {"email": email}})
}

fn sound(dir: &TempDir, world: World) {
    world.stop().unwrap();
    let verified = verify(&dir.path().join("data")).unwrap();
    assert!(verified.is_sound, "{}", verified.text);
}

// Fails when `Expire` drops no event, or leaves the figures of a root as they are, or takes a setting of 0 as a time.
#[test]
fn what_is_past_its_time_is_gone_and_figures_follow_and_the_directory_is_sound() {
    let (dir, world) = on_disk();
    let workspace = resolving(&world);
    let key = [("Idempotency-Key", "k")];
    let first = json!([
        with_email("c1", "a@example.test"),
        with_email("c2", "b@example.test"),
        events("c2", &many("early", 1_500)),
        {"type": "event", "customer_id": "c1", "actions": [{"action": "once", "event_id": "e1"}]},
        {"type": "customer", "customer_id": "x".repeat(600)},
        with_email("c1", "b@example.test"),
    ]);
    assert_eq!(workspace.import(&key, &first).status, 200);
    assert_eq!(workspace.post("transition", &[], b"{").status, 400);
    world.clock.step(2 * DAY);
    workspace.results(&json!([events("c1", &many("late", 3))]));
    assert!(comes_true(|| items(&workspace, "/requests") == 3), "refused requests are written a moment later");
    let shown = |name: &str| workspace.find("customer_id", "c2").unwrap()[name].as_u64().unwrap();
    assert_eq!([shown("event_count"), workspace.counts()[1]], [1_504; 2]);
    assert_eq!(expired(&workspace), 1, "by default the answer of the key alone is past its time");
    let settings = json!({"event_retention_days": 1, "log_retention_days": 1, "quarantine_retention_days": 1,
        "event_id_retention_days": 1});
    assert_eq!(workspace.admin("PATCH", "", &settings).status, 200);
    assert_eq!([items(&workspace, "/requests"), items(&workspace, "/quarantine")], [3, 1], "0 keeps");
    assert_eq!(expired(&workspace), 1_501 + 1 + 2 + 1, "events, an event id, two of the log, one of the quarantine");
    assert_eq!(expired(&workspace), 0);
    assert_eq!([shown("event_count"), workspace.counts()[1]], [3; 2]);
    assert_eq!([items(&workspace, "/requests"), items(&workspace, "/quarantine")], [1, 0]);
    assert_eq!(workspace.stats()["quarantined"], 0);
    let again = workspace.import(&key, &json!([customer("c9")]));
    assert_eq!(again.status, 200, "the key is free for another body");
    let once = json!([{"type": "event", "customer_id": "c1", "actions": [{"action": "once", "event_id": "e1"}]}]);
    assert_eq!(workspace.results(&once)[0]["outcome"], "updated", "and so is the event id");
    sound(&dir, world);
}

/// Pages of write-ahead log, as the metrics tell.
fn wal_pages(workspace: &Workspace<'_>) -> u64 {
    // Before anybody reads, the tables get everything that the redo log has.
    workspace.find("customer_id", "c1").unwrap();
    let world = workspace.world;
    let token = format!("Bearer {}", crate::world::ADMIN_TOKEN);
    let text = world.call("GET", "/metrics", &[("Authorization", token.as_str())], b"").body;
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find(|line| line.starts_with("muster_wal_bytes ")).unwrap();
    line.rsplit(' ').next().unwrap().parse::<u64>().unwrap() / 4_096
}

/// Returns the pages that a merge of two users writes, and its revert; the merged user has `n` events.
fn pages_of_a_merge(n: usize) -> [u64; 2] {
    let (dir, world) = on_disk();
    let workspace = resolving(&world);
    workspace.results(&json!([with_email("c1", "a@example.test"), with_email("c2", "b@example.test")]));
    let part = n.min(10_000);
    let elements: Vec<Json> = (0..n / part).map(|_| events("c2", &many("a", part))).collect();
    workspace.results(&json!(elements));
    workspace.results(&json!([events("c1", &many("b", 9))]));
    let before = wal_pages(&workspace);
    assert_eq!(workspace.results(&json!([with_email("c1", "b@example.test")]))[0]["outcome"], "merged");
    let merged = wal_pages(&workspace);
    assert_eq!(workspace.find("customer_id", "c2").unwrap()["event_count"], n + 9);
    let merge = get(&workspace, "/merges")["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(workspace.admin("POST", &format!("/merges/{merge}/revert"), &json!({})).status, 200);
    let reverted = wal_pages(&workspace);
    assert_eq!(workspace.find("customer_id", "c1").unwrap()["event_count"], 9);
    assert_eq!(workspace.find("customer_id", "c2").unwrap()["event_count"], n);
    sound(&dir, world);
    [merged - before, reverted - merged]
}

// Fails when a merge touches the rows of events: 50,000 of them are a thousand pages and more.
#[test]
fn a_merge_and_its_revert_write_as_much_for_fifty_thousand_events_as_for_five() {
    let (few, many) = (pages_of_a_merge(5), pages_of_a_merge(50_000));
    for (few, many) in few.into_iter().zip(many) {
        assert!(few > 0 && many <= few + 8, "{few} pages for 5 events, {many} for 50,000");
    }
}

// Fails when a revert leaves the counts of one side with the other, or a timeline loses an event.
#[test]
fn fifteen_hundred_events_of_two_users_merge_and_come_apart_again() {
    let (dir, world) = on_disk();
    let workspace = resolving(&world);
    workspace.results(&json!([with_email("c1", "a@example.test"), with_email("c2", "b@example.test")]));
    workspace.results(&json!([events("c1", &many("one", 1_000)), events("c2", &many("two", 500))]));
    workspace.results(&json!([with_email("c1", "b@example.test")]));
    let timeline = |id: &str| {
        let id = workspace.find("customer_id", id).unwrap()["id"].as_str().unwrap().to_owned();
        let (mut counts, mut cursor) = ([0, 0], String::new());
        loop {
            let page = get(&workspace, &format!("/users/{id}/events?limit=400{cursor}"));
            for event in page["items"].as_array().unwrap() {
                counts[usize::from(event["action"] == "two")] += 1;
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return counts,
            }
        }
    };
    assert_eq!([timeline("c1"), timeline("c2")], [[1_000, 500]; 2]);
    let merge = get(&workspace, "/merges")["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(workspace.admin("POST", &format!("/merges/{merge}/revert"), &json!({})).status, 200);
    assert_eq!([timeline("c1"), timeline("c2")], [[1_000, 0], [0, 500]]);
    sound(&dir, world);
}
