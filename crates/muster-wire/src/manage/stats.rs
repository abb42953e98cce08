//! Figures of a workspace: `GET /workspaces/{ws}/stats`.

use muster_core::record::Counters;
use serde_json::{Value as Json, json};

/// The figures. `reviews` counts open entries of the review list.
pub fn json(counters: &Counters) -> Json {
    json!({
        "users": counters.users,
        "events": counters.events,
        "devices": counters.devices,
        "merges": counters.merge,
        "requests": counters.requests_applied,
        "quarantined": counters.quarantined,
        "reviews": counters.reviews_open,
    })
}
