//! The settings of a workspace as a JSON document: stored, patched, shown, and turned into what the rules read.
//! Identity resolution has its own call and is in [`identity`].

pub mod activation;
pub mod document;
pub mod identity;
pub mod identity_document;

use super::as_text::AsText;
use super::body;
use super::problem::Problem;
pub use crate::explanation::rule_name;
use crate::zone::Zone;
pub use activation::Activating;
pub use document::{KeyDocument, LimitsDocument, SettingsDocument, SettingsPatch, WorkspaceDocument};
pub use identity::{IdentityChange, compare, identity_from};
pub use identity_document::{
    IdentifierKindDocument, IdentityDocument, IdentityPreviewDocument, IdentityRequest, IdentitySettingsDocument,
    KindHoldersDocument, PreviewGroupDocument, PreviewSampleDocument, SurvivorRuleDocument, identity_json,
};
use ipnet::IpNet;
use muster_core::id::WorkspaceId;
use muster_core::limits::{PROFILE_BYTES_MAX, PROFILE_BYTES_MIN};
use muster_core::record::Counters;
use muster_core::settings::{ActivationPhase, Identity, RateLimits, Settings};
use muster_core::time::Timestamp;
use serde_json::{Map, Value as Json, json};

/// Smallest limit of a body that a workspace may set, in bytes.
const BODY_BYTES_MIN: u64 = 1_024;
/// Largest limit of a body that a workspace may set, in bytes (behaviour.md 1.6).
pub const BODY_BYTES_MAX: u64 = 1 << 20;
/// Largest limit of disk that a workspace may have: more than a disk has, and a number that JSON readers keep whole.
const DISK_BYTES_MAX: u64 = 1 << 50;
/// Most entries of an address allow-list.
const ADDRESSES_MAX: usize = 1_000;
/// The members of `PATCH /workspaces/{ws}`.
const MEMBERS: [&str; 17] = [
    "name",
    "suspended",
    "limits",
    "lenient",
    "parity",
    "null_clears",
    "time_zone",
    "future_skew_seconds",
    "allowed_addresses",
    "log_retention_days",
    "quarantine_retention_days",
    "event_retention_days",
    "event_id_retention_days",
    "delete_buffer_hours",
    "store_origin_address",
    "mask_personal_data",
    "record_reads",
];
/// The members of `limits`.
const LIMITS: [&str; 6] =
    ["users_per_minute", "events_per_minute", "devices_per_minute", "body_bytes", "profile_bytes", "disk_bytes"];

/// Settings of a workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkspaceSettings {
    /// Its name, for people.
    pub name: String,
    /// Every call of its Data API is 403.
    pub suspended: bool,
    /// Budgets of a minute.
    pub limits: RateLimits,
    /// The longest decoded body of a bulk import, in bytes.
    pub body_bytes: u64,
    /// The most that a live profile may weigh, in bytes.
    pub profile_bytes: u64,
    /// Bytes of disk from which on imports are refused; 0 = no limit.
    pub disk_bytes: u64,
    /// Structural faults inside elements count as value faults by default.
    pub lenient: bool,
    /// The hosted service's limits cut and drop instead of warning.
    pub parity: bool,
    /// A null attribute is unset instead of ignored.
    pub null_clears: bool,
    /// How far in the future an action may lie, in seconds.
    pub future_skew_seconds: u32,
    /// Connecting addresses that may call; empty = all.
    pub allowed_addresses: Vec<IpNet>,
    /// Days that the ingestion log is kept; 0 = for ever.
    pub log_retention_days: u32,
    /// Days that quarantine entries are kept; 0 = as long as there is room.
    pub quarantine_retention_days: u32,
    /// Days that events are kept, by receipt; 0 = for ever.
    pub event_retention_days: u32,
    /// Days that event ids are remembered; 0 = for ever.
    pub event_id_retention_days: u32,
    /// Hours between Delete Users and the deletion.
    pub delete_buffer_hours: u32,
    /// The origin address of `X-Forwarded-For` is stored.
    pub store_origin_address: bool,
    /// Personal data is masked for tokens without the scope for it.
    pub mask_personal_data: bool,
    /// Reads of one person's data through the management API are recorded in the audit log.
    pub record_reads: bool,
    /// Identity resolution as it is in force.
    pub identity: Identity,
    /// The activation in progress.
    pub activating: Option<Activating>,
    zone_name: String,
    zone: Zone,
}

/// A key as it is shown: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyShown {
    /// What tells it from others.
    pub fingerprint: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Until when it is valid; None = until it is revoked.
    pub valid_until: Option<Timestamp>,
}

impl WorkspaceSettings {
    /// The settings of a new workspace.
    pub fn new(name: &str) -> Self {
        let rules = Settings::default();
        Self {
            name: name.to_owned(),
            suspended: false,
            limits: rules.limits,
            body_bytes: 102_400,
            profile_bytes: rules.profile_bytes,
            disk_bytes: 0,
            lenient: false,
            parity: false,
            null_clears: false,
            future_skew_seconds: 300,
            allowed_addresses: Vec::new(),
            log_retention_days: 7,
            quarantine_retention_days: 0,
            event_retention_days: 0,
            event_id_retention_days: 7,
            delete_buffer_hours: 24,
            store_origin_address: true,
            mask_personal_data: false,
            record_reads: false,
            identity: rules.identity,
            activating: None,
            zone_name: "UTC".to_owned(),
            zone: Zone::UTC,
        }
    }

    /// Reads the stored document; members that it lacks have their defaults.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_json(document: &[u8]) -> Result<Self, Problem> {
        let mut members = body::object(document)?;
        let mut settings = Self::new("");
        if let Some(identity) = members.remove("identity") {
            settings.identity = identity::from_json(&identity)?;
        }
        if let Some(activating) = members.remove("activation") {
            settings.activating = Some(Activating::from_json(&activating)?);
        }
        settings.take(&members)?;
        Ok(settings)
    }

    /// The document to store: what [`Self::from_json`] reads.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = self.members();
        members.insert("identity".to_owned(), identity_json(&self.identity));
        if let Some(activating) = &self.activating {
            members.insert("activation".to_owned(), activating.to_json());
        }
        super::page::render(&Json::Object(members))
    }

    /// Changes what the body of `PATCH /workspaces/{ws}` names; nothing if any of it is wrong.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn patch(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let members = body::object(bytes)?;
        let mut changed = self.clone();
        changed.take(&members)?;
        *self = changed;
        Ok(())
    }

    fn take(&mut self, members: &Map<String, Json>) -> Result<(), Problem> {
        body::only_known(members, "", &MEMBERS)?;
        for (name, value) in members {
            self.take_member(name, value, &format!("/{name}"))?;
        }
        Ok(())
    }

    fn take_member(&mut self, name: &str, value: &Json, at: &str) -> Result<(), Problem> {
        let days = |value| body::whole_number(value, at, 0..=36_500).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        match name {
            "name" => {
                let name = body::text(value, at)?;
                if name.len() > 200 {
                    return Err(Problem::at(at, "must have at most 200 bytes"));
                }
                self.name = name.to_owned();
            }
            "suspended" => self.suspended = body::boolean(value, at)?,
            "limits" => self.take_limits(value)?,
            "lenient" => self.lenient = body::boolean(value, at)?,
            "parity" => self.parity = body::boolean(value, at)?,
            "null_clears" => self.null_clears = body::boolean(value, at)?,
            "time_zone" => self.take_zone(body::text(value, at)?)?,
            "future_skew_seconds" => {
                let seconds = body::whole_number(value, at, 0..=315_360_000)?;
                self.future_skew_seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
            }
            "allowed_addresses" => self.allowed_addresses = addresses(value)?,
            "log_retention_days" => self.log_retention_days = days(value)?,
            "quarantine_retention_days" => self.quarantine_retention_days = days(value)?,
            "event_retention_days" => self.event_retention_days = days(value)?,
            "event_id_retention_days" => self.event_id_retention_days = days(value)?,
            "delete_buffer_hours" => {
                self.delete_buffer_hours = u32::try_from(body::whole_number(value, at, 0..=8_760)?).unwrap_or(u32::MAX);
            }
            "store_origin_address" => self.store_origin_address = body::boolean(value, at)?,
            "record_reads" => self.record_reads = body::boolean(value, at)?,
            _ => self.mask_personal_data = body::boolean(value, at)?,
        }
        Ok(())
    }

    fn take_limits(&mut self, value: &Json) -> Result<(), Problem> {
        let Json::Object(limits) = value else { return Err(Problem::at("/limits", "must be an object")) };
        body::only_known(limits, "/limits", &LIMITS)?;
        for (name, value) in limits {
            let at = format!("/limits/{name}");
            if name == "body_bytes" {
                self.body_bytes = body::whole_number(value, &at, BODY_BYTES_MIN..=BODY_BYTES_MAX)?;
                continue;
            }
            if name == "profile_bytes" {
                self.profile_bytes = body::whole_number(value, &at, PROFILE_BYTES_MIN..=PROFILE_BYTES_MAX)?;
                continue;
            }
            if name == "disk_bytes" {
                self.disk_bytes = body::whole_number(value, &at, 0..=DISK_BYTES_MAX)?;
                continue;
            }
            let n = u32::try_from(body::whole_number(value, &at, 0..=u64::from(u32::MAX))?).unwrap_or(u32::MAX);
            match name.as_str() {
                "users_per_minute" => self.limits.users = n,
                "events_per_minute" => self.limits.events = n,
                _ => self.limits.devices = n,
            }
        }
        Ok(())
    }

    fn take_zone(&mut self, name: &str) -> Result<(), Problem> {
        self.zone = Zone::from_name(name)
            .ok_or_else(|| Problem::at("/time_zone", "must be the name of a time zone, like Asia/Kolkata or UTC"))?;
        self.zone_name = name.to_owned();
        Ok(())
    }

    /// The name of its time zone.
    pub fn time_zone(&self) -> &str {
        &self.zone_name
    }

    /// Its time zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// What the rules read, as this revision of them.
    pub fn rules(&self, revision: u64) -> Settings {
        Settings {
            revision,
            identity: Identity { activation: self.activating.as_ref().map(Activating::rules), ..self.identity.clone() },
            limits: self.limits,
            lenient: self.lenient,
            profile_bytes: self.profile_bytes,
            future_skew_ms: i64::from(self.future_skew_seconds) * 1_000,
            event_id_retention_ms: i64::from(self.event_id_retention_days) * 86_400_000,
        }
    }

    fn members(&self) -> Map<String, Json> {
        match json!(SettingsDocument::from(self)) {
            Json::Object(members) => members,
            _ => Map::new(),
        }
    }
}

/// An allow-list: networks, or addresses alone.
pub(super) fn addresses(value: &Json) -> Result<Vec<IpNet>, Problem> {
    let at = "/allowed_addresses";
    let list = value.as_array().filter(|list| list.len() <= ADDRESSES_MAX);
    let list = list.ok_or_else(|| Problem::at(at, format!("must be an array of at most {ADDRESSES_MAX} networks")))?;
    let network = |(place, entry): (usize, &Json)| {
        let text = entry.as_str().unwrap_or_default();
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from));
        net.ok_or_else(|| Problem::at(format!("{at}/{place}"), "must be an address or a network, like 203.0.113.0/24"))
    };
    list.iter().enumerate().map(network).collect()
}

impl From<&WorkspaceSettings> for SettingsDocument {
    fn from(settings: &WorkspaceSettings) -> Self {
        Self {
            name: settings.name.clone(),
            suspended: settings.suspended,
            limits: LimitsDocument {
                users_per_minute: settings.limits.users,
                events_per_minute: settings.limits.events,
                devices_per_minute: settings.limits.devices,
                body_bytes: settings.body_bytes,
                profile_bytes: settings.profile_bytes,
                disk_bytes: settings.disk_bytes,
            },
            lenient: settings.lenient,
            parity: settings.parity,
            null_clears: settings.null_clears,
            time_zone: settings.time_zone().to_owned(),
            future_skew_seconds: settings.future_skew_seconds,
            allowed_addresses: settings.allowed_addresses.iter().map(ToString::to_string).collect(),
            log_retention_days: settings.log_retention_days,
            quarantine_retention_days: settings.quarantine_retention_days,
            event_retention_days: settings.event_retention_days,
            event_id_retention_days: settings.event_id_retention_days,
            delete_buffer_hours: settings.delete_buffer_hours,
            store_origin_address: settings.store_origin_address,
            mask_personal_data: settings.mask_personal_data,
            record_reads: settings.record_reads,
        }
    }
}

impl WorkspaceDocument {
    /// Returns a workspace with its keys.
    pub fn new(id: &WorkspaceId, settings: &WorkspaceSettings, keys: &[KeyShown]) -> Self {
        let key = |key: &KeyShown| KeyDocument {
            fingerprint: key.fingerprint.clone(),
            scopes: key.scopes.clone(),
            valid_until: key.valid_until.map(AsText),
        };
        Self {
            id: AsText(id.clone()),
            settings: SettingsDocument::from(settings),
            keys: keys.iter().map(key).collect(),
            trouble: None,
        }
    }
}

impl IdentityDocument {
    /// Returns what is in force; while kinds become active, which, and how many of the profiles both passes have done.
    pub fn new(settings: &WorkspaceSettings, counters: &Counters) -> Self {
        let (state, done, total) = match &settings.activating {
            None => ("active", 0, 0),
            Some(activating) => {
                let here = if counters.activation == activating.since { counters.activation_done } else { 0 };
                let before = if activating.phase == ActivationPhase::Joining { counters.profile } else { 0 };
                ("activating", before + here, 2 * counters.profile)
            }
        };
        let kinds = settings.activating.as_ref().map(|activating| &activating.kinds);
        Self {
            settings: IdentitySettingsDocument::from(&settings.identity),
            activating: kinds.map(|kinds| kinds.iter().map(|kind| kind.to_string()).collect()),
            state: state.to_owned(),
            done,
            total,
            error: None,
        }
    }
}
