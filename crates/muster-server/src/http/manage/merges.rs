//! Merges: listed, shown, reverted (behaviour.md 3.4), and both sides as they were before one.

use super::audit::Action;
use super::users::members_of;
use super::walk::{Bounds, walk};
use super::{Answer, Call, tree};
use crate::limits::{BEFORE_RECORDS_MAX, MERGES_LOOKED_MAX, PAGE_MAX};
use muster_core::decide::{Revert, RevertOutcome};
use muster_core::decision::Mode;
use muster_core::id::{MergeNo, ProfileId, ProfileNo};
use muster_core::limits::MEMBERS_MAX;
use muster_core::profile::pre_merge::PreMerge;
use muster_core::profile::{Profile, assemble};
use muster_core::record::{Cause, Merge};
use muster_core::settings::Identity;
use muster_store::engine::EngineError;
use muster_store::reader::{LiveProfile, Reader};
use muster_wire::manage::merge;
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::{body, user};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

fn unknown() -> Problem {
    Problem::new(404, "no such merge")
}

/// Which merges are listed.
#[derive(Debug, Default)]
struct Filter {
    is_reverted: Option<bool>,
    cause: Option<&'static str>,
    /// A profile that took part, with every member of its live profile.
    of: Option<ProfileId>,
}

/// The words that name causes.
const CAUSES: [&str; 4] = ["keys", "activation", "api", "review"];

fn cause_of(merge: &Merge) -> &'static str {
    match merge.cause {
        Cause::Identifiers { .. } => "keys",
        Cause::Activation => "activation",
        Cause::Api => "api",
        Cause::Review(_) => "review",
    }
}

impl Filter {
    fn of(call: &Call) -> Result<Self, Problem> {
        let wrong = |what: &str| Problem::new(400, what.to_owned());
        let is_reverted = match call.parameter("state") {
            None => None,
            Some("standing") => Some(false),
            Some("reverted") => Some(true),
            Some(_) => return Err(wrong("state must be standing or reverted")),
        };
        let known = |text: &str| CAUSES.into_iter().find(|cause| *cause == text);
        let cause = call
            .parameter("cause")
            .map(|text| known(text).ok_or_else(|| wrong("cause must be keys, activation, api or review")));
        let of = call.parameter("user_id").map(|text| {
            ProfileId::parse(text).ok_or_else(|| wrong("user_id must be a profile id of 24 hexadecimal digits"))
        });
        Ok(Self { is_reverted, cause: cause.transpose()?, of: of.transpose()? })
    }

    fn is_open(&self) -> bool {
        self.is_reverted.is_none() && self.cause.is_none() && self.of.is_none()
    }

    fn takes(&self, merge: &Merge, members: &BTreeSet<ProfileNo>) -> bool {
        self.is_reverted.is_none_or(|reverted| reverted == merge.reverted_at.is_some())
            && self.cause.is_none_or(|cause| cause == cause_of(merge))
            && (self.of.is_none() || members.contains(&merge.survivor.no) || members.contains(&merge.merged.no))
    }
}

/// `GET .../merges?state=&cause=&user_id=&limit=&cursor=`: newest first. A filter looks at so many merges and no more, and
/// tells where to go on.
pub(crate) async fn list(call: Call) -> Answer {
    let entry = call.entry()?;
    let limit = call.limit()?;
    let below = call.cursor(MergeNo::parse)?;
    let filter = Filter::of(&call)?;
    let (items, next) = call.read(entry.id(), move |reader| found(reader, &filter, below, limit)).await?;
    let next = next.map(|no| no.to_string());
    Ok(Call::about(&entry, tree(200, &page(items.iter().map(merge::json).collect(), next.as_deref()))))
}

/// A page of merges, and the one to go on below.
fn found(
    reader: &mut dyn Reader,
    filter: &Filter,
    below: Option<MergeNo>,
    limit: usize,
) -> Result<(Vec<Merge>, Option<MergeNo>), EngineError> {
    if filter.is_open() {
        let page = reader.merges(below, limit)?;
        let next = page.items.last().filter(|_| page.more).map(|last| last.no);
        return Ok((page.items, next));
    }
    let members = filter.of.map(|of| members_of(reader, of)).transpose()?.flatten().unwrap_or_default();
    let bounds = Bounds { below, limit, look_max: MERGES_LOOKED_MAX };
    walk(bounds, |below| reader.merges(below, PAGE_MAX), |merge| merge.no, |merge| filter.takes(merge, &members))
}

/// `GET .../merges/{id}`, with the merges that were made together with it.
pub(crate) async fn show(call: Call) -> Answer {
    let entry = call.entry()?;
    let no = MergeNo::parse(call.part(1)).ok_or_else(unknown)?;
    let found = call.read(entry.id(), move |reader| {
        let Some(merge) = reader.merge(no)? else { return Ok(None) };
        let together = together(reader, &merge)?;
        Ok(Some((merge, together)))
    });
    let (merge, together) = found.await?.ok_or_else(unknown)?;
    let mut json = merge::json(&merge);
    json["together"] = together.iter().map(MergeNo::to_string).collect();
    Ok(Call::about(&entry, tree(200, &json)))
}

/// The merges that one decision made into one survivor: its profiles follow each other, one record each
/// (behaviour.md 3.3), and no more than there are members.
fn together(reader: &mut dyn Reader, merge: &Merge) -> Result<Vec<MergeNo>, EngineError> {
    // A batch of an activation settles many values at one time, and no record tells which merge was of which.
    if matches!(merge.cause, Cause::Activation) {
        return Ok(vec![merge.no]);
    }
    // A member that was created for a new customer id is joined after the others, and no rule chose for it.
    let same_cause = |a: &Cause, b: &Cause| match (a, b) {
        (Cause::Identifiers { identifiers, .. }, Cause::Identifiers { identifiers: others, .. }) => {
            identifiers == others
        }
        (Cause::Api, _) => false,
        _ => a == b,
    };
    let is_with = |other: &Merge| {
        (other.survivor, other.at, other.request) == (merge.survivor, merge.at, merge.request)
            && same_cause(&other.cause, &merge.cause)
    };
    let mut together = vec![merge.no];
    for step in [-1, 1] {
        let mut at = merge.no.0.checked_add_signed(step);
        while let Some(no) = at.map(MergeNo)
            && together.len() < MEMBERS_MAX as usize
            && reader.merge(no)?.is_some_and(|other| is_with(&other))
        {
            together.push(no);
            at = no.0.checked_add_signed(step);
        }
    }
    together.sort_unstable();
    Ok(together)
}

/// `POST .../merges/{id}/revert?dry_run=`: cuts the link; a dry run shows both sides as they will be.
pub(crate) async fn revert(call: Call) -> Answer {
    let entry = call.entry()?;
    body::only_known(&body::object(&call.body)?, "", &[])?;
    let no = MergeNo::parse(call.part(1)).ok_or_else(unknown)?;
    let dry = call.is_true("dry_run");
    let mode = if dry { Mode::Dry } else { Mode::Commit };
    let outcome = call.app.decide(&entry, mode, |settings| Revert { merge: no, settings }).await?;
    let (survivor, restored, separation, sides) = match outcome {
        RevertOutcome::Reverted { survivor, restored, separation, sides } => (survivor, restored, separation, sides),
        RevertOutcome::Unknown => return Err(unknown().into()),
        RevertOutcome::Gone => return Err(Problem::new(410, "the profile of this merge was deleted").into()),
        RevertOutcome::AlreadyReverted(at) => {
            return Err(Problem::new(409, format!("this merge was reverted at {at}")).into());
        }
        RevertOutcome::UnderDeletion => {
            let why = "the deletion of this live profile is under way: it takes part in no merge and no revert";
            return Err(Problem::new(409, why).into());
        }
    };
    let mut answer = merge::reverted(survivor, restored, separation);
    if dry {
        answer["separation_id"] = json!(null);
        answer["preview"] = json!({"survivor": user::json(&sides.0, None), "restored": user::json(&sides.1, None)});
    } else {
        call.audit(Action::MergeReverted, Some(entry.id()), &no.to_string(), answer.clone()).await;
    }
    Ok(Call::about(&entry, tree(200, &answer)))
}

/// `GET .../merges/{id}/before`: both sides as they were right before it; of a reverted one as they are.
pub(crate) async fn before(call: Call) -> Answer {
    let entry = call.entry()?;
    let no = MergeNo::parse(call.part(1)).ok_or_else(unknown)?;
    let settings = Arc::clone(&entry.settings);
    let found = call.read(entry.id(), move |reader| both_sides(reader, no, &settings.identity)).await?;
    let json = match found {
        Found::Unknown => return Err(unknown().into()),
        Found::Gone => return Err(Problem::new(410, "a profile of this merge was deleted").into()),
        Found::Before(before) => json!({
            "survivor": user::json(&before.survivor, None),
            "merged": user::json(&before.merged, None),
            "complete": before.is_complete(),
            "unknown": before.unknown,
            "as_of": "merge",
        }),
        Found::Now(survivor, merged) => json!({
            "survivor": user::json(&survivor, None),
            "merged": user::json(&merged, None),
            "complete": false,
            "unknown": [],
            "as_of": "now",
        }),
    };
    Ok(Call::about(&entry, tree(200, &json)))
}

/// What can be told of both sides of a merge.
enum Found {
    Unknown,
    Gone,
    Before(Box<PreMerge>),
    Now(Box<Profile>, Box<Profile>),
}

fn both_sides(reader: &mut dyn Reader, no: MergeNo, identity: &Identity) -> Result<Found, EngineError> {
    let Some(merge) = reader.merge(no)? else { return Ok(Found::Unknown) };
    let Some(live) = reader.profile(merge.merged.no)? else { return Ok(Found::Gone) };
    if merge.reverted_at.is_some() {
        let Some(other) = reader.profile(merge.survivor.no)? else { return Ok(Found::Gone) };
        let side = |live: LiveProfile| assemble(live.root, &live.members, live.view, identity).map(Box::new);
        return Ok(match (side(other), side(live)) {
            (Some(survivor), Some(merged)) => Found::Now(survivor, merged),
            _ => Found::Gone,
        });
    }
    let mut rows = Vec::new();
    for member in &live.members {
        rows.extend(reader.history(&member.record)?);
    }
    let (cut, is_whole) = cut_since(reader, &merge)?;
    let found = muster_core::profile::pre_merge::pre_merge(&merge, &live.members, &rows, &cut, identity);
    Ok(found.map_or(Found::Gone, |found| Found::Before(Box::new(PreMerge { whole: found.whole && is_whole, ..found }))))
}

/// Older merges that were reverted at the time of this one or since, and whether these are surely all. Every revert leaves
/// a separation; only where one was lifted the merge records must be looked at, and of those at most so many.
fn cut_since(reader: &mut dyn Reader, merge: &Merge) -> Result<(Vec<Merge>, bool), EngineError> {
    let (mut cut, mut below, mut seen) = (Vec::new(), None, 0);
    let all = reader.counters()?.separation;
    while seen < BEFORE_RECORDS_MAX {
        let page = reader.separations(below, PAGE_MAX)?;
        seen += page.items.len();
        below = page.items.last().map(|last| last.no);
        for no in page.items.iter().filter_map(|separation| separation.merge).filter(|no| *no < merge.no) {
            cut.extend(reader.merge(no)?);
        }
        if !page.more {
            break;
        }
    }
    let since = |cut: &Merge| cut.reverted_at.is_some_and(|at| at >= merge.at);
    if seen as u64 == all {
        cut.retain(since);
        return Ok((cut, true));
    }
    let (mut cut, mut below, mut seen) = (Vec::new(), Some(merge.no), 0);
    while seen < BEFORE_RECORDS_MAX {
        let page = reader.merges(below, PAGE_MAX)?;
        seen += page.items.len();
        below = page.items.last().map(|last| last.no);
        cut.extend(page.items.into_iter().filter(since));
        if !page.more {
            return Ok((cut, true));
        }
    }
    Ok((cut, false))
}
