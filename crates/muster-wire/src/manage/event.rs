//! An event on a timeline: `GET /workspaces/{ws}/users/{id}/events`.

use super::as_text::AsText;
use super::masking::Mask;
use crate::value::to_json;
use indexmap::IndexMap;
use muster_core::id::{ProfileId, RequestId};
use muster_core::kinds::Platform;
use muster_core::record::Event;
use muster_core::time::{Timestamp, write_clock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventDocument {
    /// Its name.
    pub action: String,
    /// Its attributes.
    pub attributes: IndexMap<String, Json>,
    /// When it happened.
    pub time: AsText<Timestamp>,
    /// The same in the local time of the user, without a zone.
    pub user_time: String,
    /// When it arrived.
    pub received_at: AsText<Timestamp>,
    /// The platform that it was sent with.
    pub platform: Option<AsText<Platform>>,
    /// The version of the app.
    pub app_version: Option<String>,
    /// The device.
    pub device_id: Option<String>,
    /// The address that it was sent from, if the workspace keeps addresses.
    pub origin_address: Option<String>,
    /// The request that it came with.
    pub request_id: AsText<RequestId>,
    /// The member that it is recorded under.
    pub recorded_for: AsText<ProfileId>,
    /// The operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe_os_type: Option<String>,
    /// The id that tells repeated events apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

impl EventDocument {
    /// Returns the event; `recorded_for` is the member under which it is recorded.
    pub fn new(event: &Event, recorded_for: ProfileId) -> Self {
        let action = &event.action;
        let mut user_time = String::with_capacity(23);
        write_clock(&mut user_time, event.user_time).expect("writing to memory does not fail");
        let text = |value: Option<&str>| value.map(str::to_owned);
        Self {
            action: action.name.to_string(),
            attributes: action.attributes.iter().map(|(name, value)| (name.to_string(), to_json(value))).collect(),
            time: AsText(event.time),
            user_time,
            received_at: AsText(event.received_at),
            platform: action.platform.map(AsText),
            app_version: text(action.app_version.as_deref()),
            device_id: text(event.device_id.as_deref()),
            origin_address: text(event.origin.as_deref()),
            request_id: AsText(RequestId::from_no(event.request)),
            recorded_for: AsText(recorded_for),
            moe_os_type: text(action.os_type.as_deref()),
            event_id: text(action.event_id.as_deref()),
        }
    }
}

impl Mask for EventDocument {
    fn mask(&mut self) {
        let Self {
            action: _,
            attributes,
            time: _,
            user_time: _,
            received_at: _,
            platform: _,
            app_version,
            device_id,
            origin_address,
            request_id: _,
            recorded_for: _,
            moe_os_type,
            event_id,
        } = self;
        attributes.mask();
        for text in [app_version, device_id, origin_address, moe_os_type, event_id] {
            text.mask();
        }
    }
}
