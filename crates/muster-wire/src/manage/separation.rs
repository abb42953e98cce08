//! Separations: `GET /workspaces/{ws}/separations`.

use muster_core::record::{Separation, SeparationCause};
use serde_json::{Value as Json, json};

/// The separation.
pub fn json(separation: &Separation) -> Json {
    let cause = match separation.cause {
        SeparationCause::Revert => "revert",
        SeparationCause::Review => "review",
    };
    let mut out = json!({
        "id": separation.no.to_string(),
        "at": separation.at.to_string(),
        "ids": [separation.a.to_string(), separation.b.to_string()],
        "cause": cause,
    });
    if let (Some(merge), Json::Object(members)) = (separation.merge, &mut out) {
        members.insert("merge_id".to_owned(), Json::from(merge.to_string()));
    }
    out
}
