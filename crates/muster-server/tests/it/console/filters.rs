//! The filters of the live page: an identifier is posted and leads to an address that tells an id.

use super::{Browser, text};
use crate::world::{ADMIN_TOKEN, World, customer};
use serde_json::{Value as Json, json};

// Fails when `filter` in `console/pages/log.rs` pushes the value that was typed.
#[test]
fn an_identifier_leads_to_the_requests_of_its_user_and_stands_in_no_address() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    workspace.import(&[("X-Forwarded-For", "203.0.113.1")], &json!([customer("a"), customer("b")]));
    let mine = workspace.import(&[], &json!([customer("a")])).json()["request_id"].as_str().unwrap().to_owned();
    let other = workspace.import(&[], &json!([customer("b")])).json()["request_id"].as_str().unwrap().to_owned();
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let live = format!("/w/{}/live", workspace.id);
    let led = |fields: &[(&str, &str)]| browser.post(&live, fields).header("location").unwrap_or_default().to_owned();
    let id = workspace.find("customer_id", "a").unwrap()["id"].as_str().unwrap().to_owned();
    let place = led(&[("outcome", "updated"), ("kind", "customer"), ("identifier", " a ")]);
    assert_eq!(place, format!("{live}?outcome=updated&kind=customer&user_id={id}"));
    let page = text(&browser.get(&place));
    assert_eq!([&mine, &other].map(|it| page.contains(&format!("id=\"r-{it}\""))), [true, false]);
    assert_eq!(led(&[("identifier", &id)]), format!("{live}?user_id={id}"));
    assert_eq!(led(&[("identifier", "203.0.113.1")]), format!("{live}?origin_address=203.0.113.1"));
    assert_eq!(led(&[("outcome", ""), ("status", "")]), live);
}

#[test]
fn an_identifier_that_leads_to_nobody_filters_nothing_and_the_page_stands_still() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    workspace.import(&[], &json!([customer("a")]));
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let page = text(&browser.post(&format!("/w/{}/live", workspace.id), &[("identifier", "zz")]));
    let told = ["leads to nobody", "value=\"zz\"", "id=\"r-", "data-live=\""].map(|it| page.contains(it));
    assert_eq!(told, [true, true, true, false], "{page}");
}
