//! The transaction of a group: its decisions one after the other, each with the rows that it writes.

use super::apply::Apply;
use super::errors;
use super::facts::FactReader;
use super::loaded::LoadedSums;
use super::row_statements::RowStatements;
use super::state::State;
use crate::binding_map::BindingMap;
use crate::engine::{EngineError, Job};
use crate::fact_loading::{self, LoadResult};
use crate::queue::group::{GroupFailure, GroupRun};
use muster_core::change::Changes;
use muster_core::decision::Mode;
use muster_core::facts::Facts;
use muster_core::time::{Moment, Timestamp};

/// Why a transaction was not committed.
pub(super) enum Stop {
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

/// A transaction that was begun.
pub(super) struct Transaction<'w, 'c> {
    pub(super) rows: &'w RowStatements<'c>,
    pub(super) state: &'w mut State,
    pub(super) bindings: &'w mut BindingMap,
    pub(super) loaded: &'w mut LoadedSums,
    /// The latest moment that a decision took.
    pub(super) now: &'w mut Timestamp,
}

impl<'c> Transaction<'_, 'c> {
    /// Returns what writes rows.
    pub(super) fn apply(&mut self) -> Apply<'_, 'c> {
        Apply { rows: self.rows, state: self.state, bindings: self.bindings, loaded: self.loaded }
    }

    /// Runs one decision; true if it changed something.
    pub(super) fn decide(&mut self, job: &mut dyn Job, run: &mut GroupRun<'_>) -> Result<bool, Stop> {
        let now = run.clock.now();
        *self.now = now.at.max(*self.now).max(self.state.counters.now);
        self.loaded.clear();
        let facts = Facts {
            counters: self.state.counters,
            settings_revision: run.revision,
            rate: run.rate.clone(),
            pause: run.pause.clone(),
            ..Facts::default()
        };
        let Self { rows, bindings, loaded, .. } = self;
        let mut source = FactReader { rows, bindings, loaded, cores: run.cores, large: None };
        let verdict = fact_loading::load_facts(job, &mut source, facts, Moment { at: *self.now, ..now })?;
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
            self.rows.prepare_cached("SAVEPOINT decision")?.execute([])?;
        }
        if let Err(error) = self.write(&changes, run) {
            let of_the_decision = matches!(error, EngineError::Broken(_) | EngineError::Corrupt(_));
            // SQLite rolls some transactions back by itself; then the savepoint is gone, and the group fails.
            if !of_the_decision || self.rows.is_autocommit() {
                let is_of_the_group = !error.is_of_one_decision();
                let error = if is_of_the_group { error } else { EngineError::Unavailable(error.to_string().into()) };
                return Err(Stop::Failed(error.into()));
            }
            let Some((state, mark)) = before else { return Err(Stop::Again) };
            *self.state = state;
            self.bindings.undo_to(mark);
            self.loaded.clear();
            self.rows.prepare_cached("ROLLBACK TO decision")?.execute([])?;
            self.rows.prepare_cached("RELEASE decision")?.execute([])?;
            return Err(Stop::Failed(error.into()));
        }
        if before.is_some() {
            self.rows.prepare_cached("RELEASE decision")?.execute([])?;
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
