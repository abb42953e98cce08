//! Memory for bodies that are being read or decided: bounded over all workspaces and for each, so that overload is answered
//! early and one workspace cannot take the memory of the others (behaviour.md 1.11).

use crate::limits::{
    IN_FLIGHT_BYTES_MAX, IN_FLIGHT_BYTES_WORKSPACE_MAX, READING_BYTES_MAX, READING_BYTES_WORKSPACE_MAX,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::OwnedSemaphorePermit;

/// A count of bytes that never passes its bound.
#[derive(Debug)]
struct Gauge {
    used: AtomicUsize,
    max: usize,
}

impl Gauge {
    fn take(&self, bytes: usize) -> bool {
        let grown = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.max);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// The memory budget of the whole server.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget(Arc<Gauge>);

impl Default for MemoryBudget {
    fn default() -> Self {
        Self(Arc::new(Gauge { used: AtomicUsize::new(0), max: IN_FLIGHT_BYTES_MAX }))
    }
}

impl MemoryBudget {
    /// Returns the budget for building answers.
    pub(crate) fn for_reads() -> Self {
        Self(Arc::new(Gauge { used: AtomicUsize::new(0), max: READING_BYTES_MAX }))
    }
}

impl WorkspaceQuota {
    /// Returns the quota of one workspace in the budget for building answers.
    pub(crate) fn for_reads() -> Self {
        Self(Arc::new(Gauge { used: AtomicUsize::new(0), max: READING_BYTES_WORKSPACE_MAX }))
    }
}

/// The quota of one workspace.
#[derive(Debug, Clone)]
pub(crate) struct WorkspaceQuota(Arc<Gauge>);

impl Default for WorkspaceQuota {
    fn default() -> Self {
        Self(Arc::new(Gauge { used: AtomicUsize::new(0), max: IN_FLIGHT_BYTES_WORKSPACE_MAX }))
    }
}

/// Memory that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct BudgetGuard {
    gauges: [Arc<Gauge>; 2],
    bytes: usize,
}

impl MemoryBudget {
    /// Bytes that are taken.
    pub(crate) fn used(&self) -> usize {
        self.0.used.load(Ordering::Acquire)
    }

    /// Takes memory for a body of a workspace; None if there is not enough.
    pub(crate) fn take(&self, quota: &WorkspaceQuota, bytes: usize) -> Option<BudgetGuard> {
        if !quota.0.take(bytes) {
            return None;
        }
        if !self.0.take(bytes) {
            quota.0.give_back(bytes);
            return None;
        }
        Some(BudgetGuard { gauges: [Arc::clone(&self.0), Arc::clone(&quota.0)], bytes })
    }
}

/// What one request takes: memory for its body and, for a dry run, a place. The decision in the queue holds it, because a
/// client that hangs up ends the waiting and not the work.
#[derive(Debug)]
pub(crate) struct RequestPermit {
    _memory: Option<BudgetGuard>,
    _dry_run: Option<OwnedSemaphorePermit>,
}

impl RequestPermit {
    /// Returns the permit of a request.
    pub(crate) fn new(memory: BudgetGuard, dry_run: Option<OwnedSemaphorePermit>) -> Arc<Self> {
        Arc::new(Self { _memory: Some(memory), _dry_run: dry_run })
    }

    /// Returns the empty permit, for requests of the server itself.
    pub(crate) fn nothing() -> Arc<Self> {
        Arc::new(Self { _memory: None, _dry_run: None })
    }
}

impl Drop for BudgetGuard {
    fn drop(&mut self) {
        for gauge in &self.gauges {
            gauge.give_back(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_workspace_cannot_take_the_room_of_another_and_room_is_given_back() {
        let (memory, greedy, modest) = (MemoryBudget::default(), WorkspaceQuota::default(), WorkspaceQuota::default());
        let all = memory.take(&greedy, IN_FLIGHT_BYTES_WORKSPACE_MAX);
        assert!(all.is_some());
        assert!(memory.take(&greedy, 1).is_none());
        assert!(memory.take(&modest, 1).is_some());
        drop(all);
        assert!(memory.take(&greedy, 1).is_some());
    }
}
