//! Workspaces: made, listed, shown, changed, removed, counted.

use super::{Answer, Call, blocking, tree};
use crate::app::{App, NewWorkspace};
use crate::callers::{Caller, Scope};
use crate::manage::audit::{Action, differing};
use crate::manage::scopes::{has, unbound};
use crate::workspaces::Entry;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use muster_core::id::WorkspaceId;
use muster_store::engine::{Trouble, Workspace};
use muster_wire::manage::body;
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::settings::WorkspaceSettings;
use muster_wire::manage::workspace;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Characters of a generated id, as the hosted service has them.
const ID_LENGTH: usize = 24;
const ID_LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// `GET /workspaces`: those that are there for the caller.
pub(crate) async fn list(call: Call) -> Answer {
    let limit = call.limit()?;
    let after = call.cursor(|text| Some(text.to_owned()))?;
    let all = call.app.workspaces.all();
    let seen = all.iter().filter(|entry| call.caller.sees(entry.id().as_str()));
    let mut rest = seen.filter(|entry| after.as_deref().is_none_or(|after| entry.id().as_str() > after));
    let shown: Vec<&Arc<Entry>> = rest.by_ref().take(limit).collect();
    let next = rest.next().and_then(|_| shown.last()).map(|entry| entry.id().as_str());
    let damaged = damaged(&call.app);
    Ok(tree(200, &page(shown.iter().map(|entry| shape(&call.app, entry, &damaged)).collect(), next)))
}

/// A workspace as it is shown; one whose data cannot be used is said to be damaged, why is in the log.
fn shape(app: &App, entry: &Entry, damaged: &BTreeSet<WorkspaceId>) -> Json {
    let mut shown = entry.document.show(entry.id(), &entry.keys_shown(app.now()));
    if damaged.contains(entry.id()) {
        shown["trouble"] = json!("damaged");
    }
    shown
}

/// The workspaces whose data cannot be used.
fn damaged(app: &App) -> BTreeSet<WorkspaceId> {
    let troubles = app.engine.health().troubles.into_iter();
    let ids = troubles.filter_map(|trouble| match trouble {
        Trouble::Damaged { workspace, .. } => Some(workspace),
        Trouble::Orphan { .. } => None,
    });
    ids.collect()
}

/// `POST /workspaces`: the only answer that shows the key, beside rotation.
pub(crate) async fn create(call: Call) -> Answer {
    unbound(&call.caller)?;
    let wanted = workspace::new(&call.body)?;
    let id = wanted.id.unwrap_or_else(|| generated_id(&call.app));
    let (app, key) = (Arc::clone(&call.app), call.app.secret());
    let (name, made_key, of) = (wanted.name, key.clone(), id.clone());
    let shown = name.clone();
    let made = blocking(move || app.create_workspace(&of, &WorkspaceSettings::new(&name), &made_key)).await?;
    let entry = match made {
        NewWorkspace::Made(entry) => entry,
        NewWorkspace::Taken => {
            return Err(Problem::new(409, "a workspace with this id exists, in whatever case").into());
        }
        NewWorkspace::Orphaned => return Err(Problem::new(409, orphaned(&id)).into()),
    };
    call.audit(Action::WorkspaceMade, Some(&id), id.as_str(), json!({"name": shown})).await;
    Ok(Call::about(&entry, super::created(&format!("/workspaces/{id}"), &workspace::created(&id, &shown, &key))))
}

/// Why no workspace is made over a folder that is there; the id is the caller's own, and is one.
fn orphaned(id: &WorkspaceId) -> String {
    format!(
        "data of a workspace {id} is there that the catalogue does not know: take it in with `muster workspace adopt {id}` \
         (POST /api/v1/orphans/{id}/adopt), or move it aside with `muster workspace remove-orphan {id}`"
    )
}

fn generated_id(app: &App) -> WorkspaceId {
    let mut bytes = [0; ID_LENGTH];
    app.random.fill(&mut bytes);
    let letters: String = bytes.iter().map(|byte| char::from(ID_LETTERS[usize::from(byte % 32)])).collect();
    WorkspaceId::parse(&letters).expect("24 letters and digits are an id")
}

/// `GET /workspaces/{ws}`.
pub(crate) async fn show(call: Call) -> Answer {
    let entry = call.entry()?;
    Ok(shown(&call.app, &entry))
}

fn shown(app: &App, entry: &Entry) -> Response {
    let mut response = tree(200, &shape(app, entry, &damaged(app)));
    tag(&mut response, entry.workspace.revision);
    Call::about(entry, response)
}

/// The settings' revision as `ETag`.
pub(super) fn tag(response: &mut Response, revision: u64) {
    let tag = HeaderValue::try_from(format!("\"{revision}\"")).expect("a quoted number is a header value");
    response.headers_mut().insert(header::ETAG, tag);
}

/// Judges `If-Match` against the settings in force.
pub(super) fn matches(headers: &HeaderMap, workspace: &Workspace) -> Result<(), Problem> {
    let Some(line) = headers.get(header::IF_MATCH) else { return Ok(()) };
    let current = format!("\"{}\"", workspace.revision);
    let wanted = line.to_str().unwrap_or_default();
    if wanted.split(',').any(|tag| matches!(tag.trim(), "*") || tag.trim() == current) {
        return Ok(());
    }
    Err(Problem::new(412, "the settings have changed since they were read; read them again"))
}

/// The settings of a catalogue entry.
pub(super) fn document(workspace: &Workspace) -> Result<WorkspaceSettings, Problem> {
    let unreadable = |_| Problem::new(500, "the stored settings cannot be read");
    WorkspaceSettings::from_json(workspace.settings.as_bytes()).map_err(unreadable)
}

/// The entry with other settings.
pub(super) fn with(workspace: &Workspace, document: &WorkspaceSettings) -> Workspace {
    let settings = String::from_utf8_lossy(&document.to_json()).into_owned();
    Workspace { settings, ..workspace.clone() }
}

/// `PATCH /workspaces/{ws}`.
pub(crate) async fn change(call: Call) -> Answer {
    let entry = call.entry()?;
    let (body, headers, caller) = (call.body.clone(), call.headers.clone(), Arc::clone(&call.caller));
    let changed = call.configure(entry.id(), move |workspace, _| {
        matches(&headers, workspace)?;
        let before = document(workspace)?;
        let mut document = before.clone();
        document.patch(&body)?;
        may_change(&caller, &before, &document)?;
        Ok(with(workspace, &document))
    });
    let (before, changed) = changed.await?;
    let settings = |document: &WorkspaceSettings| document.show(entry.id(), &[]);
    if let Some(detail) = differing(&settings(&document(&before)?), &settings(&changed.document)) {
        call.audit(Action::SettingsChanged, Some(entry.id()), entry.id().as_str(), detail).await;
    }
    Ok(shown(&call.app, &changed))
}

/// Whether a caller may change settings from one document to another: each part needs its own scope, and what a caller
/// sends as it is changes nothing.
fn may_change(caller: &Caller, before: &WorkspaceSettings, after: &WorkspaceSettings) -> Result<(), Problem> {
    if before.mask_personal_data && !after.mask_personal_data {
        has(caller, Scope::Personal)?;
    }
    // Whoever is recorded does not end the record.
    if before.record_reads && !after.record_reads {
        has(caller, Scope::Admin)?;
    }
    let limits =
        |of: &WorkspaceSettings| (of.suspended, of.limits, of.body_bytes, of.disk_bytes, of.allowed_addresses.clone());
    if limits(before) != limits(after) {
        has(caller, Scope::Limits)?;
    }
    let mut rest = before.clone();
    (rest.suspended, rest.limits, rest.body_bytes, rest.disk_bytes, rest.allowed_addresses) = limits(after);
    if rest.to_json() != after.to_json() {
        has(caller, Scope::Operate)?;
    }
    Ok(())
}

/// `DELETE /workspaces/{ws}` with `{"confirm": "<id>"}`.
pub(crate) async fn remove(call: Call) -> Answer {
    let entry = call.entry()?;
    let members = body::object(&call.body)?;
    body::only_known(&members, "", &["confirm"])?;
    if members.get("confirm").and_then(Json::as_str) != Some(entry.id().as_str()) {
        return Err(
            Problem::at("/confirm", "confirm must be the id of the workspace: this removes all its data").into()
        );
    }
    let one_at_a_time = Arc::clone(&call.app.workspaces.changing).lock_owned().await;
    let (app, id) = (Arc::clone(&call.app), entry.id().clone());
    // All of it on one thread that goes to its end: a client that hangs up drops this future and not the work.
    blocking(move || {
        let _until_it_is_done = one_at_a_time;
        // Nobody is let in any more before the data goes.
        app.workspaces.remove(id.as_str());
        let _until_they_are_refused = app.callers.changing();
        let deleted = app.engine.delete_workspace(&id);
        if deleted.is_err() {
            // It may still be there: a later call can try again.
            app.reload(&id)?;
            app.callers.load(app.engine.tokens()?);
        } else {
            app.callers.remove(|caller| caller.workspace.as_ref() == Some(&id));
            app.sessions.sweep(&app.callers, app.now());
        }
        deleted
    })
    .await?;
    call.audit(Action::WorkspaceRemoved, Some(entry.id()), entry.id().as_str(), json!({})).await;
    Ok(Call::about(&entry, tree(202, &json!({"id": entry.id().as_str(), "state": "removed"}))))
}
