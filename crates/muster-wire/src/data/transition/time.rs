//! Times and offsets of the wire (FACTS 7, FACTS 11 rows 9 and 11, clients.md 4.4).

use crate::json::{Json, Node, Number, is_number, number};
use crate::notices::Notices;
use crate::path::Path;
use muster_core::time::{Date, Timestamp};
use muster_core::warning::Code;

/// Numbers from here on are milliseconds, smaller ones seconds (FACTS 11 row 9).
const MILLISECONDS_FROM: f64 = 1e11;
/// The year 0, in milliseconds: nothing before it can be written as a date of the API.
const EARLIEST: f64 = -62_167_219_200_000.0;
/// The year 275760, in milliseconds: what other languages take for the end of time.
const LATEST: f64 = 8.64e15;
/// Largest offset from UTC, in seconds, either way (FACTS 4).
const OFFSET_MAX: f64 = 54_000.0;

/// Reads a time: an epoch in seconds or milliseconds, as number or text, or a date. None: missing, null, empty, or
/// unreadable, which is a warning.
pub(super) fn time(parent: &Node, name: &str, at: &Path, notices: &mut Notices) -> Option<Date> {
    value(parent.some(name)?, name, &at.name(name), notices)
}

/// As [`time`], of a value.
pub(super) fn value(value: &Node, name: &str, at: &Path, notices: &mut Notices) -> Option<Date> {
    let read = match &value.json {
        Json::Text(text) if text.trim().is_empty() => return None,
        Json::Text(text) if is_number(text.trim()) => epoch(text.trim()),
        Json::Text(text) => Date::parse(text.trim()),
        Json::Number(text) => epoch(text),
        _ => None,
    };
    if read.is_none() {
        notices.add(Code::TimeUnreadable, name, at);
    }
    read
}

#[expect(clippy::cast_possible_truncation, reason = "the bounds are far within 64 bits")]
#[expect(clippy::cast_precision_loss, reason = "the bounds are within 53 bits")]
fn epoch(text: &str) -> Option<Date> {
    let n = match number(text) {
        Number::Integer(n) => n as f64,
        Number::Float(n) => n,
        Number::Rounded(_) | Number::Overflow => return None,
    };
    let millis = if n.abs() >= MILLISECONDS_FROM { n } else { (n * 1_000.0).round() };
    (EARLIEST..=LATEST).contains(&millis).then(|| Date::Zoned(Timestamp(millis.floor() as i64)))
}

/// Reads `user_timezone_offset` in whole seconds. None: missing, null, empty, or ignored with a warning.
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

    fn read(json: &str) -> (Option<Date>, usize) {
        let document = parse(json.as_bytes()).expect("it is JSON");
        let mut notices = Notices::default();
        let read = value(&document.root, "t", &Path::ROOT, &mut notices);
        (read, notices.warnings.0.len())
    }

    /// FACTS 11 row 9.
    #[test]
    fn epochs_are_seconds_or_milliseconds_as_number_or_text() {
        let at = |ms| (Some(Date::Zoned(Timestamp(ms))), 0);
        for (json, want) in [
            ("1788000000", at(1_788_000_000_000)),
            ("\"1788000000\"", at(1_788_000_000_000)),
            ("1788000000123", at(1_788_000_000_123)),
            ("\" 1788000000123 \"", at(1_788_000_000_123)),
            ("1788000000.5", at(1_788_000_000_500)),
            ("-86400", at(-86_400_000)),
            ("0", at(0)),
            ("99999999999", at(99_999_999_999_000)),
            ("\"2026-01-05T00:00:00Z\"", at(1_767_571_200_000)),
            ("\"2026-01-05\"", (Some(Date::Local(1_767_571_200_000)), 0)),
            ("\"\"", (None, 0)),
            ("\"Thu Mar 24 2016 17:46:45 GMT+0000 (UTC)\"", (None, 1)),
            ("true", (None, 1)),
            ("1e400", (None, 1)),
            ("-1e15", (None, 1)),
            ("1e300", (None, 1)),
        ] {
            assert_eq!(read(json), want, "{json}");
        }
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
