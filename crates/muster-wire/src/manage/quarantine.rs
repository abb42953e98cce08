//! Quarantine entries: `GET /workspaces/{ws}/quarantine`.

use super::request::faults;
use crate::data::answer::kind_name;
use crate::data::api::Api;
use crate::data::failure::fault_type;
use crate::manage::page::render;
use muster_core::id::RequestId;
use muster_core::record::QuarantinedElement;
use serde_json::{Value as Json, json};

/// The entry; `element` is its JSON, and `raw` its text as it came where a tree does not show all of it. What a Track call carried is told like an element of a bulk import.
pub fn json(entry: &QuarantinedElement) -> Json {
    let mut out = json!({
        "id": entry.no.to_string(),
        "at": entry.at.to_string(),
        "request_id": RequestId::from_no(entry.request).to_string(),
        "index": entry.index,
        "type": kind_name(entry.kind),
        "errors": faults(Api::Transition, &entry.errors),
        "element": element(&entry.element),
    });
    // A tree holds a name once and a number as it can; what it does not hold is shown as it came.
    if let Json::Object(members) = &mut out
        && render(&members["element"]) != without_blanks(&entry.element)
    {
        members.insert("raw".to_owned(), Json::from(String::from_utf8_lossy(&entry.element)));
    }
    if let (Some(request), Json::Object(members)) = (entry.replayed_as, &mut out) {
        members.insert("replayed_as".to_owned(), Json::from(RequestId::from_no(request).to_string()));
    }
    if let (Some(at), Json::Object(members)) = (entry.deleted_at, &mut out) {
        members.insert("deleted_at".to_owned(), Json::from(at.to_string()));
    }
    out
}

/// JSON without the blanks that stand outside of its texts.
fn without_blanks(json: &[u8]) -> Vec<u8> {
    let (mut in_text, mut escaped) = (false, false);
    let keep = |byte: &u8| {
        let is_blank = !in_text && byte.is_ascii_whitespace();
        in_text ^= *byte == b'"' && !escaped;
        escaped = in_text && *byte == b'\\' && !escaped;
        !is_blank
    };
    json.iter().copied().filter(keep).collect()
}

/// The element as a tree; what a tree cannot hold (a number that overflows) is shown as its text.
pub(crate) fn element(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Json::from(String::from_utf8_lossy(bytes)))
}

/// The types of an entry's errors, as answers name them.
pub fn types(entry: &QuarantinedElement) -> impl Iterator<Item = &'static str> {
    entry.errors.iter().map(|fault| fault_type(Api::Transition, fault))
}
