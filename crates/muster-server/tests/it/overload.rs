//! Overload: answered early, and bounded also where clients do not read, hang up, or wait for a queue that is blocked
//! (behaviour.md 1.11; clients.md 4.13: the shortest time-out of real clients is 2 s).

use crate::wire::Connection;
use crate::world::{StepClock, Workspace, World, comes_true, customer, pause};
use muster_core::time::{Clock, Moment};
use muster_server::app::Storage;
use serde_json::{Value as Json, json};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

// Fails when `check_progress` in `connection/socket.rs` answers `Poll::Pending` whatever its timer says.
#[test]
fn a_client_that_asks_and_never_reads_loses_its_connection() {
    let world = World::with(|_| {}, |listening| listening.deadlines.write = Duration::from_millis(200));
    let mut connection = world.connect();
    // Answers fill the buffers between the two; then the server stops reading, and this blocks until the server gives up.
    let request = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
    let ended = (0..100_000).find_map(|_| connection.try_send(request.as_bytes()).err());
    let kind = ended.map(|error| error.kind());
    assert!(
        matches!(kind, Some(std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)),
        "the connection was not closed by the server: {kind:?}"
    );
    assert_eq!(world.call("GET", "/healthz", &[], b"").status, 200);
}

// Fails when `Outgoing::pass` does not wrap the body.
#[test]
fn an_answer_that_nobody_reads_keeps_its_place_among_the_reads_until_its_connection_ends() {
    let world = World::with(|options| options.management_reads = 1, |_| {});
    let workspace = world.workspace(&json!({"limits": {"body_bytes": 1_048_576}}));
    let text = "x".repeat(900_000);
    for n in 0..4 {
        let action = json!({"action": "big", "attributes": {"text": text, "n": n}});
        assert_eq!(
            workspace.import(&[], &json!([{"type": "event", "customer_id": "a", "actions": [action]}])).status,
            200
        );
    }
    let id = workspace.find("customer_id", "a").unwrap()["id"].as_str().unwrap().to_owned();
    let events = format!("/workspaces/{}/users/{id}/events", workspace.id);
    let stats = format!("/workspaces/{}/stats", workspace.id);
    assert!(comes_true(|| world.admin("GET", &stats, &Json::Null).status == 200));
    // Some MB an answer, and several of them: more than the buffers between the two take.
    let mut connection = world.admin_sent("GET", &events, &Json::Null);
    let head = format!(
        "GET /api/v1{events} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        crate::world::ADMIN_TOKEN
    );
    connection.send(head.repeat(8).as_bytes());
    // The metrics take no place, so that looking at them refuses none of those calls: no more of them is answered.
    let answered = || {
        let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
        let is_count = |line: &&str| line.starts_with("muster_http_requests_total") && line.contains("/events\"");
        metrics.lines().find(is_count).map(str::to_owned)
    };
    let (mut last, mut same) = (None, 0);
    assert!(comes_true(|| {
        let now = answered();
        same = if now.is_some() && now == last { same + 1 } else { 0 };
        last = now;
        same == 40
    }));
    // On a slow machine the buffers may still fill: then one call is let in between two of those, and later none is. Without
    // the place in the bytes every call would be, from now on.
    assert!(comes_true(|| (0..5).all(|_| world.admin("GET", &stats, &Json::Null).status == 503)));
    drop(connection);
    assert!(comes_true(|| world.admin("GET", &stats, &Json::Null).status == 200));
}

/// A clock on which the threads that commit stand still while it is held.
struct HeldClock {
    clock: StepClock,
    held: Mutex<bool>,
    freed: Condvar,
}

impl HeldClock {
    fn hold(&self, hold: bool) {
        *self.held.lock().unwrap() = hold;
        self.freed.notify_all();
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Moment {
        let name = std::thread::current().name().map(str::to_owned).unwrap_or_default();
        if name.starts_with("committer") {
            let held = self.held.lock().unwrap();
            drop(self.freed.wait_while(held, |held| *held).unwrap());
        }
        self.clock.now()
    }
}

/// A server on files whose queues can be held.
fn with_held_clock() -> (World, Arc<HeldClock>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(HeldClock { clock: StepClock::started(), held: Mutex::new(false), freed: Condvar::new() });
    let (path, shared) = (folder.path().to_owned(), Arc::clone(&clock));
    let world = World::with(
        move |options| {
            options.storage =
                Storage::Directory { path, accept_loss: false, accept_catalogue: false, accept_clock: false };
            options.clock = shared;
        },
        |_| {},
    );
    (world, clock, folder)
}

/// Sends an import on a connection that is not read.
fn sent(workspace: &Workspace<'_>, query: &str, body: &str) -> Connection {
    let mut connection = workspace.world.connect();
    let head = format!(
        "POST /v1/transition/{}{query} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        workspace.id,
        workspace.basic(),
        body.len()
    );
    connection.send(head.as_bytes());
    connection
}

/// Decisions that wait or run.
fn waiting_in_lanes(world: &World) -> u64 {
    let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
    let depth = metrics.lines().find_map(|line| line.strip_prefix("muster_queue_depth "));
    depth.unwrap().parse().unwrap()
}

// Fails when `AnswerWriter` in `ingest.rs` does not hold `_permit`.
#[test]
fn dry_runs_whose_clients_hung_up_keep_their_places_until_the_lane_is_done_with_them() {
    let (world, clock, _folder) = with_held_clock();
    let workspace = world.workspace(&json!(null));
    let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    clock.hold(true);
    let waiting = [sent(&workspace, "?dry_run=true", &body), sent(&workspace, "?dry_run=true", &body)];
    assert!(comes_true(|| waiting_in_lanes(&world) == 2));
    drop(waiting);
    pause();
    pause();
    let mut third = sent(&workspace, "?dry_run=true", &body);
    assert_eq!(third.answer().map(|answer| answer.status), Some(429));
    clock.hold(false);
    assert!(comes_true(|| workspace.post("transition?dry_run=true", &[], body.as_bytes()).status == 200));
}

// Fails when `IN_FLIGHT_BYTES_WORKSPACE_MAX` is not looked at (`Room::take` answers always), or when a held body's room is
// given back as soon as its client hangs up.
#[test]
fn a_lane_that_stands_still_refuses_at_once_and_takes_no_room_from_another_workspace() {
    let (world, clock, _folder) = with_held_clock();
    let large = json!({"limits": {"body_bytes": 1_048_576, "users_per_minute": 0}});
    let (slow, other) = (world.workspace(&large), world.workspace(&json!(null)));
    let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    let padded = format!("{body}{}", " ".repeat(1_048_576 - body.len()));
    clock.hold(true);
    let waiting: Vec<Connection> = (0..48).map(|_| sent(&slow, "", &padded)).collect();
    assert!(comes_true(|| waiting_in_lanes(&world) == 48));
    let refused = || {
        let answer = sent(&slow, "", &padded).answer();
        answer.map(|answer| (answer.status, answer.header("retry-after").map(str::to_owned)))
    };
    assert_eq!(refused(), Some((503, Some("1".to_owned()))));
    // The body of the other is admitted: it waits for the queues, which the same clock holds, and not for room.
    let mut fine = sent(&other, "", &body);
    drop(waiting);
    pause();
    pause();
    assert_eq!(refused(), Some((503, Some("1".to_owned()))));
    clock.hold(false);
    assert_eq!(fine.answer().map(|answer| answer.status), Some(200));
    assert!(comes_true(|| slow.post("transition", &[], padded.as_bytes()).status == 200));
}

// Fails when the server serves one connection at a time, or answers nothing under load: a client with the shortest time-out
// of the real ones gives up. Nothing is measured here but whether such a client is answered.
#[test]
fn clients_with_a_time_out_of_2_s_are_answered_while_many_call_at_once() {
    let world = World::start();
    let free = json!({"limits": {"users_per_minute": 0, "events_per_minute": 0, "devices_per_minute": 0}});
    let workspace = world.workspace(&free);
    let elements: Vec<Json> = (0..50).map(|n| customer(&format!("c{n}"))).collect();
    let body = json!({"type": "transition", "elements": elements}).to_string();
    let call = || {
        (0..5).all(|_| {
            sent(&workspace, "", &body)
                .patience(Duration::from_secs(2))
                .answer()
                .is_some_and(|a| a.status == 200 || (a.status == 503 && a.header("retry-after").is_some()))
        })
    };
    let all = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..20).map(|_| scope.spawn(call)).collect();
        callers.into_iter().all(|caller| caller.join().unwrap())
    });
    assert!(all, "a client gave up");
}
