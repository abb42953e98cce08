//! Time zones: the offset from UTC at an instant or at a local time (behaviour.md 2, FACTS 7). The zone of a workspace
//! is one of its settings.

use jiff::tz::{AmbiguousOffset, TimeZone};
use muster_core::time::{Date, Timestamp};

/// A time zone with its rules. Cheap to clone.
///
/// ```
/// use muster_core::time::Timestamp;
/// use muster_wire::zone::Zone;
///
/// let kolkata = Zone::from_name("Asia/Kolkata").expect("a zone");
/// assert_eq!(kolkata.offset_at(Timestamp(0)), 19_800);
/// assert_eq!(Zone::from_name("Asia/Atlantis"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// Returns the zone of an IANA name, such as `Asia/Kolkata`; None if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().map(Self)
    }

    /// Returns the offset from UTC at an instant, in seconds.
    pub fn offset_at(&self, at: Timestamp) -> i32 {
        self.0.to_offset(instant(at.0)).seconds()
    }

    /// Returns the offset from UTC of a date, in seconds: at its instant, or at its local time. Of a local time that
    /// occurs twice, when clocks are set back, the first occurrence counts; one that is skipped, when they are set
    /// forward, has the offset from before.
    pub fn offset_of(&self, date: Date) -> i32 {
        let local = match date {
            Date::Zoned(at) => return self.offset_at(at),
            Date::Local(local) => TimeZone::UTC.to_datetime(instant(local)),
        };
        match self.0.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.seconds(),
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before.seconds(),
        }
    }
}

/// Returns milliseconds as an instant, limited to the calendar.
fn instant(millis: i64) -> jiff::Timestamp {
    let end = if millis < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_millisecond(millis).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_that_of_the_time_it_is_asked_for() {
        let berlin = Zone::from_name("Europe/Berlin").expect("a zone");
        let at = |text| Date::parse(text).expect("a date");
        for (text, want) in [
            ("2026-01-05T12:00:00", 3_600),
            ("2026-07-01T12:00:00", 7_200),
            ("2026-07-01T12:00:00Z", 7_200),
            ("2026-03-29T01:59:59", 3_600),
            ("2026-03-29T01:00:00Z", 7_200),
            // Skipped: 02:30 is an hour and a half after 01:00, which is what clocks then call 03:30.
            ("2026-03-29T02:30:00", 3_600),
            // Twice: the first is of summer time.
            ("2026-10-25T02:30:00", 7_200),
            ("2026-10-25T03:00:00", 3_600),
        ] {
            assert_eq!(berlin.offset_of(at(text)), want, "{text}");
        }
        for millis in [i64::MIN, i64::MAX] {
            assert_eq!(Zone::UTC.offset_at(Timestamp(millis)), 0);
            assert_eq!(berlin.offset_of(Date::Local(millis)) / 7_201, 0, "beyond the calendar");
        }
        assert_eq!(Zone::from_name("Mars/Olympus"), None);
    }
}
