//! Quirks of real clients that these calls can meet (clients.md 4), each through a real socket.

use crate::world::{World, customer};
use serde_json::{Value as Json, json};
use std::io::Write as _;

fn event(id: &str, action: &Json) -> Json {
    json!({"type": "event", "customer_id": id, "actions": [action]})
}

#[test]
fn quirk_1_every_failure_is_json_with_status_fail_and_a_text() {
    let world = World::start();
    for (method, target) in [
        ("POST", "/v1/customers"),
        ("POST", "/v1/customer/X/attribute"),
        ("GET", "/v1/transition/X"),
        ("HEAD", "/v1/transition/X"),
        ("OPTIONS", "/v1/event/X"),
        ("DELETE", "/v1/device/X"),
        ("POST", "/v1/transition/X"),
        ("POST", "/"),
    ] {
        let answer = world.call(method, target, &[], b"");
        assert!(matches!(answer.status, 401 | 404 | 405), "{method} {target}: {}", answer.status);
        if method == "HEAD" {
            continue;
        }
        let json = answer.json();
        assert_eq!(json["status"], "fail", "{method} {target}");
        assert!(!json["error"]["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn quirk_2_the_app_key_header_may_be_absent_or_agree() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let id = workspace.id.clone();
    for (headers, status) in [(vec![], 200), (vec![("MOE-APPKEY", id.as_str())], 200), (vec![("MOE-APPKEY", "X")], 401)]
    {
        assert_eq!(workspace.import(&headers, &json!([customer("a")])).status, status, "{headers:?}");
    }
}

#[test]
fn quirk_3_the_workspace_may_be_in_the_path_in_the_query_or_in_both_and_must_agree() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let id = &workspace.id;
    let basic = workspace.basic();
    let status = |target: &str| {
        let headers = [("content-type", "application/json"), ("authorization", basic.as_str())];
        world.call("POST", target, &headers, customer("a").to_string().as_bytes()).status
    };
    assert_eq!(status(&format!("/v1/customer/{id}")), 200);
    assert_eq!(status(&format!("/v1/customer?app_id={id}")), 200);
    assert_eq!(status(&format!("/v1/customer/{id}?app_id={id}")), 200);
    assert_eq!(status(&format!("//v1/customer//{id}/?app_id={id}")), 200);
    assert_eq!(status("/v1/customer"), 400);
    assert_eq!(status(&format!("/v1/customer/{id}?app_id=OTHER")), 409);
    assert_eq!(status(&format!("/v1/customer/OTHER?app_id={id}")), 409);
}

#[test]
fn quirks_4_and_5_times_offsets_and_platforms_of_every_form_are_taken() {
    let world = World::start();
    let workspace = world.workspace(&json!({"limits": {"events_per_minute": 0}}));
    for time in [
        json!("2020-01-05T00:00:00.123Z"),
        json!("2020-01-05T05:30:00+05:30"),
        json!("2020-01-05T00:00:00"),
        json!(1_578_182_400),
        json!(1_578_182_400_123_u64),
        json!("1578182400123"),
        json!(null),
        json!("1931-01-05"),
        json!("Thu Mar 24 2016 17:46:45 GMT+0000 (UTC)"),
    ] {
        let action = json!({"action": "seen", "current_time": time, "user_time": time});
        assert_eq!(workspace.results(&json!([event("a", &action)]))[0]["actions"][0]["outcome"], "accepted", "{time}");
    }
    for offset in [json!(19_800), json!("19800"), json!(""), json!(-12_600), json!(99_999)] {
        let action = json!({"action": "seen", "user_timezone_offset": offset});
        assert_eq!(workspace.import(&[], &json!([event("a", &action)])).status, 200, "{offset}");
    }
    for platform in ["ANDROID", "android", "iOS", "", "mobile", "server", "sources", "Windows", "unknown", "TV"] {
        let action = json!({"action": "seen", "platform": platform});
        assert_eq!(workspace.import(&[], &json!([event("a", &action)])).status, 200, "{platform}");
    }
    let device = |platform: &str| {
        let body = json!({"type": "device", "customer_id": "a", "device_id": "d",
            "attributes": {"platform": platform, "push_id": "t"}});
        workspace.post("device", &[], body.to_string().as_bytes()).status
    };
    assert_eq!([device("android"), device("Windows")], [200, 400]);
}

#[test]
fn quirks_6_and_7_attributes_of_every_form_are_taken_and_null_is_never_stored_as_text() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let attributes = json!({
        "none": null, "empty": "", "nan": "nan", "list": [], "object": {}, "objects": [{"a": 1}, {"a": 2}],
        "deep": {"a": {"b": {"c": 1}}}, "products[0].name": "x", "key with spaces": 1, "имя": "и", "flag": "true",
        "u_fn": "Asha", "platforms": [{"platform": "ANDROID", "active": true}, {"platform": "web", "active": "false"}],
    });
    let element = json!({"type": "customer", "customer_id": "a", "attributes": attributes});
    assert_eq!(workspace.import(&[], &json!([element])).status, 200);
    let user = workspace.find("customer_id", "a").unwrap();
    let shown = &user["attributes"];
    assert_eq!((&shown["none"], &shown["list"]), (&Json::Null, &Json::Null));
    assert_eq!(shown["products[0].name"], "x");
    assert_eq!(shown["имя"], "и");
    assert_eq!(shown["first_name"], "Asha");
    assert_eq!(shown["objects"], json!([{"a": 1}, {"a": 2}]));
    assert_eq!(workspace.post("customer", &[], br#"{"type":"customer","customer_id":"b"}"#).status, 200);
    assert_eq!(
        workspace.post("customer", &[], br#"{"type":"customer","customer_id":"c","attributes":{}}"#).status,
        200
    );
}

#[test]
fn quirk_8_update_existing_only_as_the_text_false_is_false() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let element = |id: &str, only: &Json| json!({"type": "customer", "customer_id": id, "attributes": {"x": 1}, "update_existing_only": only});
    let elements = json!([
        element("a", &json!("false")),
        element("b", &json!(false)),
        element("c", &json!("true")),
        element("d", &json!(true)),
    ]);
    let outcomes: Vec<Json> = workspace.results(&elements).iter().map(|result| result["outcome"].clone()).collect();
    assert_eq!(outcomes, ["created", "created", "skipped", "skipped"]);
}

#[test]
fn quirk_9_a_number_as_customer_id_is_its_text_and_others_are_a_clean_400() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let status = |id: &Json| workspace.import(&[], &json!([{"type": "customer", "customer_id": id}])).status;
    assert_eq!(status(&json!(42)), 200);
    assert!(workspace.find("customer_id", "42").is_some());
    for id in [json!(null), json!(""), json!(1.5), json!({}), json!([]), json!(true)] {
        assert_eq!(status(&id), 400, "{id}");
    }
    let refused = workspace.post("customer", &[], br#"{"type":"customer","customer_id":"guest"}"#);
    assert_eq!(refused.status, 400);
}

#[test]
fn quirks_10_and_11_unknown_fields_are_ignored_and_a_mixed_bulk_applies_in_order() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let action = json!({"action": "seen", "device_time": 1, "email": "a@example.test", "timestamp": "x"});
    let device =
        json!({"type": "device", "customer_id": "a", "attributes": {"platform": "iOS", "push_id": "t", "brand": "x"}});
    let elements = json!([event("a", &action), customer("a"), customer("a"), device]);
    let outcomes: Vec<Json> = workspace.results(&elements).iter().map(|result| result["outcome"].clone()).collect();
    assert_eq!(outcomes, ["created", "updated", "updated", "updated"]);
    assert_eq!(workspace.counts(), [1, 1, 1]);
}

#[test]
fn quirk_12_encodings_headers_and_forms_of_json_are_taken() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let body = json!({"type": "transition", "elements": [customer("a")]});
    let plain = body.to_string().into_bytes();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&plain).unwrap();
    assert_eq!(workspace.post("transition", &[("Content-Encoding", "gzip")], &encoder.finish().unwrap()).status, 200);
    for (name, value) in [
        ("Upgrade", "h2c"),
        ("Cookie", "a=b"),
        ("Cache-Control", "no-cache"),
        ("X-Forwarded-For", "a, b"),
        ("Accept-Encoding", "gzip, br"),
        ("Postman-Token", "x"),
    ] {
        assert_eq!(workspace.post("transition", &[(name, value)], &plain).status, 200, "{name}");
    }
    let pretty = format!("\n{}\n\n", serde_json::to_string_pretty(&body).unwrap());
    assert_eq!(workspace.post("transition", &[], pretty.as_bytes()).status, 200);
    let escaped = br#"{"type":"transition","elements":[{"type":"customer","customer_id":"a","attributes":{"x":"\u003c\ud83d\ude00"}}]}"#;
    assert_eq!(workspace.post("transition", &[], escaped).status, 200);
    assert_eq!(workspace.find("customer_id", "a").unwrap()["attributes"]["x"], "<😀");
    let basic = workspace.basic();
    let headers = [("authorization", basic.as_str()), ("content-type", "APPLICATION/json;charset=UTF-8")];
    let target = format!("/v1/transition/{}", workspace.id);
    assert_eq!(world.call("POST", &target, &headers, &plain).status, 200);
    let mut connection = world.connect();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    connection.send(head.as_bytes());
    assert_eq!(connection.answer().unwrap().status, 100);
    connection.send(format!("{:x}\r\n", plain.len()).as_bytes());
    connection.send(&plain);
    connection.send(b"\r\n0\r\n\r\n");
    assert_eq!(connection.answer().unwrap().status, 200);
}

#[test]
fn quirk_14_the_same_request_twice_is_no_error() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let elements = json!([customer("a")]);
    assert_eq!([workspace.import(&[], &elements).status, workspace.import(&[], &elements).status], [200, 200]);
    assert_eq!(workspace.counts(), [1, 0, 0]);
}

#[test]
fn a_kept_alive_connection_serves_on_after_refusals_of_every_kind() {
    let world = World::start();
    let workspace = world.workspace(&json!(null));
    let (id, basic) = (workspace.id.clone(), workspace.basic());
    let good = [("Authorization", basic.as_str()), ("Content-Type", "application/json")];
    let body = json!({"type": "transition", "elements": [customer("a")]}).to_string();
    let mut connection = world.connect();
    let target = format!("/v1/transition/{id}");
    // Without draining in `http/body.rs` the connection is reset under the second of these.
    for (method, target, headers, body, status) in [
        ("POST", target.as_str(), &good[..1], "x".repeat(90_000), 400),
        ("POST", "/nowhere", &good[..], "x".repeat(90_000), 404),
        ("PUT", target.as_str(), &good[..], "x".repeat(90_000), 405),
        ("POST", target.as_str(), &good[1..], "x".repeat(90_000), 401),
        ("POST", target.as_str(), &good[..], "x".repeat(150_000), 413),
        ("POST", target.as_str(), &good[..], body, 200),
    ] {
        let answer = connection.call(method, target, headers, body.as_bytes());
        assert_eq!((answer.status, answer.header("connection")), (status, None), "{method} {target}");
    }
}
