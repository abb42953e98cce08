//! The documents behind pages, for a browser that is signed in, and the rate in the navigation.

use super::{Browser, text};
use crate::world::{ADMIN_TOKEN, READ_TOKEN, World, customer};
use crate::{mask, tokens};
use serde_json::{Value as Json, json};

/// Addresses of the console and of the management API that tell the same.
const BEHIND: [(&str, &str); 5] = [
    ("users/{user_id}/json", "/users/{user_id}"),
    ("merges/{merge_id}/json", "/merges/{merge_id}"),
    ("requests/{request_id}/json", "/requests/{request_id}"),
    ("quarantine/{entry_id}/json", "/quarantine/{entry_id}"),
    ("reviews/{review_id}/json", "/reviews/{review_id}"),
];

// Fails when `Visit::run` leaves out `masked`.
#[test]
fn the_document_behind_a_page_is_that_of_the_management_api_under_the_same_mask() {
    let world = World::start();
    let workspace = world.workspace(&json!({"mask_personal_data": true}));
    let fixtures = mask::fixtures(&workspace);
    for token in [ADMIN_TOKEN, READ_TOKEN] {
        let browser = Browser::signed_in(&world, token);
        for (page, call) in BEHIND {
            let filled = |path: &str| {
                fixtures.iter().fold(path.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value))
            };
            let shown = browser.get(&filled(&format!("/w/{}/{page}", workspace.id)));
            let bearer = format!("Bearer {token}");
            let path = filled(&format!("/api/v1/workspaces/{}{call}", workspace.id));
            let told = world.call("GET", &path, &[("Authorization", &bearer)], b"");
            let head = ["content-type", "cache-control"].map(|name| shown.header(name));
            assert_eq!((shown.status, head), (200, [Some("application/json"), Some("no-store")]), "{page}");
            assert_eq!(shown.json(), told.json(), "{page}");
        }
    }
}

#[test]
fn a_document_that_is_not_there_is_answered_by_a_page_that_says_so() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let _planted = tokens::fixtures(&workspace);
    let answer = Browser::signed_in(&world, ADMIN_TOKEN).get(&format!("/w/{}/merges/999/json", workspace.id));
    assert_eq!((answer.status, answer.header("content-type")), (404, Some("text/html; charset=utf-8")));
}

#[test]
fn the_navigation_tells_the_rate_while_requests_come_and_nothing_else() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let place = format!("/w/{}/live/rate", workspace.id);
    let rate = || text(&browser.get(&place));
    assert_eq!(rate(), "");
    (0..11).for_each(|_| drop(workspace.import(&[], &json!([customer("a")]))));
    assert_eq!(rate(), "<span class=\"count\">1.1/s</span>");
    assert!(text(&browser.get(&format!("/w/{}/users", workspace.id))).contains(&rate()));
    world.clock.step(10);
    assert_eq!(rate(), "");
}
