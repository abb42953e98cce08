//! Signing in and out, and when a session ends.

use super::{Browser, coded, text};
use crate::wire::{Answer, Connection};
use crate::world::{ADMIN_TOKEN, READ_TOKEN, World};
use serde_json::{Value as Json, json};
use std::net::{TcpListener, UdpSocket};

const HOUR: i64 = 3_600;

fn place(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.header("location").unwrap_or_default())
}

/// Whether the browser is signed in still.
fn is_in(browser: &Browser<'_>) -> bool {
    let answer = browser.get("/workspaces");
    assert!(answer.status == 200 || place(&answer) == (303, "/sign-in?next=/workspaces"), "{}", answer.status);
    answer.status == 200
}

// Fails when `set_session` leaves out one of its attributes, or `is_secure` answers true.
#[test]
fn signing_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get() {
    let world = World::start();
    let answer = Browser::nobody(&world).post("/sign-in", &[("token", ADMIN_TOKEN), ("next", "/workspaces")]);
    assert_eq!(place(&answer), (303, "/workspaces"));
    let line = answer.header("set-cookie").unwrap();
    let (pair, rest) = line.split_once(';').unwrap();
    assert_eq!(rest, " Path=/; Max-Age=604800; HttpOnly; SameSite=Lax");
    let value = pair.strip_prefix("muster-session=").unwrap();
    assert!(value.len() >= 43 && value != ADMIN_TOKEN, "{value}");
}

// Fails when `signed_in` begins a session before it asks `app.caller`.
#[test]
fn a_wrong_token_is_refused_the_sixth_as_the_first_and_the_right_one_is_taken_after_them() {
    let world = World::start();
    for _ in 0..6 {
        let answer = Browser::nobody(&world).post("/sign-in", &[("token", "wrong"), ("next", "/workspaces")]);
        assert_eq!((answer.status, answer.header("set-cookie")), (401, None));
        let page = text(&answer);
        assert!(page.contains("No such token. It may have been revoked."), "{page}");
        assert!(page.contains("name=\"next\" value=\"/workspaces\"") && !page.contains("wrong"), "{page}");
    }
    assert!(is_in(&Browser::signed_in(&world, ADMIN_TOKEN)));
}

// Fails when `is_local` answers true.
#[test]
fn signing_in_leads_to_a_page_of_this_server_and_nowhere_else() {
    let world = World::start();
    let elsewhere = [
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "evil.test",
        "/a\r\nX: y",
        "/\t/evil.test",
        "\\\\evil.test",
    ];
    for next in elsewhere {
        let answer = Browser::nobody(&world).post("/sign-in", &[("token", ADMIN_TOKEN), ("next", next)]);
        assert_eq!(place(&answer), (303, "/"), "{next:?}");
        let page = text(&Browser::nobody(&world).get(&format!("/sign-in?next={}", coded(next))));
        assert!(page.contains("name=\"next\" value=\"/\""), "{next:?}: {page}");
    }
}

// Fails when `sign_out` leaves out `sessions.end`.
#[test]
fn signing_out_ends_the_session_and_takes_its_cookie_away() {
    let world = World::start();
    let (browser, other) = (Browser::signed_in(&world, ADMIN_TOKEN), Browser::signed_in(&world, ADMIN_TOKEN));
    let answer = browser.post("/sign-out", &[]);
    assert_eq!(place(&answer), (303, "/sign-in"));
    let line = "muster-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax";
    assert_eq!(answer.header("set-cookie"), Some(line));
    assert_eq!([is_in(&browser), is_in(&other)], [false, true]);
}

// Fails when `signed_in` does not end the session of the cookie that came.
#[test]
fn signing_in_again_ends_the_session_that_the_browser_had() {
    let world = World::start();
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    assert_eq!(browser.post("/sign-in", &[("token", ADMIN_TOKEN)]).status, 303);
    assert!(!is_in(&browser));
}

// Fails when `onward` does not look at the length.
#[test]
fn the_sign_in_page_leads_on_to_no_place_of_more_than_a_kilobyte() {
    let world = World::start();
    let long = format!("/{}", "x".repeat(2_000));
    let page = text(&Browser::nobody(&world).get(&format!("/sign-in?next={long}")));
    assert!(page.contains("name=\"next\" value=\"/\""), "{page}");
    assert_eq!(place(&Browser::nobody(&world).get("/workspaces")), (303, "/sign-in?next=/workspaces"));
}

// Fails when `PageContext::open` keeps the caller of the session instead of asking `caller_of` again.
#[test]
fn a_session_ends_with_its_token() {
    let world = World::start();
    let made = world.admin("POST", "/tokens", &json!({"name": "short", "scopes": ["read"]})).json();
    let browser = Browser::signed_in(&world, made["token"].as_str().unwrap());
    assert!(is_in(&browser));
    assert_eq!(world.admin("DELETE", "/tokens/short", &Json::Null).status, 204);
    assert!(!is_in(&browser));
}

// Fails when `Session::is_over` leaves out either side.
#[test]
fn a_session_ends_when_it_is_idle_for_twelve_hours_and_in_any_case_after_seven_days() {
    let world = World::start();
    let browser = Browser::signed_in(&world, READ_TOKEN);
    for _ in 0..15 {
        world.clock.step(11 * HOUR);
        assert!(is_in(&browser));
    }
    world.clock.step(3 * HOUR - 1);
    assert!(is_in(&browser));
    world.clock.step(1);
    assert!(!is_in(&browser), "165 h and 3 h are seven days");
    let idle = Browser::signed_in(&world, READ_TOKEN);
    world.clock.step(12 * HOUR - 1);
    assert!(is_in(&idle));
    world.clock.step(12 * HOUR);
    assert!(!is_in(&idle));
}

// Fails when `PageContext::open` takes what the script asks for as a use.
#[test]
fn what_the_script_of_an_open_page_asks_for_keeps_no_session_alive() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let browser = Browser::signed_in(&world, READ_TOKEN);
    let path = format!("/w/{}/live/rate", workspace.id);
    let refreshes =
        || world.call("GET", &path, &[("Cookie", &browser.cookie), ("Sec-Fetch-Dest", "empty")], b"").status == 200;
    world.clock.step(11 * HOUR);
    assert!(refreshes());
    world.clock.step(HOUR);
    assert!(!refreshes() && !is_in(&browser));
}

// Fails when `PageContext::open` continues without a session.
#[test]
fn without_a_session_every_page_leads_to_the_sign_in_page_and_nothing_is_done() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let fixtures = crate::tokens::fixtures(&workspace);
    for cookie in ["", "muster-session=guessed"] {
        let browser = Browser { world: &world, cookie: cookie.to_owned() };
        for (template, path) in super::addresses("GET", &fixtures) {
            if !["/sign-in", "/docs", "/assets/{name}"].contains(&template) {
                assert_eq!(place(&browser.get(&path)), (303, &*format!("/sign-in?next={path}")), "{template}");
            }
        }
        for (template, path) in super::addresses("POST", &fixtures) {
            if !["/sign-in", "/theme"].contains(&template) {
                assert_eq!(place(&browser.post(&path, &[])), (303, "/sign-in?next=/"), "{template}");
            }
        }
    }
}

// Fails when `signed_in` leaves out `is_loopback`. Needs an address of this machine that is not loopback.
#[test]
fn over_an_open_network_no_token_is_taken_unless_a_trusted_proxy_says_that_it_came_over_tls() {
    let own = UdpSocket::bind("0.0.0.0:0").and_then(|it| it.connect("192.0.2.1:9").and_then(|()| it.local_addr()));
    let Some(own) = own.ok().map(|it| it.ip()).filter(|it| !it.is_loopback() && !it.is_unspecified()) else {
        eprintln!("skipped: this machine has no address beside loopback");
        return;
    };
    let open = |proxies: Vec<ipnet::IpNet>| {
        World::with(
            |options| options.trusted_proxies = proxies,
            |place| place.listener = TcpListener::bind((own, 0)).unwrap(),
        )
    };
    let try_in = |world: &World, more: &str| {
        let body = format!("token={ADMIN_TOKEN}");
        let headers =
            format!("Host: muster.test\r\nSec-Fetch-Site: same-origin\r\n{more}Content-Length: {}", body.len());
        let mut connection = Connection::open(world.address);
        connection.send(format!("POST /sign-in HTTP/1.1\r\n{headers}\r\n\r\n{body}").as_bytes());
        connection.answer().unwrap()
    };
    let world = open(Vec::new());
    for more in ["", "X-Forwarded-Proto: https\r\n", "X-Forwarded-For: 127.0.0.1\r\n"] {
        let refused = try_in(&world, more);
        assert_eq!((refused.status, refused.header("set-cookie")), (403, None), "{more}");
    }
    let behind = open(vec![own.into()]);
    let taken = try_in(&behind, "X-Forwarded-Proto: https\r\n");
    assert_eq!(taken.status, 303);
    let line = taken.header("set-cookie").unwrap();
    assert!(
        line.starts_with("__Host-muster-session=") && line.ends_with("; HttpOnly; SameSite=Strict; Secure"),
        "{line}"
    );
}
