//! Whether the clock can be trusted: nothing is stored under a wrong time, because `now` never goes backwards and
//! expired rows are removed (docs/adr/0020).

use crate::bounds::{CLOCK_AHEAD_MS_MAX, CLOCK_BEHIND_MS_MAX};
use crate::error::EngineError;
use muster_core::time::{Clock, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};

/// The clock is not far ahead of any stored time.
const NONE: i64 = i64::MAX;

/// The check, with what the operator accepted.
pub(crate) struct ClockCheck {
    /// Whether the operator accepts a clock that is behind or far ahead of stored times.
    accepted: bool,
    /// The newest stored time, if the clock was far ahead of it at the start and still is.
    ahead_of: AtomicI64,
}

impl ClockCheck {
    pub(crate) fn new(accepted: bool) -> Self {
        Self { accepted, ahead_of: AtomicI64::new(NONE) }
    }

    /// Compares the clock with the newest time of all workspaces, at the start.
    pub(crate) fn start(&self, clock: &dyn Clock, newest: Timestamp) {
        if !self.accepted && newest > Timestamp::default() {
            self.ahead_of.store(newest.0, Ordering::Release);
            let _forgotten_if_it_is_not = self.distrust(clock);
        }
    }

    /// Returns why nothing may be stored in any workspace.
    pub(crate) fn distrust(&self, clock: &dyn Clock) -> Option<&'static str> {
        if let Some(why) = clock.distrust() {
            return Some(why);
        }
        let newest = self.ahead_of.load(Ordering::Acquire);
        if newest != NONE && clock.now().at.0.saturating_sub(newest) > CLOCK_AHEAD_MS_MAX {
            return Some(
                "it is more than a year ahead of the newest stored time: if it is right, start with --accept-clock",
            );
        }
        // The clock was not far ahead, or is right now; from here on the server notices jumps.
        self.ahead_of.store(NONE, Ordering::Release);
        None
    }

    /// Checks the clock for a workspace with this newest time.
    ///
    /// # Errors
    /// [`EngineError::Clock`].
    pub(crate) fn check(&self, clock: &dyn Clock, newest: Timestamp) -> Result<(), EngineError> {
        if let Some(why) = self.distrust(clock) {
            return Err(EngineError::Clock(why));
        }
        let behind = newest.0.saturating_sub(clock.now().at.0);
        if behind > CLOCK_BEHIND_MS_MAX && !self.accepted {
            return Err(EngineError::Clock(
                "it is more than ten minutes behind a time that is stored: set it right, or if it is right now and was ahead \
                 once, start with --accept-clock",
            ));
        }
        Ok(())
    }
}
