//! What the reading of a body depends on beside its bytes.

use crate::json::NotedPlaces;
use crate::zone::Zone;
use muster_core::kinds::Route;
use muster_core::settings::Settings;
use muster_core::time::Timestamp;
use std::sync::Arc;

/// The call, the settings and the options under which a body is read.
#[derive(Clone, Debug)]
pub struct ReadContext {
    /// The call.
    pub route: Route,
    /// The settings of the workspace.
    pub settings: Arc<Settings>,
    /// Structural faults inside elements count as value faults (behaviour.md 1.3).
    pub lenient: bool,
    /// A null attribute is unset instead of ignored (behaviour.md 2).
    pub null_clears: bool,
    /// The hosted service's limits cut and drop instead of warning (behaviour.md 2).
    pub parity: bool,
    /// The workspace's time zone, for times without an offset of their own.
    pub zone: Zone,
    /// When the request was received: whose offset an action without any time has.
    pub received_at: Timestamp,
}

/// The context of one element.
pub(super) struct ElementContext<'r> {
    /// Of the whole body.
    pub(super) request: &'r ReadContext,
    /// What was noted in this element, and in no other.
    pub(super) places: &'r NotedPlaces,
}
