//! Workspaces and their keys: creating, listing and rotating.

use super::as_text::AsText;
use super::body;
use super::masking::Mask;
use super::problem::Problem;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The body of `POST /workspaces`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "CreateWorkspaceRequest", deny_unknown_fields)]
pub struct NewWorkspace {
    /// Its name: 1 to 200 bytes.
    pub name: String,
    /// Its id; without it the server generates one.
    #[schemars(with = "Option<AsText<WorkspaceId>>", skip_serializing_if = "Option::is_none")]
    pub id: Option<WorkspaceId>,
}

/// Words that stand in the place of a workspace id in routes of the Data API (behaviour.md 1.8.f).
const RESERVED_IDS: [&str; 8] = ["merge", "delete", "export", "bulk", "manage", "segment", "auth", "authentication"];

/// Reads the body of `POST /workspaces`. Ids that end in `_DEBUG` belong to test environments and are refused, and words of
/// other routes.
///
/// # Errors
/// 400 with the member that is wrong.
pub fn new(bytes: &[u8]) -> Result<NewWorkspace, Problem> {
    let members = body::object(bytes)?;
    body::only_known(&members, "", &["name", "id"])?;
    let name = match members.get("name") {
        Some(Json::String(name)) if !name.trim().is_empty() && name.len() <= 200 => name.clone(),
        _ => return Err(Problem::at("/name", "name must be a string of 1 to 200 bytes")),
    };
    let id = match members.get("id") {
        None | Some(Json::Null) => None,
        Some(Json::String(id)) if id.ends_with("_DEBUG") => {
            return Err(Problem::at("/id", "ids that end in _DEBUG are reserved for test environments"));
        }
        // Ids are unique without regard to case.
        Some(Json::String(id)) if RESERVED_IDS.iter().any(|word| word.eq_ignore_ascii_case(id)) => {
            let words = RESERVED_IDS.join(", ");
            return Err(Problem::at("/id", format!("these words are reserved for paths and cannot be ids: {words}")));
        }
        Some(Json::String(id)) if WorkspaceId::parse(id).is_some() => WorkspaceId::parse(id),
        Some(_) => return Err(Problem::at("/id", "id must be 2 to 64 characters of A-Z, a-z, 0-9, _ and -")),
    };
    Ok(NewWorkspace { name, id })
}

/// A new workspace: its key is shown only here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreatedWorkspaceDocument {
    /// Its id.
    pub id: AsText<WorkspaceId>,
    /// Its name.
    pub name: String,
    /// Its first Data API key.
    pub data_api_key: String,
}

impl Mask for CreatedWorkspaceDocument {
    fn mask(&mut self) {
        let Self { id: _, name: _, data_api_key: _ } = self;
    }
}

/// The answer to removing a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemovedWorkspaceDocument {
    /// Its id.
    pub id: AsText<WorkspaceId>,
    /// `removed`.
    pub state: String,
}

impl Mask for RemovedWorkspaceDocument {
    fn mask(&mut self) {
        let Self { id: _, state: _ } = self;
    }
}

/// The body of `DELETE /workspaces/{ws}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveWorkspaceRequest {
    /// The id of the workspace: the call removes all its data.
    pub confirm: String,
}

impl RemoveWorkspaceRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let members = body::object(bytes)?;
        body::only_known(&members, "", &["confirm"])?;
        Ok(Self { confirm: members.get("confirm").and_then(Json::as_str).unwrap_or_default().to_owned() })
    }
}

/// What a Data API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyScopeWord {
    /// Imports and Track calls.
    Import,
    /// Reading users.
    Read,
    /// Deleting and erasing users.
    Erase,
}

impl KeyScopeWord {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Import, Self::Read, Self::Erase];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Read => "read",
            Self::Erase => "erase",
        }
    }
}

/// The body of `POST /workspaces/{ws}/keys/rotate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKeyRequest {
    /// The seconds that the previous key stays valid; at most 31 days.
    #[serde(default)]
    pub grace_seconds: u64,
    /// What the new key may do; without it, the same as the previous key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<KeyScopeWord>>,
}

impl RotateKeyRequest {
    /// Reads the body; `grace_max` is the longest grace period in seconds.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn read(bytes: &[u8], grace_max: u64) -> Result<Self, Problem> {
        let members = body::object(bytes)?;
        body::only_known(&members, "", &["grace_seconds", "scopes"])?;
        let grace_seconds = match members.get("grace_seconds") {
            None => 0,
            Some(value) => body::whole_number(value, "/grace_seconds", 0..=grace_max)?,
        };
        Ok(Self { grace_seconds, scopes: members.get("scopes").map(key_scopes).transpose()? })
    }
}

fn key_scopes(value: &Json) -> Result<Vec<KeyScopeWord>, Problem> {
    let wrong = || Problem::at("/scopes", "scopes must be an array with one or more of import, read and erase");
    let words = value.as_array().filter(|words| !words.is_empty()).ok_or_else(wrong)?;
    let scope = |word: &Json| KeyScopeWord::ALL.into_iter().find(|scope| word.as_str() == Some(scope.name()));
    let given: Vec<KeyScopeWord> = words.iter().map(|word| scope(word).ok_or_else(wrong)).collect::<Result<_, _>>()?;
    Ok(KeyScopeWord::ALL.into_iter().filter(|scope| given.contains(scope)).collect())
}

/// A new Data API key: it is shown only here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RotatedKeyDocument {
    /// The new key.
    pub data_api_key: String,
    /// Until when the previous key is valid; null if it has ended.
    pub previous_valid_until: Option<AsText<Timestamp>>,
}

impl Mask for RotatedKeyDocument {
    fn mask(&mut self) {
        let Self { data_api_key: _, previous_valid_until: _ } = self;
    }
}

/// The body of `POST /workspaces/{ws}/keys/revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeKeyRequest {
    /// The fingerprint of the key, as `GET /workspaces/{ws}` shows it.
    pub fingerprint: String,
}

impl RevokeKeyRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let members = body::object(bytes)?;
        body::only_known(&members, "", &["fingerprint"])?;
        let missing =
            || Problem::at("/fingerprint", "must be the fingerprint of a key, as GET /workspaces/{id} shows it");
        let fingerprint = members.get("fingerprint").and_then(Json::as_str).ok_or_else(missing)?;
        Ok(Self { fingerprint: fingerprint.to_owned() })
    }
}

/// A folder of a workspace that the catalogue does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrphanDocument {
    /// The id of the workspace.
    pub id: String,
}

impl Mask for OrphanDocument {
    fn mask(&mut self) {
        let Self { id: _ } = self;
    }
}

/// The answer to moving an orphan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MovedOrphanDocument {
    /// The id of the workspace.
    pub id: AsText<WorkspaceId>,
    /// Where the folder is now.
    pub moved_to: String,
}

impl Mask for MovedOrphanDocument {
    fn mask(&mut self) {
        let Self { id: _, moved_to: _ } = self;
    }
}
