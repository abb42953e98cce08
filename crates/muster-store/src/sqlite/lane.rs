//! A lane: one workspace's queue, its one writer and its readers. Who may take what when is here; how a group is run is
//! the writer's.

use super::settings;
use super::writer::{DATABASE, Writer, WriterError};
use crate::bounds::Bounds;
use crate::codec::refused_bytes;
use crate::engine::{Configure, EngineError, Job, Workspace};
use muster_core::id::WorkspaceId;
use muster_core::rate::RateWindow;
use muster_core::record::{Counters, LogEntry};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Reading connections that a lane keeps; more are opened on demand and closed after use.
const READERS_KEPT: usize = 4;

/// Locks; after a panic under the lock the state is taken as it is, since every change of it is one assignment.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A change of the entry, with whoever waits for it.
pub(crate) struct Configuring {
    pub(crate) change: Configure,
    pub(crate) reply: SyncSender<Result<Workspace, EngineError>>,
}

enum Item {
    Job(Box<dyn Job>),
    Configure(Configuring),
}

/// What a committer takes in one turn.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) jobs: Vec<Box<dyn Job>>,
    pub(crate) configure: Option<Configuring>,
    pub(crate) refused: Vec<LogEntry>,
}

/// One workspace's lane.
pub(crate) struct Lane {
    pub(crate) id: WorkspaceId,
    pub(crate) folder: PathBuf,
    queue: Mutex<Queue>,
    /// Held for a whole group.
    pub(crate) writer: Mutex<Option<Writer>>,
    readers: Mutex<Vec<Connection>>,
    /// Pages of the write-ahead log.
    pub(crate) pages: Arc<AtomicU64>,
    /// A checkpoint ran beside the writer, which finishes it before its next group.
    pub(crate) finish: AtomicBool,
    /// Bytes of its file that are in use, as of the last commit.
    pub(crate) used_bytes: AtomicU64,
    /// Its counters as of the last commit.
    pub(crate) counters: Mutex<Counters>,
    /// The write-ahead log is to be emptied.
    pub(crate) cut: AtomicBool,
    /// Something was written to it since it was emptied.
    pub(crate) logged: AtomicBool,
    /// The tick at which it was to be emptied last.
    pub(crate) cut_at: AtomicU64,
    /// The tick of the last use, for closing what is idle.
    pub(crate) used: AtomicU64,
    /// Why its data cannot be used, if it cannot: known from the start on.
    damaged: OnceLock<Arc<str>>,
}

struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    refused: Vec<LogEntry>,
    refused_bytes: usize,
    /// A committer has it, or it stands in the ready queue.
    scheduled: bool,
    /// Nothing is taken any more, for this reason.
    stopped: Option<EngineError>,
    /// Why the last group could not be stored, where nothing of it was written: it is tried again.
    ailing: Option<EngineError>,
    entry: Arc<Workspace>,
    rate: RateWindow,
}

impl Lane {
    pub(crate) fn new(entry: Workspace, folder: PathBuf) -> Self {
        let queue = Queue {
            items: VecDeque::new(),
            bytes: 0,
            refused: Vec::new(),
            refused_bytes: 0,
            scheduled: false,
            stopped: None,
            ailing: None,
            entry: Arc::new(entry.clone()),
            rate: RateWindow::default(),
        };
        Self {
            id: entry.id,
            folder,
            queue: Mutex::new(queue),
            writer: Mutex::new(None),
            readers: Mutex::default(),
            pages: Arc::default(),
            finish: AtomicBool::new(false),
            used_bytes: AtomicU64::new(0),
            counters: Mutex::default(),
            cut: AtomicBool::new(false),
            logged: AtomicBool::new(false),
            cut_at: AtomicU64::new(0),
            used: AtomicU64::new(0),
            damaged: OnceLock::new(),
        }
    }

    /// Takes nothing and shows nothing in this process, for this reason.
    pub(crate) fn set_damaged(&self, why: Arc<str>) {
        let _first_reason = self.damaged.set(why);
    }

    /// Why its data cannot be used.
    pub(crate) fn damaged(&self) -> Option<&Arc<str>> {
        self.damaged.get()
    }

    /// Puts a job at the end; true if the lane must be scheduled now.
    pub(crate) fn push(&self, job: Box<dyn Job>, bounds: &Bounds) -> Result<bool, EngineError> {
        let bytes = job.bytes();
        let mut queue = locked(&self.queue);
        if let Some(error) = &queue.stopped {
            return Err(error.clone());
        }
        // A job beyond the bound of bytes still passes an empty lane, or it would never pass.
        let over = !queue.items.is_empty() && queue.bytes.saturating_add(bytes) > bounds.lane_bytes;
        if queue.items.len() >= bounds.lane_jobs || over {
            return Err(EngineError::Overloaded);
        }
        queue.bytes += bytes;
        queue.items.push_back(Item::Job(job));
        Ok(!std::mem::replace(&mut queue.scheduled, true))
    }

    /// The same for a change of the entry, which always finds room: whoever asks waits.
    pub(crate) fn push_configure(&self, configuring: Configuring) -> Result<bool, EngineError> {
        let mut queue = locked(&self.queue);
        if let Some(error) = &queue.stopped {
            return Err(error.clone());
        }
        queue.items.push_back(Item::Configure(configuring));
        Ok(!std::mem::replace(&mut queue.scheduled, true))
    }

    /// Notes a refused request, if there is room.
    pub(crate) fn note_refused(&self, request: LogEntry, bounds: &Bounds) {
        let mut queue = locked(&self.queue);
        let bytes = queue.refused_bytes.saturating_add(usize::try_from(refused_bytes(&request)).unwrap_or(usize::MAX));
        if queue.stopped.is_none()
            && queue.refused.len() < bounds.refused_buffer
            && bytes <= bounds.refused_buffer_bytes
        {
            queue.refused_bytes = bytes;
            queue.refused.push(request);
        }
    }

    /// Schedules the lane if something waits that nobody pushed: true if it must be scheduled now.
    pub(crate) fn wake(&self) -> bool {
        let mut queue = locked(&self.queue);
        let waits = !queue.refused.is_empty() || queue.ailing.is_some() || self.finish.load(Ordering::Acquire);
        queue.stopped.is_none() && waits && !std::mem::replace(&mut queue.scheduled, true)
    }

    /// Schedules a lane that closes for its last turn, if refused requests wait: true if it must be scheduled now.
    pub(crate) fn wake_last(&self) -> bool {
        let mut queue = locked(&self.queue);
        !queue.refused.is_empty() && !std::mem::replace(&mut queue.scheduled, true)
    }

    /// Takes what the next turn does: jobs up to the bounds of a group, or one change of the entry.
    pub(crate) fn take(&self, bounds: &Bounds) -> Load {
        let mut queue = locked(&self.queue);
        let mut load = Load { refused: std::mem::take(&mut queue.refused), ..Load::default() };
        queue.refused_bytes = 0;
        let mut bytes = 0_usize;
        while load.jobs.len() < bounds.group_jobs {
            match queue.items.front() {
                Some(Item::Job(job)) => {
                    let more = job.bytes();
                    if !load.jobs.is_empty() && bytes.saturating_add(more) > bounds.group_bytes {
                        break;
                    }
                    bytes = bytes.saturating_add(more);
                }
                Some(Item::Configure(_)) if load.jobs.is_empty() => {}
                _ => break,
            }
            match queue.items.pop_front() {
                Some(Item::Job(job)) => load.jobs.push(job),
                Some(Item::Configure(configuring)) => {
                    load.configure = Some(configuring);
                    break;
                }
                None => break,
            }
        }
        queue.bytes = queue.bytes.saturating_sub(bytes);
        load
    }

    /// A turn is over: true if the lane must be scheduled again.
    pub(crate) fn turn_over(&self) -> bool {
        let mut queue = locked(&self.queue);
        // No keeper wakes a lane that closes: refused requests that came in during its last turn have one more.
        let last = queue.stopped.is_some() && !queue.refused.is_empty();
        queue.scheduled = !queue.items.is_empty() || last;
        queue.scheduled
    }

    /// Whether it stopped, and why.
    pub(crate) fn stopped(&self) -> Option<EngineError> {
        locked(&self.queue).stopped.clone()
    }

    /// Stops it for good: answers everything that waits and everything that will come with this. How many waited.
    pub(crate) fn stop(&self, error: &EngineError) -> u64 {
        let items = {
            let mut queue = locked(&self.queue);
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
        locked(&self.queue).stopped.get_or_insert_with(|| error.clone());
    }

    /// Whether nothing waits and nobody works on it.
    pub(crate) fn is_idle(&self) -> bool {
        let queue = locked(&self.queue);
        !queue.scheduled && queue.items.is_empty() && queue.refused.is_empty()
    }

    pub(crate) fn entry(&self) -> Arc<Workspace> {
        locked(&self.queue).entry.clone()
    }

    pub(crate) fn set_entry(&self, entry: Workspace) {
        locked(&self.queue).entry = Arc::new(entry);
    }

    pub(crate) fn rate(&self) -> RateWindow {
        locked(&self.queue).rate.clone()
    }

    pub(crate) fn set_rate(&self, rate: RateWindow) {
        locked(&self.queue).rate = rate;
    }

    /// Why the last group could not be stored.
    pub(crate) fn ailing(&self) -> Option<EngineError> {
        locked(&self.queue).ailing.clone()
    }

    /// Whether the lane can store: None, or an error after which it is tried again until it can.
    pub(crate) fn set_ailing(&self, error: Option<&EngineError>) {
        locked(&self.queue).ailing = match error {
            Some(EngineError::Full | EngineError::Busy(_) | EngineError::Unavailable(_) | EngineError::Clock(_)) => {
                error.cloned()
            }
            _ => None,
        };
    }

    /// Opens the writer if it is not open.
    pub(crate) fn open_writer<'w>(
        &self,
        writer: &'w mut Option<Writer>,
        binding_bytes_max: usize,
        accept_loss: bool,
    ) -> Result<&'w mut Writer, WriterError> {
        match writer {
            Some(writer) => Ok(writer),
            None => {
                let opened = Writer::open(&self.folder, self.pages.clone(), binding_bytes_max, accept_loss)?;
                self.used_bytes.store(opened.used_bytes()?, Ordering::Relaxed);
                *locked(&self.counters) = *opened.counters();
                Ok(writer.insert(opened))
            }
        }
    }

    /// A reading connection.
    pub(crate) fn reader(&self) -> Result<Connection, EngineError> {
        if let Some(conn) = locked(&self.readers).pop() {
            return Ok(conn);
        }
        Ok(settings::reader(&self.folder.join(DATABASE))?)
    }

    /// Gives it back.
    pub(crate) fn keep_reader(&self, conn: Connection) {
        let mut readers = locked(&self.readers);
        if readers.len() < READERS_KEPT {
            readers.push(conn);
        }
    }

    /// Its log is empty.
    pub(crate) fn is_cut(&self) {
        self.cut.store(false, Ordering::Release);
        self.logged.store(false, Ordering::Release);
    }

    /// Whether its log is to be emptied now: it was asked for, or it has held something for so many ticks.
    pub(crate) fn wants_cut(&self, tick: u64, ticks_kept: u64) -> bool {
        let is_old = || tick.saturating_sub(self.cut_at.load(Ordering::Relaxed)) >= ticks_kept;
        let wants = self.cut.load(Ordering::Acquire) || self.logged.load(Ordering::Acquire) && is_old();
        if wants {
            self.cut_at.store(tick, Ordering::Relaxed);
            self.cut.store(true, Ordering::Release);
        }
        wants
    }

    /// Closes the connections; the writer's caller holds its lock.
    pub(crate) fn close(&self, writer: &mut Option<Writer>) -> Result<(), EngineError> {
        locked(&self.readers).clear();
        self.pages.store(0, Ordering::Relaxed);
        self.finish.store(false, Ordering::Release);
        self.is_cut();
        writer.take().map_or(Ok(()), Writer::close)
    }
}
