//! Named tokens: created, listed, revoked. Those that the server's settings give (`admin`, `read`) are not among them.

use super::answers::{CreatedAnswer, EmptyAnswer};
use super::arguments::{Arguments, JsonBody, PageQuery, Sent};
use super::audit_action::AuditAction;
use super::context::{ManageContext, blocking};
use super::description::CallDescription;
use super::error::ManageError;
use super::scopes::unbound;
use crate::callers::Caller;
use crate::keys::sha256;
use muster_core::time::Timestamp;
use muster_store::access::{TokenPut, TokenRecord};
use muster_store::engine::EngineError;
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::page::PageDocument;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::token::{self, CreatedTokenDocument, GIVEN_NAMES, NewToken, TokenDocument};
use schemars::json_schema;
use serde_json::json;
use std::sync::Arc;

/// Lists tokens in order of name; never the tokens themselves.
pub(crate) async fn list(
    call: ManageContext,
    (page,): (PageQuery<String>,),
) -> Result<PageDocument<TokenDocument>, ManageError> {
    unbound(&call.caller)?;
    let all = call.app.callers.all();
    let mut stored: Vec<TokenDocument> = all.iter().filter_map(|caller| document(caller)).collect();
    stored.sort_by(|a, b| a.name.cmp(&b.name));
    let mut rest = stored.into_iter().filter(|token| page.cursor.as_ref().is_none_or(|after| token.name > *after));
    let items: Vec<TokenDocument> = rest.by_ref().take(page.limit).collect();
    let next_cursor = rest.next().and_then(|_| items.last()).map(|last| last.name.clone());
    Ok(PageDocument { items, next_cursor })
}

/// Returns a stored token as it is shown; None of a token that the server's settings give.
fn document(caller: &Caller) -> Option<TokenDocument> {
    Some(TokenDocument {
        name: caller.name.to_string(),
        scopes: caller.scopes.list().into_iter().map(AsText).collect(),
        workspace: caller.workspace.clone().map(AsText),
        created_at: AsText(caller.created_at?),
        expires_at: caller.expires_at.map(AsText),
        allowed_addresses: caller.allowed_addresses.iter().map(ToString::to_string).collect(),
        last_used_at: caller.last_used_at().map(AsText),
    })
}

fn taken() -> Problem {
    Problem::new(409, "a token with this name exists; revoke it first, or choose another name")
}

/// Returns the instant that is this number of seconds later.
fn after(now: Timestamp, seconds: u64) -> Timestamp {
    Timestamp(now.0.saturating_add(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)))
}

/// Creates a token: the only answer that shows it.
pub(crate) async fn create(
    call: ManageContext,
    (JsonBody(wanted),): (JsonBody<NewToken>,),
) -> Result<CreatedAnswer<CreatedTokenDocument>, ManageError> {
    unbound(&call.caller)?;
    if GIVEN_NAMES.contains(&&*wanted.name) {
        return Err(taken().into());
    }
    let (secret, now) = (call.app.secret(), call.app.now());
    let record = TokenRecord {
        name: wanted.name,
        sha256: sha256(secret.as_bytes()),
        scopes: wanted.scopes.names().join(","),
        workspace: wanted.workspace,
        created_at: now,
        expires_at: wanted.expires_in.map(|seconds| after(now, seconds)),
        allowed_addresses: wanted.allowed_addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    };
    let (app, kept) = (Arc::clone(&call.app), record.clone());
    let put = blocking(move || {
        let _until_it_is_let_in = app.callers.changing();
        let put = match app.engine.put_token(&kept) {
            Err(EngineError::UnknownWorkspace) => return Ok(None),
            put => put?,
        };
        if put == TokenPut::Made {
            app.callers.put(&kept);
        }
        Ok(Some(put))
    });
    match put.await? {
        Some(TokenPut::Made) => {}
        Some(TokenPut::Taken) => return Err(taken().into()),
        Some(TokenPut::Full) => {
            return Err(
                Problem::new(409, "the limit of named tokens has been reached; revoke those that nobody uses").into()
            );
        }
        None => return Err(token::no_workspace().into()),
    }
    let mut detail = json!({"scopes": wanted.scopes.names()});
    if let Some(until) = record.expires_at {
        detail["expires_at"] = json!(until.to_string());
    }
    if !record.allowed_addresses.is_empty() {
        detail["allowed_addresses"] = json!(record.allowed_addresses);
    }
    call.audit(AuditAction::TokenCreated, record.workspace.as_ref(), &record.name, detail).await;
    let location = format!("/tokens/{}", record.name);
    Ok(CreatedAnswer { location, document: CreatedTokenDocument { name: record.name, token: secret } })
}

/// The name of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenName(pub(crate) String);

impl Arguments for TokenName {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Ok(Self(sent.part("name").to_owned()))
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.path("name", "the name of a token", json_schema!({"type": "string"}));
        call.problems(&[404]);
    }
}

/// Revokes a token: it is refused from now on, also where a session began with it.
pub(crate) async fn revoke(call: ManageContext, (TokenName(name),): (TokenName,)) -> Result<EmptyAnswer, ManageError> {
    unbound(&call.caller)?;
    let workspace = {
        let all = call.app.callers.all();
        all.iter().find(|caller| *caller.name == *name).and_then(|caller| caller.workspace.clone())
    };
    let (app, of) = (Arc::clone(&call.app), name.clone());
    let removed = blocking(move || {
        let _until_it_is_refused = app.callers.changing();
        let removed = app.engine.remove_token(&of);
        // Also where the storage failed: a revoked token must be refused at once, and the next start reads what is stored.
        app.callers.remove(|caller| *caller.name == *of);
        app.sessions.sweep(&app.callers, app.now());
        removed
    });
    if !removed.await? {
        let why = if GIVEN_NAMES.contains(&&*name) {
            "this token is given by the server's settings; change it there and restart the server"
        } else {
            "no such token"
        };
        return Err(Problem::new(404, why).into());
    }
    call.audit(AuditAction::TokenRevoked, workspace.as_ref(), &name, json!({})).await;
    Ok(EmptyAnswer)
}
