//! Between the decisions of a workspace and its tables: the open generation, the one that is filled, and the
//! connection that writes the tables.

use super::errors::{self, closed};
use super::redo::{Generation, GroupRows, GroupState, LogError, RedoLog};
use super::table_writer::{self, TableWriter};
use crate::bounds::Bounds;
use crate::codec::Cell;
use crate::engine::EngineError;
use crate::error::CorruptRow;
use crate::family::{Family, FamilySums};
use crate::queue::cores::Cores;
use crate::queue::group::GroupFailure;
use crate::sync::lock;
use muster_core::facts::FactHasher;
use rusqlite::Connection;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// The least and most that the open generation of one workspace takes, in bytes.
const OPEN_BYTES_MIN: usize = 1 << 20;
const OPEN_BYTES_MAX: usize = 16 << 20;
/// A generation of up to this many bytes is filled at once for a reader: a few milliseconds.
const SMALL_BYTES: usize = 64 << 10;
/// How long readers do not try a fill again that failed.
const FAILURE_KEPT: Duration = Duration::from_millis(500);
/// How long a reader waits for a fill of somebody else before it looks whether that failed.
const TABLES_WAIT: Duration = Duration::from_millis(10);
/// The longest that a reader waits before a fill begins for it, so that one that polls forces no small fills.
const READERS_WAIT_MAX: Duration = Duration::from_millis(100);

/// What was logged and is not in the tables.
struct Unfilled {
    /// Whether a writer has opened the log.
    is_open: bool,
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
    /// Held while a group is written to it and synced, which nobody waits for who only reads.
    log: Mutex<Option<RedoLog>>,
    unfilled: Mutex<Unfilled>,
    /// Wakes who waits for the tables to have a group.
    filled: Condvar,
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
        Self { is_open: false, open, since: None, filling: None, logged: 0, filled: 0 }
    }

    fn size(&self) -> u64 {
        (self.open.size() + self.filling.as_ref().map_or(0, |filling| filling.size())) as u64
    }
}

impl Front {
    pub(crate) fn new() -> Self {
        let hasher = FactHasher::default();
        Self {
            tables: Mutex::default(),
            group: Mutex::default(),
            log: Mutex::default(),
            unfilled: Mutex::new(Unfilled::new(Generation::new(hasher.clone()))),
            filled: Condvar::new(),
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
        *lock(&self.log) = Some(log);
        *lock(&self.unfilled) = Unfilled { is_open: true, ..Unfilled::new(self.generation()) };
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
        match self.tables.try_lock() {
            Ok(tables) => Some(tables),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
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
        lock(&self.unfilled).is_open
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
            self.fill_once(self.tables(cores), logged, cores)?;
        }
        Ok(())
    }

    /// The same for a reader, which waits a little if fills are expensive, and does not try again what has just failed.
    ///
    /// # Errors
    /// Those of [`Self::fill`], also of the last one.
    pub(crate) fn fill_for_reader(&self, cores: &Cores) -> Result<(), EngineError> {
        if self.is_filled() {
            return Ok(());
        }
        if let LastFill { ended: Some(ended), failure: Some(failure), .. } = &*lock(&self.last_fill)
            && ended.elapsed() < FAILURE_KEPT
        {
            return Err(failure.error.clone());
        }
        if lock(&self.unfilled).open.size() <= SMALL_BYTES {
            // Less work than to wait for a core.
            return self.fill_beside_groups(cores);
        }
        let wait = {
            let last = lock(&self.last_fill);
            let pause = (last.took * 4).min(READERS_WAIT_MAX);
            last.ended.map_or(Duration::ZERO, |ended| pause.saturating_sub(ended.elapsed()))
        };
        std::thread::sleep(wait);
        let _core = cores.core();
        self.fill_beside_groups(cores)
    }

    /// Like [`Self::fill`], but does not wait for the end of a group that writes the tables itself: that fills them first.
    fn fill_beside_groups(&self, cores: &Cores) -> Result<(), EngineError> {
        let logged = lock(&self.unfilled).logged;
        let is_lacking = |unfilled: &mut Unfilled| unfilled.filled < logged;
        while is_lacking(&mut lock(&self.unfilled)) {
            match self.idle_tables() {
                Some(tables) => self.fill_once(tables, logged, cores)?,
                None => cores.without_core(|| {
                    let wait = self.filled.wait_timeout_while(lock(&self.unfilled), TABLES_WAIT, is_lacking);
                    drop(wait.unwrap_or_else(PoisonError::into_inner));
                }),
            }
        }
        Ok(())
    }

    /// Fills one generation, the one whose fill failed or the open one, unless the tables have everything up to a group.
    fn fill_once(
        &self,
        mut tables: MutexGuard<'_, Option<TableWriter>>,
        upto: u64,
        cores: &Cores,
    ) -> Result<(), EngineError> {
        if lock(&self.unfilled).filled >= upto {
            return Ok(());
        }
        let Some(tables) = &mut *tables else { return Err(closed()) };
        // The kernel may take pages of a failed sync for written: a second one that succeeds says nothing about them.
        if let Some(failure) = self.failure().filter(|failure| errors::is_sync(&failure.error)) {
            return Err(failure.error);
        }
        let Some(generation) = self.close_open(cores) else {
            return Err(EngineError::Broken("a group that was logged is in no generation".into()));
        };
        let begun = Instant::now();
        let filled = tables.fill(&generation, cores);
        let failure = filled.as_ref().err().cloned();
        *lock(&self.last_fill) = LastFill { ended: Some(Instant::now()), took: begun.elapsed(), failure };
        let group = filled.map_err(|failure| failure.error)?;
        let mut unfilled = lock(&self.unfilled);
        (unfilled.filling, unfilled.filled) = (None, group);
        self.unfilled_bytes.store(unfilled.size(), Ordering::Relaxed);
        self.filled.notify_all();
        Ok(())
    }

    /// Makes the open generation the one that is filled, unless there is one already; None if there is nothing to fill.
    fn close_open(&self, cores: &Cores) -> Option<Arc<Generation>> {
        // The group that holds the lock may wait for this core.
        cores.without_core(|| {
            let _group = lock(&self.group);
            let mut log = lock(&self.log);
            let mut unfilled = lock(&self.unfilled);
            let Unfilled { open, since, filling, .. } = &mut *unfilled;
            if filling.is_none() && !open.is_empty() {
                *filling = Some(Arc::new(std::mem::replace(open, self.generation())));
                *since = None;
                if let Some(log) = &mut *log {
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

    /// Begins a transaction of its own that has everything that was logged before the call and is never committed: to read
    /// while the tables cannot be filled, as on a full disk. Others wait for its end, fills too.
    ///
    /// # Errors
    /// Those of the tables, such as [`EngineError::Full`] if it does not fit into the memory of the connection.
    pub(crate) fn overlay(&self, conn: Connection, cores: &Cores) -> Result<Connection, EngineError> {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        // Nobody who has a core waits for this transaction with it.
        let _core = cores.core();
        // With the lock of SQLite in hand, so that no two readers have a copy.
        let (filling, open) = {
            let unfilled = lock(&self.unfilled);
            (unfilled.filling.clone(), unfilled.open.clone())
        };
        table_writer::add_to_overlay(&conn, filling.as_deref().into_iter().chain([&open]), cores)?;
        Ok(conn)
    }

    /// Forgets everything, whatever the tables have: the next writer reads the files.
    pub(crate) fn abandon(&self, cores: &Cores) {
        let mut tables = self.tables(cores);
        *tables = None;
        *lock(&self.log) = None;
        *lock(&self.unfilled) = Unfilled::new(self.generation());
    }

    /// Empties the files of the log. Returns whether that was done: not if a group was logged that the tables do not have.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn clear_log(&self) -> std::io::Result<bool> {
        // With it in hand no group is logged.
        let mut log = lock(&self.log);
        if !self.is_filled() {
            return Ok(false);
        }
        log.as_mut().map_or(Ok(()), RedoLog::clear)?;
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
        *lock(&self.log) = None;
        lock(&self.unfilled).is_open = false;
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
        // Kept until the group is in the open generation: who empties the log must not miss it.
        let mut log = lock(&self.front.log);
        let Some(log) = &mut *log else {
            return Err(LogError::NotStored(closed()));
        };
        log.append(&state, &group)?;
        let mut unfilled = lock(&self.front.unfilled);
        let Unfilled { open, since, logged, .. } = &mut *unfilled;
        since.get_or_insert_with(Instant::now);
        open.absorb(group, state);
        *logged = state.1.group;
        self.front.unfilled_bytes.store(unfilled.size(), Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
