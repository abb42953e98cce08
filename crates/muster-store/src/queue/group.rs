//! A group: the decisions of one commit. What it is run with, and how it ends; an engine's writer runs it.

use super::cores::Cores;
use crate::bounds::Bounds;
use crate::clock_check::ClockCheck;
use crate::engine::EngineError;
use muster_core::pause::Pause;
use muster_core::rate::RateWindow;
use muster_core::time::Clock;
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
}

/// How a group ended.
#[derive(Default)]
pub(crate) struct GroupEnd {
    /// The result of each decision that ended, in order; all others are answered with the failure.
    pub(crate) results: Vec<Result<(), EngineError>>,
    /// Decisions that were committed.
    pub(crate) committed: u64,
    /// How long the commit took; None if there was nothing to commit.
    pub(crate) commit: Option<Duration>,
    /// Why nothing more was stored, if something failed.
    pub(crate) failure: Option<GroupFailure>,
}

impl GroupEnd {
    /// Adds what ended after it.
    pub(crate) fn append(&mut self, next: Self) {
        self.results.extend(next.results);
        self.committed += next.committed;
        self.commit = self.commit.or(next.commit);
        self.failure = next.failure;
    }
}

impl From<GroupFailure> for GroupEnd {
    fn from(failure: GroupFailure) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }
}

/// A failure of the storage.
#[derive(Clone)]
pub(crate) struct GroupFailure {
    /// What every decision without a result is answered.
    pub(crate) error: EngineError,
    /// Whether the workspace must not be written again in this process: how the commit ended is not known.
    pub(crate) poison: bool,
}
