//! Loads the facts of a decision in rounds, the same for every engine: needs, facts at one snapshot, decide, again. What a
//! need includes (of a member also its root, of a root its view) is written once, here.

mod expired;
mod identity;
mod profiles;
mod source;

pub(crate) use source::{FactQueries, FactSource, ReviewAlone, WithBytes};

use crate::engine::{EngineError, Job, JobStep};
use muster_core::change::Changes;
use muster_core::facts::{Belongings, BindingNeed, Facts, Needs, Reach};
use muster_core::id::ProfileNo;
use muster_core::limits::SWEEP_EVENTS_MAX;
use muster_core::record::{DeviceRef, DeviceToken};
use muster_core::time::Moment;
use profiles::{fill_profile, fill_separations, fill_standing, fill_tree};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How a decision ended.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once a decision and taken apart at once: a box would cost more")]
pub(crate) enum LoadResult {
    /// These are its changes, and the bytes of the facts that it loaded.
    Changes(Changes, u64),
    /// Nothing changes.
    Leave,
}

/// Runs the rounds of one job. `facts` holds the counters, the revision and the rate window.
pub(crate) fn load_facts(
    job: &mut dyn Job,
    source: &mut dyn FactSource,
    mut facts: Facts,
    now: Moment,
) -> Result<LoadResult, EngineError> {
    if guarded(|| job.revision())?.is_some_and(|revision| revision != facts.settings_revision) {
        return Err(EngineError::Stale);
    }
    let mut needs = guarded(|| job.needs())?;
    facts.bytes = (0, job.facts_bytes_max());
    let rounds = job.rounds();
    for _ in 0..rounds {
        source.prefetch(&needs)?;
        fill(source, &needs, &mut facts)?;
        if facts.round > 0 || guarded(|| job.reads_ahead(&facts, now))? {
            read_ahead(source, &needs, &mut facts)?;
        }
        facts.round += 1;
        match guarded(|| job.decide(&facts, now))? {
            JobStep::NeedMore(more) if more == needs => {
                return Err(EngineError::Broken("it asks for the same facts again, which were read".into()));
            }
            JobStep::NeedMore(more) => needs = more,
            JobStep::Done(changes) => return Ok(LoadResult::Changes(changes, facts.bytes.0)),
            JobStep::Leave => return Ok(LoadResult::Leave),
            JobStep::TooLarge => return Err(EngineError::TooLarge),
        }
    }
    // Each round runs the whole decision again: what needs more of them costs more than one may.
    Err(EngineError::TooLarge)
}

/// Returns the initial needs of a job.
pub(crate) fn needs_of(job: &dyn Job) -> Result<Needs, EngineError> {
    guarded(|| job.needs())
}

/// A panic of a decision is the fault of that decision alone.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        EngineError::Broken(Arc::from(format!("it panicked: {}", text.unwrap_or("without a message"))))
    })
}

/// Reads what is needed and not read yet.
fn fill(source: &mut dyn FactSource, needs: &Needs, facts: &mut Facts) -> Result<(), EngineError> {
    for BindingNeed { identifier, .. } in &needs.bindings {
        if !facts.bindings.contains_key(identifier) {
            facts.bindings.insert(identifier.clone(), source.binding(identifier)?);
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
    let unread: Vec<&DeviceToken> = needs.tokens.iter().filter(|token| !facts.tokens.contains_key(*token)).collect();
    if !unread.is_empty() {
        let found = source.queries()?.tokens(&unread)?;
        for (token, at) in unread.into_iter().zip(found) {
            if let Some(at) = &at {
                fill_device(source, at, facts)?;
            }
            facts.tokens.insert(token.clone(), at);
        }
    }
    fill_others(source, needs, facts)
}

/// Reads the rows of bound ids, as far as the reach of their bindings says.
fn read_ahead(source: &mut dyn FactSource, needs: &Needs, facts: &mut Facts) -> Result<(), EngineError> {
    for BindingNeed { identifier, reach } in &needs.bindings {
        match (facts.bindings.get(identifier).copied().flatten(), reach) {
            (Some(no), Reach::Record) => fill_profile(source, no, facts)?,
            (Some(no), Reach::RootPointer) => fill_standing(source, no, facts)?,
            (Some(_), Reach::Binding) | (None, _) => {}
        }
    }
    Ok(())
}

/// Events and devices of a live profile, events first.
fn fill_belongings(source: &mut dyn FactSource, root: ProfileNo, facts: &mut Facts) -> Result<(), EngineError> {
    fill_tree(source, root, facts)?;
    let members = facts.trees.get(&root).cloned().flatten().unwrap_or_default();
    let mut belongings = Belongings::default();
    for no in &members {
        let left = SWEEP_EVENTS_MAX - belongings.events.len();
        if left == 0 {
            break;
        }
        for (seq, id) in source.queries()?.events_of(*no, left)? {
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
            belongings.reviews.extend(source.queries()?.reviews_naming(*no, left)?);
        }
        belongings.reviews.sort_unstable();
        belongings.reviews.dedup();
        for no in &members {
            belongings.devices.extend(source.queries()?.devices_of(*no)?);
        }
    }
    facts.belongings.insert(root, Some(belongings));
    Ok(())
}

fn fill_others(source: &mut dyn FactSource, needs: &Needs, facts: &mut Facts) -> Result<(), EngineError> {
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
    for seq in &needs.change_times {
        if !facts.change_times.contains_key(seq) {
            facts.change_times.insert(*seq, source.change(*seq)?.map(|change| change.at));
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

fn fill_device(source: &mut dyn FactSource, at: &DeviceRef, facts: &mut Facts) -> Result<(), EngineError> {
    if !facts.devices.contains_key(at) {
        facts.devices.insert(at.clone(), source.device(at)?);
    }
    Ok(())
}
