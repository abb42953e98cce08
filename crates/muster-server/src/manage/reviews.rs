//! Reviews: listed, shown with both users side by side, decided (behaviour.md 3.3).

use super::arguments::{Arguments, DryRun, Id, JsonBody, PageQuery, PathId as _, Sent};
use super::audit_action::AuditAction;
use super::context::{WorkspaceContext, mode_of};
use super::description::{CallDescription, Parameter};
use super::error::ManageError;
use muster_core::decide::{Choose, DecideReview, ReviewOutcome, ReviewRefusal};
use muster_core::id::{ProfileId, ReviewNo};
use muster_core::profile::{Profile, assemble};
use muster_core::review::{Review, ReviewState};
use muster_core::settings::Identity;
use muster_store::engine::EngineError;
use muster_store::reader::{Reader, ReviewQuery};
use muster_wire::manage::as_text::{AsText, WireText as _};
use muster_wire::manage::page::PageDocument;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::review::{
    DecideReviewRequest, ReviewDecision, ReviewDecisionDocument, ReviewDetailDocument, ReviewDocument,
};
use muster_wire::manage::user::UserDocument;
use serde_json::json;

/// Which reviews are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReviewFilter {
    /// Their state; None is any.
    pub(crate) state: Option<ReviewState>,
}

impl ReviewFilter {
    /// Reads a filter from its parameter.
    ///
    /// # Errors
    /// 400 with the parameter that is wrong.
    pub(crate) fn parse(state: Option<&str>) -> Result<Self, Problem> {
        let wrong = || Problem::new(400, "state must be open, merged, kept_apart or dismissed");
        Ok(Self { state: state.map(|word| ReviewState::parse(word).ok_or_else(wrong)).transpose()? })
    }
}

impl Arguments for ReviewFilter {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Self::parse(sent.parameter("state"))
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.query(Parameter::new("state", "Only reviews in this state", ReviewState::format()));
    }
}

/// Lists reviews, the newest first.
pub(crate) async fn list(
    call: WorkspaceContext,
    (page, filter): (PageQuery<ReviewNo>, ReviewFilter),
) -> Result<PageDocument<ReviewDocument>, ManageError> {
    let (state, below, limit) = (filter.state, page.cursor, page.limit);
    let found = call.read(move |reader| {
        let found = reader.reviews(ReviewQuery { state, below, limit })?;
        let document = |review| Ok::<_, EngineError>(ReviewDocument::new(review, live(reader, review)?));
        let items = found.items.iter().map(document).collect::<Result<_, _>>()?;
        let next_cursor = found.items.last().filter(|_| found.more).map(|last| last.no.to_string());
        Ok(PageDocument { items, next_cursor })
    });
    found.await
}

/// Returns the users of a review as they are now: an id whose profile is gone stays as it was.
fn live(reader: &mut dyn Reader, review: &Review) -> Result<(ProfileId, Option<ProfileId>), EngineError> {
    let mut root = |id: ProfileId| Ok::<_, EngineError>(reader.root(id.no)?.map_or(id, |root| root.id()));
    let (a, b) = (root(review.a)?, review.b.map(&mut root).transpose()?);
    if b.is_some() {
        return Ok((a, b));
    }
    let bound = reader.binding(&review.identifier)?;
    let root = bound.map(|no| reader.root(no)).transpose()?.flatten();
    Ok((a, root.map(|root| root.id())))
}

/// Shows a review with both users as they are now.
pub(crate) async fn show(
    call: WorkspaceContext,
    (Id(no),): (Id<ReviewNo>,),
) -> Result<ReviewDetailDocument, ManageError> {
    let identity = call.entry.settings.identity.clone();
    let found = call.read(move |reader| {
        let Some(found) = reader.review(no)? else { return Ok(None) };
        let (a, b) = live(reader, &found)?;
        let mut sides = Vec::new();
        for id in [Some(a), b].into_iter().flatten() {
            sides.push(snapshot(reader, id, &identity)?);
        }
        Ok(Some(ReviewDetailDocument::new(ReviewDocument::new(&found, (a, b)), &sides)))
    });
    Ok(found.await?.ok_or_else(ReviewNo::unknown)?)
}

fn snapshot(reader: &mut dyn Reader, id: ProfileId, identity: &Identity) -> Result<Option<Profile>, EngineError> {
    let live = reader.profile(id.no)?;
    Ok(live.and_then(|live| assemble(live.root, &live.members, live.view, identity)))
}

/// Decides a review; a dry run shows the users as they will be.
pub(crate) async fn decide(
    call: WorkspaceContext,
    (JsonBody(DecideReviewRequest { decision }), Id(no), DryRun(is_dry)): (
        JsonBody<DecideReviewRequest>,
        Id<ReviewNo>,
        DryRun,
    ),
) -> Result<ReviewDecisionDocument, ManageError> {
    let choose = match decision {
        ReviewDecision::Merge => Choose::Merge,
        ReviewDecision::KeepApart => Choose::KeepApart,
        ReviewDecision::Dismiss => Choose::Dismiss,
        ReviewDecision::Reopen => Choose::Reopen,
    };
    let decide = |settings| DecideReview { review: no, choose, settings };
    let (found, merge, separation, sides) = match call.context.app.decide(&call.entry, mode_of(is_dry), decide).await? {
        ReviewOutcome::Closed { review, merge, separation, sides } => (review, merge, separation, sides),
        ReviewOutcome::Unknown => return Err(ReviewNo::unknown().into()),
        ReviewOutcome::AlreadyClosed(state) => {
            return Err(Problem::new(409, format!("this review is closed: {}", state.name())).into());
        }
        ReviewOutcome::AlreadyOpen => return Err(Problem::new(409, "this review is open already").into()),
        ReviewOutcome::Refused(why) => return Err(Problem::new(409, refused(why)).into()),
    };
    let ids = (sides.first().map_or(found.a, |side| side.id), sides.get(1).map(|side| side.id));
    let review = ReviewDocument::new(&found, ids);
    if is_dry {
        let preview = sides.iter().map(|side| UserDocument::new(side, None)).collect();
        return Ok(ReviewDecisionDocument { review, merge_id: None, separation_id: None, preview: Some(preview) });
    }
    let (merge_id, separation_id) = (merge.map(AsText), separation.map(AsText));
    let detail = json!({"decision": decision, "merge_id": merge_id, "separation_id": separation_id});
    call.audit(AuditAction::ReviewDecided, &no.to_string(), detail).await;
    Ok(ReviewDecisionDocument { review, merge_id, separation_id, preview: None })
}

fn refused(why: ReviewRefusal) -> &'static str {
    match why {
        ReviewRefusal::NoSecondProfile => {
            "no user has this value, so there are no two profiles to keep apart; dismiss the review"
        }
        ReviewRefusal::UnderDeletion => "one of the users is being deleted and cannot be merged",
        ReviewRefusal::TooLarge => {
            "the merged profile would be larger than the workspace allows (limits.profile_bytes)"
        }
        ReviewRefusal::TooManyMembers => {
            "the profile would have more than 1,000 members; keep them apart, or dismiss the review"
        }
        ReviewRefusal::ProfileGone => "one of the profiles no longer exists; dismiss the review",
        ReviewRefusal::AlreadyOne => "the profiles were merged already; dismiss the review if it is open",
        ReviewRefusal::KindNotActive => {
            "the kind is no longer active, so the value cannot be assigned; dismiss the review"
        }
    }
}
