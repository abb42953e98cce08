//! Identity resolution as documents: the settings, how far an activation is, and what a preview found.

use super::identity::{combine_name, identity_from, normaliser_name};
use crate::explanation::rule_name;
use crate::manage::as_text::AsText;
use crate::manage::masking::Mask;
use crate::manage::problem::Problem;
use indexmap::IndexMap;
use muster_core::id::ProfileId;
use muster_core::identifier::KindSettings;
use muster_core::settings::Identity;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::borrow::Cow;

/// Identity resolution as it is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentitySettingsDocument {
    /// Whether it is on; if it is off, customer_id is the only identifier.
    pub enabled: bool,
    /// The identifiers, in the order of their rank.
    pub identifiers: Vec<IdentifierKindDocument>,
    /// Which user survives a merge.
    pub survivor: SurvivorRuleDocument,
    /// How a merge combines attributes: `sum`, `max` or `min`, by attribute.
    pub attribute_rules: IndexMap<String, String>,
}

/// An identifier kind and how it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
// In the body of a change all others can be left out.
#[schemars(extend("required" = ["kind"]))]
pub struct IdentifierKindDocument {
    /// Its name.
    pub kind: String,
    /// How its values are normalised before they are compared: `lowercase` or `e164`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise: Option<String>,
    /// Whether users with different values of it are never merged.
    pub pinned: bool,
    /// Whether it is paused: its values match nothing.
    pub paused: bool,
    /// Values that are neither matched nor stored; without the list, the default ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceptions: Option<Vec<String>>,
    /// The maximum number of profiles that one value may join.
    pub max_profiles: u32,
}

/// Which user survives a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("required" = []))]
pub struct SurvivorRuleDocument {
    /// The only user that has this attribute survives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// The rule that applies if the attribute does not decide: `last_seen`, `first_seen` or `most_events`.
    pub rule: String,
}

/// Identity resolution as it is in force, and how far an activation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentityDocument {
    /// The settings in force.
    #[serde(flatten)]
    pub settings: IdentitySettingsDocument,
    /// The kinds that are becoming active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activating: Option<Vec<String>>,
    /// `active`, or `activating` while kinds become active.
    pub state: String,
    /// The records that the activation has processed.
    pub done: u64,
    /// The records that it has to process.
    pub total: u64,
    /// Why the activation makes no progress, while it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What an activation would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentityPreviewDocument {
    /// The merges that it would make.
    pub merges: u64,
    /// The live profiles that would take part in a merge, including survivors.
    pub profiles_merged: u64,
    /// The members of the largest profile that would be made.
    pub largest: u64,
    /// The reviews that the guards would open.
    pub reviews: u64,
    /// The groups of profiles that would be merged, counted by size.
    pub groups: Vec<PreviewGroupDocument>,
    /// How many records hold each kind, in order of rank; empty if no kind becomes active.
    pub holders: Vec<KindHoldersDocument>,
    /// Profiles that would become one.
    pub samples: Vec<PreviewSampleDocument>,
    /// Whether the preview covers all profiles; it stops at a limit.
    pub complete: bool,
}

/// How many groups of one size would be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewGroupDocument {
    /// The profiles.
    pub profiles: u64,
    /// How often.
    pub count: u64,
}

/// How many records hold a value of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KindHoldersDocument {
    /// The kind.
    pub kind: String,
    /// The member records that hold a value of the kind that is not an exception.
    pub records: u64,
}

/// Profiles that a value would join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewSampleDocument {
    /// The kind of the value.
    pub value_kind: String,
    /// The profiles.
    pub ids: Vec<AsText<ProfileId>>,
}

/// The settings as JSON, as a body is read.
pub fn identity_json(identity: &Identity) -> Json {
    json!(IdentitySettingsDocument::from(identity))
}

impl From<&Identity> for IdentitySettingsDocument {
    fn from(identity: &Identity) -> Self {
        let rule = |(name, rule): &(Box<str>, _)| (name.to_string(), combine_name(*rule).to_owned());
        Self {
            enabled: identity.enabled,
            identifiers: identity.kinds.iter().map(IdentifierKindDocument::from).collect(),
            survivor: SurvivorRuleDocument {
                attribute: identity.survivor_attribute.as_deref().map(str::to_owned),
                rule: rule_name(identity.survivor_rule).to_owned(),
            },
            attribute_rules: identity.attribute_rules.iter().map(rule).collect(),
        }
    }
}

impl From<&KindSettings> for IdentifierKindDocument {
    fn from(kind: &KindSettings) -> Self {
        let listed = |list: &Vec<Box<str>>| list.iter().map(|value| value.to_string()).collect();
        Self {
            kind: kind.kind.name().to_owned(),
            normalise: kind.normaliser.map(|normaliser| normaliser_name(normaliser).to_owned()),
            pinned: kind.pinned,
            paused: kind.paused,
            exceptions: kind.exceptions.as_ref().map(listed),
            max_profiles: kind.max_profiles,
        }
    }
}

impl IdentityDocument {
    /// Returns whether kinds are becoming active.
    pub fn is_activating(&self) -> bool {
        self.activating.is_some()
    }
}

/// The body of `PUT /workspaces/{ws}/identity`, and of a preview: the settings that are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityRequest(pub Identity);

impl IdentityRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// Those of [`identity_from`].
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        identity_from(bytes).map(Self)
    }
}

impl JsonSchema for IdentityRequest {
    fn schema_name() -> Cow<'static, str> {
        "IdentityRequest".into()
    }

    /// That of what is shown, which can be sent back; how far an activation is, is not looked at.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = IdentityDocument::json_schema(generator);
        schema.insert("required".to_owned(), vec!["enabled"].into());
        schema.insert("description".to_owned(), "The new settings, in the form in which they are shown.".into());
        schema
    }
}

impl Mask for IdentityDocument {
    /// It holds settings, nothing about a person.
    fn mask(&mut self) {
        let Self { settings: _, activating: _, state: _, done: _, total: _, error: _ } = self;
    }
}

impl Mask for IdentityPreviewDocument {
    /// It holds counts and ids, no received value.
    fn mask(&mut self) {
        let Self {
            merges: _,
            profiles_merged: _,
            largest: _,
            reviews: _,
            groups: _,
            holders: _,
            samples: _,
            complete: _,
        } = self;
    }
}
