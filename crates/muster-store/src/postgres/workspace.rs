//! One workspace as a process knows it: its queue, and figures as of the last group that this process committed or read.

use crate::engine::Workspace;
use crate::queue::WorkspaceQueue;
use muster_core::id::WorkspaceId;
use muster_core::record::Counters;
use std::sync::Mutex;

/// One workspace of the engine.
pub(crate) struct PostgresWorkspace {
    pub(crate) id: WorkspaceId,
    pub(crate) queue: WorkspaceQueue,
    pub(crate) counters: Mutex<Counters>,
}

impl PostgresWorkspace {
    pub(crate) fn new(entry: Workspace) -> Self {
        Self { id: entry.id.clone(), queue: WorkspaceQueue::new(entry), counters: Mutex::default() }
    }
}
