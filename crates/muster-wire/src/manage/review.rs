//! Reviews: `GET /workspaces/{ws}/reviews`, `GET` and `POST .../reviews/{id}`.

use super::as_text::AsText;
use super::body;
use super::explanation::ExplanationDocument;
use super::masking::Mask;
use super::problem::Problem;
use super::user::UserDocument;
use crate::explanation;
use muster_core::explanation::GuardReason;
use muster_core::id::{MergeNo, ProfileId, RequestId, ReviewNo, SeparationNo};
use muster_core::profile::Profile;
use muster_core::review::{Review, ReviewState};
use muster_core::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A review: a guard withheld an identifier, and a person must decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewDocument {
    /// Its id.
    pub id: AsText<ReviewNo>,
    /// When it was opened.
    pub at: AsText<Timestamp>,
    /// When the same guard last withheld the same identifier.
    pub last_at: AsText<Timestamp>,
    /// How often that happened.
    pub count: u64,
    /// The kind of the withheld identifier.
    pub kind: String,
    /// Its value.
    pub value: String,
    /// The two users; the second is null if no user has the value.
    pub profiles: (AsText<ProfileId>, Option<AsText<ProfileId>>),
    /// Why the identifier was withheld.
    pub reason: AsText<GuardReason>,
    /// The reason in words.
    pub explanation: String,
    /// The request that the element came with; null if there was none.
    pub request_id: Option<AsText<RequestId>>,
    /// The place of the element in that request.
    pub index: Option<u32>,
    /// The element as it was received; null if it is not kept.
    pub record: Option<Json>,
    /// Why the element had its outcome.
    pub because: ExplanationDocument,
    /// Whether the review is open, or how it was decided.
    pub state: AsText<ReviewState>,
    /// When it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<AsText<Timestamp>>,
}

/// A review with both users side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewDetailDocument {
    /// The review.
    #[serde(flatten)]
    pub review: ReviewDocument,
    /// The users as they are now; null in the place of a deleted one.
    pub sides: Vec<Option<UserDocument>>,
}

/// The answer to a decision about a review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewDecisionDocument {
    /// The review as it is now.
    pub review: ReviewDocument,
    /// The merge that the decision made; null if it made none, and of a dry run.
    pub merge_id: Option<AsText<MergeNo>>,
    /// The separation that the decision made; null if it made none, and of a dry run.
    pub separation_id: Option<AsText<SeparationNo>>,
    /// Of a dry run: the users as they will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Vec<UserDocument>>,
}

impl ReviewDocument {
    /// Returns the review; `live` are its users as they are now, the second None if no user has the value.
    pub fn new(review: &Review, live: (ProfileId, Option<ProfileId>)) -> Self {
        Self {
            id: AsText(review.no),
            at: AsText(review.at),
            last_at: AsText(review.last_at),
            count: review.count,
            kind: review.identifier.kind.name().to_owned(),
            value: review.identifier.value.to_string(),
            profiles: (AsText(live.0), live.1.map(AsText)),
            reason: AsText(review.reason),
            explanation: explanation::why(review.reason).to_owned(),
            request_id: review.request.map(|(no, _)| AsText(RequestId::from_no(no))),
            index: review.request.map(|(_, index)| index),
            record: review.record.as_deref().map(super::quarantine::element),
            because: ExplanationDocument::new(&review.explanation, false),
            state: AsText(review.state),
            closed_at: review.closed_at.map(AsText),
        }
    }
}

impl ReviewDetailDocument {
    /// Returns a review with both users, None where one is gone.
    pub fn new(review: ReviewDocument, sides: &[Option<Profile>]) -> Self {
        let side = |side: &Option<Profile>| side.as_ref().map(|side| UserDocument::new(side, None));
        Self { review, sides: sides.iter().map(side).collect() }
    }
}

impl Mask for ReviewDocument {
    fn mask(&mut self) {
        let Self {
            id: _,
            at: _,
            last_at: _,
            count: _,
            kind: _,
            value,
            profiles: _,
            reason: _,
            explanation: _,
            request_id: _,
            index: _,
            record,
            because,
            state: _,
            closed_at: _,
        } = self;
        value.mask();
        record.mask();
        because.mask();
    }
}

impl Mask for ReviewDetailDocument {
    fn mask(&mut self) {
        let Self { review, sides } = self;
        review.mask();
        sides.mask();
    }
}

impl Mask for ReviewDecisionDocument {
    fn mask(&mut self) {
        let Self { review, merge_id: _, separation_id: _, preview } = self;
        review.mask();
        preview.mask();
    }
}

/// What to do with a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewDecision {
    /// Merge both users.
    Merge,
    /// Keep both users apart.
    KeepApart,
    /// Close the review and do nothing.
    Dismiss,
    /// Open the review again.
    Reopen,
}

/// The body of `POST /workspaces/{ws}/reviews/{id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideReviewRequest {
    /// The decision.
    pub decision: ReviewDecision,
}

impl ReviewDecision {
    /// Reads the word of a decision.
    ///
    /// # Errors
    /// 400 with the words.
    pub fn parse(word: Option<&str>) -> Result<Self, Problem> {
        match word {
            Some("merge") => Ok(Self::Merge),
            Some("keep_apart") => Ok(Self::KeepApart),
            Some("dismiss") => Ok(Self::Dismiss),
            Some("reopen") => Ok(Self::Reopen),
            _ => Err(Problem::at("/decision", "must be \"merge\", \"keep_apart\", \"dismiss\" or \"reopen\"")),
        }
    }
}

impl DecideReviewRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let members = body::object(bytes)?;
        body::only_known(&members, "", &["decision"])?;
        Ok(Self { decision: ReviewDecision::parse(members.get("decision").and_then(Json::as_str))? })
    }
}
