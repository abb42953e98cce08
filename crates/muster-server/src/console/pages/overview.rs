//! The overview: is data arriving, is anything wrong?

use super::super::Page;
use super::super::parts::{self, Html, Minute, Style, counted};
use super::super::shell::{Shell, html, html_part};
use super::super::visit::Visit;
use super::log::{Row, curl};
use crate::manage::arguments::PageQuery;
use crate::manage::request_filter::RequestFilterQuery;
use crate::manage::requests::WithRefused;
use crate::manage::{requests, stats};
use askama::Template;
use muster_wire::data::known::{is_of_a_value, known_types};
use muster_wire::manage::problem::Problem;
use muster_wire::manage::request::RequestDocument;
use muster_wire::manage::stats::{FaultCountDocument, MinuteDocument, RatesDocument, StatsDocument};
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
    faults: Vec<FaultCountDocument>,
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
    stats: StatsDocument,
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
    fn of(visit: &Visit, stats: StatsDocument, rates: &RatesDocument) -> Self {
        let last = rates.minutes.iter().rev().find(|minute| minute.requests > 0);
        let took = |micros: Option<u64>| parts::took(micros.unwrap_or_default());
        let latency = last.map(|minute| format!("p50 {}, p99 {}", took(minute.p50_us), took(minute.p99_us)));
        Self {
            stats,
            workspace: visit.workspace().to_owned(),
            per_second: format!("{:.1}", rates.per_second),
            latency: latency.unwrap_or_default(),
        }
    }

    fn markup(&self) -> Html {
        parts::made(self.render().unwrap_or_default())
    }
}

impl Budget {
    fn of(rates: &RatesDocument) -> Self {
        let class = |(name, label): (&str, &'static str)| {
            let budget = rates.budget.get(name).copied();
            (label, budget.map_or(0, |budget| budget.used), budget.map_or(0, |budget| budget.limit))
        };
        Self { classes: [("users", "Users"), ("events", "Events"), ("devices", "Devices")].map(class).into() }
    }

    fn markup(&self) -> Html {
        parts::made(self.render().unwrap_or_default())
    }
}

/// `GET /w/{ws}` and `GET /w/{ws}/overview`.
pub(crate) async fn show(visit: Arc<Visit>) -> Page {
    let stats = visit.perform(stats::stats, ()).await?;
    let rates = visit.perform(stats::rates, ()).await?;
    let faults = visit.perform(stats::faults, ()).await?.items;
    let newest = newest(&visit, 6).await?;
    let shell = Shell::of(&visit, "Overview", "overview").await?;
    let minutes: Vec<Minute> = rates.minutes.iter().map(|it| minute(&shell, it)).collect();
    let latest = newest.iter().map(|doc| Row::new(&shell.moments, visit.workspace(), doc)).collect();
    let made_at = visit.entry().map(|entry| shell.moments.whole(entry.workspace.created_at.to_string()));
    let page = Overview {
        verdict: verdict(&visit, &stats, &rates),
        chart: parts::hour(&minutes),
        since: shell.moments.whole(rates.since),
        figures: Figures::of(&visit, stats, &rates),
        budget: Budget::of(&rates),
        faults,
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
    let stats = visit.perform(stats::stats, ()).await?;
    let rates = visit.perform(stats::rates, ()).await?;
    html(&Figures::of(&visit, stats, &rates))
}

/// `GET /w/{ws}/overview/budget`: the budget alone.
pub(crate) async fn budget_alone(visit: Arc<Visit>) -> Page {
    html(&Budget::of(&visit.perform(stats::rates, ()).await?))
}

/// `GET /w/{ws}/overview/first`: empty until the log has its first request: then the page of an empty workspace loads itself
/// again.
pub(crate) async fn first(visit: Arc<Visit>) -> Page {
    html_part(&if newest(&visit, 1).await?.is_empty() { Html::default() } else { parts::words("arrived") })
}

/// The newest requests of the log.
async fn newest(visit: &Visit, limit: usize) -> Result<Vec<RequestDocument>, Problem> {
    let page = PageQuery { limit, cursor: None };
    Ok(visit.perform(requests::list, (page, RequestFilterQuery::default(), WithRefused::default())).await?.items)
}

fn minute(shell: &Shell, doc: &MinuteDocument) -> Minute {
    Minute {
        at: shell.moments.text(doc.at, Style::Minute),
        accepted: doc.accepted,
        rejected: doc.rejected,
        limited: doc.limited,
    }
}

/// Minutes without a request after which it is said.
const QUIET_MINUTES: i64 = 10;

fn verdict(visit: &Visit, stats: &StatsDocument, rates: &RatesDocument) -> Verdict {
    let of = |count: fn(&MinuteDocument) -> u64| rates.minutes.iter().map(count).sum::<u64>();
    let (rejected, limited) = (of(|minute| minute.rejected), of(|minute| minute.limited));
    let all = of(|minute| minute.accepted) + rejected;
    let last = rates.last_request_at;
    let ago = last.map(|last| (visit.app.now().0 - last.0.0) / 1_000);
    let more = ago.map_or_else(String::new, |seconds| format!("Last request {} ago.", span(seconds)));
    let said = |tone, glyph, words: String| Verdict { tone, glyph, words, more: more.clone() };
    if let Some((why, _)) = visit.app.not_ready() {
        return said("bad", "o-rejected", format!("{} Callers get 503.", super::frame::sentence(why)));
    }
    if visit.entry().is_ok_and(|entry| entry.document.suspended) {
        return said("warn", "o-warning", "The workspace is suspended. Callers get 403.".to_owned());
    }
    if stats.requests == 0 && last.is_none() {
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
        self.figures.stats.requests == 0 && self.latest.is_empty()
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
