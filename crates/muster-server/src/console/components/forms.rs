//! The dialogs of dangerous actions: what must be typed, and the buttons.

use super::markup::{Html, render};
use askama::Template;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<div class="field"><label for="{{ id }}">Type <code>{{ name }}</code> to confirm</label>
<input type="text" class="input mono" id="{{ id }}" name="confirm" required pattern="{{ name }}" title="Type {{ name }} exactly" autocomplete="off" spellcheck="false" data-confirm></div>"#
)]
struct Confirm<'a> {
    id: String,
    name: &'a str,
}

/// Renders the field of a dangerous action that asks for a name. Its id is `stem` and `suffix`, which is unique on the page.
pub(crate) fn confirm(stem: &str, suffix: &str, name: &str) -> Html {
    render(&Confirm { id: format!("{stem}{suffix}"), name })
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<footer><a class="button" href="#" data-close>Cancel</a><button type="submit" class="button danger primary">{{ words }}</button></footer>"##
)]
struct ConfirmFoot<'a> {
    words: &'a str,
}

/// Renders the foot of a dialog: cancel, or do what `words` say.
pub(crate) fn confirm_foot(words: &str) -> Html {
    render(&ConfirmFoot { words })
}
