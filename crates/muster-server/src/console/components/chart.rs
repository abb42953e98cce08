//! Charts as SVG, drawn on the server: x in percent and y in pixels, so that they stretch and their text never scales.

use super::{Html, count, escaped, put};

/// One minute of the hour chart.
#[derive(Clone, Debug)]
pub(crate) struct Minute {
    /// Its clock time, as it is said.
    pub(crate) at: String,
    /// Elements that were accepted and rejected, and requests that were answered 429.
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) limited: u64,
}

/// The next number of the form 1, 2 or 5 times a power of ten: the top of a scale.
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

/// Accepted and rejected elements a minute on scales of their own, with a mark where callers were answered 429.
#[expect(clippy::cast_precision_loss, reason = "heights in pixels")]
pub(crate) fn hour(minutes: &[Minute]) -> Html {
    let most = |of: fn(&Minute) -> u64| top(minutes.iter().map(of).max().unwrap_or_default());
    let (accepted_top, rejected_top) = (most(|m| m.accepted), most(|m| m.rejected));
    let step = 100.0 / minutes.len().max(1) as f64;
    let ends = (minutes.first().map_or("", |m| &m.at), minutes.last().map_or("", |m| &m.at));
    let label = format!(
        "Elements per minute, {} to {}: at most {} accepted and {} rejected in one",
        ends.0,
        ends.1,
        count(minutes.iter().map(|m| m.accepted).max().unwrap_or_default()),
        count(minutes.iter().map(|m| m.rejected).max().unwrap_or_default()),
    );
    let mut out = format!("<svg class=\"chart\" height=\"216\" role=\"img\" aria-label=\"{}\">", escaped(&label));
    for (y, words, top) in
        [(10, "Accepted elements per minute", accepted_top), (145, "Rejected per minute", rejected_top)]
    {
        let line = y + 8 - y % 2;
        put(
            &mut out,
            format_args!(
                "<text x=\"0\" y=\"{y}\">{words}</text><text class=\"end\" x=\"100%\" y=\"{y}\">{}</text>\
             <line class=\"grid-line\" x1=\"0\" x2=\"100%\" y1=\"{line}\" y2=\"{line}\"/>",
                count(top)
            ),
        );
    }
    for (n, minute) in minutes.iter().enumerate() {
        bars(&mut out, minute, (n as f64 * step, step), (accepted_top, rejected_top));
    }
    for base in [ACCEPTED_BASE, REJECTED_BASE] {
        put(&mut out, format_args!("<line class=\"axis\" x1=\"0\" x2=\"100%\" y1=\"{base}\" y2=\"{base}\"/>"));
    }
    for quarter in 0..4 {
        let at = minutes.get(minutes.len() * quarter / 4).map_or("", |m| &m.at);
        put(&mut out, format_args!("<text x=\"{}%\" y=\"212\">{}</text>", quarter * 25, escaped(at)));
    }
    put(&mut out, format_args!("<text class=\"end\" x=\"100%\" y=\"212\">{}</text></svg>", escaped(ends.1)));
    Html(out)
}

/// The bars of one minute, and the mark of its answers of 429.
#[expect(clippy::cast_precision_loss, reason = "heights in pixels")]
fn bars(out: &mut String, minute: &Minute, (x, step): (f64, f64), (accepted_top, rejected_top): (u64, u64)) {
    let tall = |n: u64, of: u64, pixels: f64| n as f64 / of as f64 * pixels;
    let ok = tall(minute.accepted, accepted_top, ACCEPTED_BASE - ACCEPTED_TOP);
    let bad = tall(minute.rejected, rejected_top, REJECTED_BASE - REJECTED_TOP);
    let bar = step * 0.78;
    put(
        out,
        format_args!(
            "<g><title>{}: {} accepted, {} rejected</title><rect class=\"band\" x=\"{x:.2}%\" y=\"18\" width=\"{step:.2}%\" height=\"178\"/>",
            escaped(&minute.at),
            count(minute.accepted),
            count(minute.rejected)
        ),
    );
    if minute.accepted > 0 {
        let y = ACCEPTED_BASE - ok;
        put(
            out,
            format_args!(
                "<rect class=\"bar-ok\" x=\"{x:.2}%\" y=\"{y:.1}\" width=\"{bar:.2}%\" height=\"{ok:.1}\"/>\
             <rect class=\"cap\" x=\"{x:.2}%\" y=\"{y:.1}\" width=\"{bar:.2}%\" height=\"2\"/>"
            ),
        );
    }
    if minute.rejected > 0 {
        let (y, bad) = (REJECTED_BASE - bad.max(1.0), bad.max(1.0));
        put(
            out,
            format_args!(
                "<rect class=\"bar-bad\" x=\"{x:.2}%\" y=\"{y:.1}\" width=\"{bar:.2}%\" height=\"{bad:.1}\"/>"
            ),
        );
    }
    if minute.limited > 0 {
        put(out, format_args!("<line class=\"mark\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"14\" y2=\"196\"/>"));
    }
    out.push_str("</g>");
}

/// Sizes of groups that are told together: from this one to below the next.
const SIZES: [u64; 7] = [2, 3, 4, 5, 10, 50, 100];
/// Pixels of a row.
const ROW: usize = 24;

/// How many groups there are of which size, a bar each.
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
    let (height, label) = (rows.len() * ROW, words.join(", "));
    let mut out =
        format!("<svg class=\"chart\" height=\"{height}\" role=\"img\" aria-label=\"Groups by size: {label}\">");
    for (at, (size, n)) in rows.iter().enumerate() {
        // The bar leaves room for the size before it and the number behind; the smallest is still seen.
        let (text, bar, width) = (at * ROW + 13, at * ROW + 3, (*n as f64 * 56.0 / most as f64).max(0.2));
        put(
            &mut out,
            format_args!(
                "<text x=\"0\" y=\"{text}\">{size}</text><rect class=\"bar-merged\" x=\"80\" y=\"{bar}\" \
                 width=\"{width:.1}%\" height=\"12\"/><text class=\"end\" x=\"100%\" y=\"{text}\">{}</text>",
                count(*n)
            ),
        );
    }
    out.push_str("</svg>");
    super::markup(out)
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
