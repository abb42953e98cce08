//! The one writer of a workspace: a group of decisions as one transaction, then one commit, one sync.

use super::errors;
use super::group_tables::GroupTables;
use super::own_entry::{self, Versioned};
use super::row_statements::RowStatements;
use super::schema::{self, SchemaError};
use super::settings;
use super::synced::Synced;
use super::table;
use crate::binding_map::BindingMap;
use crate::codec::{Binding, Cell};
use crate::engine::{EngineError, Job};
use crate::family::Family;
use crate::queue::group::{GroupEnd, GroupFailure, GroupRun};
use crate::working_set::{GroupStop, WorkingSet};
use crate::workspace_state::WorkspaceState;
use muster_core::change::{RowChange, StoredRow};
use muster_core::record::{Counters, LogEntry};
use muster_core::time::Timestamp;
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
    state: WorkspaceState,
    bindings: BindingMap,
    /// The last slice of the binding map could not be loaded.
    bindings_failed: bool,
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
    /// Nothing of the group is stored, unless a commit failed.
    Failed(GroupFailure),
    /// Rows of one of its decisions cannot be written.
    BrokenRow(EngineError),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        // Before the commit nothing counts, and the transaction is taken back.
        let poison = errors::is_sync(&error);
        Self::Failed(GroupFailure { error, poison })
    }
}

impl From<GroupStop> for Stop {
    fn from(stop: GroupStop) -> Self {
        match stop {
            GroupStop::Failed(error) => error.into(),
            GroupStop::BrokenRow(error) => Self::BrokenRow(error),
        }
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
        let state = WorkspaceState::load(&conn)?;
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
        Ok(Self { conn, synced, state, bindings, bindings_failed: false, cache_kib: 0, now })
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

    /// Runs a group. If rows of one of its decisions cannot be written, nobody knows of which: then each is run in a group
    /// of its own. A decision may run twice (`muster_core::decision`).
    pub(crate) fn run(&mut self, jobs: &mut [Box<dyn Job>], refused: &[LogEntry], run: &mut GroupRun<'_>) -> GroupEnd {
        let ready = run.clock_check.check(run.clock, self.now.max(self.state.counters.now));
        // Nothing was written yet: damage that is found here is the decisions' answer, not the workspace's end.
        let ready = ready.and_then(|()| if jobs.is_empty() { Ok(()) } else { self.begin_bindings() });
        if let Err(error) = ready {
            return GroupFailure { error, poison: false }.into();
        }
        match self.attempt(jobs, refused, run) {
            Ok(ended) => ended,
            Err(Stop::Failed(failure)) => failure.into(),
            Err(Stop::BrokenRow(_)) => self.run_each(jobs, refused, run),
        }
    }

    /// Runs each decision in a group of its own, and refused requests in the last.
    fn run_each(&mut self, jobs: &mut [Box<dyn Job>], refused: &[LogEntry], run: &mut GroupRun<'_>) -> GroupEnd {
        let mut all = GroupEnd::default();
        let groups = jobs.chunks_mut(1).map(|job| (job, &[][..])).chain([(&mut [][..], refused)]);
        for (job, refused) in groups {
            match self.attempt(job, refused, run) {
                Ok(one) => all.append(one),
                Err(Stop::BrokenRow(error)) => all.results.extend(job.iter().map(|_| Err(error.clone()))),
                Err(Stop::Failed(failure)) => all.failure = Some(failure),
            }
            if all.failure.is_some() {
                break;
            }
        }
        all
    }

    /// Loads the first slice of the binding map, or the one that failed before.
    fn begin_bindings(&mut self) -> Result<(), EngineError> {
        if self.bindings.is_empty() || self.bindings_failed { self.load_bindings() } else { Ok(()) }
    }

    /// Loads the next slice of the binding map, and checks every row that it reads.
    fn load_bindings(&mut self) -> Result<(), EngineError> {
        let Self { conn, bindings, state, .. } = self;
        let rows = usize::try_from(state.sums.get(Family::Bindings).rows).unwrap_or(usize::MAX);
        let loaded = bindings.load_slice(rows, |after, limit| {
            let (kind, value) = after.map_or(("", ""), |key| (key.kind.name(), &key.value));
            let parameters = [Cell::text(kind), Cell::text(value), Cell::unsigned(limit as u64)];
            let of = (Family::Bindings, "WHERE (kind, value) > (?1, ?2) ORDER BY kind, value LIMIT ?3");
            let mut slice = Vec::new();
            table::each(conn, of, &parameters, |row: Binding| slice.push((row.key, row.profile)))?;
            Ok(slice)
        });
        self.bindings_failed = loaded.is_err();
        loaded
    }

    /// Loads a slice of the binding map between two groups. Returns whether more is to be loaded soon; damage is the
    /// answer of the next decision, which tries again.
    pub(crate) fn load_more_bindings(&mut self) -> bool {
        !self.bindings.is_empty()
            && self.bindings.is_loading()
            && self.load_bindings().is_ok()
            && self.bindings.is_loading()
    }

    /// One transaction over the group; what does not commit is taken back in memory, too.
    fn attempt(
        &mut self,
        jobs: &mut [Box<dyn Job>],
        refused: &[LogEntry],
        run: &mut GroupRun<'_>,
    ) -> Result<GroupEnd, Stop> {
        let (state, rate) = (self.state.clone(), run.rate.clone());
        if let Err(error) = self.conn.execute_batch("BEGIN IMMEDIATE") {
            return Err(EngineError::from(error).into());
        }
        let ended = self.transact(jobs, refused, &state, run);
        if ended.is_err() {
            self.state = state;
            self.bindings.undo();
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
        before: &WorkspaceState,
        run: &mut GroupRun<'_>,
    ) -> Result<GroupEnd, Stop> {
        let Self { conn, synced, state, bindings, now, .. } = self;
        let rows = RowStatements::new(conn);
        let mut set = WorkingSet::new(GroupTables { rows: &rows }, (state, bindings), run.cores);
        let mut ended = GroupEnd::default();
        for job in jobs {
            let result = set.decide(&mut **job, run, now)?;
            ended.committed += u64::from(result == Ok(true));
            ended.results.push(result.map(|_stored| ()));
        }
        let entry = |request: &LogEntry| RowChange::Upsert(StoredRow::LogEntry(request.clone()));
        set.put_rows(refused.iter().map(entry).collect());
        if ended.committed == 0 && refused.is_empty() && !run.probe {
            return Ok(ended);
        }
        set.write_pending().map_err(GroupStop::from)?;
        set.trim(run.bounds).map_err(GroupStop::from)?;
        drop(set);
        state.figures.group += 1;
        state.save(&rows, Some(before))?;
        let begun = Instant::now();
        // What is left of the turn waits for the disk, and answers.
        run.cores.give_back();
        let committed = rows.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if let Err(error) = committed {
            let poison = errors::is_unknown_end(&error);
            return Err(Stop::Failed(GroupFailure { error: error.into(), poison }));
        }
        ended.commit = Some(begun.elapsed());
        // The group is durable whatever becomes of the number. On a full disk it lags until a later group writes it, which
        // only makes the check at the next start weaker; any other fault means that the disk cannot be trusted.
        if let Err(error) = synced.write(state.figures.group)
            && !errors::is_full(&error)
        {
            let why = format!("the number of the last group could not be written: {error}");
            ended.failure = Some(GroupFailure { error: EngineError::Unavailable(why.into()), poison: true });
        }
        Ok(ended)
    }
}
