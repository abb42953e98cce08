//! What a request can make the server hold before its caller is known, for every route and each kind of caller
//! (behaviour.md 1.11.f); and that a body that is read for somebody is charged to the memory kept for bodies.

use crate::frames::{
    DATA, DEFAULT_WINDOW, HEADERS, Http2, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, request,
};
use crate::tokens::{fixtures, make};
use crate::wire::Connection;
use crate::world::{ADMIN_TOKEN, READ_TOKEN, Workspace, World, basic, comes_true};
use muster_server::limits::{
    HEAD_BYTES_MAX, OPEN_FORM_BYTES_MAX, READING_FORM_BYTES_MAX, UNKNOWN_CONNECTION_BYTES_MAX, UNKNOWN_STREAM_BYTES_MAX,
};
use serde_json::{Value as Json, json};

/// One more than anybody may send who may not change things.
const TOO_LONG: usize = 9 * 1024;

/// A request's header that says who calls.
type Who = (&'static str, String);

/// Everybody who is refused, by the kind of API that a route belongs to.
struct Callers {
    data: Vec<Option<Who>>,
    manage: Vec<Option<Who>>,
    console: Vec<Option<Who>>,
}

fn cookie(world: &World, token: &str) -> Who {
    let body = format!("token={token}");
    let answer = world.call("POST", "/sign-in", &[("Sec-Fetch-Site", "same-origin")], body.as_bytes());
    assert_eq!(answer.status, 303);
    ("Cookie", answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned())
}

/// Nobody, a wrong secret, too small a scope, another workspace.
fn refused(world: &World, workspace: &Workspace<'_>) -> Callers {
    let other = world.workspace(&Json::Null);
    let bearer = |token: &str| ("Authorization", format!("Bearer {token}"));
    let bound = make(world, &json!({"name": "of-other", "scopes": ["admin"], "workspace": other.id}));
    let blocked = make(world, &json!({"name": "erases", "scopes": ["erase"]}));
    let rotated = workspace.admin("POST", "/keys/rotate", &json!({"scopes": ["read"], "grace_seconds": 3_600})).json();
    let small = rotated["data_api_key"].as_str().unwrap();
    Callers {
        data: vec![
            None,
            Some(("Authorization", basic(&workspace.id, "wrong"))),
            Some(("Authorization", basic(&workspace.id, small))),
            Some(("Authorization", basic(&other.id, &other.key))),
        ],
        manage: vec![None, Some(bearer("wrong")), Some(bearer(&blocked)), Some(bearer(&bound))],
        console: vec![
            None,
            Some(("Cookie", "muster-session=wrong".to_owned())),
            Some(cookie(world, READ_TOKEN)),
            Some(cookie(world, &bound)),
        ],
    }
}

/// Every route with its path filled in, as this API's callers would call it.
fn routes(workspace: &Workspace<'_>) -> Vec<(&'static str, &'static str, String)> {
    let mut known = fixtures(workspace);
    known.push(("workspace_id", workspace.id.clone()));
    let all = muster_server::router::call_paths().into_iter().chain(muster_server::router::console_paths());
    let filled = all.map(|(method, template)| {
        let mut path = template.replace("/assets/{name}", "/assets/none");
        for (name, value) in &known {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(!path.contains('{'), "{template} has a part that the fixtures do not know");
        (method, template, path)
    });
    filled.collect()
}

fn callers_of<'a>(callers: &'a Callers, template: &str) -> &'a [Option<Who>] {
    match template {
        _ if template.starts_with("/v1/") => &callers.data,
        _ if template.starts_with("/api/") => &callers.manage,
        _ => &callers.console,
    }
}

/// A minute after a wrong secret its address is forgiven. Others stay signed in.
fn forgive(world: &World, who: Option<&Who>) {
    if who.is_some_and(|(_, secret)| secret.ends_with("wrong") || secret.starts_with("Basic")) {
        world.clock.step(61);
    }
}

/// The head of a request of this caller, with what says how long its body is.
fn head((method, path): (&str, &str), who: Option<&Who>, body: &str) -> String {
    let who = who.map(|(name, value)| format!("{name}: {value}\r\n")).unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: muster.test\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/json\r\n{who}{body}\r\n\r\n"
    )
}

// Fails when `open_form` takes as much as `form`, when `PageContext::open`, `ManageCall::from_request` or `serve` in `import.rs` reads
// the body before the caller is known, and when `HEAD_BYTES_MAX` is 64 KiB.
#[test]
fn over_http_1_nobody_makes_the_server_hold_more_than_a_head_twice_and_a_short_form_before_he_is_refused() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let (routes, callers) = (routes(&workspace), refused(&world, &workspace));
    for (method, template, path) in &routes {
        for who in callers_of(&callers, template) {
            forgive(&world, who.as_ref());
            let mut declares = world.connect();
            declares.send(head((method, path), who.as_ref(), &format!("Content-Length: {}", 1 << 20)).as_bytes());
            assert!(declares.answer().is_some(), "{method} {template} of {who:?} waits for a body of 1 MiB");
            let mut streams = world.connect();
            streams.send(head((method, path), who.as_ref(), "Transfer-Encoding: chunked").as_bytes());
            streams.send(format!("{TOO_LONG:x}\r\n{}", "x".repeat(TOO_LONG)).as_bytes());
            assert!(
                streams.answer().is_some(),
                "{method} {template} of {who:?} takes {TOO_LONG} bytes and waits for more"
            );
        }
    }
    let form = usize::try_from(OPEN_FORM_BYTES_MAX.max(READING_FORM_BYTES_MAX)).unwrap();
    assert!(form < TOO_LONG && 2 * HEAD_BYTES_MAX + form <= UNKNOWN_STREAM_BYTES_MAX);
}

/// Sends a request over HTTP/2 and of its body as much as the server lets in before it answers; how much that was, on the
/// stream and on the connection, and how much it says that a head may have.
fn let_in(connection: &mut Http2, stream: u32, headers: &[(&str, &str)]) -> u64 {
    assert!(connection.begin(stream, headers, 0));
    let (mut sent, mut granted) = (0, u64::MAX);
    loop {
        while sent < granted.min(40 * 1024) {
            let size = (granted.min(40 * 1024) - sent).min(8 * 1024);
            connection.send(&frame(DATA, 0, stream, &vec![b'x'; usize::try_from(size).unwrap()]));
            sent += size;
        }
        granted = granted.min(sent);
        match connection.next() {
            Some(frame) if frame.kind == HEADERS && frame.stream == stream => return granted,
            Some(frame) if frame.kind == RST_STREAM && frame.stream == stream => return granted,
            Some(frame) if frame.kind == WINDOW_UPDATE && frame.stream == stream => granted += frame.number(),
            Some(_) => {}
            None => panic!("the server ended the connection"),
        }
    }
}

// Fails when the windows of `builder` in `connection/serving.rs` are left out, or when the body is read before the caller is known.
#[test]
fn over_http_2_no_stream_holds_more_than_64_kib_and_no_connection_more_than_1_mib_before_the_caller_is_known() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let (routes, callers) = (routes(&workspace), refused(&world, &workspace));
    let mut connection = Http2::open(world.address, &[]);
    let settings = connection.until(|frame| frame.kind == SETTINGS).unwrap().settings();
    let told = |name: u16| u64::from(settings[&name]);
    let widened = connection.until(|frame| frame.kind == WINDOW_UPDATE && frame.stream == 0).unwrap().number();
    let form = OPEN_FORM_BYTES_MAX.max(READING_FORM_BYTES_MAX);
    let (stream_max, connection_max) = (UNKNOWN_STREAM_BYTES_MAX as u64, UNKNOWN_CONNECTION_BYTES_MAX as u64);
    let buffers = muster_server::limits::CONNECTION_BUFFER_BYTES as u64;
    let together =
        DEFAULT_WINDOW + widened + buffers + told(MAX_CONCURRENT_STREAMS) * (told(MAX_HEADER_LIST_SIZE) + form);
    assert!(together <= connection_max, "{together} bytes a connection");
    for (method, template, path) in &routes {
        for who in callers_of(&callers, template) {
            forgive(&world, who.as_ref());
            let mut headers = request(method, path);
            headers.extend([("sec-fetch-site", "same-origin"), ("content-type", "application/json")]);
            let lower = who.as_ref().map(|(name, value)| (name.to_ascii_lowercase(), value));
            headers.extend(lower.as_ref().map(|(name, value)| (name.as_str(), value.as_str())));
            let mut connection = Http2::open(world.address, &[]);
            let held = let_in(&mut connection, 1, &headers) + told(MAX_HEADER_LIST_SIZE) + form;
            assert!(held <= stream_max, "{method} {template} of {who:?}: {held} bytes");
            assert!(told(INITIAL_WINDOW_SIZE) + told(MAX_HEADER_LIST_SIZE) + form <= stream_max);
        }
    }
}

/// Bytes that are charged for bodies.
fn charged(world: &World) -> u64 {
    let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
    metrics.lines().find_map(|line| line.strip_prefix("muster_body_bytes ")).unwrap().parse().unwrap()
}

// Fails when `body::admit` does not keep what it took, or one of its callers drops `room` before it has answered.
#[test]
fn a_body_that_is_read_for_somebody_is_charged_to_the_memory_for_bodies_whatever_the_route() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let routes = routes(&workspace);
    let callers = [
        ("Authorization", workspace.basic()),
        ("Authorization", format!("Bearer {ADMIN_TOKEN}")),
        cookie(&world, ADMIN_TOKEN),
    ];
    let mut seen = 0;
    for (method, template, path) in routes {
        if method == "GET" || ["/sign-in", "/theme"].contains(&template) {
            continue;
        }
        let api = if template.starts_with("/v1/") { 0 } else { 1 + usize::from(!template.starts_with("/api/")) };
        let path = if template.contains('{') || api > 0 { path } else { format!("{path}?app_id={}", workspace.id) };
        let is_short = api == 2 && !template.starts_with("/w/");
        let bytes: u64 = if is_short { READING_FORM_BYTES_MAX } else { 100_000 };
        let mut connection: Connection = world.connect();
        connection.send(head((method, &path), Some(&callers[api]), &format!("Content-Length: {bytes}")).as_bytes());
        connection.send(b"x");
        assert!(comes_true(|| charged(&world) == bytes), "{method} {template}: {} bytes", charged(&world));
        drop(connection);
        assert!(comes_true(|| charged(&world) == 0), "{method} {template} gives back nothing");
        seen += 1;
    }
    assert!(seen > 45, "{seen} routes");
}
