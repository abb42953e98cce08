//! The one writer of a workspace: a group of decisions as one transaction, then one commit, one sync. A decision that
//! breaks is taken back alone.

use super::apply::Apply;
use super::errors;
use super::facts::{FactReader, Loaded};
use super::own_entry::{self, Versioned};
use super::schema::{self, SchemaError};
use super::settings;
use super::state::State;
use super::synced::Synced;
use super::table;
use crate::binding_map::BindingMap;
use crate::codec::Binding;
use crate::engine::{EngineError, Job};
use crate::fact_loading::{self, LoadResult};
use crate::family::Family;
use crate::queue::group::{GroupEnd, GroupFailure, GroupRun};
use muster_core::change::Changes;
use muster_core::decision::Mode;
use muster_core::facts::Facts;
use muster_core::record::{Counters, LogEntry};
use muster_core::time::{Moment, Timestamp};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The database within a workspace's folder.
pub(crate) const DATABASE: &str = "muster.db";
/// The number of the last synced group beside it.
pub(crate) const SYNCED: &str = "synced";

/// The open writer of one workspace.
pub(crate) struct Writer {
    conn: Connection,
    synced: Synced,
    state: State,
    bindings: BindingMap,
    loaded: Loaded,
    /// What its connection may keep in memory, in KiB.
    cache_kib: usize,
    /// The latest moment that a decision took, also one that stored nothing.
    now: Timestamp,
}

/// Why a writer could not be opened.
pub(crate) enum WriterError {
    Schema(SchemaError),
    Io(std::io::Error),
    /// The database is behind what was acknowledged: (stored, synced).
    Behind(u64, u64),
}

impl From<SchemaError> for WriterError {
    fn from(error: SchemaError) -> Self {
        Self::Schema(error)
    }
}

impl From<EngineError> for WriterError {
    fn from(error: EngineError) -> Self {
        Self::Schema(SchemaError::Storage(error))
    }
}

impl From<rusqlite::Error> for WriterError {
    fn from(error: rusqlite::Error) -> Self {
        EngineError::from(error).into()
    }
}

impl From<std::io::Error> for WriterError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Why a transaction was not committed.
enum Stop {
    /// It, or one decision of it, failed.
    Failed(GroupFailure),
    /// A decision broke while it was written: the group is run again, with savepoints.
    Again,
}

impl<E: Into<GroupFailure>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<EngineError> for GroupFailure {
    fn from(error: EngineError) -> Self {
        // Before the commit nothing counts, and the transaction is taken back.
        let poison = errors::is_sync(&error);
        Self { error, poison }
    }
}

impl From<rusqlite::Error> for GroupFailure {
    fn from(error: rusqlite::Error) -> Self {
        EngineError::from(error).into()
    }
}

impl Writer {
    /// Opens a workspace's folder. `pages` follows the length of the write-ahead log.
    pub(crate) fn open(
        folder: &Path,
        pages: Arc<AtomicU64>,
        binding_bytes_max: usize,
        accept_loss: bool,
    ) -> Result<Self, WriterError> {
        let mut conn = settings::writer(&folder.join(DATABASE))?;
        schema::workspace(&mut conn)?;
        let state = State::load(&conn)?;
        let (synced, number) = Synced::open(&folder.join(SYNCED))?;
        let number = number.unwrap_or(u64::MAX);
        if state.figures.group < number && !accept_loss {
            return Err(WriterError::Behind(state.figures.group, number));
        }
        if state.figures.group != number {
            synced.write(state.figures.group)?;
        }
        // After a failed sync the kernel may hold pages of the log as clean that never reached the disk. They are read
        // back here as if they had, and whatever is appended behind them would go with them at a power loss. So
        // everything is moved into the database and synced before anything new is written.
        settings::truncate(&conn)?;
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, n: std::ffi::c_int| {
            pages.store(u64::from(n.unsigned_abs()), Ordering::Relaxed);
            Ok(())
        }))?;
        let (now, bindings) = (state.counters.now, BindingMap::new(binding_bytes_max));
        Ok(Self { conn, synced, state, bindings, loaded: Loaded::default(), cache_kib: 0, now })
    }

    /// Takes its share of memory among this many writers.
    pub(crate) fn share_memory(&mut self, writers: usize) -> Result<(), EngineError> {
        let kib = settings::cache_kib(writers);
        if kib != self.cache_kib {
            settings::set_cache(&self.conn, kib)?;
            self.cache_kib = kib;
        }
        Ok(())
    }

    /// The counters between two decisions.
    pub(crate) fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// Bytes of the file that are in use.
    pub(crate) fn used_bytes(&self) -> Result<u64, EngineError> {
        Ok(settings::used_bytes(&self.conn)?)
    }

    /// The workspace's own copy of its entry.
    pub(crate) fn own_entry(&self) -> Result<Option<Versioned>, EngineError> {
        own_entry::load(&self.conn)
    }

    /// Keeps the entry in the workspace's own file; durable when it returns.
    pub(crate) fn keep_entry(&self, own: &Versioned) -> Result<(), EngineError> {
        Ok(own_entry::save(&self.conn, own)?)
    }

    /// Copies the rest of the write-ahead log into the file, so that the next group starts at its beginning.
    /// If it is to be cut, the log is emptied, too, unless somebody reads.
    pub(crate) fn checkpoint(&self, cut: bool) -> Result<bool, EngineError> {
        Ok(if cut { settings::cut(&self.conn)? } else { settings::checkpoint(&self.conn)? })
    }

    /// Copies the write-ahead log into the file and closes it.
    pub(crate) fn close(self) -> Result<(), EngineError> {
        settings::truncate(&self.conn)?;
        self.conn.close().map_err(|(_, error)| error.into())
    }

    /// Runs a group. First without savepoints, whose page copies cost a third of the time: only a decision that breaks
    /// while it is written needs one, and then the whole group is taken back and run again with them. A decision may
    /// run twice (`muster_core::decision`).
    pub(crate) fn run(
        &mut self,
        jobs: &mut [Box<dyn Job>],
        refused: &[LogEntry],
        run: &mut GroupRun<'_>,
    ) -> Result<GroupEnd, GroupFailure> {
        run.clock_check.check(run.clock, self.now.max(self.state.counters.now))?;
        if !jobs.is_empty() {
            // Nothing was written yet: damage that is found here is the decisions' answer, not the workspace's end.
            self.load_bindings().map_err(|error| GroupFailure { error, poison: false })?;
        }
        match self.attempt(jobs, refused, run, false) {
            Err(Stop::Again) => self.attempt(jobs, refused, run, true),
            ended => ended,
        }
        .map_err(|stop| match stop {
            Stop::Failed(failed) => failed,
            Stop::Again => EngineError::Unavailable("a group with savepoints asked for savepoints".into()).into(),
        })
    }

    /// Loads the binding map, unless it is there or was dropped. Checks every row that it reads.
    fn load_bindings(&mut self) -> Result<(), EngineError> {
        let Self { conn, bindings, .. } = self;
        if !bindings.is_missing() {
            return Ok(());
        }
        let rows = conn.query_row("SELECT count(*) FROM bindings", [], |row| row.get::<_, i64>(0))?;
        bindings.load(usize::try_from(rows).unwrap_or(usize::MAX), |each| {
            table::each(conn, (Family::Bindings, ""), &[], |row: Binding| each(&row.key, row.profile))
        })
    }

    /// One transaction over the group; what does not commit is taken back in memory, too.
    fn attempt(
        &mut self,
        jobs: &mut [Box<dyn Job>],
        refused: &[LogEntry],
        run: &mut GroupRun<'_>,
        savepoints: bool,
    ) -> Result<GroupEnd, Stop> {
        let (state, rate) = (self.state.clone(), run.rate.clone());
        if let Err(error) = self.conn.execute_batch("BEGIN IMMEDIATE") {
            return Err(Stop::Failed(error.into()));
        }
        run.savepoints = savepoints;
        let ended = self.transact(jobs, refused, &state, run);
        if ended.is_err() {
            self.state = state;
            self.bindings.undo_to(0);
            run.rate = rate;
        }
        if !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            return Err(Stop::Failed(GroupFailure { error: error.into(), poison: true }));
        }
        self.bindings.keep();
        ended
    }

    fn transact(
        &mut self,
        jobs: &mut [Box<dyn Job>],
        refused: &[LogEntry],
        before: &State,
        run: &mut GroupRun<'_>,
    ) -> Result<GroupEnd, Stop> {
        let mut ended = GroupEnd::default();
        for job in jobs {
            ended.results.push(match self.decide(&mut **job, run) {
                Ok(stored) => {
                    ended.committed += u64::from(stored);
                    Ok(())
                }
                Err(Stop::Failed(GroupFailure { error, .. })) if error.is_of_one_decision() => Err(error),
                Err(stop) => return Err(stop),
            });
        }
        self.loaded.clear();
        if !refused.is_empty() {
            self.apply().refused(refused, run.bounds)?;
        }
        if ended.committed == 0 && refused.is_empty() && !run.probe {
            return Ok(ended);
        }
        self.state.figures.group += 1;
        self.state.save(&self.conn, Some(before))?;
        let begun = Instant::now();
        // What is left of the turn waits for the disk, and answers.
        run.cores.give_back();
        let committed = self.conn.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if let Err(error) = committed {
            let poison = errors::is_unknown_end(&error);
            return Err(Stop::Failed(GroupFailure { error: error.into(), poison }));
        }
        ended.commit = Some(begun.elapsed());
        // The group is durable whatever becomes of the number. On a full disk it lags until a later group writes it, which
        // only makes the check at the next start weaker; any other fault means that the disk cannot be trusted.
        if let Err(error) = self.synced.write(self.state.figures.group)
            && !errors::is_full(&error)
        {
            ended.poison = Some(format!("the number of the last group could not be written: {error}").into());
        }
        Ok(ended)
    }

    fn apply(&mut self) -> Apply<'_> {
        let Self { conn, state, bindings, loaded, .. } = self;
        Apply { conn, state, bindings, loaded }
    }

    /// One decision; true if it changed something.
    fn decide(&mut self, job: &mut dyn Job, run: &mut GroupRun<'_>) -> Result<bool, Stop> {
        let now = run.clock.now();
        self.now = now.at.max(self.now).max(self.state.counters.now);
        self.loaded.clear();
        let facts = Facts {
            counters: self.state.counters,
            settings_revision: run.revision,
            rate: run.rate.clone(),
            pause: run.pause.clone(),
            ..Facts::default()
        };
        let Self { conn, bindings, loaded, .. } = self;
        let mut source = FactReader { conn, bindings, loaded, cores: run.cores, large: None };
        let verdict = fact_loading::load_facts(job, &mut source, facts, Moment { at: self.now, ..now })?;
        // What was loaded is in the changes: the room is held until they are written.
        let _large = source.large.take();
        match verdict {
            LoadResult::Changes(changes) if job.mode() == Mode::Commit => self.store(changes, run).map(|()| true),
            // A dry decision saw what it would change; it is pure, so nothing is there to take back.
            LoadResult::Changes(_) | LoadResult::Leave => Ok(false),
        }
    }

    /// Writes a decision's changes: whatever goes wrong there is its own fault alone, but for a storage that fails.
    fn store(&mut self, changes: Changes, run: &mut GroupRun<'_>) -> Result<(), Stop> {
        let before = run.savepoints.then(|| (self.state.clone(), self.bindings.mark()));
        if before.is_some() {
            self.conn.prepare_cached("SAVEPOINT decision")?.execute([])?;
        }
        if let Err(error) = self.write(&changes, run) {
            let of_the_decision = matches!(error, EngineError::Broken(_) | EngineError::Corrupt(_));
            // SQLite rolls some transactions back by itself; then the savepoint is gone, and the group fails.
            if !of_the_decision || self.conn.is_autocommit() {
                let is_of_the_group = !error.is_of_one_decision();
                let error = if is_of_the_group { error } else { EngineError::Unavailable(error.to_string().into()) };
                return Err(Stop::Failed(error.into()));
            }
            let Some((state, mark)) = before else { return Err(Stop::Again) };
            self.state = state;
            self.bindings.undo_to(mark);
            self.loaded.clear();
            self.conn.prepare_cached("ROLLBACK TO decision")?.execute([])?;
            self.conn.prepare_cached("RELEASE decision")?.execute([])?;
            return Err(Stop::Failed(error.into()));
        }
        if before.is_some() {
            self.conn.prepare_cached("RELEASE decision")?.execute([])?;
        }
        if let Some(rate) = changes.rate {
            run.rate = rate;
        }
        Ok(())
    }

    fn write(&mut self, changes: &Changes, run: &GroupRun<'_>) -> Result<(), EngineError> {
        let (mut apply, bounds) = (self.apply(), run.bounds);
        for row in &changes.rows {
            apply.row(row)?;
            run.cores.pause();
        }
        apply.state.counters = changes.counters;
        apply.trim_quarantine(bounds)?;
        apply.trim_answers(bounds)
    }
}
