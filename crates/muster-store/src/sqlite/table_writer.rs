//! The connection that writes the tables of a workspace: fills of generations, and groups that write the tables
//! themselves.

use super::errors;
use super::group_tables::GroupTables;
use super::redo::{FilledRow, Generation};
use super::row_statements::RowStatements;
use super::settings;
use super::state::StoredState;
use crate::engine::EngineError;
use crate::family::{Family, FamilySums};
use crate::queue::cores::Cores;
use crate::queue::group::GroupFailure;
use rusqlite::Connection;
use std::time::{Duration, Instant};

/// The connection with the state that the tables have.
pub(crate) struct TableWriter {
    pub(super) conn: Connection,
    state: StoredState,
}

impl TableWriter {
    /// Takes a connection whose tables are whole.
    pub(crate) fn new(conn: Connection) -> Result<Self, EngineError> {
        let state = StoredState::load(&conn)?;
        Ok(Self { conn, state })
    }

    /// The state that the tables have.
    pub(crate) fn state(&self) -> &StoredState {
        &self.state
    }

    /// Bytes of the file that are in use.
    pub(crate) fn used_bytes(&self) -> Result<u64, EngineError> {
        Ok(settings::used_bytes(&self.conn)?)
    }

    /// Copies the rest of the write-ahead log into the file, so that the next transaction starts at its beginning.
    /// If it is to be cut, the log is emptied, too, unless somebody reads.
    pub(crate) fn checkpoint(&self, cut: bool) -> Result<bool, EngineError> {
        Ok(if cut { settings::cut(&self.conn)? } else { settings::checkpoint(&self.conn)? })
    }

    /// Copies the write-ahead log into the file and closes it. Returns whether the log is empty: not where somebody reads.
    pub(crate) fn close(self) -> Result<bool, EngineError> {
        let is_cut = settings::truncate(&self.conn)?;
        self.conn.close().map_err(|(_, error)| error)?;
        Ok(is_cut)
    }

    /// Runs `change` in a transaction, and commits what it changed if it says so. Returns how long the commit took. The
    /// thread has no core while it runs; after the last one of its turn it takes none again. Whatever is not committed is
    /// taken back.
    pub(crate) fn transact<T, E: From<GroupFailure>>(
        &mut self,
        (cores, is_last): (&Cores, bool),
        change: impl FnOnce(&RowStatements<'_>, &mut StoredState) -> Result<(T, bool), E>,
    ) -> Result<(T, Option<Duration>), E> {
        let Self { conn, state } = self;
        if !conn.is_autocommit() {
            // A panic left it open.
            conn.execute_batch("ROLLBACK").map_err(|error| not_committed(error.into()))?;
            *state = StoredState::load(conn).map_err(not_committed)?;
        }
        // A reader over a full disk, or somebody's shell, may hold the lock for a while.
        let begun = cores.without_core(|| conn.execute_batch("BEGIN IMMEDIATE"));
        begun.map_err(|error| not_committed(error.into()))?;
        let before = state.clone();
        let ended = run(conn, (state, &before), (cores, is_last), change);
        if !matches!(ended, Ok((_, Some(_)))) {
            *state = before;
        }
        if !conn.is_autocommit()
            && let Err(error) = conn.execute_batch("ROLLBACK")
        {
            return Err(GroupFailure { error: error.into(), poison: true }.into());
        }
        ended
    }

    /// Writes a generation to the tables, as one transaction. Returns the number of its last group.
    pub(crate) fn fill(&mut self, generation: &Generation, cores: &Cores) -> Result<u64, GroupFailure> {
        let Some((counters, figures)) = generation.state else { return Ok(self.state.figures.group) };
        self.transact((cores, false), |rows, state| {
            write_rows(rows, &mut state.sums, generation, cores).map_err(not_committed)?;
            (state.counters, state.figures) = (counters, figures);
            Ok((figures.group, true))
        })
        .map(|(group, _)| group)
    }
}

/// Adds generations to a transaction that is never committed, unless the tables have them.
pub(super) fn add_to_overlay<'g>(
    conn: &Connection,
    generations: impl Iterator<Item = &'g Generation>,
    cores: &Cores,
) -> Result<(), EngineError> {
    let before = StoredState::load(conn)?;
    let mut state = before.clone();
    let rows = RowStatements::new(conn);
    for generation in generations {
        let is_new = |group: u64| group > state.figures.group;
        if let Some((counters, figures)) = generation.state.filter(|(_, figures)| is_new(figures.group)) {
            write_rows(&rows, &mut state.sums, generation, cores)?;
            (state.counters, state.figures) = (counters, figures);
        }
    }
    state.save(&rows, Some(&before))
}

/// Nothing counts before the commit, and the transaction is taken back.
pub(crate) fn not_committed(error: EngineError) -> GroupFailure {
    let poison = errors::is_sync(&error);
    GroupFailure { error, poison }
}

fn run<T, E: From<GroupFailure>>(
    conn: &Connection,
    (state, before): (&mut StoredState, &StoredState),
    (cores, is_last): (&Cores, bool),
    change: impl FnOnce(&RowStatements<'_>, &mut StoredState) -> Result<(T, bool), E>,
) -> Result<(T, Option<Duration>), E> {
    let rows = RowStatements::new(conn);
    let (value, is_changed) = change(&rows, state)?;
    if !is_changed {
        return Ok((value, None));
    }
    state.save(&rows, Some(before)).map_err(not_committed)?;
    let begun = Instant::now();
    let commit = || rows.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
    let committed = if is_last {
        cores.give_back();
        commit()
    } else {
        cores.without_core(commit)
    };
    match committed {
        Ok(_) => Ok((value, Some(begun.elapsed()))),
        Err(error) => {
            let poison = errors::is_unknown_end(&error);
            Err(GroupFailure { error: error.into(), poison }.into())
        }
    }
}

fn write_rows(
    rows: &RowStatements<'_>,
    sums: &mut FamilySums,
    generation: &Generation,
    cores: &Cores,
) -> Result<(), EngineError> {
    let mut tables = GroupTables { rows, sums };
    generation.for_each(|family, FilledRow { mut write, may_be_absent }| {
        tables.write_one(family, &mut write)?;
        let is_missed = write.sum.is_none() && write.stored.sum().is_none();
        if is_missed && !may_be_absent && !matches!(family, Family::Holders | Family::Former) {
            return Err(EngineError::Broken("a fill deletes a row that is not there".into()));
        }
        cores.pause();
        Ok(())
    })
}
