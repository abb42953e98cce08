//! HTTP/2 clients that mean harm, frame by frame (behaviour.md 1.11): each loses its connection or its streams, and others
//! are served meanwhile and afterwards.

use crate::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Http2, INITIAL_WINDOW_SIZE, PING, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, block, frame, request,
};
use crate::wire::Connection;
use crate::world::{ADMIN_TOKEN, World, comes_true};
use muster_server::limits::{STREAM_HEAD_BYTES_MAX, STREAMS_MAX};
use std::time::Duration;

const ENHANCE_YOUR_CALM: u64 = 11;

/// A server whose clients have little time.
fn hurried(change: impl FnOnce(&mut muster_server::serve::Deadlines)) -> World {
    World::with(|_| {}, |listening| change(&mut listening.deadlines))
}

fn is_served(world: &World) -> bool {
    world.call("GET", "/healthz", &[], b"").status == 200
}

/// Connections that ended for this reason.
fn ended(world: &World, why: &str) -> u64 {
    let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
    let name = format!("muster_connections_ended_total{{why=\"{why}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
}

// Fails when `Spawner` does not watch for `overdue`.
#[test]
fn a_stream_whose_answer_is_not_taken_is_reset_and_its_connection_goes_on() {
    let world = hurried(|deadlines| deadlines.write = Duration::from_millis(200));
    let mut client = Http2::open(world.address, &[(INITIAL_WINDOW_SIZE, 0)]);
    for stream in [1, 3, 5] {
        client.begin(stream, &request("GET", "/metrics"), END_STREAM);
    }
    let mut reset = Vec::new();
    while reset.len() < 3 {
        let frame = client.until(|frame| frame.kind == RST_STREAM).expect("the connection stays open");
        reset.push(frame.stream);
    }
    reset.sort_unstable();
    assert_eq!(reset, [1, 3, 5]);
    client.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]));
    client.begin(9, &request("GET", "/healthz"), END_STREAM);
    assert_eq!(client.status(9), Some(200));
}

// Fails when `Connection::overdue` does not look at the streams: an answer of which the last byte lies in a buffer has no
// task that could be ended.
#[test]
fn a_connection_that_leaves_the_last_piece_of_an_answer_is_ended() {
    let world = hurried(|deadlines| deadlines.write = Duration::from_millis(200));
    let mut client = Http2::open(world.address, &[(INITIAL_WINDOW_SIZE, 1)]);
    client.begin(1, &request("GET", "/healthz"), END_STREAM);
    assert!(client.is_ended());
    assert!(is_served(&world) && ended(&world, "stalled") == 1);
}

// Fails when a place is taken by the bytes of an answer and nothing ends the stream.
#[test]
fn reading_places_come_back_from_a_client_that_takes_no_answer() {
    let world = World::with(
        |options| options.management_reads = 2,
        |listening| listening.deadlines.write = Duration::from_millis(200),
    );
    let mut client = Http2::open(world.address, &[(INITIAL_WINDOW_SIZE, 0)]);
    let token = format!("Bearer {ADMIN_TOKEN}");
    let mut headers = request("GET", "/api/v1/workspaces");
    headers.push(("authorization", &token));
    for n in 0..STREAMS_MAX {
        client.begin(1 + 2 * n, &headers, END_STREAM);
    }
    assert!(comes_true(|| world.admin("GET", "/workspaces", &serde_json::Value::Null).status == 200));
}

// Fails when `overdue` counts pings, or has no deadline for idle connections.
#[test]
fn a_connection_that_asks_for_nothing_more_is_ended_whatever_it_says_meanwhile() {
    let world = hurried(|deadlines| deadlines.idle = Duration::from_millis(200));
    let mut client = Http2::open(world.address, &[]);
    client.begin(1, &request("GET", "/healthz"), END_STREAM);
    assert_eq!(client.status(1), Some(200));
    let said_goodbye = (0..1_000_000).any(|_| {
        client.send(&frame(PING, 0, 0, b"12345678"));
        client.next().is_none_or(|frame| frame.kind == GOAWAY)
    });
    assert!(said_goodbye && client.is_ended());
    let mut idle = world.connect();
    assert_eq!(idle.call("GET", "/healthz", &[], b"").header("keep-alive"), Some("timeout=0"));
    assert!(idle.is_ended());
}

// Fails when the deadline for a first request is left out.
#[test]
fn a_connection_that_never_asks_is_ended() {
    let world = hurried(|deadlines| deadlines.head = Duration::from_millis(100));
    assert!(Http2::open(world.address, &[]).is_ended());
    assert!(Connection::open(world.address).is_ended());
    assert!(comes_true(|| ended(&world, "silent") == 2));
}

// Fails when `admit` refuses the newest connection instead of ending an idle one.
#[test]
fn idle_connections_of_one_client_do_not_keep_another_out() {
    let world = World::with(|_| {}, |listening| listening.connections_max = 40);
    let mut held: Vec<Http2> = (0..60)
        .map(|_| {
            let mut client = Http2::open(world.address, &[]);
            client.begin(1, &request("GET", "/healthz"), END_STREAM);
            assert_eq!(client.status(1), Some(200));
            client
        })
        .collect();
    assert!(is_served(&world));
    assert!(held[0].is_ended(), "the oldest gave way");
}

// Fails when `STREAMS_MAX` is not told to the client, or not kept.
#[test]
fn a_hundred_and_ninety_streams_with_slow_bodies_are_32_and_others_are_served() {
    let world = World::start();
    let mut client = Http2::open(world.address, &[]);
    let mut headers = request("POST", "/theme");
    headers.push(("sec-fetch-site", "same-origin"));
    for n in 0..190 {
        client.begin(1 + 2 * n, &headers, 0);
    }
    let refused = (0..190 - STREAMS_MAX).filter(|_| {
        let frame = client.until(|frame| frame.kind == RST_STREAM || frame.kind == GOAWAY);
        // REFUSED_STREAM: it may be sent again.
        frame.is_some_and(|frame| frame.kind == RST_STREAM && frame.number() == 7)
    });
    assert!(refused.count() > 0, "streams beyond the bound are refused");
    for n in 0..STREAMS_MAX {
        client.send(&frame(DATA, 0, 1 + 2 * n, b"t"));
    }
    assert!(is_served(&world));
}

// Fails when hyper's bound on streams that were taken back is lifted.
#[test]
fn requests_that_are_taken_back_at_once_again_and_again_end_their_connection() {
    let world = World::start();
    let mut client = Http2::open(world.address, &[]);
    let sent = (0..20_000_u32).all(|n| {
        let stream = 1 + 2 * n;
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        let begun = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&request("GET", "/metrics")));
        client.send(&[begun, reset].concat())
    });
    let told = client.until(|frame| frame.kind == GOAWAY);
    assert!(!sent || told.as_ref().is_some_and(|frame| frame.code() == ENHANCE_YOUR_CALM), "{told:?}");
    assert!(is_served(&world));
}

// There is nothing in the product to leave out: hyper answers these floods as they arrive, and the socket ends clients that
// do not read.
#[test]
fn floods_of_pings_and_settings_that_nobody_reads_end_their_connection() {
    for flood in [frame(PING, 0, 0, b"12345678"), frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff])] {
        let world = hurried(|deadlines| {
            (deadlines.write, deadlines.head) = (Duration::from_millis(200), Duration::from_secs(2))
        });
        let mut client = Http2::open(world.address, &[]);
        let many = flood.repeat(500);
        let is_ended = (0..20_000).any(|_| !client.send(&many));
        assert!(is_ended && is_served(&world));
    }
}

// Fails when `max_header_list_size` is left out: hyper's own bound is the same, so leave out both.
#[test]
fn heads_without_an_end_and_heads_that_are_too_large_are_refused() {
    let world = World::start();
    let mut endless = Http2::open(world.address, &[]);
    endless.send(&frame(HEADERS, END_STREAM, 1, &block(&request("GET", "/healthz"))));
    let more = frame(CONTINUATION, 0, 1, &block(&[("x-flood", &"x".repeat(1_000))]));
    let is_ended = (0..5_000).any(|_| !endless.send(&more));
    let told = endless.until(|frame| frame.kind == GOAWAY);
    assert!(is_ended || told.is_some());
    let mut large = Http2::open(world.address, &[]);
    let size = usize::try_from(STREAM_HEAD_BYTES_MAX).unwrap();
    let value = "x".repeat(size / 4);
    let mut headers = request("GET", "/healthz");
    headers.extend([("x-a", value.as_str()), ("x-b", &value), ("x-c", &value), ("x-d", &value)]);
    let whole = block(&headers);
    let (first, rest) = whole.split_at(16_000);
    large.send(&frame(HEADERS, END_STREAM, 1, first));
    large.send(&frame(CONTINUATION, END_HEADERS, 1, rest));
    let answered = large.until(|frame| matches!(frame.kind, HEADERS | RST_STREAM | GOAWAY)).unwrap();
    assert!(answered.kind != HEADERS || answered.status() == Some(431), "{answered:?}");
    assert!(is_served(&world));
}

#[test]
fn frames_that_are_no_http_2_end_their_connection() {
    let world = World::start();
    for wrong in [
        frame(DATA, 0, 0, b"x"),
        frame(SETTINGS, 0, 1, &[]),
        frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        frame(PING, ACK, 0, b"short"),
        frame(HEADERS, END_HEADERS, 2, &block(&request("GET", "/healthz"))),
    ] {
        let mut client = Http2::open(world.address, &[]);
        client.send(&wrong);
        assert!(client.is_ended(), "{wrong:?}");
    }
    assert!(is_served(&world));
}
