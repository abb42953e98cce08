//! Values from JSON: types, mixed arrays and locations (behaviour.md 2, FACTS 6.1, FACTS 11 rows 26 and 31). What cannot
//! be stored is dropped with a warning; nothing here refuses. The limits of the hosted service are in [`parity`].

use super::parity::{self, CutNames};
use crate::json::{Json, JsonMember, Node, Number, is_number, number};
use crate::notices::Notices;
use crate::path::Path;
use muster_core::array::{ValueFamily, family};
use muster_core::attribute::EMAIL_FLAGS;
use muster_core::limits::PARITY_OBJECT_ATTRIBUTES;
use muster_core::value::Value;
use muster_core::warning::Code;

/// Attributes that are places where their value can be read as one (FACTS 11 row 31).
const PLACES: [&str; 2] = ["geo", "moe_geo_location"];

/// Reads the value of an attribute of a user. None: nothing to store.
pub(crate) fn attribute(node: &Node, name: &str, at: &Path, notices: &mut Notices) -> Option<Value> {
    if PLACES.contains(&name)
        && let Some(place) = location(node)
    {
        return Some(place);
    }
    if EMAIL_FLAGS.contains(&name)
        && let Some(flag) = email_flag(&node.json)
    {
        return Some(Value::Boolean(flag));
    }
    value(node, name, at, notices)
}

/// Reads a value. `name` is what warnings call it. None: nothing to store.
pub(crate) fn value(node: &Node, name: &str, at: &Path, notices: &mut Notices) -> Option<Value> {
    within(node, name, 0, at, notices)
}

/// Reads a value inside of `levels` objects; arrays count for none.
fn within(node: &Node, name: &str, levels: usize, at: &Path, notices: &mut Notices) -> Option<Value> {
    if let Some(text) = parity::deep(node, name, levels, at, notices) {
        return Some(text);
    }
    match &node.json {
        Json::Null => {
            notices.add(Code::NullIgnored, name, at);
            None
        }
        Json::Boolean(b) => Some(Value::Boolean(*b)),
        Json::Number(text) => numeric(text, name, at, notices),
        Json::Text(text) => parity::text(text, name, at, notices).map(Value::text),
        Json::Array(items) => {
            let mut kept = items_of(items, name, levels, at, notices);
            if notices.parity {
                kept.truncate(parity::array_len(kept.first()));
            }
            finish_array(kept).map(Value::Array).or_else(|| {
                notices.add(Code::ValueDropped, name, at);
                None
            })
        }
        Json::Object(members) => {
            let Some(object) = object(members, name, levels, at, notices) else {
                notices.add(Code::ValueDropped, name, at);
                return None;
            };
            (levels > 0 || parity::fits(&object, name, at, notices)).then_some(object)
        }
    }
}

fn numeric(text: &str, name: &str, at: &Path, notices: &mut Notices) -> Option<Value> {
    match number(text) {
        Number::Integer(n) => Some(Value::Integer(n)),
        Number::Float(n) => Some(Value::Float(n)),
        Number::Rounded(n) => {
            notices.add(Code::NumberRounded, name, at);
            Some(Value::Float(n))
        }
        Number::Overflow => {
            notices.add(Code::NumberDropped, name, at);
            None
        }
    }
}

fn object(members: &[JsonMember], name: &str, levels: usize, at: &Path, notices: &mut Notices) -> Option<Value> {
    let (mut kept, mut names) = (Vec::with_capacity(members.len()), CutNames::default());
    let mut over = false;
    for member in members {
        let at = at.name(&member.name);
        if member.name.is_empty() {
            notices.add(Code::ValueDropped, "", &at);
            continue;
        }
        let name = parity::name(&member.name, &at, notices);
        let Some(value) = within(&member.value, &member.name, levels + 1, &at, notices) else { continue };
        if kept.len() < PARITY_OBJECT_ATTRIBUTES {
            names.put(&mut kept, (name, value), &at, notices);
            continue;
        }
        over = true;
        if !notices.parity {
            kept.push((name.into(), value));
        }
    }
    if over {
        notices.add(Code::TooManyAttributes, name, at);
    }
    (!kept.is_empty()).then_some(Value::Object(kept))
}

/// Reads the operands of an array operator, all of them: what they leave is what counts. None if nothing is left.
pub(crate) fn operands(items: &[Node], name: &str, at: &Path, notices: &mut Notices) -> Option<Vec<Value>> {
    finish_array(items_of(items, name, 0, at, notices))
}

/// Reads the items of an array: of one family, cast where that can be done, the rest dropped.
fn items_of(items: &[Node], name: &str, levels: usize, at: &Path, notices: &mut Notices) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::with_capacity(items.len());
    let mut of = None;
    for (index, item) in items.iter().enumerate() {
        let at = at.index(index);
        if matches!(item.json, Json::Array(_)) {
            notices.add(Code::ValueDropped, name, &at);
            continue;
        }
        let Some(read) = within(item, name, levels, &at, notices) else { continue };
        let of = *of.get_or_insert(family(&read));
        if family(&read) == of {
            kept.push(read);
            continue;
        }
        notices.add(Code::ArrayMixed, name, &at);
        kept.extend(cast(&item.json, of, name, &at, notices));
    }
    if kept.len() > parity::array_len(kept.first()) {
        notices.add(Code::ArrayOverLimit, name, at);
    }
    kept
}

fn finish_array(mut values: Vec<Value>) -> Option<Vec<Value>> {
    same_text_type(&mut values);
    (!values.is_empty()).then_some(values)
}

/// Dates among other strings are strings: an array holds one type.
fn same_text_type(values: &mut [Value]) {
    if !values.iter().any(|v| matches!(v, Value::Text(_))) {
        return;
    }
    for value in values {
        if let Value::DateTime(text) = value {
            *value = Value::Text(std::mem::take(text));
        }
    }
}

fn cast(json: &Json, to: ValueFamily, name: &str, at: &Path, notices: &mut Notices) -> Option<Value> {
    match (to, json) {
        (ValueFamily::Text, Json::Number(text)) => {
            parity::text(text, name, at, notices).map(|text| Value::Text(text.into()))
        }
        (ValueFamily::Text, Json::Boolean(b)) => Some(Value::Text(b.to_string().into())),
        (ValueFamily::Number, Json::Text(text)) if is_number(text) => match number(text) {
            Number::Integer(n) => Some(Value::Integer(n)),
            Number::Float(n) | Number::Rounded(n) => Some(Value::Float(n)),
            Number::Overflow => None,
        },
        (ValueFamily::Boolean, Json::Text(text)) => boolean(text).map(Value::Boolean),
        _ => None,
    }
}

/// "true" and "false" in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let is = |word| text.trim().eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

/// A flag of the e-mail address as files and forms write it: also 1 and 0, and "yes" and "no" in any case. An opt-out that
/// stayed a number or a string would be lost in a merge (behaviour.md 3.1.k).
fn email_flag(json: &Json) -> Option<bool> {
    let text = match json {
        Json::Text(text) => text.trim(),
        Json::Number(text) => text,
        _ => return None,
    };
    let is = |word| text.eq_ignore_ascii_case(word);
    let of_number = || match is_number(text).then(|| number(text))? {
        Number::Integer(1) | Number::Float(1.0) => Some(true),
        Number::Integer(0) | Number::Float(0.0) => Some(false),
        _ => None,
    };
    match text {
        _ if is("yes") => Some(true),
        _ if is("no") => Some(false),
        _ => boolean(text).or_else(of_number),
    }
}

/// `"lat lon"`, `"lat,lon"` or `{lat, lon}`, in range.
fn location(node: &Node) -> Option<Value> {
    let (lat, lon) = match &node.json {
        Json::Text(text) => {
            let mut parts = text.split([',', ' ']).filter(|part| !part.is_empty());
            let both = (degrees(parts.next()?)?, degrees(parts.next()?)?);
            parts.next().is_none().then_some(both)?
        }
        Json::Object(_) => {
            let of = |name| match &node.some(name)?.json {
                Json::Number(text) => degrees(text),
                Json::Text(text) => degrees(text.trim()),
                _ => None,
            };
            (of("lat")?, of("lon")?)
        }
        _ => return None,
    };
    (lat.abs() <= 90.0 && lon.abs() <= 180.0).then_some(Value::Location { lat, lon })
}

#[expect(clippy::cast_precision_loss, reason = "integers of a location are at most 180, the rest is out of range")]
fn degrees(text: &str) -> Option<f64> {
    match is_number(text).then(|| number(text))? {
        Number::Integer(n) => Some(n as f64),
        Number::Float(n) => Some(n),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn read(name: &str, json: &str) -> (Option<Value>, Vec<(Code, u32)>) {
        let document = parse(json.as_bytes()).expect("it is JSON");
        let mut notices = Notices::default();
        let value = attribute(&document.root, name, &Path::ROOT, &mut notices);
        (value, notices.warnings.0.iter().map(|w| (w.code, w.count)).collect())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn a_value_has_the_type_of_its_json() {
        for (json, want) in [
            ("true", Value::Boolean(true)),
            ("-7", Value::Integer(-7)),
            ("0.5", Value::Float(0.5)),
            ("\"x\"", text("x")),
            ("\"\"", text("")),
            ("\"2026-01-05\"", Value::DateTime("2026-01-05".into())),
            ("\"2026-02-30\"", text("2026-02-30")),
            (
                r#"{"a":{"b":[1]}}"#,
                Value::Object(vec![(
                    "a".into(),
                    Value::Object(vec![("b".into(), Value::Array(vec![Value::Integer(1)]))]),
                )]),
            ),
        ] {
            assert_eq!(read("x", json), (Some(want), vec![]), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_stored_is_dropped_with_a_warning() {
        for (json, want, warnings) in [
            ("null", None, vec![(Code::NullIgnored, 1)]),
            ("1e400", None, vec![(Code::NumberDropped, 1)]),
            ("9223372036854775808", Some(Value::Float(9_223_372_036_854_775_808.0)), vec![(Code::NumberRounded, 1)]),
            ("{}", None, vec![(Code::ValueDropped, 1)]),
            ("[]", None, vec![(Code::ValueDropped, 1)]),
            ("[[1],[2]]", None, vec![(Code::ValueDropped, 3)]),
            ("[null,1]", Some(Value::Array(vec![Value::Integer(1)])), vec![(Code::NullIgnored, 1)]),
            (
                r#"{"":1,"a":null}"#,
                None,
                vec![(Code::ValueDropped, 1), (Code::NullIgnored, 1), (Code::ValueDropped, 1)],
            ),
        ] {
            assert_eq!(read("x", json), (want, warnings), "{json}");
        }
    }

    /// behaviour.md 3.1.k, ADR 0010. Opposite: in `email_flag` answer `boolean(text)`.
    #[test]
    fn a_flag_of_the_email_address_is_a_boolean_however_files_and_forms_write_it() {
        for (json, want) in [
            ("true", true),
            ("\"FALSE\"", false),
            ("1", true),
            ("0", false),
            ("1.0", true),
            ("-0.0", false),
            ("\" 1 \"", true),
            ("\"0\"", false),
            ("\"Yes\"", true),
            ("\"NO\"", false),
        ] {
            for name in EMAIL_FLAGS {
                assert_eq!(read(name, json), (Some(Value::Boolean(want)), vec![]), "{name} {json}");
            }
        }
        for (json, want) in [("2", Value::Integer(2)), ("\"2\"", text("2")), ("\"maybe\"", text("maybe"))] {
            assert_eq!(read("moe_spam", json), (Some(want), vec![]), "{json}");
        }
        assert_eq!(read("subscribed", "\"yes\""), (Some(text("yes")), vec![]), "an attribute of another name");
    }

    /// FACTS 11 row 26.
    #[test]
    fn an_array_is_cast_to_the_type_of_its_first_element() {
        let (one, half) = (Value::Integer(1), Value::Float(0.5));
        for (json, want, mixed) in [
            (r#"["a",1,true]"#, vec![text("a"), text("1"), text("true")], 2),
            (r#"[1,"0.5","x",true]"#, vec![one.clone(), half.clone()], 3),
            ("[1,0.5]", vec![one, half], 0),
            (r#"[true,"False",0]"#, vec![Value::Boolean(true), Value::Boolean(false)], 2),
            (r#"[{"a":1},5]"#, vec![Value::Object(vec![("a".into(), Value::Integer(1))])], 1),
            (r#"["2026-01-05","x"]"#, vec![text("2026-01-05"), text("x")], 0),
        ] {
            let warnings = if mixed == 0 { vec![] } else { vec![(Code::ArrayMixed, mixed)] };
            assert_eq!(read("x", json), (Some(Value::Array(want)), warnings), "{json}");
        }
    }

    /// FACTS 11 row 31.
    #[test]
    fn a_place_is_read_in_each_of_its_forms() {
        let place = Some(Value::Location { lat: 12.5, lon: 77.0 });
        for json in
            ["\"12.5 77\"", "\"12.5,77\"", "\"12.5, 77\"", r#"{"lat":12.5,"lon":77}"#, r#"{"lat":"12.5","lon":"77"}"#]
        {
            assert_eq!(read("geo", json), (place.clone(), vec![]), "{json}");
            assert_eq!(read("moe_geo_location", json).0, place, "{json}");
            assert_ne!(read("place", json).0, place, "{json}");
        }
        assert_eq!(read("geo", "\"91 0\"").0, Some(text("91 0")));
        assert_eq!(read("geo", "\"Pune\"").0, Some(text("Pune")));
    }

    #[test]
    fn limits_of_the_hosted_service_only_warn() {
        let long = format!("\"{}\"", "é".repeat(513));
        assert_eq!(read("x", &long).1, vec![(Code::ValueOverLimit, 1)]);
        assert_eq!(read("x", &format!("\"{}\"", "é".repeat(512))).1, vec![]);
        assert_eq!(read("x", &format!("[1{}]", ",1".repeat(50))).1, vec![(Code::ArrayOverLimit, 1)]);
        let object = format!("{{\"{}\":1}}", "n".repeat(201));
        assert_eq!(read("x", &object).1, vec![(Code::NameOverLimit, 1)]);
    }
}
