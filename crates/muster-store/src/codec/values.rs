//! Values as typed bytes within compact records. They keep what JSON has no type for: dates, locations, and whether a
//! number is an integer. Part of the stored format.

use super::bytes::{Decoder, Encoder};
use crate::error::CorruptRow;
use muster_core::value::Value;
use std::fmt::{self, Write as _};

const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INTEGER: u8 = 3;
const FLOAT: u8 = 4;
const TEXT: u8 = 5;
const DATE_TIME: u8 = 6;
const LOCATION: u8 = 7;
const ARRAY: u8 = 8;
const OBJECT: u8 = 9;
/// Deeper than any value that is accepted (`muster_core::limits::NESTING_MAX`), shallow enough for any stack.
pub(crate) const DEPTH_MAX: usize = 64;

/// Writes a value: its type, then its content.
pub(super) fn put_value(out: &mut Encoder, value: &Value) {
    match value {
        Value::Boolean(b) => out.u8(if *b { TRUE } else { FALSE }),
        Value::Integer(n) => {
            out.u8(INTEGER);
            out.i64(*n);
        }
        Value::Float(n) => {
            out.u8(FLOAT);
            out.f64(*n);
        }
        Value::Text(text) => {
            out.u8(TEXT);
            out.str(text);
        }
        Value::DateTime(text) => {
            out.u8(DATE_TIME);
            out.str(text);
        }
        Value::Location { lat, lon } => {
            out.u8(LOCATION);
            out.f64(*lat);
            out.f64(*lon);
        }
        Value::Array(items) => {
            out.u8(ARRAY);
            out.len(items.len());
            items.iter().for_each(|item| put_value(out, item));
        }
        Value::Object(members) => {
            out.u8(OBJECT);
            out.len(members.len());
            for (name, value) in members {
                out.str(name);
                put_value(out, value);
            }
        }
    }
}

/// Reads what [`put_value`] wrote.
pub(super) fn value(read: &mut Decoder<'_>) -> Result<Value, CorruptRow> {
    nested(read, DEPTH_MAX)
}

fn nested(read: &mut Decoder<'_>, depth: usize) -> Result<Value, CorruptRow> {
    let depth = depth.checked_sub(1).ok_or(CorruptRow("a value is nested too deeply"))?;
    Ok(match read.u8()? {
        FALSE => Value::Boolean(false),
        TRUE => Value::Boolean(true),
        INTEGER => Value::Integer(read.i64()?),
        FLOAT => Value::Float(read.f64()?),
        TEXT => Value::Text(read.str()?.into()),
        DATE_TIME => Value::DateTime(read.str()?.into()),
        LOCATION => Value::Location { lat: read.f64()?, lon: read.f64()? },
        // Without room for the whole list first: each level of a damaged value could claim all bytes that follow.
        ARRAY => {
            let mut items = Vec::new();
            for _ in 0..read.small::<usize>()? {
                items.push(nested(read, depth)?);
            }
            Value::Array(items)
        }
        OBJECT => {
            let mut members = Vec::new();
            for _ in 0..read.small::<usize>()? {
                members.push((read.str()?.into(), nested(read, depth)?));
            }
            Value::Object(members)
        }
        _ => return Err(CorruptRow("a value has an unknown type")),
    })
}

/// Reads what [`put_value`] wrote, and writes it as JSON. A number that JSON does not have is null.
pub(super) fn put_json(read: &mut Decoder<'_>, out: &mut String, depth: usize) -> Result<(), CorruptRow> {
    let depth = depth.checked_sub(1).ok_or(CorruptRow("a value is nested too deeply"))?;
    match read.u8()? {
        FALSE => out.push_str("false"),
        TRUE => out.push_str("true"),
        INTEGER => put_json_number(format_args!("{}", read.i64()?), out),
        FLOAT => put_json_float(read.f64()?, out),
        TEXT | DATE_TIME => put_json_text(read.str()?, out),
        LOCATION => {
            out.push_str(r#"{"lat":"#);
            put_json_float(read.f64()?, out);
            out.push_str(r#","lon":"#);
            put_json_float(read.f64()?, out);
            out.push('}');
        }
        ARRAY => {
            out.push('[');
            for place in 0..read.small::<usize>()? {
                if place > 0 {
                    out.push(',');
                }
                put_json(read, out, depth)?;
            }
            out.push(']');
        }
        OBJECT => {
            out.push('{');
            for place in 0..read.small::<usize>()? {
                if place > 0 {
                    out.push(',');
                }
                put_json_text(read.str()?, out);
                out.push(':');
                put_json(read, out, depth)?;
            }
            out.push('}');
        }
        _ => return Err(CorruptRow("a value has an unknown type")),
    }
    Ok(())
}

fn put_json_float(n: f64, out: &mut String) {
    if n.is_finite() { put_json_number(format_args!("{n:?}"), out) } else { out.push_str("null") }
}

fn put_json_number(digits: fmt::Arguments<'_>, out: &mut String) {
    out.write_fmt(digits).expect("memory takes every write");
}

/// Writes a JSON string. U+0000 becomes U+FFFD, since not every engine stores it.
pub(super) fn put_json_text(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        match special.as_bytes()[0] {
            0 => out.push_str("\\ufffd"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            byte @ (b'"' | b'\\') => out.extend(['\\', char::from(byte)]),
            byte => put_json_number(format_args!("\\u{byte:04x}"), out),
        }
        rest = &special[1..];
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_type() -> Value {
        Value::Array(vec![
            Value::Boolean(false),
            Value::Boolean(true),
            Value::Integer(i64::MIN),
            Value::Float(-0.0),
            Value::Float(1e300),
            Value::Text("1.0".into()),
            Value::DateTime("2026-01-05".into()),
            Value::Location { lat: 1.5, lon: -2.0 },
            Value::Object(vec![("lat".into(), Value::Float(1.5)), ("lon".into(), Value::Array(Vec::new()))]),
        ])
    }

    fn bytes(value: &Value) -> Vec<u8> {
        let mut out = Encoder::new();
        put_value(&mut out, value);
        out.done()
    }

    fn read(bytes: &[u8]) -> Result<Value, CorruptRow> {
        let mut read = Decoder::open(bytes)?;
        let value = value(&mut read)?;
        read.end().map(|()| value)
    }

    /// Fails if `put_value` writes a date as text.
    #[test]
    fn values_of_every_type_are_read_as_written() {
        assert_eq!(read(&bytes(&every_type())), Ok(every_type()));
    }

    /// Fails if `nested` does not count the depth.
    #[test]
    fn damaged_values_are_errors_or_other_values_and_never_a_panic() {
        let whole = bytes(&every_type());
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "cut at {end}");
        }
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[place] ^= 1 << bit;
                let _either = read(&bytes).is_ok();
            }
        }
        let deep = [&[super::super::bytes::VERSION][..], &[ARRAY, 1].repeat(100_000)].concat();
        assert_eq!(read(&deep), Err(CorruptRow("a value is nested too deeply")));
    }
}
