//! Data API keys: rotated, with or without a grace for the previous ones, and revoked (behaviour.md 1.10).

use super::answers::EmptyAnswer;
use super::arguments::{BodyDocument, JsonBody};
use super::audit_action::AuditAction;
use super::context::WorkspaceContext;
use super::error::ManageError;
use crate::app::ALL_SCOPES;
use crate::callers::{self, Caller};
use crate::keys::{KeyScope, fingerprint, is_valid, sha256};
use crate::limits::GRACE_SECONDS_MAX;
use muster_core::time::Timestamp;
use muster_store::engine::{KeyRecord, Workspace};
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::workspace::{KeyScopeWord, RevokeKeyRequest, RotateKeyRequest, RotatedKeyDocument};
use serde_json::json;
use std::sync::Arc;

impl BodyDocument for RotateKeyRequest {
    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        Self::read(bytes, GRACE_SECONDS_MAX.unsigned_abs())
    }
}

/// Replaces the key, with or without a grace period for the previous ones.
pub(crate) async fn rotate(
    call: WorkspaceContext,
    (JsonBody(wanted),): (JsonBody<RotateKeyRequest>,),
) -> Result<RotatedKeyDocument, ManageError> {
    let grace = wanted.grace_seconds;
    let scopes = wanted.scopes.map(|scopes| scopes.into_iter().map(KeyScopeWord::name).collect::<Vec<_>>().join(","));
    let (now, key) = (call.context.app.now(), call.context.app.secret());
    let until = Timestamp(now.0 + i64::try_from(grace).unwrap_or(GRACE_SECONDS_MAX) * 1_000);
    let hash = sha256(key.as_bytes());
    let caller = Arc::clone(&call.context.caller);
    let change = move |workspace: &Workspace| {
        let current = workspace.keys.iter().find(|key| key.valid_until.is_none());
        let scopes = scopes.or_else(|| current.map(|key| key.scopes.clone())).unwrap_or_else(|| ALL_SCOPES.to_owned());
        may_give(&caller, &scopes)?;
        let mut keys = after_rotation(&workspace.keys, until, now);
        keys.push(KeyRecord { sha256: hash, scopes, created_at: now, valid_until: None });
        Ok(Workspace { keys, ..workspace.clone() })
    };
    let (before, changed) = call.context.configure(call.entry.id(), move |workspace, _| change(workspace)).await?;
    changed.runtime.activity.record_key_changes(&before.keys, &changed.workspace.keys, now);
    let made = changed.workspace.keys.iter().find(|key| key.sha256 == hash);
    let scopes: Vec<&str> = made.map(|key| key.scopes.split(',').collect()).unwrap_or_default();
    let detail = json!({"scopes": scopes, "grace_seconds": grace});
    call.audit(AuditAction::KeyRotated, &fingerprint(&hash), detail).await;
    let previous = changed.workspace.keys.iter().filter_map(|key| key.valid_until).max();
    let previous_valid_until = previous.filter(|until| *until > now).map(AsText);
    Ok(RotatedKeyDocument { data_api_key: key, previous_valid_until })
}

/// Returns whether a caller may give a key these scopes: what it could not do itself its keys cannot do either.
fn may_give(caller: &Caller, scopes: &str) -> Result<(), Problem> {
    for scope in KeyScope::ALL.iter().filter(|scope| scopes.split(',').any(|word| word == scope.name())) {
        let own = match scope {
            KeyScope::Import => callers::TokenScope::Operate,
            KeyScope::Read => callers::TokenScope::Read,
            KeyScope::Erase => callers::TokenScope::Erase,
        };
        if !caller.has(own) {
            let (key, own) = (scope.name(), own.name());
            let words =
                format!("a key with the scope {key} needs a token with the scope {own}: name scopes that yours allows");
            return Err(Problem { pointer: Some("/scopes".to_owned()), ..Problem::new(403, words) });
        }
    }
    Ok(())
}

/// Returns what is left of the keys before: valid until the grace ends, or until their own earlier end.
fn after_rotation(keys: &[KeyRecord], until: Timestamp, now: Timestamp) -> Vec<KeyRecord> {
    let ending = |key: &KeyRecord| {
        let until = key.valid_until.map_or(until, |own| own.min(until));
        KeyRecord { valid_until: Some(until), ..key.clone() }
    };
    keys.iter().map(ending).filter(|key| is_valid(key, now)).collect()
}

/// Revokes a key.
pub(crate) async fn revoke(
    call: WorkspaceContext,
    (JsonBody(RevokeKeyRequest { fingerprint: wanted }),): (JsonBody<RevokeKeyRequest>,),
) -> Result<EmptyAnswer, ManageError> {
    let revoked = wanted.clone();
    let change = move |workspace: &Workspace| {
        let keys: Vec<KeyRecord> =
            workspace.keys.iter().filter(|key| fingerprint(&key.sha256) != wanted).cloned().collect();
        if keys.len() == workspace.keys.len() {
            return Err(Problem::new(404, "no key has this fingerprint"));
        }
        Ok(Workspace { keys, ..workspace.clone() })
    };
    let (before, changed) = call.context.configure(call.entry.id(), move |workspace, _| change(workspace)).await?;
    changed.runtime.activity.record_key_changes(&before.keys, &changed.workspace.keys, call.context.app.now());
    call.audit(AuditAction::KeyRevoked, &revoked, json!({})).await;
    Ok(EmptyAnswer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_ends_keys_later_and_never_revives_one() {
        let key = |n: u8, valid_until: Option<i64>| KeyRecord {
            sha256: [n; 32],
            scopes: ALL_SCOPES.to_owned(),
            created_at: Timestamp(0),
            valid_until: valid_until.map(Timestamp),
        };
        let keys = [key(1, None), key(2, Some(150)), key(3, Some(90))];
        let after = |until| after_rotation(&keys, Timestamp(until), Timestamp(100));
        assert_eq!(after(200), [key(1, Some(200)), key(2, Some(150))]);
        assert_eq!(after(100), []);
    }
}
