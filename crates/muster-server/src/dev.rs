//! The workspace of `--dev`: ready to import, with identity resolution on and no budgets, made if it is absent.

use crate::app::App;
use muster_core::id::WorkspaceId;
use muster_core::settings::RateLimits;
use muster_store::engine::EngineError;
use muster_wire::manage::settings::{WorkspaceSettings, identity_from};

/// Its id.
pub const WORKSPACE: &str = "DEMO";
/// Its key on a loopback listener.
pub const KEY: &str = "demo-key";
/// Its identifiers.
const IDENTITY: &str =
    r#"{"enabled": true, "identifiers": [{"kind": "customer_id"}, {"kind": "mobile"}, {"kind": "email"}]}"#;

/// Makes the workspace with this key; false if it is there already, and stays as it is. Blocks.
///
/// # Errors
/// Those of the engine.
pub fn prepare(app: &App, key: &str) -> Result<bool, EngineError> {
    let id = WorkspaceId::parse(WORKSPACE).expect("DEMO is an id");
    let mut settings = WorkspaceSettings::new("Demo");
    settings.limits = RateLimits { users: 0, events: 0, devices: 0 };
    settings.identity = identity_from(IDENTITY.as_bytes()).expect("the identity settings above are valid");
    Ok(app.create_workspace(&id, &settings, key)?.is_some())
}
