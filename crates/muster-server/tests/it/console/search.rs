//! A search for a user: one hit redirects to the user, several are listed, and no address contains what was typed.

use super::{Browser, text};
use crate::world::{ADMIN_TOKEN, READ_TOKEN, Workspace, World};
use serde_json::{Value as Json, json};

fn with_mobile(id: &str, mobile: &str) -> Json {
    json!({"type": "customer", "customer_id": id, "attributes": {"mobile": mobile}})
}

fn resolving(world: &World) -> Workspace<'_> {
    let workspace = world.workspace(&Json::Null);
    let kinds = json!([{"kind": "customer_id", "pinned": true}, {"kind": "mobile"}]);
    assert_eq!(workspace.admin("PUT", "/identity", &json!({"enabled": true, "identifiers": kinds})).status, 200);
    workspace
}

/// Where a search leads: the address of an answer that is a redirect, else nothing.
fn redirect_target(browser: &Browser<'_>, workspace: &Workspace<'_>, fields: &[(&str, &str)]) -> Option<String> {
    let answer = browser.post(&format!("/w/{}/users", workspace.id), fields);
    let place = answer.header("location").map(str::to_owned);
    assert_eq!(answer.status, if place.is_some() { 303 } else { 200 });
    place
}

// Fails when `find` of `console/pages/users.rs` shows a page for one hit, or redirects to an address with the value.
#[test]
fn a_search_that_matches_one_user_goes_to_the_page_of_the_user_and_tells_its_id_alone() {
    let world = World::start();
    let workspace = resolving(&world);
    workspace.results(&json!([with_mobile("a", "+15550100"), with_mobile("b", "+15550101")]));
    let id = workspace.find("customer_id", "a").unwrap()["id"].as_str().unwrap().to_owned();
    let page = format!("/w/{}/users/{id}", workspace.id);
    for token in [ADMIN_TOKEN, READ_TOKEN] {
        let browser = Browser::signed_in(&world, token);
        for fields in [
            &[("q", " +15550100 ")][..],
            &[("q", "a")],
            &[("q", "a"), ("kind", "customer_id")],
            &[("q", "+15550100"), ("kind", "mobile")],
        ] {
            assert_eq!(redirect_target(&browser, &workspace, fields), Some(page.clone()), "{fields:?}");
        }
    }
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    for none in ["a", "zz"] {
        let found = browser.post(&format!("/w/{}/users", workspace.id), &[("q", none), ("kind", "mobile")]);
        assert!(text(&found).contains("matches no user."), "{none}");
    }
}

// Fails when `only_hit` looks at the users of one kind alone, or passes over who held the value before.
#[test]
fn a_value_of_several_users_shows_all_of_them() {
    let world = World::start();
    let workspace = resolving(&world);
    // One value is the customer id of one user and the mobile of another.
    workspace.results(&json!([with_mobile("+15550100", "+15550109"), with_mobile("b", "+15550100")]));
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let search = |value: &str| text(&browser.post(&format!("/w/{}/users", workspace.id), &[("q", value)]));
    let ids =
        ["+15550100", "b"].map(|it| workspace.find("customer_id", it).unwrap()["id"].as_str().unwrap().to_owned());
    let page = search("+15550100");
    assert!(page.contains("matches 2 users, one per identifier kind. Choose one:"), "{page}");
    assert_eq!(ids.each_ref().map(|id| page.contains(&format!("/users/{id}\""))), [true; 2]);
    // A number that went from one user to another: both are told.
    workspace.results(&json!([
        with_mobile("d", "+15550102"),
        with_mobile("d", "+15550103"),
        with_mobile("e", "+15550102")
    ]));
    let now = search("+15550103");
    assert!(now.is_empty(), "one hit: {now}");
    let ids = ["d", "e"].map(|it| workspace.find("customer_id", it).unwrap()["id"].as_str().unwrap().to_owned());
    let page = search("+15550102");
    assert!(page.contains("matches one user, by mobile. Other users held it before."), "{page}");
    assert_eq!(ids.map(|id| page.contains(&format!("/users/{id}\""))), [true; 2]);
}
