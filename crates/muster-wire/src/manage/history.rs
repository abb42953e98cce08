//! Why a value is there: `GET /workspaces/{ws}/users/{id}/history`.

use crate::value::to_json;
use muster_core::id::RequestId;
use muster_core::profile::history::HistoryItem;
use serde_json::{Value as Json, json};

/// One change of a value.
pub fn json(item: &HistoryItem) -> Json {
    let mut out = json!({
        "at": item.at.map(|at| at.to_string()),
        "field": &*item.field,
        "old": item.old.as_ref().map(to_json),
        "new": item.new.as_ref().map(to_json),
        "request_id": item.request.map(|no| RequestId::from_no(no).to_string()),
        "recorded_for": item.recorded_under.to_string(),
    });
    if let Json::Object(members) = &mut out {
        if let Some(merge) = item.merge {
            members.insert("merge_id".to_owned(), Json::from(merge.to_string()));
        }
        if item.omitted {
            members.insert("omitted".to_owned(), Json::from(true));
        }
    }
    out
}
