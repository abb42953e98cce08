//! Health, metrics, host names, and an orderly end.

use crate::world::{World, customer};
use muster_server::serve::Listening;
use serde_json::json;
use std::time::Duration;

#[test]
fn a_healthy_server_is_alive_ready_and_counts() {
    let world = World::start();
    assert_eq!(world.call("GET", "/healthz", &[], b"").json(), json!({"status": "alive"}));
    assert_eq!(world.call("GET", "/readyz", &[], b"").json(), json!({"status": "ready"}));
    let workspace = world.workspace(&json!(null));
    workspace.import(&[], &json!([customer("a"), {"type": "event", "customer_id": "a", "actions": [{"action": "x"}]}]));
    let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
    for line in [
        "muster_requests_total{route=\"/v1/transition/{workspace_id}\",status=\"200\"} 1",
        "muster_elements_total{type=\"customer\",outcome=\"created\"} 1",
        "muster_elements_total{type=\"event\",outcome=\"updated\"} 1",
        "muster_engine_writable 1",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains(&workspace.id), "metrics name no workspace");
}

#[test]
fn with_a_list_of_host_names_others_are_not_answered() {
    // Without the check a page whose name was bound to 127.0.0.1 talks to a developer's server.
    let world = World::with(|options| options.hosts = Some(vec!["localhost".to_owned(), "::1".to_owned()]), |_| {});
    let status = |host: &str| {
        let mut connection = world.connect();
        connection.send(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        connection.answer().unwrap().status
    };
    assert_eq!(["localhost", "LOCALHOST:8080", "[::1]:8080"].map(status), [200, 200, 200]);
    assert_eq!(["evil.example", "localhost.evil.example", ""].map(status), [403, 403, 403]);
}

#[test]
fn a_stop_lets_a_request_in_flight_finish() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let basic = workspace.basic();
    let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    let mut connection = world.connect();
    connection.send(
        format!(
            "POST /v1/transition/{} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\nContent-Type: application/json\r\n\
             Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            workspace.id,
            body.len()
        )
        .as_bytes(),
    );
    // The server asks for the body: the request is in flight.
    assert_eq!(connection.answer().unwrap().status, 100);
    let stopping = std::thread::spawn(move || world.stop());
    connection.send(body.as_bytes());
    assert_eq!(connection.answer().unwrap().status, 200);
    assert!(stopping.join().unwrap().is_ok());
}

#[test]
fn metrics_on_a_listener_of_their_own_are_there_alone() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let put = |listening: &mut Listening| listening.metrics = Some(listener);
    let world = World::with(|options| options.metrics_elsewhere = true, put);
    assert_eq!(world.call("GET", "/metrics", &[], b"").status, 404);
    let mut connection = crate::wire::Connection::open(address);
    assert_eq!(connection.call("GET", "/metrics", &[], b"").status, 200);
    assert_eq!(connection.call("GET", "/healthz", &[], b"").status, 404);
}

// Fails when the listener of the metrics is served without the bounds of the other one.
#[test]
fn a_head_that_is_too_slow_ends_its_connection_on_the_listener_for_metrics_too() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _world = World::with(
        |options| options.metrics_elsewhere = true,
        |listening| {
            listening.metrics = Some(listener);
            listening.deadlines.head = Duration::from_millis(100);
        },
    );
    let mut slow = crate::wire::Connection::open(address);
    slow.send(b"GET /metrics HTTP/1.1\r\nHost:");
    assert!(slow.is_ended(), "the connection is still open");
}
