//! Lists: `{"items": [...], "next_cursor": null | "..."}`.

use serde_json::{Value as Json, json};

/// One page of a list; the cursor of the next, None on the last.
pub fn page(items: Vec<Json>, next_cursor: Option<&str>) -> Json {
    json!({"items": items, "next_cursor": next_cursor})
}

/// The bytes of a JSON tree.
pub fn render(json: &Json) -> Vec<u8> {
    serde_json::to_vec(json).expect("a JSON tree has only text keys and finite numbers")
}
