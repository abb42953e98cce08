//! Dates as programming languages print them, where that is not ISO 8601 (behaviour.md 2.ua): JavaScript, RFC 2822, C,
//! Go, Java, Ruby, BigQuery. Each is converted to the form of the API, which [`Date::parse`] checks, so that the
//! calendar is in one place.

use muster_core::time::Date;

/// Longest date, with a long name of a zone in brackets.
const BYTES_MAX: usize = 120;
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads such a date; None if it has another form. Without a zone it is a local time.
pub(super) fn date(text: &str) -> Option<Date> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let mut words: Vec<&str> = without_name(text)?.split_ascii_whitespace().collect();
    // Go appends the reading of its monotonic clock.
    if words.last().is_some_and(|word| word.starts_with("m=")) {
        words.pop();
    }
    if words.first().is_some_and(|word| is_day_of_week(word)) {
        words.remove(0);
    }
    match words[..] {
        [date, ref rest @ ..] if date.as_bytes().get(4) == Some(&b'-') => numeric(date, rest),
        // RFC 2822, and JavaScript as UTC.
        [day, month, year, ref rest @ ..] if is_number(day, 1..=2) => parse_named_month([day, month, year], rest),
        // JavaScript.
        [month, day, year, ref rest @ ..] if is_number(year, 4..=4) => parse_named_month([day, month, year], rest),
        // C, Java, Ruby and the shell.
        [month, day, clock, ref zone @ .., year] => {
            let rest: Vec<&str> = [&[clock][..], zone].concat();
            parse_named_month([day, month, year], &rest)
        }
        _ => None,
    }
}

/// Returns the string without the name of a zone in brackets at its end, as in `... +0530 (India Standard Time)` and
/// `...+01:00[Europe/Berlin]`. None if no offset is before the name.
fn without_name(text: &str) -> Option<&str> {
    let opened = match text.as_bytes().last()? {
        b')' => text.rfind('(')?,
        b']' => text.rfind('[')?,
        _ => return Some(text),
    };
    let rest = text[..opened].trim_end();
    // A name alone does not say which of two offsets is meant.
    let has_offset = rest.ends_with(|c: char| c.is_ascii_digit() || matches!(c, 'Z' | 'z')) || rest.ends_with("GMT");
    (has_offset && rest.contains(':')).then_some(rest)
}

/// `Thu`, `Thu,`, `Thursday,`.
fn is_day_of_week(word: &str) -> bool {
    let name = word.strip_suffix(',').unwrap_or(word);
    name.bytes().all(|b| b.is_ascii_alphabetic())
        && name.get(..3).is_some_and(|short| DAYS.iter().any(|day| day.eq_ignore_ascii_case(short)))
}

fn is_number(word: &str, digits: std::ops::RangeInclusive<usize>) -> bool {
    digits.contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit())
}

/// `2024-08-14T22:36:48+02:00`, whose zone had a name, or `2024-08-14 20:36:48 +0000 UTC`.
fn numeric(date: &str, rest: &[&str]) -> Option<Date> {
    match rest {
        [] => Date::parse(date).filter(|date| matches!(date, Date::Zoned(_))),
        [clock, zone @ ..] => Date::parse(&format!("{date}T{clock}{}", offset(zone)?)),
    }
}

/// Reads a date with the name of its month, and an optional clock and zone.
fn parse_named_month([day, month, year]: [&str; 3], rest: &[&str]) -> Option<Date> {
    let month = 1 + MONTHS.iter().position(|known| known.eq_ignore_ascii_case(month))?;
    if !is_number(day, 1..=2) || !is_number(year, 4..=4) {
        return None;
    }
    match rest {
        [] => Date::parse(&format!("{year}-{month:02}-{day:0>2}")),
        [clock, zone @ ..] => Date::parse(&format!("{year}-{month:02}-{day:0>2}T{clock}{}", offset(zone)?)),
    }
}

/// Returns the offset as the API writes it; empty if there is none. Letters by themselves are not an offset, except
/// `Z`, `UTC` and `GMT`: `IST` is used in India, Israel and Ireland.
fn offset(zone: &[&str]) -> Option<String> {
    let is_utc = |word: &str| ["Z", "UTC", "GMT"].iter().any(|name| name.eq_ignore_ascii_case(word));
    let is_name = |word: &str| {
        let letters = word.len() <= 5 && word.bytes().all(|b| b.is_ascii_alphabetic());
        // Go repeats the offset of a zone that has no name.
        letters || is_offset(word)
    };
    match zone {
        [] => Some(String::new()),
        [word] if is_utc(word) => Some("Z".to_owned()),
        [word] => {
            let bare = word.strip_prefix("GMT").or_else(|| word.strip_prefix("UTC")).unwrap_or(word);
            is_offset(bare).then(|| bare.to_owned())
        }
        [word, name] if is_offset(word) && is_name(name) => Some((*word).to_owned()),
        _ => None,
    }
}

/// `+05:30`, `+0530`, `+05`.
fn is_offset(word: &str) -> bool {
    word.starts_with(['+', '-']) && word.len() >= 3 && word[1..].bytes().all(|b| b.is_ascii_digit() || b == b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Option<Date> {
        Date::parse(text)
    }

    /// Fails when a form is left out of `date`, or `offset` takes an offset for a name.
    #[test]
    fn dates_of_languages_are_what_they_say() {
        for (text, want) in [
            // JavaScript
            ("Thu Mar 24 2016 17:46:45 GMT+0000 (UTC)", "2016-03-24T17:46:45Z"),
            ("Wed Aug 14 2024 20:36:48 GMT+0530 (India Standard Time)", "2024-08-14T15:06:48Z"),
            ("Wed Aug 14 2024 20:36:48 GMT-0300 (Hor\u{e1}rio Padr\u{e3}o de Bras\u{ed}lia)", "2024-08-14T23:36:48Z"),
            ("Wed Aug 14 2024", "2024-08-14"),
            ("Wed, 14 Aug 2024 20:36:48 GMT", "2024-08-14T20:36:48Z"),
            // RFC 2822
            ("Wed, 31 Jan 2024 10:00:00 +0530", "2024-01-31T04:30:00Z"),
            ("1 Jan 2024 10:00 -0000 (UTC)", "2024-01-01T10:00:00Z"),
            // C, Java, the shell
            ("Wed Aug 14 20:36:48 2024", "2024-08-14T20:36:48"),
            ("Wed Aug  4 20:36:48 UTC 2024", "2024-08-04T20:36:48Z"),
            ("Wed Aug 14 20:36:48 GMT+05:30 2024", "2024-08-14T15:06:48Z"),
            ("2024-08-14T22:36:48+02:00[Europe/Berlin]", "2024-08-14T20:36:48Z"),
            ("2024-08-14T20:36:48.123Z[UTC]", "2024-08-14T20:36:48.123Z"),
            ("2024-08-14T22:36+02:00[Europe/Berlin]", "2024-08-14T20:36:00Z"),
            // Go
            ("2016-07-18 10:15:30.123456789 -0700 PDT", "2016-07-18T17:15:30.123Z"),
            ("2016-07-18 10:15:30.1 -0700 PDT m=+0.001", "2016-07-18T17:15:30.1Z"),
            ("2024-01-31 10:00:00.5 +0530 +0530", "2024-01-31T04:30:00.5Z"),
            // Ruby, BigQuery
            ("2024-08-14 20:36:48 +0000", "2024-08-14T20:36:48Z"),
            ("2024-08-14 20:36:48.123456 UTC", "2024-08-14T20:36:48.123Z"),
            ("2024-08-14 20:36:48 Z", "2024-08-14T20:36:48Z"),
        ] {
            assert_eq!(date(text), Some(instant(want).expect("a date of the API")), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in [
            "2024-01-31 10:00:00 IST",
            "Wed Aug 14 20:36:48 IST 2024",
            "Wed, 14 Aug 2024 20:36:48 PDT",
            "Wed, 14 Aug 2024 20:36:48 UT",
            "2024-08-14T22:36:48[Europe/Berlin]",
            "2024-08-14[Europe/Berlin]",
            "[Europe/Berlin]",
            "(UTC)",
            "Wed, 32 Jan 2024 10:00:00 +0530",
            "Wed, 29 Feb 2023 10:00:00 GMT",
            "Wed Aug 14 2024 24:00:00 GMT",
            "14 Aug 24 20:36:48 GMT",
            "08/14/2024 20:36",
            "14.08.2024",
            "now",
            "None",
            "Wed",
            "Wed,",
            "Aug 14",
            "2024-08-14 20:36:48 +0000 UTC more",
            "2024-08-14 20:36:48 UTC UTC",
            "",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!(date(&format!("Wed Aug 14 2024 20:36:48 GMT+0530 ({})", "x".repeat(100))), None);
    }
}
