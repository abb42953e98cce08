//! Instants in whole milliseconds, and the date formats of the API (FACTS 6.1, 7). The clock is read elsewhere.

use std::fmt;

/// Instant in whole milliseconds since 1970-01-01T00:00:00Z; negative before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// Current time as a decision sees it: the instant, and a monotonic reading for durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Moment {
    /// Instant; never goes backwards within a workspace.
    pub at: Timestamp,
    /// Microseconds of a monotonic clock with an arbitrary start; only differences have a meaning.
    pub micros: u64,
}

/// Source of the time for engines and the server.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Moment;

    /// Returns why nothing may be stored under instants of this clock now; None if they can be trusted.
    fn distrust(&self) -> Option<&'static str> {
        None
    }
}

/// Parsed date of the API (FACTS 6.1): an instant, or a local time without a zone.
///
/// ```
/// use muster_core::time::{Date, Timestamp};
///
/// assert_eq!(Date::parse("1970-01-01T00:00:01Z"), Some(Date::Zoned(Timestamp(1_000))));
/// // A local time needs an offset to be an instant; this one is that of India.
/// let local = Date::parse("1970-01-01T05:30").expect("a date");
/// assert_eq!(local.instant(19_800), Timestamp(0));
/// assert_eq!(Date::parse("1970-02-30"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Date {
    /// With `Z` or an offset: an instant.
    Zoned(Timestamp),
    /// Without a zone: milliseconds of the local clock, as if it were UTC.
    Local(i64),
}

impl Date {
    /// Parses `YYYY-MM-DD` or `YYYY-MM-DD[T ]HH:mm[:ss[.fraction]][Z|±HH[:]MM]`; None if the string does not have this
    /// form or the date does not exist. Fractions beyond milliseconds are truncated. Second 60 is not accepted.
    pub fn parse(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        if b.len() < 10 || b.len() > 40 || b[4] != b'-' || b[7] != b'-' {
            return None;
        }
        let (year, month, day) = (digits(&b[0..4])?, digits(&b[5..7])?, digits(&b[8..10])?);
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        let midnight = days_from_civil(year, month, day) * 86_400_000;
        if b.len() == 10 {
            return Some(Self::Local(midnight));
        }
        if !matches!(b[10], b'T' | b't' | b' ') {
            return None;
        }
        let (clock, rest) = time_of_day(&b[11..])?;
        let local = midnight + clock;
        match rest {
            [] => Some(Self::Local(local)),
            [b'Z' | b'z'] => Some(Self::Zoned(Timestamp(local))),
            _ => Some(Self::Zoned(Timestamp(local - offset(rest)? * 60_000))),
        }
    }

    /// Returns the instant; a local time is taken with the given offset from UTC in seconds.
    pub fn instant(self, offset_seconds: i32) -> Timestamp {
        match self {
            Self::Zoned(at) => at,
            Self::Local(local) => Timestamp(local - i64::from(offset_seconds) * 1_000),
        }
    }
}

fn digits(b: &[u8]) -> Option<i64> {
    b.iter().try_fold(0, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
}

/// Parses `HH:mm[:ss[.fraction]]` to milliseconds, and returns the rest.
fn time_of_day(b: &[u8]) -> Option<(i64, &[u8])> {
    if b.len() < 5 || b[2] != b':' {
        return None;
    }
    let (hour, minute) = (digits(&b[0..2])?, digits(&b[3..5])?);
    let (mut second, mut millis, mut rest) = (0, 0, &b[5..]);
    if let [b':', s1, s2, more @ ..] = rest {
        (second, rest) = (digits(&[*s1, *s2])?, more);
        if let [b'.' | b',', fraction @ ..] = rest {
            let len = fraction.iter().take_while(|d| d.is_ascii_digit()).count();
            if len == 0 || len > 9 {
                return None;
            }
            let (digits_of, after) = fraction.split_at(len);
            let padded = digits_of.iter().chain(b"00").take(3);
            millis = padded.fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0'));
            rest = after;
        }
    }
    (hour < 24 && minute < 60 && second < 60).then_some((((hour * 60 + minute) * 60 + second) * 1_000 + millis, rest))
}

/// Parses `±HH:MM`, `±HHMM` or `±HH` to minutes.
fn offset(b: &[u8]) -> Option<i64> {
    let sign = match b.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match &b[1..] {
        [a, b] => (digits(&[*a, *b])?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (digits(&[*a, *b])?, digits(&[*c, *d])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// Writes milliseconds of a clock as `YYYY-MM-DDTHH:mm:ss.mmm`, without a zone.
pub fn write_clock(f: &mut impl fmt::Write, millis: i64) -> fmt::Result {
    let (days, ms) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil_from_days(days);
    let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}")
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds: `2026-01-05T00:00:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_clock(f, self.0)?;
        f.write_str("Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_the_api_are_read_and_others_are_not() {
        let zoned = |ms| Some(Date::Zoned(Timestamp(ms)));
        for (text, want) in [
            ("2026-01-05", Some(Date::Local(1_767_571_200_000))),
            ("2026-01-05T00:00:00Z", zoned(1_767_571_200_000)),
            ("2026-01-05T05:30:00.25+05:30", zoned(1_767_571_200_250)),
            ("2026-01-05 01:02:03", Some(Date::Local(1_767_574_923_000))),
            ("2024-02-29", Some(Date::Local(1_709_164_800_000))),
            ("1969-12-31T23:59:59.999Z", zoned(-1)),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-01-05T24:00:00Z", None),
            ("2026-01-05T00:00:00 Z", None),
            ("20260105", None),
            ("2026-01-05T00:00:00+5", None),
        ] {
            assert_eq!(Date::parse(text), want, "{text}");
        }
    }

    #[test]
    fn an_instant_is_written_as_it_is_read() {
        for ms in [0, -1, 1_767_571_200_250, 951_782_399_999, -62_135_596_800_000, 253_402_300_799_999] {
            assert_eq!(Date::parse(&Timestamp(ms).to_string()), Some(Date::Zoned(Timestamp(ms))), "{ms}");
        }
    }
}
