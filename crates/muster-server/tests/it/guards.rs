//! Who may call, and in which order that is judged (behaviour.md 1.8, 1.9, 1.10).

use crate::wire::Answer;
use crate::world::{Workspace, World, basic, customer};
use serde_json::json;

/// A request that a test fixes fault by fault.
struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Request {
    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.headers.push((name, value.to_owned()));
        }
    }

    fn check(&self, world: &World) -> (u16, String) {
        self.send(world).check()
    }

    fn send(&self, world: &World) -> Answer {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        world.call(self.method, &self.path, &headers, &self.body)
    }
}

fn is(status: u16, kind: &str) -> (u16, String) {
    (status, kind.to_owned())
}

fn body(elements: &[serde_json::Value]) -> Vec<u8> {
    json!({"type": "transition", "elements": elements}).to_string().into_bytes()
}

// Exchanging two neighbouring checks in `http/guard.rs` or `http/import.rs` makes one of these two tests fail: each
// request has all later faults, too.
#[test]
fn the_caller_is_judged_in_the_documented_order() {
    let world = World::start();
    let settings = json!({"suspended": true, "allowed_addresses": ["192.0.2.0/24"]});
    let (workspace, other) = (world.workspace(&settings), world.workspace(&json!(null)));
    let mut request =
        Request { method: "PUT", path: "/v1/transitions".to_owned(), headers: Vec::new(), body: vec![b' '; 200_000] };
    assert_eq!(request.send(&world).status, 404);
    request.path = format!("/v1/transition/{}", other.id);
    let answer = request.send(&world);
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    request.method = "POST";
    let required = "Authentication required";
    assert_eq!(request.check(&world), is(401, required));
    request.set("Authorization", "Basic ***");
    assert_eq!(request.check(&world), is(401, required));
    request.set("MOE-APPKEY", &other.id);
    request.set("Authorization", &basic(&workspace.id, "wrong"));
    assert_eq!(request.check(&world), is(409, "Authentication Mismatch"));
    request.path = format!("/v1/transition/{}", workspace.id);
    assert_eq!(request.check(&world), is(401, required));
    request.set("MOE-APPKEY", &workspace.id);
    assert_eq!(request.check(&world), is(401, required));
    request.set("Authorization", &workspace.basic());
    assert_eq!(request.check(&world), is(403, "Account Suspended"));
    assert_eq!(workspace.admin("PATCH", "", &json!({"suspended": false})).status, 200);
    // behaviour.md 1.10.h: clients read `error.message`. Fails when `Failure::render` writes another shape for it.
    let error = json!({"message": "IP Validation Failed. Please check your IP!!", "type": "IP Validation Required"});
    assert_eq!(request.send(&world).refusal(), (403, json!({"status": "fail", "error": error})));
    assert_eq!(workspace.admin("PATCH", "", &json!({"allowed_addresses": ["127.0.0.1"]})).status, 200);
    assert_eq!(request.check(&world), is(400, "Missing header value"));
}

#[test]
fn the_body_is_judged_in_the_documented_order() {
    let world = World::start();
    let limits = json!({"limits": {"users_per_minute": 2, "events_per_minute": 0, "devices_per_minute": 0}});
    let workspace = world.workspace(&limits);
    let first = body(&[customer("a"), customer("b")]);
    let answer = workspace.post("transition", &[("Idempotency-Key", "k")], &first);
    assert_eq!(answer.status, 200);
    let path = format!("/v1/transition/{}", workspace.id);
    let mut request = Request { method: "POST", path, headers: Vec::new(), body: vec![b' '; 102_401] };
    request.set("Authorization", &workspace.basic());
    request.set("Idempotency-Key", "not\tprintable");
    assert_eq!(request.check(&world), is(400, "Missing header value"));
    request.set("Content-Type", "text/plain");
    assert_eq!(request.check(&world), is(415, "MediaTypeError"));
    request.set("Content-Type", "application/json");
    assert_eq!(request.check(&world), is(413, "PayloadTooLarge"));
    request.body = b"{".to_vec();
    assert_eq!(request.send(&world).status, 400);
    assert_ne!(request.check(&world), is(400, "Malformed JSON"));
    request.set("Idempotency-Key", "k");
    assert_eq!(request.check(&world), is(400, "Malformed JSON"));
    request.body = body(&[json!({"type": "customer"}), customer("c"), customer("d")]);
    assert_eq!(request.check(&world), is(400, "MissingAttributeError"));
    request.body = body(&[customer("c"), customer("d")]);
    assert_eq!(request.check(&world), is(409, "IdempotencyConflict"));
    request.set("Idempotency-Key", "");
    let answer = request.send(&world);
    assert_eq!((answer.check(), answer.header("retry-after")), (is(429, "RateLimitError"), Some("61")));
    request.set("Idempotency-Key", "k");
    request.body = first;
    let replayed = request.send(&world);
    assert_eq!((replayed.status, replayed.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(workspace.counts(), [2, 0, 0]);
}

fn rate_headers(answer: &Answer) -> Vec<&str> {
    let names = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-resource"];
    names.iter().filter_map(|name| answer.header(name)).collect()
}

#[test]
fn answers_after_the_key_check_tell_the_budget_of_the_scarcest_class_and_others_do_not() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let answer = workspace.import(&[], &json!([customer("a")]));
    assert_eq!(rate_headers(&answer), ["10000", "9999", "61", "users"]);
    world.clock.step(30);
    let refused = workspace.post("transition", &[], b"{");
    assert_eq!((refused.status, rate_headers(&refused)), (400, vec!["10000", "9999", "31", "users"]));
    let wrong = Workspace { key: "wrong".to_owned(), ..world.workspace(&json!(null)) };
    assert_eq!(rate_headers(&wrong.import(&[], &json!([customer("a")]))), [""; 0]);
    let unlimited = json!({"limits": {"users_per_minute": 0, "events_per_minute": 0, "devices_per_minute": 0}});
    assert_eq!(rate_headers(&world.workspace(&unlimited).import(&[], &json!([customer("a")]))), [""; 0]);
}

#[test]
fn a_key_without_the_scope_is_refused_and_an_unknown_workspace_looks_like_a_wrong_key() {
    let world = World::start();
    let mut workspace = world.workspace(&json!(null));
    let rotated = workspace.admin("POST", "/keys/rotate", &json!({"scopes": ["read"]}));
    let old = std::mem::replace(&mut workspace.key, rotated.json()["data_api_key"].as_str().unwrap().to_owned());
    assert!(matches!(workspace.import(&[], &json!([customer("a")])).status, 401 | 403));
    let refusal = |user: &str, key: &str| {
        let basic = basic(user, key);
        let headers = [("Authorization", basic.as_str()), ("Content-Type", "application/json")];
        world.call("POST", &format!("/v1/transition/{user}"), &headers, &body(&[customer("a")])).refusal()
    };
    assert_eq!(refusal(&workspace.id, &old), refusal("NOBODY", &old));
    assert_eq!(refusal("NOBODY", &old).0, 401);
}

#[test]
fn behind_a_trusted_proxy_the_right_most_foreign_address_counts_for_the_allow_list() {
    let world = World::with(|options| options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()], |_| {});
    let workspace = world.workspace(&json!({"allowed_addresses": ["192.0.2.7"]}));
    let status = |chain: &str| workspace.import(&[("X-Forwarded-For", chain)], &json!([customer("a")])).status;
    assert_eq!(status("203.0.113.9, 192.0.2.7, 127.0.0.5"), 200);
    // Without the walk from the right a client writes itself into the list.
    assert_eq!(status("192.0.2.7, 203.0.113.9"), 403);
}
