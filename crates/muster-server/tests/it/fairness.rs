//! What callers share is shared fairly: no token and no workspace takes all of it (behaviour.md 1.11.c).

use crate::tokens::make;
use crate::wire::Connection;
use crate::world::{ADMIN_TOKEN, World, comes_true};
use serde_json::{Value as Json, json};

fn post(world: &World, token: &str) -> u16 {
    let headers = [("Sec-Fetch-Site", "same-origin")];
    world.call("POST", "/sign-in", &headers, format!("token={token}").as_bytes()).status
}

/// Begins to read with this token, and sends no body.
fn slow_reader(world: &World, workspace: &str, token: &str) -> Connection {
    let mut connection = world.connect();
    connection.send(
        format!(
            "POST /api/v1/workspaces/{workspace}/users/find HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: 50\r\n\r\n{{"
        )
        .as_bytes(),
    );
    connection
}

fn viewer(world: &World, workspace: &str, token: &str) -> Connection {
    let mut connection = world.connect();
    let path = format!("/api/v1/workspaces/{workspace}/requests/live");
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n").as_bytes());
    connection
}

// Fails when the place is taken before the body is read.
#[test]
fn whoever_sends_slowly_takes_no_place_from_others() {
    let world = World::with(|options| options.management_reads = 2, |_| {});
    let workspace = world.workspace(&Json::Null);
    let _slow: Vec<_> = (0..8).map(|_| slow_reader(&world, &workspace.id, ADMIN_TOKEN)).collect();
    crate::world::pause();
    assert_eq!(world.admin("GET", "/workspaces", &Json::Null).status, 200);
    assert_eq!(workspace.find("customer_id", "nobody"), None);
}

// Fails when `take` does not count by token, by workspace, or keeps nothing for administrators.
#[test]
fn viewers_of_one_token_and_of_one_workspace_leave_places_for_others_and_some_are_kept_for_administrators() {
    let world = World::start();
    let (mine, other) = (world.workspace(&Json::Null), world.workspace(&Json::Null));
    let token =
        |name: &str, workspace: &str| make(&world, &json!({"name": name, "scopes": ["read"], "workspace": workspace}));
    let watches = |workspace: &str, token: &str| {
        let mut viewer = viewer(&world, workspace, token);
        let is_let_in = viewer.answer().unwrap().status == 200;
        is_let_in.then_some(viewer)
    };
    let mut open = Vec::new();
    let mut fill = |workspace: &str, token: &str| {
        let more: Vec<_> = (0..64).map_while(|_| watches(workspace, token)).collect();
        let count = more.len();
        open.extend(more);
        count
    };
    let (first, second) = (token("first", &mine.id), token("second", &mine.id));
    // Of 64: half for a token, three quarters for a workspace, an eighth kept.
    assert_eq!([fill(&mine.id, &first), fill(&mine.id, &second)], [32, 16]);
    assert_eq!([fill(&other.id, &token("third", &other.id)), fill(&other.id, ADMIN_TOKEN)], [8, 8]);
    open.truncate(1);
    assert!(comes_true(|| watches(&mine.id, &second).is_some()));
}

// Fails when `begin` takes the place of the oldest session, whose ever it is.
#[test]
fn a_token_that_signs_in_again_and_again_ends_its_own_sessions_alone() {
    let world = World::start();
    let headers = [("Sec-Fetch-Site", "same-origin")];
    let cookie = |token: &str| {
        let answer = world.call("POST", "/sign-in", &headers, format!("token={token}").as_bytes());
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    };
    let is_in = |cookie: &str| world.call("GET", "/workspaces", &[("Cookie", cookie)], b"").status == 200;
    let reads = make(&world, &json!({"name": "reads", "scopes": ["read"]}));
    let admin = cookie(ADMIN_TOKEN);
    world.clock.step(1);
    let first = cookie(&reads);
    world.clock.step(1);
    assert!((0..muster_server::limits::SESSIONS_TOKEN_MAX).all(|_| post(&world, &reads) == 303));
    assert_eq!([is_in(&admin), is_in(&first)], [true, false]);
}
