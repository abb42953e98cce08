//! Records of what was done with one person's data: deleted by the Data API, read through the management API. They are
//! many, so they wait in memory and are written together, twice a second; a process that is killed loses the last ones.

use crate::app::App;
use crate::limits::{PEOPLE_PERIOD, PEOPLE_WAITING_MAX};
use crate::manage::audit::AuditAction;
use muster_core::id::WorkspaceId;
use muster_store::access::AuditRecord;
use serde_json::Value as Json;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Records that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct People {
    waiting: Mutex<Vec<AuditRecord>>,
}

/// Who did something with one person's data.
pub(crate) struct Actor {
    /// The name of a token, or what tells a key.
    pub(crate) name: String,
    /// Where the call came from.
    pub(crate) address: Option<IpAddr>,
}

impl People {
    fn waiting(&self) -> MutexGuard<'_, Vec<AuditRecord>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes what was done: to whom is an id of a profile or of a request, never personal data.
pub(crate) fn note(app: &App, actor: Actor, of: &WorkspaceId, (action, subject, detail): (AuditAction, String, Json)) {
    let record = AuditRecord {
        no: 0,
        at: app.now(),
        token: actor.name,
        address: actor.address,
        workspace: Some(of.clone()),
        action: action.name().to_owned(),
        class: action.class(),
        subject,
        detail: detail.to_string(),
    };
    let mut waiting = app.people.waiting();
    if waiting.len() < PEOPLE_WAITING_MAX {
        waiting.push(record);
        return;
    }
    drop(waiting);
    tracing::error!(action = action.name(), "it could not be recorded: too many records wait to be written");
}

/// Writes what waits. Blocks.
pub(crate) fn write(app: &App) {
    let records = std::mem::take(&mut *app.people.waiting());
    if records.is_empty() {
        return;
    }
    if let Err(error) = app.engine.append_audits(&records) {
        tracing::warn!(%error, records = records.len(), "records of persons' data wait: they could not be written");
        let mut waiting = app.people.waiting();
        let later = std::mem::replace(&mut *waiting, records);
        waiting.extend(later);
        waiting.truncate(PEOPLE_WAITING_MAX);
    }
}

/// The same on a thread that may block.
pub(crate) async fn written(app: &Arc<App>) {
    let app = Arc::clone(app);
    let _written = tokio::task::spawn_blocking(move || write(&app)).await;
}

/// Writes again and again, for as long as the server does.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        tokio::time::sleep(PEOPLE_PERIOD).await;
        written(&app).await;
    }
}
