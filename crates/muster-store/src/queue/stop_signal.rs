//! How a thread that works at intervals is told to end.

use crate::sync::lock;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The signal.
#[derive(Default)]
pub(crate) struct StopSignal {
    is_over: Mutex<bool>,
    change: Condvar,
}

impl StopSignal {
    /// Tells the thread to end.
    pub(crate) fn send(&self) {
        *lock(&self.is_over) = true;
        self.change.notify_all();
    }

    /// Waits for an interval; true when the thread is to end.
    pub(crate) fn wait(&self, interval: Duration) -> bool {
        let is_over = lock(&self.is_over);
        let waited = self.change.wait_timeout_while(is_over, interval, |is_over| !*is_over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
