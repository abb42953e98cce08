//! Members that every type of element reads in the same way: flags and optional strings.

use crate::json::{Json, Node};
use crate::notices::Notices;
use crate::path::Path;
use crate::value::read::boolean;
use muster_core::warning::Code;

/// Reads a flag: a boolean, or "true" and "false" in any case (behaviour.md 2). None if it is missing, or ignored with
/// a warning.
pub(super) fn flag(parent: &Node, name: &str, at: &Path, notices: &mut Notices) -> Option<bool> {
    let read = match &parent.some(name)?.json {
        Json::Boolean(b) => Some(*b),
        Json::Text(text) => boolean(text),
        _ => None,
    };
    if read.is_none() {
        notices.add(Code::TypeIgnored, name, &at.name(name));
    }
    read
}

/// Reads a string that may be missing, null or empty. A number is read as its text; other types are ignored with a
/// warning.
pub(super) fn optional_text(parent: &Node, name: &str, at: &Path, notices: &mut Notices) -> Option<Box<str>> {
    match &parent.some(name)?.json {
        Json::Text(text) if text.is_empty() => None,
        Json::Text(text) => Some((&**text).into()),
        Json::Number(text) => Some((*text).into()),
        _ => {
            notices.add(Code::TypeIgnored, name, &at.name(name));
            None
        }
    }
}
