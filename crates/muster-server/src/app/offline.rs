//! What is done to the data directory of a server that does not run, where opening all of it would be refused or would
//! change it.

use super::{StartError, unknown_entry};
use crate::manage::audit_action::AuditAction;
use muster_core::id::WorkspaceId;
use muster_core::time::{Clock, Timestamp};
use muster_store::access::AuditRecord;
/// Outcome of adopting a folder.
pub use muster_store::engine::Adopted;
use muster_store::sqlite;
use muster_wire::manage::token::GIVEN_NAMES;
use std::path::Path;

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// Whether nothing is wrong.
    pub is_sound: bool,
    /// A line for each workspace, and one for each thing that is wrong with it.
    pub text: String,
}

/// Checks the stored data of a server that is not running: laws L1 to L4, checksums and sums. Blocks.
///
/// # Errors
/// That the directory is none, is in use, or cannot be read.
pub fn verify(data_dir: &Path) -> Result<VerifyReport, StartError> {
    let report = muster_store::sqlite::verify(data_dir)?;
    let mut lines = Vec::new();
    for orphan in &report.orphans {
        lines.push(format!("{orphan}: NOT IN THE CATALOGUE; `muster workspace adopt {orphan}` takes it in"));
    }
    for workspace in &report.workspaces {
        let state = if workspace.breaches.is_empty() { "sound" } else { "NOT SOUND" };
        lines.push(format!("{}: {state}, {} rows, {} groups", workspace.id, workspace.rows, workspace.group));
        lines.extend(workspace.breaches.iter().map(|breach| format!("  {breach}")));
    }
    if lines.is_empty() {
        lines.push("no workspaces".to_owned());
    }
    Ok(VerifyReport { is_sound: report.is_clean(), text: lines.join("\n") })
}

/// Returns the record of what the command line did.
fn record(action: AuditAction, id: &WorkspaceId, at: Timestamp) -> AuditRecord {
    let [admin, _] = GIVEN_NAMES;
    AuditRecord {
        no: 0,
        at,
        token: admin.to_owned(),
        address: None,
        workspace: Some(id.clone()),
        action: action.name().to_owned(),
        class: action.class(),
        subject: id.to_string(),
        detail: "{}".to_owned(),
    }
}

/// Returns whether a server, or another command, has the directory. Blocks.
///
/// # Errors
/// The directory is not a data directory, or cannot be read.
pub fn is_in_use(data_dir: &Path) -> Result<bool, StartError> {
    Ok(muster_store::sqlite::is_in_use(data_dir)?)
}

/// Takes in the folder of a workspace that the catalogue does not know, or knows in an older version. Blocks.
///
/// # Errors
/// That the directory is none, is in use, or cannot be read.
pub fn adopt(data_dir: &Path, id: &WorkspaceId, clock: &dyn Clock) -> Result<Adopted, StartError> {
    let now = clock.now().at;
    Ok(sqlite::adopt(data_dir, id, &unknown_entry(id, now), &record(AuditAction::WorkspaceAdopted, id, now))?)
}

/// Moves the folder of a workspace aside that the catalogue does not know. Where it is now, below the data directory; None
/// if there is none. Blocks.
///
/// # Errors
/// As [`adopt`].
pub fn remove_orphan(data_dir: &Path, id: &WorkspaceId, clock: &dyn Clock) -> Result<Option<String>, StartError> {
    Ok(sqlite::remove_orphan(data_dir, id, &record(AuditAction::OrphanRemoved, id, clock.now().at))?)
}
