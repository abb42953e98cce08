//! A live profile: `GET /workspaces/{ws}/users/{id}` and `POST .../users/find`.

use crate::value::to_json;
use muster_core::command::DeviceFields;
use muster_core::id::ProfileId;
use muster_core::identifier::identifier_text;
use muster_core::profile::{MemberDetail, MemberEntry, Profile};
use muster_core::record::{Device, FormerIdentifier};
use muster_core::value::Value;
use serde_json::{Map, Value as Json, json};

/// The user; `redirected_from` is the member's id that was asked for, if it was not the live one's.
pub fn json(user: &Profile, redirected_from: Option<ProfileId>) -> Json {
    let aliases: Map<String, Json> =
        user.aliases.iter().map(|(kind, values)| (kind.name().to_owned(), json!(texts(values)))).collect();
    let mut out = json!({
        "id": user.id.to_string(),
        "identifiers": identifiers(user),
        "aliases": aliases,
        "former_identifiers": user.former.iter().map(former).collect::<Vec<_>>(),
        "attributes": attributes(user),
        "platforms": platforms(user),
        "devices": user.devices.iter().map(device).collect::<Vec<_>>(),
        "first_seen": user.totals.first_seen.to_string(),
        "last_seen": user.totals.last_seen.to_string(),
        "event_count": user.totals.events,
        "members": user.members.iter().map(member).collect::<Vec<_>>(),
    });
    if let (Some(from), Json::Object(members)) = (redirected_from, &mut out) {
        members.insert("redirected_from".to_owned(), Json::from(from.to_string()));
    }
    out
}

fn identifiers(user: &Profile) -> Map<String, Json> {
    user.identifiers.iter().map(|k| (k.kind.name().to_owned(), Json::from(&*k.value))).collect()
}

/// The current value of an identifier stands among the identifiers, not a second time here.
fn attributes(user: &Profile) -> Map<String, Json> {
    let is_identifier = |name: &str| user.identifiers.iter().any(|key| key.kind.name() == name);
    let plain = user.attributes.iter().filter(|(name, _)| !is_identifier(name));
    plain.map(|(name, value)| (name.to_string(), to_json(value))).collect()
}

fn platforms(user: &Profile) -> Vec<Json> {
    user.platforms.iter().map(|(p, active)| json!({"platform": p.name(), "active": active})).collect()
}

fn texts(values: &[Box<str>]) -> Vec<&str> {
    values.iter().map(|v| &**v).collect()
}

fn former(former: &FormerIdentifier) -> Json {
    json!({"kind": former.identifier.kind.name(), "value": &*former.identifier.value, "until": former.until.to_string()})
}

fn member(member: &MemberEntry) -> Json {
    json!({
        "id": member.id.to_string(),
        "parent": member.parent.to_string(),
        "merge_id": member.merge.to_string(),
        "joined_at": member.joined_at.to_string(),
    })
}

/// What a part shows, with counts in the place of lists that the members beside it tell.
fn shows(part: &Profile) -> Json {
    json!({
        "identifiers": identifiers(part),
        "attributes": attributes(part),
        "platforms": platforms(part),
        "first_seen": part.totals.first_seen.to_string(),
        "last_seen": part.totals.last_seen.to_string(),
        "event_count": part.totals.events,
        "alias_count": part.aliases.iter().map(|(_, values)| values.len()).sum::<usize>(),
        "device_count": part.devices.len(),
        "member_count": part.members.len(),
    })
}

/// One member by itself, an item of `GET .../users/{id}/members`: what its own record holds, and what its part of the tree
/// shows; the root has no parent.
pub fn own(own: &MemberDetail) -> Json {
    let joined = own
        .joined
        .as_ref()
        .map_or_else(|| json!({"id": own.id.to_string(), "parent": null, "merge_id": null, "joined_at": null}), member);
    let keys = own.identifiers.iter().map(|key| json!({"kind": key.kind.name(), "value": &*key.value}));
    // Spelled otherwise than it is compared, a value is told in both ways.
    let is_key = |name: &str, value: &Value| {
        own.identifiers
            .iter()
            .any(|key| key.kind.name() == name && identifier_text(value).is_some_and(|text| *text == *key.value))
    };
    let plain = own.attributes.iter().filter(|(name, value)| !is_key(name, value));
    let attributes: Map<String, Json> = plain.map(|(name, value)| (name.to_string(), to_json(value))).collect();
    let mut out = joined;
    out["own"] = json!({
        "identifiers": keys.collect::<Vec<_>>(),
        "attributes": attributes,
        "first_seen": own.totals.first_seen.to_string(),
        "last_seen": own.totals.last_seen.to_string(),
        "event_count": own.totals.events,
        "device_count": own.totals.devices,
    });
    out["shows"] = shows(&own.subtree);
    out
}

/// A device as it is stored; members that it does not have are left out.
pub fn device(device: &Device) -> Json {
    let fields: &DeviceFields = &device.fields;
    let mut out = json!({
        "device_id": &*device.at.device_id,
        "platform": fields.platform.name(),
        "push_id": &*fields.push_id,
    });
    let optional = [
        ("model", fields.model.as_deref().map(Json::from)),
        ("app_version", fields.app_version.as_deref().map(Json::from)),
        ("os_version", fields.os_version.as_deref().map(Json::from)),
        ("moe_push_opted", fields.push_opted.map(Json::from)),
        ("moe_push_provisional_opted", fields.push_provisional_opted.map(Json::from)),
        ("moe_gaid", fields.gaid.as_deref().map(Json::from)),
        ("idfv", fields.idfv.as_deref().map(Json::from)),
        ("updated_at", Some(Json::from(device.updated_at.to_string()))),
    ];
    if let Json::Object(members) = &mut out {
        members.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    out
}
