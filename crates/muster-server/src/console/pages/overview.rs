//! The overview: is data arriving, is anything wrong?

use super::super::components::{self, Html, Minute, Style, count_noun};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html, html_part};
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
    layout: Layout,
    figures: Figures,
    budget: Budget,
    headline: Headline,
    chart: Html,
    minutes: Vec<Minute>,
    since: Html,
    faults: Vec<FaultCountDocument>,
    latest: Vec<Row>,
    curl: Html,
    made_at: Html,
}

/// The headline of the page.
struct Headline {
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
    fn new(context: &PageContext, stats: StatsDocument, rates: &RatesDocument) -> Self {
        let last = rates.minutes.iter().rev().find(|minute| minute.requests > 0);
        let took = |micros: Option<u64>| components::duration(micros.unwrap_or_default());
        let latency = last.map(|minute| format!("p50 {}, p99 {}", took(minute.p50_us), took(minute.p99_us)));
        Self {
            stats,
            workspace: context.workspace().to_owned(),
            per_second: format!("{:.1}", rates.per_second),
            latency: latency.unwrap_or_default(),
        }
    }

    fn markup(&self) -> Html {
        components::render(self)
    }
}

impl Budget {
    fn new(rates: &RatesDocument) -> Self {
        let class = |(name, label): (&str, &'static str)| {
            let budget = rates.budget.get(name).copied();
            (label, budget.map_or(0, |budget| budget.used), budget.map_or(0, |budget| budget.limit))
        };
        Self { classes: [("users", "Users"), ("events", "Events"), ("devices", "Devices")].map(class).into() }
    }

    fn markup(&self) -> Html {
        components::render(self)
    }
}

/// `GET /w/{ws}` and `GET /w/{ws}/overview`.
pub(crate) async fn show(context: Arc<PageContext>) -> PageResult {
    let stats = context.perform(stats::stats, ()).await?;
    let rates = context.perform(stats::rates, ()).await?;
    let faults = context.perform(stats::faults, ()).await?.items;
    let newest = newest(&context, 6).await?;
    let layout = Layout::new(&context, "Overview", "overview").await?;
    let minutes: Vec<Minute> = rates.minutes.iter().map(|it| minute(&layout, it)).collect();
    let latest = newest.iter().map(|doc| Row::new(&layout.times, context.workspace(), doc)).collect();
    let made_at = context.entry().map(|entry| layout.times.full(entry.workspace.created_at.to_string()));
    let page = Overview {
        headline: headline(&context, &stats, &rates),
        chart: components::hour(&minutes),
        since: layout.times.full(rates.since),
        figures: Figures::new(&context, stats, &rates),
        budget: Budget::new(&rates),
        faults,
        made_at: made_at.unwrap_or_default(),
        curl: curl(&context),
        minutes,
        latest,
        layout,
    };
    html(&page)
}

/// `GET /w/{ws}/overview/figures`: the totals alone.
pub(crate) async fn figures_alone(context: Arc<PageContext>) -> PageResult {
    let stats = context.perform(stats::stats, ()).await?;
    let rates = context.perform(stats::rates, ()).await?;
    html(&Figures::new(&context, stats, &rates))
}

/// `GET /w/{ws}/overview/budget`: the budget alone.
pub(crate) async fn budget_alone(context: Arc<PageContext>) -> PageResult {
    html(&Budget::new(&context.perform(stats::rates, ()).await?))
}

/// `GET /w/{ws}/overview/first`: empty until the log has its first request: then the page of an empty workspace loads itself
/// again.
pub(crate) async fn first(context: Arc<PageContext>) -> PageResult {
    html_part(&if newest(&context, 1).await?.is_empty() { Html::default() } else { components::words("arrived") })
}

/// Returns the newest requests of the log.
async fn newest(context: &PageContext, limit: usize) -> Result<Vec<RequestDocument>, Problem> {
    let page = PageQuery { limit, cursor: None };
    Ok(context.perform(requests::list, (page, RequestFilterQuery::default(), WithRefused::default())).await?.items)
}

fn minute(layout: &Layout, doc: &MinuteDocument) -> Minute {
    Minute {
        at: layout.times.text(doc.at, Style::Minute),
        accepted: doc.accepted,
        rejected: doc.rejected,
        limited: doc.limited,
    }
}

/// Minutes without a request after which the page says so.
const QUIET_MINUTES: i64 = 10;

fn headline(context: &PageContext, stats: &StatsDocument, rates: &RatesDocument) -> Headline {
    let of = |count: fn(&MinuteDocument) -> u64| rates.minutes.iter().map(count).sum::<u64>();
    let (rejected, limited) = (of(|minute| minute.rejected), of(|minute| minute.limited));
    let all = of(|minute| minute.accepted) + rejected;
    let last = rates.last_request_at;
    let ago = last.map(|last| (context.app.now().0 - last.0.0) / 1_000);
    let more = ago.map_or_else(String::new, |seconds| format!("Last request {} ago.", span(seconds)));
    let headline = |tone, glyph, words: String| Headline { tone, glyph, words, more: more.clone() };
    if let Some((why, _)) = context.app.not_ready() {
        return headline("bad", "o-rejected", format!("{} Callers get 503.", super::problem::sentence(why)));
    }
    if context.entry().is_ok_and(|entry| entry.document.suspended) {
        return headline("warn", "o-warning", "The workspace is suspended. Callers get 403.".to_owned());
    }
    if stats.requests == 0 && last.is_none() {
        return headline("", "", "Nothing has arrived yet.".to_owned());
    }
    match (all, rejected, ago) {
        (0, _, Some(seconds)) if seconds > QUIET_MINUTES * 60 => {
            headline("warn", "o-warning", format!("Nothing has arrived for {}.", span(seconds)))
        }
        (0, _, None) => headline("", "", "Nothing has arrived since this server started.".to_owned()),
        (all, rejected, _) if rejected * 2 > all => {
            headline("bad", "o-rejected", "More than half of the elements of the last hour were rejected.".to_owned())
        }
        (_, _, _) if limited > 0 => {
            let times = count_noun(limited, "request");
            headline(
                "warn",
                "o-warning",
                format!("Data is arriving. {times} in the last hour exceeded the rate budget and got 429."),
            )
        }
        (_, 0, _) => headline("", "", "Data is arriving. Nothing was rejected in the last hour.".to_owned()),
        (all, rejected, _) => {
            let words = format!(
                "Data is arriving. {} of {} were rejected in the last hour.",
                components::count(rejected),
                count_noun(all, "element")
            );
            headline("", "", words)
        }
    }
}

/// Returns a span of time in its largest unit.
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

    /// Returns where the requests or the elements with an error of this type are listed: what is about a value waits in
    /// the quarantine; what refused a whole request is only in the log.
    fn place_of(&self, kind: &str) -> String {
        let (page, name) = if is_of_a_value(kind) { ("quarantine", "type") } else { ("live", "fault") };
        let is_known = known_types().contains(&kind);
        let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, kind).finish();
        // Types beyond those that are counted one by one are counted under a name that is not a type.
        self.layout.to(&if is_known { format!("{page}?{query}") } else { page.to_owned() })
    }

    /// Returns the minutes in which anything was rejected or turned away, for those who read tables.
    fn busy(&self) -> impl Iterator<Item = &Minute> {
        self.minutes.iter().filter(|minute| minute.accepted + minute.rejected + minute.limited > 0)
    }
}
