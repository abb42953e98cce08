//! Merge records: `GET /workspaces/{ws}/merges`, and what a merge and a revert answer.

use super::as_text::AsText;
use super::body;
use super::explanation::ExplanationDocument;
use super::identifier::IdentifierDocument;
use super::masking::Mask;
use super::problem::Problem;
use super::user::UserDocument;
use crate::value::to_json;
use muster_core::id::{MergeNo, ProfileId, RequestId, ReviewNo, SeparationNo};
use muster_core::kinds::SurvivorChoice;
use muster_core::record::{Cause, Combined, Merge};
use muster_core::time::Timestamp;
use muster_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// A merge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergeDocument {
    /// Its id.
    pub id: AsText<MergeNo>,
    /// When the users were merged.
    pub at: AsText<Timestamp>,
    /// What was merged, and why.
    #[serde(flatten)]
    pub content: MergeContent,
    /// When the merge was reverted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted_at: Option<AsText<Timestamp>>,
}

/// What a merge merges, and why; of a dry run this is all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergeContent {
    /// The user that survived.
    pub survivor: AsText<ProfileId>,
    /// The profile that was merged into it.
    pub merged: AsText<ProfileId>,
    /// The request that caused the merge.
    pub request_id: Option<AsText<RequestId>>,
    /// The place of the element in that request.
    pub index: Option<u32>,
    /// What caused the merge.
    pub cause: MergeCauseDocument,
    /// Why the element that caused it had its outcome; null if no element caused it.
    pub because: Option<ExplanationDocument>,
    /// The names of the attributes that the merged profile filled at the merge.
    pub filled: Vec<String>,
    /// The values that an attribute rule or an e-mail flag changed at the merge.
    pub combined: Vec<CombinedDocument>,
    /// The identifiers that the merged profile brought.
    pub identifiers: Vec<IdentifierDocument>,
}

/// One merge, with the merges that the same element or decision made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergeDetailDocument {
    /// The merge.
    #[serde(flatten)]
    pub merge: MergeDocument,
    /// The merges that the same element or decision made, this one among them. A merge of an activation is alone.
    pub together: Vec<AsText<MergeNo>>,
}

/// What caused a merge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MergeCauseDocument {
    /// Identifiers of one element resolved to both users.
    Identifiers {
        /// The identifiers that the guards kept.
        keys: Vec<IdentifierDocument>,
        /// The rule that chose the survivor.
        rule: AsText<SurvivorChoice>,
    },
    /// A review was decided: merge.
    Review {
        /// The review.
        review_id: AsText<ReviewNo>,
    },
    /// A cause without further members.
    Plain(PlainCause),
}

/// A cause of a merge without further members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlainCause {
    /// A kind was activated over stored data.
    Activation,
    /// An API call.
    Api,
}

/// A value that a merge changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CombinedDocument {
    /// The name of the attribute.
    pub field: String,
    /// The survivor's value before; null if it was too long to be kept.
    pub old: Option<Json>,
    /// The value since; null if it was too long to be kept.
    pub new: Option<Json>,
    /// Whether one of the values was too long to be kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub omitted: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

impl From<&Merge> for MergeDocument {
    fn from(merge: &Merge) -> Self {
        Self {
            id: AsText(merge.no),
            at: AsText(merge.at),
            content: MergeContent::from(merge),
            reverted_at: merge.reverted_at.map(AsText),
        }
    }
}

impl From<&Merge> for MergeContent {
    fn from(merge: &Merge) -> Self {
        Self {
            survivor: AsText(merge.survivor),
            merged: AsText(merge.merged),
            request_id: merge.request.map(|(no, _)| AsText(RequestId::from_no(no))),
            index: merge.request.map(|(_, index)| index),
            cause: MergeCauseDocument::from(&merge.cause),
            because: merge.explanation.as_ref().map(|explanation| ExplanationDocument::new(explanation, false)),
            filled: merge.filled.iter().map(ToString::to_string).collect(),
            combined: merge.combined.iter().map(CombinedDocument::from).collect(),
            identifiers: merge.identifiers.iter().map(IdentifierDocument::from).collect(),
        }
    }
}

impl From<&Cause> for MergeCauseDocument {
    fn from(cause: &Cause) -> Self {
        match cause {
            Cause::Identifiers { identifiers, rule } => Self::Identifiers {
                keys: identifiers.iter().map(IdentifierDocument::from).collect(),
                rule: AsText(*rule),
            },
            Cause::Activation => Self::Plain(PlainCause::Activation),
            Cause::Api => Self::Plain(PlainCause::Api),
            Cause::Review(no) => Self::Review { review_id: AsText(*no) },
        }
    }
}

impl From<&Combined> for CombinedDocument {
    fn from(combined: &Combined) -> Self {
        let side = |value: &Option<Value>| value.as_ref().map(to_json);
        Self {
            field: combined.field.to_string(),
            old: side(&combined.old),
            new: side(&combined.new),
            omitted: combined.is_omitted(),
        }
    }
}

impl Mask for MergeDocument {
    fn mask(&mut self) {
        let Self { id: _, at: _, content, reverted_at: _ } = self;
        content.mask();
    }
}

impl Mask for MergeDetailDocument {
    fn mask(&mut self) {
        let Self { merge, together: _ } = self;
        merge.mask();
    }
}

impl Mask for MergeContent {
    fn mask(&mut self) {
        let Self { survivor: _, merged: _, request_id: _, index: _, cause, because, filled: _, combined, identifiers } =
            self;
        cause.mask();
        because.mask();
        combined.mask();
        identifiers.mask();
    }
}

impl Mask for MergeCauseDocument {
    fn mask(&mut self) {
        match self {
            Self::Identifiers { keys, rule: _ } => keys.mask(),
            Self::Review { review_id: _ } | Self::Plain(_) => {}
        }
    }
}

impl Mask for CombinedDocument {
    fn mask(&mut self) {
        let Self { field: _, old, new, omitted: _ } = self;
        old.mask();
        new.mask();
    }
}

/// The body of `POST /workspaces/{ws}/merges`: two users to merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeUsersRequest {
    /// Any id of the user that survives.
    pub survivor: AsText<ProfileId>,
    /// Any id of the user that is merged into the survivor.
    pub merged: AsText<ProfileId>,
}

impl MergeUsersRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let members = body::object(bytes)?;
        body::only_known(&members, "", &["survivor", "merged"])?;
        Ok(Self { survivor: user_id(&members, "survivor")?, merged: user_id(&members, "merged")? })
    }
}

fn user_id(members: &Map<String, Json>, name: &str) -> Result<AsText<ProfileId>, Problem> {
    let text = members.get(name).and_then(Json::as_str);
    let wrong = || Problem::at(format!("/{name}"), "must be a user id of 24 hexadecimal digits");
    text.and_then(ProfileId::parse).map(AsText).ok_or_else(wrong)
}

/// What a revert did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RevertDocument {
    /// The user that the merged profile was detached from.
    pub survivor: AsText<ProfileId>,
    /// The user that is restored.
    pub restored: AsText<ProfileId>,
    /// The separation that keeps both apart; null of a dry run.
    pub separation_id: Option<AsText<SeparationNo>>,
    /// Of a dry run: both users as they will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<RevertPreview>,
}

/// Both users as they will be after a revert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RevertPreview {
    /// The survivor.
    pub survivor: UserDocument,
    /// The user that is restored.
    pub restored: UserDocument,
}

impl Mask for RevertDocument {
    fn mask(&mut self) {
        let Self { survivor: _, restored: _, separation_id: _, preview } = self;
        preview.mask();
    }
}

impl Mask for RevertPreview {
    fn mask(&mut self) {
        let Self { survivor, restored } = self;
        survivor.mask();
        restored.mask();
    }
}

/// Both users as they were directly before a merge; of a reverted merge as they are now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreMergeDocument {
    /// The survivor.
    pub survivor: UserDocument,
    /// The profile that was merged into it.
    pub merged: UserDocument,
    /// Whether everything about both is known.
    pub complete: bool,
    /// The names of values that are no longer known for the time before the merge; the most likely value is shown.
    pub unknown: Vec<String>,
    /// The time that the document shows.
    pub as_of: PreMergeTime,
}

/// Which time a document of both sides of a merge shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PreMergeTime {
    /// Directly before the merge.
    Merge,
    /// Now: the merge was reverted.
    Now,
}

impl Mask for PreMergeDocument {
    fn mask(&mut self) {
        let Self { survivor, merged, complete: _, unknown: _, as_of: _ } = self;
        survivor.mask();
        merged.mask();
    }
}
