//! Values as typed bytes within compact records. They keep what JSON has no type for: dates, locations, and whether a
//! number is an integer. Part of the stored format.

use super::bytes::{Decoder, Encoder};
use crate::error::CorruptRow;
use muster_core::value::Value;

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
