//! The health of an engine, for readiness and metrics: problems, and figures that commits count without locks.

use crate::error::EngineError;
use crate::sync::lock;
use muster_core::id::WorkspaceId;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The health of an engine.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Why it cannot write, if it cannot.
    pub failed: Option<Arc<str>>,
    /// Why the clock cannot be believed, if it cannot; then `failed` says so, too.
    pub clock: Option<&'static str>,
    /// Only a restart helps: a sync failed, or it is not known how a commit ended.
    pub needs_restart: bool,
    /// Decisions that wait or run, over all queues.
    pub queued: u64,
    /// Groups committed.
    pub groups: u64,
    /// Decisions committed in them.
    pub decisions: u64,
    /// Commits by latency: counts for each bound of [`COMMIT_BUCKETS_US`], and above.
    pub commit_us: [u64; 13],
    /// Sum of commit latencies in microseconds.
    pub commit_us_sum: u64,
    /// Groups by size: counts for each bound of [`GROUP_BUCKETS`], and above.
    pub group_sizes: [u64; 9],
    /// Problems of single workspaces.
    pub troubles: Vec<Trouble>,
    /// Bytes of write-ahead log, over all workspaces that are open.
    pub wal_bytes: u64,
    /// Bytes of the redo logs that are not in the tables yet, about.
    pub redo_bytes: u64,
    /// Checkpoints done.
    pub checkpoints: u64,
    /// Decisions that were too large.
    pub too_large: u64,
}

/// Upper bounds of [`Health::commit_us`], in microseconds.
pub const COMMIT_BUCKETS_US: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000];
/// Upper bounds of [`Health::group_sizes`].
pub const GROUP_BUCKETS: [u64; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

/// A problem of one workspace; the others are not affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A folder that belongs to no workspace of the catalogue.
    Orphan {
        /// Name.
        folder: Arc<str>,
    },
    /// A workspace whose data cannot be used.
    Damaged {
        /// Id.
        workspace: WorkspaceId,
        /// Why.
        why: Arc<str>,
    },
}

/// Counters behind [`Health`].
#[derive(Default)]
pub(crate) struct Gauges {
    failed: Mutex<Option<Arc<str>>>,
    pub(crate) queued: AtomicU64,
    groups: AtomicU64,
    decisions: AtomicU64,
    commit_us: [AtomicU64; COMMIT_BUCKETS_US.len() + 1],
    commit_us_sum: AtomicU64,
    group_sizes: [AtomicU64; GROUP_BUCKETS.len() + 1],
    pub(crate) checkpoints: AtomicU64,
    pub(crate) too_large: AtomicU64,
}

fn count(buckets: &[AtomicU64], bounds: &[u64], n: u64) {
    let bucket = bounds.partition_point(|bound| *bound < n);
    buckets[bucket].fetch_add(1, Ordering::Relaxed);
}

/// Decisions that were taken from a queue, counted until they are answered, however that comes.
pub(crate) struct Running<'g>(&'g AtomicU64, u64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl Health {
    /// Adds why a workspace cannot be written, if it cannot.
    pub(crate) fn add_failing(&mut self, failing: Option<EngineError>) {
        match failing {
            None => {}
            Some(EngineError::Clock(why)) => self.clock = Some(why),
            Some(error) => drop(self.failed.get_or_insert_with(|| error.to_string().into())),
        }
    }

    /// Counts a clock that cannot be believed as a failure, after all others.
    pub(crate) fn with_clock(mut self) -> Self {
        if let Some(why) = self.clock {
            self.failed.get_or_insert_with(|| EngineError::Clock(why).to_string().into());
        }
        self
    }
}

impl Gauges {
    /// Records the first reason why nothing can be written in this process any more.
    pub(crate) fn fail(&self, why: Arc<str>) {
        lock(&self.failed).get_or_insert(why);
    }

    /// Counts a committed group.
    pub(crate) fn committed(&self, decisions: u64, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.decisions.fetch_add(decisions, Ordering::Relaxed);
        self.commit_us_sum.fetch_add(us, Ordering::Relaxed);
        count(&self.commit_us, &COMMIT_BUCKETS_US, us);
        count(&self.group_sizes, &GROUP_BUCKETS, decisions);
    }

    /// Counts decisions that were taken from a queue among the queued ones until the result is dropped.
    pub(crate) fn running(&self, decisions: usize) -> Running<'_> {
        Running(&self.queued, decisions as u64)
    }

    /// Returns all figures; the engine adds its own.
    pub(crate) fn health(&self) -> Health {
        let load = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let failed = lock(&self.failed).clone();
        Health {
            clock: None,
            needs_restart: failed.is_some(),
            failed,
            queued: load(&self.queued),
            groups: load(&self.groups),
            decisions: load(&self.decisions),
            commit_us: std::array::from_fn(|bucket| load(&self.commit_us[bucket])),
            commit_us_sum: load(&self.commit_us_sum),
            group_sizes: std::array::from_fn(|bucket| load(&self.group_sizes[bucket])),
            troubles: Vec::new(),
            wal_bytes: 0,
            redo_bytes: 0,
            checkpoints: load(&self.checkpoints),
            too_large: load(&self.too_large),
        }
    }
}
