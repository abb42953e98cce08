//! Separations: `GET /workspaces/{ws}/separations`.

use super::as_text::AsText;
use super::masking::Mask;
use muster_core::id::{MergeNo, ProfileId, SeparationNo};
use muster_core::record::{Separation, SeparationCause};
use muster_core::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Two ids that must stay apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeparationDocument {
    /// Its id.
    pub id: AsText<SeparationNo>,
    /// Since when they are kept apart.
    pub at: AsText<Timestamp>,
    /// The two ids.
    pub ids: [AsText<ProfileId>; 2],
    /// What made it.
    pub cause: AsText<SeparationCause>,
    /// The merge whose revert made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_id: Option<AsText<MergeNo>>,
}

impl From<&Separation> for SeparationDocument {
    fn from(separation: &Separation) -> Self {
        Self {
            id: AsText(separation.no),
            at: AsText(separation.at),
            ids: [AsText(separation.a), AsText(separation.b)],
            cause: AsText(separation.cause),
            merge_id: separation.merge.map(AsText),
        }
    }
}

impl Mask for SeparationDocument {
    fn mask(&mut self) {
        let Self { id: _, at: _, ids: _, cause: _, merge_id: _ } = self;
    }
}
