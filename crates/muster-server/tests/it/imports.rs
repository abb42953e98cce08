//! What an import answers: preferences, replays, dry runs, budgets, the log (behaviour.md 1).

use crate::wire::Answer;
use crate::world::{World, customer};
use muster_core::id::{RequestId, RequestNo};
use serde_json::{Value as Json, json};

#[test]
fn a_plain_success_has_three_members_and_counts_its_outcomes_in_a_header() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let long = "x".repeat(600);
    let answer = workspace.import(&[], &json!([customer("a"), {"type": "customer", "customer_id": long}]));
    let id = answer.json()["request_id"].as_str().unwrap().to_owned();
    let message = "Your request has been accepted and will be processed soon.";
    assert_eq!(answer.json(), json!({"status": "success", "message": message, "request_id": id}));
    assert_eq!(answer.header("muster-outcomes"), Some("applied=1, rejected=1, duplicate=0, warnings=0"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let kept = workspace.admin("GET", "/quarantine", &Json::Null).json();
    assert_eq!(kept["items"][0]["errors"][0]["type"], "KeyTooLong");
    assert_eq!(kept["items"][0]["request_id"], id.as_str());
}

#[test]
fn preferences_are_honoured_and_said_so() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let prefer = [("Prefer", "return=representation, handling=lenient")];
    let answer = workspace.import(&prefer, &json!([customer("a"), {"type": "customer"}, 7]));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("preference-applied"), Some("handling=lenient, return=representation"));
    let outcomes: Vec<Json> =
        answer.json()["results"].as_array().unwrap().iter().map(|result| result["outcome"].clone()).collect();
    assert_eq!(outcomes, ["created", "rejected", "rejected"]);
    // A workspace can make it its default, and a request opt out.
    assert_eq!(workspace.admin("PATCH", "", &json!({"lenient": true})).status, 200);
    assert_eq!(workspace.import(&[], &json!([{"type": "customer"}])).status, 200);
    assert_eq!(workspace.import(&[("Prefer", "handling=strict")], &json!([{"type": "customer"}])).status, 400);
}

#[test]
fn a_repeated_key_replays_the_first_answer_for_a_day() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let elements = json!([{"type": "event", "customer_id": "a", "actions": [{"action": "seen"}]}]);
    let key = [("Idempotency-Key", "k"), ("Prefer", "return=representation")];
    let first = workspace.import(&key, &elements);
    world.clock.step(86_399);
    let again = workspace.import(&[("Idempotency-Key", "k")], &elements);
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("muster-outcomes"), first.header("muster-outcomes"));
    assert_eq!(workspace.counts(), [1, 1, 0]);
    world.clock.step(2);
    let later = workspace.import(&key, &elements);
    assert_eq!((later.status, later.header("idempotency-replayed")), (200, None));
    assert_eq!(workspace.counts(), [1, 2, 0]);
}

#[test]
fn a_dry_run_answers_as_a_representation_stores_nothing_and_has_a_budget_of_its_own() {
    let world = World::start();
    let limits = json!({"limits": {"users_per_minute": 1, "events_per_minute": 0, "devices_per_minute": 0}});
    let workspace = world.workspace(&limits);
    let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    let dry = || workspace.post("transition?dry_run=true", &[], body.as_bytes());
    let answer = dry();
    assert_eq!(answer.status, 200, "{}", answer.json());
    let result = &answer.json()["results"][0];
    assert_eq!((&result["outcome"], &result["id"], &result["ref"]), (&json!("created"), &json!(null), &json!("new-1")));
    assert_eq!(workspace.counts(), [0, 0, 0]);
    assert_eq!(dry().status, 429);
    assert_eq!(workspace.import(&[], &json!([customer("a")])).status, 200);
    assert_eq!(workspace.import(&[], &json!([customer("a")])).status, 429);
}

/// docs/adr/0004: what is not kept has an id of the random part. Fails when the answer shows the number that the dry
/// decision counted: that is the next request's.
#[test]
fn a_dry_run_takes_no_id_from_the_sequence() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    let number = |answer: Answer| {
        assert_eq!(answer.status, 200, "{}", answer.json());
        RequestId::parse(answer.json()["request_id"].as_str().unwrap()).unwrap().no()
    };
    assert!(number(workspace.post("transition?dry_run=true", &[], body.as_bytes())).is_refused());
    assert_eq!(number(workspace.import(&[], &json!([customer("a")]))), RequestNo(1));
}

#[test]
fn a_request_over_the_whole_budget_is_413_and_names_it() {
    let world = World::start();
    let limits = json!({"limits": {"users_per_minute": 1, "events_per_minute": 0, "devices_per_minute": 0}});
    let workspace = world.workspace(&limits);
    let answer = workspace.import(&[], &json!([customer("a"), customer("b")]));
    assert_eq!(answer.status, 413);
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains('1'), "{}", answer.json());
    let metrics = String::from_utf8(world.call("GET", "/metrics", &[], b"").body).unwrap();
    assert!(metrics.contains("muster_rate_refusals_total{class=\"users\"} 1\n"), "{metrics}");
}

#[test]
fn refused_requests_are_in_the_log_under_the_id_of_their_answer() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let chain = [("X-Forwarded-For", "203.0.113.7, 192.0.2.1")];
    let answer = workspace.import(&chain, &json!([{"type": "customer"}]));
    let id = answer.json()["error"]["request_id"].as_str().unwrap().to_owned();
    let entry = workspace.admin("GET", &format!("/requests/{id}"), &Json::Null).json();
    assert_eq!(entry["status"], 400);
    assert_eq!(entry["origin_address"], "203.0.113.7");
    assert_eq!(entry["fault_count"], 1);
    let listed = workspace.admin("GET", "/requests?status=400", &Json::Null).json();
    assert_eq!(listed["items"][0]["request_id"], id.as_str());
}

#[test]
fn a_track_call_is_an_import_of_one_element_and_a_rejected_one_is_a_400() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let event = json!({"type": "event", "customer_id": "a", "actions": [{"action": "seen"}]}).to_string();
    assert_eq!(workspace.post("event", &[], event.as_bytes()).status, 200);
    let device = json!({"type": "device", "customer_id": "nobody", "device_id": "d",
        "attributes": {"platform": "web", "push_id": "t"}})
    .to_string();
    assert_eq!(workspace.post("device", &[], device.as_bytes()).status, 400);
    assert_eq!(workspace.post("device", &[("Prefer", "handling=lenient")], device.as_bytes()).status, 200);
    assert_eq!(workspace.counts(), [1, 1, 0]);
    let larger = format!("{}{event}", " ".repeat(131_072 - event.len()));
    assert_eq!(workspace.post("event", &[], larger.as_bytes()).status, 200);
    assert_eq!(workspace.post("event", &[], format!(" {larger}").as_bytes()).status, 413);
}

#[test]
fn settings_that_change_between_two_requests_hold_at_once() {
    // Without reading again on a stale decision, a request that was read before the change would be lost.
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    std::thread::scope(|scope| {
        let importing = scope.spawn(|| {
            (0..100).map(|_| workspace.import(&[], &json!([customer("a")])).status).filter(|s| *s != 200).count()
        });
        for n in 0..20 {
            assert_eq!(workspace.admin("PATCH", "", &json!({"future_skew_seconds": 300 + n})).status, 200);
        }
        assert_eq!(importing.join().unwrap(), 0);
    });
}
