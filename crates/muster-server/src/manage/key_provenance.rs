//! Who created the keys of a workspace, according to the audit log: the only source, and it is trimmed.

use super::audit_action::AuditAction;
use super::context::{WorkspaceContext, blocking};
use super::error::ManageError;
use crate::keys::fingerprint;
use crate::limits::{KEY_AUDIT_LOOK_MAX, PAGE_MAX};
use muster_core::time::Timestamp;
use muster_store::access::{AuditQuery, AuditRecord};
use muster_store::engine::{EngineError, KeyRecord};
use std::net::IpAddr;
use std::sync::Arc;

/// Who created a key: the name of the token, and the address of the call.
pub(crate) type Maker = (String, Option<IpAddr>);

/// Returns who created each of these keys; None where the newest [`KEY_AUDIT_LOOK_MAX`] records do not say.
///
/// # Errors
/// Those of the storage.
pub(crate) async fn makers(call: &WorkspaceContext, keys: &[KeyRecord]) -> Result<Vec<Option<Maker>>, ManageError> {
    let entry = &call.entry;
    let (engine, id, since) = (Arc::clone(&call.context.app.engine), entry.id().clone(), entry.workspace.created_at);
    let keys = keys.to_vec();
    blocking(move || {
        let mut makers: Vec<Option<Maker>> = vec![None; keys.len()];
        let (mut below, mut looked_at) = (None, 0);
        while looked_at < KEY_AUDIT_LOOK_MAX && makers.iter().any(Option::is_none) {
            let page = engine.audit(&AuditQuery { workspace: Some(id.clone()), below, limit: PAGE_MAX })?;
            let Some(last) = page.items.last() else { break };
            (below, looked_at) = (Some(last.no), looked_at + page.items.len());
            // What is older is of an earlier workspace of the same id.
            for record in page.items.iter().take_while(|record| record.at >= since) {
                for (key, maker) in keys.iter().zip(&mut makers) {
                    if maker.is_none() && made(record, key, since) {
                        *maker = Some((record.token.clone(), record.address));
                    }
                }
            }
            if !page.more || last.at < since {
                break;
            }
        }
        Ok::<_, EngineError>(makers)
    })
    .await
}

/// Returns whether the record is of the call that made the key: a rotation names it, and the first came with its
/// workspace.
fn made(record: &AuditRecord, key: &KeyRecord, workspace_made_at: Timestamp) -> bool {
    let is_first = key.created_at == workspace_made_at;
    record.action == AuditAction::KeyRotated.name() && record.subject == fingerprint(&key.sha256)
        || is_first && record.action == AuditAction::WorkspaceCreated.name()
}
