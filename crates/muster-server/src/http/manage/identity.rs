//! Identity resolution of a workspace: shown, changed, and a change tried first. A change that makes kinds active over
//! stored data is an activation, which runs on in the background.

use super::{Answer, Call, tree};
use crate::activation::clear_index;
use crate::activation::preview::preview;
use crate::manage::arguments::IfMatch;
use crate::manage::audit::{Action, differing};
use crate::manage::workspaces::{stored_settings as document, with_settings as with};
use crate::workspaces::Entry;
use axum::http::{HeaderMap, HeaderValue, header};
use muster_core::attribute::CUSTOMER_ID;
use muster_core::record::Counters;
use muster_core::settings::Identity;
use muster_store::engine::EngineError;
use muster_wire::manage::body;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::settings::{
    Activating, IdentityChange, WorkspaceSettings, compare, identity_from, identity_json,
};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// `GET .../identity`.
pub(crate) async fn show(call: Call) -> Answer {
    let entry = call.entry()?;
    shown(&call, entry).await
}

async fn shown(call: &Call, entry: Arc<Entry>) -> Answer {
    let counters = match &entry.document.activating {
        None => Counters::default(),
        Some(_) => call.read(entry.id(), |reader| reader.counters()).await?,
    };
    let mut said = entry.document.identity_json(&counters);
    if entry.document.activating.is_some()
        && let Some(error) = call.app.activations.error(entry.id())
    {
        said["error"] = json!(format!(
            "{}; it is tried again every few seconds, and the server's log says more. It can be given up \
             (POST identity/cancel)",
            why(&error)
        ));
    }
    let mut response = tree(200, &said);
    let tag =
        HeaderValue::try_from(format!("\"{}\"", entry.workspace.revision)).expect("a quoted number is a header value");
    response.headers_mut().insert(header::ETAG, tag);
    Ok(Call::about(&entry, response))
}

fn if_match(headers: &HeaderMap) -> IfMatch {
    IfMatch(headers.get(header::IF_MATCH).map(|line| line.to_str().unwrap_or_default().to_owned()))
}

/// Why a batch failed, for everybody: what it is about is in the log.
fn why(error: &EngineError) -> &'static str {
    match error {
        EngineError::Corrupt(_) => "stored data is damaged",
        EngineError::Full => "the disk is full",
        EngineError::TooLarge => "one step of it would load more than a decision may",
        EngineError::Broken(_) => "the last batch failed inside the server",
        _ => "the storage cannot be written",
    }
}

/// What a change takes, with the kinds that it makes active.
fn kinds(old: &Identity, new: &Identity) -> Result<Vec<Box<str>>, Problem> {
    match compare(old, new) {
        IdentityChange::None | IdentityChange::Immediate => Ok(Vec::new()),
        IdentityChange::Activates(kinds) => Ok(kinds),
        IdentityChange::Fixed(kind) if *kind == *CUSTOMER_ID => Err(Problem::new(
            409,
            "how values of customer_id are normalised is fixed once there is data: it is always active",
        )),
        IdentityChange::Fixed(kind) => Err(Problem::new(
            409,
            format!("how values of {kind} are normalised is fixed while it is active over stored data; pause it first"),
        )),
    }
}

fn locked() -> Problem {
    Problem::new(409, "kinds are becoming active: identity settings can be changed when that is done (GET identity)")
}

/// `PUT .../identity`.
pub(crate) async fn change(call: Call) -> Answer {
    let entry = call.entry()?;
    let wanted = identity_from(&call.body)?;
    let headers = call.headers.clone();
    let changed = call.configure(entry.id(), move |workspace, counters| {
        if_match(&headers).judge(workspace.revision)?;
        let mut document = document(workspace)?;
        if document.activating.is_some() {
            return Err(locked());
        }
        let stored = counters.profile > 0;
        let kinds = if stored { kinds(&document.identity, &wanted)? } else { Vec::new() };
        if kinds.is_empty() {
            document.identity = wanted;
        } else {
            let before = document.identity.clone();
            document.activating = Some(Activating::begin((before, wanted), kinds, workspace.revision + 1));
        }
        Ok(with(workspace, &document))
    });
    let (before, changed) = changed.await?;
    if let Some(detail) = differing(&wished(&document(&before)?), &wished(&changed.document)) {
        call.audit(Action::IdentityChanged, Some(entry.id()), entry.id().as_str(), detail).await;
    }
    shown(&call, changed).await
}

/// `POST .../identity/cancel`: gives up an activation whose last try failed; the settings before it are in force again, and
/// merges that were made stay (behaviour.md 3.5.g).
pub(crate) async fn cancel(call: Call) -> Answer {
    let entry = call.entry()?;
    body::only_known(&body::object(&call.body)?, "", &[])?;
    let idle = || Problem::new(409, "no activation is in progress");
    if entry.document.activating.is_none() {
        return Err(idle().into());
    }
    if call.app.activations.error(entry.id()).is_none() {
        return Err(Problem::new(409, "this activation has not failed: it ends by itself (GET identity)").into());
    }
    let changed = call.configure(entry.id(), move |workspace, _| {
        let mut document = document(workspace)?;
        let activating = document.activating.take().ok_or_else(idle)?;
        document.identity = activating.before;
        Ok(with(workspace, &document))
    });
    let (before, changed) = changed.await?;
    call.app.activations.given_up(entry.id());
    tokio::spawn(clear_index(Arc::clone(&call.app), Arc::clone(&changed)));
    if let Some(detail) = differing(&wished(&document(&before)?), &wished(&changed.document)) {
        call.audit(Action::ActivationCancelled, Some(entry.id()), entry.id().as_str(), detail).await;
    }
    shown(&call, changed).await
}

/// The identity settings that were asked for last: those in force, or those that become active.
fn wished(document: &WorkspaceSettings) -> Json {
    identity_json(document.activating.as_ref().map_or(&document.identity, |activating| &activating.target))
}

/// `POST .../identity/preview` (body as PUT): what an activation would merge.
pub(crate) async fn try_out(call: Call) -> Answer {
    let entry = call.entry()?;
    let wanted = identity_from(&call.body)?;
    if entry.document.activating.is_some() {
        return Err(locked().into());
    }
    let stored = call.read(entry.id(), |reader| reader.counters()).await?.profile > 0;
    let kinds = if stored { kinds(&entry.document.identity, &wanted)? } else { Vec::new() };
    let profile_bytes = entry.settings.profile_bytes;
    let found = call.read(entry.id(), move |reader| preview(reader, (&wanted, profile_bytes), &kinds)).await?;
    let samples = found
        .samples
        .iter()
        .map(|(kind, ids)| json!({"value_kind": kind, "ids": ids.iter().map(ToString::to_string).collect::<Vec<_>>()}));
    let answer = json!({
        "merges": found.merges,
        "profiles_merged": found.profiles,
        "largest": found.largest,
        "reviews": found.reviews,
        "groups": found.groups.iter().map(|(n, count)| json!({"profiles": n, "count": count})).collect::<Vec<_>>(),
        "holders": found.holders.iter().map(|(kind, n)| json!({"kind": kind, "records": n})).collect::<Vec<_>>(),
        "samples": samples.collect::<Vec<_>>(),
        "complete": found.complete,
    });
    Ok(Call::about(&entry, tree(200, &answer)))
}
