//! Times as people read them: in the zone of the workspace, the exact instant in UTC on hover.

use super::markup::{Html, render};
use super::text::words;
use askama::Template;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use muster_wire::manage::as_text::AsText;

/// Which parts of a time are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `24 Nov 2026 14:05:03`.
    Full,
    /// `24 Nov 2026 14:05:03.412`.
    Exact,
    /// `24 Nov 14:05`.
    Short,
    /// `14:05:03`.
    Clock,
    /// `24 Nov 14:05:03.412`.
    Log,
    /// `14:05`.
    Minute,
    /// `24 Nov 2026`.
    Day,
}

impl Style {
    fn format(self) -> &'static str {
        match self {
            Self::Full => "%-d %b %Y %H:%M:%S",
            Self::Exact => "%-d %b %Y %H:%M:%S%.3f",
            Self::Short => "%-d %b %H:%M",
            Self::Clock => "%H:%M:%S",
            Self::Log => "%-d %b %H:%M:%S%.3f",
            Self::Minute => "%H:%M",
            Self::Day => "%-d %b %Y",
        }
    }
}

/// What a page shows as a time: an instant of a document, or the text of one.
pub(crate) trait Instant {
    /// Returns the instant; None if the text is none.
    fn instant(&self) -> Option<Timestamp>;

    /// Returns the text as it came.
    fn text(&self) -> String;
}

impl Instant for str {
    fn instant(&self) -> Option<Timestamp> {
        self.parse().ok()
    }

    fn text(&self) -> String {
        self.to_owned()
    }
}

impl Instant for String {
    fn instant(&self) -> Option<Timestamp> {
        self.parse().ok()
    }

    fn text(&self) -> String {
        self.clone()
    }
}

impl Instant for AsText<muster_core::time::Timestamp> {
    fn instant(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.0.0).ok()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// No time is shown as nothing.
impl<T: Instant> Instant for Option<T> {
    fn instant(&self) -> Option<Timestamp> {
        self.as_ref().and_then(Instant::instant)
    }

    fn text(&self) -> String {
        self.as_ref().map(Instant::text).unwrap_or_default()
    }
}

impl<T: Instant + ?Sized> Instant for &T {
    fn instant(&self) -> Option<Timestamp> {
        (**self).instant()
    }

    fn text(&self) -> String {
        (**self).text()
    }
}

#[derive(Template)]
#[template(ext = "html", source = r#"<time datetime="{{ instant }}" title="{{ utc }} UTC">{{ words }}</time>"#)]
struct Time {
    instant: String,
    utc: String,
    words: String,
}

/// Formats times in the time zone of a page.
#[derive(Clone, Debug)]
pub(crate) struct TimeFormatter {
    zone: TimeZone,
    name: String,
}

impl TimeFormatter {
    /// Of an IANA name; UTC where there is none such.
    pub(crate) fn for_zone(name: &str) -> Self {
        match TimeZone::get(name) {
            Ok(zone) => Self { zone, name: name.to_owned() },
            Err(_) => Self { zone: TimeZone::UTC, name: "UTC".to_owned() },
        }
    }

    /// Of an IANA name that this server knows: it is one of a list of names, so that nothing else is ever a path or part of
    /// a header.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        let zone = TimeZone::get(name).ok()?;
        let name = if name.eq_ignore_ascii_case("UTC") { "UTC" } else { name };
        Some(Self { zone, name: name.to_owned() })
    }

    /// Returns the zone with its offset at an instant, as the bar says it.
    pub(crate) fn words(&self, at: impl Instant) -> String {
        let offset = at.instant().map(|at| self.zone.to_offset(at).seconds());
        match offset {
            Some(seconds) if self.name != "UTC" => {
                let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
                format!("{}, UTC{sign}{:02}:{:02}", self.name, minutes / 60, minutes % 60)
            }
            _ => self.name.clone(),
        }
    }

    /// Returns the name of the zone.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns a time in words; empty if it is none.
    pub(crate) fn text(&self, at: impl Instant, style: Style) -> String {
        let at = at.instant();
        at.map(|at| at.to_zoned_datetime(self.zone.clone()).strftime(style.format()).to_string()).unwrap_or_default()
    }

    /// Renders a time; text that is not a time stays as it is.
    pub(crate) fn time(&self, at: impl Instant, style: Style) -> Html {
        let Some(instant) = at.instant() else { return words(&at.text()) };
        let utc = instant.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
        render(&Time { instant: instant.to_string(), utc, words: self.text(at, style) })
    }

    /// `24 Nov 2026 14:05:03`.
    pub(crate) fn full(&self, at: impl Instant) -> Html {
        self.time(at, Style::Full)
    }

    /// `24 Nov 2026 14:05:03.412`.
    pub(crate) fn exact(&self, at: impl Instant) -> Html {
        self.time(at, Style::Exact)
    }

    /// `24 Nov 14:05`.
    pub(crate) fn brief(&self, at: impl Instant) -> Html {
        self.time(at, Style::Short)
    }

    /// `24 Nov 14:05:03.412`.
    pub(crate) fn log(&self, at: impl Instant) -> Html {
        self.time(at, Style::Log)
    }

    /// `14:05:03`.
    pub(crate) fn clock(&self, at: impl Instant) -> Html {
        self.time(at, Style::Clock)
    }

    /// Reads what a control for a date and a time sends (`2026-11-24T14:05`): a time of this zone, as the instant that
    /// documents write. A time that a change of the clocks left out or repeats is the one that most people mean (RFC 5545).
    pub(crate) fn instant(&self, local: &str) -> Option<String> {
        let local = local.parse::<DateTime>().ok()?;
        Some(local.to_zoned_datetime(self.zone.clone()).ok()?.timestamp().to_string())
    }

    /// Returns an instant as a control for a date and a time takes it: to the minute, or to the second where it has
    /// one.
    pub(crate) fn local(&self, at: impl Instant) -> String {
        let Some(at) = at.instant() else { return String::new() };
        let local = at.to_zoned_datetime(self.zone.clone());
        local.strftime(if local.second() == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" }).to_string()
    }

    /// Returns the day of a time, for the heads of a timeline.
    pub(crate) fn day(&self, at: impl Instant) -> String {
        self.text(at, Style::Day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_the_zone_and_in_utc_on_hover() {
        let berlin = TimeFormatter::for_zone("Europe/Berlin");
        let at = "2026-11-24T13:05:03.412Z";
        let want =
            "<time datetime=\"2026-11-24T13:05:03.412Z\" title=\"2026-11-24 13:05:03.412 UTC\">24 Nov 14:05</time>";
        assert_eq!(berlin.brief(at).as_str(), want);
        assert_eq!(berlin.words(at), "Europe/Berlin, UTC+01:00");
        assert_eq!(berlin.full("<no time>").as_str(), "&#60;no time&#62;");
        assert_eq!(TimeFormatter::for_zone("Nowhere/Never").name(), "UTC");
    }

    // Fails when `by_name` answers UTC where there is no such zone.
    #[test]
    fn only_a_zone_of_the_database_is_chosen_by_its_name() {
        let name = |name: &str| TimeFormatter::by_name(name).map(|times| times.name().to_owned());
        assert_eq!(name("America/Argentina/Buenos_Aires").as_deref(), Some("America/Argentina/Buenos_Aires"));
        let long = "A/".repeat(40);
        for wrong in ["", "Nowhere/Never", "../etc/passwd", "Europe/Berlin;x", "Europe/Berlin\r\n", &long] {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
    }

    // Fails when either way leaves out the zone.
    #[test]
    fn a_date_and_time_that_is_typed_is_one_of_the_zone_and_is_shown_again_as_it_was_typed() {
        let kolkata = TimeFormatter::for_zone("Asia/Kolkata");
        let told = |local: &str| kolkata.instant(local);
        assert_eq!(told("2026-11-24T18:35").as_deref(), Some("2026-11-24T13:05:00Z"));
        assert_eq!(["", "now", "2026-13-01T00:00"].map(told), [None, None, None]);
        let again = ["2026-11-24T13:05:00Z", "2026-11-24T13:05:03.4Z", "soon"].map(|at| kolkata.local(at));
        assert_eq!(again, ["2026-11-24T18:35", "2026-11-24T18:35:03", ""]);
    }
}
