//! How a request begins and ends on its connection: heads that two servers may read in two ways, clients that stop sending,
//! bodies that nobody wants.

use crate::wire::Connection;
use crate::world::{World, comes_true, customer};
use serde_json::json;
use std::time::Duration;

fn status(world: &World, head: &str) -> Option<u16> {
    let mut connection = world.connect();
    connection.send(head.as_bytes());
    connection.answer().map(|answer| answer.status)
}

// Fails when `front` does not ask `is_plain`, or `is_plain` leaves out one of its conditions.
#[test]
fn a_head_that_can_be_read_in_two_ways_is_400_and_ends_its_connection() {
    let world = World::start();
    let basic = world.workspace(&json!(null)).basic();
    for wrong in [
        "Host: a\r\nHost: b\r\n".to_owned(),
        String::new(),
        "Host: localhost:1@evil.test\r\n".to_owned(),
        "Host: [::1]evil.test\r\n".to_owned(),
        format!("Host: a\r\nAuthorization: {basic}\r\nAuthorization: {basic}\r\n"),
        "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".to_owned(),
        "Host: a\r\nTransfer-Encoding: identity, chunked\r\n".to_owned(),
    ] {
        let mut connection = world.connect();
        connection.send(
            format!("GET /healthz HTTP/1.1\r\n{wrong}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
        );
        assert_eq!(connection.answer().map(|answer| answer.status), Some(400), "{wrong:?}");
        assert!(connection.answer().is_none(), "{wrong:?}: what follows is believed");
    }
    for good in ["Host: [::1]:8080", "Host: ", "Host: a.test:1\r\nTransfer-Encoding: Chunked"] {
        assert_eq!(status(&world, &format!("GET /healthz HTTP/1.1\r\n{good}\r\n\r\n0\r\n\r\n")), Some(200), "{good:?}");
    }
    assert_eq!(status(&world, "GET /healthz HTTP/1.0\r\n\r\n"), Some(200));
}

// Fails when `Heads` is not put around the connection's bytes, or checks them while a request is in progress.
#[test]
fn a_line_feed_alone_is_400_in_a_head_and_fine_in_a_body() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    for wrong in [
        "GET /healthz HTTP/1.1\nHost: a\n\n",
        "GET /healthz HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\n",
    ] {
        let mut connection = world.connect();
        assert_eq!(connection.call("GET", "/healthz", &[], b"").status, 200);
        connection.send(wrong.as_bytes());
        assert_eq!(connection.answer().map(|answer| answer.status), Some(400), "{wrong:?}");
        assert_eq!(status(&world, wrong), Some(400), "{wrong:?}");
    }
    let body =
        "{\n\"type\": \"transition\",\n\n\"elements\": [\n{\"type\": \"customer\", \"customer_id\": \"a\\nb\"}\n]}\n";
    for _ in 0..3 {
        assert_eq!(workspace.post("transition", &[], body.as_bytes()).status, 200);
    }
}

// Fails when `half_close` is left out of `builder` in `connection/serving.rs`.
#[test]
fn a_client_that_says_that_it_sends_no_more_gets_its_answer() {
    let world = World::with_one_thread(|_| {});
    let workspace = world.workspace(&json!(null));
    let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    let gate = world.gate();
    let mut connection = world.connect();
    connection.send(
        format!(
            "POST /v1/transition/{} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
             Idempotency-Key: k\r\nContent-Length: {}\r\n\r\n{body}",
            workspace.id,
            workspace.basic(),
            body.len()
        )
        .as_bytes(),
    );
    connection.finish();
    crate::world::pause();
    drop(gate);
    assert_eq!(connection.answer().map(|answer| answer.status), Some(200));
    assert!(connection.is_ended());
}

// Fails when `poll_drained` reads nothing: the client's bytes meet a closed socket, and the reset takes the answer with it.
#[test]
fn a_client_that_sends_megabytes_before_it_reads_gets_its_413_and_one_with_a_flood_of_headers_its_431() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let mut large = world.connect();
    large.send(
        format!(
            "POST /v1/transition/{} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            workspace.id,
            workspace.basic(),
            16 << 20
        )
        .as_bytes(),
    );
    for _ in 0..16 {
        large.try_send(&[b' '; 1 << 20]).expect("the server reads on");
    }
    assert_eq!(large.answer().map(|answer| answer.status), Some(413));
    let mut flood = world.connect();
    flood.try_send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").unwrap();
    for n in 0..2_000 {
        flood.try_send(format!("X-{n}: {}\r\n", "x".repeat(1_000)).as_bytes()).expect("the server reads on");
    }
    assert_eq!(flood.answer().map(|answer| answer.status), Some(431));
}

// Fails when `in_time` does not look whether the server stops: it waits for the body as long as a body may take.
#[test]
fn a_stop_does_not_wait_for_a_body_that_does_not_come() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let mut connection = world.connect().patience(Duration::from_secs(15));
    connection.send(
        format!(
            "POST /v1/transition/{} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{",
            workspace.id,
            workspace.basic()
        )
        .as_bytes(),
    );
    let mut half = world.connect();
    half.send(b"GET /healthz HTTP/1.1\r\nHo");
    crate::world::pause();
    let stopping = std::thread::spawn(move || world.stop());
    // The deadline of a body is 20 s: its answer comes before that.
    assert_eq!(connection.answer().map(|answer| answer.status), Some(408));
    assert!(stopping.join().unwrap().is_ok());
}

// Fails when `manage_router` is not served, or `router` serves what it serves.
#[test]
fn the_management_api_and_the_console_on_a_listener_of_their_own_are_there_alone() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let world = World::with(|options| options.manage_elsewhere = true, |listening| listening.manage = Some(listener));
    let token = format!("Bearer {}", crate::world::ADMIN_TOKEN);
    let headers = [("Authorization", token.as_str())];
    let call = |there: bool, path: &str| {
        let mut connection = if there { Connection::open(address) } else { world.connect() };
        connection.call("GET", path, &headers, b"").status
    };
    for (path, here, there) in [
        ("/api/v1/workspaces", 404, 200),
        ("/sign-in", 404, 200),
        ("/healthz", 200, 200),
        ("/metrics", 200, 404),
        ("/v1/transition", 405, 404),
    ] {
        assert_eq!([call(false, path), call(true, path)], [here, there], "{path}");
    }
    assert!(comes_true(|| call(true, "/readyz") == 200));
}
