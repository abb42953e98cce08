//! The audit log: `GET /audit`.

use super::as_text::AsText;
use super::masking::Mask;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A record of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditDocument {
    /// When.
    pub at: AsText<Timestamp>,
    /// The name of the token; empty if there was none.
    pub token: String,
    /// The address that the call came from.
    pub address: Option<String>,
    /// The workspace concerned.
    pub workspace: Option<AsText<WorkspaceId>>,
    /// What was done.
    pub action: String,
    /// The subject: an id, a fingerprint or a name.
    pub subject: String,
    /// Details: an object, or the beginning of its text if it was too long.
    pub detail: Json,
}

impl Mask for AuditDocument {
    /// Records have no personal data.
    fn mask(&mut self) {
        let Self { at: _, token: _, address: _, workspace: _, action: _, subject: _, detail: _ } = self;
    }
}
