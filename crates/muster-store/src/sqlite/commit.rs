//! Commits the batches of workspaces: opens what is closed, finishes a checkpoint, changes an entry, runs a group, and
//! answers.

use super::errors;
use super::errors::closed;
use super::inner::{Inner, Unfilled};
use super::own_entry::Versioned;
use super::schema::SchemaError;
use super::workspace::SqliteWorkspace;
use super::writer::{Writer, WriterError};
use crate::engine::{Configure, EngineError, Job, Workspace};
use crate::queue::group::{GroupEnd, GroupFailure, GroupRun};
use crate::queue::run_queue::BatchServer;
use crate::queue::{Batch, Configuring, fail_jobs};
use crate::sync::lock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

impl BatchServer<SqliteWorkspace> for Inner {
    fn serve(&self, workspace: &Arc<SqliteWorkspace>) -> bool {
        let core = self.cores.core();
        // A panic of the engine's own code: what the writer holds in memory cannot be trusted any more.
        let committed = catch_unwind(AssertUnwindSafe(|| commit(self, workspace)));
        if committed.is_err() {
            *self.cores.without_core(|| lock(&workspace.writer)) = None;
            poison(self, workspace, "a bug of the engine: it panicked".into());
        }
        drop(core);
        workspace.queue.batch_done(committed.unwrap_or(false))
    }
}

/// Nothing more is written to the workspace in this process.
fn poison(inner: &Inner, workspace: &SqliteWorkspace, why: Arc<str>) {
    let advice = "nothing more is written to it until the server is restarted on a sound disk";
    inner.gauges.fail(format!("workspace {}: {why}; {advice}", workspace.id).into());
    let waited = workspace.queue.stop(&EngineError::Unavailable(why));
    inner.gauges.queued.fetch_sub(waited, Ordering::Relaxed);
}

/// Commits one batch of a workspace. Returns whether its binding map is to be loaded further: a slice after each batch,
/// so that neither its own decisions nor other workspaces wait for all of it.
fn commit(inner: &Inner, workspace: &Arc<SqliteWorkspace>) -> bool {
    let batch = workspace.queue.take(&inner.options.bounds);
    let _running = inner.gauges.running(batch.jobs.len());
    workspace.used.store(inner.ticks.load(Ordering::Relaxed), Ordering::Relaxed);
    // A thread that closes the workspace may have the lock and wait for a fill, which may wait for this core.
    let mut writer = inner.cores.without_core(|| lock(&workspace.writer));
    commit_batch(inner, workspace, &mut writer, batch);
    if workspace.front.wants_fill(&inner.options.bounds) {
        inner.fill_queue.push(Unfilled::new(workspace));
    }
    writer.as_mut().is_some_and(|writer| writer.load_more_bindings(&inner.cores))
}

fn commit_batch(inner: &Inner, workspace: &SqliteWorkspace, writer: &mut Option<Writer>, batch: Batch) {
    let Batch { mut jobs, configure, refused } = batch;
    // The workspace may have been deleted or poisoned after it was scheduled; a workspace that closes finishes what waits.
    if let Some(error) = workspace.queue.stopped()
        && error != closed()
    {
        return Batch { jobs, configure, ..Batch::default() }.fail(&error);
    }
    let open = match workspace.open_writer(writer, inner.options.binding_map_bytes_max, false) {
        Ok(open) => open,
        Err(error) => {
            // Nothing was written: with room again the next try opens it, and until then the server is not ready.
            let error = errors::in_folder(opening(error), &workspace.folder);
            // Any other reason is this workspace's own, and makes the others no less ready.
            if error == EngineError::Full {
                workspace.queue.set_failing(Some(&error));
            }
            return Batch { jobs, configure, ..Batch::default() }.fail(&error);
        }
    };
    let writers = inner.workspaces.read().unwrap_or_else(PoisonError::into_inner).len();
    if let Err(error) = open.share_memory(writers, &inner.options.bounds) {
        return Batch { jobs, configure, ..Batch::default() }.fail(&error);
    }
    if workspace.finish.load(Ordering::Acquire)
        && let Err(error) = finish_checkpoint(inner, workspace, workspace.cut.load(Ordering::Acquire))
    {
        *writer = None;
        poison(inner, workspace, error.to_string().into());
        return Batch { jobs, configure, ..Batch::default() }.fail(&error);
    }
    if let Some(configuring) = configure {
        let Configuring { change, reply } = configuring;
        // The caller may be gone; the change is stored.
        let _gone = reply.send(reconfigure(inner, workspace, open, change));
    }
    let mut run = GroupRun {
        clock: &*inner.clock,
        bounds: &inner.options.bounds,
        cores: &inner.cores,
        pause: inner.pause.clone(),
        revision: workspace.queue.entry().revision,
        rate: workspace.queue.rate(),
        clock_check: &inner.clock_check,
        probe: workspace.queue.failing().is_some(),
    };
    if jobs.is_empty() && refused.is_empty() && !run.probe {
        return;
    }
    let ended = open.run(&mut jobs, &refused, &mut run);
    workspace.queue.set_rate(run.rate);
    settle(inner, workspace, writer, jobs, ended);
}

/// Finishes a checkpoint that ran beside the workspace, between two groups or after a fill; later, if a fill runs. If the
/// write-ahead log is to be cut, the redo log is emptied, too.
///
/// # Errors
/// An error after which nothing may be written; those that pass show in the queue.
fn finish_checkpoint(inner: &Inner, workspace: &SqliteWorkspace, cut: bool) -> Result<(), EngineError> {
    match checkpoint(inner, workspace, cut) {
        Ok(None) => {}
        Ok(Some(whole)) => {
            workspace.finish.store(false, Ordering::Release);
            inner.gauges.checkpoints.fetch_add(1, Ordering::Relaxed);
            if whole {
                workspace.pages.store(0, Ordering::Relaxed);
            }
            if whole && cut {
                workspace.is_cut();
            }
        }
        Err(error) => {
            workspace.finish.store(false, Ordering::Release);
            match errors::in_folder(error, &workspace.folder) {
                error @ (EngineError::Full | EngineError::Busy(_)) => workspace.queue.set_failing(Some(&error)),
                error => return Err(error),
            }
        }
    }
    Ok(())
}

/// Returns whether the whole write-ahead log was copied; None if a fill runs, or the redo log cannot be emptied yet.
fn checkpoint(inner: &Inner, workspace: &SqliteWorkspace, cut: bool) -> Result<Option<bool>, EngineError> {
    let front = &workspace.front;
    if cut {
        front.fill(&inner.cores)?;
        if !front.clear_log().map_err(|error| errors::of_system(&error))? {
            return Ok(None);
        }
    }
    let Some(tables) = front.idle_tables() else { return Ok(None) };
    tables.as_ref().map(|tables| tables.checkpoint(cut)).transpose()
}

impl BatchServer<Unfilled> for Inner {
    fn serve(&self, workspace: &Arc<Unfilled>) -> bool {
        let workspace = &workspace.0;
        let core = self.cores.core();
        let filled = catch_unwind(AssertUnwindSafe(|| workspace.front.fill(&self.cores)));
        drop(core);
        if filled.is_err() {
            poison(self, workspace, "a bug of the engine: a fill panicked".into());
        }
        settle_fill(self, workspace);
        // The writer cuts the logs, between two groups.
        let finishes = workspace.finish.load(Ordering::Acquire) && !workspace.cut.load(Ordering::Acquire);
        if finishes && let Err(error) = finish_checkpoint(self, workspace, false) {
            poison(self, workspace, error.to_string().into());
        }
        false
    }
}

/// Notes how the last fill of a workspace ended.
pub(super) fn settle_fill(inner: &Inner, workspace: &SqliteWorkspace) {
    match workspace.front.failure() {
        None => workspace.note_used_bytes(),
        Some(GroupFailure { error, poison: is_poisoned }) => {
            let error = errors::in_folder(error, &workspace.folder);
            workspace.queue.set_failing(Some(&error));
            if !error.is_retried() || is_poisoned && error != EngineError::Full {
                poison(inner, workspace, error.to_string().into());
            }
        }
    }
}

/// Counts a group and answers its decisions.
fn settle(
    inner: &Inner,
    workspace: &SqliteWorkspace,
    writer: &mut Option<Writer>,
    mut jobs: Vec<Box<dyn Job>>,
    ended: GroupEnd,
) {
    if let Some(commit) = ended.commit {
        inner.gauges.committed(ended.committed, commit);
        workspace.queue.set_failing(None);
        workspace.logged.store(true, Ordering::Release);
        if let Some(writer) = writer {
            *lock(&workspace.counters) = *writer.counters();
            workspace.note_used_bytes();
        }
    }
    let too_large = ended.results.iter().filter(|result| **result == Err(EngineError::TooLarge)).count();
    inner.gauges.too_large.fetch_add(too_large as u64, Ordering::Relaxed);
    let rest = jobs.split_off(ended.results.len().min(jobs.len()));
    if let Some(GroupFailure { error, poison: is_poisoned }) = ended.failure {
        let error = errors::in_folder(error, &workspace.folder);
        workspace.queue.set_failing(Some(&error));
        if is_poisoned && error != EngineError::Full {
            // Everything in memory goes with it: nothing is retried over a failed sync.
            *writer = None;
            poison(inner, workspace, error.to_string().into());
        }
        fail_jobs(rest, &error);
    }
    for (job, result) in jobs.into_iter().zip(ended.results) {
        job.answer(result);
    }
}

/// Changes the entry between two groups: first in the catalogue, then for the decisions that follow.
fn reconfigure(
    inner: &Inner,
    workspace: &SqliteWorkspace,
    writer: &Writer,
    change: Configure,
) -> Result<Workspace, EngineError> {
    inner.clock_check.check(&*inner.clock, writer.counters().now)?;
    let entry = workspace.queue.entry();
    let changed = catch_unwind(AssertUnwindSafe(|| change(&entry, writer.counters())))
        .map_err(|_| EngineError::Broken("the change of the entry panicked".into()))?;
    let Some(changed) = changed else { return Ok((*entry).clone()) };
    let entry = entry.changed_to(changed);
    let version = inner.write_catalogue(|catalogue| {
        let version = catalogue.version(&entry.id)? + 1;
        catalogue.put(&Versioned { entry: entry.clone(), version })?;
        Ok(version)
    })?;
    workspace.queue.set_entry(entry.clone());
    // The change is stored; a copy that is behind is replaced with the next change, or at the next start.
    let kept = writer.keep_entry(&Versioned { entry: entry.clone(), version }, &inner.cores);
    if let Err(EngineError::Unavailable(why)) = kept.map_err(|error| errors::in_folder(error, &workspace.folder)) {
        poison(inner, workspace, why);
    }
    Ok(entry)
}

/// The error of a decision whose workspace cannot be opened.
pub(crate) fn opening(error: WriterError) -> EngineError {
    match error {
        WriterError::Schema(SchemaError::Storage(error)) => error,
        WriterError::Schema(SchemaError::Newer(version)) => {
            EngineError::Unavailable(format!("the database has the later version {version}").into())
        }
        WriterError::Behind(stored, synced) => {
            EngineError::Unavailable(format!("the database ends at group {stored}, {synced} was acknowledged").into())
        }
    }
}
