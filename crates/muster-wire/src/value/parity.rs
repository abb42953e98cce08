//! The limits of the hosted service (FACTS 4; FACTS 11 row 28): every workspace is warned of them, and one with `parity`
//! has what is over them cut or dropped (behaviour.md 2; docs/adr/0010 for what the documents leave open). Identifiers
//! and Muster's own limits are never cut and are not judged here.

use crate::json::{Json, Node};
use crate::notices::Notices;
use crate::path::Path;
use crate::write;
use muster_core::limits::{
    PARITY_ARRAY_LEN, PARITY_NAME_CHARS, PARITY_OBJECT_BYTES, PARITY_OBJECT_LEVELS, PARITY_OBJECTS_LEN,
    PARITY_VALUE_CHARS,
};
use muster_core::value::Value;
use muster_core::warning::Code;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The beginning of a string that has more characters than this.
fn beginning(text: &str, chars: usize) -> Option<&str> {
    if text.len() <= chars {
        return None;
    }
    text.char_indices().nth(chars).map(|(end, _)| &text[..end])
}

/// The name to store: of an event, an attribute, or a member of an object.
pub(crate) fn name<'n>(name: &'n str, at: &Path, notices: &mut Notices) -> &'n str {
    let Some(cut) = beginning(name, PARITY_NAME_CHARS) else { return name };
    notices.add(Code::NameOverLimit, name, at);
    if notices.parity { cut } else { name }
}

/// The string to store; None for a URL that would be cut, since half of one is of no use.
pub(crate) fn text<'t>(text: &'t str, name: &str, at: &Path, notices: &mut Notices) -> Option<&'t str> {
    let Some(cut) = beginning(text, PARITY_VALUE_CHARS) else { return Some(text) };
    notices.add(Code::ValueOverLimit, name, at);
    match notices.parity {
        true if is_url(text) => None,
        true => Some(cut),
        false => Some(text),
    }
}

/// `scheme://` and what follows (RFC 3986), without a blank in it: a string that only begins with a URL is not one.
fn is_url(text: &str) -> bool {
    let text = text.trim();
    let Some((scheme, _)) = text.split_once("://") else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !text.contains(char::is_whitespace)
}

/// How many values an array like this one keeps.
pub(crate) fn array_len(first: Option<&Value>) -> usize {
    if matches!(first, Some(Value::Object(_))) { PARITY_OBJECTS_LEN } else { PARITY_ARRAY_LEN }
}

/// Whether an object, as it would be stored, is small enough.
pub(crate) fn fits(object: &Value, name: &str, at: &Path, notices: &mut Notices) -> bool {
    if object.json_bytes() <= PARITY_OBJECT_BYTES {
        return true;
    }
    notices.add(Code::ValueOverLimit, name, at);
    !notices.parity
}

/// An object, or an array that holds one, at a level that is stored as JSON text.
pub(crate) fn deep(node: &Node, name: &str, levels: usize, at: &Path, notices: &mut Notices) -> Option<Value> {
    if !notices.parity || levels < PARITY_OBJECT_LEVELS {
        return None;
    }
    let holds_object = match &node.json {
        Json::Object(members) => !members.is_empty(),
        Json::Array(items) => items.iter().any(|item| matches!(item.json, Json::Object(_))),
        _ => false,
    };
    if !holds_object {
        return None;
    }
    notices.add(Code::ValueOverLimit, name, at);
    let mut out = Vec::new();
    write_node(&mut out, node);
    Some(Value::Text(String::from_utf8(out).expect("JSON of strings is UTF-8").into()))
}

/// Writes the value as it came, without the blanks between its parts.
fn write_node(out: &mut Vec<u8>, node: &Node) {
    match &node.json {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Boolean(b) => write::raw(out, b),
        Json::Number(text) => out.extend_from_slice(text.as_bytes()),
        Json::Text(text) => write::string(out, text),
        Json::Array(items) => write::array(out, items, write_node),
        Json::Object(members) => {
            for (at, member) in members.iter().enumerate() {
                out.push(if at == 0 { b'{' } else { b',' });
                write::string(out, &member.name);
                out.push(b':');
                write_node(out, &member.value);
            }
            out.extend_from_slice(if members.is_empty() { b"{}" } else { b"}" });
        }
    }
}

/// The names of one list that others can have been cut to, each with its place in the list.
#[derive(Debug, Default)]
pub(crate) struct CutNames(BTreeMap<Box<str>, usize>);

impl CutNames {
    /// The place of an earlier entry of this name, if one of the two can have been cut; else `next` is its place.
    pub(crate) fn earlier(&mut self, name: &str, next: usize, notices: &Notices) -> Option<usize> {
        // A name that was cut, and each that it can meet, has as many characters as are kept.
        if !notices.parity || beginning(name, PARITY_NAME_CHARS - 1).is_none() {
            return None;
        }
        match self.0.entry(name.into()) {
            Entry::Occupied(entry) => Some(*entry.get()),
            Entry::Vacant(entry) => {
                entry.insert(next);
                None
            }
        }
    }

    /// Adds a member to a list, under the name to store; of two that were cut to one the later wins. The client spelled
    /// it as the last step of `at`.
    pub(crate) fn put(
        &mut self,
        list: &mut Vec<(Box<str>, Value)>,
        (name, value): (&str, Value),
        at: &Path,
        notices: &mut Notices,
    ) {
        match self.earlier(name, list.len(), notices) {
            None => list.push((name.into(), value)),
            Some(place) => {
                if list[place].1 != value {
                    notices.add(Code::AliasOverridden, name, at);
                }
                list[place].1 = value;
            }
        }
    }
}
