//! Bulk replays of this process and their progress, in memory: a restart ends them.

use crate::limits::REPLAY_JOBS_MAX;
use muster_core::id::WorkspaceId;
use muster_wire::manage::quarantine::JobState;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BulkReplay {
    /// Its number.
    pub(crate) id: u64,
    /// Why it ended early, or that it ended.
    pub(crate) state: JobState,
    /// Entries that were processed.
    pub(crate) done: u64,
    /// Entries that it found.
    pub(crate) total: u64,
    /// Entries of which something was applied.
    pub(crate) applied: u64,
    /// Entries that stay.
    pub(crate) rejected: u64,
}

/// The jobs of this process, newest last.
#[derive(Debug, Default)]
pub(crate) struct BulkReplays(Mutex<ReplayList>);

#[derive(Debug, Default)]
struct ReplayList {
    last: u64,
    jobs: VecDeque<(WorkspaceId, BulkReplay)>,
}

impl BulkReplays {
    fn lock(&self) -> MutexGuard<'_, ReplayList> {
        crate::sync::lock(&self.0)
    }

    /// Returns a new job; None while as many run as may.
    pub(crate) fn begin(&self, workspace: &WorkspaceId, total: u64) -> Option<u64> {
        let mut listed = self.lock();
        if listed.jobs.len() == REPLAY_JOBS_MAX {
            let ended = listed.jobs.iter().position(|(_, job)| job.state != JobState::Running)?;
            listed.jobs.remove(ended);
        }
        listed.last += 1;
        let id = listed.last;
        listed.jobs.push_back((workspace.clone(), BulkReplay { id, total, ..BulkReplay::default() }));
        Some(id)
    }

    /// Changes the progress of a job.
    pub(crate) fn update(&self, id: u64, change: impl FnOnce(&mut BulkReplay)) {
        if let Some((_, job)) = self.lock().jobs.iter_mut().find(|(_, job)| job.id == id) {
            change(job);
        }
    }

    /// One job of a workspace.
    pub(crate) fn get(&self, workspace: &WorkspaceId, id: u64) -> Option<BulkReplay> {
        self.lock().jobs.iter().find(|(of, job)| of == workspace && job.id == id).map(|(_, job)| *job)
    }
}
