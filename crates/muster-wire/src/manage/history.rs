//! Why a value is there: `GET /workspaces/{ws}/users/{id}/history`.

use super::as_text::AsText;
use super::masking::Mask;
use super::merge::is_false;
use crate::value::to_json;
use muster_core::id::{MergeNo, ProfileId, RequestId};
use muster_core::profile::history::HistoryItem;
use muster_core::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// One change of a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeDocument {
    /// When; null if it is no longer known.
    pub at: Option<AsText<Timestamp>>,
    /// The name of the value.
    pub field: String,
    /// The value before; null if there was none.
    pub old: Option<Json>,
    /// The value after; null if it was removed.
    pub new: Option<Json>,
    /// The request.
    pub request_id: Option<AsText<RequestId>>,
    /// The member that the value is recorded under.
    pub recorded_for: AsText<ProfileId>,
    /// The merge that brought the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_id: Option<AsText<MergeNo>>,
    /// Whether a value was too long to be kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub omitted: bool,
}

impl From<&HistoryItem> for ChangeDocument {
    fn from(item: &HistoryItem) -> Self {
        Self {
            at: item.at.map(AsText),
            field: item.field.to_string(),
            old: item.old.as_ref().map(to_json),
            new: item.new.as_ref().map(to_json),
            request_id: item.request.map(|no| AsText(RequestId::from_no(no))),
            recorded_for: AsText(item.recorded_under),
            merge_id: item.merge.map(AsText),
            omitted: item.omitted,
        }
    }
}

impl Mask for ChangeDocument {
    fn mask(&mut self) {
        let Self { at: _, field: _, old, new, request_id: _, recorded_for: _, merge_id: _, omitted: _ } = self;
        old.mask();
        new.mask();
    }
}
