//! Outcomes, statuses, faults and warnings, and the element map.

use super::markup::{Html, icon, render};
use super::numbers;
use super::text::{phrase, span, words};
use askama::Template;
use muster_wire::manage::element_report::{FaultDocument, WarningDocument};

/// The outcomes that have a glyph and a colour.
const OUTCOMES: [&str; 8] = ["created", "updated", "merged", "skipped", "duplicate", "rejected", "warning", "accepted"];

#[derive(Template)]
#[template(ext = "html", source = r#"<span class="outcome {{ name }}">{{ icon }}<span>{{ words }}</span></span>"#)]
struct OutcomeSpan<'a> {
    name: &'a str,
    icon: Html,
    words: &'a str,
}

/// Renders an outcome: glyph, colour and words.
pub(crate) fn outcome(name: &str, words: impl AsRef<str>) -> Html {
    let name = OUTCOMES.into_iter().find(|known| *known == name).unwrap_or("updated");
    render(&OutcomeSpan { name, icon: icon(&format!("o-{name}"), 16), words: words.as_ref() })
}

/// Renders an HTTP status.
pub(crate) fn status(status: u64) -> Html {
    let class = match status {
        200..=399 => "http",
        429 => "http warn",
        _ => "http bad",
    };
    span(class, words(&status.to_string()))
}

/// Renders the requests per second beside an entry of the navigation; nothing while there are none.
pub(crate) fn rate(per_second: f64) -> Html {
    if per_second > 0.0 { span("count", words(&format!("{per_second:.1}/s"))) } else { Html::default() }
}

#[derive(Template)]
#[template(
    ext = "html",
    source = "{{ outcome }}{% if let Some(pointer) = pointer %} at <code>{{ pointer }}</code>{% endif %}: {{ message }}"
)]
struct FaultLine {
    outcome: Html,
    pointer: Option<Html>,
    message: Html,
}

/// Renders a fault of an element: its type, where it is, its message.
pub(crate) fn fault(fault: &FaultDocument) -> Html {
    let message = phrase(&fault.message);
    render(&FaultLine { outcome: outcome("rejected", &fault.kind), pointer: pointer(&fault.pointer), message })
}

/// Renders a pointer into an element; None if it is the whole element.
fn pointer(pointer: &str) -> Option<Html> {
    (!pointer.is_empty()).then(|| phrase(pointer))
}

#[derive(Template)]
#[template(
    ext = "html",
    source = "<span>{{ outcome }} {{ message }}{% if more != 0 %} and {{ numbers::count(*more) }} more{% endif %}</span>"
)]
struct ErrorLine {
    outcome: Html,
    message: Html,
    more: u64,
}

/// Renders the first error of a request in one line, and how many more there are.
pub(crate) fn error(kind: &str, message: &str, more: u64) -> Html {
    render(&ErrorLine { outcome: outcome("rejected", format!("{kind}:")), message: phrase(message), more })
}

#[derive(Template)]
#[template(
    ext = "html",
    source = "{{ outcome }}{% if let Some(name) = name %} {{ name }}{% endif %}{% if let Some(pointer) = pointer %} at <code>{{ pointer }}</code>{% endif %}{% if times > 1 %}, {{ numbers::count(*times) }} times{% endif %}"
)]
struct WarningLine {
    outcome: Html,
    name: Option<Html>,
    pointer: Option<Html>,
    times: u64,
}

/// Renders a warning: its code, what it is about, where it is, how often.
pub(crate) fn warning(warning: &WarningDocument) -> Html {
    render(&WarningLine {
        outcome: outcome("warning", &warning.code),
        name: (!warning.name.is_empty()).then(|| phrase(&warning.name)),
        pointer: pointer(&warning.pointer),
        times: warning.count,
    })
}

/// Returns the class, position and height of an outcome in the element map: applied low, merged half, rejected full.
fn run_of(outcome: &str, is_mini: bool) -> (&'static str, u8, u8) {
    let name = OUTCOMES.into_iter().find(|known| *known == outcome).unwrap_or("updated");
    match (name, is_mini) {
        ("rejected", false) => (name, 0, 28),
        ("merged", false) => (name, 11, 17),
        (_, false) => (name, 20, 8),
        ("rejected", true) => (name, 0, 14),
        ("merged", true) => (name, 5, 9),
        (_, true) => (name, 10, 4),
    }
}

/// Least width of a run, in percent: below it nobody sees it.
const RUN_PERCENT_MIN: f64 = 0.5;

/// One rectangle of the element map.
struct Run {
    name: &'static str,
    x: String,
    y: u8,
    width: String,
    height: u8,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<svg class="map{% if is_mini %} mini{% endif %}" aria-hidden="true">{% for run in runs %}<rect class="{{ run.name }}" x="{{ run.x }}%" y="{{ run.y }}" width="{{ run.width }}%" height="{{ run.height }}"/>{% endfor %}</svg>"#
)]
struct ElementMap {
    is_mini: bool,
    runs: Vec<Run>,
}

/// Renders the element map: one rectangle for each run of equal outcomes, in the order of the elements.
#[expect(clippy::cast_precision_loss, reason = "percents of at most a few thousand elements")]
pub(crate) fn map<'o>(outcomes: impl IntoIterator<Item = (&'o str, u64)>, is_mini: bool) -> Html {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for (outcome, n) in outcomes.into_iter().filter(|(_, n)| *n > 0) {
        match counts.last_mut() {
            Some((last, so_far)) if *last == outcome => *so_far += n,
            _ => counts.push((outcome, n)),
        }
    }
    let all: u64 = counts.iter().map(|(_, n)| n).sum();
    let (mut runs, mut at) = (Vec::new(), 0);
    for (outcome, n) in counts {
        let (name, y, height) = run_of(outcome, is_mini);
        let (x, width) = (at as f64 / all as f64 * 100.0, (n as f64 / all as f64 * 100.0).max(RUN_PERCENT_MIN));
        let x = x.min(100.0 - width);
        runs.push(Run { name, x: format!("{x:.2}"), y, width: format!("{width:.2}"), height });
        at += n;
    }
    render(&ElementMap { is_mini, runs })
}
