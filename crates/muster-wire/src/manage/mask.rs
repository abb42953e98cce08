//! The mask over personal data in answers of the management API (the setting `mask_personal_data`): the structure and the
//! names stay, values become `***`. What is not known to be no personal data is masked, so that a member that is new is
//! masked until somebody puts it on the list here.

use serde_json::Value as Json;

/// What stands in the place of a value.
pub const MASK: &str = "***";

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
pub fn masked(json: &mut Json) {
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
        // Flags and counts of Muster's own answers; those that came in stand in closed members.
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn structure_and_names_stay_and_values_that_came_in_do_not() {
        let mut shown = json!({
            "id": "0a", "identifiers": {"email": "a@example.test"}, "aliases": {"mobile": ["1", "2"]},
            "attributes": {"id": "x", "age": 4, "list": [true, {"status": "y"}], "gone": null},
            "former_identifiers": [{"kind": "email", "value": "b@example.test", "until": "2026"}],
            "event_count": 3, "platforms": [{"platform": "iOS", "active": true}], "device_id": "d", "new_member": "z",
        });
        masked(&mut shown);
        let expected = json!({
            "id": "0a", "identifiers": {"email": "***"}, "aliases": {"mobile": ["***", "***"]},
            "attributes": {"id": "***", "age": "***", "list": ["***", {"status": "***"}], "gone": null},
            "former_identifiers": [{"kind": "email", "value": "***", "until": "2026"}],
            "event_count": 3, "platforms": [{"platform": "iOS", "active": true}], "device_id": "***",
            "new_member": "***",
        });
        assert_eq!(shown, expected);
    }

    /// Opposite: leave either off the open list.
    #[test]
    fn what_muster_says_of_a_fault_or_a_warning_stays_and_the_text_that_came_in_does_not() {
        let mut shown = json!({
            "errors": [{"index": 0, "type": "MissingAttributeError", "message": "m", "hint": "it looks like CSV"}],
            "warnings": [{"code": "UnknownMember", "name": "atributes", "suggestion": "attributes", "given": "half nine"}],
        });
        masked(&mut shown);
        let expected = json!({
            "errors": [{"index": 0, "type": "MissingAttributeError", "message": "m", "hint": "it looks like CSV"}],
            "warnings": [{"code": "UnknownMember", "name": "atributes", "suggestion": "attributes", "given": "***"}],
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn keys_in_a_list_lose_their_values_and_keep_their_kinds() {
        let mut shown =
            json!({"cause": {"keys": [{"kind": "email", "value": "a"}], "rule": "last_seen"}, "errors": []});
        masked(&mut shown);
        assert_eq!(shown["cause"], json!({"keys": [{"kind": "email", "value": "***"}], "rule": "last_seen"}));
    }
}
