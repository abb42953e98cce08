//! Markup that is ready, and how a template becomes markup.

use askama::Template;
use std::fmt::{self, Display};

/// Markup that is ready: templates insert it as it is. Only a template makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Html(String);

impl Html {
    /// Returns the markup.
    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

/// Renders a template.
pub(crate) fn render(template: &impl Template) -> Html {
    Html(template.render().expect("writing to memory does not fail"))
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<svg class="icon" width="{{ size }}" height="{{ size }}" aria-hidden="true"><use href="#{{ name }}"/></svg>"##
)]
struct Icon<'a> {
    name: &'a str,
    size: u8,
}

/// Renders an icon of the sprite.
pub(crate) fn icon(name: &str, size: u8) -> Html {
    render(&Icon { name, size })
}
