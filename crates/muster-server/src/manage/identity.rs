//! Identity resolution of a workspace: shown, changed, and a change tried first. A change that makes kinds active over
//! stored data is an activation, which runs on in the background.

use super::answers::TaggedAnswer;
use super::arguments::{IfMatch, JsonBody, NoBody};
use super::audit::differing;
use super::audit_action::AuditAction;
use super::context::WorkspaceContext;
use super::error::ManageError;
use super::workspaces::{stored_settings, with_settings};
use crate::activation::clear_index;
use crate::activation::preview::{Preview, preview};
use crate::workspaces::Entry;
use muster_core::attribute::CUSTOMER_ID;
use muster_core::record::Counters;
use muster_core::settings::Identity;
use muster_store::engine::EngineError;
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::settings::{
    Activating, IdentityChange, IdentityDocument, IdentityPreviewDocument, IdentityRequest, KindHoldersDocument,
    PreviewGroupDocument, PreviewSampleDocument, WorkspaceSettings, compare, identity_json,
};
use serde_json::Value as Json;
use std::sync::Arc;

/// Shows what is in force.
pub(crate) async fn show(call: WorkspaceContext, (): ()) -> Result<TaggedAnswer<IdentityDocument>, ManageError> {
    let entry = Arc::clone(&call.entry);
    identity_answer(&call, &entry).await
}

async fn identity_answer(
    call: &WorkspaceContext,
    entry: &Entry,
) -> Result<TaggedAnswer<IdentityDocument>, ManageError> {
    let counters = match &entry.document.activating {
        None => Counters::default(),
        Some(_) => call.read(|reader| reader.counters()).await?,
    };
    let mut document = IdentityDocument::new(&entry.document, &counters);
    if document.is_activating()
        && let Some(error) = call.context.app.activations.error(entry.id())
    {
        document.error = Some(format!(
            "{}; it is retried every few seconds (see the server log) and can be cancelled (POST identity/cancel)",
            why(&error)
        ));
    }
    Ok(TaggedAnswer { revision: entry.workspace.revision, document })
}

/// Returns why a batch failed, for everybody: what it is about is in the log.
fn why(error: &EngineError) -> &'static str {
    match error {
        EngineError::Corrupt(_) => "stored data is damaged",
        EngineError::Full => "the disk is full",
        EngineError::TooLarge => "one step would load more data than a decision may use",
        EngineError::Broken(_) => "the last batch failed inside the server",
        _ => "the storage cannot be written",
    }
}

/// Returns what a change takes, with the kinds that it makes active.
fn kinds(old: &Identity, new: &Identity) -> Result<Vec<Box<str>>, Problem> {
    match compare(old, new) {
        IdentityChange::None | IdentityChange::Immediate => Ok(Vec::new()),
        IdentityChange::Activates(kinds) => Ok(kinds),
        IdentityChange::Fixed(kind) if *kind == *CUSTOMER_ID => Err(Problem::new(
            409,
            "the normalisation of customer_id cannot change once there is data, because the kind is always active",
        )),
        IdentityChange::Fixed(kind) => Err(Problem::new(
            409,
            format!(
                "the normalisation of {kind} cannot change while the kind is active over stored data; pause the kind first"
            ),
        )),
    }
}

fn activation_running() -> Problem {
    Problem::new(409, "kinds are becoming active: identity settings can be changed when that is done (GET identity)")
}

/// Changes what is in force, or begins an activation.
pub(crate) async fn change(
    call: WorkspaceContext,
    (JsonBody(IdentityRequest(wanted)), if_match): (JsonBody<IdentityRequest>, IfMatch),
) -> Result<TaggedAnswer<IdentityDocument>, ManageError> {
    let changed = call.context.configure(call.entry.id(), move |workspace, counters| {
        if_match.judge(workspace.revision)?;
        let mut settings = stored_settings(workspace)?;
        if settings.activating.is_some() {
            return Err(activation_running());
        }
        let stored = counters.profile > 0;
        let kinds = if stored { kinds(&settings.identity, &wanted)? } else { Vec::new() };
        if kinds.is_empty() {
            settings.identity = wanted;
        } else {
            let before = settings.identity.clone();
            settings.activating = Some(Activating::begin((before, wanted), kinds, workspace.revision + 1));
        }
        Ok(with_settings(workspace, &settings))
    });
    let (before, changed) = changed.await?;
    if let Some(detail) = differing(&wished(&stored_settings(&before)?), &wished(&changed.document)) {
        call.audit(AuditAction::IdentityChanged, call.entry.id().as_str(), detail).await;
    }
    identity_answer(&call, &changed).await
}

/// Cancels an activation whose last run failed; the settings before it are in force again, and merges that were made stay
/// (behaviour.md 3.5.g).
pub(crate) async fn cancel(
    call: WorkspaceContext,
    (NoBody,): (NoBody,),
) -> Result<TaggedAnswer<IdentityDocument>, ManageError> {
    let (app, entry) = (&call.context.app, &call.entry);
    let idle = || Problem::new(409, "no activation is in progress");
    if entry.document.activating.is_none() {
        return Err(idle().into());
    }
    if app.activations.error(entry.id()).is_none() {
        return Err(Problem::new(
            409,
            "this activation has not failed and ends by itself; only a failed one can be cancelled (GET identity)",
        )
        .into());
    }
    let changed = call.context.configure(entry.id(), move |workspace, _| {
        let mut settings = stored_settings(workspace)?;
        let activating = settings.activating.take().ok_or_else(idle)?;
        settings.identity = activating.before;
        Ok(with_settings(workspace, &settings))
    });
    let (before, changed) = changed.await?;
    app.activations.clear_error(entry.id());
    tokio::spawn(clear_index(Arc::clone(app), Arc::clone(&changed)));
    if let Some(detail) = differing(&wished(&stored_settings(&before)?), &wished(&changed.document)) {
        call.audit(AuditAction::ActivationCancelled, entry.id().as_str(), detail).await;
    }
    identity_answer(&call, &changed).await
}

/// Returns the identity settings that were asked for last: those in force, or those that become active.
fn wished(settings: &WorkspaceSettings) -> Json {
    identity_json(settings.activating.as_ref().map_or(&settings.identity, |activating| &activating.target))
}

/// Previews what an activation would merge; nothing is written.
pub(crate) async fn try_out(
    call: WorkspaceContext,
    (JsonBody(IdentityRequest(wanted)),): (JsonBody<IdentityRequest>,),
) -> Result<IdentityPreviewDocument, ManageError> {
    let entry = &call.entry;
    if entry.document.activating.is_some() {
        return Err(activation_running().into());
    }
    let stored = call.read(|reader| reader.counters()).await?.profile > 0;
    let kinds = if stored { kinds(&entry.document.identity, &wanted)? } else { Vec::new() };
    let profile_bytes = entry.settings.profile_bytes;
    call.answer(move |reader| preview(reader, (&wanted, profile_bytes), &kinds), preview_document).await
}

fn preview_document(found: Preview) -> IdentityPreviewDocument {
    let sample = |(value_kind, ids): (String, Vec<_>)| PreviewSampleDocument {
        value_kind,
        ids: ids.into_iter().map(AsText).collect(),
    };
    IdentityPreviewDocument {
        merges: found.merges,
        profiles_merged: found.profiles,
        largest: found.largest,
        reviews: found.reviews,
        groups: found.groups.into_iter().map(|(profiles, count)| PreviewGroupDocument { profiles, count }).collect(),
        holders: found.holders.into_iter().map(|(kind, records)| KindHoldersDocument { kind, records }).collect(),
        samples: found.samples.into_iter().map(sample).collect(),
        complete: found.complete,
    }
}
