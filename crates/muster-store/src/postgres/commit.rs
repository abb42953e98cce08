//! Commits the batches of workspaces: changes an entry, runs a group, and answers.

use super::catalogue;
use super::errors::closed;
use super::group::{self, Committed, GroupClock, GroupInput};
use super::inner::PostgresInner;
use super::workspace::PostgresWorkspace;
use crate::engine::{EngineError, Job};
use crate::queue::group::{GroupEnd, GroupFailure, GroupRun};
use crate::queue::run_queue::BatchServer;
use crate::queue::{Batch, Configuring, fail_jobs};
use crate::sync::lock;
use muster_core::time::Timestamp;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl BatchServer<PostgresWorkspace> for PostgresInner {
    fn serve(&self, workspace: &Arc<PostgresWorkspace>) -> bool {
        let core = self.cores.core();
        let batch = workspace.queue.take(&self.options.bounds);
        let _running = self.gauges.running(batch.jobs.len());
        // A panic of the engine's own code: its transaction is taken back, its callers see that they are not answered, and
        // nothing is kept from one group to the next that could be wrong.
        let _panicked = catch_unwind(AssertUnwindSafe(|| commit_batch(self, workspace, batch)));
        drop(core);
        workspace.queue.batch_done(false)
    }
}

fn commit_batch(inner: &PostgresInner, workspace: &Arc<PostgresWorkspace>, batch: Batch) {
    let Batch { mut jobs, configure, refused } = batch;
    // The workspace may have been deleted after it was scheduled; a workspace that closes finishes what waits.
    if let Some(error) = workspace.queue.stopped()
        && error != closed()
    {
        return Batch { jobs, configure, ..Batch::default() }.fail(&error);
    }
    if let Some(configuring) = configure {
        let Configuring { change, reply } = configuring;
        let check = || inner.clock_check.check(&*inner.clock, Timestamp::default());
        let changed = catalogue::configure(&inner.pool, &workspace.queue.entry(), change, check);
        if let Ok(entry) = &changed {
            workspace.queue.set_entry(entry.clone());
        }
        // The caller may be gone; the change is stored.
        let _gone = reply.send(changed);
    }
    let clock = GroupClock::new(&*inner.clock);
    let mut run = GroupRun {
        clock: &clock,
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
    let created_at = workspace.queue.entry().created_at.0;
    let work = GroupInput { id: workspace.id.as_str(), created_at, jobs: &mut jobs, refused: &refused };
    let (ended, known) = group::run(inner, work, (&mut run, &clock));
    workspace.queue.set_rate(run.rate);
    settle(inner, workspace, jobs, (ended, known));
}

/// Counts a group and answers its decisions.
fn settle(
    inner: &PostgresInner,
    workspace: &Arc<PostgresWorkspace>,
    mut jobs: Vec<Box<dyn Job>>,
    (ended, known): (GroupEnd, Option<Committed>),
) {
    if let Some(commit) = ended.commit {
        inner.gauges.committed(ended.committed, commit);
        workspace.queue.set_failing(None);
    }
    match known {
        None => inner.forget(workspace),
        Some(Committed { counters, revision }) if ended.failure.is_none() => {
            *lock(&workspace.counters) = counters;
            if revision != workspace.queue.entry().revision {
                // Another process changed the settings: what was prepared under the old ones is prepared again.
                let _later = inner.look();
            }
        }
        Some(_) => {}
    }
    let too_large = ended.results.iter().filter(|result| **result == Err(EngineError::TooLarge)).count();
    inner.gauges.too_large.fetch_add(too_large as u64, Ordering::Relaxed);
    let rest = jobs.split_off(ended.results.len().min(jobs.len()));
    if let Some(GroupFailure { error, .. }) = ended.failure {
        workspace.queue.set_failing(Some(&error));
        fail_jobs(rest, &error);
    }
    for (job, result) in jobs.into_iter().zip(ended.results) {
        job.answer(result);
    }
}
