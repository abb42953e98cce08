//! Where a body stops being JSON, and what it looks like instead, so that the sender can find the byte (behaviour.md
//! 1.2.d). Nothing of the body is quoted.

use crate::json::{Document, Json, Malformed, Node, NotedPlaces};
use crate::path::{Path, pointer_of};

/// A place in a body that is not JSON, or has a member twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPosition {
    /// JSON Pointer as far as known; empty for the whole body.
    pub pointer: Box<str>,
    /// The line, from 1; lines end with a line feed.
    pub line: usize,
    /// The character in its line, from 1.
    pub column: usize,
    /// The byte of the body, from 0.
    pub offset: usize,
    /// A hint for the sender.
    pub hint: Option<&'static str>,
}

const MARKED: &str = "the body begins with a byte order mark; send it without one";
const WIDE: &str = "the body looks like UTF-16; send UTF-8";
const SEVERAL: &str = "the body looks like NDJSON: several JSON documents follow each other; send one document";
const FORM: &str = "the body looks like form data (name=value); send a JSON document";
const TABLE: &str = "the body looks like CSV; send a JSON document";
/// Hint for a JSON string that contains JSON.
const TWICE: &str = "this is a JSON string that holds JSON: it was encoded twice; send what is in the string itself";
/// Hint for a body that is only the array.
const BARE: &str = "the body is an array; send an object";

/// Returns the place where a body stops being JSON.
pub(crate) fn place(body: &[u8], malformed: Malformed) -> JsonPosition {
    JsonPosition { hint: hint(body, malformed), ..at(body, malformed.offset, "") }
}

/// Returns the place of the first doubled member or half surrogate pair outside the elements.
pub(crate) fn first_unusable(body: &[u8], document: &Document) -> Option<JsonPosition> {
    let NotedPlaces { doubled, unpaired, .. } = &document.places;
    let first = doubled.first().into_iter().chain(unpaired.first()).min()?;
    let pointer = pointer_of(&document.root, *first, &Path::ROOT).unwrap_or_default();
    Some(at(body, *first as usize, &pointer))
}

/// Returns line, column and offset of a byte.
fn at(body: &[u8], offset: usize, pointer: &str) -> JsonPosition {
    let before = body.get(..offset).unwrap_or(body);
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    // Every byte of UTF-8 begins a character, but for those of the form 10xxxxxx.
    let characters = before[line_start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    JsonPosition { pointer: pointer.into(), line: lines + 1, column: characters + 1, offset, hint: None }
}

/// Returns a hint for a string in the place of an object or an array, or for a body that is only the array.
pub(crate) fn hint_for(node: &Node, is_body: bool) -> Option<&'static str> {
    match &node.json {
        Json::Text(text) if text.trim_start().starts_with(['{', '[']) => Some(TWICE),
        Json::Array(_) if is_body => Some(BARE),
        _ => None,
    }
}

fn hint(body: &[u8], malformed: Malformed) -> Option<&'static str> {
    if body.starts_with(b"\xef\xbb\xbf") {
        return Some(MARKED);
    }
    if matches!(body, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..]) {
        return Some(WIDE);
    }
    let next = body.get(malformed.offset);
    if malformed.is_after_value && matches!(next, Some(b'{' | b'[')) {
        return Some(SEVERAL);
    }
    let mut lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let first = lines.next()?;
    if matches!(first[0], b'{' | b'[') {
        return None;
    }
    if is_form(first) {
        return Some(FORM);
    }
    let is_row = |line: &[u8]| line.iter().any(|byte| matches!(byte, b',' | b';' | b'\t'));
    (is_row(first) && lines.next().is_some_and(is_row)).then_some(TABLE)
}

/// `name=value`, alone or with others behind an ampersand: names as forms write them.
fn is_form(line: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.+%[]".contains(byte);
    let name = line.iter().take_while(|byte| is_name(byte)).count();
    name > 0 && line.get(name) == Some(&b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn found(body: &[u8]) -> JsonPosition {
        place(body, parse(body).expect_err("it is malformed"))
    }

    /// Fails when columns count bytes, or lines are not counted.
    #[test]
    fn a_place_counts_lines_and_characters_from_one_and_bytes_from_zero() {
        let place = |pointer: &str, line, column, offset| JsonPosition {
            pointer: pointer.into(),
            line,
            column,
            offset,
            hint: None,
        };
        assert_eq!(found(b"{\"a\":NaN}"), place("", 1, 6, 5));
        assert_eq!(found("{\n \"\u{e4}\u{1f600}\":NaN}".as_bytes()), place("", 2, 7, 12));
        assert_eq!(found(b"{\"a\":[1,2"), place("", 1, 10, 9));
        assert_eq!(at(b"{}\n\n{}", 4, "/a"), place("/a", 3, 1, 4));
    }

    /// Fails when a body that begins as JSON is judged by its commas.
    #[test]
    fn a_body_of_another_format_has_the_hint_that_names_it() {
        for (body, want) in [
            ("{\"a\":1}\n{\"a\":2}\n", Some(SEVERAL)),
            ("{\"a\":1}{\"a\":2}", Some(SEVERAL)),
            ("customer_id,name\nc1,Asha\n", Some(TABLE)),
            ("\"customer_id\",\"name\"\r\n\"c1\",\"Asha\"", Some(TABLE)),
            ("1;2\n3;4", Some(TABLE)),
            ("customer_id=c1&name=Asha", Some(FORM)),
            ("a%5B0%5D=1", Some(FORM)),
            ("\u{feff}{}", Some(MARKED)),
            ("{\0}\0", Some(WIDE)),
            ("{\"a\":[1,\n2,NaN]}", None),
            ("hello, world", None),
            ("{\"a\":1},", None),
            ("nothing", None),
            (" ", None),
        ] {
            assert_eq!(found(body.as_bytes()).hint, want, "{body:?}");
        }
    }
}
