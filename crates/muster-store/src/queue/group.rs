//! A group: the decisions of one commit. What it is run with, and how it ends; an engine's writer runs it.

use super::cores::Cores;
use crate::bounds::Bounds;
use crate::clock_check::ClockCheck;
use crate::engine::EngineError;
use muster_core::pause::Pause;
use muster_core::rate::RateWindow;
use muster_core::time::Clock;
use std::sync::Arc;
use std::time::Duration;

/// What a group is run with.
pub(crate) struct GroupRun<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) bounds: &'a Bounds,
    pub(crate) cores: &'a Cores,
    /// Gives the core to a thread that waits for one.
    pub(crate) pause: Pause,
    /// The revision of the settings in force.
    pub(crate) revision: u64,
    /// The rate window; as it was, if the group fails.
    pub(crate) rate: RateWindow,
    /// Commit even if nothing changed: to see whether a full disk has room again.
    pub(crate) probe: bool,
    /// Checks the clock before anything is decided.
    pub(crate) clock_check: &'a ClockCheck,
    /// Decisions are written in savepoints; the writer sets it.
    pub(crate) savepoints: bool,
}

/// A group that ended, with the result of each decision.
#[derive(Default)]
pub(crate) struct GroupEnd {
    pub(crate) results: Vec<Result<(), EngineError>>,
    /// Decisions that were committed.
    pub(crate) committed: u64,
    /// How long the commit took; None if there was nothing to commit.
    pub(crate) commit: Option<Duration>,
    /// The group is stored, but nothing more may be written.
    pub(crate) poison: Option<Arc<str>>,
}

/// A group that failed as a whole.
pub(crate) struct GroupFailure {
    /// What every decision of it is answered.
    pub(crate) error: EngineError,
    /// Whether the workspace must not be written again in this process: how the commit ended is not known.
    pub(crate) poison: bool,
}
