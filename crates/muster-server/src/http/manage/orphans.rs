//! Folders of workspaces that the catalogue does not know (behaviour.md 1.11.h): listed, taken in, moved aside. Nothing
//! here removes data.

use super::{Answer, Call, blocking, tree};
use crate::app::{App, unknown_entry};
use crate::manage::audit::Action;
use crate::manage::scopes::unbound;
use crate::workspaces::Entry;
use muster_core::id::WorkspaceId;
use muster_store::engine::{Adopted, EngineError, Trouble};
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// `GET /orphans`.
pub(crate) async fn list(call: Call) -> Answer {
    unbound(&call.caller)?;
    let folder = |trouble: Trouble| match trouble {
        Trouble::Orphan { folder } => Some(json!({"id": &*folder})),
        Trouble::Damaged { .. } => None,
    };
    let items: Vec<Json> = call.app.engine.health().troubles.into_iter().filter_map(folder).collect();
    Ok(tree(200, &page(items, None)))
}

/// The id that the path names, if it is one.
fn id(call: &Call) -> Result<WorkspaceId, Problem> {
    call.parts.first().and_then(|text| WorkspaceId::parse(text)).ok_or_else(no_orphan)
}

fn no_orphan() -> Problem {
    Problem::new(404, "no such folder that the catalogue does not know")
}

/// What became of a folder that was to be taken in.
enum TakenIn {
    Yes(Arc<Entry>),
    Taken,
    Nothing,
}

/// `POST /orphans/{id}/adopt`: the workspace as it is shown elsewhere.
pub(crate) async fn adopt(call: Call) -> Answer {
    unbound(&call.caller)?;
    let id = id(&call)?;
    let one_at_a_time = Arc::clone(&call.app.workspaces.changing).lock_owned().await;
    let (app, of) = (Arc::clone(&call.app), id.clone());
    let adopted = blocking(move || {
        let _until_it_is_put = one_at_a_time;
        take_in(&app, &of)
    });
    let entry = match adopted.await? {
        TakenIn::Yes(entry) => entry,
        TakenIn::Taken => return Err(Problem::new(409, "a workspace with this id exists, in whatever case").into()),
        TakenIn::Nothing => return Err(no_orphan().into()),
    };
    call.audit(Action::WorkspaceAdopted, Some(&id), id.as_str(), json!({})).await;
    Ok(Call::about(&entry, tree(200, &entry.document.show(entry.id(), &entry.keys_shown(call.app.now())))))
}

fn take_in(app: &App, id: &WorkspaceId) -> Result<TakenIn, EngineError> {
    match app.engine.adopt_workspace(id, &unknown_entry(id, app.now()))? {
        Adopted::TakenIn(workspace) => {
            app.workspaces.put(workspace).map(TakenIn::Yes).map_err(|text| EngineError::Corrupt(text.into()))
        }
        Adopted::Taken => Ok(TakenIn::Taken),
        Adopted::Nothing => Ok(TakenIn::Nothing),
    }
}

/// `DELETE /orphans/{id}`: moves the folder aside.
pub(crate) async fn remove(call: Call) -> Answer {
    unbound(&call.caller)?;
    let id = id(&call)?;
    let (app, of) = (Arc::clone(&call.app), id.clone());
    let aside = blocking(move || app.engine.remove_orphan(&of)).await?.ok_or_else(no_orphan)?;
    call.audit(Action::OrphanRemoved, Some(&id), id.as_str(), json!({"moved_to": aside})).await;
    Ok(tree(200, &json!({"id": id.as_str(), "moved_to": aside})))
}
