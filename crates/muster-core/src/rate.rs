//! Budgets of a workspace: a window of the current second and the sixty before it (behaviour.md 1.7).

use crate::limits::RATE_SECONDS;
use crate::settings::RateLimits;
use crate::time::Moment;

/// Class of counted items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Customer elements, and elements that could not be read.
    Users,
    /// Actions.
    Events,
    /// Device elements.
    Devices,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Users, Self::Events, Self::Devices];

    /// Returns its name in `x-ratelimit-resource`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Events => "events",
            Self::Devices => "devices",
        }
    }

    /// Returns the budget of the class; 0 = unlimited.
    pub fn limit(self, limits: RateLimits) -> u32 {
        match self {
            Self::Users => limits.users,
            Self::Events => limits.events,
            Self::Devices => limits.devices,
        }
    }
}

/// Cost of a request, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost(pub [u32; 3]);

impl Cost {
    /// Adds to a class.
    pub fn add(&mut self, class: Class, n: u32) {
        let spent = &mut self.0[class as usize];
        *spent = spent.saturating_add(n);
    }
}

/// Why a request is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateRefusal {
    /// It fits after this many whole seconds, at least one.
    Wait {
        /// Seconds.
        seconds: u32,
    },
    /// It costs more than the whole budget.
    Never {
        /// Budget.
        limit: u32,
    },
}

/// Values of the rate headers, for the scarcest class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Class.
    pub class: Class,
    /// Budget.
    pub limit: u32,
    /// Remaining budget.
    pub remaining: u32,
    /// Seconds until the whole budget is available again.
    pub reset_seconds: u32,
}

/// What was spent in each second of the window.
///
/// ```
/// use muster_core::rate::{Class, Cost, RateRefusal, RateWindow};
/// use muster_core::settings::RateLimits;
/// use muster_core::time::Moment;
///
/// let limits = RateLimits { users: 10, events: 0, devices: 0 };
/// let mut window = RateWindow::default().at(Moment::default());
/// let six_users = Cost([6, 0, 0]);
/// assert_eq!(window.spend(limits, six_users), Ok(()));
/// // The second in which they were spent counts whole.
/// let refused = window.spend(limits, six_users);
/// assert_eq!(refused, Err((Class::Users, RateRefusal::Wait { seconds: 61 })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateWindow {
    /// Newest second of the monotonic clock.
    newest: u64,
    /// What was spent, by age in seconds; 0 is the newest.
    spent: Box<[[u32; 3]; RATE_SECONDS]>,
}

impl Default for RateWindow {
    fn default() -> Self {
        Self { newest: 0, spent: Box::new([[0; 3]; RATE_SECONDS]) }
    }
}

impl RateWindow {
    /// Returns the window of these parts: the newest second, and what was spent by age in seconds.
    pub fn new(newest: u64, spent: [[u32; 3]; RATE_SECONDS]) -> Self {
        Self { newest, spent: Box::new(spent) }
    }

    /// Returns the newest second of the monotonic clock.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Returns what was spent, by age in seconds; 0 is the newest.
    pub fn spent(&self) -> &[[u32; 3]; RATE_SECONDS] {
        &self.spent
    }

    /// Returns the window at a moment of the monotonic clock: jumps of the wall clock change no budget (1.7.d).
    pub fn at(&self, now: Moment) -> Self {
        let mut window = self.clone();
        let second = now.micros / 1_000_000;
        let passed = second.saturating_sub(self.newest);
        if passed > 0 {
            let by = usize::try_from(passed).unwrap_or(RATE_SECONDS).min(RATE_SECONDS);
            window.spent.rotate_right(by % RATE_SECONDS);
            window.spent[..by].fill([0; 3]);
            window.newest = second;
        }
        window
    }

    /// Returns what was spent of a class. The window must be [`RateWindow::at`] now.
    pub fn used(&self, class: Class) -> u32 {
        self.spent.iter().fold(0, |sum, slot| sum.saturating_add(slot[class as usize]))
    }

    /// Spends the cost. The window must be [`RateWindow::at`] now.
    ///
    /// # Errors
    /// The first class whose budget is smaller than the cost, else the class with the longest wait.
    pub fn spend(&mut self, limits: RateLimits, cost: Cost) -> Result<(), (Class, RateRefusal)> {
        let mut wait: Option<(Class, u32)> = None;
        for class in Class::ALL {
            let (limit, cost) = (class.limit(limits), cost.0[class as usize]);
            if limit == 0 || cost == 0 {
                continue;
            }
            if cost > limit {
                return Err((class, RateRefusal::Never { limit }));
            }
            let seconds = self.wait(class, limit - cost);
            if seconds > 0 && wait.is_none_or(|(_, longest)| seconds > longest) {
                wait = Some((class, seconds));
            }
        }
        if let Some((class, seconds)) = wait {
            return Err((class, RateRefusal::Wait { seconds }));
        }
        for (spent, cost) in self.spent[0].iter_mut().zip(cost.0) {
            *spent = spent.saturating_add(cost);
        }
        Ok(())
    }

    /// Returns the seconds until the window holds no more than `allowed` of a class.
    fn wait(&self, class: Class, allowed: u32) -> u32 {
        let mut left = self.used(class);
        let mut seconds = 0;
        for (passed, slot) in (1..).zip(self.spent.iter().rev()) {
            if left <= allowed {
                break;
            }
            left -= slot[class as usize].min(left);
            seconds = passed;
        }
        seconds
    }

    /// Returns the values of the headers; None if every class is unlimited. The window must be [`RateWindow::at`] now.
    pub fn status(&self, limits: RateLimits) -> Option<Status> {
        let of = |class: Class| {
            let limit = class.limit(limits);
            (limit > 0).then(|| Status {
                class,
                limit,
                remaining: limit.saturating_sub(self.used(class)),
                reset_seconds: self.wait(class, 0),
            })
        };
        let share = |s: &Status| u64::from(s.remaining) * 1_000_000 / u64::from(s.limit);
        Class::ALL.into_iter().filter_map(of).min_by_key(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const TEN: RateLimits = RateLimits { users: 10, events: 0, devices: 10 };

    fn at(window: &RateWindow, second: u64) -> RateWindow {
        window.at(Moment { micros: second * 1_000_000, ..Moment::default() })
    }

    // Fails when `at` reads the wall clock.
    #[test]
    fn a_wall_clock_that_jumps_changes_no_budget() {
        let jumped = |second: u64, wall: i64| Moment { at: Timestamp(wall), micros: second * 1_000_000 };
        let mut window = RateWindow::default().at(jumped(100, 0));
        assert_eq!(window.spend(TEN, Cost([6, 0, 0])), Ok(()));
        let ahead = window.at(jumped(101, 315_360_000_000));
        assert_eq!(ahead.used(Class::Users), 6);
        assert_eq!(ahead.at(jumped(161, 0)).used(Class::Users), 0);
    }

    #[test]
    fn a_budget_holds_over_the_running_second_and_the_sixty_before() {
        let mut window = at(&RateWindow::default(), 100);
        assert_eq!(window.spend(TEN, Cost([6, 0, 0])), Ok(()));
        let mut window = at(&window, 130);
        assert_eq!(window.spend(TEN, Cost([4, 0, 0])), Ok(()));
        assert_eq!(window.spend(TEN, Cost([1, 0, 0])), Err((Class::Users, RateRefusal::Wait { seconds: 31 })));
        assert_eq!(window.spend(TEN, Cost([7, 0, 0])), Err((Class::Users, RateRefusal::Wait { seconds: 61 })));
        assert_eq!(at(&window, 160).spend(TEN, Cost([1, 0, 0])), Err((Class::Users, RateRefusal::Wait { seconds: 1 })));
        assert_eq!(at(&window, 161).spend(TEN, Cost([6, 0, 0])), Ok(()));
    }

    #[test]
    fn a_request_is_admitted_whole_or_not_at_all() {
        let mut window = at(&RateWindow::default(), 100);
        let before = window.clone();
        assert_eq!(window.spend(TEN, Cost([1, 9, 11])), Err((Class::Devices, RateRefusal::Never { limit: 10 })));
        assert_eq!(window, before);
    }

    #[test]
    fn the_headers_describe_the_scarcest_class_and_are_absent_if_all_are_unlimited() {
        let mut window = at(&RateWindow::default(), 100);
        window.spend(TEN, Cost([3, 500, 4])).unwrap();
        let want = Status { class: Class::Devices, limit: 10, remaining: 6, reset_seconds: 61 };
        assert_eq!(window.status(TEN), Some(want));
        assert_eq!(window.status(RateLimits { users: 0, events: 0, devices: 0 }), None);
    }
}
