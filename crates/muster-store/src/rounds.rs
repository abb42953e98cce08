//! The rounds of a decision, the same for every engine that reads row by row: needs, facts at one snapshot, decide,
//! again. What a need comes to (of a member also its root, of a root its view) is written once, here.

mod expired;
mod identity;

pub(crate) use expired::Sized;

use crate::engine::{EngineError, Job, JobStep};
use muster_core::change::Changes;
use muster_core::facts::{Belongings, Facts, Needs, ReviewPair};
use muster_core::id::{MergeNo, ProfileNo, QuarantineNo, RequestNo, ReviewNo, SeparationNo, Seq};
use muster_core::identifier::Identifier;
use muster_core::kinds::Route;
use muster_core::limits::SWEEP_EVENTS_MAX;
use muster_core::record::{
    Device, DeviceRef, DeviceToken, EventId, Idempotency, MemberRecord, Merge, MergeLink, QuarantinedElement,
    RootPointer, Separation, View,
};
use muster_core::review::Review;
use muster_core::time::{Moment, Timestamp};
use std::collections::hash_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Bytes of facts that a decision may load beside any number of others: nearly all load some kilobytes. An array of short
/// items takes forty times its bytes while it is changed: of these ten megabytes.
const FACTS_BYTES_SMALL: u64 = 256 << 10;

/// The place of an event, with its event id.
pub(crate) type Placed = (Seq, Option<Box<str>>);

/// Reads single rows at one snapshot.
pub(crate) trait Source {
    /// The decision loads much: waits until there is room for it.
    fn large(&mut self) -> Result<(), EngineError> {
        Ok(())
    }
    fn binding(&mut self, key: &Identifier) -> Result<Option<ProfileNo>, EngineError>;
    fn profile(&mut self, no: ProfileNo) -> Result<Option<MemberRecord>, EngineError>;
    fn root_pointer(&mut self, no: ProfileNo) -> Result<Option<RootPointer>, EngineError>;
    fn view(&mut self, root: ProfileNo) -> Result<Option<View>, EngineError>;
    fn link(&mut self, child: ProfileNo) -> Result<Option<MergeLink>, EngineError>;
    /// The members of a root without itself, in order of their number.
    fn members(&mut self, root: ProfileNo) -> Result<Vec<ProfileNo>, EngineError>;
    /// The separations that name this id, by number.
    fn separations_of(&mut self, no: ProfileNo) -> Result<Vec<Separation>, EngineError>;
    /// Places of events recorded under this id with their event ids, at most so many.
    fn events_of(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<Placed>, EngineError>;
    /// The devices of this id.
    fn devices_of(&mut self, no: ProfileNo) -> Result<Vec<DeviceRef>, EngineError>;
    fn device(&mut self, at: &DeviceRef) -> Result<Option<Device>, EngineError>;
    fn token(&mut self, token: &DeviceToken) -> Result<Option<DeviceRef>, EngineError>;
    fn event_id(&mut self, id: &str) -> Result<Option<EventId>, EngineError>;
    fn merge(&mut self, no: MergeNo) -> Result<Option<Merge>, EngineError>;
    fn separation(&mut self, no: SeparationNo) -> Result<Option<Separation>, EngineError>;
    fn idempotency(&mut self, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError>;
    /// Log entries received until then, applied ones first, of each family the oldest first; at most so many, with their
    /// bytes.
    fn expired_requests(&mut self, until: Timestamp, limit: usize) -> Result<Sized<RequestNo>, EngineError>;
    /// The same of quarantine entries by first receipt; whether they are open.
    fn expired_quarantine(
        &mut self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Sized<(QuarantineNo, bool)>, EngineError>;
    /// The same of deleted quarantine entries by their deletion.
    fn expired_deleted(&mut self, until: Timestamp, limit: usize) -> Result<Sized<QuarantineNo>, EngineError>;
    /// The same of event ids.
    fn expired_event_ids(&mut self, until: Timestamp, limit: usize) -> Result<Sized<Box<str>>, EngineError>;
    /// The same of recorded answers.
    fn expired_idempotency(&mut self, until: Timestamp, limit: usize) -> Result<Sized<(Route, Box<str>)>, EngineError>;
    /// Up to `limit` reviews of two profiles that name this id and are open, or were decided without a merge.
    fn review_pairs(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<ReviewPair>, EngineError>;
    /// The same that name these two ids, all of them.
    fn reviews_between(&mut self, a: ProfileNo, b: ProfileNo) -> Result<Vec<ReviewPair>, EngineError>;
    /// Up to `limit` reviews of a value without a second profile that are open, or were decided without a merge.
    fn reviews_of_value(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ReviewAlone>, EngineError>;
    /// The same that name this id, all of them.
    fn reviews_of_holder(&mut self, key: &Identifier, no: ProfileNo) -> Result<Vec<ReviewAlone>, EngineError>;
    /// Reviews of every state that name this id, and whether each is open; at most so many.
    fn reviews_naming(&mut self, no: ProfileNo, limit: usize) -> Result<Vec<(ReviewNo, bool)>, EngineError>;
    fn review(&mut self, no: ReviewNo) -> Result<Option<Review>, EngineError>;
    /// So many reviews and whether each is open: decided ones first, in each the oldest first.
    fn reviews_to_drop(&mut self, limit: usize) -> Result<Vec<(ReviewNo, bool)>, EngineError>;
    /// Up to `limit` rows of the index of holders.
    fn noted(&mut self, limit: usize) -> Result<Vec<(Identifier, ProfileNo)>, EngineError>;
    /// The own records that hold a value of a kind that is being made active, by number.
    fn holders(&mut self, key: &Identifier, limit: usize) -> Result<Vec<ProfileNo>, EngineError>;
    /// Whether an own record is among them.
    fn holds(&mut self, key: &Identifier, no: ProfileNo) -> Result<bool, EngineError>;
    /// The own records after a number, by number.
    fn profiles_after(&mut self, after: ProfileNo, limit: usize) -> Result<Vec<ProfileNo>, EngineError>;
    fn quarantined(&mut self, no: QuarantineNo) -> Result<Option<QuarantinedElement>, EngineError>;
    /// Events from the first of all up to one that was received later.
    fn expired_events(&mut self, until: Timestamp, limit: usize) -> Result<Sized<(ProfileNo, Seq)>, EngineError>;
}

/// A review of a value without a second profile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReviewAlone {
    /// The review.
    pub(crate) no: ReviewNo,
    /// Its profile.
    pub(crate) profile: ProfileNo,
    /// Whether it is open.
    pub(crate) is_open: bool,
}

/// How a decision ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// These are its changes.
    Changes(Changes),
    /// Nothing changes.
    Leave,
}

/// Runs the rounds of one job. `facts` holds the counters, the revision and the rate window.
pub(crate) fn run(
    job: &mut dyn Job,
    source: &mut dyn Source,
    mut facts: Facts,
    now: Moment,
) -> Result<Verdict, EngineError> {
    if guarded(|| job.revision())?.is_some_and(|revision| revision != facts.settings_revision) {
        return Err(EngineError::Stale);
    }
    let mut needs = guarded(|| job.needs())?;
    facts.bytes = (0, job.facts_bytes_max());
    let rounds = job.rounds();
    for _ in 0..rounds {
        fill(source, &needs, &mut facts)?;
        facts.round += 1;
        match guarded(|| job.decide(&facts, now))? {
            JobStep::NeedMore(more) if more == needs => {
                return Err(EngineError::Broken("it asks for the same facts again, which were read".into()));
            }
            JobStep::NeedMore(more) => needs = more,
            JobStep::Done(changes) => return Ok(Verdict::Changes(changes)),
            JobStep::Leave => return Ok(Verdict::Leave),
            JobStep::TooLarge => return Err(EngineError::TooLarge),
        }
    }
    // Each round runs the whole decision again: what needs more of them costs more than one may.
    Err(EngineError::TooLarge)
}

/// What a row takes in memory beside what it holds, about: an own record with its standing and its places in the facts.
const ROW_BYTES: u64 = 560;

/// Counts what was read, against the bound of the decision.
fn weigh(source: &mut dyn Source, facts: &mut Facts, bytes: u64) -> Result<(), EngineError> {
    let before = facts.bytes.0;
    facts.bytes.0 += bytes + ROW_BYTES;
    facts.pause.run();
    if facts.bytes.0 > facts.bytes.1 {
        return Err(EngineError::TooLarge);
    }
    let is_small = |bytes: u64| bytes <= FACTS_BYTES_SMALL;
    if is_small(before) && !is_small(facts.bytes.0) { source.large() } else { Ok(()) }
}

/// A panic of a decision is the fault of that decision alone.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        EngineError::Broken(Arc::from(format!("it panicked: {}", text.unwrap_or("without a message"))))
    })
}

/// Reads what is needed and not read yet.
fn fill(source: &mut dyn Source, needs: &Needs, facts: &mut Facts) -> Result<(), EngineError> {
    for key in &needs.bindings {
        if !facts.bindings.contains_key(key) {
            facts.bindings.insert(key.clone(), source.binding(key)?);
        }
    }
    for no in &needs.root_pointers {
        fill_standing(source, *no, facts)?;
    }
    for no in &needs.records {
        fill_profile(source, *no, facts)?;
    }
    for root in &needs.trees {
        fill_tree(source, *root, facts)?;
    }
    for root in &needs.separations {
        fill_separations(source, *root, facts)?;
    }
    for at in &needs.devices {
        fill_device(source, at, facts)?;
    }
    for token in &needs.tokens {
        if !facts.tokens.contains_key(token) {
            let at = source.token(token)?;
            if let Some(at) = &at {
                fill_device(source, at, facts)?;
            }
            facts.tokens.insert(token.clone(), at);
        }
    }
    fill_others(source, needs, facts)
}

/// A standing; of a member also its root's.
fn fill_standing(source: &mut dyn Source, no: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    fill_one_standing(source, no, facts)?;
    match facts.root_pointers[&no] {
        Some(root_pointer) => fill_one_standing(source, root_pointer.root, facts),
        None => Ok(()),
    }
}

fn fill_one_standing(source: &mut dyn Source, no: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    if let Entry::Vacant(unread) = facts.root_pointers.entry(no) {
        unread.insert(source.root_pointer(no)?);
    }
    Ok(())
}

/// Events and devices of a live profile, events first.
fn fill_belongings(source: &mut dyn Source, root: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    fill_tree(source, root, facts)?;
    let members = facts.trees.get(&root).cloned().flatten().unwrap_or_default();
    let mut belongings = Belongings::default();
    for no in &members {
        let left = SWEEP_EVENTS_MAX - belongings.events.len();
        if left == 0 {
            break;
        }
        for (seq, id) in source.events_of(*no, left)? {
            belongings.events.push((*no, seq));
            // An id that was taken again since its retention ended is another event's.
            if let Some(id) = id
                && source.event_id(&id)?.is_some_and(|row| row.seq == seq)
            {
                belongings.event_ids.push(id);
            }
        }
    }
    if belongings.events.is_empty() {
        for no in &members {
            let left = SWEEP_EVENTS_MAX - belongings.reviews.len();
            belongings.reviews.extend(source.reviews_naming(*no, left)?);
        }
        belongings.reviews.sort_unstable();
        belongings.reviews.dedup();
        for no in &members {
            belongings.devices.extend(source.devices_of(*no)?);
        }
    }
    facts.belongings.insert(root, Some(belongings));
    Ok(())
}

fn fill_others(source: &mut dyn Source, needs: &Needs, facts: &mut Facts) -> Result<(), EngineError> {
    identity::fill(source, needs, facts)?;
    for root in &needs.belongings {
        fill_belongings(source, *root, facts)?;
    }
    for id in &needs.event_ids {
        if !facts.event_ids.contains_key(id) {
            facts.event_ids.insert(id.clone(), source.event_id(id)?);
        }
    }
    for no in &needs.merges {
        if !facts.merges.contains_key(no) {
            facts.merges.insert(*no, source.merge(*no)?);
        }
    }
    for no in &needs.merge_times {
        if !facts.merge_times.contains_key(no) {
            facts.merge_times.insert(*no, source.merge(*no)?.map(|merge| merge.at));
        }
    }
    for no in &needs.separation_nos {
        if !facts.separation_nos.contains_key(no) {
            facts.separation_nos.insert(*no, source.separation(*no)?);
        }
    }
    if let Some(key) = &needs.idempotency
        && !facts.idempotency.contains_key(key)
    {
        facts.idempotency.insert(key.clone(), source.idempotency(key.0, &key.1)?);
    }
    if let Some(cutoffs) = &needs.expired
        && facts.expired.is_none()
    {
        expired::fill(source, cutoffs, facts)?;
    }
    Ok(())
}

/// An own record and its standing; of a member also its root's, and the root's view.
fn fill_profile(source: &mut dyn Source, no: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    fill_own(source, no, facts)?;
    let root = facts.root_pointers[&no].map(|root_pointer| root_pointer.root);
    let Some(root) = root else { return Ok(()) };
    fill_own(source, root, facts)?;
    fill_view(source, root, facts)
}

fn fill_own(source: &mut dyn Source, no: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    fill_one_standing(source, no, facts)?;
    if facts.records.contains_key(&no) {
        return Ok(());
    }
    let profile = source.profile(no)?;
    let former = profile.as_ref().map_or(0, |profile| profile.former.len() as u64 * ROW_BYTES);
    let bytes = profile.as_ref().map_or(0, |profile| profile.attributes.size().weight as u64 + former);
    facts.records.insert(no, profile);
    weigh(source, facts, bytes)
}

fn fill_view(source: &mut dyn Source, root: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    if !facts.views.contains_key(&root) {
        let root_pointer = facts.root_pointers[&root].filter(|root_pointer| root_pointer.tree.members > 1);
        // A view shows no more than the members hold; it is weighed before it is read.
        weigh(source, facts, root_pointer.map_or(0, |root_pointer| root_pointer.weight))?;
        facts.views.insert(root, root_pointer.map_or(Ok(None), |_| source.view(root))?);
    }
    Ok(())
}

fn fill_tree(source: &mut dyn Source, root: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    if facts.trees.contains_key(&root) {
        return Ok(());
    }
    fill_profile(source, root, facts)?;
    if facts.root_pointers[&root].is_none() {
        facts.trees.insert(root, None);
        return Ok(());
    }
    let mut members = vec![root];
    members.extend(source.members(root)?);
    // All of their own records follow.
    let weight = facts.root_pointers[&root].map_or(0, |root_pointer| root_pointer.weight);
    if facts.bytes.0 + weight > facts.bytes.1 {
        return Err(EngineError::TooLarge);
    }
    for member in &members {
        fill_own(source, *member, facts)?;
        if !facts.links.contains_key(member) {
            facts.links.insert(*member, source.link(*member)?);
        }
    }
    facts.trees.insert(root, Some(members));
    Ok(())
}

fn fill_separations(source: &mut dyn Source, root: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    if facts.separations.contains_key(&root) {
        return Ok(());
    }
    let mut found = source.separations_of(root)?;
    for member in source.members(root)? {
        found.extend(source.separations_of(member)?);
    }
    found.sort_by_key(|separation| separation.no);
    found.dedup_by_key(|separation| separation.no);
    weigh(source, facts, found.len() as u64 * ROW_BYTES)?;
    facts.separations.insert(root, Some(found));
    Ok(())
}

fn fill_device(source: &mut dyn Source, at: &DeviceRef, facts: &mut Facts) -> Result<(), EngineError> {
    if !facts.devices.contains_key(at) {
        facts.devices.insert(at.clone(), source.device(at)?);
    }
    Ok(())
}
