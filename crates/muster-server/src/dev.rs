//! The workspace of `--dev`: ready to import, with identity resolution on and no budgets, made if it is absent. Its fixed
//! key is public, so it is good only where nobody else can reach the server: any other start takes it away.

use crate::app::{ALL_SCOPES, App, WorkspaceCreation};
use crate::keys::{is_valid, sha256};
use muster_core::id::WorkspaceId;
use muster_core::settings::RateLimits;
use muster_store::engine::{EngineError, KeyRecord, Workspace};
use muster_wire::manage::settings::{WorkspaceSettings, identity_from};

/// Its id.
pub const WORKSPACE: &str = "DEMO";
/// Its key on a loopback listener.
pub const KEY: &str = "demo-key";
/// Its identifiers.
const IDENTITY: &str =
    r#"{"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "mobile"}, {"kind": "email"}]}"#;

/// Why the workspace cannot be created.
const ORPHANED: &str = "a folder with this id exists, but the catalogue does not know it";

fn id() -> WorkspaceId {
    WorkspaceId::parse(WORKSPACE).expect("DEMO is an id")
}

/// Creates the workspace with this key. An existing one stays as it is, except for keys: it gets this one if it has none, or
/// if `replace` says so. True if the key is good now. Blocks.
///
/// # Errors
/// Those of the engine.
pub fn prepare(app: &App, key: &str, replace: bool) -> Result<bool, EngineError> {
    let mut settings = WorkspaceSettings::new("Demo");
    settings.limits = RateLimits { users: 0, events: 0, devices: 0 };
    settings.identity = identity_from(IDENTITY.as_bytes()).expect("the identity settings above are valid");
    match app.create_workspace(&id(), &settings, key)? {
        WorkspaceCreation::Created(_) => return Ok(true),
        WorkspaceCreation::Taken => {}
        WorkspaceCreation::Orphaned => {
            let words = format!(
                "{ORPHANED}: `muster workspace adopt {WORKSPACE}`, or `muster workspace remove-orphan {WORKSPACE}`"
            );
            return Err(EngineError::Broken(words.into()));
        }
    }
    let (now, hash) = (app.now(), sha256(key.as_bytes()));
    let added = KeyRecord { sha256: hash, scopes: ALL_SCOPES.to_owned(), created_at: now, valid_until: None };
    let keys = change_keys(app, move |keys| {
        let is_known = keys.iter().any(|known| known.sha256 == hash);
        if !is_known && (replace || keys.is_empty()) {
            *keys = vec![added];
        }
    })?;
    Ok(keys.is_some_and(|keys| keys.iter().any(|known| known.sha256 == hash)))
}

/// Revokes the fixed key, if the workspace has it; true if it had. For every start whose server others may reach, or that
/// is not one of `--dev`. Blocks.
///
/// # Errors
/// Those of the engine.
pub fn revoke_fixed(app: &App) -> Result<bool, EngineError> {
    let hash = sha256(KEY.as_bytes());
    let has = app.workspace(WORKSPACE).is_some_and(|entry| entry.workspace.keys.iter().any(|key| key.sha256 == hash));
    if has {
        change_keys(app, move |keys| keys.retain(|key| key.sha256 != hash))?;
    }
    Ok(has)
}

/// Changes the valid keys of the workspace; those that it has then, None if there is no such workspace.
fn change_keys(
    app: &App,
    change: impl FnOnce(&mut Vec<KeyRecord>) + Send + 'static,
) -> Result<Option<Vec<KeyRecord>>, EngineError> {
    let now = app.now();
    let changed = move |workspace: &Workspace, _: &_| {
        let mut keys: Vec<KeyRecord> = workspace.keys.iter().filter(|key| is_valid(key, now)).cloned().collect();
        change(&mut keys);
        Some(Workspace { keys, ..workspace.clone() })
    };
    let workspace = match app.engine.configure(&id(), Box::new(changed)) {
        Err(EngineError::UnknownWorkspace) => return Ok(None),
        other => other?,
    };
    let entry = app.workspaces.put(workspace).map_err(|text| EngineError::Corrupt(text.into()))?;
    Ok(Some(entry.workspace.keys.clone()))
}
