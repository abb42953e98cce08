//! An event on a timeline: `GET /workspaces/{ws}/users/{id}/events`.

use crate::value::to_json;
use muster_core::id::{ProfileId, RequestId};
use muster_core::record::Event;
use muster_core::time::write_clock;
use serde_json::{Map, Value as Json, json};

/// The event; `recorded_for` is the member under which it is recorded. With `show_origin` false the origin address
/// is null: it is personal data.
pub fn json(event: &Event, recorded_for: ProfileId, show_origin: bool) -> Json {
    let action = &event.action;
    let attributes: Map<String, Json> =
        action.attributes.iter().map(|(name, value)| (name.to_string(), to_json(value))).collect();
    let mut user_time = String::with_capacity(23);
    write_clock(&mut user_time, event.user_time).expect("writing to memory does not fail");
    let mut out = json!({
        "action": &*action.name,
        "attributes": attributes,
        "time": event.time.to_string(),
        "user_time": user_time,
        "received_at": event.received_at.to_string(),
        "platform": action.platform.map(|p| p.name()),
        "app_version": action.app_version.as_deref(),
        "device_id": event.device_id.as_deref(),
        "origin_address": event.origin.as_deref().filter(|_| show_origin),
        "request_id": RequestId::from_no(event.request).to_string(),
        "recorded_for": recorded_for.to_string(),
    });
    if let Json::Object(members) = &mut out {
        if let Some(os_type) = &action.os_type {
            members.insert("moe_os_type".to_owned(), Json::from(&**os_type));
        }
        if let Some(id) = &action.event_id {
            members.insert("event_id".to_owned(), Json::from(&**id));
        }
    }
    out
}
