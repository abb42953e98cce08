//! The queue of one workspace: what waits for its writer, within bounds, and what the next batch is. Every engine that
//! writes a workspace with one writer has one; how a batch is run is the engine's.

pub(crate) mod cores;
pub(crate) mod group;
pub(crate) mod run_queue;
pub(crate) mod stop_signal;

use crate::bounds::Bounds;
use crate::codec::refused_bytes;
use crate::engine::{Configure, EngineError, Job, Workspace};
use crate::sync::lock;
use muster_core::rate::RateWindow;
use muster_core::record::LogEntry;
use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

/// A change of the entry, with the caller that waits for it.
pub(crate) struct Configuring {
    pub(crate) change: Configure,
    pub(crate) reply: SyncSender<Result<Workspace, EngineError>>,
}

enum Item {
    Job(Box<dyn Job>),
    Configure(Configuring),
}

/// What is taken from a queue at a time: jobs of one commit, or one change of the entry; with refused requests for the log.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) jobs: Vec<Box<dyn Job>>,
    pub(crate) configure: Option<Configuring>,
    pub(crate) refused: Vec<LogEntry>,
}

impl Batch {
    /// Answers everything in it with an error.
    pub(crate) fn fail(self, error: &EngineError) {
        fail_jobs(self.jobs, error);
        if let Some(configuring) = self.configure {
            // The caller may be gone.
            let _gone = configuring.reply.send(Err(error.clone()));
        }
    }
}

/// Answers jobs with an error.
pub(crate) fn fail_jobs(jobs: Vec<Box<dyn Job>>, error: &EngineError) {
    for job in jobs {
        job.answer(Err(error.clone()));
    }
}

/// The queue of one workspace.
pub(crate) struct WorkspaceQueue(Mutex<State>);

struct State {
    items: VecDeque<Item>,
    bytes: usize,
    refused: Vec<LogEntry>,
    refused_bytes: usize,
    /// A thread has it, or it is in the run queue.
    is_scheduled: bool,
    /// Nothing is taken any more, for this reason.
    stopped: Option<EngineError>,
    /// Why the last group could not be stored, if nothing of it was written: it is tried again.
    failing: Option<EngineError>,
    entry: Arc<Workspace>,
    rate: RateWindow,
}

impl State {
    /// Whether the queue must be scheduled: nobody has done it yet.
    fn schedule(&mut self) -> bool {
        !std::mem::replace(&mut self.is_scheduled, true)
    }
}

impl WorkspaceQueue {
    pub(crate) fn new(entry: Workspace) -> Self {
        Self(Mutex::new(State {
            items: VecDeque::new(),
            bytes: 0,
            refused: Vec::new(),
            refused_bytes: 0,
            is_scheduled: false,
            stopped: None,
            failing: None,
            entry: Arc::new(entry),
            rate: RateWindow::default(),
        }))
    }

    /// Puts a job at the end; true if the queue must be scheduled now.
    pub(crate) fn push(&self, job: Box<dyn Job>, bounds: &Bounds) -> Result<bool, EngineError> {
        let bytes = job.bytes();
        let mut queue = lock(&self.0);
        if let Some(error) = &queue.stopped {
            return Err(error.clone());
        }
        // A job beyond the bound of bytes still passes an empty queue, or it would never pass.
        let is_over = !queue.items.is_empty() && queue.bytes.saturating_add(bytes) > bounds.queue_bytes;
        if queue.items.len() >= bounds.queue_jobs || is_over {
            return Err(EngineError::Overloaded);
        }
        queue.bytes += bytes;
        queue.items.push_back(Item::Job(job));
        Ok(queue.schedule())
    }

    /// Puts a change of the entry at the end, which always finds room, because its caller waits. True if the queue must be
    /// scheduled now.
    pub(crate) fn push_configure(&self, configuring: Configuring) -> Result<bool, EngineError> {
        let mut queue = lock(&self.0);
        if let Some(error) = &queue.stopped {
            return Err(error.clone());
        }
        queue.items.push_back(Item::Configure(configuring));
        Ok(queue.schedule())
    }

    /// Notes a refused request for the log, if there is room.
    pub(crate) fn note_refused(&self, request: LogEntry, bounds: &Bounds) {
        let mut queue = lock(&self.0);
        let bytes = queue.refused_bytes.saturating_add(usize::try_from(refused_bytes(&request)).unwrap_or(usize::MAX));
        let has_room = queue.refused.len() < bounds.refused_buffer && bytes <= bounds.refused_buffer_bytes;
        if queue.stopped.is_none() && has_room {
            queue.refused_bytes = bytes;
            queue.refused.push(request);
        }
    }

    /// Schedules a queue whose work nobody pushed: refused requests, a group to try again, or `other_work` of the engine.
    /// True if it must be scheduled now.
    pub(crate) fn wake(&self, other_work: bool) -> bool {
        let mut queue = lock(&self.0);
        let has_work = !queue.refused.is_empty() || queue.failing.is_some() || other_work;
        queue.stopped.is_none() && has_work && queue.schedule()
    }

    /// Schedules a queue that closes for its last batch, if refused requests wait: true if it must be scheduled now.
    pub(crate) fn wake_last(&self) -> bool {
        let mut queue = lock(&self.0);
        !queue.refused.is_empty() && queue.schedule()
    }

    /// Takes the next batch: jobs up to the bounds of a group, or one change of the entry.
    pub(crate) fn take(&self, bounds: &Bounds) -> Batch {
        let mut queue = lock(&self.0);
        let mut batch = Batch { refused: std::mem::take(&mut queue.refused), ..Batch::default() };
        queue.refused_bytes = 0;
        let mut bytes = 0_usize;
        while batch.jobs.len() < bounds.group_jobs {
            match queue.items.front() {
                Some(Item::Job(job)) => {
                    let more = job.bytes();
                    if !batch.jobs.is_empty() && bytes.saturating_add(more) > bounds.group_bytes {
                        break;
                    }
                    bytes = bytes.saturating_add(more);
                }
                Some(Item::Configure(_)) if batch.jobs.is_empty() => {}
                _ => break,
            }
            match queue.items.pop_front() {
                Some(Item::Job(job)) => batch.jobs.push(job),
                Some(Item::Configure(configuring)) => {
                    batch.configure = Some(configuring);
                    break;
                }
                None => break,
            }
        }
        queue.bytes = queue.bytes.saturating_sub(bytes);
        batch
    }

    /// A batch is done: true if the queue must be scheduled again, also for `other_work` of the engine.
    pub(crate) fn batch_done(&self, other_work: bool) -> bool {
        let mut queue = lock(&self.0);
        // Maintenance wakes no queue that closes: refused requests that arrived during its last batch get one more.
        let has_last = queue.stopped.is_some() && !queue.refused.is_empty();
        let has_other = other_work && queue.stopped.is_none();
        queue.is_scheduled = !queue.items.is_empty() || has_last || has_other;
        queue.is_scheduled
    }

    /// Why it takes nothing any more, if it does not.
    pub(crate) fn stopped(&self) -> Option<EngineError> {
        lock(&self.0).stopped.clone()
    }

    /// Stops it for good: answers everything that waits and everything that will come with this error. Returns how many jobs
    /// waited.
    pub(crate) fn stop(&self, error: &EngineError) -> u64 {
        let items = {
            let mut queue = lock(&self.0);
            queue.stopped.get_or_insert_with(|| error.clone());
            queue.bytes = 0;
            queue.refused.clear();
            queue.refused_bytes = 0;
            std::mem::take(&mut queue.items)
        };
        let mut jobs = 0;
        for item in items {
            match item {
                Item::Job(job) => {
                    job.answer(Err(error.clone()));
                    jobs += 1;
                }
                Item::Configure(configuring) => drop(configuring.reply.send(Err(error.clone()))),
            }
        }
        jobs
    }

    /// Takes nothing more, but finishes what waits.
    pub(crate) fn refuse_more(&self, error: &EngineError) {
        lock(&self.0).stopped.get_or_insert_with(|| error.clone());
    }

    /// Whether nothing waits and no thread works on it.
    pub(crate) fn is_idle(&self) -> bool {
        let queue = lock(&self.0);
        !queue.is_scheduled && queue.items.is_empty() && queue.refused.is_empty()
    }

    pub(crate) fn entry(&self) -> Arc<Workspace> {
        lock(&self.0).entry.clone()
    }

    pub(crate) fn set_entry(&self, entry: Workspace) {
        lock(&self.0).entry = Arc::new(entry);
    }

    pub(crate) fn rate(&self) -> RateWindow {
        lock(&self.0).rate.clone()
    }

    pub(crate) fn set_rate(&self, rate: RateWindow) {
        lock(&self.0).rate = rate;
    }

    /// Why the last group could not be stored.
    pub(crate) fn failing(&self) -> Option<EngineError> {
        lock(&self.0).failing.clone()
    }

    /// Whether the workspace can store: None, or an error after which it is tried again until it can.
    pub(crate) fn set_failing(&self, error: Option<&EngineError>) {
        lock(&self.0).failing = error.filter(|error| error.is_retried()).cloned();
    }
}
