//! JSON columns as SQLite's JSONB (<https://sqlite.org/jsonb.html>), written and read by us, so that
//! `attributes ->> 'city'` works from any SQLite shell and nothing is lost where JSON has no type: a date is a string of
//! type TEXTJ (it never holds anything to escape), any other text TEXTRAW, and a location is the object whose labels
//! are of type TEXT; other objects have labels of type TEXTRAW. Part of the stored format.

use crate::codec::{Cell, DEPTH_MAX, JsonObject, NamedValues};
use crate::error::CorruptRow;
use crate::family::{ColumnType, Family};
use muster_core::value::Value;
use std::io::Write as _;

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 5;
const TEXT: u8 = 7;
const TEXT_J: u8 = 8;
const TEXT_RAW: u8 = 10;
const ARRAY: u8 = 11;
const OBJECT: u8 = 12;

/// Puts JSONB in place of the values of a record that is written: an object, or no bytes if the attributes are in chunks.
pub fn encode(cells: &mut [Cell<'_>]) {
    for cell in cells {
        if let Cell::Json(object) = cell {
            let jsonb = match object {
                JsonObject::InChunks => Vec::new(),
                object => object_bytes(object),
            };
            *cell = Cell::owned(jsonb);
        }
    }
}

/// Puts the values in place of JSONB.
///
/// # Errors
/// [`CorruptRow`] if a JSON column is not what [`encode`] wrote.
pub fn decode(family: Family, cells: &mut [Cell<'_>]) -> Result<(), CorruptRow> {
    for (column, cell) in family.columns().iter().zip(cells) {
        if column.column_type == ColumnType::Json
            && let Cell::Blob(jsonb) = cell
        {
            let object = if jsonb.is_empty() { JsonObject::InChunks } else { JsonObject::Owned(read_object(jsonb)?) };
            *cell = Cell::Json(object);
        }
    }
    Ok(())
}

fn object_bytes(object: &JsonObject<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    container(&mut out, OBJECT, |out| object.for_each(|name, value| put_member(out, name, value)));
    out
}

fn put_member(out: &mut Vec<u8>, name: &str, value: &Value) {
    put_text(out, TEXT_RAW, name);
    put(out, value);
}

/// A container's header has the longest form of its length, filled in when its content is known.
fn container(out: &mut Vec<u8>, kind: u8, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0xe0 | kind, 0, 0, 0, 0]);
    content(out);
    let len = u32::try_from(out.len() - start - 5).expect("a member record is at most 1 MiB");
    out[start + 1..start + 5].copy_from_slice(&len.to_be_bytes());
}

fn put_text(out: &mut Vec<u8>, kind: u8, text: &str) {
    match text.len() {
        len @ 0..=11 => out.push(u8::try_from(len).expect("at most 11") << 4 | kind),
        len => match (u8::try_from(len), u16::try_from(len)) {
            (Ok(len), _) => out.extend_from_slice(&[0xc0 | kind, len]),
            (_, Ok(len)) => {
                out.push(0xd0 | kind);
                out.extend_from_slice(&len.to_be_bytes());
            }
            _ => {
                out.push(0xe0 | kind);
                let len = u32::try_from(len).expect("a value is shorter than its body");
                out.extend_from_slice(&len.to_be_bytes());
            }
        },
    }
    out.extend_from_slice(text.as_bytes());
}

/// A number as its JSON text.
fn put_number(out: &mut Vec<u8>, kind: u8, number: std::fmt::Arguments<'_>) {
    // A float in full can take more than 300 characters; numbers that are written every time are far shorter.
    let start = out.len();
    out.extend_from_slice(&[0xd0 | kind, 0, 0]);
    out.write_fmt(number).expect("memory takes every write");
    let len = out.len() - start - 3;
    if len <= 11 {
        out[start] = u8::try_from(len).expect("at most 11") << 4 | kind;
        out.drain(start + 1..start + 3);
    } else {
        let len = u16::try_from(len).expect("a number has fewer digits");
        out[start + 1..start + 3].copy_from_slice(&len.to_be_bytes());
    }
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Boolean(b) => out.push(if *b { TRUE } else { FALSE }),
        Value::Integer(n) => put_number(out, INT, format_args!("{n}")),
        Value::Float(n) => put_number(out, FLOAT, format_args!("{n:?}")),
        Value::Text(text) => put_text(out, TEXT_RAW, text),
        Value::DateTime(text) => put_text(out, TEXT_J, text),
        Value::Location { lat, lon } => container(out, OBJECT, |out| {
            for (name, degrees) in [("lat", lat), ("lon", lon)] {
                put_text(out, TEXT, name);
                put_number(out, FLOAT, format_args!("{degrees:?}"));
            }
        }),
        Value::Array(items) => container(out, ARRAY, |out| items.iter().for_each(|item| put(out, item))),
        Value::Object(members) => {
            container(out, OBJECT, |out| members.iter().for_each(|(name, value)| put_member(out, name, value)));
        }
    }
}

fn read_object(bytes: &[u8]) -> Result<NamedValues, CorruptRow> {
    let mut rest = bytes;
    let (kind, payload) = element(&mut rest)?;
    if kind != OBJECT || !rest.is_empty() {
        return Err(CorruptRow("attributes are not an object"));
    }
    members(payload, DEPTH_MAX)
}

/// Takes the next element: its type and payload.
fn element<'a>(rest: &mut &'a [u8]) -> Result<(u8, &'a [u8]), CorruptRow> {
    const EARLY: CorruptRow = CorruptRow("a value ends early");
    let (first, after) = rest.split_first().ok_or(EARLY)?;
    let width = match first >> 4 {
        12 => 1,
        13 => 2,
        14 => 4,
        15 => return Err(CorruptRow("a value is longer than any can be")),
        _ => 0,
    };
    let (length, after) = after.split_at_checked(width).ok_or(EARLY)?;
    let long = length.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
    let len = if width == 0 { usize::from(first >> 4) } else { long };
    let (payload, after) = after.split_at_checked(len).ok_or(EARLY)?;
    *rest = after;
    Ok((first & 15, payload))
}

fn text(payload: &[u8]) -> Result<&str, CorruptRow> {
    std::str::from_utf8(payload).map_err(|_| CorruptRow("a string is not valid UTF-8"))
}

fn members(mut rest: &[u8], depth: usize) -> Result<NamedValues, CorruptRow> {
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (kind, name) = element(&mut rest)?;
        if kind != TEXT_RAW {
            return Err(CorruptRow("a label is not a string"));
        }
        members.push((text(name)?.into(), value(&mut rest, depth)?));
    }
    Ok(members)
}

fn value(rest: &mut &[u8], depth: usize) -> Result<Value, CorruptRow> {
    let depth = depth.checked_sub(1).ok_or(CorruptRow("a value is nested too deeply"))?;
    let (kind, mut payload) = element(rest)?;
    Ok(match kind {
        TRUE => Value::Boolean(true),
        FALSE => Value::Boolean(false),
        INT => Value::Integer(number(payload)?),
        FLOAT => Value::Float(number(payload)?),
        TEXT_J => Value::DateTime(text(payload)?.into()),
        TEXT_RAW => Value::Text(text(payload)?.into()),
        ARRAY => {
            let mut items = Vec::new();
            while !payload.is_empty() {
                items.push(value(&mut payload, depth)?);
            }
            Value::Array(items)
        }
        OBJECT if payload.first().is_some_and(|b| b & 15 == TEXT) => location(payload)?,
        OBJECT => Value::Object(members(payload, depth)?),
        _ => return Err(CorruptRow("a value has an unknown type")),
    })
}

fn number<T: std::str::FromStr>(payload: &[u8]) -> Result<T, CorruptRow> {
    text(payload)?.parse().map_err(|_| CorruptRow("a number cannot be read"))
}

fn location(mut payload: &[u8]) -> Result<Value, CorruptRow> {
    let mut degrees = [0.0; 2];
    for (name, degrees) in ["lat", "lon"].into_iter().zip(&mut degrees) {
        if element(&mut payload)? != (TEXT, name.as_bytes()) {
            return Err(CorruptRow("a location has another label"));
        }
        let (kind, digits) = element(&mut payload)?;
        if kind != FLOAT {
            return Err(CorruptRow("a location has no degrees"));
        }
        *degrees = number(digits)?;
    }
    let [lat, lon] = degrees;
    if payload.is_empty() {
        Ok(Value::Location { lat, lon })
    } else {
        Err(CorruptRow("a location has more than two labels"))
    }
}
