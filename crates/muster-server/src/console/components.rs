//! The components of the component sheet as functions: text from outside, ids, outcomes, times, the element map, code,
//! charts. Each is rendered by a template, which escapes every value.

mod chart;
mod code;
mod forms;
mod identifiers;
mod markup;
mod numbers;
mod outcomes;
mod text;
mod time;
mod tree;

pub(crate) use chart::{Minute, groups, hour};
pub(crate) use code::{json_code, json_text};
pub(crate) use forms::{confirm, confirm_foot};
pub(crate) use identifiers::{command, copy, id, id_link, identifier_status, key, short};
pub(crate) use markup::{Html, icon, render};
pub(crate) use numbers::{bytes, count, count_noun, count_outcome, duration, noun_for};
pub(crate) use outcomes::{error, fault, map, outcome, rate, status, warning};
pub(crate) use text::{
    clipped, current, lines, link, mono, muted, optional_value, pair, phrase, row, value, with_label, with_word, words,
};
pub(crate) use time::{Instant, Style, TimeFormatter};
pub(crate) use tree::{TreeRow, tree};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CONSOLE_VALUE_CHARS_MAX;

    #[test]
    fn text_from_outside_is_never_markup_and_hidden_characters_are_told() {
        let hostile = "<b title='x'>\u{202e}\u{0}&\"";
        let want = "<bdi>&#60;b title=&#39;x&#39;&#62;<span class=\"tag warn\">U+202E</span>\
                    <span class=\"tag warn\">U+0000</span>&#38;&#34;</bdi>";
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
