//! The one writer of a workspace: a group of decisions as one record of the redo log, or as one transaction of the
//! tables; then one sync.

use super::errors;
use super::errors::closed;
use super::front::Front;
use super::group_tables::GroupTables;
use super::own_entry::{self, Versioned};
use super::redo::{LogError, RedoLog, Tail};
use super::redo_tables::RedoTables;
use super::row_statements::RowStatements;
use super::schema::{self, SchemaError};
use super::settings;
use super::synced::Synced;
use super::table;
use super::table_writer::TableWriter;
use crate::binding_map::BindingMap;
use crate::bounds::Bounds;
use crate::codec::{Binding, Cell};
use crate::engine::{EngineError, Job};
use crate::family::Family;
use crate::queue::cores::Cores;
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
use std::time::{Duration, Instant};

/// The database within a workspace's folder.
pub(crate) const DATABASE: &str = "muster.db";
/// The number of the last synced group beside it.
pub(crate) const SYNCED: &str = "synced";
/// The part of a writer's page cache that its reading connection may take beside it: what it keeps is out of date after
/// each fill.
const READS_SHARE: usize = 4;

/// How long groups write the tables after one found no room in the log: each would be decided twice.
const LOG_RETRIED: Duration = Duration::from_secs(1);

/// The open writer of one workspace.
pub(crate) struct Writer {
    front: Arc<Front>,
    /// Reads the tables for groups that are logged.
    reads: Connection,
    synced: Synced,
    state: WorkspaceState,
    bindings: BindingMap,
    /// The last slice of the binding map could not be loaded.
    bindings_failed: bool,
    /// The last group asked questions about all rows, as the next one probably does.
    asks: bool,
    /// When a group last found no room in the log.
    log_failed: Option<Instant>,
    /// What its connections may keep in memory, in KiB.
    cache_kib: usize,
    /// The latest moment that a decision took, also one that stored nothing.
    now: Timestamp,
}

/// Why a writer could not be opened.
pub(crate) enum WriterError {
    Schema(SchemaError),
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
        // No room and a shortage pass, whichever file they are met at.
        errors::of_system(&error).into()
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
            GroupStop::NeedsTables => Self::BrokenRow(EngineError::Broken("its tables cannot be asked".into())),
        }
    }
}

impl From<GroupFailure> for Stop {
    fn from(failure: GroupFailure) -> Self {
        Self::Failed(failure)
    }
}

/// How a group ended that was to be logged.
struct Logged {
    end: GroupEnd,
    /// What is left to be done over the tables themselves: the next decision asks what the redo log cannot answer, or a
    /// bound is exceeded.
    needs_tables: bool,
    /// Whether refused requests are logged, too.
    has_refused: bool,
}

impl Writer {
    /// Opens a workspace's folder, and writes to the tables what a stop left in the redo log. `pages` follows the length
    /// of the write-ahead log.
    pub(crate) fn open(
        folder: &Path,
        (front, pages): (Arc<Front>, Arc<AtomicU64>),
        binding_bytes_max: usize,
        accept_loss: bool,
    ) -> Result<Self, WriterError> {
        let mut conn = settings::writer(&folder.join(DATABASE))?;
        schema::workspace(&mut conn)?;
        let mut tables = TableWriter::new(conn)?;
        let filled = tables.state().figures.group;
        let mut left = front.generation();
        let (mut log, tail) = RedoLog::open(folder, filled, &mut left)?;
        let mut last = match tail {
            Ok(Tail::Empty) => filled,
            Ok(Tail::Groups(last)) => last,
            Ok(Tail::Broken(_)) | Err(_) if accept_loss => left.state.map_or(filled, |(_, figures)| figures.group),
            Ok(Tail::Broken(why)) => return Err(EngineError::Corrupt(why.into()).into()),
            Err(error) => return Err(error.into()),
        };
        let (synced, number) = Synced::open(&folder.join(SYNCED))?;
        let number = number.unwrap_or(u64::MAX);
        if last < number && !accept_loss {
            return Err(WriterError::Behind(last, number));
        }
        // After a failed sync the kernel may hold pages of the log as clean that never reached the disk. They are read
        // back here as if they had, and whatever is appended behind them would go with them at a power loss. So
        // everything is moved into the database and synced before anything new is written.
        settings::truncate(&tables.conn)?;
        if last > filled
            && let Err(GroupFailure { error, .. }) = tables.fill(&left, &Cores::new(1))
        {
            // A row that does not fit its table never will.
            if !accept_loss || !error.is_of_one_decision() {
                return Err(error.into());
            }
            last = filled;
        }
        log.clear()?;
        if last != number {
            synced.write(last)?;
        }
        tables.conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, n: std::ffi::c_int| {
            pages.store(u64::from(n.unsigned_abs()), Ordering::Relaxed);
            Ok(())
        }))?;
        let state = WorkspaceState::load(&tables.conn)?;
        let reads = settings::reader(&folder.join(DATABASE))?;
        front.start(tables, log);
        let (now, bindings) = (state.counters.now, BindingMap::new(binding_bytes_max));
        Ok(Self {
            front,
            reads,
            synced,
            state,
            bindings,
            bindings_failed: false,
            asks: false,
            log_failed: None,
            cache_kib: 0,
            now,
        })
    }

    /// Takes its share of memory among this many writers.
    pub(crate) fn share_memory(&mut self, writers: usize, bounds: &Bounds) -> Result<(), EngineError> {
        let kib = settings::cache_kib(writers);
        if kib != self.cache_kib
            && let Some(mut tables) = self.front.idle_tables()
            && let Some(tables) = &mut *tables
        {
            settings::set_cache(&tables.conn, kib)?;
            settings::set_cache(&self.reads, kib / READS_SHARE)?;
            self.front.share(bounds.redo_bytes, writers);
            self.cache_kib = kib;
        }
        Ok(())
    }

    /// The counters between two decisions.
    pub(crate) fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// The workspace's own copy of its entry.
    pub(crate) fn own_entry(&self) -> Result<Option<Versioned>, EngineError> {
        own_entry::load(&self.reads)
    }

    /// Keeps the entry in the workspace's own file; durable when it returns.
    pub(crate) fn keep_entry(&self, own: &Versioned, cores: &Cores) -> Result<(), EngineError> {
        let tables = self.front.tables(cores);
        let Some(tables) = &*tables else { return Err(closed()) };
        Ok(own_entry::save(&tables.conn, own)?)
    }

    /// Runs a group. If rows of one of its decisions cannot be written, nobody knows of which: then each is run in a group
    /// of its own. A decision may run twice (`muster_core::decision`).
    pub(crate) fn run(&mut self, jobs: &mut [Box<dyn Job>], refused: &[LogEntry], run: &mut GroupRun<'_>) -> GroupEnd {
        let ready = run.clock_check.check(run.clock, self.now.max(self.state.counters.now));
        // Nothing was written yet: damage that is found here is the decisions' answer, not the workspace's end.
        let ready = ready.and_then(|()| if jobs.is_empty() { Ok(()) } else { self.begin_bindings(run.cores) });
        if let Err(error) = ready {
            return GroupFailure { error, poison: false }.into();
        }
        let (mut all, mut rest, mut refused) = (GroupEnd::default(), jobs, refused);
        if self.may_log(refused.len() as u64, run) {
            match self.attempt(run, |writer, run| writer.log(rest, refused, run)) {
                Ok(Logged { end, needs_tables, .. }) if !needs_tables || end.failure.is_some() => return end,
                Ok(Logged { end, has_refused, .. }) => {
                    rest = &mut rest[end.results.len()..];
                    refused = if has_refused { &[] } else { refused };
                    all = end;
                }
                // Which row is broken is found out over the tables.
                Err(Stop::BrokenRow(_)) => {}
                Err(Stop::Failed(failure)) if failure.poison => return failure.into(),
                // The tables may have room where the log cannot grow.
                Err(Stop::Failed(_)) => {
                    self.log_failed = Some(Instant::now());
                    run.cores.take_back();
                }
            }
        }
        match self.attempt(run, |writer, run| writer.write_tables(rest, refused, run)) {
            Ok(end) => all.append(end),
            Err(Stop::Failed(failure)) => all.failure = Some(failure),
            Err(Stop::BrokenRow(_)) => all.append(self.run_each(rest, refused, run)),
        }
        all
    }

    /// Runs each decision in a group of its own, and refused requests in the last.
    fn run_each(&mut self, jobs: &mut [Box<dyn Job>], refused: &[LogEntry], run: &mut GroupRun<'_>) -> GroupEnd {
        let mut all = GroupEnd::default();
        let groups = jobs.chunks_mut(1).map(|job| (job, &[][..])).chain([(&mut [][..], refused)]);
        for (job, refused) in groups {
            match self.attempt(run, |writer, run| writer.write_tables(job, refused, run)) {
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

    /// Whether the next group may be logged. What the binding map does not have yet is read from the tables, and a probe
    /// is for their disk, and says how a commit ended that was in doubt: until then no group may be in the log whose number
    /// the tables may have. A group that ends beyond a bound must write the tables anyway: over young answers, or with more
    /// refused requests than are kept, each would be synced twice.
    fn may_log(&self, refused: u64, run: &GroupRun<'_>) -> bool {
        let is_on = run.bounds.redo_bytes > 0 && self.state.is_within(run.bounds, refused);
        let has_just_failed = self.log_failed.is_some_and(|at| at.elapsed() < LOG_RETRIED);
        is_on
            && !has_just_failed
            && !self.asks
            && !run.probe
            && !self.bindings.is_loading()
            && self.front.failure().is_none()
    }

    /// Loads the first slice of the binding map, or the one that failed before.
    fn begin_bindings(&mut self, cores: &Cores) -> Result<(), EngineError> {
        if self.bindings.is_empty() || self.bindings_failed { self.load_bindings(cores) } else { Ok(()) }
    }

    /// Loads the next slice of the binding map, and checks every row that it reads.
    fn load_bindings(&mut self, cores: &Cores) -> Result<(), EngineError> {
        // Until it is whole, groups write the tables themselves: they have every binding.
        let Self { front, bindings, .. } = self;
        let tables = front.tables(cores);
        let Some(tables) = &*tables else { return Err(closed()) };
        let rows = usize::try_from(tables.state().sums.get(Family::Bindings).rows).unwrap_or(usize::MAX);
        let loaded = bindings.load_slice(rows, |after, limit| {
            let (kind, value) = after.map_or(("", ""), |key| (key.kind.name(), &key.value));
            let parameters = [Cell::text(kind), Cell::text(value), Cell::unsigned(limit as u64)];
            let of = (Family::Bindings, "WHERE (kind, value) > (?1, ?2) ORDER BY kind, value LIMIT ?3");
            let mut slice = Vec::new();
            table::each(&tables.conn, of, &parameters, |row: Binding| slice.push((row.key, row.profile)))?;
            Ok(slice)
        });
        self.bindings_failed = loaded.is_err();
        loaded
    }

    /// Loads a slice of the binding map between two groups. Returns whether more is to be loaded soon; damage is the
    /// answer of the next decision, which tries again.
    pub(crate) fn load_more_bindings(&mut self, cores: &Cores) -> bool {
        !self.bindings.is_empty()
            && self.bindings.is_loading()
            && self.load_bindings(cores).is_ok()
            && self.bindings.is_loading()
    }

    /// Runs a group; what is not stored is taken back in memory, too.
    fn attempt<T>(
        &mut self,
        run: &mut GroupRun<'_>,
        group: impl FnOnce(&mut Self, &mut GroupRun<'_>) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let (state, rate) = (self.state.clone(), run.rate.clone());
        let ended = group(self, run);
        if ended.is_err() {
            self.state = state;
            self.bindings.undo();
            run.rate = rate;
        }
        self.bindings.keep();
        ended
    }

    /// Runs decisions over a snapshot and the redo log, and logs what they changed, up to the first that asks what the
    /// redo log cannot answer.
    fn log(&mut self, jobs: &mut [Box<dyn Job>], refused: &[LogEntry], run: &mut GroupRun<'_>) -> Result<Logged, Stop> {
        let Self { front, reads, synced, state, bindings, now, asks, .. } = self;
        let place = front.place(run.cores);
        let snapshot = reads.unchecked_transaction().map_err(EngineError::from)?;
        let rows = RowStatements::new(&snapshot);
        let tables = RedoTables::new(&place, &rows, (front.generation().group(), front.has_chunks()));
        let mut set = WorkingSet::new(tables, (state, Some(bindings)), run.cores);
        let mut logged = Logged { end: GroupEnd::default(), needs_tables: false, has_refused: false };
        let end = &mut logged.end;
        for job in jobs {
            match set.decide(&mut **job, run, now) {
                Ok(result) => {
                    end.committed += u64::from(result == Ok(true));
                    end.results.push(result.map(|_stored| ()));
                }
                Err(GroupStop::NeedsTables) => {
                    (logged.needs_tables, *asks) = (true, true);
                    break;
                }
                Err(stop) => return Err(stop.into()),
            }
        }
        if !logged.needs_tables {
            set.put_rows(log_entries(refused));
            logged.has_refused = true;
        }
        if end.committed == 0 && (refused.is_empty() || logged.needs_tables) {
            return Ok(logged);
        }
        set.write_pending().map_err(GroupStop::from)?;
        if let Err(stop) = set.trim(run.bounds) {
            match stop {
                GroupStop::NeedsTables => logged.needs_tables = true,
                stop => return Err(stop.into()),
            }
        }
        let RedoTables { group, .. } = set.into_tables();
        state.figures.group += 1;
        let stored = (state.counters, state.figures);
        let begun = Instant::now();
        let ended = if logged.needs_tables {
            run.cores.without_core(|| place.log(group, stored))
        } else {
            // What is left of the turn waits for the disk, and answers.
            run.cores.give_back();
            place.log(group, stored)
        };
        ended.map_err(|error| match error {
            LogError::NotStored(error) => GroupFailure { error, poison: false },
            LogError::Unknown(error) => GroupFailure { error, poison: true },
        })?;
        logged.end.commit = Some(begun.elapsed());
        logged.end.failure = note_synced(synced, state.figures.group);
        Ok(logged)
    }

    /// Runs decisions over the tables themselves, as one transaction.
    fn write_tables(
        &mut self,
        jobs: &mut [Box<dyn Job>],
        refused: &[LogEntry],
        run: &mut GroupRun<'_>,
    ) -> Result<GroupEnd, Stop> {
        let Self { front, synced, state, bindings, now, asks, .. } = self;
        if let Err(error) = front.fill(run.cores) {
            return Err(front.failure().unwrap_or(GroupFailure { error, poison: false }).into());
        }
        let mut tables = front.tables(run.cores);
        let Some(tables) = &mut *tables else { return Err(closed().into()) };
        let cores = run.cores;
        let (mut end, commit) = tables.transact((cores, true), |rows, stored| {
            let tables = GroupTables { rows, sums: &mut stored.sums };
            let mut set = WorkingSet::new(tables, (state, Some(bindings)), cores);
            let mut end = GroupEnd::default();
            for job in jobs {
                let result = set.decide(&mut **job, run, now)?;
                end.committed += u64::from(result == Ok(true));
                end.results.push(result.map(|_stored| ()));
            }
            *asks = set.has_asked();
            set.put_rows(log_entries(refused));
            if end.committed == 0 && refused.is_empty() && !run.probe && set.is_within(run.bounds) {
                return Ok::<_, Stop>((end, false));
            }
            set.write_pending().map_err(GroupStop::from)?;
            set.trim(run.bounds)?;
            drop(set);
            state.figures.group += 1;
            (stored.counters, stored.figures) = (state.counters, state.figures);
            Ok((end, true))
        })?;
        front.note_chunks(&tables.state().sums);
        end.commit = commit;
        if commit.is_some() {
            end.failure = note_synced(synced, state.figures.group);
        }
        Ok(end)
    }
}

/// Notes that a group is durable, which it is whatever becomes of the number. On a full disk it lags until a later group
/// writes it, which only makes the check at the next start weaker; any other fault means that the disk cannot be trusted.
fn note_synced(synced: &Synced, group: u64) -> Option<GroupFailure> {
    let error = synced.write(group).err().filter(|error| !errors::is_full(error))?;
    let why = format!("the number of the last group could not be written: {error}");
    Some(GroupFailure { error: EngineError::Unavailable(why.into()), poison: true })
}

fn log_entries(refused: &[LogEntry]) -> Vec<RowChange> {
    refused.iter().map(|request| RowChange::Upsert(StoredRow::LogEntry(request.clone()))).collect()
}
