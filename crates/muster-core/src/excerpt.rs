//! Names and pointers of a request as warnings and faults quote them: shortened to one bound for answers, the log and
//! the quarantine, so that a small body cannot cause large entries.

use crate::limits::EXCERPT_BYTES_MAX;

const ELLIPSIS: char = '\u{2026}';

/// Returns the string, shortened with an ellipsis if it is longer than [`EXCERPT_BYTES_MAX`].
pub fn excerpt(text: Box<str>) -> Box<str> {
    if text.len() <= EXCERPT_BYTES_MAX { text } else { cut(&text) }
}

/// Returns the same for a borrowed string.
pub fn excerpt_of(text: &str) -> Box<str> {
    if text.len() <= EXCERPT_BYTES_MAX { text.into() } else { cut(text) }
}

fn cut(text: &str) -> Box<str> {
    let mut cut = text[..text.floor_char_boundary(EXCERPT_BYTES_MAX - ELLIPSIS.len_utf8())].to_owned();
    cut.push(ELLIPSIS);
    cut.into()
}

#[cfg(test)]
mod tests {
    use super::{excerpt, excerpt_of};
    use crate::limits::EXCERPT_BYTES_MAX;

    // Fails when `excerpt` and `cut` use different lengths, or `cut` splits a character.
    #[test]
    fn a_long_string_is_shortened_at_a_whole_character() {
        let whole = "x".repeat(EXCERPT_BYTES_MAX);
        assert_eq!(*excerpt_of(&whole), *whole);
        let umlauts = "\u{e4}".repeat(EXCERPT_BYTES_MAX);
        let want = format!("{}\u{2026}", "\u{e4}".repeat(126));
        assert_eq!([excerpt_of(&umlauts), excerpt(umlauts.into())], [want.clone().into(), want.into()]);
    }
}
