//! Workspaces: created, listed, shown, changed, removed.

use super::answers::{AcceptedAnswer, CreatedAnswer, TaggedAnswer};
use super::arguments::{IfMatch, JsonBody, PageQuery};
use super::audit::differing;
use super::audit_action::AuditAction;
use super::context::{ManageContext, WorkspaceContext, blocking};
use super::error::ManageError;
use super::scopes::{has, unbound};
use crate::app::{App, WorkspaceCreation};
use crate::callers::{Caller, TokenScope};
use crate::workspaces::Entry;
use muster_core::id::WorkspaceId;
use muster_store::engine::{Trouble, Workspace};
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::page::PageDocument;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::settings::{SettingsDocument, SettingsPatch, WorkspaceDocument, WorkspaceSettings};
use muster_wire::manage::workspace::{
    CreatedWorkspaceDocument, NewWorkspace, RemoveWorkspaceRequest, RemovedWorkspaceDocument,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Characters of a generated id, as the hosted service has them.
const ID_LENGTH: usize = 24;
const ID_LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Lists the workspaces that the caller may see.
pub(crate) async fn list(
    call: ManageContext,
    (page,): (PageQuery<String>,),
) -> Result<PageDocument<WorkspaceDocument>, ManageError> {
    let after = page.cursor.as_deref();
    let all = call.app.workspaces.all();
    let seen = all.iter().filter(|entry| call.caller.sees(entry.id().as_str()));
    let mut rest = seen.filter(|entry| after.is_none_or(|after| entry.id().as_str() > after));
    let shown: Vec<&Arc<Entry>> = rest.by_ref().take(page.limit).collect();
    let next_cursor = rest.next().and_then(|_| shown.last()).map(|entry| entry.id().to_string());
    let damaged = damaged(&call.app);
    Ok(PageDocument { items: shown.iter().map(|entry| document(&call.app, entry, &damaged)).collect(), next_cursor })
}

/// Returns a workspace as it is shown; one whose data cannot be used is shown as damaged, the reason is in the log.
fn document(app: &App, entry: &Entry, damaged: &BTreeSet<WorkspaceId>) -> WorkspaceDocument {
    let trouble = damaged.contains(entry.id()).then(|| "damaged".to_owned());
    WorkspaceDocument { trouble, ..WorkspaceDocument::new(entry.id(), &entry.document, &entry.keys_shown(app.now())) }
}

/// Returns the workspaces whose data cannot be used.
fn damaged(app: &App) -> BTreeSet<WorkspaceId> {
    let troubles = app.engine.health().troubles.into_iter();
    let ids = troubles.filter_map(|trouble| match trouble {
        Trouble::Damaged { workspace, .. } => Some(workspace),
        Trouble::Orphan { .. } => None,
    });
    ids.collect()
}

/// Creates a workspace: the only answer that shows its key, besides that of a rotation.
pub(crate) async fn create(
    call: ManageContext,
    (JsonBody(wanted),): (JsonBody<NewWorkspace>,),
) -> Result<CreatedAnswer<CreatedWorkspaceDocument>, ManageError> {
    unbound(&call.caller)?;
    let id = wanted.id.unwrap_or_else(|| generated_id(&call.app));
    let (app, key) = (Arc::clone(&call.app), call.app.secret());
    let (name, made_key, of) = (wanted.name, key.clone(), id.clone());
    let shown = name.clone();
    let made = blocking(move || app.create_workspace(&of, &WorkspaceSettings::new(&name), &made_key)).await?;
    match made {
        WorkspaceCreation::Created(_) => {}
        WorkspaceCreation::Taken => {
            return Err(Problem::new(
                409,
                "a workspace with this id exists already; upper and lower case do not count",
            )
            .into());
        }
        WorkspaceCreation::Orphaned => return Err(Problem::new(409, orphaned(&id)).into()),
    }
    call.audit(AuditAction::WorkspaceCreated, Some(&id), id.as_str(), json!({"name": shown})).await;
    let location = format!("/workspaces/{id}");
    Ok(CreatedAnswer {
        location,
        document: CreatedWorkspaceDocument { id: AsText(id), name: shown, data_api_key: key },
    })
}

/// Returns why no workspace is created over an existing folder; the id is the caller's own, and valid.
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

/// Shows a workspace.
pub(crate) async fn show(call: WorkspaceContext, (): ()) -> Result<TaggedAnswer<WorkspaceDocument>, ManageError> {
    Ok(tagged(&call.context.app, &call.entry))
}

fn tagged(app: &App, entry: &Entry) -> TaggedAnswer<WorkspaceDocument> {
    TaggedAnswer { revision: entry.workspace.revision, document: document(app, entry, &damaged(app)) }
}

/// Returns the settings of a catalogue entry.
pub(crate) fn stored_settings(workspace: &Workspace) -> Result<WorkspaceSettings, Problem> {
    let unreadable = |_| Problem::new(500, "the stored settings cannot be read");
    WorkspaceSettings::from_json(workspace.settings.as_bytes()).map_err(unreadable)
}

/// Returns the entry with other settings.
pub(crate) fn with_settings(workspace: &Workspace, document: &WorkspaceSettings) -> Workspace {
    let settings = String::from_utf8_lossy(&document.to_json()).into_owned();
    Workspace { settings, ..workspace.clone() }
}

/// Changes settings.
pub(crate) async fn change(
    call: WorkspaceContext,
    (JsonBody(SettingsPatch(body)), if_match): (JsonBody<SettingsPatch>, IfMatch),
) -> Result<TaggedAnswer<WorkspaceDocument>, ManageError> {
    let caller = Arc::clone(&call.context.caller);
    let changed = call.context.configure(call.entry.id(), move |workspace, _| {
        if_match.judge(workspace.revision)?;
        let before = stored_settings(workspace)?;
        let mut settings = before.clone();
        settings.patch(&body)?;
        may_change(&caller, &before, &settings)?;
        Ok(with_settings(workspace, &settings))
    });
    let (before, changed) = changed.await?;
    let settings = |settings: &WorkspaceSettings| json!(SettingsDocument::from(settings));
    if let Some(detail) = differing(&settings(&stored_settings(&before)?), &settings(&changed.document)) {
        call.audit(AuditAction::SettingsChanged, call.entry.id().as_str(), detail).await;
    }
    Ok(tagged(&call.context.app, &changed))
}

/// Returns whether a caller may change settings from one document to another: each part needs its own scope, and what a
/// caller sends as it is changes nothing.
fn may_change(caller: &Caller, before: &WorkspaceSettings, after: &WorkspaceSettings) -> Result<(), Problem> {
    if before.mask_personal_data && !after.mask_personal_data {
        has(caller, TokenScope::Personal)?;
    }
    // A caller whose reads are recorded must not turn the record off.
    if before.record_reads && !after.record_reads {
        has(caller, TokenScope::Admin)?;
    }
    let limits =
        |of: &WorkspaceSettings| (of.suspended, of.limits, of.body_bytes, of.disk_bytes, of.allowed_addresses.clone());
    if limits(before) != limits(after) {
        has(caller, TokenScope::Limits)?;
    }
    let mut rest = before.clone();
    (rest.suspended, rest.limits, rest.body_bytes, rest.disk_bytes, rest.allowed_addresses) = limits(after);
    if rest.to_json() != after.to_json() {
        has(caller, TokenScope::Operate)?;
    }
    Ok(())
}

/// Removes a workspace with all its data.
pub(crate) async fn remove(
    call: WorkspaceContext,
    (JsonBody(RemoveWorkspaceRequest { confirm }),): (JsonBody<RemoveWorkspaceRequest>,),
) -> Result<AcceptedAnswer<RemovedWorkspaceDocument>, ManageError> {
    let entry = &call.entry;
    if confirm != entry.id().as_str() {
        return Err(
            Problem::at("/confirm", "confirm must be the id of the workspace: this removes all its data").into()
        );
    }
    let one_at_a_time = Arc::clone(&call.context.app.workspaces.changing).lock_owned().await;
    let (app, id) = (Arc::clone(&call.context.app), entry.id().clone());
    // All of it on one thread: a client that disconnects drops this future, and the work is completed.
    blocking(move || {
        let _until_it_is_done = one_at_a_time;
        // Callers are refused before the data is deleted.
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
    call.audit(AuditAction::WorkspaceRemoved, entry.id().as_str(), json!({})).await;
    let id = AsText(entry.id().clone());
    Ok(AcceptedAnswer(RemovedWorkspaceDocument { id, state: "removed".to_owned() }))
}
