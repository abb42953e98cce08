//! Runs what `identity` asked for when kinds become active over stored data (behaviour.md 3.5): batches of the index, the
//! switch, batches of the background pass, the end. Everything that tells how far it is stands in the settings and the
//! counters, so that a restart goes on where it was. What a batch does is the rules'.

pub(crate) mod preview;

use crate::app::App;
use crate::limits::{ACTIVATION_PERIOD, ACTIVATION_RETRY};
use crate::workspaces::Entry;
use muster_core::decide::{Index, Progress, Settle};
use muster_core::decision::Mode;
use muster_core::id::WorkspaceId;
use muster_core::limits::ACTIVATION_BATCH;
use muster_core::settings::Phase;
use muster_store::engine::{EngineError, apply};
use muster_wire::manage::settings::{Activating, WorkspaceSettings};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Which workspaces have an activation that runs here.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<HashSet<WorkspaceId>>);

/// Starts what is not running, again and again: at a start of the server, after a change of settings, after a failure.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        for entry in app.workspaces.all() {
            if entry.document.activating.is_some() && app.activations.begin(entry.id()) {
                let app = Arc::clone(&app);
                tokio::spawn(async move {
                    if let Err(error) = to_its_end(&app, entry.id()).await {
                        let workspace = entry.id();
                        tracing::warn!(%workspace, %error, "an activation goes on in a moment");
                        tokio::time::sleep(ACTIVATION_RETRY).await;
                    }
                    app.activations.end(entry.id());
                });
            }
        }
        tokio::time::sleep(ACTIVATION_PERIOD).await;
    }
}

impl Running {
    fn begin(&self, id: &WorkspaceId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone())
    }

    fn end(&self, id: &WorkspaceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// Both phases of one workspace.
async fn to_its_end(app: &Arc<App>, id: &WorkspaceId) -> Result<(), EngineError> {
    while let Some(entry) = app.workspaces.get(id.as_str()) {
        let Some(activating) = &entry.document.activating else { return Ok(()) };
        let (identity, revision) = (entry.settings.identity.clone(), entry.settings.revision);
        let batch = ACTIVATION_BATCH;
        let progress = match activating.phase {
            Phase::Indexing => apply(&*app.engine, id, Index { identity, revision, batch }, Mode::Commit).await,
            Phase::Joining => apply(&*app.engine, id, Settle { identity, revision, batch }, Mode::Commit).await,
        };
        match progress {
            Ok(Progress::At { .. }) => tokio::task::yield_now().await,
            Ok(Progress::Finished) => next_phase(app, &entry).await?,
            // Read again; what changed them swaps the entry at once.
            Ok(Progress::Stale) | Err(EngineError::Overloaded) => tokio::time::sleep(ACTIVATION_PERIOD).await,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One commit that switches: from the index to the new settings, from joining to the end.
async fn next_phase(app: &Arc<App>, entry: &Entry) -> Result<(), EngineError> {
    let revision = entry.settings.revision;
    let changed = app.configure(entry.id(), move |workspace, _| {
        // Somebody else was first.
        if workspace.revision != revision {
            return None;
        }
        let mut document = WorkspaceSettings::from_json(workspace.settings.as_bytes()).ok()?;
        let activating = document.activating.take()?;
        if activating.phase == Phase::Indexing {
            document.identity = activating.target.clone();
            document.activating = Some(Activating::joining(activating, workspace.revision + 1));
        }
        let settings = String::from_utf8(document.to_json()).ok()?;
        Some(muster_store::engine::Workspace { settings, ..workspace.clone() })
    });
    changed.await.map(drop)
}
