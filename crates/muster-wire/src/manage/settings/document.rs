//! The settings of a workspace as a document: what is stored, shown and changed.

use crate::manage::as_text::AsText;
use crate::manage::masking::Mask;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Settings of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SettingsDocument {
    /// Its name, for people: at most 200 bytes.
    pub name: String,
    /// Whether every call of its Data API is answered 403.
    pub suspended: bool,
    /// Its limits.
    pub limits: LimitsDocument,
    /// Whether a structural fault inside an element rejects that element instead of the whole request.
    pub lenient: bool,
    /// Whether values beyond the limits of the hosted service are truncated or dropped, as it does, instead of a warning.
    pub parity: bool,
    /// Whether a null attribute is removed instead of ignored.
    pub null_clears: bool,
    /// The name of its time zone, such as Asia/Kolkata.
    pub time_zone: String,
    /// The seconds that the time of an action may be in the future.
    pub future_skew_seconds: u32,
    /// The addresses and networks that may call; empty allows all.
    pub allowed_addresses: Vec<String>,
    /// The days that the ingestion log is kept; 0 is for ever.
    pub log_retention_days: u32,
    /// The days that the quarantine is kept; 0 is for ever, as far as there is room.
    pub quarantine_retention_days: u32,
    /// The days that events are kept; 0 is for ever.
    pub event_retention_days: u32,
    /// The days that event ids are remembered; 0 is for ever.
    pub event_id_retention_days: u32,
    /// The hours between Delete Users and the deletion.
    pub delete_buffer_hours: u32,
    /// Whether the origin address of requests is stored.
    pub store_origin_address: bool,
    /// Whether personal data is masked for tokens without the scope `personal`.
    pub mask_personal_data: bool,
    /// Whether reads of one person's data are recorded in the audit log.
    pub record_reads: bool,
}

/// Limits of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitsDocument {
    /// Users per minute; 0 is unlimited.
    pub users_per_minute: u32,
    /// Events per minute; 0 is unlimited.
    pub events_per_minute: u32,
    /// Devices per minute; 0 is unlimited.
    pub devices_per_minute: u32,
    /// The longest body of a bulk import, in bytes.
    pub body_bytes: u64,
    /// The most that a profile with all its members may hold, in bytes.
    pub profile_bytes: u64,
    /// The size on disk, in bytes, from which imports are refused; 0 is unlimited.
    pub disk_bytes: u64,
}

/// A workspace: its settings and its keys, and never the keys themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkspaceDocument {
    /// Its id.
    pub id: AsText<WorkspaceId>,
    /// Its settings.
    #[serde(flatten)]
    pub settings: SettingsDocument,
    /// Its Data API keys.
    pub keys: Vec<KeyDocument>,
    /// `damaged` if its data cannot be used; the log of the server says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A Data API key; never the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyDocument {
    /// The fingerprint of the key.
    pub fingerprint: String,
    /// What the key may do.
    pub scopes: Vec<String>,
    /// Until when it is valid; null if it does not expire.
    pub valid_until: Option<AsText<Timestamp>>,
}

impl Mask for WorkspaceDocument {
    /// It is about a workspace, not about a person.
    fn mask(&mut self) {
        let Self { id: _, settings: _, keys: _, trouble: _ } = self;
    }
}

/// The body of `PATCH /workspaces/{ws}`: any of the settings, as they were sent.
/// `WorkspaceSettings::patch` reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsPatch(pub Vec<u8>);

impl JsonSchema for SettingsPatch {
    fn schema_name() -> Cow<'static, str> {
        "ChangeSettingsRequest".into()
    }

    /// That of all settings, of which none is required.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = SettingsDocument::json_schema(generator);
        schema.remove("required");
        schema.insert("additionalProperties".to_owned(), false.into());
        schema.insert("description".to_owned(), "Any of the settings; limits likewise.".into());
        schema
    }
}
