//! Merges: listed, shown, made manually, reverted (behaviour.md 3.4, 4.ca), and both users directly before one.

use super::answers::{CreatedAnswer, DoneOrDry};
use super::arguments::{Arguments, DryRun, Id, JsonBody, NoBody, PageQuery, PathId as _, Sent, one_of};
use super::audit_action::AuditAction;
use super::context::{WorkspaceContext, mode_of};
use super::description::{CallDescription, Parameter};
use super::error::ManageError;
use super::users::members_of;
use super::walk::{WalkBounds, walk};
use crate::limits::{BEFORE_RECORDS_MAX, MERGES_LOOKED_MAX, PAGE_MAX};
use muster_core::decide::{MergeUsers, MergeUsersOutcome, Revert, RevertOutcome};
use muster_core::id::{MergeNo, ProfileId, ProfileNo};
use muster_core::limits::MEMBERS_MAX;
use muster_core::profile::pre_merge::PreMerge;
use muster_core::profile::{Profile, assemble};
use muster_core::record::{Cause, Merge};
use muster_core::settings::Identity;
use muster_store::engine::EngineError;
use muster_store::reader::{LiveProfile, Reader};
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::merge::{
    MergeContent, MergeDetailDocument, MergeDocument, MergeUsersRequest, PreMergeDocument, PreMergeTime,
    RevertDocument, RevertPreview,
};
use muster_wire::manage::page::PageDocument;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::user::UserDocument;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which merges are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MergeFilter {
    /// Whether the merge was reverted.
    pub(crate) is_reverted: Option<bool>,
    /// What caused it.
    pub(crate) cause: Option<&'static str>,
    /// A profile that took part, with every member of its live profile.
    pub(crate) user: Option<ProfileId>,
}

/// The words that name causes.
const CAUSES: [&str; 4] = ["keys", "activation", "api", "review"];
/// The words that name states: of merges that were not reverted, and of those that were.
const STATES: [&str; 2] = ["standing", "reverted"];

fn cause_of(merge: &Merge) -> &'static str {
    match merge.cause {
        Cause::Identifiers { .. } => "keys",
        Cause::Activation => "activation",
        Cause::Api => "api",
        Cause::Review(_) => "review",
    }
}

impl MergeFilter {
    /// Reads a filter from its parameters.
    ///
    /// # Errors
    /// 400 with the parameter that is wrong.
    pub(crate) fn parse(state: Option<&str>, cause: Option<&str>, user_id: Option<&str>) -> Result<Self, Problem> {
        let wrong = |what: &str| Problem::new(400, what.to_owned());
        let is_reverted = match state {
            None => None,
            Some("standing") => Some(false),
            Some("reverted") => Some(true),
            Some(_) => return Err(wrong("state must be standing or reverted")),
        };
        let known = |text: &str| CAUSES.into_iter().find(|cause| *cause == text);
        let cause = cause.map(|text| known(text).ok_or_else(|| wrong("cause must be keys, activation, api or review")));
        let user = user_id.map(|text| {
            ProfileId::parse(text).ok_or_else(|| wrong("user_id must be a profile id of 24 hexadecimal digits"))
        });
        Ok(Self { is_reverted, cause: cause.transpose()?, user: user.transpose()? })
    }

    fn is_open(&self) -> bool {
        *self == Self::default()
    }

    fn takes(&self, merge: &Merge, members: &BTreeSet<ProfileNo>) -> bool {
        self.is_reverted.is_none_or(|reverted| reverted == merge.reverted_at.is_some())
            && self.cause.is_none_or(|cause| cause == cause_of(merge))
            && (self.user.is_none() || members.contains(&merge.survivor.no) || members.contains(&merge.merged.no))
    }
}

impl Arguments for MergeFilter {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Self::parse(sent.parameter("state"), sent.parameter("cause"), sent.parameter("user_id"))
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.query(Parameter::new("state", "Whether to list merges in force or reverted ones", one_of(&STATES)));
        let causes =
            "What caused the merge: identifiers of an element, a kind that was activated, an API call, a review";
        call.query(Parameter::new("cause", causes, one_of(&CAUSES)));
        call.query(Parameter::text("user_id", "Merges of any member of this user"));
    }
}

/// Lists merges, the newest first. A filter reads a bounded number of merges, so a page may be short, or empty, and
/// have a next.
pub(crate) async fn list(
    call: WorkspaceContext,
    (page, filter): (PageQuery<MergeNo>, MergeFilter),
) -> Result<PageDocument<MergeDocument>, ManageError> {
    let (items, next) = call.read(move |reader| found(reader, &filter, page)).await?;
    Ok(PageDocument {
        items: items.iter().map(MergeDocument::from).collect(),
        next_cursor: next.map(|no| no.to_string()),
    })
}

/// Returns a page of merges, and the merge below which the next page begins.
fn found(
    reader: &mut dyn Reader,
    filter: &MergeFilter,
    page: PageQuery<MergeNo>,
) -> Result<(Vec<Merge>, Option<MergeNo>), EngineError> {
    let PageQuery { limit, cursor: below } = page;
    if filter.is_open() {
        let page = reader.merges(below, limit)?;
        let next = page.items.last().filter(|_| page.more).map(|last| last.no);
        return Ok((page.items, next));
    }
    let members = filter.user.map(|of| members_of(reader, of)).transpose()?.flatten().unwrap_or_default();
    let bounds = WalkBounds { below, limit, look_max: MERGES_LOOKED_MAX };
    walk(bounds, |below| reader.merges(below, PAGE_MAX), |merge| merge.no, |merge| filter.takes(merge, &members))
}

/// Shows one merge, with the merges that the same element or decision made.
pub(crate) async fn show(
    call: WorkspaceContext,
    (Id(no),): (Id<MergeNo>,),
) -> Result<MergeDetailDocument, ManageError> {
    let found = call.read(move |reader| {
        let Some(merge) = reader.merge(no)? else { return Ok(None) };
        let together = same_element(reader, &merge)?;
        Ok(Some((merge, together)))
    });
    let (merge, together) = found.await?.ok_or_else(MergeNo::unknown)?;
    Ok(MergeDetailDocument { merge: MergeDocument::from(&merge), together: together.into_iter().map(AsText).collect() })
}

/// Returns the merges that one decision made into one survivor: its profiles follow each other, one record each
/// (behaviour.md 3.3), and no more than there are members.
fn same_element(reader: &mut dyn Reader, merge: &Merge) -> Result<Vec<MergeNo>, EngineError> {
    // A batch of an activation settles many values at one time, and no record says which merge was for which value.
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

/// Merges two users manually; a dry run returns the merge that would be made, without its id and time.
pub(crate) async fn merge_users(
    call: WorkspaceContext,
    (JsonBody(wanted), DryRun(is_dry)): (JsonBody<MergeUsersRequest>, DryRun),
) -> Result<DoneOrDry<CreatedAnswer<MergeDocument>, MergeContent>, ManageError> {
    let MergeUsersRequest { survivor: AsText(survivor), merged: AsText(merged) } = wanted;
    let decide = |settings| MergeUsers { survivor, merged, settings };
    let record = match call.context.app.decide(&call.entry, mode_of(is_dry), decide).await? {
        MergeUsersOutcome::Merged(record) => record,
        refused => return Err(not_merged(&refused, survivor).into()),
    };
    if is_dry {
        return Ok(DoneOrDry::Dry(MergeContent::from(&*record)));
    }
    let detail = json!({"survivor": record.survivor.to_string(), "merged": record.merged.to_string()});
    call.audit(AuditAction::UsersMerged, &record.no.to_string(), detail).await;
    let location = format!("/workspaces/{}/merges/{}", call.entry.id(), record.no);
    Ok(DoneOrDry::Done(CreatedAnswer { location, document: MergeDocument::from(&*record) }))
}

fn not_merged(outcome: &MergeUsersOutcome, survivor: ProfileId) -> Problem {
    match outcome {
        MergeUsersOutcome::Unknown(id) => {
            let name = if *id == survivor { "survivor" } else { "merged" };
            Problem { pointer: Some(format!("/{name}")), ..ProfileId::unknown() }
        }
        MergeUsersOutcome::SameProfile | MergeUsersOutcome::Merged(_) => {
            Problem::at("/merged", "both ids belong to the same user")
        }
        MergeUsersOutcome::Separated => {
            Problem::new(409, "a separation keeps these users apart: lift it first (DELETE .../separations/{id})")
        }
        MergeUsersOutcome::UnderDeletion => {
            Problem::new(409, "one of these users is being deleted and cannot be merged")
        }
        MergeUsersOutcome::TooManyMembers => Problem::new(409, "the user would have more than 1,000 members"),
        MergeUsersOutcome::TooLarge => {
            Problem::new(409, "the user would be larger than the workspace allows (limits.profile_bytes)")
        }
    }
}

/// Reverts a merge; a dry run shows both users as they will be.
pub(crate) async fn revert(
    call: WorkspaceContext,
    (NoBody, Id(no), DryRun(is_dry)): (NoBody, Id<MergeNo>, DryRun),
) -> Result<RevertDocument, ManageError> {
    let outcome =
        call.context.app.decide(&call.entry, mode_of(is_dry), |settings| Revert { merge: no, settings }).await?;
    let (survivor, restored, separation, sides) = match outcome {
        RevertOutcome::Reverted { survivor, restored, separation, sides } => (survivor, restored, separation, sides),
        RevertOutcome::Unknown => return Err(MergeNo::unknown().into()),
        RevertOutcome::Gone => return Err(Problem::new(410, "the profile of this merge was deleted").into()),
        RevertOutcome::AlreadyReverted(at) => {
            return Err(Problem::new(409, format!("this merge was reverted at {at}")).into());
        }
        RevertOutcome::UnderDeletion => {
            let why = "this user is being deleted and can be neither merged nor reverted";
            return Err(Problem::new(409, why).into());
        }
    };
    let (survivor, restored, separation) = (AsText(survivor), AsText(restored), AsText(separation));
    if is_dry {
        let user = |side: &Profile| UserDocument::new(side, None);
        let preview = RevertPreview { survivor: user(&sides.0), restored: user(&sides.1) };
        return Ok(RevertDocument { survivor, restored, separation_id: None, preview: Some(preview) });
    }
    let done = RevertDocument { survivor, restored, separation_id: Some(separation), preview: None };
    call.audit(AuditAction::MergeReverted, &no.to_string(), json!(done)).await;
    Ok(done)
}

/// Shows both users directly before a merge; of a reverted merge as they are now.
pub(crate) async fn before(call: WorkspaceContext, (Id(no),): (Id<MergeNo>,)) -> Result<PreMergeDocument, ManageError> {
    let settings = Arc::clone(&call.entry.settings);
    let user = |side: &Profile| UserDocument::new(side, None);
    match call.read(move |reader| both_sides(reader, no, &settings.identity)).await? {
        Found::Unknown => Err(MergeNo::unknown().into()),
        Found::Gone => Err(Problem::new(410, "a profile of this merge was deleted").into()),
        Found::Before(before) => Ok(PreMergeDocument {
            survivor: user(&before.survivor),
            merged: user(&before.merged),
            complete: before.is_complete(),
            unknown: before.unknown.iter().map(ToString::to_string).collect(),
            as_of: PreMergeTime::Merge,
        }),
        Found::Now(survivor, merged) => Ok(PreMergeDocument {
            survivor: user(&survivor),
            merged: user(&merged),
            complete: false,
            unknown: Vec::new(),
            as_of: PreMergeTime::Now,
        }),
    }
}

/// What is known of both users before a merge.
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
/// a separation; only where one was lifted the merge records must be read, a bounded number of them.
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
