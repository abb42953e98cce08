//! Figures of a workspace: `GET /workspaces/{ws}/stats`, `.../rates`, `.../faults` and `.../keys`.

use super::as_text::AsText;
use super::masking::Mask;
use indexmap::IndexMap;
use muster_core::id::RequestId;
use muster_core::record::Counters;
use muster_core::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Counts of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatsDocument {
    /// Live users.
    pub users: u64,
    /// Events.
    pub events: u64,
    /// Devices.
    pub devices: u64,
    /// All merges, including reverted ones.
    pub merges: u64,
    /// Requests answered 200.
    pub requests: u64,
    /// Quarantined elements that were not replayed yet.
    pub quarantined: u64,
    /// Open reviews.
    pub reviews: u64,
}

impl From<&Counters> for StatsDocument {
    fn from(counters: &Counters) -> Self {
        Self {
            users: counters.users,
            events: counters.events,
            devices: counters.devices,
            merges: counters.merge,
            requests: counters.requests_applied,
            quarantined: counters.quarantined,
            reviews: counters.reviews_open,
        }
    }
}

impl Mask for StatsDocument {
    fn mask(&mut self) {
        let Self { users: _, events: _, devices: _, merges: _, requests: _, quarantined: _, reviews: _ } = self;
    }
}

/// Requests of the last hour by minute, counted by this server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RatesDocument {
    /// The last sixty minutes, the oldest first.
    pub minutes: Vec<MinuteDocument>,
    /// Requests per second, over the last seconds.
    pub per_second: f64,
    /// When the latest request was answered.
    pub last_request_at: Option<AsText<Timestamp>>,
    /// The time since which this server counts.
    pub since: AsText<Timestamp>,
    /// The rate budget by class: users, events, devices.
    pub budget: IndexMap<String, BudgetDocument>,
}

/// One minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MinuteDocument {
    /// When it began.
    pub at: AsText<Timestamp>,
    /// Its requests.
    pub requests: u64,
    /// The same by the class of their status.
    pub by_status: StatusClasses,
    /// Elements that were not rejected.
    pub accepted: u64,
    /// Elements that were rejected.
    pub rejected: u64,
    /// Events that were stored.
    pub events: u64,
    /// Requests answered 429.
    pub limited: u64,
    /// The median of the durations, in microseconds; null without a request.
    pub p50_us: Option<u64>,
    /// The 99th percentile of the durations, in microseconds; null without a request.
    pub p99_us: Option<u64>,
}

/// Requests by the class of their status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusClasses {
    /// Successes.
    #[serde(rename = "2xx")]
    pub success: u64,
    /// Refusals.
    #[serde(rename = "4xx")]
    pub refused: u64,
    /// Failures.
    #[serde(rename = "5xx")]
    pub failed: u64,
}

/// A budget of the last sixty seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetDocument {
    /// What was used.
    pub used: u64,
    /// What may be used; 0 = no limit.
    pub limit: u64,
}

impl Mask for RatesDocument {
    fn mask(&mut self) {
        let Self { minutes: _, per_second: _, last_request_at: _, since: _, budget: _ } = self;
    }
}

/// A list of counts that this server keeps in memory, and the time since which it counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CountedListOf{T}")]
pub struct CountedList<T> {
    /// All items.
    pub items: Vec<T>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
    /// The time since which this server counts.
    pub since: AsText<Timestamp>,
}

impl<T: Mask> Mask for CountedList<T> {
    fn mask(&mut self) {
        let Self { items, next_cursor: _, since: _ } = self;
        items.mask();
    }
}

/// How often a type of error occurred.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaultCountDocument {
    /// The type of the error.
    #[serde(rename = "type")]
    pub name: String,
    /// How often in the last hour.
    pub count: u64,
    /// How often in the hour before.
    pub earlier: u64,
    /// When last.
    pub last_at: AsText<Timestamp>,
    /// The latest request with such an error.
    pub request_id: AsText<RequestId>,
}

impl Mask for FaultCountDocument {
    fn mask(&mut self) {
        let Self { name: _, count: _, earlier: _, last_at: _, request_id: _ } = self;
    }
}

/// A Data API key and its use; never the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyUseDocument {
    /// The fingerprint of the key.
    pub fingerprint: String,
    /// What the key may do.
    pub scopes: Vec<String>,
    /// When it was created.
    pub created_at: AsText<Timestamp>,
    /// Until when it is valid; null if it does not expire.
    pub valid_until: Option<AsText<Timestamp>>,
    /// When it was last used.
    pub last_used_at: Option<AsText<Timestamp>>,
    /// The number of addresses that it was used from.
    pub addresses: usize,
    /// How often it was used after it had ended.
    pub refused_after_end: u64,
    /// The token that created it; null if it is not known, or if this token may not see it.
    pub made_by: Option<String>,
    /// The address that it was created from.
    pub made_from: Option<String>,
}

impl Mask for KeyUseDocument {
    /// It is about keys and tokens, not about persons.
    fn mask(&mut self) {
        let Self {
            fingerprint: _,
            scopes: _,
            created_at: _,
            valid_until: _,
            last_used_at: _,
            addresses: _,
            refused_after_end: _,
            made_by: _,
            made_from: _,
        } = self;
    }
}
