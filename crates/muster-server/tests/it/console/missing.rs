//! What is not there: an address that is none, an address of a form, whatever an address names and nobody has.

use super::{Browser, SAME_ORIGIN, addresses, text};
use crate::tokens;
use crate::wire::Answer;
use crate::world::{ADMIN_TOKEN, READ_TOKEN, World, customer};
use serde_json::{Value as Json, json};

/// Returns status, title, whether the page has the layout, and whether it links to the start.
fn page_parts(answer: &Answer) -> (u16, String, bool, bool) {
    let page = text(answer);
    let (_, rest) = page.split_once("<h1>").unwrap_or_else(|| panic!("{} {page}", answer.status));
    let title = rest.split_once("</h1>").unwrap().0.to_owned();
    (answer.status, title, page.contains("Signed in as"), page.contains("href=\"/\""))
}

fn is(status: u16, title: &str, is_framed: bool) -> (u16, String, bool, bool) {
    (status, title.to_owned(), is_framed, true)
}

// Fails when `build_router` in `router.rs` keeps the fallbacks of the API, or `unknown_address` in `console/pages/missing.rs` does not ask who comes.
#[test]
fn an_address_that_is_none_is_a_page_in_the_frame_or_without_it_for_strangers() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let (admin, nobody) = (Browser::signed_in(&world, ADMIN_TOKEN), Browser::nobody(&world));
    let long = format!("/{}", "x".repeat(4_000));
    let within = format!("/w/{}/nowhere", workspace.id);
    for path in ["/nowhere", "/w", "/assets/none", "/sign-in/more", "/favicon.ico", &long, &within] {
        assert_eq!(page_parts(&admin.goes_to(path)), is(404, "Page not found", true), "{path}");
        assert_eq!(page_parts(&nobody.goes_to(path)), is(404, "Page not found", false), "{path}");
    }
    // The navigation of the workspace stays.
    assert!(text(&admin.goes_to(&within)).contains(&format!("/w/{}/overview", workspace.id)));
    // Nothing of the address is repeated, and a stranger is offered to sign in.
    let page = text(&nobody.goes_to("/planted-word"));
    assert!(!page.contains("planted-word") && page.contains("href=\"/sign-in\""), "{page}");
    assert!(!text(&admin.goes_to("/planted-word")).contains("planted-word"));
}

// Fails when `is_page_wanted` in `console.rs` does not look at the path, or at what the client takes.
#[test]
fn callers_of_the_apis_get_what_they_got() {
    let world = World::start();
    let admin = Browser::signed_in(&world, ADMIN_TOKEN);
    for path in ["/v1/nowhere", "/v1", "/api/v1/nowhere", "/healthz/more", "/metrics/more"] {
        let answer = admin.goes_to(path);
        let kind = answer.header("content-type").unwrap_or_default();
        assert_eq!((answer.status, kind.contains("json")), (404, true), "{path}");
    }
    assert_eq!(admin.goes_to("/v1/transition").status, 405);
    let plain = world.call("GET", "/nowhere", &[("Accept", "*/*")], b"");
    assert_eq!((plain.status, plain.json()["status"].as_str()), (404, Some("fail")));
}

// Fails when a route in `console.rs` is `act` where it has no page (`act_of`), or leads elsewhere.
#[test]
fn whoever_comes_to_the_address_of_a_form_by_get_is_led_to_its_page() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let fixtures = tokens::fixtures(&workspace);
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    for (template, path) in addresses("POST", &fixtures) {
        let mut answer = browser.goes_to(&path);
        if let Some(page) = answer.header("location").map(str::to_owned) {
            answer = browser.goes_to(&page);
        }
        // After `/` and `/sign-out` the start leads on.
        if let Some(page) = answer.header("location").map(str::to_owned) {
            answer = browser.goes_to(&page);
        }
        assert_eq!(answer.status, 200, "{template}");
    }
    let of = |name: &str| fixtures.iter().find(|(known, _)| *known == name).unwrap().1.as_str();
    let within = |rest: &str| format!("/w/{}/{rest}", workspace.id);
    for (path, page) in [
        (within(&format!("users/{}/merge", of("user_id"))), within(&format!("users/{}", of("user_id")))),
        (within(&format!("merges/{}/revert", of("merge_id"))), within(&format!("merges/{}", of("merge_id")))),
        (within("keys/rotate"), within("settings")),
        (within("settings/delete"), within("settings/workspace")),
        ("/tokens/kept/revoke".to_owned(), "/tokens".to_owned()),
    ] {
        assert_eq!(browser.get(&path).header("location"), Some(page.as_str()));
    }
    // After signing in, too, where the address was asked for without a session.
    let path = within("keys/rotate");
    let asked = Browser::nobody(&world).goes_to(&path);
    assert_eq!(asked.header("location"), Some(&*format!("/sign-in?next={path}")));
    let signed = Browser::nobody(&world).post("/sign-in", &[("token", ADMIN_TOKEN), ("next", &path)]);
    assert_eq!(signed.header("location"), Some(path.as_str()));
    assert_eq!(workspace.admin("GET", "", &Json::Null).json()["keys"].as_array().unwrap().len(), 1, "nothing was done");
}

// Fails when the fallback for methods stays that of the API.
#[test]
fn a_method_that_an_address_does_not_take_is_told_on_a_page() {
    let world = World::start();
    let admin = Browser::signed_in(&world, ADMIN_TOKEN);
    let headers = [("Cookie", admin.cookie.as_str()), ("Accept", "text/html"), SAME_ORIGIN];
    let answer = world.call("POST", "/audit", &headers, b"x=1");
    assert_eq!(page_parts(&answer), is(405, "This address is not a page", true));
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

// Fails when `title` or `why` in `console/pages/missing.rs` leaves out a row.
#[test]
fn what_nobody_has_is_named_with_why_it_may_be_gone() {
    let world = World::start();
    let workspace = world.workspace(&json!({"log_retention_days": 9, "quarantine_retention_days": 1}));
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let within = |rest: &str| format!("/w/{}/{rest}", workspace.id);
    let days = "It may be older than 9 days, and this workspace keeps requests no longer than that.";
    let elsewhere = "It may be mistyped or belong to another workspace.";
    for (path, title, why) in [
        (within("requests/WqLtRbNx"), "Request not found", days),
        (within("users/000000000000000000000000"), "User not found", "The user may have been deleted."),
        (within("users/no-id"), "User not found", elsewhere),
        (within("merges/m99"), "Merge not found", elsewhere),
        (within("reviews/r99"), "Review not found", elsewhere),
        (
            within("quarantine/q99/json"),
            "Quarantine entry not found",
            "It may be older than 1 day, and this workspace keeps rejected elements no longer than that.",
        ),
        (within("jobs/99"), "Bulk replay not found", "A restart of the server forgets bulk replays"),
        ("/w/NOBODY/overview".to_owned(), "Workspace not found", "your token may be bound to another workspace."),
        ("/w/NOBODY/nowhere".to_owned(), "Workspace not found", "it may have been deleted"),
    ] {
        let answer = browser.goes_to(&path);
        assert_eq!(page_parts(&answer), is(404, title, true), "{path}");
        assert!(text(&answer).contains(why), "{path}: {}", text(&answer));
    }
    for (path, fields, title, why) in [
        (within("separations/99/lift"), ("x", "1"), "Separation not found", "Somebody may have lifted it already."),
        (within("keys/revoke"), ("fingerprint", "none"), "Key not found", "Somebody may have revoked it already."),
        ("/tokens/none/revoke".to_owned(), ("confirm", "none"), "Token not found", "No such token."),
    ] {
        let answer = browser.post(&path, &[fields, ("confirm", "none")]);
        assert_eq!(page_parts(&answer), is(404, title, true), "{path}");
        assert!(text(&answer).contains(why), "{path}: {}", text(&answer));
    }
}

// Fails when `workspace` in `console/pages/missing.rs` tells one from the other.
#[test]
fn a_workspace_of_others_is_as_missing_as_one_that_is_not_there() {
    let world = World::start();
    let (own, other) = (world.workspace(&Json::Null), world.workspace(&Json::Null));
    other.results(&json!([customer("a")]));
    let token = tokens::make(&world, &json!({"name": "own", "scopes": ["read"], "workspace": own.id}));
    let browser = Browser::signed_in(&world, &token);
    let nobody = "N".repeat(other.id.len());
    for rest in ["overview", "live", "nowhere", "keys/rotate"] {
        let answers = [&other.id, &nobody].map(|id| browser.goes_to(&format!("/w/{id}/{rest}")));
        assert_eq!((answers[0].status, &answers[0].body), (404, &answers[1].body), "{rest}");
    }
    assert_eq!(Browser::signed_in(&world, READ_TOKEN).goes_to(&format!("/w/{}/live", other.id)).status, 200);
}
