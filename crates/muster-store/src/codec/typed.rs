//! The object of a JSON column as typed bytes, for an engine whose own JSON would change some values: one that has no
//! U+0000, or sorts the members of an object. Beside the bytes such an engine keeps the object as JSON for people.

use super::bytes::{Decoder, Encoder};
use super::cell::Cell;
use super::json::JsonObject;
use super::values::{DEPTH_MAX, put_json, put_json_text, put_value, value};
use crate::error::CorruptRow;
use crate::family::{ColumnType, Family};

/// Puts typed bytes in place of each object; none, if the attributes are in chunks.
pub(crate) fn encode(cells: &mut [Cell<'_>]) {
    for cell in cells {
        if let Cell::Json(object) = cell {
            *cell = Cell::owned(bytes(object));
        }
    }
}

fn bytes(object: &JsonObject<'_>) -> Vec<u8> {
    if matches!(object, JsonObject::InChunks) {
        return Vec::new();
    }
    let mut out = Encoder::new();
    object.for_each(|name, value| {
        out.str(name);
        put_value(&mut out, value);
    });
    out.done()
}

/// Puts the objects of a row of this family back.
pub(crate) fn decode(family: Family, cells: &mut [Cell<'_>]) -> Result<(), CorruptRow> {
    for (column, cell) in family.columns().iter().zip(cells) {
        if column.column_type == ColumnType::Json
            && let Cell::Blob(bytes) = &*cell
        {
            *cell = Cell::Json(object(bytes)?);
        }
    }
    Ok(())
}

fn object(bytes: &[u8]) -> Result<JsonObject<'static>, CorruptRow> {
    if bytes.is_empty() {
        return Ok(JsonObject::InChunks);
    }
    let (mut read, mut values) = (Decoder::open(bytes)?, Vec::new());
    while !read.is_at_end() {
        values.push((read.str()?.into(), value(&mut read)?));
    }
    Ok(JsonObject::Owned(values))
}

/// Returns the object as JSON for people: U+0000, which not every engine stores, is U+FFFD in it. `null`, if the
/// attributes are in chunks.
pub(crate) fn json(bytes: &[u8]) -> Result<String, CorruptRow> {
    if bytes.is_empty() {
        return Ok("null".into());
    }
    let (mut read, mut out) = (Decoder::open(bytes)?, String::with_capacity(bytes.len() * 2));
    out.push('{');
    while !read.is_at_end() {
        if out.len() > 1 {
            out.push(',');
        }
        put_json_text(read.str()?, &mut out);
        out.push(':');
        put_json(&mut read, &mut out, DEPTH_MAX)?;
    }
    out.push('}');
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_core::value::Value;

    fn cells() -> Vec<Cell<'static>> {
        let text = |text: &str| Value::Text(text.into());
        let values = vec![
            ("text".into(), text("a\"b\\\u{0}\u{1f}\n")),
            ("int".into(), Value::Integer(-7)),
            ("float".into(), Value::Float(1e300)),
            ("nothing".into(), Value::Float(f64::NAN)),
            ("yes".into(), Value::Boolean(true)),
            ("date".into(), Value::DateTime("2026-01-05".into())),
            ("place".into(), Value::Location { lat: 1.5, lon: -2.0 }),
            ("list".into(), Value::Array(vec![text("x"), Value::Object(Vec::new())])),
            ("object".into(), Value::Object(vec![("b".into(), Value::Boolean(false)), ("a".into(), text(""))])),
        ];
        vec![Cell::Int(1), Cell::Int(2), Cell::Json(JsonObject::Owned(values)), Cell::blob(&[])]
    }

    fn encoded() -> (Vec<Cell<'static>>, Vec<u8>) {
        let mut encoded = cells();
        encode(&mut encoded);
        let Cell::Blob(bytes) = encoded[2].clone() else { panic!("it is bytes") };
        (encoded, bytes.into_owned())
    }

    // Fails when `json` writes a date without quotes, a control character as it is, or no comma.
    #[test]
    fn an_object_is_json_for_people() {
        let want = concat!(
            r#"{"text":"a\"b\\\ufffd\u001f\n","int":-7,"float":1e300,"nothing":null,"yes":true,"date":"2026-01-05","#,
            r#""place":{"lat":1.5,"lon":-2.0},"list":["x",{}],"object":{"b":false,"a":""}}"#
        );
        assert_eq!(json(&encoded().1), Ok(want.into()));
        assert_eq!((json(&[]), json(&bytes(&JsonObject::Owned(Vec::new())))), (Ok("null".into()), Ok("{}".into())));
    }

    // Fails when `encode` sorts the members, or `decode` reads an empty object as attributes in chunks.
    #[test]
    fn an_object_is_read_as_it_was_written_and_damage_is_never_a_panic() {
        let (mut read, all) = encoded();
        decode(Family::Profiles, &mut read).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", cells()));
        for object in [JsonObject::InChunks, JsonObject::Owned(Vec::new())] {
            let mut row = vec![Cell::Int(1), Cell::Int(2), Cell::Json(object), Cell::blob(&[])];
            let want = row.clone();
            encode(&mut row);
            decode(Family::Profiles, &mut row).unwrap();
            assert_eq!(row, want);
        }
        for end in 1..all.len() {
            let _damage = (object(&all[..end]).is_err(), json(&all[..end]).is_err());
        }
    }
}
