//! Reviews: `GET /workspaces/{ws}/reviews`, `GET` and `POST .../reviews/{id}`.

use super::user;
use crate::explanation;
use muster_core::id::{MergeNo, ProfileId, RequestId, SeparationNo};
use muster_core::profile::Profile;
use muster_core::review::Review;
use serde_json::{Map, Value as Json, json};

/// The review; `live` are its profiles as they are now, the second None where nobody has the value.
pub fn json(review: &Review, live: (ProfileId, Option<ProfileId>)) -> Json {
    let mut out = json!({
        "id": review.no.to_string(),
        "at": review.at.to_string(),
        "last_at": review.last_at.to_string(),
        "count": review.count,
        "kind": review.identifier.kind.name(),
        "value": &*review.identifier.value,
        "profiles": [live.0.to_string(), live.1.map(|id| id.to_string())],
        "reason": review.reason.name(),
        "explanation": explanation::why(review.reason),
        "request_id": review.request.map(|(no, _)| RequestId::from_no(no).to_string()),
        "index": review.request.map(|(_, index)| index),
        "record": review.record.as_deref().map(super::quarantine::element),
        "because": explanation::json(&review.explanation, false),
        "state": review.state.name(),
    });
    if let (Some(at), Json::Object(members)) = (review.closed_at, &mut out) {
        members.insert("closed_at".to_owned(), Json::from(at.to_string()));
    }
    out
}

/// The same with both profiles side by side, None where one is gone.
pub fn with_sides(review: Json, sides: &[Option<Profile>]) -> Json {
    let mut review = review;
    let sides = sides.iter().map(|side| side.as_ref().map(|side| user::json(side, None))).collect::<Vec<_>>();
    review["sides"] = json!(sides);
    review
}

/// What a decision answers: the review as it is now, and what it made.
pub fn decided(review: Json, merge: Option<MergeNo>, separation: Option<SeparationNo>) -> Json {
    let mut out = Map::from_iter([("review".to_owned(), review)]);
    out.insert("merge_id".to_owned(), json!(merge.map(|no| no.to_string())));
    out.insert("separation_id".to_owned(), json!(separation.map(|no| no.to_string())));
    Json::Object(out)
}
