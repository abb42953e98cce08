//! What a token may do: its scopes, and the workspace that it is bound to. Which call needs which scope is in `routes`.

use crate::callers::{Caller, TokenScope};
use muster_wire::manage::problem::Problem;

/// That a caller has a scope.
///
/// # Errors
/// 403 with the scope that is missing.
pub(crate) fn has(caller: &Caller, scope: TokenScope) -> Result<(), Problem> {
    if caller.has(scope) {
        return Ok(());
    }
    Err(Problem::new(403, format!("this token lacks the scope {}", scope.name())))
}

/// That a caller is not bound to one workspace.
///
/// # Errors
/// 403.
pub(crate) fn unbound(caller: &Caller) -> Result<(), Problem> {
    if caller.workspace.is_none() {
        return Ok(());
    }
    Err(Problem::new(403, "this token is bound to one workspace; this call needs a token for all workspaces"))
}
