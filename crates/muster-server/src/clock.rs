//! The one door to the system clock and to randomness. Everything else gets both as arguments, so that tests can step
//! the one and fix the other.

mod steps;

use muster_core::time::{Clock, Moment, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
pub use steps::ClockReading;
use steps::Steps;

/// The clock of the machine. It notices when somebody sets the wall clock, by a clock that nobody can set and that runs on
/// while the machine sleeps.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    steps: Steps,
}

impl SystemClock {
    /// Returns a clock whose monotonic readings count from now.
    pub fn new() -> Self {
        Self { started: Instant::now(), steps: Steps::since(reading(), None) }
    }

    /// Returns a clock that must agree with what an earlier process of the same boot saw of it.
    pub fn after(seen: Option<ClockReading>) -> Self {
        Self { started: Instant::now(), steps: Steps::since(reading(), seen) }
    }

    /// Returns what a later process of the same boot can compare with; None where one boot cannot be told from another,
    /// and while the clock cannot be believed.
    pub fn seen(&self) -> Option<ClockReading> {
        let (wall, elapsed) = reading();
        self.steps.distrust((wall, elapsed)).is_none().then(|| Some(ClockReading { boot: boot()?, wall, elapsed }))?
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

fn wall() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "this file is the only door to the clock")]
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the wall clock, and the time since the boot with the machine's sleep in it, both in milliseconds.
fn reading() -> (i64, i64) {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    // Elsewhere this one runs on while the machine sleeps.
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    let elapsed = clock_gettime(clock);
    (wall(), elapsed.tv_sec * 1_000 + elapsed.tv_nsec / 1_000_000)
}

/// Returns the id of this boot of the machine; None where the system has none.
pub fn boot() -> Option<Box<str>> {
    let text = std::fs::read_to_string(Path::new("/proc/sys/kernel/random/boot_id")).ok()?;
    Some(text.trim().into())
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Moment { at: Timestamp(wall()), micros }
    }

    fn distrust(&self) -> Option<&'static str> {
        self.steps.distrust(reading())
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
        getrandom::fill(buffer).expect("the operating system gives random bytes, or the server can create no keys");
    }
}
