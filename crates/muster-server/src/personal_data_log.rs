//! Records of what was done with one person's data: deleted by the Data API, read through the management API. They are
//! many, so they wait in memory and are written together, twice a second; a process that is killed loses the last ones.

use crate::limits::PERSONAL_DATA_WAITING_MAX;
use crate::manage::audit_action::AuditAction;
use crate::sync::lock;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use muster_store::access::AuditRecord;
use muster_store::engine::Engine;
use serde_json::Value as Json;
use std::net::IpAddr;
use std::sync::Mutex;

/// Records that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct PersonalDataLog {
    waiting: Mutex<Vec<AuditRecord>>,
}

/// Who did something with one person's data.
pub(crate) struct Actor {
    /// The name of a token, or the name of a key in the audit log.
    pub(crate) name: String,
    /// Where the call came from.
    pub(crate) address: Option<IpAddr>,
}

impl PersonalDataLog {
    /// Notes what was done at a time. The subject is the id of a profile or of a request, never personal data.
    pub(crate) fn note(
        &self,
        (at, actor): (Timestamp, Actor),
        workspace: &WorkspaceId,
        (action, subject, detail): (AuditAction, String, Json),
    ) {
        let record = AuditRecord {
            no: 0,
            at,
            token: actor.name,
            address: actor.address,
            workspace: Some(workspace.clone()),
            action: action.name().to_owned(),
            class: action.class(),
            subject,
            detail: detail.to_string(),
        };
        let mut waiting = lock(&self.waiting);
        if waiting.len() < PERSONAL_DATA_WAITING_MAX {
            waiting.push(record);
            return;
        }
        drop(waiting);
        tracing::error!(
            action = action.name(),
            "an access to personal data could not be recorded: too many records wait to be written"
        );
    }

    /// Writes what waits. Blocks.
    pub(crate) fn write(&self, engine: &dyn Engine) {
        let records = std::mem::take(&mut *lock(&self.waiting));
        if records.is_empty() {
            return;
        }
        if let Err(error) = engine.append_audits(&records) {
            tracing::warn!(%error, records = records.len(), "records of access to personal data could not be written and wait for the next try");
            let mut waiting = lock(&self.waiting);
            let later = std::mem::replace(&mut *waiting, records);
            waiting.extend(later);
            waiting.truncate(PERSONAL_DATA_WAITING_MAX);
        }
    }
}
