//! The sign-in page says why the session of a browser ended: only to the browser that has its cookie.

use super::{Browser, text};
use crate::tokens::make;
use crate::wire::Answer;
use crate::world::{ADMIN_TOKEN, READ_TOKEN, World};
use muster_server::limits::{SESSION_IDLE_MS, SESSION_MS, SESSIONS_TOKEN_MAX};
use serde_json::{Value as Json, json};

/// The words of the notice of a sign-in page; empty if it has none.
pub(super) fn message(answer: &Answer) -> String {
    let page = text(answer);
    assert!(page.contains("<h1>Sign in</h1>"), "{}: {page}", answer.status);
    let Some((_, rest)) = page.split_once("id=\"ended\">") else { return String::new() };
    let (_, rest) = rest.split_once("<p>").unwrap();
    rest.split_once("</p>").unwrap().0.to_owned()
}

/// Returns the page that a browser is redirected to from another.
fn target_page(browser: &Browser<'_>) -> String {
    let answer = browser.get("/workspaces");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/sign-in?next=/workspaces")));
    message(&browser.get("/sign-in?next=/workspaces"))
}

// Fails when a caller of `Sessions::end` gives another reason, or `signed_in` in `console/visit.rs` leaves out `lost`.
#[test]
fn the_sign_in_page_names_what_ended_the_session_of_the_cookie_that_comes() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let signed = |token: &str| Browser::signed_in(&world, token);
    let left = signed(ADMIN_TOKEN);
    assert_eq!(left.post("/sign-out", &[]).status, 303);
    let older = signed(ADMIN_TOKEN);
    assert_eq!(older.post("/sign-in", &[("token", ADMIN_TOKEN)]).status, 303);
    let revoked = signed(&make(&world, &json!({"name": "revoked", "scopes": ["read"]})));
    assert_eq!(world.admin("DELETE", "/tokens/revoked", &Json::Null).status, 204);
    let bound = signed(&make(&world, &json!({"name": "bound", "scopes": ["read"], "workspace": workspace.id})));
    assert_eq!(workspace.admin("DELETE", "", &json!({"confirm": workspace.id})).status, 202);
    let expired = signed(&make(&world, &json!({"name": "short", "scopes": ["read"], "expires_in": 60})));
    world.clock.step(60);
    let many = make(&world, &json!({"name": "many", "scopes": ["read"]}));
    let first = signed(&many);
    world.clock.step(1);
    (0..SESSIONS_TOKEN_MAX).for_each(|_| drop(signed(&many)));
    let gone = "You were signed out because your token is no longer valid: it was revoked or replaced, or its workspace was \
                deleted.";
    assert_eq!(
        [&left, &older, &revoked, &bound, &expired, &first].map(target_page),
        [
            "You are signed out.",
            "You were signed out because this browser signed in again.",
            gone,
            gone,
            "You were signed out because your token has expired.",
            "You were signed out by newer sessions of the same token, which may have 100 at a time.",
        ]
    );
}

// Fails when `Session::over` names the wrong one, or `state` ignores the time.
#[test]
fn a_session_that_is_over_by_time_says_which_time_it_was() {
    let world = World::start();
    let (idle, old) = (Browser::signed_in(&world, READ_TOKEN), Browser::signed_in(&world, READ_TOKEN));
    let (idle_s, all_s) = (SESSION_IDLE_MS / 1_000, SESSION_MS / 1_000);
    world.clock.step(idle_s - 1);
    assert_eq!([&idle, &old].map(|it| message(&it.get("/sign-in"))), ["", ""]);
    assert_eq!(old.get("/workspaces").status, 200);
    world.clock.step(1);
    assert_eq!(old.get("/workspaces").status, 200);
    // Without a visit to another page before.
    assert_eq!(message(&idle.get("/sign-in")), "You were signed out after 12 hours without use.");
    for _ in 0..12 {
        world.clock.step(idle_s - 1);
        assert_eq!(old.get("/workspaces").status, 200);
    }
    world.clock.step(all_s - idle_s - 12 * (idle_s - 1));
    assert_eq!(target_page(&old), "You were signed out: a session lasts 7 days at most.");
}

// Fails when `words` of `SessionState::Unknown` names a reason, or `show` says something without a cookie.
#[test]
fn a_cookie_that_nobody_was_given_learns_nothing() {
    let world = World::start();
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    assert_eq!(browser.post("/sign-out", &[]).status, 303);
    let unknown = "This server does not know your session. It may have ended some time ago, or the server lost it in a \
                   restart.";
    let guessed = |cookie: &str| message(&Browser { world: &world, cookie: cookie.to_owned() }.get("/sign-in"));
    let real = &browser.cookie[..browser.cookie.len() - 1];
    assert_eq!(["muster-session=guessed", real, ""].map(guessed), [unknown, unknown, ""]);
}

// Fails when `end` in `console/pages/sign_in.rs` sets no cookie, or `show` does not take it away again.
#[test]
fn whoever_signs_out_is_told_so_once() {
    let world = World::start();
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let answer = browser.post("/sign-out", &[]);
    let lines = answer.all("set-cookie");
    let own = "muster-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax";
    let note = "muster-signed-out=1; Path=/sign-in; Max-Age=60; HttpOnly; SameSite=Lax";
    assert_eq!(lines, [own, note]);
    // What a browser makes of these lines.
    let after = Browser { world: &world, cookie: "muster-signed-out=1".to_owned() };
    let page = after.get("/sign-in");
    assert_eq!(message(&page), "You are signed out.");
    let taken = "muster-signed-out=; Path=/sign-in; Max-Age=0; HttpOnly; SameSite=Lax";
    assert_eq!(page.all("set-cookie"), [taken]);
}

// Fails when `Sessions::counts_by_token` counts sessions of other tokens, or those that are over; or `suspend` names no number.
#[test]
fn revoking_a_token_and_suspending_a_workspace_say_how_much_ends() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let token = make(&world, &json!({"name": "two", "scopes": ["read"]}));
    let _over = Browser::signed_in(&world, &token);
    world.clock.step(SESSION_IDLE_MS / 2_000);
    let _live = [(); 2].map(|()| Browser::signed_in(&world, &token));
    let _unused = make(&world, &json!({"name": "unused", "scopes": ["read"]}));
    let admin = Browser::signed_in(&world, ADMIN_TOKEN);
    world.clock.step(SESSION_IDLE_MS / 2_000);
    let tokens = text(&admin.get("/tokens"));
    let of = |name: &str| {
        tokens.split_once(&format!("<dialog id=\"revoke-{name}\"")).unwrap().1.split_once("</dialog>").unwrap().0
    };
    let ends = |count: &str, noun: &str| format!("<b class=\"bad\">{count}</b><span>{noun} of this console end</span>");
    assert!(of("two").contains(&ends("2", "sessions")), "{}", of("two"));
    assert!(of("unused").contains(&ends("0", "sessions")), "{}", of("unused"));
    let settings = text(&admin.get(&format!("/w/{}/settings/workspace", workspace.id)));
    assert!(
        settings.contains("<b class=\"bad\">1</b><span>key: callers get 403 until you resume</span>"),
        "{settings}"
    );
}
