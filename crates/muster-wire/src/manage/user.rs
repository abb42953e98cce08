//! Users: `GET /workspaces/{ws}/users/{id}`, `POST .../users/find`, and the members of one.

use super::as_text::AsText;
use super::body;
use super::identifier::IdentifierDocument;
use super::masking::Mask;
use super::problem::Problem;
use crate::value::to_json;
use indexmap::IndexMap;
use muster_core::command::DeviceFields;
use muster_core::id::{MergeNo, ProfileId};
use muster_core::identifier::identifier_text;
use muster_core::kinds::Platform;
use muster_core::profile::{MemberDetail, MemberEntry, Profile};
use muster_core::record::{Device, FormerIdentifier};
use muster_core::time::Timestamp;
use muster_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A user: what all its members together hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserDocument {
    /// Its id.
    pub id: AsText<ProfileId>,
    /// The current value of each identifier kind.
    pub identifiers: IndexMap<String, String>,
    /// Further values that resolve to the user, by kind.
    pub aliases: IndexMap<String, Vec<String>>,
    /// Values that the user held before, the oldest first.
    pub former_identifiers: Vec<FormerIdentifierDocument>,
    /// The current value of each attribute that is not an identifier.
    pub attributes: IndexMap<String, Json>,
    /// The platforms of the user.
    pub platforms: Vec<PlatformDocument>,
    /// The devices of all members.
    pub devices: Vec<DeviceDocument>,
    /// The first time that anything about the user happened.
    pub first_seen: AsText<Timestamp>,
    /// The last time that anything about the user happened.
    pub last_seen: AsText<Timestamp>,
    /// The events of all members.
    pub event_count: u64,
    /// The profiles that were merged into the user, in the order of their merges.
    pub members: Vec<MemberDocument>,
    /// The id that was asked for, if it is that of a merged profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirected_from: Option<AsText<ProfileId>>,
}

/// A value that the user held before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FormerIdentifierDocument {
    /// The kind.
    pub kind: String,
    /// The value.
    pub value: String,
    /// When the user released it.
    pub until: AsText<Timestamp>,
}

/// A platform of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlatformDocument {
    /// The platform.
    pub platform: AsText<Platform>,
    /// Whether it is active.
    pub active: bool,
}

/// A profile that was merged into a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemberDocument {
    /// Its id.
    pub id: AsText<ProfileId>,
    /// The profile that it was merged into.
    pub parent: AsText<ProfileId>,
    /// The merge.
    pub merge_id: AsText<MergeNo>,
    /// When.
    pub joined_at: AsText<Timestamp>,
}

/// A device as it is stored; a member that the device does not have is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceDocument {
    /// The id of the device.
    pub device_id: String,
    /// Its platform.
    pub platform: AsText<Platform>,
    /// Its push token.
    pub push_id: String,
    /// Its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The version of the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
    /// The version of the operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Whether push is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe_push_opted: Option<bool>,
    /// Whether push is allowed provisionally.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe_push_provisional_opted: Option<bool>,
    /// The advertising id of Google.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe_gaid: Option<String>,
    /// The vendor id of Apple.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idfv: Option<String>,
    /// When the device was last written.
    pub updated_at: AsText<Timestamp>,
}

/// One member by itself: what it holds, and what would be detached with it. The root has no parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemberDetailDocument {
    /// Its id.
    pub id: AsText<ProfileId>,
    /// The profile that it was merged into; null of the root.
    pub parent: Option<AsText<ProfileId>>,
    /// The merge; null of the root.
    pub merge_id: Option<AsText<MergeNo>>,
    /// When; null of the root.
    pub joined_at: Option<AsText<Timestamp>>,
    /// What the member record holds.
    pub own: MemberRecordDocument,
    /// The current values of the subtree: this member and everything below it.
    pub shows: SubtreeDocument,
}

/// What the record of one member holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemberRecordDocument {
    /// The identifiers that are bound to it.
    pub identifiers: Vec<IdentifierDocument>,
    /// The attributes that were written to it. An identifier is listed here, too, if it was sent in another spelling than the one that is compared.
    pub attributes: IndexMap<String, Json>,
    /// The first time that anything about it happened.
    pub first_seen: AsText<Timestamp>,
    /// The last time that anything about it happened.
    pub last_seen: AsText<Timestamp>,
    /// Its events.
    pub event_count: u64,
    /// Its devices.
    pub device_count: u64,
}

/// A member with everything below it; counts stand for its long lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubtreeDocument {
    /// The current value of each identifier kind.
    pub identifiers: IndexMap<String, String>,
    /// The current value of each attribute that is not an identifier.
    pub attributes: IndexMap<String, Json>,
    /// The platforms.
    pub platforms: Vec<PlatformDocument>,
    /// The first time that anything happened.
    pub first_seen: AsText<Timestamp>,
    /// The last time that anything happened.
    pub last_seen: AsText<Timestamp>,
    /// The events.
    pub event_count: u64,
    /// Further values that resolve to it.
    pub alias_count: usize,
    /// The devices.
    pub device_count: usize,
    /// The members below it.
    pub member_count: usize,
}

impl UserDocument {
    /// Returns the user; `redirected_from` is the id that was asked for, if it is that of a merged profile.
    pub fn new(user: &Profile, redirected_from: Option<ProfileId>) -> Self {
        let strings = |values: &[Box<str>]| values.iter().map(ToString::to_string).collect();
        Self {
            id: AsText(user.id),
            identifiers: identifiers(user),
            aliases: user.aliases.iter().map(|(kind, values)| (kind.name().to_owned(), strings(values))).collect(),
            former_identifiers: user.former.iter().map(FormerIdentifierDocument::from).collect(),
            attributes: attributes(user),
            platforms: platforms(user),
            devices: user.devices.iter().map(DeviceDocument::from).collect(),
            first_seen: AsText(user.totals.first_seen),
            last_seen: AsText(user.totals.last_seen),
            event_count: user.totals.events,
            members: user.members.iter().map(MemberDocument::from).collect(),
            redirected_from: redirected_from.map(AsText),
        }
    }
}

fn identifiers(user: &Profile) -> IndexMap<String, String> {
    user.identifiers.iter().map(|key| (key.kind.name().to_owned(), key.value.to_string())).collect()
}

/// Returns the attributes without the current values of identifiers, which are among the identifiers already.
fn attributes(user: &Profile) -> IndexMap<String, Json> {
    let is_identifier = |name: &str| user.identifiers.iter().any(|key| key.kind.name() == name);
    let plain = user.attributes.iter().filter(|(name, _)| !is_identifier(name));
    plain.map(|(name, value)| (name.to_string(), to_json(value))).collect()
}

fn platforms(user: &Profile) -> Vec<PlatformDocument> {
    let platform =
        |(platform, active): (&Platform, &bool)| PlatformDocument { platform: AsText(*platform), active: *active };
    user.platforms.iter().map(platform).collect()
}

impl From<&FormerIdentifier> for FormerIdentifierDocument {
    fn from(former: &FormerIdentifier) -> Self {
        Self {
            kind: former.identifier.kind.name().to_owned(),
            value: former.identifier.value.to_string(),
            until: AsText(former.until),
        }
    }
}

impl From<&MemberEntry> for MemberDocument {
    fn from(member: &MemberEntry) -> Self {
        Self {
            id: AsText(member.id),
            parent: AsText(member.parent),
            merge_id: AsText(member.merge),
            joined_at: AsText(member.joined_at),
        }
    }
}

impl From<&Device> for DeviceDocument {
    fn from(device: &Device) -> Self {
        let fields: &DeviceFields = &device.fields;
        let text = |value: &Option<Box<str>>| value.as_deref().map(str::to_owned);
        Self {
            device_id: device.at.device_id.to_string(),
            platform: AsText(fields.platform),
            push_id: fields.push_id.to_string(),
            model: text(&fields.model),
            app_version: text(&fields.app_version),
            os_version: text(&fields.os_version),
            moe_push_opted: fields.push_opted,
            moe_push_provisional_opted: fields.push_provisional_opted,
            moe_gaid: text(&fields.gaid),
            idfv: text(&fields.idfv),
            updated_at: AsText(device.updated_at),
        }
    }
}

impl From<&MemberDetail> for MemberDetailDocument {
    fn from(own: &MemberDetail) -> Self {
        // An identifier that was spelled otherwise than it is compared is told in both ways.
        let is_key = |name: &str, value: &Value| {
            own.identifiers
                .iter()
                .any(|key| key.kind.name() == name && identifier_text(value).is_some_and(|text| *text == *key.value))
        };
        let plain = own.attributes.iter().filter(|(name, value)| !is_key(name, value));
        let joined = own.joined.as_ref();
        Self {
            id: AsText(own.id),
            parent: joined.map(|member| AsText(member.parent)),
            merge_id: joined.map(|member| AsText(member.merge)),
            joined_at: joined.map(|member| AsText(member.joined_at)),
            own: MemberRecordDocument {
                identifiers: own.identifiers.iter().map(IdentifierDocument::from).collect(),
                attributes: plain.map(|(name, value)| (name.to_string(), to_json(value))).collect(),
                first_seen: AsText(own.totals.first_seen),
                last_seen: AsText(own.totals.last_seen),
                event_count: own.totals.events,
                device_count: u64::from(own.totals.devices),
            },
            shows: SubtreeDocument::from(&own.subtree),
        }
    }
}

impl From<&Profile> for SubtreeDocument {
    fn from(subtree: &Profile) -> Self {
        Self {
            identifiers: identifiers(subtree),
            attributes: attributes(subtree),
            platforms: platforms(subtree),
            first_seen: AsText(subtree.totals.first_seen),
            last_seen: AsText(subtree.totals.last_seen),
            event_count: subtree.totals.events,
            alias_count: subtree.aliases.iter().map(|(_, values)| values.len()).sum(),
            device_count: subtree.devices.len(),
            member_count: subtree.members.len(),
        }
    }
}

impl Mask for UserDocument {
    fn mask(&mut self) {
        let Self {
            id: _,
            identifiers,
            aliases,
            former_identifiers,
            attributes,
            platforms: _,
            devices,
            first_seen: _,
            last_seen: _,
            event_count: _,
            members: _,
            redirected_from: _,
        } = self;
        identifiers.mask();
        aliases.mask();
        former_identifiers.mask();
        attributes.mask();
        devices.mask();
    }
}

impl Mask for FormerIdentifierDocument {
    fn mask(&mut self) {
        let Self { kind: _, value, until: _ } = self;
        value.mask();
    }
}

impl Mask for DeviceDocument {
    fn mask(&mut self) {
        let Self {
            device_id,
            platform: _,
            push_id,
            model,
            app_version,
            os_version,
            moe_push_opted: _,
            moe_push_provisional_opted: _,
            moe_gaid,
            idfv,
            updated_at: _,
        } = self;
        device_id.mask();
        push_id.mask();
        for text in [model, app_version, os_version, moe_gaid, idfv] {
            text.mask();
        }
    }
}

impl Mask for MemberDetailDocument {
    fn mask(&mut self) {
        let Self { id: _, parent: _, merge_id: _, joined_at: _, own, shows } = self;
        own.mask();
        shows.mask();
    }
}

impl Mask for MemberRecordDocument {
    fn mask(&mut self) {
        let Self { identifiers, attributes, first_seen: _, last_seen: _, event_count: _, device_count: _ } = self;
        identifiers.mask();
        attributes.mask();
    }
}

impl Mask for SubtreeDocument {
    fn mask(&mut self) {
        let Self {
            identifiers,
            attributes,
            platforms: _,
            first_seen: _,
            last_seen: _,
            event_count: _,
            alias_count: _,
            device_count: _,
            member_count: _,
        } = self;
        identifiers.mask();
        attributes.mask();
    }
}

/// The body of `POST /workspaces/{ws}/users/find`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindUserRequest {
    /// An identifier kind of the workspace.
    pub kind: String,
    /// The value that is looked for.
    pub value: String,
}

impl FindUserRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let members = body::object(bytes)?;
        body::only_known(&members, "", &["kind", "value"])?;
        let text = |name: &str| {
            let missing = || Problem::at(format!("/{name}"), "kind and value must both be given");
            body::text(members.get(name).ok_or_else(missing)?, &format!("/{name}")).map(str::to_owned)
        };
        Ok(Self { kind: text("kind")?, value: text("value")? })
    }
}
