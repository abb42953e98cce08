//! One value under every kind: the first question about a number or an address that somebody was given.

use super::arguments::JsonBody;
use super::context::WorkspaceContext;
use super::error::ManageError;
use crate::limits::{FORMER_HOLDERS_MAX, FORMER_LOOKED_MAX};
use muster_core::id::{ProfileId, ProfileNo, RequestId};
use muster_core::identifier::{self, Identifier, KindSettings, UnusableIdentifier, normalise};
use muster_core::record::MemberRecord;
use muster_core::settings::{ActivationPhase, Identity};
use muster_store::engine::EngineError;
use muster_store::reader::Reader;
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::lookup::{FormerHolderDocument, LookupDocument, LookupEntryDocument, LookupRequest};
use std::cmp::Reverse;
use std::sync::Arc;

/// Tells what a value resolves to under every kind of the settings in order of rank, which users had it before, and whether
/// it is the id of a user or of a request.
pub(crate) async fn lookup(
    call: WorkspaceContext,
    (JsonBody(LookupRequest { value }),): (JsonBody<LookupRequest>,),
) -> Result<LookupDocument, ManageError> {
    let settings = Arc::clone(&call.entry.settings);
    let found = call.read(move |reader| look_up(reader, &settings.identity, &value)).await?;
    if let Some(AsText(user)) = found.user_id {
        call.saw(user, "lookup");
    }
    Ok(found)
}

fn look_up(reader: &mut dyn Reader, identity: &Identity, value: &str) -> Result<LookupDocument, EngineError> {
    let kinds = identity.kinds.iter();
    let items = kinds.map(|kind| under(reader, identity, kind, value)).collect::<Result<_, _>>()?;
    let mut answer = LookupDocument { items, user_id: None, request_id: false, redirected_from: None };
    if let Some(asked) = ProfileId::parse(value)
        && recorded(reader, asked.no)? == Some(asked)
        && let Some(live) = reader.root(asked.no)?.map(|pointer| pointer.id())
    {
        answer.user_id = Some(AsText(live));
        answer.redirected_from = (live != asked).then_some(AsText(asked));
    }
    if let Some(asked) = RequestId::parse(value) {
        answer.request_id = reader.request(asked.no())?.is_some();
    }
    Ok(answer)
}

/// Returns former holders of an identifier, the last to release it first.
fn former(reader: &mut dyn Reader, key: &Identifier) -> Result<Vec<FormerHolderDocument>, EngineError> {
    let mut holders = Vec::new();
    for no in reader.former(key, FORMER_LOOKED_MAX)? {
        let Some(own) = own_record(reader, no)?.filter(|own| !own.identifiers.contains(key)) else { continue };
        let until = own.former.iter().rfind(|former| former.identifier == *key).map(|former| former.until);
        let live = reader.root(no)?.map(|pointer| pointer.id());
        holders.extend(live.zip(until).map(|(live, until)| FormerHolderDocument {
            id: AsText(live),
            recorded_under: AsText(own.id()),
            until: AsText(until),
        }));
    }
    holders.sort_by_key(|holder| Reverse(holder.until));
    holders.truncate(FORMER_HOLDERS_MAX);
    Ok(holders)
}

/// Tells what the value resolves to under one kind: under one that is not active to nothing, since its bindings do not count.
fn under(
    reader: &mut dyn Reader,
    identity: &Identity,
    kind: &KindSettings,
    value: &str,
) -> Result<LookupEntryDocument, EngineError> {
    let active = identity.active_kind(kind.kind.name()).is_some();
    let key = identifier::identifier(kind, value);
    let excepted = key == Err(UnusableIdentifier::Exception);
    let holder = match &key {
        Ok(key) if active => holder(reader, identity, key)?,
        _ => None,
    };
    let former = key.map_or(Ok(Vec::new()), |key| former(reader, &key))?;
    let live = holder.map(|no| reader.root(no)).transpose()?.flatten();
    let under = holder.map(|no| recorded(reader, no)).transpose()?.flatten();
    Ok(LookupEntryDocument {
        kind: kind.kind.name().to_owned(),
        value: normalise(kind.normaliser, value).to_string(),
        active,
        excepted,
        id: live.map(|pointer| AsText(pointer.id())),
        recorded_under: under.map(AsText),
        former,
    })
}

/// Returns the member record that an identifier is bound to; while the holders of its kind are joined, one that holds a value
/// that is not bound yet.
pub(crate) fn holder(
    reader: &mut dyn Reader,
    identity: &Identity,
    key: &Identifier,
) -> Result<Option<ProfileNo>, EngineError> {
    match reader.binding(key)? {
        None if identity.activating_kind(ActivationPhase::Joining, key.kind.name()).is_some() => reader.holder(key),
        found => Ok(found),
    }
}

fn own_record(reader: &mut dyn Reader, no: ProfileNo) -> Result<Option<MemberRecord>, EngineError> {
    let before = ProfileNo(no.0.saturating_sub(1));
    let first = reader.profiles(before, 1)?.into_iter().next();
    Ok(first.filter(|profile| profile.no == no))
}

/// Returns the public id of a member record.
fn recorded(reader: &mut dyn Reader, no: ProfileNo) -> Result<Option<ProfileId>, EngineError> {
    Ok(own_record(reader, no)?.map(|profile| profile.id()))
}
