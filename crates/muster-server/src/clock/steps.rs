//! Steps of the wall clock: its distance to a clock that nobody sets. A small step is taken, a large one is distrusted
//! until the wall clock is where it was.

use crate::limits::CLOCK_STEP_MS_MAX;
use std::sync::atomic::{AtomicI64, Ordering};

/// What a process saw of the clock, for the next one of the same boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// Which boot of the machine.
    pub boot: Box<str>,
    /// The wall clock in milliseconds since 1970.
    pub wall: i64,
    /// Milliseconds since the boot.
    pub elapsed: i64,
}

impl ClockReading {
    /// As a line of a file.
    pub fn to_line(&self) -> String {
        format!("{} {} {}\n", self.boot, self.wall, self.elapsed)
    }

    /// Reads such a line.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let boot = words.next()?.into();
        let (wall, elapsed) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { boot, wall, elapsed })
    }
}

/// The distance of the wall clock that is believed.
#[derive(Debug)]
pub(super) struct Steps(AtomicI64);

impl Steps {
    /// From a reading of both clocks, or from what an earlier process saw.
    pub(super) fn since((wall, elapsed): (i64, i64), seen: Option<ClockReading>) -> Self {
        let (wall, elapsed) = seen.map_or((wall, elapsed), |seen| (seen.wall, seen.elapsed));
        Self(AtomicI64::new(wall.saturating_sub(elapsed)))
    }

    /// Returns why the wall clock of a reading cannot be believed.
    pub(super) fn distrust(&self, (wall, elapsed): (i64, i64)) -> Option<&'static str> {
        let distance = wall.saturating_sub(elapsed);
        let step = distance.saturating_sub(self.0.load(Ordering::Acquire));
        if step > CLOCK_STEP_MS_MAX {
            return Some(
                "it was set more than ten minutes ahead: set it right, or if it is right, start with --accept-clock",
            );
        }
        if step < -CLOCK_STEP_MS_MAX {
            return Some(
                "it was set more than ten minutes back: set it right, or if it is right, start with --accept-clock",
            );
        }
        self.0.store(distance, Ordering::Release);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    // Fails when `distrust` takes a large step as the new distance, or no small one.
    #[test]
    fn a_large_step_is_distrusted_until_it_is_taken_back_and_small_ones_are_taken() {
        let steps = Steps::since((1_000 * MINUTE, 5 * MINUTE), None);
        let trusted = |wall: i64, elapsed: i64| steps.distrust((wall * MINUTE, elapsed * MINUTE)).is_none();
        assert!(trusted(1_001, 6), "time passes");
        assert!(trusted(1_010, 6) && trusted(1_019, 6), "nine minutes, twice");
        assert!(!trusted(1_030, 6) && !trusted(1_000_000, 7) && !trusted(1_008, 7));
        assert!(trusted(1_020, 7), "it is right again");
        assert!(trusted(11_020, 10_007), "the machine slept, and both clocks continued");
    }

    // Fails when `since` does not take what was seen.
    #[test]
    fn a_step_between_two_processes_of_one_boot_is_distrusted() {
        let seen = ClockReading { boot: "b".into(), wall: 1_000 * MINUTE, elapsed: 5 * MINUTE };
        assert_eq!(ClockReading::parse(&seen.to_line()), Some(seen.clone()));
        let steps = Steps::since((9_000 * MINUTE, 65 * MINUTE), Some(seen));
        assert!(steps.distrust((9_000 * MINUTE, 65 * MINUTE)).is_some());
        assert!(steps.distrust((1_060 * MINUTE, 65 * MINUTE)).is_none());
    }
}
