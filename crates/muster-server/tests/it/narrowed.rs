//! The filters of the log and of the live stream by error, warning, time and status, and the refusals that the server
//! remembers beside the log.

use crate::live::{next, watch_for};
use crate::world::{ADMIN_TOKEN, Workspace, World, comes_true, customer};
use serde_json::{Value as Json, json};

/// The ids of the requests that fit a query, the newest first, and where the next page begins.
fn page(workspace: &Workspace<'_>, query: &str) -> (Vec<String>, Json) {
    let answer = workspace.admin("GET", &format!("/requests?{query}"), &Json::Null);
    assert_eq!(answer.status, 200, "{query}: {}", answer.json());
    let id = |item: &Json| item["request_id"].as_str().unwrap().to_owned();
    let items = answer.json()["items"].as_array().unwrap().iter().map(id).collect();
    (items, answer.json()["next_cursor"].clone())
}

fn request_ids(workspace: &Workspace<'_>, query: &str) -> Vec<String> {
    page(workspace, query).0
}

fn applied(workspace: &Workspace<'_>, elements: &Json) -> String {
    workspace.import(&[], elements).json()["request_id"].as_str().unwrap().to_owned()
}

/// A request with this body that is refused; its id.
fn refused(workspace: &Workspace<'_>, status: u16, body: &[u8]) -> String {
    let answer = workspace.post("transition", &[], body);
    assert_eq!(answer.status, status, "{}", answer.json());
    let id = answer.json()["error"]["request_id"].as_str().unwrap().to_owned();
    // Those that the log keeps are written a moment later.
    let shown = format!("/requests/{id}");
    assert!(comes_true(|| workspace.admin("GET", &shown, &Json::Null).status == 200));
    id
}

const EMPTY: &[u8] = br#"{"type": "transition", "elements": []}"#;

fn unknown_user() -> Json {
    json!({"type": "device", "customer_id": "nobody", "attributes": {"platform": "iOS", "push_id": "x"}})
}

/// An element that is taken with a warning.
fn with_warning() -> Json {
    json!({"type": "event", "customer_id": "a", "actions": [{"action": "opened", "user_time": "no time"}]})
}

// Fails when `fits` in `wanted.rs` leaves out `fault` or `warnings`, or `fault_types` leaves out one of its three places.
#[test]
fn the_log_is_filtered_by_the_type_of_an_error_and_by_warnings() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let plain = applied(&workspace, &json!([customer("a")]));
    let rejected = applied(&workspace, &json!([customer("a"), unknown_user()]));
    let warned = applied(&workspace, &json!([with_warning()]));
    let missing = refused(&workspace, 400, EMPTY);
    assert_eq!(request_ids(&workspace, "fault=UnknownUser"), [&*rejected]);
    assert_eq!(request_ids(&workspace, "fault=MissingAttributeError"), [&*missing]);
    assert_eq!(request_ids(&workspace, "fault=MissingAttributeError&status=200"), [""; 0]);
    assert_eq!(request_ids(&workspace, "fault=FutureDate"), [""; 0]);
    assert_eq!(request_ids(&workspace, "warnings=true"), [&*warned]);
    assert_eq!(request_ids(&workspace, "warnings=false&status=200"), [&*rejected, &*plain]);
    let first = |query: &str| {
        workspace.admin("GET", &format!("/requests?{query}"), &Json::Null).json()["items"][0]["first_error"].clone()
    };
    let message = "elements cannot be empty array";
    assert_eq!(first("status=400"), json!({"type": "MissingAttributeError", "message": message}));
    assert_eq!(first("warnings=true"), Json::Null);
}

// Fails when `fitting` in `requests.rs` begins at the cursor whatever `until` says, or a query leaves out `since`.
#[test]
fn the_log_is_filtered_by_a_range_of_time_in_pages() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let at = || {
        let id = applied(&workspace, &json!([customer("a")]));
        world.clock.step(60);
        id
    };
    // At 00:00, 00:01, 00:02 and 00:03 of the first day.
    let [first, second, third, fourth] = [at(), at(), at(), at()];
    assert_eq!(request_ids(&workspace, "since=2026-01-05T00:01:00Z&until=2026-01-05T00:03:00Z"), [&*third, &*second]);
    assert_eq!(request_ids(&workspace, "until=2026-01-05T01:01:00%2B01:00"), [&*first]);
    assert_eq!(request_ids(&workspace, "since=2026-01-05T00:03:00.001Z"), [""; 0]);
    assert_eq!(request_ids(&workspace, "since=2026-01-05").len(), 4);
    let (newest, next) = page(&workspace, "since=2026-01-05T00:01:00Z&limit=2");
    assert_eq!(newest, [&*fourth, &*third]);
    let rest = page(&workspace, &format!("since=2026-01-05T00:01:00Z&limit=2&cursor={}", next.as_str().unwrap()));
    assert_eq!(rest, (vec![second], Json::Null));
}

// Fails when `Wanted::of` passes over what it cannot read.
#[test]
fn a_filter_that_means_nothing_is_refused_in_the_list_in_the_search_and_in_the_stream() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let find = json!({"origin_address": "203.0.113.1"});
    for query in [
        "status=999",
        "status=ok",
        "fault=NoSuchError",
        "fault=other",
        "warnings=yes",
        "since=yesterday",
        "until=2026-13-01",
        "since=2026-01-05&until=2026-01-05",
        "refused=1",
    ] {
        let list = workspace.admin("GET", &format!("/requests?{query}"), &Json::Null).status;
        let search = workspace.admin("POST", &format!("/requests/find?{query}"), &find).status;
        let stream = workspace.admin("GET", &format!("/requests/live?{query}"), &Json::Null).status;
        assert_eq!([list, search, stream], [400; 3], "{query}");
    }
}

// Fails when `list` of `requests.rs` asks for no refusals, or `merged` lets those pass that are older than where the log
// continues.
#[test]
fn refusals_that_the_server_remembers_have_their_place_in_the_list_where_they_are_asked_for() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let large = vec![b' '; 200_000];
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(match n % 2 {
            0 => applied(&workspace, &json!([customer("a")])),
            _ => refused(&workspace, 413, &large),
        });
        world.clock.step(1);
    }
    ids.reverse();
    let only = |place: usize| ids.iter().skip(place).step_by(2).cloned().collect::<Vec<_>>();
    assert_eq!([request_ids(&workspace, ""), request_ids(&workspace, "refused=false")], [only(1), only(1)]);
    assert_eq!(request_ids(&workspace, "refused=true"), ids);
    assert_eq!(
        [request_ids(&workspace, "status=413"), request_ids(&workspace, "status=413&refused=false")],
        [only(0), vec![]]
    );
    assert_eq!(request_ids(&workspace, "fault=PayloadTooLarge&refused=true"), only(0));
    assert_eq!(
        [
            request_ids(&workspace, "refused=true&kind=customer"),
            request_ids(&workspace, "refused=true&outcome=created")
        ],
        [only(1), ids[5..].to_vec()]
    );
    assert_eq!(
        request_ids(&workspace, "refused=true&since=2026-01-05T00:00:02Z&until=2026-01-05T00:00:05Z"),
        ids[1..4]
    );
    let origin = |address: &str| {
        let find = json!({"origin_address": address});
        workspace.admin("POST", "/requests/find?refused=true", &find).json()["items"].as_array().unwrap().len()
    };
    assert_eq!([origin("127.0.0.1"), origin("203.0.113.1")], [6, 0]);
    for limit in 1..=6 {
        let (mut told, mut cursor) = (Vec::new(), String::new());
        loop {
            let (items, next) = page(&workspace, &format!("refused=true&limit={limit}{cursor}"));
            assert!(items.len() <= limit);
            told.extend(items);
            match next.as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(told, ids, "in pages of {limit}");
    }
}

// Fails when `Traits::of` notes no faults or no warnings, or `aside` not the type of a refusal.
#[test]
fn a_stream_shows_what_has_an_error_or_a_warning_and_is_received_in_its_time() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    applied(&workspace, &json!([customer("a")]));
    let watch = |query: &str| watch_for(&workspace, ADMIN_TOKEN, query);
    let queries = ["fault=UnknownUser", "fault=PayloadTooLarge", "warnings=true", "since=2026-01-05T00:00:05Z"];
    let mut viewers = queries.map(watch);
    let rejected = applied(&workspace, &json!([unknown_user()]));
    let large = refused(&workspace, 413, &vec![b' '; 200_000]);
    let warned = applied(&workspace, &json!([with_warning()]));
    world.clock.step(5);
    let late = applied(&workspace, &json!([customer("b")]));
    let seen = viewers.each_mut().map(|viewer| next(viewer)["request_id"].clone());
    assert_eq!(seen, [rejected, large, warned, late].map(Json::from));
}
