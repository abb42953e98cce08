//! Committers: threads that serve lanes in turn; a lane with more work goes to the end after each group. There are as many
//! as lanes have work at a time, within a bound, and as many of them run as there are cores (`turns`).

use super::Inner;
use super::lane::{Configuring, Lane, Load, locked};
use super::own_entry::Versioned;
use super::schema::SchemaError;
use super::trouble;
use super::turns::Turns;
use super::writer::{Ended, Failed, Turn, Writer, WriterError};
use crate::engine::{EngineError, Job, Workspace};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Threads at most: each has a lane whose group is under way, and a core or a place in the queue for one.
const THREADS_MAX: usize = 256;
/// How long a thread waits for work before it ends, if there are more than cores.
const IDLE: Duration = Duration::from_secs(10);

/// The lanes that have work, in turn, and the threads that serve them.
#[derive(Default)]
pub(crate) struct Ready {
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Default)]
struct State {
    lanes: VecDeque<Arc<Lane>>,
    is_over: bool,
    idle: usize,
    /// Threads that are there for good.
    kept: usize,
    threads: Vec<JoinHandle<()>>,
    running: usize,
    inner: Weak<Inner>,
}

impl Ready {
    /// Starts the threads that are there for good, one at least.
    pub(crate) fn start(&self, inner: &Arc<Inner>, kept: usize) -> std::io::Result<()> {
        let mut state = locked(&self.state);
        (state.inner, state.kept) = (Arc::downgrade(inner), kept.max(1));
        while state.running < state.kept {
            state.spawn()?;
        }
        Ok(())
    }

    /// Puts a lane at the end.
    pub(crate) fn push(&self, lane: Arc<Lane>) {
        let mut state = locked(&self.state);
        state.lanes.push_back(lane);
        if !state.is_over && state.lanes.len() > state.idle && state.running < THREADS_MAX {
            // Without one more, those that are there serve it later.
            let _served_later = state.spawn();
        }
        self.change.notify_one();
    }

    /// Puts a lane at the end whose turn is over. It wakes nobody: the thread that had it takes the next one.
    fn put_back(&self, lane: Arc<Lane>) {
        locked(&self.state).lanes.push_back(lane);
    }

    /// A thread ends and another takes its place, if one can be started; false at the end, which needs every thread.
    fn replace(&self) -> bool {
        let mut state = locked(&self.state);
        let is_replaced = !state.is_over && state.spawn().is_ok();
        if is_replaced {
            state.running -= 1;
        }
        is_replaced
    }

    /// Committers end when nothing is left; waits for that.
    pub(crate) fn stop(&self) {
        let threads = {
            let mut state = locked(&self.state);
            state.is_over = true;
            self.change.notify_all();
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            let _panicked = thread.join();
        }
    }

    /// The next lane; None = the thread ends.
    fn pop(&self) -> Option<Arc<Lane>> {
        let mut state = locked(&self.state);
        loop {
            if let Some(lane) = state.lanes.pop_front() {
                return Some(lane);
            }
            if state.is_over {
                state.running -= 1;
                return None;
            }
            state.idle += 1;
            let (woken, waited) = self.change.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.lanes.is_empty() && state.running > state.kept {
                state.running -= 1;
                return None;
            }
        }
    }
}

impl State {
    fn spawn(&mut self) -> std::io::Result<()> {
        let Some(inner) = self.inner.upgrade() else { return Ok(()) };
        self.threads.retain(|thread| !thread.is_finished());
        let name = format!("committer-{}", self.running);
        self.threads.push(thread::Builder::new().name(name).spawn(move || run(&inner))?);
        self.running += 1;
        Ok(())
    }
}

/// Serves lanes until they are told to stop.
fn run(inner: &Inner) {
    while let Some(lane) = inner.ready.pop() {
        let core = inner.turns.core();
        // A panic of the engine's own code: what the writer holds in memory cannot be trusted any more.
        if catch_unwind(AssertUnwindSafe(|| serve(inner, &lane))).is_err() {
            *locked(&lane.writer) = None;
            poison(inner, &lane, "a bug of the engine: it panicked".into());
        }
        drop(core);
        if lane.turn_over() {
            inner.ready.put_back(lane);
        }
        // The memory that a large decision took is given back with its thread; another one goes on.
        if Turns::was_large() && inner.ready.replace() {
            return;
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
            // Any other reason is this workspace's own, and makes the others no less ready.
            if error == EngineError::Full {
                lane.set_ailing(Some(&error));
            }
            return answer_all(jobs, configure, &error);
        }
    };
    let writers = inner.lanes.read().unwrap_or_else(PoisonError::into_inner).len();
    if let Err(error) = open.share_memory(writers) {
        return answer_all(jobs, configure, &error);
    }
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
        turns: &inner.turns,
        pause: inner.pause.clone(),
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
                if let Some(writer) = writer {
                    *locked(&lane.counters) = *writer.counters();
                    if let Ok(used) = writer.used_bytes() {
                        lane.used_bytes.store(used, Ordering::Relaxed);
                    }
                }
            }
            if let Some(why) = ended.poison {
                *writer = None;
                poison(inner, lane, why);
            }
            let too_large = ended.results.iter().filter(|result| **result == Err(EngineError::TooLarge)).count();
            inner.gauges.too_large.fetch_add(too_large as u64, Ordering::Relaxed);
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
