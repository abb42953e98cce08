//! Refusals that can be read and looked up, paths and codings as clients write them, and whose address counts
//! (behaviour.md 1.2.k, 1.6.d, 1.8.d, 1.8.f, 1.9.b, 4.p).

use crate::world::{World, basic, customer};
use serde_json::{Value as Json, json};

fn id_of(refusal: &Json) -> String {
    refusal["error"]["request_id"].as_str().expect("a refusal has an id").to_owned()
}

// Fails when `unlogged` keeps nothing, or `requests::show` asks the storage alone.
#[test]
fn a_refusal_of_a_valid_key_is_looked_up_in_its_workspace_alone() {
    let world = World::start();
    let (workspace, other) = (world.workspace(&Json::Null), world.workspace(&Json::Null));
    let body = vec![b' '; 200_000];
    let too_large = workspace.post("transition", &[("X-Forwarded-For", "203.0.113.7")], &body).json();
    let basic = workspace.basic();
    let path = format!("/v1/event/{}", workspace.id);
    let text = world.call("POST", &path, &[("Authorization", &basic), ("Content-Type", "text/plain")], b"{}").json();
    let id = id_of(&too_large);
    assert_eq!(
        workspace.admin("GET", &format!("/requests/{id}"), &Json::Null).json(),
        json!({
            "request_id": id, "received_at": "2026-01-05T00:00:00.000Z", "status": 413,
            "path": "/v1/transition/{workspace_id}", "origin_address": "203.0.113.7", "duration_us": 0,
            "failure": "PayloadTooLarge", "fault_count": 1, "elements": [], "warnings": [],
            "first_error": {"type": "PayloadTooLarge", "message": "Payload size exceeds 100 KB"},
            "errors": [{"index": null, "pointer": "", "attribute": null, "type": "PayloadTooLarge",
                "message": "Payload size exceeds 100 KB"}],
        })
    );
    let found = workspace.admin("GET", &format!("/requests/{}", id_of(&text)), &Json::Null).json();
    assert_eq!((&found["status"], &found["origin_address"]), (&json!(415), &json!("127.0.0.1")));
    assert_eq!(other.admin("GET", &format!("/requests/{id}"), &Json::Null).status, 404);
    assert_eq!(world.admin("GET", "/requests/refused", &Json::Null).json()["items"], json!([]));
}

// Fails when `Refused::answer` keeps a stranger's refusal with the workspace that it names, or keeps none.
#[test]
fn refusals_of_callers_without_a_valid_key_have_a_list_of_their_own() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let path = format!("/v1/transition/{}", workspace.id);
    let wrong = basic(&workspace.id, "wrong");
    let headers = [("Authorization", wrong.as_str()), ("X-Forwarded-For", "203.0.113.8")];
    let key = world.call("POST", &path, &headers, b"").json();
    let nowhere = world.call("POST", "/v1/events/track", &[], b"").json();
    let method = world.call("GET", &path, &[], b"").json();
    let items = world.admin("GET", "/requests/refused", &Json::Null).json()["items"].clone();
    let item = |refusal: &Json, status: u16, path: Json, duration: Json, failure: &str| {
        json!({"request_id": id_of(refusal), "received_at": "2026-01-05T00:00:00.000Z", "status": status, "path": path,
            "origin_address": "127.0.0.1", "duration_us": duration, "failure": failure,
            "first_error": {"type": failure, "message": refusal["error"]["message"]}})
    };
    let template = json!("/v1/transition/{workspace_id}");
    let mismatch = item(&key, 401, template, json!(0), "Authentication required");
    assert_eq!(
        items,
        json!([
            item(&method, 405, Json::Null, Json::Null, "Method Not Allowed"),
            item(&nowhere, 404, Json::Null, Json::Null, "Not Found"),
            mismatch,
        ])
    );
    let asked = |query: &str| world.admin("GET", &format!("/requests/refused?{query}"), &Json::Null).json();
    assert_eq!(asked(&format!("request_id={}", id_of(&key))), json!({"items": [mismatch], "next_cursor": null}));
    assert_eq!(asked("request_id=AAAAAAAA")["items"], json!([]));
    let first = asked("limit=2");
    assert_eq!(first["items"].as_array().map(Vec::len), Some(2));
    let rest = asked(&format!("limit=2&cursor={}", first["next_cursor"].as_str().unwrap()));
    assert_eq!(rest, json!({"items": [mismatch], "next_cursor": null}));
    assert_eq!(workspace.admin("GET", &format!("/requests/{}", id_of(&key)), &Json::Null).status, 404);
}

// Fails when `origin` gives out what is claimed alone, or asks nobody whether it is kept.
#[test]
fn without_the_header_the_origin_address_is_the_connecting_one() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let event = |id: &str| json!([{"type": "event", "customer_id": id, "actions": [{"action": "x"}]}]);
    let origin = |id: &str, headers: &[(&str, &str)]| {
        let answer = workspace.import(headers, &event(id)).json();
        let log = workspace.admin("GET", &format!("/requests/{}", answer["request_id"].as_str().unwrap()), &Json::Null);
        let user = workspace.find("customer_id", id).unwrap()["id"].as_str().unwrap().to_owned();
        let events = workspace.admin("GET", &format!("/users/{user}/events"), &Json::Null).json();
        [log.json()["origin_address"].clone(), events["items"][0]["origin_address"].clone()]
    };
    assert_eq!(origin("a", &[]), ["127.0.0.1", "127.0.0.1"]);
    assert_eq!(origin("b", &[("X-Forwarded-For", "unknown")]), ["127.0.0.1", "127.0.0.1"]);
    assert_eq!(origin("c", &[("X-Forwarded-For", "203.0.113.7")]), ["203.0.113.7", "203.0.113.7"]);
    assert_eq!(workspace.admin("PATCH", "", &json!({"store_origin_address": false})).status, 200);
    assert_eq!(origin("d", &[]), [Json::Null, Json::Null]);
}

// Fails when `front` routes the path as it came, or `escapes` are undone twice.
#[test]
fn escapes_in_a_path_are_undone_once() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let basic = workspace.basic();
    let status = |id: &str| {
        let headers = [("Content-Type", "application/json"), ("Authorization", basic.as_str())];
        let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
        world.call("POST", &format!("/v1/%74ransition/{id}"), &headers, body.as_bytes()).status
    };
    let escaped: String = workspace.id.bytes().map(|byte| format!("%{byte:02x}")).collect();
    assert_eq!(status(&escaped), 200);
    assert_eq!(status(&escaped.replace('%', "%25")), 409);
    assert_eq!(status(&format!("..%2f{}", workspace.id)), 409);
    assert_eq!(world.admin("GET", &format!("/workspaces/{escaped}/stats"), &Json::Null).status, 200);
}

// Fails when `front` does not ask `path::not_built`: Merge Users then is Track User of a workspace `merge`.
#[test]
fn a_documented_call_that_is_not_built_is_a_404_that_names_it() {
    let world = World::start();
    for (method, target, call) in [
        ("POST", "/v1/customer/merge?app_id=X", "Merge Users (POST /v1/customer/merge)"),
        ("GET", "/v1/installInfo?appId=X&src=y", "Track App Install (GET /v1/installInfo)"),
        ("POST", "/v1/opengdpr_requests/X/", "GDPR / CCPA data request (POST /v1/opengdpr_requests)"),
    ] {
        let message = format!("This server does not have this call: {call}");
        let error = json!({"message": message, "type": "Not Found"});
        let refusal = world.call(method, target, &[], b"{}").refusal();
        assert_eq!(refusal, (404, json!({"status": "fail", "error": error})), "{target}");
    }
}

// Fails when `RESERVED_IDS` lacks one, or they are compared with regard to case.
#[test]
fn a_word_of_another_route_is_no_workspace_id() {
    let world = World::start();
    for id in ["merge", "delete", "export", "bulk", "manage", "segment", "auth", "authentication", "Merge"] {
        let answer = world.admin("POST", "/workspaces", &json!({"name": "x", "id": id}));
        assert_eq!((answer.status, &answer.json()["pointer"]), (400, &json!("/id")), "{id}");
    }
    assert_eq!(world.admin("POST", "/workspaces", &json!({"name": "x", "id": "merges"})).status, 201);
}

// Fails when `Coding::of` knows no charset.
#[test]
fn a_charset_in_the_place_of_the_coding_is_no_coding() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    let status = |coding: &str| workspace.post("transition", &[("Content-Encoding", coding)], body.as_bytes()).status;
    assert_eq!(["utf-8", "UTF-8", "identity", "utf-16", "br"].map(status), [200, 200, 200, 415, 415]);
}

// Fails when `ImportDecision::quarantine` leaves out what did not come by the bulk import.
#[test]
fn what_a_track_call_rejects_of_an_answer_of_200_goes_into_quarantine() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let kept = || workspace.admin("GET", "/quarantine", &Json::Null).json()["items"].clone();
    let late = "2027-01-01T00:00:00Z";
    let event = json!({"type": "event", "customer_id": "a", "actions": [{"action": "x"}, {"action": "y", "current_time": late}]});
    assert_eq!(workspace.post("event", &[], event.to_string().as_bytes()).status, 200);
    let rejected = json!({"type": "event", "customer_id": "a", "actions": [{"action": "y", "current_time": late}]});
    assert_eq!((&kept()[0]["element"], &kept()[0]["errors"][0]["type"]), (&rejected, &json!("FutureDate")));
    let guest = json!({"type": "customer", "customer_id": "guest"}).to_string();
    assert_eq!(workspace.post("customer", &[], guest.as_bytes()).status, 400);
    assert_eq!(kept().as_array().map(Vec::len), Some(1), "a 400 keeps nothing");
    assert_eq!(workspace.post("customer", &[("Prefer", "handling=lenient")], guest.as_bytes()).status, 200);
    assert_eq!(kept()[0]["element"], json!({"type": "customer", "customer_id": "guest"}));
}

// Fails when `full` writes warnings as answers do, or `mask` lets the given text through.
#[test]
fn a_time_that_cannot_be_read_is_in_the_log_entry_and_not_in_the_answer() {
    let world = World::start();
    let workspace = world.workspace(&Json::Null);
    let action = |time: &str| json!({"action": "x", "current_time": time});
    let event = json!([{"type": "event", "customer_id": "a", "actions": [action("half past nine"), action("later")]}]);
    let answer = workspace.import(&[("Prefer", "return=representation")], &event);
    let told = answer.json();
    let mut warning = json!({"code": "TimeUnreadable", "name": "current_time",
        "pointer": "/elements/0/actions/0/current_time", "count": 2});
    assert_eq!(told["results"][0]["warnings"], json!([warning]));
    assert_eq!(answer.header("muster-outcomes"), Some("applied=1, rejected=0, duplicate=0, warnings=1"));
    let log = format!("/requests/{}", told["request_id"].as_str().unwrap());
    let logged = || workspace.admin("GET", &log, &Json::Null).json()["elements"][0]["warnings"].clone();
    warning["given"] = json!("half past nine");
    assert_eq!(logged(), json!([warning]));
    assert_eq!(workspace.admin("PATCH", "", &json!({"mask_personal_data": true})).status, 200);
    let path = format!("/api/v1/workspaces/{}{log}", workspace.id);
    assert_eq!(world.reader(&path).json()["elements"][0]["warnings"][0]["given"], "***");
}
