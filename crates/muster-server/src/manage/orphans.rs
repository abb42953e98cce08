//! Folders of workspaces that the catalogue does not know (behaviour.md 1.11.h): listed, adopted, moved away. Nothing
//! here removes data.

use super::arguments::{Arguments, Sent};
use super::audit_action::AuditAction;
use super::context::{ManageContext, blocking};
use super::description::CallDescription;
use super::error::ManageError;
use super::scopes::unbound;
use crate::app::{App, unknown_entry};
use crate::workspaces::Entry;
use muster_core::id::WorkspaceId;
use muster_store::engine::{Adopted, EngineError, Trouble};
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::page::PageDocument;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::settings::WorkspaceDocument;
use muster_wire::manage::workspace::{MovedOrphanDocument, OrphanDocument};
use schemars::json_schema;
use serde_json::json;
use std::sync::Arc;

/// Lists the folders.
pub(crate) async fn list(call: ManageContext, (): ()) -> Result<PageDocument<OrphanDocument>, ManageError> {
    unbound(&call.caller)?;
    let folder = |trouble: Trouble| match trouble {
        Trouble::Orphan { folder } => Some(OrphanDocument { id: folder.to_string() }),
        Trouble::Damaged { .. } => None,
    };
    let items = call.app.engine.health().troubles.into_iter().filter_map(folder).collect();
    Ok(PageDocument { items, next_cursor: None })
}

/// The id of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrphanId(WorkspaceId);

impl Arguments for OrphanId {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        WorkspaceId::parse(sent.part("workspace_id")).map(Self).ok_or_else(no_orphan)
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.path("workspace_id", "the id of the folder", json_schema!({"type": "string"}));
        call.problems(&[404]);
    }
}

fn no_orphan() -> Problem {
    Problem::new(404, "no orphaned folder has this id")
}

/// Outcome of adopting a folder.
enum AdoptOutcome {
    Yes(Arc<Entry>),
    Taken,
    Nothing,
}

/// Adopts a folder and returns its workspace.
pub(crate) async fn adopt(call: ManageContext, (OrphanId(id),): (OrphanId,)) -> Result<WorkspaceDocument, ManageError> {
    unbound(&call.caller)?;
    let one_at_a_time = Arc::clone(&call.app.workspaces.changing).lock_owned().await;
    let (app, of) = (Arc::clone(&call.app), id.clone());
    let adopted = blocking(move || {
        let _until_it_is_put = one_at_a_time;
        take_in(&app, &of)
    });
    let entry = match adopted.await? {
        AdoptOutcome::Yes(entry) => entry,
        AdoptOutcome::Taken => {
            return Err(Problem::new(
                409,
                "a workspace with this id exists already; upper and lower case do not count",
            )
            .into());
        }
        AdoptOutcome::Nothing => return Err(no_orphan().into()),
    };
    call.audit(AuditAction::WorkspaceAdopted, Some(&id), id.as_str(), json!({})).await;
    Ok(WorkspaceDocument::new(entry.id(), &entry.document, &entry.keys_shown(call.app.now())))
}

fn take_in(app: &App, id: &WorkspaceId) -> Result<AdoptOutcome, EngineError> {
    match app.engine.adopt_workspace(id, &unknown_entry(id, app.now()))? {
        Adopted::TakenIn(workspace) => {
            app.workspaces.put(workspace).map(AdoptOutcome::Yes).map_err(|text| EngineError::Corrupt(text.into()))
        }
        Adopted::Taken => Ok(AdoptOutcome::Taken),
        Adopted::Nothing => Ok(AdoptOutcome::Nothing),
    }
}

/// Moves a folder away.
pub(crate) async fn remove(
    call: ManageContext,
    (OrphanId(id),): (OrphanId,),
) -> Result<MovedOrphanDocument, ManageError> {
    unbound(&call.caller)?;
    let (app, of) = (Arc::clone(&call.app), id.clone());
    let aside = blocking(move || app.engine.remove_orphan(&of)).await?.ok_or_else(no_orphan)?;
    call.audit(AuditAction::OrphanRemoved, Some(&id), id.as_str(), json!({"moved_to": aside})).await;
    Ok(MovedOrphanDocument { id: AsText(id), moved_to: aside })
}
