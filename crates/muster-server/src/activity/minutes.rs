//! The last sixty minutes of a workspace: a ring that takes the time as an argument, so that it can be tried without a
//! clock. A minute without requests costs only its place.

use crate::limits::{ACTIVITY_MINUTES, RATE_SECONDS};
use muster_core::time::Timestamp;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;
/// Parts of each doubling of a duration: a quantile is reported at most a quarter too long.
const PARTS: usize = 4;
/// Counters of durations: up to 2^27 microseconds (over two minutes, longer than any request may take).
const BUCKETS: usize = 104;

/// What an answered request counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestSample {
    /// The status of its answer.
    pub(crate) status: u16,
    /// Elements that were applied or known before.
    pub(crate) accepted: u32,
    /// Elements that went into quarantine.
    pub(crate) rejected: u32,
    /// Actions that were stored.
    pub(crate) events: u32,
    /// Microseconds from the head of the request to its answer.
    pub(crate) duration_us: u64,
}

/// The figures of one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MinuteFigures {
    /// When it began.
    pub(crate) at: Timestamp,
    /// Requests by the first digit of their status, 1xx to 5xx.
    pub(crate) by_class: [u32; 5],
    /// Elements that were applied or known before.
    pub(crate) accepted: u32,
    /// Elements that went into quarantine.
    pub(crate) rejected: u32,
    /// Actions that were stored.
    pub(crate) events: u32,
    /// Requests answered 429.
    pub(crate) limited: u32,
    /// Half of the requests took no longer, in microseconds; None without requests.
    pub(crate) p50_us: Option<u64>,
    /// All but one in a hundred took no longer.
    pub(crate) p99_us: Option<u64>,
}

impl MinuteFigures {
    /// Returns all requests.
    pub(crate) fn requests(&self) -> u32 {
        self.by_class.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

#[derive(Clone, Debug)]
struct Minute {
    /// Minutes since 1970.
    no: i64,
    counted: MinuteFigures,
    durations: [u32; BUCKETS],
}

/// The ring.
#[derive(Clone, Debug, Default)]
pub(crate) struct Minutes {
    /// A place for each minute, by its number; made with the first request.
    ring: Vec<Option<Box<Minute>>>,
    /// The number of requests of each of the last seconds, with the second.
    seconds: [(i64, u32); RATE_SECONDS],
    /// When the latest request was answered.
    last: Option<Timestamp>,
}

/// Returns the index of a number in a ring of `places` entries.
fn place(no: i64, places: usize) -> usize {
    usize::try_from(no.rem_euclid(places as i64)).unwrap_or_default()
}

impl Minutes {
    /// Counts a request that was answered at this time. A time so far before another that its place is taken is not
    /// counted: that minute is not shown any more.
    pub(crate) fn note(&mut self, at: Timestamp, sample: &RequestSample) {
        self.last = self.last.max(Some(at));
        let second = at.0.div_euclid(1_000);
        let slot = &mut self.seconds[place(second, RATE_SECONDS)];
        if slot.0 < second {
            *slot = (second, 0);
        }
        if slot.0 == second {
            slot.1 = slot.1.saturating_add(1);
        }
        if self.ring.is_empty() {
            self.ring.resize_with(ACTIVITY_MINUTES, || None);
        }
        let no = at.0.div_euclid(MINUTE_MS);
        let slot = &mut self.ring[place(no, ACTIVITY_MINUTES)];
        if slot.as_ref().is_some_and(|minute| minute.no > no) {
            return;
        }
        let new_minute = || Box::new(Minute { no, counted: MinuteFigures::default(), durations: [0; BUCKETS] });
        let minute = slot.get_or_insert_with(new_minute);
        if minute.no != no {
            **minute = *new_minute();
        }
        minute.count(sample);
    }

    /// Returns the last sixty minutes, the oldest first, the running one last.
    pub(crate) fn figures(&self, now: Timestamp) -> Vec<MinuteFigures> {
        let newest = now.0.div_euclid(MINUTE_MS);
        let of = |no: i64| {
            let found = self.ring.get(place(no, ACTIVITY_MINUTES)).and_then(Option::as_ref);
            let figures = found.filter(|minute| minute.no == no).map(|minute| minute.figures()).unwrap_or_default();
            MinuteFigures { at: Timestamp(no * MINUTE_MS), ..figures }
        };
        (newest + 1 - ACTIVITY_MINUTES as i64..=newest).map(of).collect()
    }

    /// Requests answered in the running second and those before it, [`RATE_SECONDS`] in all.
    pub(crate) fn recent(&self, now: Timestamp) -> u32 {
        let newest = now.0.div_euclid(1_000);
        let oldest = newest + 1 - RATE_SECONDS as i64;
        let recent = self.seconds.iter().filter(|(second, _)| (oldest..=newest).contains(second));
        recent.fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// When the latest request was answered.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.last
    }
}

impl Minute {
    fn count(&mut self, sample: &RequestSample) {
        let counted = &mut self.counted;
        let class = usize::from((sample.status / 100).clamp(1, 5)) - 1;
        let add = |sum: &mut u32, n: u32| *sum = sum.saturating_add(n);
        add(&mut counted.by_class[class], 1);
        add(&mut counted.accepted, sample.accepted);
        add(&mut counted.rejected, sample.rejected);
        add(&mut counted.events, sample.events);
        add(&mut counted.limited, u32::from(sample.status == 429));
        add(&mut self.durations[bucket(sample.duration_us)], 1);
    }

    fn figures(&self) -> MinuteFigures {
        let quantile = |in_a_hundred| quantile(&self.durations, in_a_hundred);
        MinuteFigures { p50_us: quantile(50), p99_us: quantile(99), ..self.counted }
    }
}

/// Returns the counter of a duration: exact below [`PARTS`], then [`PARTS`] to each doubling.
fn bucket(us: u64) -> usize {
    let us = us.min((1 << 27) - 1);
    if us < PARTS as u64 {
        return usize::try_from(us).unwrap_or_default();
    }
    let doubling = us.ilog2();
    let part = (us >> (doubling - 2)) & (PARTS as u64 - 1);
    (doubling as usize - 1) * PARTS + usize::try_from(part).unwrap_or_default()
}

/// Returns the longest duration that a counter counts.
fn longest(bucket: usize) -> u64 {
    if bucket < PARTS {
        return bucket as u64;
    }
    let (doubling, part) = (bucket / PARTS + 1, bucket % PARTS);
    ((PARTS + part + 1) as u64) * (1 << (doubling - 2)) - 1
}

fn quantile(durations: &[u32; BUCKETS], in_a_hundred: u64) -> Option<u64> {
    let all: u64 = durations.iter().map(|n| u64::from(*n)).sum();
    let wanted = (all * in_a_hundred).div_ceil(100).max(1);
    let mut passed = 0;
    let found = durations.iter().position(|n| {
        passed += u64::from(*n);
        passed >= wanted
    });
    found.map(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random numbers that are the same in each run (xorshift).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, n: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % n
        }
    }

    /// Returns the minute that begins at `at`, from a list of all that was ever noted.
    fn naive(noted: &[(Timestamp, RequestSample)], at: Timestamp) -> (MinuteFigures, Vec<u64>) {
        let within: Vec<&RequestSample> =
            noted.iter().filter(|(when, _)| (at.0..at.0 + 60_000).contains(&when.0)).map(|(_, a)| a).collect();
        let mut figures = MinuteFigures { at, ..MinuteFigures::default() };
        for sample in &within {
            figures.by_class[usize::from(sample.status / 100) - 1] += 1;
            figures.accepted += sample.accepted;
            figures.rejected += sample.rejected;
            figures.events += sample.events;
            figures.limited += u32::from(sample.status == 429);
        }
        let mut durations: Vec<u64> = within.iter().map(|a| a.duration_us).collect();
        durations.sort_unstable();
        (figures, durations)
    }

    // Fails when `note` does not empty the place of an older minute, when `figures` leaves out `minute.no == no`, or when
    // the window of `recent` is a second longer.
    #[test]
    fn the_ring_tells_what_a_list_of_all_requests_tells_also_of_times_that_go_back() {
        for seed in 1..200 {
            let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
            let (mut ring, mut noted, mut now) = (Minutes::default(), Vec::new(), 1_767_571_200_000_i64);
            for _ in 0..dice.below(400) {
                now += [0, 700, 20_000, 1_300_000, 4_000_000][dice.below(5) as usize];
                let at = Timestamp(now - [0, 0, 900, 50_000, 5_000_000][dice.below(5) as usize]);
                let digits = dice.below(27);
                let sample = RequestSample {
                    status: [200, 400, 429, 503][dice.below(4) as usize],
                    accepted: dice.below(3) as u32,
                    rejected: dice.below(3) as u32,
                    events: dice.below(9) as u32,
                    duration_us: dice.below(1 << digits),
                };
                ring.note(at, &sample);
                noted.push((at, sample));
            }
            let now = Timestamp(now + dice.below(200_000) as i64);
            assert_eq!(ring.last(), noted.iter().map(|(at, _)| *at).max());
            let recent = noted.iter().filter(|(at, _)| at.0 / 1_000 > now.0 / 1_000 - 10).count();
            assert_eq!(ring.recent(now), recent as u32, "seed {seed}");
            let figures = ring.figures(now);
            assert_eq!((figures.len(), figures[59].at.0), (60, now.0 / 60_000 * 60_000));
            for minute in figures {
                let (want, durations) = naive(&noted, minute.at);
                assert_eq!(MinuteFigures { p50_us: None, p99_us: None, ..minute }, want, "seed {seed}");
                for (reported, in_a_hundred) in [(minute.p50_us, 50), (minute.p99_us, 99)] {
                    let rank = (durations.len() * in_a_hundred).div_ceil(100);
                    let Some(exact) = rank.checked_sub(1).map(|at| durations[at]) else {
                        assert_eq!(reported, None);
                        continue;
                    };
                    let reported = reported.unwrap();
                    assert!(
                        exact <= reported && reported <= exact + exact / 4,
                        "seed {seed}: {exact} is reported as {reported}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_duration_beyond_the_last_counter_counts_in_the_last() {
        assert_eq!((bucket(u64::MAX), longest(BUCKETS - 1)), (BUCKETS - 1, (1 << 27) - 1));
    }
}
