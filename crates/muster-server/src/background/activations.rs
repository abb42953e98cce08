//! The activations that run in this process, by workspace.

use crate::sync::lock;
use muster_core::id::WorkspaceId;
use muster_store::engine::EngineError;
use std::collections::HashMap;
use std::sync::Mutex;

/// Which workspaces have an activation that runs here, and the error of its last run.
#[derive(Debug, Default)]
pub(crate) struct Activations(Mutex<HashMap<WorkspaceId, ActivationRun>>);

#[derive(Debug, Default)]
struct ActivationRun {
    is_running: bool,
    error: Option<EngineError>,
}

impl Activations {
    /// Marks an activation as running; false if it is already.
    pub(crate) fn begin(&self, id: &WorkspaceId) -> bool {
        let mut runs = lock(&self.0);
        !std::mem::replace(&mut runs.entry(id.clone()).or_default().is_running, true)
    }

    /// Keeps the error of a run.
    pub(crate) fn failed(&self, id: &WorkspaceId, error: &EngineError) {
        let mut runs = lock(&self.0);
        runs.entry(id.clone()).or_default().error = Some(error.clone());
    }

    /// Clears the last error: progress was stored since, or the activation was cancelled.
    pub(crate) fn clear_error(&self, id: &WorkspaceId) {
        let mut runs = lock(&self.0);
        runs.entry(id.clone()).or_default().error = None;
    }

    /// Marks a run as ended; a finished activation is forgotten.
    pub(crate) fn end(&self, id: &WorkspaceId, is_finished: bool) {
        let mut runs = lock(&self.0);
        if is_finished {
            runs.remove(id);
        } else if let Some(run) = runs.get_mut(id) {
            run.is_running = false;
        }
    }

    /// Returns the error of the last run, until a later one makes progress.
    pub(crate) fn error(&self, id: &WorkspaceId) -> Option<EngineError> {
        lock(&self.0).get(id)?.error.clone()
    }
}
