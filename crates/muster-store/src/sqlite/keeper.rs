//! The keeper: one thread that, twice a second, writes refused requests of idle lanes, tries full disks again, runs
//! checkpoints of long write-ahead logs, and closes the connections of idle workspaces.

use super::Inner;
use super::lane::{Lane, locked};
use super::settings::{self, PAGE_BYTES, WAL_BYTES};
use super::trouble;
use super::writer::DATABASE;
use crate::engine::EngineError;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError, TryLockError};
use std::time::Duration;

/// Refused requests are in the log within about a second (two ticks at worst); a checkpoint begins as soon.
const TICK: Duration = Duration::from_millis(500);

/// How the keeper is told to end.
#[derive(Default)]
pub(crate) struct Bell {
    over: Mutex<bool>,
    change: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *locked(&self.over) = true;
        self.change.notify_all();
    }

    /// Waits for a tick; true at the end.
    fn wait(&self) -> bool {
        let over = locked(&self.over);
        let (over, _) =
            self.change.wait_timeout_while(over, TICK, |over| !*over).unwrap_or_else(PoisonError::into_inner);
        *over
    }
}

/// Runs until the bell rings.
pub(crate) fn run(inner: &Inner) {
    let ticks_kept = u64::try_from(inner.options.log_kept.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX);
    while !inner.bell.wait() {
        let tick = inner.ticks.fetch_add(1, Ordering::Relaxed) + 1;
        // Looked at often, so that what is seen of a step does not depend on who asks.
        let _said_in_the_health = inner.trust.of_all(&*inner.clock);
        let lanes = inner.all_lanes();
        for lane in &lanes {
            let is_long = lane.pages.load(Ordering::Relaxed) * PAGE_BYTES > WAL_BYTES;
            if lane.wants_cut(tick, ticks_kept) || is_long {
                checkpoint(inner, lane);
            }
            if lane.wake() {
                inner.ready.push(lane.clone());
            }
        }
        close_idle(inner, &lanes);
    }
}

/// Copies most of the log beside the writer, which finishes it between two groups.
fn checkpoint(inner: &Inner, lane: &Lane) {
    let copied = settings::checkpointer(&lane.folder.join(DATABASE)).and_then(|conn| settings::checkpoint(&conn));
    match copied.map_err(EngineError::from) {
        Ok(_) => {
            inner.gauges.checkpoints.fetch_add(1, Ordering::Relaxed);
            lane.finish.store(true, Ordering::Release);
        }
        // The writer meets the same trouble by itself, where it can be answered.
        Err(_) => lane.finish.store(true, Ordering::Release),
    }
}

/// Closes the connections that were used longest ago, beyond the bound.
fn close_idle(inner: &Inner, lanes: &[Arc<Lane>]) {
    let mut open: Vec<_> = Vec::new();
    for lane in lanes {
        match lane.writer.try_lock() {
            Ok(writer) if writer.is_some() => open.push((lane.used.load(Ordering::Relaxed), lane)),
            Err(TryLockError::WouldBlock) => open.push((u64::MAX, lane)),
            _ => {}
        }
    }
    let over = open.len().saturating_sub(inner.options.open_max);
    open.sort_by_key(|(used, _)| *used);
    for (_, lane) in open.into_iter().take(over) {
        let Ok(mut writer) = lane.writer.try_lock() else { continue };
        if lane.is_idle()
            && let Err(error) = lane.close(&mut writer)
        {
            let error = trouble::in_folder(error, &lane.folder);
            if matches!(error, EngineError::Full | EngineError::Busy(_)) {
                // What it could not copy is whole in the write-ahead log; the lane is opened again where there is room.
                lane.set_ailing(Some(&error));
                continue;
            }
            let why = EngineError::Unavailable(error.to_string().into());
            inner.gauges.fail(format!("workspace {}: {error}", lane.id).into());
            lane.stop(&why);
        }
    }
}
