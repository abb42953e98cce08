//! Runs an activation: kinds that become active over stored data (behaviour.md 3.5). It runs batches of the index, the
//! switch, batches of the background pass, and the end. Its progress is kept in the settings and the counters, so that a
//! restart continues where it was. What a batch does is decided by the rules in `muster-core`.

pub(crate) mod preview;

use crate::app::App;
use crate::limits::{ACTIVATION_PERIOD, ACTIVATION_RETRY};
use crate::workspaces::Entry;
use futures_util::FutureExt as _;
use muster_core::decide::{ActivationProgress, ClearIndex, Index, Settle};
use muster_core::decision::Mode;
use muster_core::id::WorkspaceId;
use muster_core::limits::ACTIVATION_BATCH;
use muster_core::settings::ActivationPhase;
use muster_store::engine::{EngineError, apply};
use muster_wire::manage::settings::{Activating, WorkspaceSettings};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// Periodically starts activations that are not running: after a start of the server, a change of settings, or a failure.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        for entry in app.workspaces.all() {
            if entry.document.activating.is_some() && app.activations.begin(entry.id()) {
                let app = Arc::clone(&app);
                tokio::spawn(async move {
                    let panicked = |_| Err(EngineError::Broken("the activation panicked".into()));
                    let run = AssertUnwindSafe(run_to_completion(&app, entry.id())).catch_unwind().await;
                    let error = run.unwrap_or_else(panicked).err();
                    if let Some(error) = &error {
                        let workspace = entry.id();
                        tracing::warn!(%workspace, %error, "an activation failed; it will be retried");
                        app.activations.failed(workspace, error);
                        tokio::time::sleep(ACTIVATION_RETRY).await;
                    }
                    app.activations.end(entry.id(), error.is_none());
                });
            }
        }
        tokio::time::sleep(ACTIVATION_PERIOD).await;
    }
}

/// Runs both phases for one workspace.
async fn run_to_completion(app: &Arc<App>, id: &WorkspaceId) -> Result<(), EngineError> {
    // Halved where a batch is too large: its values may be held by large profiles.
    let mut batch = ACTIVATION_BATCH;
    while let Some(entry) = app.workspaces.get(id.as_str()) {
        let Some(activating) = &entry.document.activating else { return Ok(()) };
        let (identity, revision) = (entry.settings.identity.clone(), entry.settings.revision);
        let profile_bytes = entry.settings.profile_bytes;
        let progress = match activating.phase {
            ActivationPhase::Indexing => {
                apply(&*app.engine, id, Index { identity, revision, batch }, Mode::Commit).await
            }
            ActivationPhase::Joining => {
                apply(&*app.engine, id, Settle { identity, profile_bytes, revision, batch }, Mode::Commit).await
            }
        };
        match progress {
            Err(EngineError::TooLarge) if batch > 1 => batch /= 2,
            Ok(ActivationProgress::At { .. }) => {
                batch = ACTIVATION_BATCH.min(2 * batch);
                app.activations.clear_error(id);
                tokio::task::yield_now().await;
            }
            Ok(ActivationProgress::Finished) => next_phase(app, &entry).await?,
            Err(EngineError::Stale) => drop(app.latest_entry(&entry).await?),
            Ok(ActivationProgress::Idle) | Err(EngineError::Overloaded) => tokio::time::sleep(ACTIVATION_PERIOD).await,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Deletes the index of a cancelled activation. An activation that begins meanwhile, or after a restart, does that itself
/// before it adds to the index.
pub(crate) async fn clear_index(app: Arc<App>, cancelled: Arc<Entry>) {
    let id = cancelled.id();
    loop {
        let Some(entry) = app.workspaces.get(id.as_str()).filter(|entry| entry.document.activating.is_none()) else {
            return;
        };
        match apply(&*app.engine, id, ClearIndex { revision: entry.settings.revision }, Mode::Commit).await {
            Ok(ActivationProgress::At { .. }) => tokio::task::yield_now().await,
            Ok(_) => return,
            Err(EngineError::Stale | EngineError::Overloaded) => tokio::time::sleep(ACTIVATION_PERIOD).await,
            Err(error) => return tracing::warn!(workspace = %id, %error, "the index of a cancelled activation stays"),
        }
    }
}

/// Switches to the next phase in one commit: from the index to the new settings, or from joining to the end.
async fn next_phase(app: &Arc<App>, entry: &Entry) -> Result<(), EngineError> {
    let revision = entry.settings.revision;
    let changed = app.configure(entry.id(), move |workspace, _| {
        // Somebody else was first.
        if workspace.revision != revision {
            return None;
        }
        let mut document = WorkspaceSettings::from_json(workspace.settings.as_bytes()).ok()?;
        let activating = document.activating.take()?;
        if activating.phase == ActivationPhase::Indexing {
            document.identity = activating.target.clone();
            document.activating = Some(Activating::joining(activating, workspace.revision + 1));
        }
        let settings = String::from_utf8(document.to_json()).ok()?;
        Some(muster_store::engine::Workspace { settings, ..workspace.clone() })
    });
    changed.await.map(drop)
}
