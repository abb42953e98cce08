//! The limits of the hosted service (behaviour.md 2, FACTS 4 and 6.3, FACTS 11 row 28; docs/adr/0010): with `parity` they
//! cut and drop, without it they only warn.

use muster_core::command::{Action, Body, CustomerElement};
use muster_core::identifier::KindSettings;
use muster_core::kinds::Route;
use muster_core::reason::Reason;
use muster_core::settings::{Identity, Settings};
use muster_core::time::Timestamp;
use muster_core::value::Value;
use muster_core::warning::Code;
use muster_wire::data::transition::{ReadContext, read};
use muster_wire::zone::Zone;
use std::sync::Arc;

/// Warnings as code and count.
type WarningCounts = Vec<(Code, u32)>;

fn element(element: &str, kinds: &[&str], parity: bool) -> (Body, WarningCounts) {
    let kinds: Vec<KindSettings> = kinds.iter().map(|kind| KindSettings::plain(kind)).collect();
    let identity = Identity { enabled: true, kinds, ..Identity::off() };
    let context = ReadContext {
        route: Route::Transition,
        settings: Arc::new(Settings { identity, ..Settings::default() }),
        lenient: false,
        null_clears: false,
        parity,
        zone: Zone::UTC,
        received_at: Timestamp(0),
    };
    let body = format!(r#"{{"type":"transition","elements":[{element}]}}"#);
    let read = read(body.as_bytes(), &context).expect("it is accepted").elements.remove(0);
    let told = read.warnings.0.iter().map(|w| (w.code, w.count)).collect();
    (read.body.expect("it has no fault"), told)
}

fn customer(members: &str, kinds: &[&str], parity: bool) -> (CustomerElement, WarningCounts) {
    match element(&format!(r#"{{"type":"customer","customer_id":"c",{members}}}"#), kinds, parity) {
        (Body::Customer(customer), told) => (*customer, told),
        (other, _) => panic!("{other:?}"),
    }
}

/// What a user's attributes come to.
fn attributes(json: &str, parity: bool) -> (Vec<(Box<str>, Value)>, WarningCounts) {
    let (customer, told) = customer(&format!(r#""attributes":{json}"#), &["customer_id"], parity);
    (customer.sets, told)
}

/// What the value of one attribute `x` comes to.
fn value(json: &str, parity: bool) -> (Option<Value>, WarningCounts) {
    let (sets, told) = attributes(&format!(r#"{{"x":{json}}}"#), parity);
    (sets.into_iter().next().map(|(_, value)| value), told)
}

fn action(name: &str, attributes: &str, parity: bool) -> (Result<Arc<Action>, Vec<Reason>>, WarningCounts) {
    let event =
        format!(r#"{{"type":"event","customer_id":"c","actions":[{{"action":"{name}","attributes":{attributes}}}]}}"#);
    match element(&event, &["customer_id"], parity) {
        (Body::Event(mut event), told) => {
            let action = event.actions.remove(0);
            (action.map_err(|faults| faults.iter().map(|fault| fault.reason).collect()), told)
        }
        (other, _) => panic!("{other:?}"),
    }
}

/// A JSON array of `n` of these items.
fn many(item: &str, n: usize) -> String {
    format!("[{}]", vec![item; n].join(","))
}

/// A JSON object of `n` members `k0`, `k1`, ... with this value.
fn object(value: &str, n: usize) -> String {
    let members: Vec<String> = (0..n).map(|n| format!("\"k{n}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Members `k0`, `k1`, ... as they are kept.
fn numbered(n: usize) -> Vec<(Box<str>, Value)> {
    (0..n).map(|n| (format!("k{n}").into(), Value::Integer(1))).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

const ONE: Value = Value::Integer(1);

#[test]
fn names_are_cut_to_two_hundred_characters() {
    let (long, cut) = ("é".repeat(201), "é".repeat(200));
    for (parity, name) in [(true, &cut), (false, &long)] {
        let want = vec![(name.as_str().into(), ONE)];
        let json = format!(r#"{{"{long}":1}}"#);
        assert_eq!(attributes(&json, parity), (want.clone(), vec![(Code::NameOverLimit, 1)]));
        assert_eq!(value(&json, parity), (Some(Value::Object(want.clone())), vec![(Code::NameOverLimit, 1)]));
        let (action, told) = action(&long, &json, parity);
        let action = action.expect("it is accepted");
        assert_eq!((&*action.name, &action.attributes, told), (name.as_str(), &want, vec![(Code::NameOverLimit, 2)]));
        let (customer, told) =
            customer(&format!(r#""attributes":{{"addValueToArrayField":{{"{long}":[1]}}}}"#), &["customer_id"], parity);
        assert_eq!((&*customer.arrays[0].name, told), (name.as_str(), vec![(Code::NameOverLimit, 1)]));
    }
    assert_eq!(attributes(&format!(r#"{{"{cut}":1}}"#), true), (vec![(cut.into(), ONE)], vec![]));
}

#[test]
fn texts_are_cut_to_512_characters_and_addresses_of_the_web_dropped() {
    let warned = || vec![(Code::ValueOverLimit, 1)];
    let (long, cut) = ("é".repeat(513), "é".repeat(512));
    assert_eq!(value(&format!("\"{long}\""), true), (Some(text(&cut)), warned()));
    assert_eq!(value(&format!("\"{long}\""), false), (Some(text(&long)), warned()));
    assert_eq!(value(&format!("\"{cut}\""), true), (Some(text(&cut)), vec![]));
    let path = "p".repeat(512);
    for url in ["https://x.test/", "HTTP://x.test/", "my-app://x/", " https://x.test/"] {
        let json = format!("\"{url}{path}\"");
        assert_eq!(value(&json, true), (None, warned()), "{url}");
        assert_eq!(value(&json, false), (Some(text(&format!("{url}{path}"))), warned()), "{url}");
    }
    for words in ["see https://x.test/", "https://x.test/ and ", "a b://", "://", "1http://"] {
        let read = value(&format!("\"{words}{path}\""), true);
        assert_eq!(read, (Some(text(&format!("{words}{path}")[..512])), warned()), "{words}");
    }
    assert_eq!(value(r#""https://x.test/""#, true), (Some(text("https://x.test/")), vec![]));
}

#[test]
fn arrays_keep_their_first_scalars_and_objects() {
    let warned = vec![(Code::ArrayOverLimit, 1)];
    let (scalars, objects) = (many("1", 51), many(r#"{"a":1}"#, 101));
    let object = Value::Object(vec![("a".into(), ONE)]);
    assert_eq!(value(&scalars, true), (Some(Value::Array(vec![ONE; 50])), warned.clone()));
    assert_eq!(value(&scalars, false), (Some(Value::Array(vec![ONE; 51])), warned.clone()));
    assert_eq!(value(&objects, true), (Some(Value::Array(vec![object.clone(); 100])), warned.clone()));
    assert_eq!(value(&objects, false), (Some(Value::Array(vec![object.clone(); 101])), warned.clone()));
    assert_eq!(value(&many(r#"{"a":1}"#, 100), true), (Some(Value::Array(vec![object; 100])), vec![]));
    let long = format!("[\"{}\",0.{}]", "é".repeat(513), "7".repeat(600));
    let cut = vec![text(&"é".repeat(512)), text(&format!("0.{}", "7".repeat(510)))];
    let told = vec![(Code::ValueOverLimit, 2), (Code::ArrayMixed, 1)];
    assert_eq!(value(&long, true), (Some(Value::Array(cut)), told), "each of them, also one that was cast");
}

/// The operands are not what is stored; those of `removeValueFromArrayField` least of all.
#[test]
fn the_operands_of_an_array_operator_are_cut_as_values_are_and_all_kept() {
    let json = format!(
        r#""attributes":{{"removeValueFromArrayField":{{"x":{},"y":["{}"]}}}}"#,
        many("1", 51),
        "v".repeat(513)
    );
    let (customer, told) = customer(&json, &["customer_id"], true);
    let values: Vec<&Vec<Value>> = customer.arrays.iter().map(|operation| &operation.values).collect();
    assert_eq!(values, [&vec![ONE; 51], &vec![text(&"v".repeat(512))]]);
    assert_eq!(told, [(Code::ArrayOverLimit, 1), (Code::ValueOverLimit, 1)]);
}

#[test]
fn an_event_keeps_its_first_hundred_attributes() {
    let json = object("1", 101);
    for (parity, kept) in [(true, 100), (false, 101)] {
        let (action, told) = action("x", &json, parity);
        assert_eq!(action.expect("it is accepted").attributes, numbered(kept));
        assert_eq!(told, [(Code::TooManyAttributes, 1)]);
    }
    let unstored = json.replacen('{', r#"{"n":null,"moe_x":1,"#, 1);
    assert_eq!(
        action("x", &unstored, true).0.expect("it is accepted").attributes,
        numbered(100),
        "what is not stored takes no place"
    );
    let beyond = json.replacen('}', &format!(r#","{}":1}}"#, "n".repeat(801)), 1);
    assert_eq!(action("x", &beyond, true).0, Err(vec![Reason::KeyTooLong]), "Muster's own limits hold for all");
}

#[test]
fn an_object_keeps_its_first_hundred_members() {
    let warned = vec![(Code::TooManyAttributes, 1)];
    for (parity, kept) in [(true, 100), (false, 101)] {
        assert_eq!(value(&object("1", 101), parity), (Some(Value::Object(numbered(kept))), warned.clone()));
        let inner = Value::Object(vec![("o".into(), Value::Object(numbered(kept)))]);
        assert_eq!(value(&format!(r#"{{"o":{}}}"#, object("1", 101)), parity), (Some(inner), warned.clone()));
    }
    assert_eq!(value(&object("1", 100), true), (Some(Value::Object(numbered(100))), vec![]));
}

#[test]
fn an_object_within_two_others_is_kept_as_its_json_text() {
    let deep = r#"{ "n" : null, "o":{}, "t":"\u00e9\"", "a":[1.50, true] }"#;
    let json = format!(r#"{{"l":{{"deep":{deep},"list":[{{"a":{{"b":1}}}}],"plain":[1],"none":{{}}}}}}"#);
    let outer = |members| Some(Value::Object(vec![("l".into(), Value::Object(members))]));
    let as_text = vec![
        ("deep".into(), text(r#"{"n":null,"o":{},"t":"é\"","a":[1.50,true]}"#)),
        ("list".into(), text(r#"[{"a":{"b":1}}]"#)),
        ("plain".into(), Value::Array(vec![ONE])),
    ];
    let told = vec![(Code::ValueOverLimit, 1), (Code::ValueOverLimit, 1), (Code::ValueDropped, 1)];
    assert_eq!(value(&json, true), (outer(as_text), told));
    let inner = |name: &str, value| Value::Object(vec![(name.into(), value)]);
    let typed = vec![("t".into(), text("é\"")), ("a".into(), Value::Array(vec![Value::Float(1.5)]))];
    let kept = vec![
        ("deep".into(), Value::Object(typed)),
        ("list".into(), Value::Array(vec![inner("a", inner("b", ONE))])),
        ("plain".into(), Value::Array(vec![ONE])),
    ];
    let codes = [Code::NullIgnored, Code::ValueDropped, Code::ArrayMixed, Code::ValueDropped];
    assert_eq!(value(&json, false), (outer(kept), codes.map(|code| (code, 1)).to_vec()));
    // An array is not a level of its own.
    let two = r#"[{"a":[{"b":[1]}]}]"#;
    assert_eq!(value(two, true), value(two, false));
    assert_eq!(value(r#"[{"a":[{"b":{"c":1}}]}]"#, true).1, [(Code::ValueOverLimit, 1)]);
}

#[test]
fn an_object_of_more_than_25_kb_is_dropped() {
    let of = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "v".repeat(bytes - r#"{"a":""}"#.len()));
    let many_of = |bytes: usize| {
        // Within the limit of one text: fifty members of 512 bytes are 25 KB.
        let member = |n: usize| format!(r#""k{n:02}":"{}""#, "v".repeat(512 - 9));
        let members: Vec<String> = (0..49).map(member).collect();
        let json = format!("{{{},\"z\":\"\"}}", members.join(","));
        let rest = bytes - json.len();
        json.replace("\"z\":\"\"", &format!("\"z\":\"{}\"", "v".repeat(rest)))
    };
    let (fits, over) = (many_of(25 * 1024), many_of(25 * 1024 + 1));
    assert_eq!([fits.len(), over.len()], [25_600, 25_601]);
    let warned = vec![(Code::ValueOverLimit, 1)];
    assert_eq!(value(&fits, true), value(&fits, false));
    assert_eq!(value(&fits, true).1, []);
    assert_eq!(value(&over, true), (None, warned.clone()));
    assert_eq!(value(&over, false).1, warned);
    assert!(value(&over, false).0.is_some());
    let small = Value::Object(vec![("a".into(), ONE)]);
    assert_eq!(
        value(&format!(r#"[{over},{{"a":1}}]"#), true),
        (Some(Value::Array(vec![small])), warned),
        "each by itself"
    );
    let cut = Value::Object(vec![("a".into(), text(&"v".repeat(512)))]);
    assert_eq!(value(&of(30_000), true).0, Some(cut), "as it would be stored");
}

#[test]
fn reserved_keys_of_a_user_are_dropped() {
    let json = r#"{"status":1,"user_id":1,"MOE_GAID":1,"INSTALL":[],"USER_ATTRIBUTE_USER_BDAY":1,"source":1}"#;
    assert_eq!(attributes(json, true), (vec![("source".into(), ONE)], vec![(Code::ReservedName, 1); 5]));
    let (kept, told) = attributes(json, false);
    assert_eq!((kept.len(), told), (5, vec![]));
    let operator = r#""attributes":{"addValueToArrayField":{"status":["a"]}}"#;
    let (customer_, told) = customer(operator, &["customer_id"], true);
    assert_eq!((customer_.arrays.len(), told), (0, vec![(Code::ReservedName, 1)]));
    let (customer_, told) = customer(r#""attributes":{"user_id":"u"}"#, &["customer_id", "user_id"], true);
    assert_eq!((&*customer_.identifiers[1].identifier.value, told), ("u", vec![]), "unless it is an identifier");
    assert_eq!(action("x", r#"{"status":1}"#, true).0.expect("it is accepted").attributes.len(), 1, "of users alone");
}

/// Fails if a list takes what was cut as it takes the rest: `CutNames::earlier` answers None.
#[test]
fn of_two_names_that_are_cut_to_one_the_later_wins() {
    let name = "n".repeat(200);
    let json = format!(r#"{{"{name}x":1,"b":1,"{name}":2,"{name}y":null}}"#);
    let want: Vec<(Box<str>, Value)> = vec![(name.as_str().into(), Value::Integer(2)), ("b".into(), ONE)];
    let told =
        || vec![(Code::NameOverLimit, 1), (Code::AliasOverridden, 1), (Code::NameOverLimit, 1), (Code::NullIgnored, 1)];
    assert_eq!(attributes(&json, true), (want.clone(), told()));
    assert_eq!(value(&json, true), (Some(Value::Object(want.clone())), told()));
    let (action, in_event) = action("x", &json, true);
    assert_eq!((&action.expect("it is accepted").attributes, in_event), (&want, told()));
    assert_eq!(attributes(&json, false).0.len(), 3);
    let operators = format!(
        r#""attributes":{{"addValueToArrayField":{{"{name}x":[1],"{name}y":[2]}},"removeValueFromArrayField":{{"{name}":[3]}}}}"#
    );
    let (customer, _) = customer(&operators, &["customer_id"], true);
    let kept: Vec<(bool, &[Value])> =
        customer.arrays.iter().map(|operation| (operation.add, &*operation.values)).collect();
    assert_eq!(kept, [(false, &[Value::Integer(3)][..])]);
}

#[test]
fn what_unsets_names_the_attribute_that_was_stored() {
    let (long, cut) = ("n".repeat(201), "n".repeat(200));
    let members = format!(r#""attributes":{{"{long}":[]}},"unset_attributes":[{{"type":"equals","attr":"{long}"}}]"#);
    for (parity, name) in [(true, &cut), (false, &long)] {
        let (customer, _) = customer(&members, &["customer_id"], parity);
        assert_eq!(customer.unsets.iter().map(|unset| &*unset.text).collect::<Vec<_>>(), [name, name]);
    }
}

#[test]
fn an_identifier_is_never_cut_and_a_cut_name_is_none() {
    let (id, kind) = ("i".repeat(512), "k".repeat(200));
    let members =
        format!(r#""attributes":{{"uid":"c","{kind}":"{id}","{kind}x":"y","addValueToArrayField":{{"{kind}y":[1]}}}}"#);
    let (customer, told) = customer(&members, &["customer_id", &kind], true);
    assert_eq!((customer.identifiers.len(), &*customer.identifiers[1].identifier.value), (2, id.as_str()));
    assert_eq!((customer.sets, customer.arrays.len()), (vec![], 0));
    assert_eq!(
        told,
        [(Code::NameOverLimit, 1), (Code::ValueDropped, 1), (Code::NameOverLimit, 1), (Code::NotAnArray, 1)]
    );
}
