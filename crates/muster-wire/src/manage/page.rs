//! Lists: `{"items": [...], "next_cursor": null | "..."}`.

use super::masking::Mask;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct PageDocument<T> {
    /// The items, at most as many as `limit` asked for.
    pub items: Vec<T>,
    /// Where the next page begins: the `cursor` to send. Null on the last page.
    pub next_cursor: Option<String>,
}

impl<T: Mask> Mask for PageDocument<T> {
    fn mask(&mut self) {
        let Self { items, next_cursor: _ } = self;
        items.mask();
    }
}

/// One page of a list; the cursor of the next, None on the last.
pub fn page(items: Vec<Json>, next_cursor: Option<&str>) -> Json {
    json!({"items": items, "next_cursor": next_cursor})
}

/// The bytes of a document.
pub fn render(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("documents have only text keys and finite numbers")
}
