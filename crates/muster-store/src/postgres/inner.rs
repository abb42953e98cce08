//! What the threads of the engine share.

use super::catalogue;
use super::errors::closed;
use super::options::PostgresOptions;
use super::pool::Pool;
use super::workspace::PostgresWorkspace;
use crate::clock_check::ClockCheck;
use crate::engine::{EngineError, Workspace};
use crate::health::Gauges;
use crate::queue::cores::Cores;
use crate::queue::run_queue::RunQueue;
use crate::queue::stop_signal::StopSignal;
use muster_core::id::WorkspaceId;
use muster_core::pause::Pause;
use muster_core::time::Clock;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What the engine's threads share.
pub(super) struct PostgresInner {
    pub(super) options: PostgresOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pool: Pool,
    /// The workspaces that this process knows: another one may have made or deleted some since.
    pub(super) workspaces: RwLock<BTreeMap<WorkspaceId, Arc<PostgresWorkspace>>>,
    pub(super) run_queue: RunQueue<PostgresWorkspace>,
    pub(super) cores: Arc<Cores>,
    /// Gives a core to a waiting thread; the same for all decisions.
    pub(super) pause: Pause,
    pub(super) stop_signal: StopSignal,
    pub(super) gauges: Gauges,
    pub(super) closing: AtomicBool,
    pub(super) clock_check: ClockCheck,
    /// Why the database did not answer the last time that it was looked at, if it did not.
    pub(super) unreachable: Mutex<Option<Arc<str>>>,
    /// What tells the groups of this process from those of others.
    pub(super) process: i64,
    pub(super) attempts: AtomicI64,
}

impl PostgresInner {
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn open(&self) -> Result<(), EngineError> {
        if self.is_closing() { Err(closed()) } else { Ok(()) }
    }

    pub(super) fn all_workspaces(&self) -> Vec<Arc<PostgresWorkspace>> {
        self.workspaces.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Returns a workspace that this process knows. Does not block.
    pub(super) fn known_workspace(&self, id: &WorkspaceId) -> Result<Arc<PostgresWorkspace>, EngineError> {
        self.open()?;
        let workspaces = self.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        workspaces.get(id).cloned().ok_or(EngineError::UnknownWorkspace)
    }

    /// Returns a workspace; one that this process does not know is looked for.
    pub(super) fn workspace(&self, id: &WorkspaceId) -> Result<Arc<PostgresWorkspace>, EngineError> {
        match self.known_workspace(id) {
            Err(EngineError::UnknownWorkspace) => {
                self.look()?;
                self.known_workspace(id)
            }
            found => found,
        }
    }

    /// Reads the catalogue, and follows what other processes changed. Returns every workspace.
    pub(super) fn look(&self) -> Result<Vec<Workspace>, EngineError> {
        let entries = catalogue::workspaces(&mut *self.pool.connection()?)?;
        let mut workspaces = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<WorkspaceId> =
            workspaces.keys().filter(|id| !entries.iter().any(|entry| entry.id == **id)).cloned().collect();
        for id in gone {
            if let Some(workspace) = workspaces.remove(&id) {
                self.stop_queue(&workspace, &EngineError::UnknownWorkspace);
            }
        }
        for entry in &entries {
            match workspaces.get(&entry.id) {
                Some(workspace) if workspace.queue.entry().created_at == entry.created_at => {
                    if *workspace.queue.entry() != *entry {
                        workspace.queue.set_entry(entry.clone());
                    }
                }
                other => {
                    if let Some(replaced) = other {
                        self.stop_queue(replaced, &EngineError::UnknownWorkspace);
                    }
                    workspaces.insert(entry.id.clone(), Arc::new(PostgresWorkspace::new(entry.clone())));
                }
            }
        }
        Ok(entries)
    }

    /// Forgets a workspace that is gone, and answers what waits.
    pub(super) fn forget(&self, workspace: &Arc<PostgresWorkspace>) {
        let mut workspaces = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        if workspaces.get(&workspace.id).is_some_and(|known| Arc::ptr_eq(known, workspace)) {
            workspaces.remove(&workspace.id);
        }
        drop(workspaces);
        self.stop_queue(workspace, &EngineError::UnknownWorkspace);
    }

    fn stop_queue(&self, workspace: &PostgresWorkspace, error: &EngineError) {
        let waited = workspace.queue.stop(error);
        self.gauges.queued.fetch_sub(waited, Ordering::Relaxed);
    }
}
