//! Work that nobody waits for: live profiles whose deletion is due are swept, batch by batch, each a decision in its
//! workspace's lane like any other, so that imports come in between.

use crate::app::App;
use crate::limits::{SWEEP_PERIOD, SWEEP_PROFILES_MAX};
use muster_core::decide::Sweep;
use muster_core::decision::Mode;
use muster_core::id::{ProfileNo, WorkspaceId};
use muster_store::engine::{EngineError, apply};
use std::sync::Arc;

/// Runs for as long as the server does.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(SWEEP_PERIOD).await;
        for entry in app.workspaces.all() {
            if let Err(error) = sweep(&app, entry.id()).await {
                tracing::warn!(workspace = %entry.id(), %error, "due deletions wait for the next round");
            }
        }
    }
}

/// Sweeps what is due in one workspace; how many live profiles went.
///
/// # Errors
/// Those of the engine; what was swept until then is gone, the rest stays due.
pub async fn sweep(app: &App, id: &WorkspaceId) -> Result<usize, EngineError> {
    let due = due(app, id).await?;
    for root in &due {
        while apply(&*app.engine, id, Sweep { root: *root }, Mode::Commit).await? {}
    }
    Ok(due.len())
}

async fn due(app: &App, id: &WorkspaceId) -> Result<Vec<ProfileNo>, EngineError> {
    let (engine, id, now) = (Arc::clone(&app.engine), id.clone(), app.now());
    let read = move || engine.read(&id)?.due_deletions(now, SWEEP_PROFILES_MAX);
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|_| Err(EngineError::Broken("the look-up panicked".into())))
}
