//! Workspaces and their keys: creating, listing and rotating.

use super::body;
use super::problem::Problem;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use serde_json::{Value as Json, json};

/// The body of `POST /workspaces`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWorkspace {
    /// Its name.
    pub name: String,
    /// The id that was wished.
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
            return Err(Problem::at("/id", "ids that end in _DEBUG are made by POST .../test-environment alone"));
        }
        // Ids are unique without regard to case.
        Some(Json::String(id)) if RESERVED_IDS.iter().any(|word| word.eq_ignore_ascii_case(id)) => {
            let words = RESERVED_IDS.join(", ");
            return Err(Problem::at("/id", format!("these words have a meaning in paths and cannot be ids: {words}")));
        }
        Some(Json::String(id)) if WorkspaceId::parse(id).is_some() => WorkspaceId::parse(id),
        Some(_) => return Err(Problem::at("/id", "id must be 2 to 64 characters of A-Z, a-z, 0-9, _ and -")),
    };
    Ok(NewWorkspace { name, id })
}

/// The answer of `POST /workspaces`; the key is shown only here and on rotation.
pub fn created(id: &WorkspaceId, name: &str, data_api_key: &str) -> Json {
    json!({"id": id.as_str(), "name": name, "data_api_key": data_api_key})
}

/// The answer of `POST .../keys/rotate`.
pub fn rotated(data_api_key: &str, previous_valid_until: Option<Timestamp>) -> Json {
    json!({"data_api_key": data_api_key, "previous_valid_until": previous_valid_until.map(|at| at.to_string())})
}
