//! Reads times and offsets (FACTS 7, FACTS 11 rows 9 and 11, clients.md 4.4; behaviour.md 2.ua and 2.ub). Dates as
//! programming languages print them are in `printed`.

mod printed;

use crate::json::{Json, Node, Number, is_number, number};
use crate::notices::Notices;
use crate::path::Path;
use muster_core::time::{Date, Timestamp};
use muster_core::warning::Code;

/// Numbers from here on are milliseconds, smaller ones seconds.
const MILLISECONDS_FROM: u64 = 100_000_000_000;
/// Numbers from here on are microseconds.
const MICROSECONDS_FROM: u64 = 100_000_000_000_000;
/// Numbers from here on are nanoseconds.
const NANOSECONDS_FROM: u64 = 100_000_000_000_000_000;
/// The year 0, in milliseconds: earlier dates cannot be written in the API.
const EARLIEST: i64 = -62_167_219_200_000;
/// The year 2, in milliseconds: the two years before it contain the zero times of programming languages.
const YEAR_2: i64 = -62_104_060_800_000;
/// The year 275760, in milliseconds: the latest date of some programming languages.
const LATEST: i64 = 8_640_000_000_000_000;
/// Beginning of the zero dates of SQL, which no calendar has.
const ZERO_DATE: &str = "0000-00-00";
/// Largest offset from UTC, in seconds, either way (FACTS 4).
const OFFSET_MAX: f64 = 54_000.0;

/// Result of reading a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// In a documented form.
    Documented(Date),
    /// In another unambiguous form (behaviour.md 2.ua).
    Interpreted(Date),
    /// A zero time, which counts as missing (behaviour.md 2.ub).
    Zero,
    /// Not a time.
    Unreadable,
}

/// Reads a time: an epoch as number or string, or a date. None if it is missing, null or empty, or, with a warning,
/// zero or unreadable.
pub(super) fn time(parent: &Node, name: &str, at: &Path, notices: &mut Notices) -> Option<Date> {
    value(parent.some(name)?, name, &at.name(name), notices)
}

/// Reads a value like [`time`].
pub(super) fn value(value: &Node, name: &str, at: &Path, notices: &mut Notices) -> Option<Date> {
    let (read, given) = match &value.json {
        Json::Text(text) if text.trim().is_empty() => return None,
        Json::Text(text) => (of_text(text.trim()), &**text),
        Json::Number(text) => (epoch(text), *text),
        Json::Boolean(true) => (Read::Unreadable, "true"),
        Json::Boolean(false) => (Read::Unreadable, "false"),
        Json::Null => (Read::Unreadable, "null"),
        Json::Array(_) => (Read::Unreadable, "[...]"),
        Json::Object(_) => (Read::Unreadable, "{...}"),
    };
    match read {
        Read::Documented(date) => return Some(date),
        Read::Interpreted(date) => {
            notices.add(Code::TimeInterpreted, name, at);
            return Some(date);
        }
        Read::Zero => notices.add(Code::TimeZero, name, at),
        Read::Unreadable => notices.add_given(Code::TimeUnreadable, name, at, Some(given)),
    }
    None
}

fn of_text(text: &str) -> Read {
    if let Some(day) = eight_digits(text) {
        return day.map_or(Read::Unreadable, Read::Interpreted);
    }
    if is_number(text) {
        return epoch(text);
    }
    let read = match Date::parse(text) {
        Some(date) => Read::Documented(date),
        None if text.starts_with(ZERO_DATE) => Read::Zero,
        None => printed::date(text).map_or(Read::Unreadable, Read::Interpreted),
    };
    match read {
        Read::Documented(date) | Read::Interpreted(date) if is_zero(date) => Read::Zero,
        read => read,
    }
}

fn is_zero(date: Date) -> bool {
    let (Date::Zoned(Timestamp(millis)) | Date::Local(millis)) = date;
    millis < YEAR_2
}

/// Reads a number of eight digits as a day without its dashes. None if it is an ordinary number, `Some(None)` if the
/// calendar has no such day.
fn eight_digits(text: &str) -> Option<Option<Date>> {
    let is_day =
        text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) && ("19000101"..="21001231").contains(&text);
    is_day.then(|| Date::parse(&format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])))
}

/// Reads the text of a number by its size (behaviour.md 2.ua).
fn epoch(text: &str) -> Read {
    let (millis, is_documented) = match number(text) {
        Number::Integer(n) => milliseconds_of_integer(n),
        Number::Float(n) | Number::Rounded(n) => milliseconds_of_float(n),
        Number::Overflow => return Read::Unreadable,
    };
    if !(EARLIEST..=LATEST).contains(&millis) {
        return Read::Unreadable;
    }
    let date = Date::Zoned(Timestamp(millis));
    match is_documented {
        // Times are whole milliseconds (behaviour.md 2.q): a fraction of one is 0, too.
        _ if millis == 0 || is_zero(date) => Read::Zero,
        true => Read::Documented(date),
        false => Read::Interpreted(date),
    }
}

/// Returns milliseconds, and whether the documentation has the unit.
fn milliseconds_of_integer(n: i64) -> (i64, bool) {
    match n.unsigned_abs() {
        0..MILLISECONDS_FROM => (n * 1_000, true),
        MILLISECONDS_FROM..MICROSECONDS_FROM => (n, true),
        MICROSECONDS_FROM..NANOSECONDS_FROM => (n.div_euclid(1_000), false),
        _ => (n.div_euclid(1_000_000), false),
    }
}

/// The same for a number with a fraction, or one beyond 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "what is beyond 64 bits becomes their end, which is out of range")]
fn milliseconds_of_float(n: f64) -> (i64, bool) {
    let (millis, is_documented) = match n.abs() as u64 {
        0..MILLISECONDS_FROM => ((n * 1_000.0).round(), true),
        MILLISECONDS_FROM..MICROSECONDS_FROM => (n, true),
        MICROSECONDS_FROM..NANOSECONDS_FROM => (n / 1e3, false),
        _ => (n / 1e6, false),
    };
    (millis.floor() as i64, is_documented)
}

/// Reads `user_timezone_offset` in whole seconds. None if it is missing, null, empty, or ignored with a warning.
#[expect(clippy::cast_possible_truncation, reason = "the bounds are far within 32 bits")]
#[expect(clippy::cast_precision_loss, reason = "what is in bounds is exact")]
pub(super) fn offset(parent: &Node, at: &Path, notices: &mut Notices) -> Option<i32> {
    const NAME: &str = "user_timezone_offset";
    let text = match &parent.some(NAME)?.json {
        Json::Number(text) => Some(*text),
        Json::Text(text) if text.trim().is_empty() => return None,
        Json::Text(text) => Some(text.trim()),
        _ => None,
    };
    let text = text.map(|t| t.strip_prefix('+').unwrap_or(t)).filter(|t| is_number(t));
    let seconds = text.and_then(|text| match number(text) {
        Number::Integer(n) => Some(n as f64),
        Number::Float(n) => Some(n),
        _ => None,
    });
    let seconds = seconds.filter(|s| s.abs() <= OFFSET_MAX).map(|s| s as i32);
    if seconds.is_none() {
        notices.add(Code::OffsetIgnored, NAME, &at.name(NAME));
    }
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn read(json: &str) -> (Option<Date>, Vec<Code>) {
        let document = parse(json.as_bytes()).expect("it is JSON");
        let mut notices = Notices::default();
        let read = value(&document.root, "t", &Path::ROOT, &mut notices);
        (read, notices.warnings.0.iter().map(|warning| warning.code).collect())
    }

    fn at(millis: i64) -> Option<Date> {
        Some(Date::Zoned(Timestamp(millis)))
    }

    /// FACTS 11 row 9; behaviour.md 2.ua. Fails when a bound of `milliseconds_of_integer` or `milliseconds_of_float` moves by a digit.
    #[test]
    fn a_number_is_an_epoch_in_the_unit_of_its_size_as_number_or_text() {
        let millis = 1_788_000_000_123;
        for (json, want, codes) in [
            ("1788000000", at(1_788_000_000_000), vec![]),
            ("\"1788000000\"", at(1_788_000_000_000), vec![]),
            ("1788000000123", at(millis), vec![]),
            ("\" 1788000000123 \"", at(millis), vec![]),
            ("1788000000.5", at(1_788_000_000_500), vec![]),
            ("-86400", at(-86_400_000), vec![]),
            ("99999999999", at(99_999_999_999_000), vec![]),
            ("99999999999999", at(99_999_999_999_999), vec![]),
            ("1788000000123456", at(millis), vec![Code::TimeInterpreted]),
            ("1788000000123456.7", at(millis), vec![Code::TimeInterpreted]),
            ("99999999999999999", at(99_999_999_999_999), vec![Code::TimeInterpreted]),
            ("\"1788000000123456789\"", at(millis), vec![Code::TimeInterpreted]),
            ("100000000000", at(100_000_000_000), vec![]),
            ("100000000000000", at(100_000_000_000), vec![Code::TimeInterpreted]),
            ("100000000000000000", at(100_000_000_000), vec![Code::TimeInterpreted]),
            ("1e11", at(100_000_000_000), vec![]),
            ("1e14", at(100_000_000_000), vec![Code::TimeInterpreted]),
            ("1e17", at(100_000_000_000), vec![Code::TimeInterpreted]),
            ("-1e15", at(-1_000_000_000_000), vec![Code::TimeInterpreted]),
            ("true", None, vec![Code::TimeUnreadable]),
            ("1e400", None, vec![Code::TimeUnreadable]),
            ("1e300", None, vec![Code::TimeUnreadable]),
        ] {
            assert_eq!(read(json), (want, codes), "{json}");
        }
    }

    /// behaviour.md 2.ua. Fails when eight digits are a number before they are a day, or beyond their range.
    #[test]
    fn a_text_is_a_date_or_eight_digits_of_one() {
        let day = Some(Date::Local(1_767_571_200_000));
        for (json, want, codes) in [
            ("\"2026-01-05T00:00:00Z\"", at(1_767_571_200_000), vec![]),
            ("\"2026-01-05\"", day, vec![]),
            ("\"\"", None, vec![]),
            ("\"20260105\"", day, vec![Code::TimeInterpreted]),
            ("20260105", at(20_260_105_000), vec![]),
            ("\"20261305\"", None, vec![Code::TimeUnreadable]),
            ("\"18991231\"", at(18_991_231_000), vec![]),
            ("\"21010101\"", at(21_010_101_000), vec![]),
            ("\"Thu Mar 24 2016 17:46:45 GMT+0000 (UTC)\"", at(1_458_841_605_000), vec![Code::TimeInterpreted]),
            ("\"tomorrow\"", None, vec![Code::TimeUnreadable]),
        ] {
            assert_eq!(read(json), (want, codes), "{json}");
        }
    }

    /// behaviour.md 2.ub. Fails when `is_zero` looks at the year 1 alone, or at strings alone, or `epoch` at the number before it
    /// is whole milliseconds.
    #[test]
    fn a_zero_time_is_none() {
        for json in [
            "0",
            "\"0\"",
            "-0.0",
            "0.0001",
            "\"-0.0004\"",
            "1e-300",
            "-62135596800",
            "-62135596800000",
            "\"0001-01-01T00:00:00Z\"",
            "\"0001-12-31T23:59:59Z\"",
            "\"0001-01-01T00:00:00\"",
            "\"0001-01-01T00:00:00+05:30\"",
            "\"0000-12-31T23:59:59Z\"",
            "\"0000-00-00 00:00:00\"",
            "\"0000-00-00\"",
            "\"0001-01-01 00:00:00 +0000 UTC\"",
        ] {
            assert_eq!(read(json), (None, vec![Code::TimeZero]), "{json}");
        }
        assert_eq!(read("\"0002-01-01T00:00:00Z\""), (at(YEAR_2), vec![]));
        assert_eq!(read("0.001"), (at(1), vec![]));
        assert_eq!(read("\"1970-01-01T00:00:00Z\""), (at(0), vec![]), "an instant that somebody wrote out");
        assert_eq!(read("-62167219200001"), (None, vec![Code::TimeUnreadable]));
    }

    /// behaviour.md 2.ub: the text goes with the warning, for the log.
    #[test]
    fn what_cannot_be_read_is_kept_with_its_warning() {
        let given = |json: &str| {
            let document = parse(json.as_bytes()).expect("it is JSON");
            let mut notices = Notices::default();
            let _none = value(&document.root, "t", &Path::ROOT, &mut notices);
            notices.warnings.0.remove(0).given
        };
        assert_eq!(given("\" half past nine\"").as_deref(), Some(" half past nine"));
        assert_eq!(given("1e400").as_deref(), Some("1e400"));
        assert_eq!(given("true").as_deref(), Some("true"));
        assert_eq!(given("0"), None, "it could be read");
    }

    /// FACTS 11 row 11.
    #[test]
    fn an_offset_out_of_range_is_ignored() {
        for (json, want, warnings) in [
            ("19800", Some(19_800), 0),
            ("\"-12600\"", Some(-12_600), 0),
            ("-54000", Some(-54_000), 0),
            ("54001", None, 1),
            ("\"\"", None, 0),
            ("null", None, 0),
            ("\"IST\"", None, 1),
            ("[]", None, 1),
        ] {
            let body = format!("{{\"user_timezone_offset\":{json}}}");
            let document = parse(body.as_bytes()).expect("it is JSON");
            let mut notices = Notices::default();
            assert_eq!(offset(&document.root, &Path::ROOT, &mut notices), want, "{json}");
            assert_eq!(notices.warnings.0.len(), warnings, "{json}");
        }
    }
}
