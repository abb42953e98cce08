//! The filters of the live page: an identifier is posted and leads to an address that tells an id.

use super::{Browser, text};
use crate::world::{ADMIN_TOKEN, World, customer};
use muster_server::limits::CONSOLE_ROWS;
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
    assert_eq!(led(&[("outcome", ""), ("status", "")]), live);
}

// Fails when `filter` in `console/pages/log.rs` redirects to an address with the value, or `is_still` leaves `Origin` out.
#[test]
fn the_requests_from_an_address_are_told_at_once_and_older_ones_by_a_form_and_no_link_tells_the_address() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let sent = |address: &str| {
        let answer = workspace.import(&[("X-Forwarded-For", address)], &json!([customer("a")]));
        answer.json()["request_id"].as_str().unwrap().to_owned()
    };
    let mine: Vec<String> = (0..=CONSOLE_ROWS).map(|_| sent("203.0.113.1")).collect();
    let other = sent("203.0.113.2");
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let live = format!("/w/{}/live", workspace.id);
    let fields = [("kind", "customer"), ("identifier", " 203.0.113.1 ")];
    let answer = browser.post(&live, &fields);
    let (status, page) = (answer.status, text(&answer));
    let is_shown = |page: &str, id: &String| page.contains(&format!("id=\"r-{id}\""));
    let newest = mine[1..].iter().all(|id| is_shown(&page, id));
    assert_eq!((status, newest, is_shown(&page, &mine[0]), is_shown(&page, &other)), (200, true, false, false));
    assert_eq!(["data-live=\"", "=203.0.113.1", "%2E0%2E113"].map(|it| page.contains(it)), [false; 3], "{page}");
    let (_, after) = page.split_once("name=\"cursor\" value=\"").unwrap();
    let cursor = after.split('"').next().unwrap();
    let older = text(&browser.post(&live, &[fields[0], fields[1], ("cursor", cursor)]));
    assert_eq!([&mine[0], &mine[1], &other].map(|id| is_shown(&older, id)), [true, false, false]);
    let unfiltered = text(&browser.get(&format!("{live}?origin_address=203.0.113.2")));
    assert!(is_shown(&unfiltered, &mine[mine.len() - 1]));
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
