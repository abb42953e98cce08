//! Text as markup: text from outside, words of the console, and how pieces are put together.

use super::markup::{Html, render};
use crate::limits::CONSOLE_VALUE_CHARS_MAX;
use askama::Template;
use serde_json::Value as Json;

/// Returns whether a character changes how others are shown, or shows nothing: pages show its number.
pub(super) fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}')
}

/// A run of visible characters, and the hidden character after it.
struct Piece {
    text: String,
    /// Its code point in hexadecimal digits; empty at the end.
    hidden: String,
}

/// Text with its hidden characters shown by their numbers.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"{% for piece in pieces %}{{ piece.text }}{% if piece.hidden != "" %}<span class="tag warn">U+{{ piece.hidden }}</span>{% endif %}{% endfor %}{% if is_cut %}&hellip;{% endif %}"#
)]
struct Visible {
    pieces: Vec<Piece>,
    is_cut: bool,
}

/// Renders text with its hidden characters shown by their numbers, cut after `chars_max` characters.
pub(super) fn visible(text: &str, chars_max: usize) -> Html {
    let mut pieces = vec![Piece { text: String::new(), hidden: String::new() }];
    for letter in text.chars().take(chars_max) {
        let Some(last) = pieces.last_mut() else { continue };
        if is_hidden(letter) {
            last.hidden = format!("{:04X}", u32::from(letter));
            pieces.push(Piece { text: String::new(), hidden: String::new() });
        } else {
            last.text.push(letter);
        }
    }
    render(&Visible { pieces, is_cut: text.chars().nth(chars_max).is_some() })
}

/// Returns text without what an attribute must not hold.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|letter| !is_hidden(*letter)).take(CONSOLE_VALUE_CHARS_MAX).collect()
}

#[derive(Template)]
#[template(ext = "html", source = "<bdi>{{ text }}</bdi>")]
struct Phrase {
    text: Html,
}

/// Renders text from outside as a phrase of its own: its direction is isolated, hidden characters are shown by number, and
/// it is cut at a bound.
pub(crate) fn phrase(text: &str) -> Html {
    render(&Phrase { text: visible(text, CONSOLE_VALUE_CHARS_MAX) })
}

#[derive(Template)]
#[template(ext = "html", source = r#"<bdi class="clip" title="{{ title }}">{{ text }}</bdi>"#)]
struct Clipped {
    title: String,
    text: Html,
}

/// Renders text from outside on one line, cut where the line ends.
pub(crate) fn clipped(text: &str) -> Html {
    render(&Clipped { title: plain(text), text: visible(text, CONSOLE_VALUE_CHARS_MAX) })
}

#[derive(Template)]
#[template(ext = "html", source = r#"<span class="none"></span>"#)]
struct Nothing;

/// Renders a JSON value on one line.
pub(crate) fn value(value: &Json) -> Html {
    match value {
        Json::Null => render(&Nothing),
        Json::String(text) => phrase(text),
        other => phrase(&other.to_string()),
    }
}

/// Renders a JSON value on one line, or that there is none.
pub(crate) fn optional_value(it: Option<&Json>) -> Html {
    value(it.unwrap_or(&Json::Null))
}

#[derive(Template)]
#[template(ext = "html", source = r#"<span class="{{ class }}">{{ content }}</span>"#)]
struct Span<'a> {
    class: &'a str,
    content: Html,
}

/// Renders markup with a class.
pub(super) fn span(class: &str, content: Html) -> Html {
    render(&Span { class, content })
}

/// Renders a value from outside as the subject of a sentence.
pub(crate) fn mono(text: &str) -> Html {
    span("mono", phrase(text))
}

#[derive(Template)]
#[template(ext = "html", source = "{{ words }}")]
struct Words<'a> {
    words: &'a str,
}

/// Renders words of the console.
pub(crate) fn words(words: &str) -> Html {
    render(&Words { words })
}

/// Renders words that explain, in the place of a value.
pub(crate) fn muted(text: &str) -> Html {
    span("muted", words(text))
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<a{% if class != "" %} class="{{ class }}"{% endif %} href="{{ href }}">{{ text }}</a>"#
)]
struct Link<'a> {
    class: &'a str,
    text: &'a str,
    href: &'a str,
}

/// Renders a link with a class, or without if that is empty.
pub(super) fn anchor(class: &str, text: &str, href: &str) -> Html {
    render(&Link { class, text, href })
}

/// Renders an id as a link, without a button.
pub(crate) fn link(text: &str, href: &str) -> Html {
    anchor("mono", text, href)
}

#[derive(Template)]
#[template(ext = "html", source = "{% for piece in pieces %}{% if !loop.first %} {% endif %}{{ piece }}{% endfor %}")]
struct Row<'a> {
    pieces: &'a [Html],
}

/// Renders pieces of markup beside each other.
pub(crate) fn row(pieces: &[Html]) -> Html {
    render(&Row { pieces })
}

/// Renders two pieces with a word between them.
pub(crate) fn pair(first: &Html, word: &str, second: &Html) -> Html {
    row(&[first.clone(), words(word), second.clone()])
}

/// Renders a word and a piece after it.
pub(crate) fn with_word(word: &str, part: &Html) -> Html {
    row(&[words(word), part.clone()])
}

/// Renders a piece with a label before it that names its owner.
pub(crate) fn with_label(label: &str, it: &Html) -> Html {
    row(&[span("meta mono", words(label)), it.clone()])
}

#[derive(Template)]
#[template(ext = "html", source = "{% for piece in pieces %}<div>{{ piece }}</div>{% endfor %}")]
struct Lines {
    pieces: Vec<Html>,
}

/// Renders pieces of markup below each other.
pub(crate) fn lines(pieces: impl Iterator<Item = Html>) -> Html {
    render(&Lines { pieces: pieces.collect() })
}

#[derive(Template)]
#[template(ext = "html", source = r#"{% if is_current %} aria-current="page"{% endif %}"#)]
struct Current {
    is_current: bool,
}

/// Renders the attribute that marks the current page among links.
pub(crate) fn current(is_current: bool) -> Html {
    render(&Current { is_current })
}
