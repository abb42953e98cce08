//! The one door to the system clock and to randomness. Everything else gets both as arguments, so that tests can step
//! the one and fix the other.

use muster_core::time::{Clock, Moment, Timestamp};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The clock of the machine.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic readings count from now.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        #[expect(clippy::disallowed_methods, reason = "this file is the only door to the clock")]
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX);
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Moment { at: Timestamp(millis), micros }
    }
}

/// Where random bytes come from: keys, tokens, ids of requests that were refused.
pub trait Random: Send + Sync {
    /// Fills the buffer with bytes that nobody can guess.
    fn fill(&self, buffer: &mut [u8]);
}

/// The randomness of the operating system.
#[derive(Debug)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "this file is the only door to randomness")]
        getrandom::fill(buffer).expect("the operating system gives random bytes, or nothing that needs keys can go on");
    }
}
