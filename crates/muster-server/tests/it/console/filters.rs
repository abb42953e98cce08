//! The filters of the live page: an identifier is posted and redirects to an address with an id.

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

// Fails when `filter` takes times for UTC, or `time` shows an instant as the address has it.
#[test]
fn times_are_typed_in_the_zone_of_the_page_and_the_filters_are_kept_from_page_to_page() {
    let world = World::start();
    let workspace = world.workspace(&json!({"time_zone": "Asia/Kolkata"}));
    for _ in 0..=CONSOLE_ROWS {
        workspace.import(&[], &json!([customer("a")]));
    }
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let live = format!("/w/{}/live", workspace.id);
    // 2026-01-05T00:00:00Z is 5:30 there.
    let typed = [("since", "2026-01-05T05:30"), ("warnings", "false"), ("fault", ""), ("identifier", "")];
    let place = browser.post(&live, &typed).header("location").unwrap_or_default().to_owned();
    assert_eq!(place, format!("{live}?warnings=false&since=2026-01-05T00%3A00%3A00Z"));
    let page = text(&browser.get(&place));
    assert!(page.contains("name=\"since\" value=\"2026-01-05T05:30\""), "{page}");
    let is_live = page.contains("data-live=\"");
    let (_, after) = page.split_once("?warnings=false&#38;since=2026-01-05T00%3A00%3A00Z&#38;cursor=").unwrap();
    let cursor = after.split('"').next().unwrap();
    let older = text(&browser.get(&format!("{place}&cursor={cursor}")));
    assert_eq!((is_live, page.matches("id=\"r-").count(), older.matches("id=\"r-").count()), (true, CONSOLE_ROWS, 1));
    // What came until then does not move, and a time before the first request shows none.
    let until = text(&browser.get(&format!("{live}?until=2026-01-05T00:00:00Z")));
    assert_eq!([until.contains("data-live=\""), until.contains("id=\"r-")], [false; 2]);
    assert!(until.contains("No requests match these filters."));
    let wrong = browser.post(&live, &[("since", "yesterday")]);
    assert_eq!((wrong.status, text(&wrong).contains("Since must be a date and a time")), (400, true));
}

// Fails when `words` of `console/pages/log.rs` counts faults alone, or `place_of` of the overview links to the quarantine
// whatever the type.
#[test]
fn an_error_of_the_overview_leads_to_the_requests_or_to_the_elements_that_have_it() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let device = json!({"type": "device", "customer_id": "nobody", "attributes": {"platform": "iOS", "push_id": "x"}});
    workspace.import(&[], &json!([device]));
    let refused = workspace.import(&[], &json!([])).json()["error"]["request_id"].as_str().unwrap().to_owned();
    let is_kept = || workspace.admin("GET", &format!("/requests/{refused}"), &Json::Null).status == 200;
    assert!(crate::world::comes_true(is_kept));
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let within = |rest: &str| format!("/w/{}/{rest}", workspace.id);
    let overview = text(&browser.get(&within("overview")));
    for place in ["quarantine?type=UnknownUser", "live?fault=MissingAttributeError"] {
        assert!(overview.contains(&format!("href=\"{}\"", within(place))), "{place}: {overview}");
    }
    let page = text(&browser.get(&within("live?fault=MissingAttributeError")));
    assert_eq!(page.matches("id=\"r-").count(), 1);
    let row = page.split_once("id=\"r-").unwrap().1.split("</tr>").next().unwrap();
    let told = [&refused, "5 Jan 00:00:00.000</time>", "MissingAttributeError:", "elements cannot be empty array"];
    assert_eq!(told.map(|it| row.contains(it)), [true; 4], "{row}");
    assert!(page.contains("<option selected>MissingAttributeError</option>"));
}

// Fails when `live_page` of `console/pages/log.rs` asks for no refusals, or `statuses` lists those of the log alone.
#[test]
fn a_refusal_that_the_server_remembers_has_its_row_and_every_status_can_be_filtered_by() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let refused = workspace.post("transition", &[], &vec![b' '; 200_000]).json();
    let id = refused["error"]["request_id"].as_str().unwrap().to_owned();
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let live = |query: &str| text(&browser.get(&format!("/w/{}/live{query}", workspace.id)));
    let row = |page: &str| page.contains(&format!("id=\"r-{id}\""));
    let pages = ["", "?status=413", "?fault=PayloadTooLarge", "?status=429", "?status=200"].map(live);
    assert_eq!(pages.each_ref().map(|page| row(page)), [true, true, true, false, false]);
    assert!(pages[0].contains("PayloadTooLarge: Payload size exceeds 100 KB"), "{}", pages[0]);
    let offered = pages[0].split_once("name=\"status\"").unwrap().1.split("</select>").next().unwrap();
    let statuses: Vec<&str> = offered.split("value=\"").skip(1).map(|it| it.split('"').next().unwrap()).collect();
    let want = ["", "200", "400", "401", "403", "404", "405", "408", "409", "413", "415", "429", "500", "503", "507"];
    assert_eq!(statuses, want);
}

#[test]
fn an_identifier_that_leads_to_nobody_filters_nothing_and_the_page_stands_still() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    workspace.import(&[], &json!([customer("a")]));
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let page = text(&browser.post(&format!("/w/{}/live", workspace.id), &[("identifier", "zz")]));
    let told = ["No user matches <bdi>zz</bdi>", "value=\"zz\"", "id=\"r-", "data-live=\""].map(|it| page.contains(it));
    assert_eq!(told, [true, true, true, false], "{page}");
}
