//! Figures of the engine for readiness and metrics, counted without locks on the way of a commit.

use super::lane::locked;
use crate::engine::{COMMIT_BUCKETS_US, GROUP_BUCKETS, Health};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The figures.
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

impl Gauges {
    /// The first reason why something cannot be written in this process any more.
    pub(crate) fn fail(&self, why: Arc<str>) {
        locked(&self.failed).get_or_insert(why);
    }

    /// A group was committed.
    pub(crate) fn committed(&self, decisions: u64, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.decisions.fetch_add(decisions, Ordering::Relaxed);
        self.commit_us_sum.fetch_add(us, Ordering::Relaxed);
        count(&self.commit_us, &COMMIT_BUCKETS_US, us);
        count(&self.group_sizes, &GROUP_BUCKETS, decisions);
    }

    /// All of them; the write-ahead logs are the lanes'.
    pub(crate) fn health(&self) -> Health {
        let load = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let failed = locked(&self.failed).clone();
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
            checkpoints: load(&self.checkpoints),
            too_large: load(&self.too_large),
        }
    }
}
