//! Values of attributes as JSON; `read` reads them.

pub(crate) mod parity;
pub(crate) mod read;

use crate::write;
use muster_core::value::{Value, float_text};

/// Writes a value as JSON, exactly as it was sent; a location as `{"lat":..,"lon":..}`.
pub fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Boolean(b) => write::raw(out, b),
        Value::Integer(n) => write::raw(out, n),
        Value::Float(n) => out.extend_from_slice(float_text(*n).as_bytes()),
        Value::Text(text) | Value::DateTime(text) => write::string(out, text),
        Value::Location { lat, lon } => {
            write::raw(out, format_args!("{{\"lat\":{},\"lon\":{}}}", float_text(*lat), float_text(*lon)));
        }
        Value::Array(items) => write::array(out, items, write_value),
        Value::Object(members) => {
            out.push(b'{');
            for (at, (name, value)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write::string(out, name);
                out.push(b':');
                write_value(out, value);
            }
            out.push(b'}');
        }
    }
}

/// Returns a value as a JSON tree, for the management API.
pub fn to_json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Boolean(b) => Json::Bool(*b),
        Value::Integer(n) => Json::from(*n),
        Value::Float(n) => Json::from(*n),
        Value::Text(text) | Value::DateTime(text) => Json::from(&**text),
        Value::Location { lat, lon } => serde_json::json!({"lat": lat, "lon": lon}),
        Value::Array(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Object(members) => members.iter().map(|(name, value)| (name.to_string(), to_json(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_was_sent() {
        let value = Value::Object(vec![
            ("a\"b".into(), Value::Array(vec![Value::Integer(i64::MIN), Value::Float(1.0), Value::Float(1e300)])),
            ("t".into(), Value::DateTime("2026-01-05T05:30:00+05:30".into())),
            ("geo".into(), Value::Location { lat: 12.5, lon: -77.0 }),
        ]);
        let want = r#"{"a\"b":[-9223372036854775808,1.0,1e300],"t":"2026-01-05T05:30:00+05:30","geo":{"lat":12.5,"lon":-77.0}}"#;
        let mut out = Vec::new();
        write_value(&mut out, &value);
        assert_eq!(String::from_utf8(out).expect("it is text"), want);
        assert_eq!(value.json_bytes(), want.len());
        assert_eq!(to_json(&value), serde_json::from_str::<serde_json::Value>(want).expect("it is JSON"));
    }
}
