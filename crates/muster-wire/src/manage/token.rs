//! Named tokens of the management API: what they may do, how one is asked for, how they are shown (spec: management API).

use super::as_text::{AsText, WireText};
use super::body;
use super::masking::Mask;
use super::problem::Problem;
use super::settings::addresses;
use ipnet::IpNet;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::borrow::Cow;

/// Most characters of a token's name.
const NAME_LENGTH_MAX: usize = 64;
/// Longest life of a token that ends, in seconds: ten years.
const EXPIRES_IN_MAX: u64 = 10 * 366 * 86_400;
/// Names that the server's own settings give tokens (`MUSTER_ADMIN_TOKEN`, `MUSTER_READ_TOKEN`).
pub const GIVEN_NAMES: [&str; 2] = ["admin", "read"];

/// What a token of the management API may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenScope {
    /// Look.
    Read,
    /// See personal data where a workspace masks it.
    Personal,
    /// Keys, settings, identity, replays, discards, reverts, reviews, separations; the audit log of a workspace.
    Operate,
    /// Whether a workspace takes data, how much, and from where: `suspended`, `limits`, `allowed_addresses`.
    Limits,
    /// Erase users.
    Erase,
    /// All of these; tokens, making and deleting workspaces, the audit log of all.
    Admin,
}

impl TokenScope {
    /// Every scope.
    pub const ALL: [Self; 6] = [Self::Read, Self::Personal, Self::Operate, Self::Limits, Self::Erase, Self::Admin];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Personal => "personal",
            Self::Operate => "operate",
            Self::Limits => "limits",
            Self::Erase => "erase",
            Self::Admin => "admin",
        }
    }
}

impl WireText for TokenScope {
    const NAME: &'static str = "TokenScope";
    const MEANING: &'static str = "what a token may do";

    fn text(&self) -> Cow<'static, str> {
        self.name().into()
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == text)
    }

    fn format() -> Schema {
        json_schema!({"enum": Self::ALL.map(Self::name)})
    }
}

/// The scopes of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes([bool; 6]);

impl Scopes {
    /// Returns exactly these scopes.
    pub fn new(scopes: &[TokenScope]) -> Self {
        Self(TokenScope::ALL.map(|scope| scopes.contains(&scope)))
    }

    /// Returns the scopes of a comma-separated list. An unknown word gives no right: a later version may have written it.
    pub fn from_stored(list: &str) -> Self {
        Self(TokenScope::ALL.map(|scope| list.split(',').any(|word| word == scope.name())))
    }

    /// Whether a token with these may do it; with [`TokenScope::Admin`] it may do everything.
    pub fn has(self, scope: TokenScope) -> bool {
        let mut given = TokenScope::ALL.iter().zip(self.0).filter(|(_, is_given)| *is_given);
        given.any(|(known, _)| *known == scope || *known == TokenScope::Admin)
    }

    /// These, in one order.
    pub fn list(self) -> Vec<TokenScope> {
        TokenScope::ALL.into_iter().zip(self.0).filter(|(_, is_given)| *is_given).map(|(scope, _)| scope).collect()
    }

    /// Their words, in one order.
    pub fn names(self) -> Vec<&'static str> {
        let given = TokenScope::ALL.iter().zip(self.0).filter(|(_, is_given)| *is_given);
        given.map(|(scope, _)| scope.name()).collect()
    }
}

/// The body of `POST /tokens`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "CreateTokenRequest", deny_unknown_fields)]
pub struct NewToken {
    /// Its name: 1 to 64 characters of A-Z, a-z, 0-9, ., _ and -.
    pub name: String,
    /// What it may do: at least one scope.
    #[schemars(with = "Vec<AsText<TokenScope>>")]
    pub scopes: Scopes,
    /// The one workspace that it is bound to; without it all workspaces.
    #[schemars(with = "Option<AsText<WorkspaceId>>", skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// The seconds after which it expires; without it never.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// The addresses and networks that it may be used from; without it all.
    #[schemars(with = "Vec<String>", skip_serializing_if = "Vec::is_empty")]
    pub allowed_addresses: Vec<IpNet>,
}

/// Reads the body of `POST /tokens`. Whether the name is free and the workspace there is not looked at.
///
/// # Errors
/// 400 with the member that is wrong.
pub fn new(bytes: &[u8]) -> Result<NewToken, Problem> {
    let members = body::object(bytes)?;
    body::only_known(&members, "", &["name", "scopes", "workspace", "expires_in", "allowed_addresses"])?;
    let name = members.get("name").and_then(Json::as_str).filter(|name| is_name(name)).ok_or_else(|| {
        Problem::at("/name", format!("name must be 1 to {NAME_LENGTH_MAX} characters of A-Z, a-z, 0-9, ., _ and -"))
    })?;
    let workspace = match members.get("workspace") {
        None | Some(Json::Null) => None,
        Some(id) => Some(id.as_str().and_then(WorkspaceId::parse).ok_or_else(no_workspace)?),
    };
    let expires_in = members.get("expires_in").filter(|value| !value.is_null());
    let expires_in =
        expires_in.map(|value| body::whole_number(value, "/expires_in", 1..=EXPIRES_IN_MAX)).transpose()?;
    let allowed_addresses = members.get("allowed_addresses").filter(|value| !value.is_null());
    Ok(NewToken {
        name: name.to_owned(),
        scopes: scopes(members.get("scopes"))?,
        workspace,
        expires_in,
        allowed_addresses: allowed_addresses.map(addresses).transpose()?.unwrap_or_default(),
    })
}

/// That a token was to be bound to a workspace that is not there.
pub fn no_workspace() -> Problem {
    Problem::at("/workspace", "no such workspace")
}

/// A name that can stand in a path: `.` and `..` are steps there.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=NAME_LENGTH_MAX).contains(&name.len()) && name.bytes().all(allowed) && name != "." && name != ".."
}

fn scopes(list: Option<&Json>) -> Result<Scopes, Problem> {
    let words = "read, personal, operate, limits, erase and admin";
    let empty = || Problem::at("/scopes", format!("scopes must be an array with one or more of {words}"));
    let list = list.and_then(Json::as_array).filter(|list| !list.is_empty()).ok_or_else(empty)?;
    let mut given = Vec::new();
    for (place, word) in list.iter().enumerate() {
        let scope = TokenScope::ALL.into_iter().find(|scope| word.as_str() == Some(scope.name()));
        let unknown = || Problem::at(format!("/scopes/{place}"), format!("must be one of {words}"));
        given.push(scope.ok_or_else(unknown)?);
    }
    Ok(Scopes::new(&given))
}

/// A new token: it is shown only here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreatedTokenDocument {
    /// Its name.
    pub name: String,
    /// The token.
    pub token: String,
}

/// A token; never the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenDocument {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<AsText<TokenScope>>,
    /// The one workspace that it is bound to; null if it is valid for all.
    pub workspace: Option<AsText<WorkspaceId>>,
    /// When it was created.
    pub created_at: AsText<Timestamp>,
    /// When it expires; null if never.
    pub expires_at: Option<AsText<Timestamp>>,
    /// The addresses and networks that it may be used from; empty allows all.
    pub allowed_addresses: Vec<String>,
    /// When it was last used since the server was started.
    pub last_used_at: Option<AsText<Timestamp>>,
}

impl Mask for CreatedTokenDocument {
    /// It is about a token, not about a person.
    fn mask(&mut self) {
        let Self { name: _, token: _ } = self;
    }
}

impl Mask for TokenDocument {
    /// It is about a token, not about a person.
    fn mask(&mut self) {
        let Self {
            name: _,
            scopes: _,
            workspace: _,
            created_at: _,
            expires_at: _,
            allowed_addresses: _,
            last_used_at: _,
        } = self;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(body: &Json) -> (u16, Option<String>) {
        new(body.to_string().as_bytes()).map_err(|problem| (problem.status, problem.pointer)).unwrap_err()
    }

    #[test]
    fn a_token_is_asked_for_with_a_name_scopes_and_perhaps_a_workspace() {
        let body = json!({"name": "ci.deploy-1_x", "scopes": ["operate", "read"], "workspace": "SHOP"});
        let wanted = NewToken {
            name: "ci.deploy-1_x".to_owned(),
            scopes: Scopes::new(&[TokenScope::Read, TokenScope::Operate]),
            workspace: WorkspaceId::parse("SHOP"),
            expires_in: None,
            allowed_addresses: Vec::new(),
        };
        assert_eq!(new(body.to_string().as_bytes()), Ok(wanted.clone()));
        let mut body = body;
        body["expires_in"] = json!(3_600);
        body["allowed_addresses"] = json!(["10.0.0.0/8", "192.0.2.1"]);
        let allowed_addresses = ["10.0.0.0/8", "192.0.2.1/32"].map(|text| text.parse().unwrap()).into();
        let wanted = NewToken { expires_in: Some(3_600), allowed_addresses, ..wanted };
        assert_eq!(new(body.to_string().as_bytes()), Ok(wanted));
    }

    #[test]
    fn what_is_wrong_with_a_token_that_is_asked_for_is_said_where_it_is() {
        let at = |pointer: &str| (400, Some(pointer.to_owned()));
        for name in ["", ".", "..", "a b", "a/b", "ä", &"n".repeat(65)] {
            assert_eq!(refused(&json!({"name": name, "scopes": ["read"]})), at("/name"), "{name}");
        }
        assert_eq!(refused(&json!({"name": "a"})), at("/scopes"));
        assert_eq!(refused(&json!({"name": "a", "scopes": []})), at("/scopes"));
        assert_eq!(refused(&json!({"name": "a", "scopes": ["read", "Read"]})), at("/scopes/1"));
        assert_eq!(refused(&json!({"name": "a", "scopes": ["read"], "workspace": "no id"})), at("/workspace"));
        assert_eq!(refused(&json!({"name": "a", "scopes": ["read"], "scope": "x"})), at("/scope"));
        assert_eq!(refused(&json!({"name": "a", "scopes": ["read"], "expires_in": 0})), at("/expires_in"));
        let wrong = json!({"name": "a", "scopes": ["read"], "allowed_addresses": ["here"]});
        assert_eq!(refused(&wrong), at("/allowed_addresses/0"));
    }

    // Fails when `has` asks for the scope itself alone.
    #[test]
    fn admin_may_do_everything_and_every_other_scope_itself_alone() {
        for scope in TokenScope::ALL {
            let of = Scopes::from_stored(scope.name());
            let may: Vec<TokenScope> = TokenScope::ALL.into_iter().filter(|other| of.has(*other)).collect();
            assert_eq!(may, if scope == TokenScope::Admin { TokenScope::ALL.to_vec() } else { vec![scope] });
        }
        assert_eq!(Scopes::from_stored("read,rule the world").names(), ["read"]);
        assert_eq!(Scopes::from_stored("").names(), Vec::<&str>::new());
    }
}
