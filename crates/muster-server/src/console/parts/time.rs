//! Times as people read them: in the zone of the workspace, the exact instant in UTC on hover.

use super::{Html, escaped};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How much of a time is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `24 Nov 2026 14:05:03`.
    Whole,
    /// `24 Nov 2026 14:05:03.412`.
    Exact,
    /// `24 Nov 14:05`.
    Short,
    /// `14:05:03`.
    Clock,
    /// `14:05:03.412`.
    Log,
    /// `14:05`.
    Minute,
    /// `24 Nov 2026`.
    Day,
}

impl Style {
    fn format(self) -> &'static str {
        match self {
            Self::Whole => "%-d %b %Y %H:%M:%S",
            Self::Exact => "%-d %b %Y %H:%M:%S%.3f",
            Self::Short => "%-d %b %H:%M",
            Self::Clock => "%H:%M:%S",
            Self::Log => "%H:%M:%S%.3f",
            Self::Minute => "%H:%M",
            Self::Day => "%-d %b %Y",
        }
    }
}

/// The zone that a page speaks.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    zone: TimeZone,
    name: String,
}

impl Moments {
    /// Of an IANA name; UTC where there is none such.
    pub(crate) fn of(name: &str) -> Self {
        match TimeZone::get(name) {
            Ok(zone) => Self { zone, name: name.to_owned() },
            Err(_) => Self { zone: TimeZone::UTC, name: "UTC".to_owned() },
        }
    }

    /// The zone with its offset at an instant, as the bar says it.
    pub(crate) fn words(&self, at: &str) -> String {
        let offset = at.parse::<Timestamp>().ok().map(|at| self.zone.to_offset(at).seconds());
        match offset {
            Some(seconds) if self.name != "UTC" => {
                let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
                format!("{}, UTC{sign}{:02}:{:02}", self.name, minutes / 60, minutes % 60)
            }
            _ => self.name.clone(),
        }
    }

    /// The name of the zone.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is UTC.
    pub(crate) fn is_utc(&self) -> bool {
        self.name == "UTC"
    }

    /// A time in words; empty if it is none.
    pub(crate) fn text(&self, at: &str, style: Style) -> String {
        let at = at.parse::<Timestamp>().ok();
        at.map(|at| at.to_zoned_datetime(self.zone.clone()).strftime(style.format()).to_string()).unwrap_or_default()
    }

    /// A time; what it is not stays as it came.
    pub(crate) fn time(&self, at: &str, style: Style) -> Html {
        let Ok(instant) = at.parse::<Timestamp>() else { return Html(escaped(at)) };
        let (words, utc) = (self.text(at, style), instant.strftime("%Y-%m-%d %H:%M:%S%.3f"));
        Html(format!("<time datetime=\"{instant}\" title=\"{utc} UTC\">{words}</time>"))
    }

    /// `24 Nov 2026 14:05:03`.
    pub(crate) fn whole(&self, at: &str) -> Html {
        self.time(at, Style::Whole)
    }

    /// `24 Nov 2026 14:05:03.412`.
    pub(crate) fn exact(&self, at: &str) -> Html {
        self.time(at, Style::Exact)
    }

    /// `24 Nov 14:05`.
    pub(crate) fn brief(&self, at: &str) -> Html {
        self.time(at, Style::Short)
    }

    /// `14:05:03.412`.
    pub(crate) fn log(&self, at: &str) -> Html {
        self.time(at, Style::Log)
    }

    /// `14:05:03`.
    pub(crate) fn clock(&self, at: &str) -> Html {
        self.time(at, Style::Clock)
    }

    /// The day of a time, for the heads of a timeline.
    pub(crate) fn day(&self, at: &str) -> String {
        self.text(at, Style::Day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_the_zone_and_in_utc_on_hover() {
        let berlin = Moments::of("Europe/Berlin");
        let at = "2026-11-24T13:05:03.412Z";
        let want =
            "<time datetime=\"2026-11-24T13:05:03.412Z\" title=\"2026-11-24 13:05:03.412 UTC\">24 Nov 14:05</time>";
        assert_eq!(berlin.brief(at).as_str(), want);
        assert_eq!(berlin.words(at), "Europe/Berlin, UTC+01:00");
        assert_eq!(berlin.whole("<no time>").as_str(), "&lt;no time&gt;");
        assert!(Moments::of("Nowhere/Never").is_utc());
    }
}
