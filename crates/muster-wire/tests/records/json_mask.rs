//! A second statement of the mask over personal data, of any JSON by the names of its members: what is not known to be no
//! personal data is masked. The masks of the documents are held to it.

use serde_json::Value as Json;

const MASK: &str = "***";

/// Members whose values Muster itself gives: ids, instants, words of closed lists, counts, and names, which stay.
#[rustfmt::skip]
const OPEN: [&str; 72] = [
    "action", "at", "attribute", "bytes", "cause", "code", "count", "decision", "done", "duration_us", "event_count",
    "failure", "fault_count", "field", "filled", "first_seen", "id", "ids", "index", "joined_at", "kind", "last_at",
    "last_seen", "merge_id", "merged", "merged_ids", "message", "name", "next_cursor", "outcome", "parent", "path",
    "platform", "pointer", "profiles", "reason", "received_at", "recorded_for", "redirected_from", "replayed_as",
    "request_id", "restored", "reverted_at", "rule", "separation_id", "seq", "state", "status", "survivor", "time",
    "type", "until", "updated_at", "user_time",
    "closed_at", "deleted_at", "explanation", "job_id", "profile", "review_id", "text", "total", "value_kind", "verdict",
    "as_of", "fingerprint", "hint", "recorded_under", "suggestion", "together", "unknown", "user_id",
];

/// Members that hold a received value: everything inside is masked, whatever its name, since names inside are not Muster's.
const CLOSED: [&str; 7] = ["aliases", "attributes", "body", "element", "new", "old", "record"];

/// Masks an answer in place.
pub(crate) fn masked(json: &mut Json) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                member(name, value);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(masked),
        Json::Null => {}
        Json::Bool(_) | Json::Number(_) | Json::String(_) => *json = Json::from(MASK),
    }
}

fn member(name: &str, value: &mut Json) {
    let is_closed = CLOSED.contains(&name) || (name == "identifiers" && value.is_object());
    if is_closed {
        return all(value);
    }
    let is_plain = |value: &Json| !value.is_object() && !value.is_array();
    match value {
        // Flags and counts of Muster's own answers; received ones are in closed members.
        Json::Bool(_) | Json::Number(_) => {}
        Json::Array(items) if OPEN.contains(&name) && items.iter().all(is_plain) => {}
        Json::String(_) if OPEN.contains(&name) => {}
        _ => masked(value),
    }
}

/// Masks every value, also under names that are open elsewhere. Null stays: it tells that there is nothing.
fn all(json: &mut Json) {
    match json {
        Json::Object(members) => members.iter_mut().for_each(|(_, value)| all(value)),
        Json::Array(items) => items.iter_mut().for_each(all),
        Json::Null => {}
        Json::Bool(_) | Json::Number(_) | Json::String(_) => *json = Json::from(MASK),
    }
}
