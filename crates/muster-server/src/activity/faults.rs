//! Counts the faults of a workspace by type, for the last hour and the hour before.

use crate::limits::{ACTIVITY_MINUTES, FAULT_TYPES_MAX};
use muster_core::id::RequestNo;
use muster_core::time::Timestamp;

/// Minutes that are kept: two hours.
const KEPT: usize = 2 * ACTIVITY_MINUTES;
/// What counts the faults of types that have no place of their own.
pub(crate) const OTHER: &str = "other";

/// The figures of one type of fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FaultFigures {
    /// Its type, as the answers and the log spell it.
    pub(crate) name: &'static str,
    /// How many in the last hour.
    pub(crate) count: u64,
    /// How many in the hour before.
    pub(crate) earlier: u64,
    /// When the latest came.
    pub(crate) last_at: Timestamp,
    /// The request of the latest.
    pub(crate) request: RequestNo,
}

#[derive(Clone, Debug)]
struct FaultCount {
    name: &'static str,
    /// Counts by minute, each with the minute's number, in its place of the ring.
    minutes: Box<[(i64, u32); KEPT]>,
    last_at: Timestamp,
    request: RequestNo,
}

/// Counts by type.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultCounts {
    types: Vec<FaultCount>,
}

impl FaultCounts {
    /// Counts `count` faults of a type, for a request that was answered at this time.
    pub(crate) fn note(&mut self, at: Timestamp, request: RequestNo, name: &'static str, count: u32) {
        let known = self.types.iter().position(|of| of.name == name);
        let name = if known.is_none() && self.types.len() >= FAULT_TYPES_MAX { OTHER } else { name };
        let place = known.or_else(|| self.types.iter().position(|of| of.name == name)).unwrap_or_else(|| {
            self.types.push(FaultCount { name, minutes: Box::new([(i64::MIN, 0); KEPT]), last_at: at, request });
            self.types.len() - 1
        });
        let of = &mut self.types[place];
        if at >= of.last_at {
            (of.last_at, of.request) = (at, request);
        }
        let minute = minute(at);
        let slot = &mut of.minutes[usize::try_from(minute.rem_euclid(KEPT as i64)).unwrap_or_default()];
        if slot.0 < minute {
            *slot = (minute, 0);
        }
        if slot.0 == minute {
            slot.1 = slot.1.saturating_add(count);
        }
    }

    /// Returns the types of the last hour, the most frequent first.
    pub(crate) fn figures(&self, now: Timestamp) -> Vec<FaultFigures> {
        let newest = minute(now);
        let hour = ACTIVITY_MINUTES as i64;
        let sum = |of: &FaultCount, until: i64| {
            let within = of.minutes.iter().filter(|(minute, _)| (until + 1 - hour..=until).contains(minute));
            within.map(|(_, count)| u64::from(*count)).sum()
        };
        let reported = |of: &FaultCount| FaultFigures {
            name: of.name,
            count: sum(of, newest),
            earlier: sum(of, newest - hour),
            last_at: of.last_at,
            request: of.request,
        };
        let mut figures: Vec<FaultFigures> = self.types.iter().map(reported).filter(|of| of.count > 0).collect();
        figures.sort_by(|a, b| b.count.cmp(&a.count).then(a.name.cmp(b.name)));
        figures
    }
}

fn minute(at: Timestamp) -> i64 {
    at.0.div_euclid(60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp(minute * 60_000 + 5)
    }

    // Fails when `figures` counts `until - hour..=until`, an hour and a minute.
    #[test]
    fn a_fault_counts_for_an_hour_then_as_earlier_for_an_hour_then_no_more() {
        let mut faults = FaultCounts::default();
        faults.note(at(1_000), RequestNo(7), "A", 3);
        faults.note(at(1_030), RequestNo(8), "A", 1);
        faults.note(at(1_030), RequestNo(8), "B", 9);
        let reported = |now| -> Vec<(&str, u64, u64)> {
            faults.figures(at(now)).iter().map(|of| (of.name, of.count, of.earlier)).collect()
        };
        assert_eq!(reported(1_059), [("B", 9, 0), ("A", 4, 0)]);
        assert_eq!(reported(1_060), [("B", 9, 0), ("A", 1, 3)]);
        assert_eq!(reported(1_090), []);
        let a = FaultFigures { name: "A", count: 4, earlier: 0, last_at: at(1_030), request: RequestNo(8) };
        assert_eq!(faults.figures(at(1_059))[1], a);
    }

    // Fails without the comparison with `FAULT_TYPES_MAX`.
    #[test]
    fn types_beyond_the_bound_are_counted_together() {
        let mut faults = FaultCounts::default();
        let names: Vec<&'static str> = (0..FAULT_TYPES_MAX + 2).map(|n| &*format!("t{n:03}").leak()).collect();
        for name in &names {
            faults.note(at(1), RequestNo(1), name, 1);
            faults.note(at(1), RequestNo(1), names[0], 1);
        }
        let figures = faults.figures(at(1));
        assert_eq!(figures.len(), FAULT_TYPES_MAX + 1);
        assert_eq!(figures.iter().find(|of| of.name == OTHER).map(|of| of.count), Some(2));
        assert_eq!((figures[0].name, figures[0].count), ("t000", FAULT_TYPES_MAX as u64 + 3));
    }
}
