//! One value under every kind: what somebody who was told a number or an address wants to know first.

use super::{Answer, Call, tree};
use crate::limits::{FORMER_HOLDERS_MAX, FORMER_LOOKED_MAX};
use muster_core::id::{ProfileId, ProfileNo, RequestId};
use muster_core::identifier::{self, Identifier, KindSettings, UnusableIdentifier, normalise};
use muster_core::record::MemberRecord;
use muster_core::settings::{ActivationPhase, Identity};
use muster_core::time::Timestamp;
use muster_store::engine::EngineError;
use muster_store::reader::Reader;
use muster_wire::manage::body;
use muster_wire::manage::problem::Problem;
use serde_json::{Value as Json, json};
use std::cmp::Reverse;

/// `POST .../users/lookup` `{"value"}`: what the value leads to under every kind of the settings in order of rank, who
/// held it before, and whether it is the id of a user or of a request. A POST, so that no value gets into a proxy's log.
pub(crate) async fn lookup(call: Call) -> Answer {
    let entry = call.entry()?;
    let members = body::object(&call.body)?;
    body::only_known(&members, "", &["value"])?;
    let missing = || Problem::at("/value", "give the value that is looked for");
    let value = body::text(members.get("value").ok_or_else(missing)?, "/value")?.to_owned();
    let settings = std::sync::Arc::clone(&entry.settings);
    let answer = call.read(entry.id(), move |reader| told(reader, &settings.identity, &value)).await?;
    if let Some(found) = answer["user_id"].as_str().and_then(ProfileId::parse) {
        call.saw(&entry, found, "lookup");
    }
    Ok(Call::about(&entry, tree(200, &answer)))
}

fn told(reader: &mut dyn Reader, identity: &Identity, value: &str) -> Result<Json, EngineError> {
    let items: Vec<Json> =
        identity.kinds.iter().map(|kind| under(reader, identity, kind, value)).collect::<Result<_, _>>()?;
    let mut answer = json!({"items": items, "user_id": null, "request_id": false});
    if let Some(asked) = ProfileId::parse(value)
        && recorded(reader, asked.no)? == Some(asked)
        && let Some(live) = reader.root(asked.no)?.map(|standing| standing.id())
    {
        answer["user_id"] = json!(live.to_string());
        if live != asked {
            answer["redirected_from"] = json!(asked.to_string());
        }
    }
    if let Some(asked) = RequestId::parse(value) {
        answer["request_id"] = json!(reader.request(asked.no())?.is_some());
    }
    Ok(answer)
}

/// Former holders of a key, the most recently released first.
fn former(reader: &mut dyn Reader, key: &Identifier) -> Result<Vec<Json>, EngineError> {
    let mut held = Vec::new();
    for no in reader.former(key, FORMER_LOOKED_MAX)? {
        let Some(own) = own_record(reader, no)?.filter(|own| !own.identifiers.contains(key)) else { continue };
        let until = own.former.iter().rfind(|former| former.identifier == *key).map(|former| former.until);
        let live = reader.root(no)?.map(|standing| standing.id());
        held.extend(live.zip(until).map(|(live, until)| (until, live, own.id())));
    }
    held.sort_by_key(|(until, ..)| Reverse(*until));
    held.truncate(FORMER_HOLDERS_MAX);
    let told = |(until, live, under): (Timestamp, ProfileId, ProfileId)| json!({"id": live.to_string(), "recorded_under": under.to_string(), "until": until.to_string()});
    Ok(held.into_iter().map(told).collect())
}

/// What the value leads to under one kind. One that is not active leads nowhere: its bindings mean nothing.
fn under(reader: &mut dyn Reader, identity: &Identity, kind: &KindSettings, value: &str) -> Result<Json, EngineError> {
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
    Ok(json!({
        "kind": kind.kind.name(),
        "value": &*normalise(kind.normaliser, value),
        "active": active,
        "excepted": excepted,
        "id": live.map(|standing| standing.id().to_string()),
        "recorded_under": under.map(|id| id.to_string()),
        "former": former,
    }))
}

/// The own record that a key is bound to; while the holders of its kind are joined, one that holds a value which is bound to
/// nobody yet.
pub(super) fn holder(
    reader: &mut dyn Reader,
    identity: &Identity,
    key: &Identifier,
) -> Result<Option<ProfileNo>, EngineError> {
    match reader.binding(key)? {
        None if identity.activating(ActivationPhase::Joining, key.kind.name()).is_some() => reader.holder(key),
        found => Ok(found),
    }
}

fn own_record(reader: &mut dyn Reader, no: ProfileNo) -> Result<Option<MemberRecord>, EngineError> {
    let before = ProfileNo(no.0.saturating_sub(1));
    let first = reader.profiles(before, 1)?.into_iter().next();
    Ok(first.filter(|profile| profile.no == no))
}

/// The public id of an own record.
fn recorded(reader: &mut dyn Reader, no: ProfileNo) -> Result<Option<ProfileId>, EngineError> {
    Ok(own_record(reader, no)?.map(|profile| profile.id()))
}
