//! Bodies of imports. The parser agrees with `serde_json` about what JSON is, except where it is stricter on purpose. Every
//! value and every note has its place in the body, every element that is read has its span, and every fault points at
//! something that exists.

use muster_core::command::{Body, Element};
use muster_core::kinds::Route;
use muster_core::limits::{FAULTS_MAX, NESTING_MAX, WARNINGS_MAX};
use muster_core::reason::Fault;
use muster_core::settings::Settings;
use muster_core::time::Timestamp;
use muster_wire::data::delete;
use muster_wire::data::kept::kept_element;
use muster_wire::data::transition::{Parsed, ReadContext, Unreadable, read};
use muster_wire::json::{Document, Json, Node, parse};
use muster_wire::zone::Zone;
use serde_json::Value as Other;
use std::sync::Arc;

/// How a pointer ends that was cut (`muster_core::excerpt`).
const CUT: char = '\u{2026}';

#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "\"type\"", "\"transition\"", "\"elements\"", "\"customer\"", "\"event\"", "\"device\"", "\"customer_id\"",
    "\"attributes\"", "\"actions\"", "\"action\"", "\"user_identifiers\"", "\"device_id\"", "\"platforms\"",
    "\"platform\"", "\"web\"", "\"ANDROID\"", "\"push_id\"", "\"unset_attributes\"", "\"addValueToArrayField\"",
    "\"removeValueFromArrayField\"", "\"update_existing_only\"", "\"event_id\"", "\"current_time\"", "\"user_time\"",
    "\"user_timezone_offset\"", "\"u_em\"", "\"uid\"", "\"moe_x\"", "\"identity_type\"", "\"identity_value\"", "{", "}",
    "[", "]", "[[[[[[[[", ":", ",", "null", "true", "1e400", "-0", "18446744073709551616", "\\u0000", "\\ud83d",
    "\\ude00", "\\u00e9", "\"\"", "\"2026-01-05T00:00:00Z\"", "~", "/", "\u{feff}",
];

pub(super) fn check(data: &[u8]) {
    let parsed = parse(data);
    if let Err(malformed) = &parsed {
        assert!(malformed.offset <= data.len(), "it stops being JSON after its end");
    }
    agrees_with_another(data, parsed.as_ref().ok());
    if let Ok(document) = &parsed {
        check_spans(&document.root, 0..data.len());
        let is_quote = |at: &u32| data.get(*at as usize) == Some(&b'"');
        for places in [&document.places.doubled, &document.places.nuls, &document.places.unpaired] {
            assert!(places.is_sorted() && places.iter().all(is_quote), "a note is not at a string");
        }
    }
    for (route, lenient) in
        [(Route::Transition, false), (Route::Transition, true), (Route::Customer, true), (Route::Event, false)]
    {
        let was_read = read(data, &context(route, lenient));
        let document = parsed.as_ref().ok();
        match was_read {
            Ok(read) => check_elements(data, document.expect("what was read is JSON"), &read),
            Err(Unreadable::Faults(faults, lenient)) => {
                // All of them is possible: of an event only the actions that have a fault are left out.
                assert!(lenient.stored <= lenient.of, "a lenient request would have stored more than there is");
                assert!((1..=FAULTS_MAX).contains(&faults.len()), "{} faults", faults.len());
                let document = document.expect("what has faults is JSON");
                faults.iter().for_each(|fault| points_at_something(document, fault));
            }
            Err(Unreadable::Failure(_)) => {}
        }
    }
    if delete::read(data).is_ok() {
        assert!(parsed.is_ok(), "a deletion that is not JSON");
    }
}

fn context(route: Route, lenient: bool) -> ReadContext {
    ReadContext {
        route,
        settings: Arc::new(Settings::default()),
        lenient,
        null_clears: lenient,
        parity: lenient,
        zone: Zone::UTC,
        received_at: Timestamp(0),
    }
}

/// Compares what was read with the body as a tree.
fn check_elements(data: &[u8], document: &Document<'_>, read: &Parsed) {
    assert_eq!(read.elements.len(), read.spans.len(), "elements and spans");
    for (place, (element, span)) in read.elements.iter().zip(&read.spans).enumerate() {
        assert_eq!(usize::try_from(element.index).ok(), Some(place), "an element has another's place");
        assert!(element.warnings.0.len() <= WARNINGS_MAX, "more warnings than the limit");
        let bytes = data.get(span.clone()).expect("the bytes of an element are in the body");
        assert!(parse(bytes).is_ok(), "the bytes of an element are not JSON");
        assert_eq!(*kept_element(bytes, None), *bytes, "an element is stored otherwise than it was received");
        assert!(parse(&kept_element(bytes, Some(&[0, 2]))).is_ok(), "the stored form of an element is not JSON");
        faults_of(element).for_each(|fault| points_at_something(document, fault));
    }
}

fn faults_of(element: &Element) -> impl Iterator<Item = &Fault> {
    let own = element.body.as_ref().err().into_iter().flatten();
    let actions = match &element.body {
        Ok(Body::Event(event)) => event.actions.as_slice(),
        _ => &[],
    };
    own.chain(actions.iter().filter_map(|action| action.as_ref().err()).flatten())
}

/// Checks that a pointer points at a value. A name that is there twice makes a pointer ambiguous, and a long pointer is
/// cut: both are left out.
fn points_at_something(document: &Document<'_>, fault: &Fault) {
    if document.places.doubled.is_empty() && !fault.pointer.ends_with(CUT) {
        assert!(at(&document.root, &fault.pointer).is_some(), "{} points at nothing", fault.pointer);
    }
}

/// Returns the value at a JSON Pointer (RFC 6901).
fn at<'n, 'a>(root: &'n Node<'a>, pointer: &str) -> Option<&'n Node<'a>> {
    if pointer.is_empty() {
        return Some(root);
    }
    let steps = pointer.strip_prefix('/')?.split('/');
    steps.map(|step| step.replace("~1", "/").replace("~0", "~")).try_fold(root, |node, step| match &node.json {
        Json::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => node.member(&step),
    })
}

/// The bytes of a value are those of its parent, and a number's are its text.
fn check_spans(node: &Node<'_>, parent: std::ops::Range<usize>) {
    let span = node.span();
    assert!(parent.start <= span.start && span.start < span.end && span.end <= parent.end, "a value out of its place");
    match &node.json {
        Json::Array(items) => items.iter().for_each(|item| check_spans(item, span.clone())),
        Json::Object(members) => members.iter().for_each(|member| check_spans(&member.value, span.clone())),
        Json::Number(text) => assert_eq!(text.len(), span.len(), "a number has more bytes than its text"),
        Json::Null | Json::Boolean(_) | Json::Text(_) => {}
    }
}

fn agrees_with_another(data: &[u8], document: Option<&Document<'_>>) {
    match (document, serde_json::from_slice::<Other>(data)) {
        (Some(document), Ok(other)) => assert!(same(&document.root, &other), "the two read different values"),
        // Half a surrogate pair is noted, and the fault of its element alone.
        (Some(document), Err(error)) => {
            let is_noted = !document.places.unpaired.is_empty() || error.to_string().contains("number out of range");
            assert!(is_noted, "JSON for this parser alone: {error}");
        }
        (None, Ok(_)) => assert!(depth(data) > NESTING_MAX, "JSON for serde_json alone"),
        (None, Err(_)) => {}
    }
}

/// The deepest nesting of what is JSON.
fn depth(data: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in data {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Compares a value with that of `serde_json`, which keeps the last of two members of one name.
fn same(node: &Node<'_>, other: &Other) -> bool {
    match (&node.json, other) {
        (Json::Null, Other::Null) => true,
        (Json::Boolean(a), Other::Bool(b)) => a == b,
        (Json::Number(a), Other::Number(b)) => a.parse::<f64>().ok() == b.as_f64(),
        (Json::Text(a), Other::String(b)) => a == b,
        (Json::Array(a), Other::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Other::Object(b)) => {
            let last = |name: &str| a.iter().rfind(|member| member.name == name);
            a.iter().all(|member| b.contains_key(&*member.name))
                && b.iter().all(|(name, value)| last(name).is_some_and(|member| same(&member.value, value)))
        }
        _ => false,
    }
}
