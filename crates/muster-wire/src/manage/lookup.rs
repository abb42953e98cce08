//! One value under every identifier kind: `POST /workspaces/{ws}/users/lookup`.

use super::as_text::AsText;
use super::body;
use super::masking::Mask;
use super::problem::Problem;
use muster_core::id::ProfileId;
use muster_core::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The body of `POST /workspaces/{ws}/users/lookup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupRequest {
    /// The value that is looked for.
    pub value: String,
}

impl LookupRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let members = body::object(bytes)?;
        body::only_known(&members, "", &["value"])?;
        let missing = || Problem::at("/value", "value must be the string to look up");
        Ok(Self { value: body::text(members.get("value").ok_or_else(missing)?, "/value")?.to_owned() })
    }
}

/// What a value resolves to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LookupDocument {
    /// One entry for each identifier kind of the settings, in order of rank.
    pub items: Vec<LookupEntryDocument>,
    /// The user of which the value is the id, or the id of a member; null if there is none.
    pub user_id: Option<AsText<ProfileId>>,
    /// Whether the value is the id of a request.
    pub request_id: bool,
    /// The value, if it is the id of a merged profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirected_from: Option<AsText<ProfileId>>,
}

/// What a value resolves to under one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LookupEntryDocument {
    /// The kind.
    pub kind: String,
    /// The value, as it is compared under the kind.
    pub value: String,
    /// Whether the kind is active; otherwise its values resolve to no user.
    pub active: bool,
    /// Whether the value is an exception of the kind.
    pub excepted: bool,
    /// The user that has the value now.
    pub id: Option<AsText<ProfileId>>,
    /// The member that the value is bound to.
    pub recorded_under: Option<AsText<ProfileId>>,
    /// Users that had the value before; the one that released it last comes first.
    pub former: Vec<FormerHolderDocument>,
}

/// A user that had a value before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FormerHolderDocument {
    /// The user.
    pub id: AsText<ProfileId>,
    /// The member that the value was bound to.
    pub recorded_under: AsText<ProfileId>,
    /// When the value was released.
    pub until: AsText<Timestamp>,
}

impl Mask for LookupDocument {
    fn mask(&mut self) {
        let Self { items, user_id: _, request_id: _, redirected_from: _ } = self;
        items.mask();
    }
}

impl Mask for LookupEntryDocument {
    fn mask(&mut self) {
        let Self { kind: _, value, active: _, excepted: _, id: _, recorded_under: _, former: _ } = self;
        value.mask();
    }
}
