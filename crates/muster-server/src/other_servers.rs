//! Follows what other servers over the same database change: workspaces with their settings and keys, and tokens.

use crate::app::App;
use crate::limits::FOLLOW_PERIOD;
use muster_core::id::WorkspaceId;
use muster_store::engine::EngineError;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Follows for as long as the server runs; ends at once where no other server can change anything.
pub(crate) async fn follow(app: &Arc<App>) {
    let mut absent = BTreeSet::new();
    while app.engine.is_shared() {
        tokio::time::sleep(FOLLOW_PERIOD).await;
        let (looking, before) = (Arc::clone(app), std::mem::take(&mut absent));
        // A change of settings here holds this lock until the entry in memory is swapped.
        let one_at_a_time = Arc::clone(&app.workspaces.changing).lock_owned().await;
        let looked = tokio::task::spawn_blocking(move || {
            let _until_it_is_put = one_at_a_time;
            look(&looking, before)
        });
        match looked.await {
            Ok(Ok(now)) => absent = now,
            // Requests meet the same trouble, and the readiness shows it.
            Ok(Err(error)) => tracing::debug!(%error, "what other servers changed cannot be read"),
            Err(_panicked) => {}
        }
    }
}

/// Takes over what changed. Returns the workspaces that are not stored any more: one that was made here a moment ago may be
/// among them, so they are forgotten the second time.
fn look(app: &App, absent: BTreeSet<WorkspaceId>) -> Result<BTreeSet<WorkspaceId>, EngineError> {
    let stored = app.engine.workspaces()?;
    let mut now = BTreeSet::new();
    for entry in app.workspaces.all() {
        if !stored.iter().any(|workspace| workspace.id == *entry.id()) {
            if absent.contains(entry.id()) {
                app.workspaces.remove(entry.id().as_str());
            } else {
                now.insert(entry.id().clone());
            }
        }
    }
    for workspace in stored {
        let is_new = app.workspaces.get(workspace.id.as_str()).is_none_or(|entry| entry.workspace != workspace);
        if is_new && let Err(why) = app.workspaces.put(workspace) {
            tracing::warn!(why, "what another server stored cannot be read");
        }
    }
    let _until_they_are_known = app.callers.changing();
    app.callers.load(app.engine.tokens()?);
    Ok(now)
}
