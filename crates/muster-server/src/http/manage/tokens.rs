//! Named tokens: made, listed, revoked. Those that the server's settings give (`admin`, `read`) are not among them.

use super::{Answer, Call, blocking, nothing, tree};
use crate::callers::Caller;
use crate::manage::audit::Action;
use crate::manage::scopes::unbound;
use crate::workspaces::sha256;
use muster_core::time::Timestamp;
use muster_store::access::{TokenPut, TokenRecord};
use muster_store::engine::EngineError;
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::token::{self, GIVEN_NAMES, TokenShown};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// `GET /tokens`: in order of name; never the tokens themselves.
pub(crate) async fn list(call: Call) -> Answer {
    unbound(&call.caller)?;
    let limit = call.limit()?;
    let after = call.cursor(|text| Some(text.to_owned()))?;
    let all = call.app.callers.all();
    let mut stored: Vec<(&Caller, Json)> = all.iter().filter_map(|caller| Some((&**caller, shape(caller)?))).collect();
    stored.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let mut rest = stored.into_iter().filter(|(caller, _)| after.as_deref().is_none_or(|after| *caller.name > *after));
    let shown: Vec<(&Caller, Json)> = rest.by_ref().take(limit).collect();
    let next = rest.next().and_then(|_| shown.last()).map(|(caller, _)| &*caller.name);
    Ok(tree(200, &page(shown.iter().map(|(_, json)| json.clone()).collect(), next)))
}

/// A stored token as it is shown.
fn shape(caller: &Caller) -> Option<Json> {
    Some(token::json(&TokenShown {
        name: &caller.name,
        scopes: caller.scopes,
        workspace: caller.workspace.as_ref(),
        created_at: caller.created_at?,
        expires_at: caller.expires_at,
        allowed_addresses: &caller.allowed_addresses,
        last_used_at: caller.last_used_at(),
    }))
}

fn taken() -> Problem {
    Problem::new(409, "a token with this name exists; revoke it first, or choose another name")
}

/// So many seconds later.
fn after(now: Timestamp, seconds: u64) -> Timestamp {
    Timestamp(now.0.saturating_add(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)))
}

/// `POST /tokens` `{"name", "scopes", "workspace"?, "expires_in"?, "allowed_addresses"?}`: the only answer that shows the token.
pub(crate) async fn create(call: Call) -> Answer {
    unbound(&call.caller)?;
    let wanted = token::new(&call.body)?;
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
    call.audit(Action::TokenMade, record.workspace.as_ref(), &record.name, detail).await;
    Ok(super::created(&format!("/tokens/{}", record.name), &token::made(&record.name, &secret)))
}

/// `DELETE /tokens/{name}`: refused from now on, also where a session began with it.
pub(crate) async fn revoke(call: Call) -> Answer {
    unbound(&call.caller)?;
    let name = call.parts.first().cloned().unwrap_or_default();
    let workspace = {
        let all = call.app.callers.all();
        all.iter().find(|caller| *caller.name == *name).and_then(|caller| caller.workspace.clone())
    };
    let (app, of) = (Arc::clone(&call.app), name.clone());
    let removed = blocking(move || {
        let _until_it_is_refused = app.callers.changing();
        let removed = app.engine.remove_token(&of);
        // Also where the storage failed: whoever revokes it wants it refused, and the next start reads what is stored.
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
    call.audit(Action::TokenRevoked, workspace.as_ref(), &name, json!({})).await;
    Ok(nothing())
}
