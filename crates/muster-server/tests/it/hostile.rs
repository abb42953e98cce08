//! Hostile input gets a clear 4xx, and the next request is served (behaviour.md 1.11).

use crate::world::{Workspace, World, customer};
use serde_json::json;
use std::time::Duration;

fn is_served(workspace: &Workspace<'_>) {
    assert_eq!(workspace.import(&[], &json!([customer("next")])).status, 200);
}

fn head(workspace: &Workspace<'_>, more: &str) -> Vec<u8> {
    let basic = workspace.basic();
    format!(
        "POST /v1/transition/{} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\nContent-Type: application/json\r\n{more}\r\n",
        workspace.id
    )
    .into_bytes()
}

#[test]
fn bodies_that_are_no_json_or_break_its_edges_are_400_and_change_nothing() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let good = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    let deep = good.replace("\"gold\"", &format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)));
    let doubled = good.replace("\"tier\":\"gold\"", "\"tier\":1,\"tier\":2");
    let mut invalid = good.clone().into_bytes();
    let at = good.find("gold").unwrap();
    invalid[at] = 0xff;
    for body in [
        good.as_bytes()[..good.len() - 2].to_vec(),
        deep.into_bytes(),
        doubled.into_bytes(),
        invalid,
        good.replace("gold", "\\ud83d").into_bytes(),
        [b"\xef\xbb\xbf", good.as_bytes()].concat(),
    ] {
        let answer = workspace.post("transition", &[], &body);
        assert_eq!((answer.status, answer.json()["status"].as_str()), (400, Some("fail")));
    }
    assert_eq!(workspace.counts(), [0, 0, 0]);
    let zero = good.replace("gold", "\\u0000");
    let overflow = good.replace("\"gold\"", "1e400");
    for (body, outcome) in [(zero, "rejected"), (overflow, "created")] {
        let answer = workspace.post("transition", &[("Prefer", "return=representation")], body.as_bytes());
        assert_eq!((answer.status, &answer.json()["results"][0]["outcome"]), (200, &json!(outcome)));
    }
    is_served(&workspace);
}

#[test]
fn a_declared_length_of_4_gb_is_413_at_once() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let mut connection = world.connect();
    connection.send(&head(&workspace, "Content-Length: 4294967296\r\n"));
    let answer = connection.answer().unwrap();
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    is_served(&workspace);
}

#[test]
fn a_client_that_sends_all_before_it_reads_gets_its_413() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let mut connection = world.connect();
    connection.send(&head(&workspace, "Transfer-Encoding: chunked\r\n"));
    for _ in 0..8 {
        connection.send(b"10000\r\n");
        connection.send(&[b' '; 0x10000]);
        connection.send(b"\r\n");
    }
    connection.send(b"0\r\n\r\n");
    // Without draining in `http/body.rs` the answer is lost in a reset connection.
    assert_eq!(connection.answer().unwrap().status, 413);
    is_served(&workspace);
}

#[test]
fn a_body_that_is_too_slow_is_408() {
    let world = World::with(|options| options.body_deadline = Duration::from_millis(50), |_| {});
    let workspace = world.workspace(&json!(null));
    let mut connection = world.connect();
    connection.send(&head(&workspace, "Content-Length: 100\r\n"));
    connection.send(b"{");
    // Without the deadline in `body::read` this waits for ever.
    let answer = connection.answer().unwrap();
    assert_eq!((answer.status, answer.json()["status"].as_str()), (408, Some("fail")));
    is_served(&workspace);
}

#[test]
fn a_body_shorter_than_declared_applies_nothing() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let mut connection = world.connect();
    let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    connection.send(&head(&workspace, &format!("Content-Length: {}\r\n", body.len() + 1)));
    connection.send(body.as_bytes());
    connection.finish();
    let answer = connection.answer();
    assert!(answer.is_none_or(|answer| answer.status == 400));
    assert_eq!(workspace.counts(), [0, 0, 0]);
    is_served(&workspace);
}

#[test]
fn a_head_that_is_too_slow_or_too_large_ends_its_connection_alone() {
    let world = World::with(|_| {}, |listening| listening.deadlines.head = Duration::from_millis(100));
    let workspace = world.workspace(&json!(null));
    let mut slow = world.connect();
    slow.send(b"POST /v1/transition/X HTTP/1.1\r\nHost:");
    assert!(slow.answer().is_none_or(|answer| answer.status == 408));
    let mut flood = world.connect();
    flood.send(b"POST /v1/transition/X HTTP/1.1\r\n");
    for n in 0..5_000 {
        flood.send(format!("X-Flood-{n}: {}\r\n", "x".repeat(100)).as_bytes());
    }
    flood.send(b"\r\n");
    assert!(flood.answer().is_none_or(|answer| answer.status == 431));
    let mut garbage = world.connect();
    garbage.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not http at all\r\n\r\n");
    assert!(garbage.answer().is_none_or(|answer| answer.status == 400));
    is_served(&workspace);
}

#[test]
fn one_client_with_wrong_keys_does_not_slow_one_with_the_right_key() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let wrong = Workspace { key: "wrong".to_owned(), ..world.workspace(&json!(null)) };
    for _ in 0..7 {
        assert_eq!(wrong.import(&[], &json!([customer("a")])).status, 401);
    }
    is_served(&workspace);
}
