//! Between the decisions of a workspace and its tables: the open generation, the one that is filled, and the
//! connection that writes the tables.

use super::errors;
use super::table_writer::TableWriter;

use super::redo::{Generation, GroupRows, GroupState, LogError, RedoLog};
use crate::bounds::Bounds;
use crate::codec::Cell;
use crate::engine::EngineError;
use crate::error::CorruptRow;
use crate::family::{Family, FamilySums};
use crate::queue::cores::Cores;
use crate::queue::group::GroupFailure;
use crate::sync::lock;
use muster_core::facts::FactHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The least and most that the open generation of one workspace takes, in bytes.
const OPEN_BYTES_MIN: usize = 1 << 20;
const OPEN_BYTES_MAX: usize = 16 << 20;
/// A generation of up to this many bytes is filled at once for a reader: a few milliseconds.
const SMALL_BYTES: usize = 64 << 10;
/// The longest that a reader waits before a fill begins for it, so that one that polls forces no small fills.
const READERS_WAIT_MAX: Duration = Duration::from_millis(100);

/// What was logged and is not in the tables.
struct Unfilled {
    log: Option<RedoLog>,
    /// The generation that groups are added to.
    open: Generation,
    /// When its first group was logged.
    since: Option<Instant>,
    /// The generation before it, until the tables have it.
    filling: Option<Arc<Generation>>,
    /// The last group that was logged, and the last one that the tables have.
    logged: u64,
    filled: u64,
}

/// Everything between decisions and tables. Locks are taken in the order of the fields. Never
/// wait for `tables` with a core in hand: the thread that holds it may itself wait for one.
pub(crate) struct Front {
    /// Held for a whole fill, and for a group that writes the tables itself.
    tables: Mutex<Option<TableWriter>>,
    /// Held while a group runs that is logged: the open generation stays open.
    group: Mutex<()>,
    unfilled: Mutex<Unfilled>,
    last_fill: Mutex<LastFill>,
    hasher: FactHasher,
    /// What the open generation may take before it is filled.
    open_bytes: AtomicUsize,
    /// Bytes of what the tables do not have, for the health: to read it never waits for a sync.
    unfilled_bytes: AtomicU64,
    /// A thread has been asked to fill.
    is_asked: AtomicBool,
    /// Whether the tables have chunks; only groups that write the tables themselves change them.
    has_chunks: AtomicBool,
}

/// How the last fill went.
#[derive(Default)]
struct LastFill {
    ended: Option<Instant>,
    took: Duration,
    failure: Option<GroupFailure>,
}

/// Place for a group that is logged, until it is dropped.
pub(crate) struct GroupPlace<'f> {
    front: &'f Front,
    filling: Option<Arc<Generation>>,
    _group: MutexGuard<'f, ()>,
}

impl Unfilled {
    fn new(open: Generation) -> Self {
        Self { log: None, open, since: None, filling: None, logged: 0, filled: 0 }
    }

    fn size(&self) -> u64 {
        (self.open.size() + self.filling.as_ref().map_or(0, |filling| filling.size())) as u64
    }
}

impl Front {
    pub(crate) fn new() -> Self {
        let hasher = FactHasher::default();
        Self {
            group: Mutex::default(),
            tables: Mutex::default(),
            unfilled: Mutex::new(Unfilled::new(Generation::new(hasher.clone()))),
            last_fill: Mutex::default(),
            hasher,
            open_bytes: AtomicUsize::new(OPEN_BYTES_MAX),
            unfilled_bytes: AtomicU64::new(0),
            is_asked: AtomicBool::new(false),
            has_chunks: AtomicBool::new(true),
        }
    }

    /// Returns an empty generation whose rows this front can take.
    pub(crate) fn generation(&self) -> Generation {
        Generation::new(self.hasher.clone())
    }

    /// Begins with tables that have everything that the log holds.
    pub(crate) fn start(&self, tables: TableWriter, log: RedoLog) {
        self.note_chunks(&tables.state().sums);
        *lock(&self.tables) = Some(tables);
        *lock(&self.unfilled) = Unfilled { log: Some(log), ..Unfilled::new(self.generation()) };
        *lock(&self.last_fill) = LastFill::default();
    }

    /// Notes whether the tables have chunks.
    pub(crate) fn note_chunks(&self, sums: &FamilySums) {
        self.has_chunks.store(sums.get(Family::Chunks).rows > 0, Ordering::Relaxed);
    }

    /// Whether the tables have chunks of any record or view.
    pub(crate) fn has_chunks(&self) -> bool {
        self.has_chunks.load(Ordering::Relaxed)
    }

    /// Takes its share of the bytes of all redo logs among this many writers.
    pub(crate) fn share(&self, bytes: usize, writers: usize) {
        let bytes = (bytes / writers.max(1)).clamp(OPEN_BYTES_MIN, OPEN_BYTES_MAX);
        self.open_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Locks the connection that writes the tables, once no fill runs; None if the workspace is closed.
    pub(crate) fn tables(&self, cores: &Cores) -> MutexGuard<'_, Option<TableWriter>> {
        // A fill may wait for the core of this thread.
        cores.without_core(|| lock(&self.tables))
    }

    /// The same, unless a fill runs.
    pub(crate) fn idle_tables(&self) -> Option<MutexGuard<'_, Option<TableWriter>>> {
        self.tables.try_lock().ok()
    }

    /// Waits until another group may be logged, without the core that the thread has: while a generation is filled the
    /// open one must not grow beyond its bound.
    pub(crate) fn place(&self, cores: &Cores) -> GroupPlace<'_> {
        let bytes = self.open_bytes.load(Ordering::Relaxed);
        let (size, is_filling) = {
            let unfilled = lock(&self.unfilled);
            (unfilled.open.size(), unfilled.filling.is_some())
        };
        if size >= bytes && is_filling {
            // The fill holds them until it is done.
            drop(self.tables(cores));
        } else if size >= 2 * bytes {
            // The thread that was asked has not begun.
            let _shown_by_the_next_group = self.fill(cores);
        }
        let group = lock(&self.group);
        let filling = lock(&self.unfilled).filling.clone();
        GroupPlace { front: self, filling, _group: group }
    }

    /// Whether a fill must begin by itself and nobody has asked for one; the caller has to.
    pub(crate) fn wants_fill(&self, bounds: &Bounds) -> bool {
        let has_failed = self.failure().is_some();
        let wants = {
            let unfilled = lock(&self.unfilled);
            let is_large = unfilled.open.size() >= self.open_bytes.load(Ordering::Relaxed);
            let is_left = has_failed && unfilled.filled < unfilled.logged;
            is_left || is_large || unfilled.since.is_some_and(|since| since.elapsed() >= bounds.redo_age)
        };
        wants && !self.is_asked.swap(true, Ordering::AcqRel)
    }

    /// Whether a writer has opened the log.
    pub(crate) fn is_open(&self) -> bool {
        lock(&self.unfilled).log.is_some()
    }

    /// Whether the tables have everything.
    pub(crate) fn is_filled(&self) -> bool {
        let unfilled = lock(&self.unfilled);
        unfilled.filled >= unfilled.logged
    }

    /// Returns the bytes of what was logged and is not in the tables, about.
    pub(crate) fn unfilled_bytes(&self) -> u64 {
        self.unfilled_bytes.load(Ordering::Relaxed)
    }

    /// Writes everything to the tables that was logged before the call.
    ///
    /// # Errors
    /// Those of the tables; what was logged stays in the log, and is tried again by the next call, unless a sync failed.
    pub(crate) fn fill(&self, cores: &Cores) -> Result<(), EngineError> {
        self.is_asked.store(false, Ordering::Release);
        let logged = lock(&self.unfilled).logged;
        while lock(&self.unfilled).filled < logged {
            self.fill_once(logged, cores)?;
        }
        Ok(())
    }

    /// The same for a reader, which waits a little if fills are expensive.
    pub(crate) fn fill_for_reader(&self, cores: &Cores) -> Result<(), EngineError> {
        if self.is_filled() {
            return Ok(());
        }
        if lock(&self.unfilled).open.size() <= SMALL_BYTES {
            // Less work than to wait for a core.
            return self.fill(cores);
        }
        let wait = {
            let last = lock(&self.last_fill);
            let pause = (last.took * 4).min(READERS_WAIT_MAX);
            last.ended.map_or(Duration::ZERO, |ended| pause.saturating_sub(ended.elapsed()))
        };
        std::thread::sleep(wait);
        let _core = cores.core();
        self.fill(cores)
    }

    /// Fills one generation, the one whose fill failed or the open one, unless the tables have everything up to a group.
    fn fill_once(&self, upto: u64, cores: &Cores) -> Result<(), EngineError> {
        let mut tables = self.tables(cores);
        if lock(&self.unfilled).filled >= upto {
            return Ok(());
        }
        let Some(tables) = &mut *tables else { return Err(EngineError::Unavailable("it was closed".into())) };
        // The kernel may take pages of a failed sync for written: a second one that succeeds says nothing about them.
        if let Some(failure) = self.failure().filter(|failure| errors::is_sync(&failure.error)) {
            return Err(failure.error);
        }
        let Some(generation) = self.close_open(cores) else {
            return Err(EngineError::Broken("a group that was logged is in no generation".into()));
        };
        let begun = Instant::now();
        let filled = tables.fill(&generation, cores);
        let mut last = lock(&self.last_fill);
        (last.ended, last.took) = (Some(Instant::now()), begun.elapsed());
        match filled {
            Ok(group) => {
                last.failure = None;
                let mut unfilled = lock(&self.unfilled);
                (unfilled.filling, unfilled.filled) = (None, group);
                self.unfilled_bytes.store(unfilled.size(), Ordering::Relaxed);
                Ok(())
            }
            Err(failure) => {
                let error = failure.error.clone();
                last.failure = Some(failure);
                Err(error)
            }
        }
    }

    /// Makes the open generation the one that is filled, unless there is one already; None if there is nothing to fill.
    fn close_open(&self, cores: &Cores) -> Option<Arc<Generation>> {
        // The group that holds the lock may wait for this core.
        cores.without_core(|| {
            let _group = lock(&self.group);
            let mut unfilled = lock(&self.unfilled);
            let Unfilled { log, open, since, filling, .. } = &mut *unfilled;
            if filling.is_none() && !open.is_empty() {
                *filling = Some(Arc::new(std::mem::replace(open, self.generation())));
                *since = None;
                if let Some(log) = log {
                    log.switch();
                }
            }
            filling.clone()
        })
    }

    /// Returns why the last fill failed, if it did.
    pub(crate) fn failure(&self) -> Option<GroupFailure> {
        lock(&self.last_fill).failure.clone()
    }

    /// Returns a row that a synced group changed and the tables may not have yet, as `read` takes it from its cells; None
    /// = ask the tables.
    pub(crate) fn get<T>(
        &self,
        (family, key): (Family, &[Cell<'_>]),
        read: impl FnOnce(Vec<Cell<'_>>) -> Result<T, CorruptRow>,
    ) -> Result<Option<Option<T>>, CorruptRow> {
        let filling = {
            let unfilled = lock(&self.unfilled);
            if let Some(found) = unfilled.open.get(family, key)? {
                return found.map(|(cells, _)| read(cells)).transpose().map(Some);
            }
            unfilled.filling.clone()
        };
        match filling.as_ref().map(|filling| filling.get(family, key)).transpose()?.flatten() {
            Some(found) => found.map(|(cells, _)| read(cells)).transpose().map(Some),
            None => Ok(None),
        }
    }

    /// Forgets everything, whatever the tables have: the next writer reads the files.
    pub(crate) fn abandon(&self, cores: &Cores) {
        let mut tables = self.tables(cores);
        *tables = None;
        *lock(&self.unfilled) = Unfilled::new(self.generation());
    }

    /// Empties the files of the log. Returns whether that was done: not if a group was logged that the tables do not have.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn clear_log(&self) -> std::io::Result<bool> {
        let mut unfilled = lock(&self.unfilled);
        if unfilled.filled < unfilled.logged {
            return Ok(false);
        }
        unfilled.log.as_mut().map_or(Ok(()), RedoLog::clear)?;
        Ok(true)
    }

    /// Fills everything, empties the log and hands the tables over.
    ///
    /// # Errors
    /// Those of the tables and of the file system; nothing is closed then.
    pub(crate) fn close(&self, cores: &Cores) -> Result<Option<TableWriter>, EngineError> {
        if lock(&self.tables).is_none() {
            return Ok(None);
        }
        self.fill(cores)?;
        if !self.clear_log().map_err(|error| errors::of_system(&error))? {
            return Err(EngineError::Busy("a group was logged while the redo log was emptied".into()));
        }
        lock(&self.unfilled).log = None;
        Ok(lock(&self.tables).take())
    }
}

impl GroupPlace<'_> {
    /// Returns the generation that was filled when the group began: a snapshot of the tables that is taken later may not
    /// have it.
    pub(crate) fn filling(&self) -> Option<&Generation> {
        self.filling.as_deref()
    }

    /// Runs something over the open generation.
    pub(crate) fn with_open<T>(&self, run: impl FnOnce(&Generation) -> T) -> T {
        run(&lock(&self.front.unfilled).open)
    }

    /// Logs a group and syncs it; from then on it is in the open generation.
    pub(crate) fn log(&self, group: GroupRows, state: GroupState) -> Result<(), LogError> {
        let mut unfilled = lock(&self.front.unfilled);
        let Unfilled { log, open, since, logged, .. } = &mut *unfilled;
        let Some(log) = log else {
            return Err(LogError::NotStored(EngineError::Unavailable("it was closed".into())));
        };
        log.append(&state, &group)?;
        since.get_or_insert_with(Instant::now);
        open.absorb(group, state);
        *logged = state.1.group;
        self.front.unfilled_bytes.store(unfilled.size(), Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
