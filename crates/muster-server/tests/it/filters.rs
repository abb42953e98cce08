//! The filters of the log and of the live stream by kind and user, and the requests from an address.

use crate::live::{next, watch_for};
use crate::wire::Answer;
use crate::world::{ADMIN_TOKEN, Workspace, World, comes_true, customer};
use muster_server::limits::REQUEST_LOOK_MAX;
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// An import from an address; its request id.
fn sent(workspace: &Workspace<'_>, address: &str, elements: &Json) -> String {
    let answer = workspace.import(&[("X-Forwarded-For", address)], elements);
    answer.json()["request_id"].as_str().unwrap().to_owned()
}

fn page(workspace: &Workspace<'_>, query: &str) -> (Vec<String>, Json) {
    items(&workspace.admin("GET", &format!("/requests?{query}"), &Json::Null))
}

/// The ids of a page, and where the next one begins.
fn items(answer: &Answer) -> (Vec<String>, Json) {
    assert_eq!(answer.status, 200, "{}", answer.json());
    let id = |item: &Json| item["request_id"].as_str().unwrap().to_owned();
    let items = answer.json()["items"].as_array().unwrap().iter().map(id).collect();
    (items, answer.json()["next_cursor"].clone())
}

/// The requests from an address that fit a query, in the shape of [`page`].
fn from(workspace: &Workspace<'_>, address: &str, query: &str) -> (Vec<String>, Json) {
    items(&workspace.admin("POST", &format!("/requests/find?{query}"), &json!({"origin_address": address})))
}

fn event(id: &str) -> Json {
    json!({"type": "event", "customer_id": id, "actions": [{"action": "opened"}]})
}

/// Joins `a` and `b` by one address; the id of this request.
fn joined(workspace: &Workspace<'_>) -> String {
    let both = json!([{"type": "customer", "customer_id": "a", "attributes": {"email": "x@example.test"}},
        {"type": "customer", "customer_id": "b", "attributes": {"email": "x@example.test"}}]);
    sent(workspace, "203.0.113.1", &both)
}

fn resolving(workspace: &Workspace<'_>) {
    let settings = json!({"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "email"}]});
    assert_eq!(workspace.admin("PUT", "/identity", &settings).status, 200);
}

fn id_of(workspace: &Workspace<'_>, customer: &str) -> String {
    workspace.find("customer_id", customer).unwrap()["id"].as_str().unwrap().to_owned()
}

// Fails when `members` in `wanted.rs` holds the id that was asked for alone.
#[test]
fn the_log_is_filtered_by_kind_and_by_a_user_with_what_is_joined_in_it() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    resolving(&workspace);
    let a = sent(&workspace, "203.0.113.1", &json!([customer("a"), event("a")]));
    let b = sent(&workspace, "::ffff:203.0.113.2", &json!([customer("b")]));
    let c = sent(&workspace, "2001:db8::1", &json!([customer("c")]));
    let all = joined(&workspace);
    let of = |query: &str| page(&workspace, query).0;
    assert_eq!(of("kind=event"), [&*a]);
    assert_eq!(of("kind=customer&outcome=merged"), [&*all]);
    assert_eq!(of(&format!("user_id={}", id_of(&workspace, "c"))), [&*c]);
    for customer in ["a", "b"] {
        let query = format!("user_id={}", id_of(&workspace, customer));
        assert_eq!(of(&query), [&*all, &*b, &*a], "{customer}");
        assert_eq!(page(&workspace, &format!("{query}&limit=2")).0, [&*all, &*b]);
    }
    let refused = ["kind=user", "user_id=here", "user_id=000000000000000000000009"];
    let status = refused.map(|query| workspace.admin("GET", &format!("/requests?{query}"), &Json::Null).status);
    assert_eq!(status, [400, 404, 404]);
}

// Fails when `keeps` does not ask for the origin.
#[test]
fn an_origin_address_is_looked_for_in_a_body_in_any_spelling() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let a = sent(&workspace, "::ffff:203.0.113.2", &json!([customer("a"), event("a")]));
    let b = sent(&workspace, "203.0.113.2", &json!([customer("b")]));
    let c = sent(&workspace, "2001:db8::1", &json!([customer("c")]));
    assert_eq!(from(&workspace, "203.0.113.2", ""), (vec![b.clone(), a.clone()], Json::Null));
    assert_eq!(from(&workspace, "2001:DB8:0::1", "").0, [&*c]);
    assert_eq!(from(&workspace, "203.0.113.2", "kind=event").0, [&*a]);
    assert_eq!(from(&workspace, "203.0.113.2", "status=400").0, [""; 0]);
    let (first, next) = from(&workspace, "203.0.113.2", "limit=1");
    let rest = from(&workspace, "203.0.113.2", &format!("limit=1&cursor={}", next.as_str().unwrap()));
    assert_eq!([first, rest.0], [[b.clone()], [a.clone()]]);
    let refused = [json!({}), json!({"origin_address": 7}), json!({"origin_address": "here"}), json!({"value": "::1"})];
    let refused = refused.map(|body| workspace.admin("POST", "/requests/find", &body).status);
    assert_eq!(refused, [400; 4]);
}

// Fails when `fitting` in `requests.rs` continues until its page is full.
#[test]
fn a_filter_looks_through_a_bounded_number_of_entries_and_goes_on_from_there() {
    let world = World::start();
    let workspace = world.workspace(&json!({"limits": {"users_per_minute": 1_000_000}}));
    let first = sent(&workspace, "203.0.113.1", &json!([customer("a")]));
    for _ in 0..REQUEST_LOOK_MAX {
        sent(&workspace, "203.0.113.2", &json!([customer("b")]));
    }
    let (found, next) = from(&workspace, "203.0.113.1", "");
    assert_eq!(found, [""; 0]);
    let rest = from(&workspace, "203.0.113.1", &format!("cursor={}", next.as_str().unwrap()));
    assert_eq!(rest, (vec![first], Json::Null));
}

// Fails when `shows` in `wanted.rs` leaves out `widen`.
#[test]
fn a_stream_of_a_user_goes_on_with_what_is_joined_meanwhile_and_leaves_others_out() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    resolving(&workspace);
    sent(&workspace, "203.0.113.1", &json!([customer("a"), customer("b"), customer("c")]));
    let mut viewers = ["a", "b"].map(|customer| {
        let query = format!("user_id={}", id_of(&workspace, customer));
        watch_for(&workspace, ADMIN_TOKEN, &query)
    });
    let mut devices = watch_for(&workspace, ADMIN_TOKEN, "kind=device");
    let mut all = watch_for(&workspace, ADMIN_TOKEN, "");
    let other = sent(&workspace, "203.0.113.1", &json!([customer("c")]));
    let both = joined(&workspace);
    let later = [event("a"), event("b")].map(|event| sent(&workspace, "203.0.113.1", &json!([event])));
    let device = json!([{"type": "device", "customer_id": "c", "attributes": {"platform": "iOS", "push_id": "x"}}]);
    let last = sent(&workspace, "203.0.113.9", &device);
    for viewer in &mut viewers {
        let seen = [next(viewer), next(viewer), next(viewer)].map(|item| item["request_id"].clone());
        assert_eq!(seen, [json!(both), json!(later[0]), json!(later[1])]);
    }
    assert_eq!(
        [next(&mut devices), next(&mut all)].map(|item| item["request_id"].clone()),
        [json!(last), json!(other)]
    );
}

// Fails when `Watch::next` leaves out `read_again`, or `read_again` adds to the members instead of replacing them.
#[test]
fn a_stream_of_a_user_follows_what_is_joined_and_parted_without_a_request() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let with_email =
        |id: &str| json!({"type": "customer", "customer_id": id, "attributes": {"email": "x@example.test"}});
    sent(&workspace, "203.0.113.1", &json!([with_email("a"), with_email("b")]));
    let ids = ["a", "b"].map(|customer| id_of(&workspace, customer));
    let viewers = ids.each_ref().map(|id| watch_for(&workspace, ADMIN_TOKEN, &format!("user_id={id}")));
    // An activation joins them: what comes for either touches the survivor from now on.
    resolving(&workspace);
    let newest = || workspace.admin("GET", "/merges", &Json::Null).json()["items"][0].clone();
    assert!(comes_true(|| newest().is_object()));
    let place = ids.iter().position(|id| newest()["merged"] == json!(id)).unwrap();
    let (own, other) = (["a", "b"][place], ["b", "a"][place]);
    let mut viewer = viewers.into_iter().nth(place).unwrap();
    let happens = |customer: &str| json!(sent(&workspace, "203.0.113.1", &json!([event(customer)])));
    let is_seen = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| comes_true(|| happens(own).is_null() || is_seen.load(Ordering::SeqCst)));
        next(&mut viewer);
        is_seen.store(true, Ordering::SeqCst);
    });
    let last = happens(own);
    while next(&mut viewer)["request_id"] != last {}
    // Apart again, what comes for the other is shown no more.
    let revert = format!("/merges/{}/revert", newest()["id"].as_str().unwrap());
    assert_eq!(workspace.admin("POST", &revert, &json!({})).status, 200);
    assert!(comes_true(|| {
        let [of_other, of_own] = [other, own].map(happens);
        let first = next(&mut viewer)["request_id"].clone();
        let is_shown = first == of_other;
        assert!(is_shown || first == of_own);
        if is_shown {
            assert_eq!(next(&mut viewer)["request_id"], of_own);
        }
        !is_shown
    }));
}

// Fails when `Wanted::of` passes over the parameter: the list would be of all.
#[test]
fn an_origin_address_in_a_query_is_refused_and_says_where_it_is_taken() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    for path in ["/requests", "/requests/live"] {
        let answer = workspace.admin("GET", &format!("{path}?origin_address=203.0.113.7"), &Json::Null);
        let says = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!((answer.status, says.contains("POST requests/find")), (400, true), "{path}: {says}");
    }
}
