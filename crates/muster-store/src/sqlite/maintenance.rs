//! Maintenance: one thread that, twice a second, writes refused requests of idle workspaces, tries full disks again, runs
//! checkpoints of long write-ahead logs, and closes the connections of idle workspaces.

use super::errors;
use super::inner::{Inner, Unfilled};
use super::settings::{self, PAGE_BYTES, WAL_BYTES};
use super::workspace::SqliteWorkspace;
use super::writer::DATABASE;
use crate::engine::EngineError;
use std::sync::atomic::Ordering;
use std::sync::{Arc, TryLockError};
use std::time::Duration;

/// Refused requests are in the log within about a second (two ticks at worst); a checkpoint begins as soon.
const TICK: Duration = Duration::from_millis(500);

/// Runs until the engine is closed.
pub(crate) fn run(inner: &Inner) {
    let ticks_kept = u64::try_from(inner.options.log_kept.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX);
    while !inner.stop_signal.wait(TICK) {
        let tick = inner.ticks.fetch_add(1, Ordering::Relaxed) + 1;
        // Checked often, so that a jump is noticed even without requests.
        let _said_in_the_health = inner.clock_check.distrust(&*inner.clock);
        let workspaces = inner.all_workspaces();
        for workspace in &workspaces {
            let is_long = workspace.pages.load(Ordering::Relaxed) * PAGE_BYTES > WAL_BYTES;
            if workspace.wants_cut(tick, ticks_kept) || is_long {
                checkpoint(inner, workspace);
            }
            if workspace.front.wants_fill(&inner.options.bounds) {
                inner.fill_queue.push(Unfilled::new(workspace));
            }
            if workspace.wake() {
                inner.run_queue.push(workspace.clone());
            }
        }
        close_idle(inner, &workspaces);
    }
}

/// Copies most of the log beside the writer, which finishes it between two groups.
fn checkpoint(inner: &Inner, workspace: &SqliteWorkspace) {
    let copied = settings::checkpointer(&workspace.folder.join(DATABASE)).and_then(|conn| settings::checkpoint(&conn));
    match copied.map_err(EngineError::from) {
        Ok(_) => {
            inner.gauges.checkpoints.fetch_add(1, Ordering::Relaxed);
            workspace.finish.store(true, Ordering::Release);
        }
        // The writer meets the same trouble by itself, where it can be answered.
        Err(_) => workspace.finish.store(true, Ordering::Release),
    }
}

/// Closes the connections that were used longest ago, beyond the bound.
fn close_idle(inner: &Inner, workspaces: &[Arc<SqliteWorkspace>]) {
    let mut open: Vec<_> = Vec::new();
    for workspace in workspaces {
        match workspace.writer.try_lock() {
            Ok(writer) if writer.is_some() => open.push((workspace.used.load(Ordering::Relaxed), workspace)),
            Err(TryLockError::WouldBlock) => open.push((u64::MAX, workspace)),
            _ => {}
        }
    }
    let over = open.len().saturating_sub(inner.options.open_max);
    open.sort_by_key(|(used, _)| *used);
    for (_, workspace) in open.into_iter().take(over) {
        let Ok(mut writer) = workspace.writer.try_lock() else { continue };
        if workspace.queue.is_idle()
            && let Err(error) = workspace.close(&mut writer, &inner.cores)
        {
            let error = errors::in_folder(error, &workspace.folder);
            if matches!(error, EngineError::Full | EngineError::Busy(_)) {
                // What it could not copy is whole in the write-ahead log; the workspace is opened again where there is room.
                workspace.queue.set_failing(Some(&error));
                continue;
            }
            let why = EngineError::Unavailable(error.to_string().into());
            inner.gauges.fail(format!("workspace {}: {error}", workspace.id).into());
            workspace.queue.stop(&why);
        }
    }
}
