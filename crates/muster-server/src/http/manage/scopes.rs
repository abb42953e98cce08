//! Which scope each call of the management API needs: one table, the same for the socket and for whoever runs handlers
//! without one. A route that is not in it needs `admin`, so that a forgotten one is closed; a test finds it.

use super::no_workspace;
use crate::callers::{Caller, Scope};
use muster_wire::manage::problem::Problem;

/// Calls by method, template below [`BASE`], and the scope that they need.
#[rustfmt::skip]
const NEEDED: [(&str, &str, Scope); 50] = [
    ("GET", "/workspaces", Scope::Read),
    ("POST", "/workspaces", Scope::Admin),
    ("GET", "/requests/refused", Scope::Admin),
    ("GET", "/orphans", Scope::Admin),
    ("POST", "/orphans/{workspace_id}/adopt", Scope::Admin),
    ("DELETE", "/orphans/{workspace_id}", Scope::Admin),
    ("GET", "/workspaces/{workspace_id}", Scope::Read),
    // Or `limits`, for what that allows: `workspaces.rs` judges what is changed.
    ("PATCH", "/workspaces/{workspace_id}", Scope::Operate),
    ("DELETE", "/workspaces/{workspace_id}", Scope::Admin),
    ("POST", "/workspaces/{workspace_id}/keys/rotate", Scope::Operate),
    ("POST", "/workspaces/{workspace_id}/keys/revoke", Scope::Operate),
    ("GET", "/workspaces/{workspace_id}/identity", Scope::Read),
    ("PUT", "/workspaces/{workspace_id}/identity", Scope::Operate),
    // What an activation would merge: tried on a copy, nothing is written.
    ("POST", "/workspaces/{workspace_id}/identity/preview", Scope::Read),
    ("POST", "/workspaces/{workspace_id}/identity/cancel", Scope::Operate),
    ("GET", "/workspaces/{workspace_id}/stats", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/rates", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/faults", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/keys", Scope::Read),
    // Searches that are a POST to keep values out of logs, here and below.
    ("POST", "/workspaces/{workspace_id}/users/find", Scope::Read),
    ("POST", "/workspaces/{workspace_id}/users/lookup", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/users/{user_id}", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/users/{user_id}/events", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/users/{user_id}/history", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/users/{user_id}/members", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/requests", Scope::Read),
    ("POST", "/workspaces/{workspace_id}/requests/find", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/requests/live", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/requests/{request_id}", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/quarantine", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/quarantine/{entry_id}", Scope::Read),
    ("DELETE", "/workspaces/{workspace_id}/quarantine/{entry_id}", Scope::Operate),
    ("POST", "/workspaces/{workspace_id}/quarantine/{entry_id}/replay", Scope::Operate),
    ("POST", "/workspaces/{workspace_id}/quarantine/{entry_id}/restore", Scope::Operate),
    ("POST", "/workspaces/{workspace_id}/quarantine/replay", Scope::Operate),
    ("GET", "/workspaces/{workspace_id}/jobs/{job_id}", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/merges", Scope::Read),
    ("POST", "/workspaces/{workspace_id}/merges", Scope::Operate),
    ("GET", "/workspaces/{workspace_id}/merges/{merge_id}", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/merges/{merge_id}/before", Scope::Read),
    ("POST", "/workspaces/{workspace_id}/merges/{merge_id}/revert", Scope::Operate),
    ("GET", "/workspaces/{workspace_id}/separations", Scope::Read),
    ("DELETE", "/workspaces/{workspace_id}/separations/{separation_id}", Scope::Operate),
    ("GET", "/workspaces/{workspace_id}/reviews", Scope::Read),
    ("GET", "/workspaces/{workspace_id}/reviews/{review_id}", Scope::Read),
    ("POST", "/workspaces/{workspace_id}/reviews/{review_id}", Scope::Operate),
    ("GET", "/tokens", Scope::Admin),
    ("POST", "/tokens", Scope::Admin),
    ("DELETE", "/tokens/{name}", Scope::Admin),
    // Of one workspace; that of all needs `admin`, which `audit.rs` judges.
    ("GET", "/audit", Scope::Operate),
];

/// Where the management API begins.
const BASE: &str = "/api/v1";
/// How templates begin that are about one workspace.
pub(super) const OF_WORKSPACE: &str = "/api/v1/workspaces/{workspace_id}";

/// The scope that a call needs, by method and the route's template as `http.rs` lists it. HEAD is a GET.
pub(crate) fn needed(method: &str, template: &str) -> Scope {
    let method = if method == "HEAD" { "GET" } else { method };
    let below = template.strip_prefix(BASE).unwrap_or(template);
    let row = NEEDED.iter().find(|(known, path, _)| *known == method && *path == below);
    row.map_or(Scope::Admin, |(_, _, scope)| *scope)
}

/// The same by the parts of a path below `/api/v1`.
pub(crate) fn needed_at(method: &str, parts: &[&str]) -> Scope {
    let fits = |template: &str| {
        let template: Vec<&str> = template.split('/').skip(1).collect();
        let same = |(known, part): (&&str, &&str)| known.starts_with('{') || known == part;
        template.len() == parts.len() && template.iter().zip(parts).all(same)
    };
    let row = NEEDED.iter().find(|(known, path, _)| *known == method && fits(path));
    row.map_or(Scope::Admin, |(_, _, scope)| *scope)
}

/// Whether a caller may make a call; `workspace` is the id in the path, if the template has one.
///
/// # Errors
/// 404 for a workspace that is not there for it, whether it exists or not; 403 with the scope that is missing.
pub(crate) fn judge(caller: &Caller, (method, template): (&str, &str), workspace: &str) -> Result<(), Problem> {
    if template.starts_with(OF_WORKSPACE) && !caller.sees(workspace) {
        return Err(no_workspace());
    }
    if (method, template) == ("PATCH", OF_WORKSPACE) && caller.has(Scope::Limits) {
        return Ok(());
    }
    has(caller, needed(method, template))?;
    if is_about_all(method, template) { unbound(caller) } else { Ok(()) }
}

/// Whether a call is about all workspaces, so that a token that is bound to one may not make it. The two lists show such a
/// token its own.
fn is_about_all(method: &str, template: &str) -> bool {
    let lists = ["/api/v1/workspaces", "/api/v1/audit"];
    let shows_own = matches!(method, "GET" | "HEAD") && lists.contains(&template);
    !(template.starts_with(OF_WORKSPACE) || shows_own)
}

/// That a caller has a scope.
///
/// # Errors
/// 403 with the scope that is missing.
pub(crate) fn has(caller: &Caller, scope: Scope) -> Result<(), Problem> {
    if caller.has(scope) {
        return Ok(());
    }
    Err(Problem::new(403, format!("this token lacks the scope {}", scope.name())))
}

/// That a caller is not bound to one workspace.
///
/// # Errors
/// 403.
pub(super) fn unbound(caller: &Caller) -> Result<(), Problem> {
    if caller.workspace.is_none() {
        return Ok(());
    }
    Err(Problem::new(403, "this token is bound to one workspace; what is about all of them needs one that is not"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a route of `http.rs` has no row here, or a row no route.
    #[test]
    fn every_call_of_the_management_api_has_its_scope_and_nothing_else_has() {
        let routes = crate::http::listed();
        let mut listed: Vec<(&str, &str)> =
            routes.iter().filter_map(|(method, path)| Some((*method, path.strip_prefix(BASE)?))).collect();
        let mut written: Vec<(&str, &str)> = NEEDED.iter().map(|(method, path, _)| (*method, *path)).collect();
        listed.sort_unstable();
        written.sort_unstable();
        assert_eq!(written, listed);
    }

    #[test]
    fn what_is_not_in_the_table_needs_admin_and_head_is_a_get() {
        assert_eq!(needed("GET", "/api/v1/new"), Scope::Admin);
        assert_eq!(needed("HEAD", "/api/v1/workspaces"), Scope::Read);
        assert_eq!(needed("POST", "/api/v1/workspaces"), Scope::Admin);
    }
}
