//! Reviews: listed, shown with both profiles side by side, decided (behaviour.md 3.3).

use super::audit::Action;
use super::{Answer, Call, tree};
use muster_core::decide::{Choose, DecideReview, ReviewOutcome, ReviewRefusal};
use muster_core::decision::Mode;
use muster_core::id::{ProfileId, ReviewNo};
use muster_core::profile::{Profile, assemble};
use muster_core::review::{Review, ReviewState};
use muster_core::settings::Identity;
use muster_store::engine::EngineError;
use muster_store::reader::{Reader, ReviewQuery};
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::{body, review, user};
use serde_json::{Value as Json, json};

fn unknown() -> Problem {
    Problem::new(404, "no such review")
}

/// `GET .../reviews?state=&limit=&cursor=`: newest first.
pub(crate) async fn list(call: Call) -> Answer {
    let entry = call.entry()?;
    let (limit, below) = (call.limit()?, call.cursor(ReviewNo::parse)?);
    let state = call.parameter("state").map(state).transpose()?;
    let found = call.read(entry.id(), move |reader| {
        let found = reader.reviews(ReviewQuery { state, below, limit })?;
        let items = found.items.iter().map(|review| told(reader, review)).collect::<Result<Vec<_>, _>>()?;
        let next = found.items.last().filter(|_| found.more).map(|last| last.no.to_string());
        Ok((items, next))
    });
    let (items, next) = found.await?;
    Ok(Call::about(&entry, tree(200, &page(items, next.as_deref()))))
}

fn state(word: &str) -> Result<ReviewState, Problem> {
    let wrong = || Problem::new(400, "state must be open, merged, kept_apart or dismissed");
    ReviewState::ALL.into_iter().find(|state| state.name() == word).ok_or_else(wrong)
}

/// The live profiles of a review as they are now: an id whose profile is gone stays as it was.
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

fn told(reader: &mut dyn Reader, found: &Review) -> Result<Json, EngineError> {
    Ok(review::json(found, live(reader, found)?))
}

/// `GET .../reviews/{id}`: with `sides`, the profiles as they are now.
pub(crate) async fn show(call: Call) -> Answer {
    let entry = call.entry()?;
    let no = ReviewNo::parse(call.part(1)).ok_or_else(unknown)?;
    let identity = entry.settings.identity.clone();
    let found = call.read(entry.id(), move |reader| {
        let Some(found) = reader.review(no)? else { return Ok(None) };
        let (a, b) = live(reader, &found)?;
        let mut sides = Vec::new();
        for id in [Some(a), b].into_iter().flatten() {
            sides.push(snapshot(reader, id, &identity)?);
        }
        Ok(Some(review::with_sides(review::json(&found, (a, b)), &sides)))
    });
    Ok(Call::about(&entry, tree(200, &found.await?.ok_or_else(unknown)?)))
}

fn snapshot(reader: &mut dyn Reader, id: ProfileId, identity: &Identity) -> Result<Option<Profile>, EngineError> {
    let live = reader.profile(id.no)?;
    Ok(live.and_then(|live| assemble(live.root, &live.members, live.view, identity)))
}

/// `POST .../reviews/{id}?dry_run=` `{"decision": "merge"|"keep_apart"|"dismiss"|"reopen"}`.
pub(crate) async fn decide(call: Call) -> Answer {
    let entry = call.entry()?;
    let members = body::object(&call.body)?;
    body::only_known(&members, "", &["decision"])?;
    let choose = match members.get("decision").and_then(Json::as_str) {
        Some("merge") => Choose::Merge,
        Some("keep_apart") => Choose::KeepApart,
        Some("dismiss") => Choose::Dismiss,
        Some("reopen") => Choose::Reopen,
        _ => {
            let words = "must be \"merge\", \"keep_apart\", \"dismiss\" or \"reopen\"";
            return Err(Problem::at("/decision", words).into());
        }
    };
    let no = ReviewNo::parse(call.part(1)).ok_or_else(unknown)?;
    let dry = call.is_true("dry_run");
    let mode = if dry { Mode::Dry } else { Mode::Commit };
    let decided = call.app.decide(&entry, mode, |settings| DecideReview { review: no, choose, settings }).await?;
    let (found, merge, separation, sides) = match decided {
        ReviewOutcome::Closed { review, merge, separation, sides } => (review, merge, separation, sides),
        ReviewOutcome::Unknown => return Err(unknown().into()),
        ReviewOutcome::AlreadyClosed(state) => {
            return Err(Problem::new(409, format!("this review is closed: {}", state.name())).into());
        }
        ReviewOutcome::AlreadyOpen => return Err(Problem::new(409, "this review is open").into()),
        ReviewOutcome::Refused(why) => return Err(Problem::new(409, refused(why)).into()),
    };
    let ids = (sides.first().map_or(found.a, |side| side.id), sides.get(1).map(|side| side.id));
    let mut answer = review::decided(review::json(&found, ids), merge.filter(|_| !dry), separation.filter(|_| !dry));
    if dry {
        answer["preview"] = json!(sides.iter().map(|side| user::json(side, None)).collect::<Vec<_>>());
    } else {
        let detail = json!({
            "decision": members.get("decision"),
            "merge_id": merge.map(|no| no.to_string()),
            "separation_id": separation.map(|no| no.to_string()),
        });
        call.audit(Action::ReviewDecided, Some(entry.id()), &no.to_string(), detail).await;
    }
    Ok(Call::about(&entry, tree(200, &answer)))
}

fn refused(why: ReviewRefusal) -> &'static str {
    match why {
        ReviewRefusal::NoSecondProfile => {
            "nobody has this value, so there are no two profiles to keep apart; dismiss it"
        }
        ReviewRefusal::UnderDeletion => "the deletion of one of the profiles is under way: it takes part in no merge",
        ReviewRefusal::TooLarge => "the profile would be larger than the workspace lets one be (limits.profile_bytes)",
        ReviewRefusal::TooManyMembers => {
            "the profile would have more than 1,000 members; keep them apart, or dismiss it"
        }
        ReviewRefusal::ProfileGone => "one of the profiles is gone; dismiss it",
        ReviewRefusal::AlreadyOne => "the profiles are one by now; dismiss the review if it is open",
        ReviewRefusal::KindNotActive => "the kind is not active any more, so the value cannot be given; dismiss it",
    }
}
