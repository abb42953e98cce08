//! The overview: is data arriving, is anything wrong?

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::parts::{self, Html, Minute, Style, counted};
use super::super::shell::{Shell, html, html_part};
use super::super::visit::Visit;
use super::log::{Row, curl};
use crate::http::manage::{figures, requests, workspaces};
use askama::Template;
use muster_wire::data::failure::{is_of_a_value, known_types};
use serde_json::Value as Json;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    shell: Shell,
    figures: Figures,
    budget: Budget,
    verdict: Verdict,
    chart: Html,
    minutes: Vec<Minute>,
    since: Html,
    faults: Vec<Json>,
    latest: Vec<Row>,
    curl: Html,
    made_at: Html,
}

/// What is said first.
struct Verdict {
    tone: &'static str,
    glyph: &'static str,
    words: String,
    more: String,
}

#[derive(Template)]
#[template(path = "overview-figures.html")]
struct Figures {
    stats: Json,
    workspace: String,
    per_second: String,
    latency: String,
}

#[derive(Template)]
#[template(path = "overview-budget.html")]
struct Budget {
    classes: Vec<(&'static str, u64, u64)>,
}

impl Figures {
    fn of(visit: &Visit, stats: Json, rates: &Json) -> Self {
        let last = rates.list("minutes").iter().rev().find(|minute| minute.count("requests") > 0);
        let latency = last.map(|minute| {
            format!("p50 {}, p99 {}", parts::took(minute.count("p50_us")), parts::took(minute.count("p99_us")))
        });
        Self {
            stats,
            workspace: visit.workspace().to_owned(),
            per_second: format!("{:.1}", rates.member("per_second").as_f64().unwrap_or_default()),
            latency: latency.unwrap_or_default(),
        }
    }

    fn markup(&self) -> Html {
        parts::made(self.render().unwrap_or_default())
    }
}

impl Budget {
    fn of(rates: &Json) -> Self {
        let budget = rates.member("budget");
        let class = |(name, label): (&str, &'static str)| {
            (label, budget.member(name).count("used"), budget.member(name).count("limit"))
        };
        Self { classes: [("users", "Users"), ("events", "Events"), ("devices", "Devices")].map(class).into() }
    }

    fn markup(&self) -> Html {
        parts::made(self.render().unwrap_or_default())
    }
}

/// `GET /w/{ws}` and `GET /w/{ws}/overview`.
pub(crate) async fn show(visit: Arc<Visit>) -> Page {
    let stats = visit.ask(workspaces::stats, &["stats"], &[]).await?;
    let rates = visit.ask(figures::rates, &["rates"], &[]).await?;
    let faults = visit.ask(figures::faults, &["faults"], &[]).await?;
    let newest = visit.ask(requests::list, &["requests"], &[("limit", "6")]).await?;
    let shell = Shell::of(&visit, "Overview", "overview").await?;
    let minutes: Vec<Minute> = rates.list("minutes").iter().map(|it| minute(&shell, it)).collect();
    let latest = newest.list("items").iter().map(|doc| Row::of(&shell.moments, visit.workspace(), doc)).collect();
    let made_at = visit.entry().map(|entry| shell.moments.whole(entry.workspace.created_at.to_string()));
    let page = Overview {
        verdict: verdict(&visit, &stats, &rates),
        chart: parts::hour(&minutes),
        since: shell.moments.whole(rates.text("since")),
        figures: Figures::of(&visit, stats, &rates),
        budget: Budget::of(&rates),
        faults: faults.list("items").to_vec(),
        made_at: made_at.unwrap_or_default(),
        curl: curl(&visit),
        minutes,
        latest,
        shell,
    };
    html(&page)
}

/// `GET /w/{ws}/overview/figures`: the totals alone.
pub(crate) async fn figures_alone(visit: Arc<Visit>) -> Page {
    let stats = visit.ask(workspaces::stats, &["stats"], &[]).await?;
    let rates = visit.ask(figures::rates, &["rates"], &[]).await?;
    html(&Figures::of(&visit, stats, &rates))
}

/// `GET /w/{ws}/overview/budget`: the budget alone.
pub(crate) async fn budget_alone(visit: Arc<Visit>) -> Page {
    html(&Budget::of(&visit.ask(figures::rates, &["rates"], &[]).await?))
}

/// `GET /w/{ws}/overview/first`: empty until the log has its first request: then the page of an empty workspace loads itself
/// again.
pub(crate) async fn first(visit: Arc<Visit>) -> Page {
    let newest = visit.ask(requests::list, &["requests"], &[("limit", "1")]).await?;
    html_part(&if newest.list("items").is_empty() { Html::default() } else { parts::words("arrived") })
}

fn minute(shell: &Shell, doc: &Json) -> Minute {
    Minute {
        at: shell.moments.text(doc.text("at"), Style::Minute),
        accepted: doc.count("accepted"),
        rejected: doc.count("rejected"),
        limited: doc.count("limited"),
    }
}

/// Minutes without a request after which it is said.
const QUIET_MINUTES: i64 = 10;

fn verdict(visit: &Visit, stats: &Json, rates: &Json) -> Verdict {
    let of = |name: &str| rates.list("minutes").iter().map(|minute| minute.count(name)).sum::<u64>();
    let (accepted, rejected, limited) = (of("accepted"), of("rejected"), of("limited"));
    let all = accepted + rejected;
    let last = rates.text("last_request_at").parse::<jiff::Timestamp>().ok();
    let ago = last.map(|last| (visit.app.now().0 - last.as_millisecond()) / 1_000);
    let more = ago.map_or_else(String::new, |seconds| format!("Last request {} ago.", span(seconds)));
    let said = |tone, glyph, words: String| Verdict { tone, glyph, words, more: more.clone() };
    if let Some((why, _)) = visit.app.not_ready() {
        return said("bad", "o-rejected", format!("{} Callers get 503.", super::frame::sentence(why)));
    }
    if visit.entry().is_ok_and(|entry| entry.document.suspended) {
        return said("warn", "o-warning", "The workspace is suspended. Callers get 403.".to_owned());
    }
    if stats.count("requests") == 0 && last.is_none() {
        return said("", "", "Nothing has arrived yet.".to_owned());
    }
    match (all, rejected, ago) {
        (0, _, Some(seconds)) if seconds > QUIET_MINUTES * 60 => {
            said("warn", "o-warning", format!("Nothing has arrived for {}.", span(seconds)))
        }
        (0, _, None) => said("", "", "Nothing has arrived since this server started.".to_owned()),
        (all, rejected, _) if rejected * 2 > all => {
            said("bad", "o-rejected", "More than half of the elements of the last hour were rejected.".to_owned())
        }
        (_, _, _) if limited > 0 => {
            let times = counted(limited, "request");
            said(
                "warn",
                "o-warning",
                format!("Data is arriving. {times} in the last hour exceeded the rate budget and got 429."),
            )
        }
        (_, 0, _) => said("", "", "Data is arriving. Nothing was rejected in the last hour.".to_owned()),
        (all, rejected, _) => {
            let words = format!(
                "Data is arriving. {} of {} were rejected in the last hour.",
                parts::count(rejected),
                counted(all, "element")
            );
            said("", "", words)
        }
    }
}

/// A span of time in its largest unit.
fn span(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..=89 => format!("{s} s"),
        s @ 90..=5_399 => format!("{} min", s / 60),
        s @ 5_400..=129_599 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

impl Overview {
    fn is_empty(&self) -> bool {
        self.figures.stats.count("requests") == 0 && self.latest.is_empty()
    }

    /// Where the requests or the elements with an error of this type are listed: what is about a value waits in the
    /// quarantine, what refused a request stands in the log alone.
    fn place_of(&self, kind: &str) -> String {
        let (page, name) = if is_of_a_value(kind) { ("quarantine", "type") } else { ("live", "fault") };
        let is_known = known_types().contains(&kind);
        let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, kind).finish();
        // Types beyond those that are counted one by one are counted as one that is no type.
        self.shell.to(&if is_known { format!("{page}?{query}") } else { page.to_owned() })
    }

    /// The minutes in which anything was rejected or turned away, for those who read tables.
    fn busy(&self) -> impl Iterator<Item = &Minute> {
        self.minutes.iter().filter(|minute| minute.accepted + minute.rejected + minute.limited > 0)
    }
}
