//! Merge records: `GET /workspaces/{ws}/merges`.

use crate::explanation;
use crate::value::to_json;
use muster_core::id::{ProfileId, RequestId, SeparationNo};
use muster_core::identifier::Identifier;
use muster_core::record::{Cause, Combined, Merge};
use muster_core::value::Value;
use serde_json::{Value as Json, json};

/// The record.
pub fn json(merge: &Merge) -> Json {
    let mut out = json!({
        "id": merge.no.to_string(),
        "at": merge.at.to_string(),
        "survivor": merge.survivor.to_string(),
        "merged": merge.merged.to_string(),
        "request_id": merge.request.map(|(no, _)| RequestId::from_no(no).to_string()),
        "index": merge.request.map(|(_, index)| index),
        "cause": cause(&merge.cause),
        "because": merge.explanation.as_ref().map(|explanation| explanation::json(explanation, false)),
        "filled": merge.filled.iter().map(|name| &**name).collect::<Vec<_>>(),
        "combined": merge.combined.iter().map(combined).collect::<Vec<_>>(),
        "identifiers": keys(&merge.identifiers),
    });
    if let (Some(at), Json::Object(members)) = (merge.reverted_at, &mut out) {
        members.insert("reverted_at".to_owned(), Json::from(at.to_string()));
    }
    out
}

/// The answer of a revert: `{"survivor", "restored", "separation_id"}`.
pub fn reverted(survivor: ProfileId, restored: ProfileId, separation: SeparationNo) -> Json {
    json!({
        "survivor": survivor.to_string(),
        "restored": restored.to_string(),
        "separation_id": separation.to_string(),
    })
}

fn cause(cause: &Cause) -> Json {
    match cause {
        Cause::Identifiers { identifiers: kept, rule } => {
            json!({"keys": keys(kept), "rule": explanation::choice_name(*rule)})
        }
        Cause::Activation => Json::from("activation"),
        Cause::Api => Json::from("api"),
        Cause::Review(no) => json!({"review_id": no.to_string()}),
    }
}

fn combined(combined: &Combined) -> Json {
    let side = |value: &Option<Value>| value.as_ref().map(to_json);
    let mut out = json!({"field": &*combined.field, "old": side(&combined.old), "new": side(&combined.new)});
    if combined.is_omitted() {
        out["omitted"] = Json::from(true);
    }
    out
}

fn keys(keys: &[Identifier]) -> Json {
    keys.iter().map(|key| json!({"kind": key.kind.name(), "value": &*key.value})).collect()
}
