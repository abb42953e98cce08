//! Charts as SVG, drawn on the server: x in percent and y in pixels, so that they stretch and their text never scales.

use super::markup::{Html, render};
use super::numbers::{self, count};
use askama::Template;

/// One minute of the hour chart.
#[derive(Clone, Debug)]
pub(crate) struct Minute {
    /// Its clock time, as it is shown.
    pub(crate) at: String,
    /// Elements that were accepted and rejected, and requests that were answered 429.
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) limited: u64,
}

/// Returns the next number of the form 1, 2 or 5 times a power of ten: the top of a scale.
fn top(most: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for step in [1, 2, 5] {
            if step * power >= most.max(1) {
                return step * power;
            }
        }
        power = power.saturating_mul(10);
    }
}

const ACCEPTED_TOP: f64 = 18.0;
const ACCEPTED_BASE: f64 = 122.0;
const REJECTED_TOP: f64 = 152.0;
const REJECTED_BASE: f64 = 196.0;

/// The bars of one minute, and the mark of its answers of 429. Positions are percents, heights pixels.
struct Bars {
    x: String,
    at: String,
    accepted: u64,
    rejected: u64,
    is_limited: bool,
    accepted_y: String,
    accepted_height: String,
    rejected_y: String,
    rejected_height: String,
}

/// Heading and scale of one half of the hour chart.
struct Scale {
    y: u8,
    line: u8,
    words: &'static str,
    top: u64,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<svg class="chart" height="216" role="img" aria-label="{{ label }}">{% for it in scales %}<text x="0" y="{{ it.y }}">{{ it.words }}</text><text class="end" x="100%" y="{{ it.y }}">{{ numbers::count(*it.top) }}</text><line class="grid-line" x1="0" x2="100%" y1="{{ it.line }}" y2="{{ it.line }}"/>{% endfor %}{% for it in bars %}<g><title>{{ it.at }}: {{ numbers::count(*it.accepted) }} accepted, {{ numbers::count(*it.rejected) }} rejected</title><rect class="band" x="{{ it.x }}%" y="18" width="{{ step }}%" height="178"/>{% if it.accepted > 0 %}<rect class="bar-ok" x="{{ it.x }}%" y="{{ it.accepted_y }}" width="{{ bar }}%" height="{{ it.accepted_height }}"/><rect class="cap" x="{{ it.x }}%" y="{{ it.accepted_y }}" width="{{ bar }}%" height="2"/>{% endif %}{% if it.rejected > 0 %}<rect class="bar-bad" x="{{ it.x }}%" y="{{ it.rejected_y }}" width="{{ bar }}%" height="{{ it.rejected_height }}"/>{% endif %}{% if it.is_limited %}<line class="mark" x1="{{ it.x }}%" x2="{{ it.x }}%" y1="14" y2="196"/>{% endif %}</g>{% endfor %}{% for base in [122, 196] %}<line class="axis" x1="0" x2="100%" y1="{{ base }}" y2="{{ base }}"/>{% endfor %}{% for (x, at) in quarters %}<text x="{{ x }}%" y="212">{{ at }}</text>{% endfor %}<text class="end" x="100%" y="212">{{ last }}</text></svg>"#
)]
struct HourChart {
    label: String,
    scales: [Scale; 2],
    step: String,
    bar: String,
    bars: Vec<Bars>,
    quarters: Vec<(usize, String)>,
    last: String,
}

/// Draws accepted and rejected elements per minute on scales of their own, with a mark where callers were answered 429.
#[expect(clippy::cast_precision_loss, reason = "heights in pixels")]
pub(crate) fn hour(minutes: &[Minute]) -> Html {
    let most = |of: fn(&Minute) -> u64| minutes.iter().map(of).max().unwrap_or_default();
    let (accepted_max, rejected_max) = (most(|m| m.accepted), most(|m| m.rejected));
    let (accepted_top, rejected_top) = (top(accepted_max), top(rejected_max));
    let step = 100.0 / minutes.len().max(1) as f64;
    let at = |minute: Option<&Minute>| minute.map_or("", |m| &m.at).to_owned();
    let (first, last) = (at(minutes.first()), at(minutes.last()));
    let label = format!(
        "Elements per minute, {first} to {last}: at most {} accepted and {} rejected in one",
        count(accepted_max),
        count(rejected_max),
    );
    let bars =
        minutes.iter().enumerate().map(|(n, minute)| bars(minute, n as f64 * step, (accepted_top, rejected_top)));
    render(&HourChart {
        label,
        scales: [
            Scale { y: 10, line: 18, words: "Accepted elements per minute", top: accepted_top },
            Scale { y: 145, line: 152, words: "Rejected per minute", top: rejected_top },
        ],
        step: format!("{step:.2}"),
        bar: format!("{:.2}", step * 0.78),
        bars: bars.collect(),
        quarters: (0..4).map(|quarter| (quarter * 25, at(minutes.get(minutes.len() * quarter / 4)))).collect(),
        last,
    })
}

/// Computes the bars of one minute.
#[expect(clippy::cast_precision_loss, reason = "heights in pixels")]
fn bars(minute: &Minute, x: f64, (accepted_top, rejected_top): (u64, u64)) -> Bars {
    let tall = |n: u64, of: u64, pixels: f64| n as f64 / of as f64 * pixels;
    let accepted = tall(minute.accepted, accepted_top, ACCEPTED_BASE - ACCEPTED_TOP);
    let rejected = tall(minute.rejected, rejected_top, REJECTED_BASE - REJECTED_TOP).max(1.0);
    Bars {
        x: format!("{x:.2}"),
        at: minute.at.clone(),
        accepted: minute.accepted,
        rejected: minute.rejected,
        is_limited: minute.limited > 0,
        accepted_y: format!("{:.1}", ACCEPTED_BASE - accepted),
        accepted_height: format!("{accepted:.1}"),
        rejected_y: format!("{:.1}", REJECTED_BASE - rejected),
        rejected_height: format!("{rejected:.1}"),
    }
}

/// Sizes of groups that share a row: from this one to below the next.
const SIZES: [u64; 7] = [2, 3, 4, 5, 10, 50, 100];
/// Pixels of a row.
const ROW: usize = 24;

/// One row of the chart of groups: its size in words, the bar in percent, the number of groups.
struct GroupRow {
    size: String,
    text_y: usize,
    bar_y: usize,
    width: String,
    number: u64,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<svg class="chart" height="{{ height }}" role="img" aria-label="Groups by size: {{ label }}">{% for it in rows %}<text x="0" y="{{ it.text_y }}">{{ it.size }}</text><rect class="bar-merged" x="80" y="{{ it.bar_y }}" width="{{ it.width }}%" height="12"/><text class="end" x="100%" y="{{ it.text_y }}">{{ numbers::count(*it.number) }}</text>{% endfor %}</svg>"#
)]
struct GroupChart {
    height: usize,
    label: String,
    rows: Vec<GroupRow>,
}

/// Draws a bar for the number of groups of each size.
#[expect(clippy::cast_precision_loss, reason = "widths in percent")]
pub(crate) fn groups(groups: &[(u64, u64)]) -> Html {
    let of = |at: usize| {
        let end = SIZES.get(at + 1).copied().unwrap_or(u64::MAX);
        let within = groups.iter().filter(|(size, _)| (SIZES[at]..end).contains(size));
        let words = match end {
            u64::MAX => format!("{} or more", SIZES[at]),
            end if end == SIZES[at] + 1 => SIZES[at].to_string(),
            end => format!("{} to {}", SIZES[at], end - 1),
        };
        (words, within.map(|(_, n)| n).sum::<u64>())
    };
    let rows: Vec<(String, u64)> = (0..SIZES.len()).map(of).filter(|(_, n)| *n > 0).collect();
    let most = rows.iter().map(|(_, n)| *n).max().unwrap_or(1);
    let words: Vec<String> = rows.iter().map(|(size, n)| format!("{} of {size}", count(*n))).collect();
    let height = rows.len() * ROW;
    let row = |(at, (size, number)): (usize, (String, u64))| GroupRow {
        size,
        text_y: at * ROW + 13,
        bar_y: at * ROW + 3,
        // The bar leaves room for the size before it and the number behind; the smallest is still seen.
        width: format!("{:.1}", (number as f64 * 56.0 / most as f64).max(0.2)),
        number,
    };
    let rows = rows.into_iter().enumerate().map(row).collect();
    render(&GroupChart { height, label: words.join(", "), rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_scale_is_the_next_round_number() {
        assert_eq!([0, 1, 3, 20, 21, 17_614].map(top), [1, 1, 5, 20, 50, 20_000]);
    }

    #[test]
    fn groups_of_near_sizes_are_told_together_and_a_rare_size_is_still_seen() {
        let drawn = groups(&[(2, 1_000), (5, 1), (9, 1), (120, 1)]);
        let want = "<svg class=\"chart\" height=\"72\" role=\"img\" aria-label=\"Groups by size: 1,000 of 2, 2 of 5 to 9, 1 of 100 or more\">\
            <text x=\"0\" y=\"13\">2</text><rect class=\"bar-merged\" x=\"80\" y=\"3\" width=\"56.0%\" height=\"12\"/><text class=\"end\" x=\"100%\" y=\"13\">1,000</text>\
            <text x=\"0\" y=\"37\">5 to 9</text><rect class=\"bar-merged\" x=\"80\" y=\"27\" width=\"0.2%\" height=\"12\"/><text class=\"end\" x=\"100%\" y=\"37\">2</text>\
            <text x=\"0\" y=\"61\">100 or more</text><rect class=\"bar-merged\" x=\"80\" y=\"51\" width=\"0.2%\" height=\"12\"/><text class=\"end\" x=\"100%\" y=\"61\">1</text></svg>";
        assert_eq!(drawn.as_str(), want);
    }
}
