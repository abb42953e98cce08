//! Ids, identifiers and commands, with a button that copies them.

use super::markup::{Html, icon, render};
use super::text::{anchor, phrase, span};
use askama::Template;
use std::fmt::Display;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<button class="copy" type="button" data-copy="{{ value }}" aria-label="Copy {{ what }}">{{ icon }}</button>"#
)]
struct Copy<'a> {
    value: &'a str,
    what: &'a str,
    icon: Html,
}

/// Renders a button that copies a value; `what` names it in one or two words.
pub(crate) fn copy(value: &str, what: &str) -> Html {
    render(&Copy { value, what, icon: icon("i-copy", 14) })
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<span class="id">{% if let Some(kind) = kind %}<span class="kind">{{ kind }}</span>{% endif %}<span>{{ value }}</span>{{ copy }}</span>"#
)]
struct Id {
    kind: Option<Html>,
    value: Html,
    copy: Html,
}

/// Renders a value worth pasting into a terminal.
pub(crate) fn id(value: impl Display, what: &str) -> Html {
    let value = &value.to_string();
    render(&Id { kind: None, value: phrase(value), copy: copy(value, what) })
}

/// Renders an identifier: its kind and its value.
pub(crate) fn key(kind: &str, value: &str) -> Html {
    render(&Id { kind: Some(phrase(kind)), value: phrase(value), copy: copy(value, "value") })
}

#[derive(Template)]
#[template(ext = "html", source = r#"<span class="id">{{ link }}{{ copy }}</span>"#)]
struct IdLink {
    link: Html,
    copy: Html,
}

/// Renders an id as a link.
pub(crate) fn id_link(value: impl Display, href: &str, what: &str) -> Html {
    let value = &value.to_string();
    render(&IdLink { link: anchor("", value, href), copy: copy(value, what) })
}

/// Returns the first six and the last four characters of an id of 24, with an ellipsis between; others unchanged.
pub(crate) fn short(id: impl Display) -> String {
    let id = id.to_string();
    match (id.get(..6), id.get(id.len().saturating_sub(4)..)) {
        (Some(first), Some(last)) if id.len() == 24 => format!("{first}\u{2026}{last}"),
        _ => id,
    }
}

#[derive(Template)]
#[template(ext = "html", source = "{{ icon }}{{ name }}")]
struct Status<'a> {
    icon: Html,
    name: &'a str,
}

/// Renders the status of an identifier: current, alias or former.
pub(crate) fn identifier_status(name: &'static str) -> Html {
    let content = render(&Status { icon: icon(&format!("s-{name}"), 14), name });
    span(&format!("identifier-status {name}"), content)
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<div class="command"><pre class="code" tabindex="0" role="region" aria-label="{{ what }}"><code>{{ text }}</code></pre>{{ copy }}</div>"#
)]
struct Command<'a> {
    text: &'a str,
    what: &'a str,
    copy: Html,
}

/// Renders a command that is ready to run.
pub(crate) fn command(text: &str, what: &str) -> Html {
    render(&Command { text, what, copy: copy(text, what) })
}
