//! The tree of a live profile as SVG: a row for each member, below its parent. Positions are in pixels, so that text never
//! scales; the table beside it has the same content.

use super::markup::{Html, render};
use super::numbers::count_noun;
use super::text::plain;
use askama::Template;

/// A row of the tree.
#[derive(Clone, Debug)]
pub(crate) struct TreeRow {
    /// The row of its parent; None for the root.
    pub(crate) parent: Option<usize>,
    /// Its name, and the line below it.
    pub(crate) name: String,
    pub(crate) words: String,
    /// It came with the merge that the page is about.
    pub(crate) is_marked: bool,
}

/// Pixels of a row, of a step to the right, and steps that are drawn: deeper ones stand below each other.
const ROW: usize = 44;
const STEP: usize = 20;
const STEPS_MAX: usize = 8;
/// Letters of a name that are drawn, so that it stays on a narrow page.
const NAME_CHARS_MAX: usize = 30;

/// A member as it is drawn.
struct Node {
    is_marked: bool,
    /// The line from its parent; empty for the root.
    path: String,
    x: usize,
    y: usize,
    name: String,
    words: String,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<svg class="lineage tree" height="{{ height }}" role="img" aria-label="{{ label }}">{% for it in nodes %}{% if it.path != "" %}<path{% if it.is_marked %} class="joins"{% endif %} d="{{ it.path }}"/>{% endif %}<circle{% if it.is_marked %} class="joins"{% endif %} cx="{{ it.x }}" cy="{{ it.y }}" r="5"/><text class="name" x="{{ it.x + 14 }}" y="{{ it.y + 4 }}">{{ it.name }}</text><text x="{{ it.x + 14 }}" y="{{ it.y + 18 }}">{{ it.words }}</text>{% endfor %}{% if further > 0 %}<text x="0" y="{{ height - 6 }}">and {{ further }} more</text>{% endif %}</svg>"#
)]
struct Drawing {
    height: usize,
    label: String,
    nodes: Vec<Node>,
    further: usize,
}

/// Draws members below each other, each connected to its parent. `further` members are not drawn.
pub(crate) fn tree(tree_rows: &[TreeRow], further: usize) -> Html {
    let all = tree_rows.len() + further;
    let height = ROW * tree_rows.len() + if further > 0 { ROW / 2 } else { 0 };
    let label = format!("{} of one user, each below the profile that it was merged into", count_noun(all, "profile"));
    let mut depths: Vec<usize> = Vec::with_capacity(tree_rows.len());
    let mut nodes = Vec::with_capacity(tree_rows.len());
    for (row, tree_row) in tree_rows.iter().enumerate() {
        let depth = tree_row.parent.and_then(|parent| depths.get(parent)).map_or(0, |depth| depth + 1);
        depths.push(depth);
        let (x, y) = (left(depth), row * ROW + 16);
        let path = tree_row.parent.map_or_else(String::new, |parent| {
            let (from, above) = (left(depth - 1), parent * ROW + 22);
            // Beyond the deepest column that is drawn, the parent is right above.
            if from == x {
                format!("M{x} {above}V{}", y - 6)
            } else {
                format!("M{from} {above}V{}Q{from} {y} {} {y}H{}", y - 8, from + 8, x - 6)
            }
        });
        let (name, words) = (cut(&plain(&tree_row.name)), tree_row.words.clone());
        nodes.push(Node { is_marked: tree_row.is_marked, path, x, y, name, words });
    }
    render(&Drawing { height, label, nodes, further })
}

fn left(depth: usize) -> usize {
    8 + depth.min(STEPS_MAX) * STEP
}

fn cut(name: &str) -> String {
    let mut letters = name.chars();
    let mut kept: String = letters.by_ref().take(NAME_CHARS_MAX).collect();
    if letters.next().is_some() {
        kept.push('\u{2026}');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree_row(parent: Option<usize>, name: &str, is_marked: bool) -> TreeRow {
        TreeRow { parent, name: name.to_owned(), words: "m1".to_owned(), is_marked }
    }

    // Fails when the depth of a row is taken from the row before instead of from its parent.
    #[test]
    fn each_member_hangs_from_its_parent_whatever_is_between() {
        let drawn =
            tree(&[tree_row(None, "a", false), tree_row(Some(0), "b", false), tree_row(Some(0), "<c>", true)], 0);
        let expected = "<svg class=\"lineage tree\" height=\"132\" role=\"img\" aria-label=\"3 profiles of one user, each \
                        below the profile that it was merged into\"><circle cx=\"8\" cy=\"16\" r=\"5\"/><text \
                        class=\"name\" x=\"22\" y=\"20\">a</text><text x=\"22\" y=\"34\">m1</text><path \
                        d=\"M8 22V52Q8 60 16 60H22\"/><circle cx=\"28\" cy=\"60\" r=\"5\"/><text class=\"name\" \
                        x=\"42\" y=\"64\">b</text><text x=\"42\" y=\"78\">m1</text><path class=\"joins\" \
                        d=\"M8 22V96Q8 104 16 104H22\"/><circle class=\"joins\" cx=\"28\" cy=\"104\" r=\"5\"/><text \
                        class=\"name\" x=\"42\" y=\"108\">&#60;c&#62;</text><text x=\"42\" y=\"122\">m1</text></svg>";
        assert_eq!(drawn.as_str(), expected);
    }

    #[test]
    fn a_chain_of_fifty_stays_within_the_page_and_tells_how_many_are_not_drawn() {
        let chain: Vec<TreeRow> = (0..50).map(|n: usize| tree_row(n.checked_sub(1), &"n".repeat(40), false)).collect();
        let drawn = tree(&chain, 950);
        assert!(drawn.as_str().contains("aria-label=\"1,000 profiles of one user"));
        assert!(drawn.as_str().contains("cx=\"168\"") && !drawn.as_str().contains("cx=\"188\""));
        assert!(drawn.as_str().ends_with("and 950 more</text></svg>"));
    }
}
