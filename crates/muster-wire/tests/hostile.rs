//! Bodies that nobody means well with: they never panic, and each gets the fault that it should.

use muster_core::command::Body;
use muster_core::kinds::Route;
use muster_core::reason::{Fault, Reason};
use muster_core::settings::Settings;
use muster_core::time::Timestamp;
use muster_core::value::Value;
use muster_wire::data::failure::Failure;
use muster_wire::data::faults::Lenient;
use muster_wire::data::transition::{Parsed, ReadContext, Unreadable, read};
use muster_wire::json::{Json, Node, parse};
use muster_wire::zone::Zone;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::sync::Arc;

const SAMPLE: &str = r#"{"type":"transition","elements":[{"type":"customer","customer_id":"c\u00e91","attributes":
 {"a":[1,2.5e3,true,null],"o":{"n":-0.1},"é":"😀","platforms":[{"platform":"web","active":"true"}]}},
 {"type":"event","customer_id":"c1","actions":[{"action":"x","current_time":1788000000,"attributes":{"k":"v"}}]},
 {"type":"device","customer_id":"c1","device_id":"d","attributes":{"platform":"iOS","push_id":"t"}}]} "#;

fn context(route: Route, lenient: bool) -> ReadContext {
    let settings = Arc::new(Settings::default());
    ReadContext {
        route,
        settings,
        lenient,
        null_clears: true,
        parity: lenient,
        zone: Zone::UTC,
        received_at: Timestamp(0),
    }
}

fn bulk(body: &[u8]) -> Result<Parsed, Unreadable> {
    read(body, &context(Route::Transition, false))
}

fn malformed(body: &[u8]) -> bool {
    matches!(bulk(body), Err(Unreadable::Failure(Failure::Malformed(Some(_)))))
}

/// A bulk import of one customer whose attributes are this JSON.
fn with_attributes(json: &str) -> String {
    format!(r#"{{"type":"transition","elements":[{{"type":"customer","customer_id":"c","attributes":{json}}}]}}"#)
}

fn reasons(body: &str) -> Vec<Reason> {
    match bulk(body.as_bytes()) {
        Ok(parsed) => match &parsed.elements[0].body {
            Ok(_) => vec![],
            Err(faults) => faults.iter().map(|f| f.reason).collect(),
        },
        Err(Unreadable::Faults(faults, _)) => faults.iter().map(|f| f.reason).collect(),
        Err(Unreadable::Failure(failure)) => panic!("{failure:?}"),
    }
}

/// Fails if `elements` are converted without the rest of the body having been read: drop the check of what follows
/// the outermost value in `json::parser::document`.
#[test]
fn a_body_that_is_cut_anywhere_is_malformed() {
    assert!(bulk(SAMPLE.as_bytes()).is_ok());
    let end = SAMPLE.trim_end().len();
    for at in 1..end {
        assert!(malformed(&SAMPLE.as_bytes()[..at]), "cut at {at}");
    }
    assert_eq!(bulk(b"").expect_err("there is no body"), Unreadable::Failure(Failure::EmptyBody));
}

/// Fails if `NESTING_MAX` is not compared in `json::parser::nested`: the recursion then overflows the stack.
#[test]
fn deep_nesting_is_malformed() {
    for open in ["[", "{\"a\":"] {
        assert!(malformed(open.repeat(10_000).as_bytes()));
    }
    // The outermost object, `elements`, the element and `attributes` are four.
    let nested = |n: usize| with_attributes(&format!("{{\"x\":{}{}}}", "[".repeat(n), "]".repeat(n)));
    assert!(!malformed(nested(28).as_bytes()));
    assert!(malformed(nested(29).as_bytes()));
}

/// Half a surrogate pair is the fault of its element alone, and of the body only outside of elements (behaviour.md 1.2.l).
/// Fails if `json::parser::string` does not note it, or `transition::envelope` does not look at the notes.
#[test]
fn what_is_no_unicode_is_malformed() {
    for text in ["\\ud83d", "\\ude00", "\\ud83d\\ud83d", "\\ud83dx"] {
        let body = with_attributes(&format!("{{\"a\":\"{text}\"}}"));
        assert_eq!(reasons(&body), [Reason::UnpairedSurrogate], "{text}");
        assert!(malformed(SAMPLE.replacen('{', &format!("{{\"x\":\"{text}\","), 1).as_bytes()), "{text}");
    }
    let mut body = with_attributes("{\"a\":\"?\"}").into_bytes();
    let at = body.iter().position(|b| *b == b'?').expect("it is there");
    for byte in [0xff, 0xc0, 0x80, 0x00, 0x1f] {
        body[at] = byte;
        assert!(malformed(&body), "{byte:#x}");
    }
    assert!(malformed(format!("\u{feff}{SAMPLE}").as_bytes()), "a byte order mark");
}

/// behaviour.md 1.2.e. Fails if `Spoiled::part` answers the same for every place.
#[test]
fn half_a_surrogate_pair_and_a_nul_are_told_with_the_member_in_which_they_stand() {
    let pointers = |element: &str, lenient: bool| -> Vec<String> {
        let body = format!(r#"{{"type":"transition","elements":[{element}]}}"#);
        let faults = match read(body.as_bytes(), &context(Route::Transition, lenient)) {
            Err(Unreadable::Faults(faults, _)) => faults,
            Ok(mut parsed) => parsed.elements.remove(0).body.expect_err("it has faults").to_vec(),
            Err(Unreadable::Failure(failure)) => panic!("{failure:?}"),
        };
        let pointer = |fault: &Fault| fault.pointer.replacen("/elements/0", "", 1);
        faults.iter().map(pointer).collect()
    };
    for (element, want) in [
        (r#"{"type":"customer","customer_id":"\ud83d","attributes":5}"#, vec!["/customer_id", "/attributes"]),
        (
            r#"{"type":"customer","attributes":{"uid":"\ud83d","addValueToArrayField":{"t":[1]},"removeValueFromArrayField":{"t":[2]}}}"#,
            vec!["/attributes/uid", "/attributes/addValueToArrayField"],
        ),
        (
            r#"{"type":"device","customer_id":"\u0000","attributes":{"platform":"toaster","push_id":"t"}}"#,
            vec!["/customer_id", "/attributes/platform"],
        ),
        (r#"{"type":"device","device_id":[],"customer_id":"\ud83d"}"#, vec!["/device_id", "/customer_id", ""]),
        (r#"{"type":"event","customer_id":[],"attributes":{"a":"\ud83d"}}"#, vec!["/customer_id", "/attributes/a", ""]),
        (r#"{"type":"event","actions":"\ud83d"}"#, vec!["", "/actions", "/actions"]),
        (
            r#"{"type":"event","customer_id":"c","actions":[5,{"action":"a","attributes":{"b":"\ud83d"}},6]}"#,
            vec!["/actions/0", "/actions/1/attributes/b", "/actions/2"],
        ),
        (r#"{"type":"customer","x":"\ud83d","attributes":5}"#, vec!["", "/attributes", "/x"]),
    ] {
        assert_eq!(pointers(element, false), want, "{element}");
        // An element that is refused as a whole does not tell of its other actions.
        let of_element = want.into_iter().filter(|at| !["/actions/0", "/actions/2"].contains(at));
        assert_eq!(pointers(element, true), of_element.collect::<Vec<_>>(), "lenient {element}");
    }
}

/// Fails if doubled names are looked for among neighbours only, or not in large objects: `first_doubled`.
#[test]
fn a_doubled_member_is_the_elements_one_fault_and_spoils_the_envelope() {
    let many: Vec<String> = (0..300).map(|n| format!("\"k{n}\":null")).collect();
    for object in
        [r#"{"a":1,"a":1}"#, r#"{"a":{"b":[{"c":1,"d":2,"c":3}]}}"#, &format!("{{{},\"k7\":1}}", many.join(","))]
    {
        assert_eq!(reasons(&with_attributes(object)), [Reason::DoubledMember], "{object}");
    }
    assert!(malformed(SAMPLE.replacen('{', r#"{"type":"transition","#, 1).as_bytes()));
    assert!(malformed(SAMPLE.replacen('{', r#"{"x":[{"y":1,"y":1}],"#, 1).as_bytes()));
    assert!(malformed(br#"{"type":"transition","elements":[{}],"elements":[{"type":"customer","customer_id":"c"}]}"#));
}

/// Fails if the notes of one element leak into the next: keep `places` in `json::parser::array_handed_over`.
#[test]
fn a_nul_rejects_its_element_alone() {
    let nul = r#"{"type":"customer","customer_id":"c","attributes":{"a\u0000":1}}"#;
    let good = r#"{"type":"customer","customer_id":"d"}"#;
    let body = format!(r#"{{"type":"transition","x":"\u0000","elements":[{good},{nul},{good}]}}"#);
    let parsed = bulk(body.as_bytes()).expect("it is a value fault");
    let rejected: Vec<bool> = parsed.elements.iter().map(|e| e.body.is_err()).collect();
    assert_eq!(rejected, [false, true, false]);
    assert_eq!(&body[parsed.spans[1].clone()], nul);
}

/// Fails if numbers are converted while the body is parsed: one that overflows then spoils it.
#[test]
fn a_number_that_no_type_holds_is_dropped() {
    let long = "7".repeat(5_000);
    let body = with_attributes(&format!("{{\"a\":1e400,\"b\":-1e400,\"c\":{long},\"d\":0.{long},\"e\":1e-5000}}"));
    let parsed = bulk(body.as_bytes()).expect("it is valid");
    let Ok(Body::Customer(customer)) = &parsed.elements[0].body else { panic!("a customer") };
    let sevenths = 0.777_777_777_777_777_8;
    assert_eq!(customer.sets, [("d".into(), Value::Float(sevenths)), ("e".into(), Value::Float(0.0))]);
    assert_eq!(parsed.elements[0].warnings.0.len(), 3);
}

/// Fails if `FAULTS_MAX` is not heeded: 20,000 faults make an answer of megabytes.
#[test]
fn no_more_than_a_thousand_faults_are_told() {
    let body = format!(r#"{{"type":"transition","elements":[{}7]}}"#, "7,".repeat(20_000));
    let Err(Unreadable::Faults(faults, lenient)) = bulk(body.as_bytes()) else { panic!("they are structural") };
    assert_eq!((faults.len(), lenient), (1_000, Lenient { stored: 0, of: 20_001 }));
}

/// Fails if `Notices::add` takes names without bound: a quadratic search then takes minutes.
#[test]
fn a_megabyte_of_different_warnings_is_read_in_no_time() {
    let members: Vec<String> = (0..100_000).map(|n| format!("\"k{n}\":null")).collect();
    let body = with_attributes(&format!("{{{}}}", members.join(",")));
    let settings = Arc::new(Settings::default());
    let context = ReadContext {
        route: Route::Transition,
        settings,
        lenient: false,
        null_clears: false,
        parity: false,
        zone: Zone::UTC,
        received_at: Timestamp(0),
    };
    let parsed = read(body.as_bytes(), &context).expect("it is valid");
    assert_eq!(parsed.elements[0].warnings.0.len(), 100);
}

#[test]
fn too_many_actions_are_a_value_fault_that_still_costs_what_arrived() {
    let actions = vec![r#"{"action":"a"}"#; 10_001].join(",");
    let body =
        format!(r#"{{"type":"transition","elements":[{{"type":"event","customer_id":"c","actions":[{actions}]}}]}}"#);
    assert_eq!(reasons(&body), [Reason::TooManyActions]);
    assert_eq!(bulk(body.as_bytes()).expect("a value fault").elements[0].actions, 10_001);
}

/// JSON that an import might be made of, as text.
fn json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "type",
        "customer",
        "event",
        "device",
        "customer_id",
        "attributes",
        "actions",
        "action",
        "uid",
        "email",
        "u_em",
        "platforms",
        "platform",
        "web",
        "push_id",
        "unset_attributes",
        "addValueToArrayField",
        "removeValueFromArrayField",
        "current_time",
        "user_time",
        "user_timezone_offset",
        "event_id",
        "moe_x",
        "geo",
        "12.5 77.6",
        "2026-01-05",
        "true",
        "guest",
        "",
        "a\\u0000",
        "é",
        "update_existing_only",
        "user_identifiers",
        "device_id",
        "moe_gaid",
        "last_seen",
    ])
    .prop_map(|w| format!("\"{w}\""));
    let scalar = prop_oneof![
        word.clone(),
        any::<i64>().prop_map(|n| n.to_string()),
        prop::sample::select(vec!["null", "true", "false", "1.5", "1e400", "-0", "1e2", "99999999999999999999"])
            .prop_map(String::from),
    ];
    scalar.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((word.clone(), inner), 0..8).prop_map(|members| {
                let members: Vec<String> = members.into_iter().map(|(name, value)| format!("{name}:{value}")).collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

/// An element of a known type with members that often fit.
fn element() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec!["customer", "event", "device"]);
    (kind, json(), json(), json()).prop_map(|(kind, attributes, actions, identifiers)| {
        format!(
            r#"{{"type":"{kind}","customer_id":"c","attributes":{attributes},"user_identifiers":{identifiers},"actions":[{actions},{{"action":"a","attributes":{attributes}}}]}}"#
        )
    })
}

/// The tree as serde_json would have it; None where it cannot hold it.
fn same(node: &Node, other: &serde_json::Value) -> bool {
    use serde_json::Value as Other;
    match (&node.json, other) {
        (Json::Null, Other::Null) => true,
        (Json::Boolean(a), Other::Bool(b)) => a == b,
        (Json::Number(a), Other::Number(b)) => a.parse::<f64>().ok() == b.as_f64(),
        (Json::Text(a), Other::String(b)) => a == b,
        (Json::Array(a), Other::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Other::Object(b)) => {
            // Of a doubled name the other keeps the last.
            a.iter().all(|m| b.contains_key(&*m.name))
                && b.iter()
                    .all(|(name, value)| a.iter().rfind(|m| m.name == **name).is_some_and(|m| same(&m.value, value)))
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        for route in [Route::Transition, Route::Customer, Route::Event, Route::Device] {
            let _ = read(&body, &context(route, true));
        }
    }

    #[test]
    fn a_changed_byte_never_panics(at in 0..SAMPLE.len(), byte in any::<u8>()) {
        let mut body = SAMPLE.as_bytes().to_vec();
        body[at] = byte;
        let _ = bulk(&body);
    }

    #[test]
    fn reading_twice_gives_the_same(elements in prop::collection::vec(prop_oneof![json(), element()], 0..6), lenient: bool) {
        let body = format!(r#"{{"type":"transition","elements":[{}]}}"#, elements.join(","));
        let context = context(Route::Transition, lenient);
        let [once, twice] = [read(body.as_bytes(), &context), read(body.as_bytes(), &context)];
        prop_assert_eq!(format!("{once:?}"), format!("{twice:?}"));
        if let Ok(parsed) = once {
            let spans: Vec<&str> = parsed.spans.iter().map(|span| &body[span.clone()]).collect();
            prop_assert_eq!(spans, elements.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_element_is_read_alike_in_a_bulk_import_and_in_a_track_call(element in element()) {
        let route = if element.starts_with(r#"{"type":"customer""#) { Route::Customer }
            else if element.starts_with(r#"{"type":"event""#) { Route::Event } else { Route::Device };
        let body = format!(r#"{{"type":"transition","elements":[{element}]}}"#);
        let bulk = read(body.as_bytes(), &context(Route::Transition, true));
        let track = read(element.as_bytes(), &context(route, true));
        let (bulk, track) = (format!("{:?}", bulk.map(|p| p.elements)), format!("{:?}", track.map(|p| p.elements)));
        prop_assert_eq!(bulk.replace("\"/elements/0", "\""), track);
    }

    /// The parser agrees with serde_json about what JSON is and what it says, but where it is meant to be stricter.
    #[test]
    fn the_parser_agrees_with_another(text in prop_oneof![json(), "[\\[\\]{}:,\"\\\\a1.eE+\\- tnu]{0,12}"]) {
        match (parse(text.as_bytes()), serde_json::from_str::<serde_json::Value>(&text)) {
            (Ok(document), Ok(other)) => prop_assert!(same(&document.root, &other), "{}", text),
            (Ok(_), Err(e)) => prop_assert!(e.to_string().contains("number out of range"), "{} {}", text, e),
            (Err(_), other) => prop_assert!(other.is_err(), "{}", text),
        }
    }
}
