//! The components of the component sheet as functions: text from outside, ids, outcomes, times, the element map, code,
//! charts. Each is rendered by a template, which escapes every value.

mod chart;
mod code;
#[cfg(test)]
mod properties;
mod time;
mod tree;

pub(crate) use chart::{Minute, groups, hour};
pub(crate) use code::{json_code, json_text};
pub(crate) use time::{Instant, Style, TimeFormatter};
pub(crate) use tree::{TreeRow, tree};

use crate::limits::CONSOLE_VALUE_CHARS_MAX;
use muster_wire::manage::element_report::{FaultDocument, WarningDocument};
use serde_json::Value as Json;
use std::fmt::{self, Display, Write as _};

/// Markup that is ready: templates take it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Html(String);

impl Html {
    /// Markup that the caller has made of escaped parts.
    fn from_markup(markup: impl Into<String>) -> Self {
        Self(markup.into())
    }

    /// The markup with words behind it.
    pub(crate) fn then(&self, words: &str) -> Self {
        Self(format!("{} {}", self.0, escaped(words)))
    }

    /// The markup.
    #[cfg(test)]
    fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

/// Markup that a template made.
pub(crate) fn markup(markup: String) -> Html {
    Html(markup)
}

/// Text for markup and attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

/// Whether a character changes how others are shown, or shows nothing: it is told by its number.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}')
}

/// Renders text from outside as a phrase of its own: its direction is isolated, hidden characters are shown by number, and
/// it is cut at a bound.
pub(crate) fn phrase(text: &str) -> Html {
    Html(format!("<bdi>{}</bdi>", visible(text)))
}

/// The same on one line, cut where the line ends.
pub(crate) fn clipped(text: &str) -> Html {
    Html(format!("<bdi class=\"clip\" title=\"{}\">{}</bdi>", escaped(&plain(text)), visible(text)))
}

/// Without what an attribute must not hold.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !is_hidden(*letter)).take(CONSOLE_VALUE_CHARS_MAX).collect()
}

fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, letter) in text.chars().enumerate() {
        if at == CONSOLE_VALUE_CHARS_MAX {
            out.push_str("&hellip;");
            break;
        }
        if is_hidden(letter) {
            put(&mut out, format_args!("<span class=\"tag warn\">U+{:04X}</span>", u32::from(letter)));
        } else {
            out.push_str(&escaped(letter.encode_utf8(&mut [0; 4])));
        }
    }
    out
}

fn put(out: &mut String, markup: fmt::Arguments<'_>) {
    out.write_fmt(markup).expect("writing to memory does not fail");
}

/// A value of JSON on one line.
pub(crate) fn value(value: &Json) -> Html {
    match value {
        Json::Null => Html("<span class=\"none\"></span>".to_owned()),
        Json::String(text) => phrase(text),
        other => phrase(&other.to_string()),
    }
}

/// A value of JSON on one line, or that there is none.
pub(crate) fn optional_value(it: Option<&Json>) -> Html {
    value(it.unwrap_or(&Json::Null))
}

/// What marks the page that is shown among links.
pub(crate) fn current(is_current: bool) -> Html {
    Html::from_markup(if is_current { " aria-current=\"page\"" } else { "" })
}

/// An icon of the sprite.
pub(crate) fn icon(name: &str, size: u8) -> Html {
    Html(format!(
        "<svg class=\"icon\" width=\"{size}\" height=\"{size}\" aria-hidden=\"true\"><use href=\"#{name}\"/></svg>"
    ))
}

/// A button that copies a value; `what` says of it in one or two words.
pub(crate) fn copy(value: &str, what: &str) -> Html {
    Html(format!(
        "<button class=\"copy\" type=\"button\" data-copy=\"{}\" aria-label=\"Copy {}\">{}</button>",
        escaped(value),
        escaped(what),
        icon("i-copy", 14)
    ))
}

/// A value worth pasting into a terminal.
pub(crate) fn id(value: impl Display, what: &str) -> Html {
    let value = &value.to_string();
    Html(format!("<span class=\"id\"><span>{}</span>{}</span>", phrase(value), copy(value, what)))
}

/// The same as a link.
pub(crate) fn id_link(value: impl Display, href: &str, what: &str) -> Html {
    let value = &value.to_string();
    let link = format!("<a href=\"{}\">{}</a>", escaped(href), escaped(value));
    Html(format!("<span class=\"id\">{link}{}</span>", copy(value, what)))
}

/// A value with its kind before it.
pub(crate) fn key(kind: &str, value: &str) -> Html {
    let kind = format!("<span class=\"kind\">{}</span>", phrase(kind));
    Html(format!("<span class=\"id\">{kind}<span>{}</span>{}</span>", phrase(value), copy(value, "value")))
}

/// Markup with a word before it that says whose it is.
pub(crate) fn with_label(label: &str, it: &Html) -> Html {
    Html(format!("<span class=\"meta mono\">{}</span> {it}", escaped(label)))
}

/// Pieces of markup below each other.
pub(crate) fn lines(pieces: impl Iterator<Item = Html>) -> Html {
    let mut out = String::new();
    pieces.for_each(|piece| put(&mut out, format_args!("<div>{piece}</div>")));
    Html(out)
}

/// An id of 24 characters where there is no room: its ends.
pub(crate) fn short(id: impl Display) -> String {
    let id = id.to_string();
    match (id.get(..6), id.get(id.len().saturating_sub(4)..)) {
        (Some(first), Some(last)) if id.len() == 24 => format!("{first}\u{2026}{last}"),
        _ => id,
    }
}

/// The outcomes that have a glyph and a colour.
const OUTCOMES: [&str; 8] = ["created", "updated", "merged", "skipped", "duplicate", "rejected", "warning", "accepted"];

/// An outcome: glyph, colour and words.
pub(crate) fn outcome(name: &str, words: impl AsRef<str>) -> Html {
    let name = OUTCOMES.into_iter().find(|known| *known == name).unwrap_or("updated");
    let words = escaped(words.as_ref());
    Html(format!("<span class=\"outcome {name}\">{}<span>{words}</span></span>", icon(&format!("o-{name}"), 16)))
}

/// Renders the status of an identifier: current, alias or former.
pub(crate) fn identifier_status(name: &'static str) -> Html {
    Html(format!("<span class=\"identifier-status {name}\">{}{name}</span>", icon(&format!("s-{name}"), 14)))
}

/// A status of HTTP.
pub(crate) fn status(status: u64) -> Html {
    let tone = match status {
        200..=399 => "",
        429 => " warn",
        _ => " bad",
    };
    Html(format!("<span class=\"http{tone}\">{status}</span>"))
}

/// A count as templates hand it in: as it is, or by reference.
pub(crate) trait Count {
    /// The count.
    fn number(self) -> u64;
}

impl Count for u64 {
    fn number(self) -> u64 {
        self
    }
}

impl<C: Count + Copy> Count for &C {
    fn number(self) -> u64 {
        (*self).number()
    }
}

impl Count for usize {
    fn number(self) -> u64 {
        self as u64
    }
}

/// A count with its thousands apart.
pub(crate) fn count(n: impl Count) -> String {
    let digits = n.number().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a count with its noun, in the singular or the plural.
pub(crate) fn count_noun(n: impl Count, noun: &str) -> String {
    let n = n.number();
    format!("{} {}", count(n), noun_for(n, noun))
}

/// Returns a noun in the number that a count needs.
pub(crate) fn noun_for(n: impl Count, noun: &str) -> String {
    if n.number() == 1 { noun.to_owned() } else { plural(noun) }
}

/// Returns the regular plural of a noun: "addresses", "entries", "keys", "users".
fn plural(noun: &str) -> String {
    const SIBILANTS: [&str; 4] = ["s", "x", "ch", "sh"];
    let is_vowel = |letter: char| "aeiou".contains(letter);
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(is_vowel) => format!("{stem}ies"),
        _ if SIBILANTS.iter().any(|end| noun.ends_with(end)) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

/// A count with the name of an outcome.
pub(crate) fn count_outcome(n: impl Count, name: &str) -> String {
    format!("{} {name}", count(n))
}

/// A size in bytes, decimal as the limits of the API are told.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..=999 => format!("{n} B"),
        1_000..=999_999 => format!("{:.1} KB", n as f64 / 1e3),
        1_000_000..=999_999_999 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

/// A duration in microseconds.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn duration(micros: u64) -> String {
    match micros {
        0..=999_999 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
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

/// The element map: one rectangle for each run of equal outcomes, in the order of the elements.
#[expect(clippy::cast_precision_loss, reason = "percents of at most a few thousand elements")]
pub(crate) fn map<'o>(outcomes: impl IntoIterator<Item = (&'o str, u64)>, is_mini: bool) -> Html {
    let mut runs: Vec<(&str, u64)> = Vec::new();
    for (outcome, n) in outcomes.into_iter().filter(|(_, n)| *n > 0) {
        match runs.last_mut() {
            Some((last, so_far)) if *last == outcome => *so_far += n,
            _ => runs.push((outcome, n)),
        }
    }
    let all: u64 = runs.iter().map(|(_, n)| n).sum();
    let mut out = format!("<svg class=\"map{}\" aria-hidden=\"true\">", if is_mini { " mini" } else { "" });
    let mut at = 0;
    for (outcome, n) in runs {
        let (name, y, height) = run_of(outcome, is_mini);
        let (x, width) = (at as f64 / all as f64 * 100.0, (n as f64 / all as f64 * 100.0).max(RUN_PERCENT_MIN));
        let x = x.min(100.0 - width);
        put(
            &mut out,
            format_args!("<rect class=\"{name}\" x=\"{x:.2}%\" y=\"{y}\" width=\"{width:.2}%\" height=\"{height}\"/>"),
        );
        at += n;
    }
    out.push_str("</svg>");
    Html(out)
}

/// A fault of an element: its type, where it is, what it says.
pub(crate) fn fault(fault: &FaultDocument) -> Html {
    let (kind, place) = (outcome("rejected", &fault.kind), pointer(&fault.pointer));
    Html(format!("{kind}{place}: {}", phrase(&fault.message)))
}

/// Where something is in an element; nothing where that is the whole of it.
fn pointer(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!(" at <code>{}</code>", phrase(pointer)) }
}

/// The first error of a request in one line, and how many more there are.
pub(crate) fn error(kind: &str, message: &str, more: u64) -> Html {
    let more = if more == 0 { String::new() } else { format!(" and {} more", count(more)) };
    Html(format!("<span>{} {}{more}</span>", outcome("rejected", format!("{kind}:")), phrase(message)))
}

/// A warning: its code, what it is about, where it is, how often.
pub(crate) fn warning(warning: &WarningDocument) -> Html {
    let about = if warning.name.is_empty() { String::new() } else { format!(" {}", phrase(&warning.name)) };
    let times = if warning.count > 1 { format!(", {} times", count(warning.count)) } else { String::new() };
    let (code, place) = (outcome("warning", &warning.code), pointer(&warning.pointer));
    Html(format!("{code}{about}{place}{times}"))
}

/// Renders a value from outside as the subject of a sentence.
pub(crate) fn mono(text: &str) -> Html {
    Html(format!("<span class=\"mono\">{}</span>", phrase(text)))
}

/// Requests of a second beside the entry of the navigation; nothing while none comes.
pub(crate) fn rate(per_second: f64) -> Html {
    if per_second > 0.0 { Html(format!("<span class=\"count\">{per_second:.1}/s</span>")) } else { Html::default() }
}

/// The console's own words, as markup.
pub(crate) fn words(words: &str) -> Html {
    Html(escaped(words))
}

/// An id as a link, without a button.
pub(crate) fn link(text: &str, href: &str) -> Html {
    Html(format!("<a class=\"mono\" href=\"{}\">{}</a>", escaped(href), escaped(text)))
}

/// Words that explain, in the place of a value.
pub(crate) fn muted(words: &str) -> Html {
    Html(format!("<span class=\"muted\">{}</span>", escaped(words)))
}

/// Two parts and a word between them.
pub(crate) fn pair(first: &Html, word: &str, second: &Html) -> Html {
    Html(format!("{first} {} {second}", escaped(word)))
}

/// A word and a part behind it.
pub(crate) fn with_word(word: &str, part: &Html) -> Html {
    Html(format!("{} {part}", escaped(word)))
}

/// The field of a dangerous action that asks for a name; its id is `stem` with what tells it from others on the page.
pub(crate) fn confirm(stem: &str, of: &str, name: &str) -> Html {
    let (id, name) = (escaped(&format!("{stem}{of}")), escaped(name));
    Html(format!(
        "<div class=\"field\"><label for=\"{id}\">Type <code>{name}</code> to confirm</label>\n\
         <input type=\"text\" class=\"input mono\" id=\"{id}\" name=\"confirm\" required pattern=\"{name}\" \
         title=\"Type {name} exactly\" autocomplete=\"off\" spellcheck=\"false\" data-confirm></div>"
    ))
}

/// The foot of a dialog: back, or do what `words` say.
pub(crate) fn confirm_foot(words: &str) -> Html {
    Html(format!(
        "<footer><a class=\"button\" href=\"#\" data-close>Cancel</a>\
         <button type=\"submit\" class=\"button danger primary\">{}</button></footer>",
        escaped(words)
    ))
}

/// A command that is ready to run.
pub(crate) fn command(text: &str, what: &str) -> Html {
    let (shown, copy) = (escaped(text), copy(text, what));
    let what = escaped(what);
    Html(format!(
        "<div class=\"command\"><pre class=\"code\" tabindex=\"0\" role=\"region\" aria-label=\"{what}\"><code>{shown}</code></pre>{copy}</div>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_never_markup_and_hidden_characters_are_told() {
        let hostile = "<b title='x'>\u{202e}\u{0}&\"";
        let want = "<bdi>&lt;b title=&#39;x&#39;&gt;<span class=\"tag warn\">U+202E</span>\
                    <span class=\"tag warn\">U+0000</span>&amp;&quot;</bdi>";
        assert_eq!(phrase(hostile).as_str(), want);
        assert!(!clipped(hostile).as_str().contains("<b "), "{}", clipped(hostile));
        let long = phrase(&"x".repeat(CONSOLE_VALUE_CHARS_MAX + 1));
        assert_eq!(long.as_str().matches('x').count(), CONSOLE_VALUE_CHARS_MAX);
    }

    #[test]
    fn numbers_are_told_as_people_read_them() {
        assert_eq!([0_u64, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([count_noun(1_u64, "user"), count_noun(2_000_u64, "user")], ["1 user", "2,000 users"]);
        assert_eq!([999, 97_800, 3_100_000].map(bytes), ["999 B", "97.8 KB", "3.1 MB"]);
        assert_eq!([41_300, 2_500_000].map(duration), ["41.3 ms", "2.50 s"]);
        assert_eq!(short("6b04f0a2c18e4d7709b1003e"), "6b04f0\u{2026}003e");
    }

    // Fails when `plural` adds an s alone.
    #[test]
    fn a_count_has_its_noun_in_the_right_number() {
        let nouns = ["address", "entry", "key", "branch", "further value"];
        assert_eq!(
            nouns.map(|noun| count_noun(1_u64, noun)),
            ["1 address", "1 entry", "1 key", "1 branch", "1 further value"]
        );
        let many = ["0 addresses", "0 entries", "0 keys", "0 branches", "0 further values"];
        assert_eq!(nouns.map(|noun| count_noun(0_u64, noun)), many);
    }

    #[test]
    fn equal_outcomes_beside_each_other_are_one_run_of_the_map_and_a_small_one_is_still_seen() {
        let outcomes = std::iter::repeat_n(("updated", 1), 999).chain([("rejected", 1)]);
        let want = "<svg class=\"map\" aria-hidden=\"true\">\
            <rect class=\"updated\" x=\"0.00%\" y=\"20\" width=\"99.90%\" height=\"8\"/>\
            <rect class=\"rejected\" x=\"99.50%\" y=\"0\" width=\"0.50%\" height=\"28\"/></svg>";
        assert_eq!(map(outcomes, false).as_str(), want);
    }
}
