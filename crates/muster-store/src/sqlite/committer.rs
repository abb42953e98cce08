//! Committers: a few threads serve all lanes in turn; a lane with more work goes to the end after each group.

use super::Inner;
use super::lane::{Configuring, Lane, Load, locked};
use super::own_entry::Versioned;
use super::schema::SchemaError;
use super::trouble;
use super::writer::{Ended, Failed, Turn, Writer, WriterError};
use crate::engine::{EngineError, Job, Workspace};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// The lanes that have work, in turn.
#[derive(Default)]
pub(crate) struct Ready {
    lanes: Mutex<(VecDeque<Arc<Lane>>, bool)>,
    change: Condvar,
}

impl Ready {
    /// Puts a lane at the end.
    pub(crate) fn push(&self, lane: Arc<Lane>) {
        locked(&self.lanes).0.push_back(lane);
        self.change.notify_one();
    }

    /// Committers end when nothing is left.
    pub(crate) fn stop(&self) {
        locked(&self.lanes).1 = true;
        self.change.notify_all();
    }

    fn pop(&self) -> Option<Arc<Lane>> {
        let mut lanes = locked(&self.lanes);
        loop {
            match lanes.0.pop_front() {
                Some(lane) => return Some(lane),
                None if lanes.1 => return None,
                None => lanes = self.change.wait(lanes).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Serves lanes until they are told to stop.
pub(crate) fn run(inner: &Inner) {
    while let Some(lane) = inner.ready.pop() {
        // A panic of the engine's own code: what the writer holds in memory cannot be trusted any more.
        if catch_unwind(AssertUnwindSafe(|| serve(inner, &lane))).is_err() {
            *locked(&lane.writer) = None;
            poison(inner, &lane, "a bug of the engine: it panicked".into());
        }
        if lane.turn_over() {
            inner.ready.push(lane);
        }
    }
}

/// Nothing more is written to the lane in this process.
fn poison(inner: &Inner, lane: &Lane, why: Arc<str>) {
    let advice = "nothing more is written to it until the server is restarted on a sound disk";
    inner.gauges.fail(format!("workspace {}: {why}; {advice}", lane.id).into());
    let waited = lane.stop(&EngineError::Unavailable(why));
    inner.gauges.queued.fetch_sub(waited, Ordering::Relaxed);
}

/// One turn of a lane.
fn serve(inner: &Inner, lane: &Lane) {
    let load = lane.take(&inner.options.bounds);
    let _running = Running(&inner.gauges.queued, load.jobs.len() as u64);
    lane.used.store(inner.ticks.load(Ordering::Relaxed), Ordering::Relaxed);
    let mut writer = locked(&lane.writer);
    turn(inner, lane, &mut writer, load);
}

/// Decisions that were taken from a lane, counted until they are answered, however that comes.
struct Running<'a>(&'a AtomicU64, u64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

fn turn(inner: &Inner, lane: &Lane, writer: &mut Option<Writer>, load: Load) {
    let Load { jobs, configure, refused } = load;
    // The lane may have been deleted or poisoned after it was scheduled; a lane that closes finishes what waits.
    if let Some(error) = lane.stopped()
        && error != super::closed()
    {
        return answer_all(jobs, configure, &error);
    }
    let open = match lane.open_writer(writer, inner.options.binding_map_bytes_max, false) {
        Ok(open) => open,
        Err(error) => {
            // Nothing was written: with room again the next try opens it, and until then the server is not ready.
            let error = trouble::in_folder(opening(error), &lane.folder);
            lane.set_ailing(Some(&error));
            return answer_all(jobs, configure, &error);
        }
    };
    if lane.finish.swap(false, Ordering::AcqRel) {
        let cut = lane.cut.load(Ordering::Acquire);
        match open.checkpoint(cut) {
            Ok(whole) => {
                inner.gauges.checkpoints.fetch_add(1, Ordering::Relaxed);
                if whole {
                    lane.pages.store(0, Ordering::Relaxed);
                }
                if whole && cut {
                    lane.is_cut();
                }
            }
            Err(error) => match trouble::in_folder(error, &lane.folder) {
                error @ (EngineError::Full | EngineError::Busy(_)) => lane.set_ailing(Some(&error)),
                error => {
                    *writer = None;
                    poison(inner, lane, error.to_string().into());
                    return answer_all(jobs, configure, &error);
                }
            },
        }
    }
    if let Some(configuring) = configure {
        let Configuring { change, reply } = configuring;
        // Whoever asked may have gone; the change stands all the same.
        let _gone = reply.send(reconfigure(inner, lane, open, change));
    }
    let mut jobs = jobs;
    let mut turn = Turn {
        clock: &*inner.clock,
        bounds: &inner.options.bounds,
        revision: lane.entry().revision,
        rate: lane.rate(),
        trust: &inner.trust,
        probe: lane.ailing().is_some(),
        savepoints: false,
    };
    if jobs.is_empty() && refused.is_empty() && !turn.probe {
        return;
    }
    let ended = open.run(&mut jobs, &refused, &mut turn);
    lane.set_rate(turn.rate);
    settle(inner, lane, writer, jobs, ended);
}

/// Counts a group and answers its decisions.
fn settle(
    inner: &Inner,
    lane: &Lane,
    writer: &mut Option<Writer>,
    jobs: Vec<Box<dyn Job>>,
    ended: Result<Ended, Failed>,
) {
    match ended {
        Ok(ended) => {
            if let Some(commit) = ended.commit {
                inner.gauges.committed(ended.committed, commit);
                lane.set_ailing(None);
                lane.logged.store(true, Ordering::Release);
                if let Some(Ok(used)) = writer.as_ref().map(Writer::used_bytes) {
                    lane.used_bytes.store(used, Ordering::Relaxed);
                }
            }
            if let Some(why) = ended.poison {
                *writer = None;
                poison(inner, lane, why);
            }
            for (job, result) in jobs.into_iter().zip(ended.results) {
                job.answer(result);
            }
        }
        Err(Failed { error, poison: poisoned }) => {
            let error = trouble::in_folder(error, &lane.folder);
            let poisoned = poisoned && error != EngineError::Full;
            lane.set_ailing(Some(&error));
            if poisoned {
                // Everything in memory goes with it: nothing is retried over a failed sync.
                *writer = None;
                poison(inner, lane, error.to_string().into());
            }
            answer_all(jobs, None, &error);
        }
    }
}

/// Changes the entry between two groups: first in the catalogue, then for the decisions that follow.
fn reconfigure(
    inner: &Inner,
    lane: &Lane,
    writer: &Writer,
    change: crate::engine::Configure,
) -> Result<Workspace, EngineError> {
    inner.trust.judge(&*inner.clock, writer.counters().now)?;
    let entry = lane.entry();
    let changed = catch_unwind(AssertUnwindSafe(|| change(&entry, writer.counters())))
        .map_err(|_| EngineError::Broken("the change of the entry panicked".into()))?;
    let Some(changed) = changed else { return Ok((*entry).clone()) };
    let entry = entry.changed_to(changed);
    let version = inner.write_catalogue(|catalogue| {
        let version = catalogue.version(&entry.id)? + 1;
        catalogue.put(&Versioned { entry: entry.clone(), version })?;
        Ok(version)
    })?;
    lane.set_entry(entry.clone());
    // The change stands; a copy that lags behind is written anew with the next change, or at the next start.
    let kept = writer.keep_entry(&Versioned { entry: entry.clone(), version });
    if let Err(EngineError::Unavailable(why)) = kept.map_err(|error| trouble::in_folder(error, &lane.folder)) {
        poison(inner, lane, why);
    }
    Ok(entry)
}

fn answer_all(jobs: Vec<Box<dyn Job>>, configure: Option<Configuring>, error: &EngineError) {
    for job in jobs {
        job.answer(Err(error.clone()));
    }
    if let Some(configuring) = configure {
        let _gone = configuring.reply.send(Err(error.clone()));
    }
}

/// What a decision is answered whose lane cannot be opened.
pub(crate) fn opening(error: WriterError) -> EngineError {
    match error {
        WriterError::Schema(SchemaError::Storage(error)) => error,
        WriterError::Schema(SchemaError::Newer(version)) => {
            EngineError::Unavailable(format!("the database has the later version {version}").into())
        }
        WriterError::Io(error) => super::io(error),
        WriterError::Behind(stored, synced) => {
            EngineError::Unavailable(format!("the database ends at group {stored}, {synced} was acknowledged").into())
        }
    }
}
