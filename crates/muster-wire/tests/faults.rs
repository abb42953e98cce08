//! What a 400 says of each fault, and what is said of an element that was read otherwise than it was sent, each rule by the
//! smallest body that shows it (behaviour.md 1.2.a, 1.2.d, 1.2.l, 1.3.n).

use muster_core::command::Body;
use muster_core::id::{RequestId, RequestNo};
use muster_core::identifier::KindSettings;
use muster_core::kinds::Route;
use muster_core::settings::{Identity, Settings};
use muster_core::time::Timestamp;
use muster_core::warning::Code;
use muster_wire::data::api::Api;
use muster_wire::data::faults::refusal;
use muster_wire::data::transition::{ReadContext, Unreadable, read};
use muster_wire::manage::element_report::faults;
use muster_wire::zone::Zone;
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn context(lenient: bool) -> ReadContext {
    let kinds = ["customer_id", "loyalty"].map(KindSettings::plain).to_vec();
    let identity = Identity { enabled: true, kinds, ..Identity::off() };
    ReadContext {
        route: Route::Transition,
        settings: Arc::new(Settings { identity, ..Settings::default() }),
        lenient,
        null_clears: false,
        parity: false,
        zone: Zone::UTC,
        received_at: Timestamp(0),
    }
}

/// The entries of `errors` in the answer to this body.
fn entries(body: &str) -> Vec<Json> {
    let (api, id) = (Api::Transition, RequestId::from_no(RequestNo(1)));
    let answer = match read(body.as_bytes(), &context(false)) {
        Err(Unreadable::Failure(failure)) => {
            let json: Json = serde_json::from_slice(&failure.render(api, id)).expect("an answer is JSON");
            // The log says the same of it as the answer.
            assert_eq!(json!(faults(api, &[failure.fault(api)])), json["error"]["errors"], "{body}");
            return json["error"]["errors"].as_array().expect("a list").clone();
        }
        Err(Unreadable::Faults(faults, lenient)) => refusal(api, &faults, lenient, id),
        Ok(parsed) => panic!("it is accepted: {:?}", parsed.elements),
    };
    let json: Json = serde_json::from_slice(&answer).expect("an answer is JSON");
    json["error"]["errors"].as_array().expect("a list").clone()
}

fn bulk(elements: &str) -> String {
    format!(r#"{{"type":"transition","elements":[{elements}]}}"#)
}

/// The warnings of one element: code, name and pointer.
fn warnings(element: &str) -> Vec<(Code, String, String)> {
    let parsed = read(bulk(element).as_bytes(), &context(false)).expect("it is accepted");
    let warnings = parsed.elements[0].warnings.0.iter();
    warnings.map(|warning| (warning.code, warning.name.to_string(), warning.pointer.to_string())).collect()
}

fn members_of(entry: &Json) -> (Json, Json, Json, Json, Json) {
    let of = |name: &str| entry[name].clone();
    (of("pointer"), of("line"), of("column"), of("offset"), of("hint"))
}

/// Fails when `Failure::more` leaves out the place, or `More::lines` writes it otherwise than `More::of` reads it.
#[test]
fn malformed_json_is_told_with_its_place_in_the_answer_and_in_the_log() {
    let null = || Json::Null;
    let body = "{\"type\": \"transition\",\n \"elements\": [\n  {\"type\": \"customer\", \"customer_id\": \"\u{e4}\", \"a\": NaN}]}";
    let offset = body.find("NaN").expect("it is there");
    let entry = &entries(body)[0];
    assert_eq!(members_of(entry), (json!(""), json!(3), json!(49), json!(offset), null()));
    assert_eq!((&entry["index"], &entry["type"]), (&Json::Null, &json!("Malformed JSON")));
    let twice = r#"{"type":"transition","x":[{"y":1,"y":2}],"elements":[]}"#;
    assert_eq!(members_of(&entries(twice)[0]), (json!("/x/0/y"), json!(1), json!(34), json!(33), null()));
    let half = r#"{"type":"transition","x":"\ud83d","elements":[]}"#;
    assert_eq!(members_of(&entries(half)[0]), (json!("/x"), json!(1), json!(26), json!(25), null()));
    let encoded = json!(bulk("{}")).to_string();
    let hint = "this is a JSON string that holds JSON: it was encoded twice; send what is in the string itself";
    assert_eq!(members_of(&entries(&encoded)[0]), (json!(""), null(), null(), null(), json!(hint)));
    let inside = r#"{"type":"transition","elements":"[{}]"}"#;
    assert_eq!(members_of(&entries(inside)[0]), (json!("/elements"), null(), null(), null(), json!(hint)));
    let rows = "{\"type\":\"customer\"}\n{\"type\":\"customer\"}\n";
    let hint = "the body looks like NDJSON: several JSON documents follow each other; send one document";
    assert_eq!(members_of(&entries(rows)[0]), (json!(""), json!(2), json!(1), json!(20), json!(hint)));
}

/// Fails when `Gathered::judge` counts elements with a value fault, or stops counting at the first fault.
#[test]
fn each_fault_tells_how_much_a_lenient_request_would_have_stored() {
    let customer = r#"{"type":"customer","customer_id":"c"}"#;
    let unknown = r#"{"type":"Customer","customer_id":"c"}"#;
    let guest = r#"{"type":"customer","customer_id":"guest"}"#;
    let partly = r#"{"type":"event","customer_id":"c","actions":[{"action":""},{"action":"x"}]}"#;
    let wholly = r#"{"type":"event","customer_id":"c","actions":[{"action":""}]}"#;
    let body = bulk(&[customer, unknown, guest, partly, wholly, customer].join(","));
    let hint = "with the header Prefer: handling=lenient, 3 of 6 elements would have been stored";
    let told: Vec<(Json, Json)> = entries(&body).iter().map(|e| (e["pointer"].clone(), e["hint"].clone())).collect();
    let at = |pointer: &str| (json!(pointer), json!(hint));
    assert_eq!(told, [at("/elements/1/type"), at("/elements/3/actions/0/action"), at("/elements/4/actions/0/action")]);
}

/// Fails when `Node::members` takes no empty array.
#[test]
fn an_empty_array_is_an_empty_object_and_one_with_items_is_none() {
    let accepted = [
        r#"{"type":"customer","customer_id":"c","attributes":[]}"#,
        r#"{"type":"customer","customer_id":"c","attributes":{"addValueToArrayField":[],"removeValueFromArrayField":[]}}"#,
        r#"{"type":"event","customer_id":"c","user_identifiers":[],"actions":[{"action":"x","attributes":[]}]}"#,
    ];
    for element in accepted {
        assert_eq!(warnings(element), [], "{element}");
    }
    let pointers = |element: &str| {
        entries(&bulk(element))
            .iter()
            .map(|entry| entry["pointer"].as_str().expect("a string").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(pointers(r#"{"type":"customer","customer_id":"c","attributes":[1]}"#), ["/elements/0/attributes"]);
    let event =
        r#"{"type":"event","customer_id":"c","user_identifiers":[1],"actions":[{"action":"x","attributes":[1]}]}"#;
    assert_eq!(pointers(event), ["/elements/0/user_identifiers", "/elements/0/actions/0/attributes"]);
    // A device needs two of its attributes.
    assert_eq!(pointers(r#"{"type":"device","customer_id":"c","attributes":[]}"#), ["/elements/0/attributes"; 2]);
}

/// Fails when `ElementReader::spoiled` points at the element, or looks outside of actions alone.
#[test]
fn a_string_that_cannot_be_is_the_fault_of_its_element_and_told_where_it_stands() {
    let told = |element: &str| {
        let of = |entry: &Json| (entry["index"].clone(), entry["pointer"].clone(), entry["type"].clone());
        entries(&bulk(&format!(r#"{{"type":"customer","customer_id":"c"}},{element}"#)))
            .iter()
            .map(of)
            .collect::<Vec<_>>()
    };
    let at = |pointer: &str| vec![(json!(1), json!(format!("/elements/1{pointer}")), json!("Malformed JSON"))];
    let name = r#"{"type":"customer","customer_id":"c","attributes":{"o":[{"a\ud83d":1}]}}"#;
    assert_eq!(told(name), at("/attributes/o/0/a\u{fffd}"));
    let value = r#"{"type":"event","customer_id":"c","actions":[{"action":"x","attributes":{"a":"\ude00"}}]}"#;
    assert_eq!(told(value), at("/actions/0/attributes/a"));
    let nul = r#"{"type":"customer","customer_id":"c","attributes":{"a":"x\u0000"}}"#;
    let parsed = read(bulk(nul).as_bytes(), &context(false)).expect("a value fault");
    let pointers =
        |faults: &[muster_core::reason::Fault]| faults.iter().map(|f| f.pointer.to_string()).collect::<Vec<_>>();
    assert_eq!(pointers(parsed.elements[0].body.as_ref().expect_err("a fault")), ["/elements/0/attributes/a"]);
    let nul = r#"{"type":"event","customer_id":"c","actions":[{"action":"x","attributes":{"a":["\u0000"]}}]}"#;
    let parsed = read(bulk(nul).as_bytes(), &context(false)).expect("a value fault");
    let Ok(Body::Event(event)) = &parsed.elements[0].body else { panic!("an event") };
    assert_eq!(pointers(event.actions[0].as_ref().expect_err("a fault")), ["/elements/0/actions/0/attributes/a/0"]);
}

/// Fails when `unknown_of_action` knows no active kinds, or `unknown` warns of what clients add.
#[test]
fn a_member_that_nobody_knows_is_a_warning() {
    let unknown = |name: &str, pointer: &str| (Code::UnknownMember, name.to_owned(), pointer.to_owned());
    let customer =
        r#"{"type":"customer","customer_id":"c","atributes":{"x":1},"timestamp":1,"device_id":"d","email":"e"}"#;
    assert_eq!(
        warnings(customer),
        [
            unknown("atributes", "/elements/0/atributes"),
            unknown("device_id", "/elements/0/device_id"),
            unknown("email", "/elements/0/email"),
        ]
    );
    let all = r#""platforms":[],"unset_attributes":[],"update_existing_only":false,"attributes":{},"device_time":1"#;
    assert_eq!(warnings(&format!(r#"{{"type":"customer","customer_id":"c",{all}}}"#)), []);
    let action = r#"{"action":"x","curent_time":1,"timestamp":1,"device_time":2,"email":"a","uid":"u","loyalty":"l","brand":"b",
        "attributes":{"any":1},"platform":"web","user_timezone_offset":0,"app_version":"1","moe_os_type":"Tizen",
        "real_time_action":"true","event_id":"e","current_time":1788000000,"user_time":1788000000}"#;
    let event = format!(
        r#"{{"type":"event","customer_id":"c","device_id":"d","attributes":{{}},"actions":[{action},{action}]}}"#
    );
    assert_eq!(
        warnings(&event),
        [
            unknown("curent_time", "/elements/0/actions/0/curent_time"),
            unknown("brand", "/elements/0/actions/0/brand"),
            unknown("attributes", "/elements/0/attributes"),
        ]
    );
    let device = r#"{"type":"device","customer_id":"c","device_id":"d","platform":"web","attributes":{"platform":"web","push_id":"t","brand":"b"}}"#;
    assert_eq!(warnings(device), [unknown("platform", "/elements/0/platform")]);
}
