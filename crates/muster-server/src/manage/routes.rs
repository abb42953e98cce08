//! The route table: every call of the management API with its method, path, scope, name and function. The routes of the
//! server, the scopes that calls need, and the OpenAPI document are made from it. A face (HTTP, the console) runs a call
//! through [`ManageRoute::run`] or [`perform`] and gets its answer, already masked where it must be.

use super::answers::{ManageAnswer, Rendered};
use super::arguments::{Arguments, Sent};
use super::context::{CallContext, ManageContext, on_its_own_thread, run_to_completion};
use super::description::CallDescription;
use super::error::{ManageError, no_workspace};
use super::scopes::{has, unbound};
use super::{
    audit_log, identity, keys, lookup, merges, orphans, quarantine, requests, reviews, separations, stats, tokens,
    users, workspaces,
};
use crate::callers::{Caller, TokenScope};
use futures_util::future::BoxFuture;
use muster_wire::manage::problem::Problem;
use std::any::TypeId;
use std::sync::LazyLock;

/// The result of a call as bytes.
type Run = Box<dyn Fn(ManageContext, Sent) -> BoxFuture<'static, Result<Rendered, ManageError>> + Send + Sync>;

/// One call of the management API.
pub(crate) struct ManageRoute {
    pub(crate) method: &'static str,
    /// Its path, with names of ids in braces.
    pub(crate) path: &'static str,
    /// The scope that a token needs for it.
    pub(crate) scope: TokenScope,
    /// Its name in the OpenAPI document.
    pub(crate) operation_id: &'static str,
    /// What it does, in one line.
    pub(crate) summary: &'static str,
    /// Statuses of problems that its types do not tell.
    pub(crate) problems: &'static [u16],
    /// What its function takes and answers; None for the live stream, which `http/manage` answers.
    pub(crate) describe: Option<fn(&mut CallDescription<'_>)>,
    run: Option<Run>,
    /// Which function it is.
    function: Option<TypeId>,
}

/// The path of one workspace, with what follows it.
macro_rules! ws {
    ($rest:literal) => {
        concat!("/api/v1/workspaces/{workspace_id}", $rest)
    };
}

/// How templates begin that are about one workspace.
pub(crate) const OF_WORKSPACE: &str = ws!("");

/// Every call of the management API.
static ROUTES: LazyLock<Vec<ManageRoute>> = LazyLock::new(table);

/// Returns every call of the management API.
pub(crate) fn routes() -> &'static [ManageRoute] {
    &ROUTES
}

#[rustfmt::skip]
fn table() -> Vec<ManageRoute> {
    use TokenScope::{Admin, Operate, Read};
    vec![
        get("/api/v1/workspaces", Read, "listWorkspaces", "All workspaces", workspaces::list),
        post("/api/v1/workspaces", Admin, "createWorkspace", "Create a workspace", workspaces::create).problems(&[409]),
        get(ws!(""), Read, "showWorkspace", "Settings, limits and key fingerprints", workspaces::show),
        // Or `limits`, for what that allows: the call checks what is changed.
        patch(ws!(""), Operate, "changeWorkspace",
            "Change settings; limits, suspended and allowed_addresses need the scope limits, turning masking off needs personal", workspaces::change),
        delete(ws!(""), Admin, "removeWorkspace", "Remove a workspace and all its data", workspaces::remove),
        post(ws!("/keys/rotate"), Operate, "rotateKey", "Replace the Data API key; the token must have every scope that the new key gets", keys::rotate),
        post(ws!("/keys/revoke"), Operate, "revokeKey", "Revoke a key", keys::revoke),
        get(ws!("/identity"), Read, "showIdentity", "Identity resolution", identity::show),
        put(ws!("/identity"), Operate, "changeIdentity", "Change identity resolution", identity::change).problems(&[409]),
        // Tried on a copy.
        post(ws!("/identity/preview"), Read, "previewIdentity",
            "Preview what identity settings would merge; nothing is stored", identity::try_out).problems(&[409]),
        post(ws!("/identity/cancel"), Operate, "cancelActivation",
            "Cancel a failed activation: the previous settings apply again, merges made so far stay", identity::cancel)
            .problems(&[409]),
        get(ws!("/stats"), Read, "stats", "Counts", stats::stats),
        get(ws!("/rates"), Read, "rates", "Requests of the last hour by minute", stats::rates),
        get(ws!("/faults"), Read, "faults", "Errors of the last hour by type", stats::faults),
        get(ws!("/keys"), Read, "keyUse", "Data API keys and their use", stats::keys),
        // Searches that are a POST to keep values out of logs, here and below.
        post(ws!("/users/find"), Read, "findUser", "The user that an identifier resolves to", users::find).problems(&[404]),
        post(ws!("/users/lookup"), Read, "lookUp", "What a value resolves to under each kind", lookup::lookup),
        get(ws!("/users/{user_id}"), Read, "showUser", "A user, by the id of any member", users::show).problems(&[410]),
        get(ws!("/users/{user_id}/events"), Read, "userEvents", "The timeline of a user, newest first", users::events),
        get(ws!("/users/{user_id}/members"), Read, "listMembers", "The members of a user, each by itself", users::members)
            .problems(&[409]),
        get(ws!("/users/{user_id}/history"), Read, "listHistory", "The history of a user's values, newest first: when each was written, and by what", users::history),
        get(ws!("/requests"), Read, "listRequests", "The ingestion log, newest first", requests::list),
        post(ws!("/requests/find"), Read, "findRequests", "The requests that came from an address, newest first", requests::find),
        in_http("GET", ws!("/requests/live"), Read),
        get(ws!("/requests/{request_id}"), Read, "showRequest", "One request with the result of every element", requests::show),
        get(ws!("/quarantine"), Read, "listQuarantine", "Rejected elements, newest first", quarantine::list),
        get(ws!("/quarantine/{entry_id}"), Read, "showQuarantined", "One rejected element", quarantine::show),
        delete(ws!("/quarantine/{entry_id}"), Operate, "discardQuarantined", "Delete an entry; it can be restored for a minute", quarantine::discard),
        post(ws!("/quarantine/{entry_id}/replay"), Operate, "replayQuarantined", "Replay an entry, as it is or corrected", quarantine::replay)
            .problems(&[409, 413, 429]),
        post(ws!("/quarantine/{entry_id}/restore"), Operate, "restoreQuarantined", "Restore an entry that was deleted less than a minute ago", quarantine::restore)
            .problems(&[409]),
        post(ws!("/quarantine/replay"), Operate, "replayMany", "Replay many entries as a background job, the oldest first", quarantine::replay_many),
        get(ws!("/jobs/{job_id}"), Read, "showJob", "The progress of a job", quarantine::job),
        get(ws!("/merges"), Read, "listMerges", "Merges, newest first", merges::list),
        post(ws!("/merges"), Operate, "mergeUsers",
            "Merge two users manually, overriding pins and max_profiles; can be reverted like any merge", merges::merge_users)
            .problems(&[404, 409]),
        get(ws!("/merges/{merge_id}"), Read, "showMerge", "One merge", merges::show),
        get(ws!("/merges/{merge_id}/before"), Read, "beforeMerge", "Both users directly before a merge", merges::before)
            .problems(&[410]),
        post(ws!("/merges/{merge_id}/revert"), Operate, "revertMerge", "Revert a merge", merges::revert)
            .problems(&[409, 410]),
        get(ws!("/separations"), Read, "listSeparations", "Pairs of ids that are kept apart, newest first", separations::list),
        delete(ws!("/separations/{separation_id}"), Operate, "liftSeparation", "Lift a separation", separations::lift),
        get(ws!("/reviews"), Read, "listReviews", "Reviews, newest first", reviews::list),
        get(ws!("/reviews/{review_id}"), Read, "showReview", "A review with both users", reviews::show),
        post(ws!("/reviews/{review_id}"), Operate, "decideReview", "Decide a review", reviews::decide).problems(&[409]),
        get("/api/v1/requests/refused", Admin, "listRefused",
            "The last 1,000 refusals of callers without a valid key, newest first; kept until the server restarts", requests::refused),
        get("/api/v1/orphans", Admin, "listOrphans", "Orphans: folders of workspaces that the catalogue does not know", orphans::list),
        post("/api/v1/orphans/{workspace_id}/adopt", Admin, "adoptOrphan",
            "Adopt an orphan, with the settings and keys that are stored in its folder", orphans::adopt).problems(&[409]),
        delete("/api/v1/orphans/{workspace_id}", Admin, "removeOrphan",
            "Move an orphan to removed/ in the data directory; nothing is deleted", orphans::remove),
        get("/api/v1/tokens", Admin, "listTokens", "All named tokens, never the tokens themselves", tokens::list),
        post("/api/v1/tokens", Admin, "createToken", "Create a named token", tokens::create).problems(&[409]),
        delete("/api/v1/tokens/{name}", Admin, "revokeToken", "Revoke a named token at once", tokens::revoke),
        // Of one workspace; that of all needs `admin`, which the call checks.
        get("/api/v1/audit", Operate, "listAudit", "Who changed what, newest first; with the scope admin in all workspaces", audit_log::list)
            .problems(&[404]),
    ]
}

/// Returns the call without a function: the live stream, whose answer has no end. `http/manage` answers it, and
/// `openapi/by_hand.json` describes it.
fn in_http(method: &'static str, path: &'static str, scope: TokenScope) -> ManageRoute {
    ManageRoute {
        method,
        path,
        scope,
        operation_id: "",
        summary: "",
        problems: &[],
        describe: None,
        run: None,
        function: None,
    }
}

/// Writes one function for each method, so that a row of the table is one line.
macro_rules! methods {
    ($($name:ident $method:literal;)+) => {$(
        fn $name<C, A, R, W>(
            path: &'static str,
            scope: TokenScope,
            operation_id: &'static str,
            summary: &'static str,
            function: impl Fn(C, A) -> W + Copy + Send + Sync + 'static,
        ) -> ManageRoute
        where
            C: CallContext,
            A: Arguments,
            R: ManageAnswer,
            W: Future<Output = Result<R, ManageError>> + Send + 'static,
        {
            ManageRoute { operation_id, summary, ..in_http($method, path, scope) }.answered_by(function)
        }
    )+};
}

methods! { get "GET"; post "POST"; put "PUT"; patch "PATCH"; delete "DELETE"; }

/// Returns which function this is.
fn function_id<F: 'static>(_: &F) -> TypeId {
    TypeId::of::<F>()
}

impl ManageRoute {
    fn answered_by<C, A, R, W>(self, function: impl Fn(C, A) -> W + Copy + Send + Sync + 'static) -> Self
    where
        C: CallContext,
        A: Arguments,
        R: ManageAnswer,
        W: Future<Output = Result<R, ManageError>> + Send + 'static,
    {
        let is_change = self.is_change();
        let run = move |context: ManageContext, sent: Sent| -> BoxFuture<'static, _> {
            Box::pin(async move {
                let workspace = sent.part("workspace_id").to_owned();
                // The memory that was read for the answer is counted until the answer is bytes.
                let _until_it_is_rendered = context.clone();
                let masks = C::IS_OF_WORKSPACE && context.masks(&workspace);
                let call = C::new(context, &workspace)?;
                let of = call.workspace().cloned();
                let work = async move { function(call, A::read(&sent)?).await };
                let mut answer = if is_change { run_to_completion(work).await? } else { work.await? };
                if masks {
                    answer.mask();
                }
                // A document may be large.
                let rendered = on_its_own_thread(move || Ok(answer.render())).await?;
                Ok(Rendered { workspace: of, ..rendered })
            })
        };
        let describe: fn(&mut CallDescription<'_>) = |call| {
            if C::IS_OF_WORKSPACE {
                call.workspace();
            }
            A::describe(call);
            R::describe(call);
        };
        Self { describe: Some(describe), run: Some(Box::new(run)), function: Some(function_id(&function)), ..self }
    }

    /// Adds statuses of problems that the types of the call do not tell.
    fn problems(self, problems: &'static [u16]) -> Self {
        Self { problems, ..self }
    }

    /// Returns whether the call changes something: then it runs to completion though the client hangs up.
    fn is_change(&self) -> bool {
        self.method != "GET" && self.scope != TokenScope::Read
    }

    /// Runs the call; None for the live stream, which `http/manage` answers.
    pub(crate) fn run(
        &self,
        context: ManageContext,
        sent: Sent,
    ) -> Option<BoxFuture<'static, Result<Rendered, ManageError>>> {
        self.run.as_ref().map(|run| run(context, sent))
    }

    /// Returns whether a function of `manage` answers the call.
    pub(crate) fn is_typed(&self) -> bool {
        self.run.is_some()
    }
}

/// Returns the call of a method and a template. HEAD is a GET.
pub(crate) fn find(method: &str, template: &str) -> Option<&'static ManageRoute> {
    let method = if method == "HEAD" { "GET" } else { method };
    routes().iter().find(|route| route.method == method && route.path == template)
}

/// Returns the scope that a call needs; [`TokenScope::Admin`] if it is not in the table, so that a forgotten call is closed.
pub(crate) fn scope_of(route: Option<&ManageRoute>) -> TokenScope {
    route.map_or(TokenScope::Admin, |route| route.scope)
}

/// Returns the scope that a call needs, by method and template.
pub(crate) fn needed(method: &str, template: &str) -> TokenScope {
    scope_of(find(method, template))
}

/// Returns whether a caller may make a call; `workspace` is the id in the path, if the template has one.
///
/// # Errors
/// 404 for a workspace that is not there for it, whether it exists or not; 403 with the scope that is missing.
pub(crate) fn judge(caller: &Caller, (method, template): (&str, &str), workspace: &str) -> Result<(), Problem> {
    if template.starts_with(OF_WORKSPACE) && !caller.sees(workspace) {
        return Err(no_workspace());
    }
    if (method, template) == ("PATCH", OF_WORKSPACE) && caller.has(TokenScope::Limits) {
        return Ok(());
    }
    has(caller, needed(method, template))?;
    if is_about_all(method, template) { unbound(caller) } else { Ok(()) }
}

/// Returns whether a call is about all workspaces, so that a token that is bound to one may not make it. The two lists
/// show such a token its own.
fn is_about_all(method: &str, template: &str) -> bool {
    let lists = ["/api/v1/workspaces", "/api/v1/audit"];
    let shows_own = matches!(method, "GET" | "HEAD") && lists.contains(&template);
    !(template.starts_with(OF_WORKSPACE) || shows_own)
}

/// Runs a function of the table for a caller inside the server, and checks its scope: the document that comes back is
/// what a client of the API would get for the same token.
///
/// # Errors
/// 403 for a token that lacks the scope; the problem of the function.
pub(crate) async fn perform<C, A, R, W, F>(
    function: F,
    context: ManageContext,
    workspace: &str,
    arguments: A,
) -> Result<R, ManageError>
where
    C: CallContext,
    R: ManageAnswer,
    W: Future<Output = Result<R, ManageError>> + Send + 'static,
    F: FnOnce(C, A) -> W + 'static,
{
    let route = routes().iter().find(|route| route.function == Some(function_id(&function)));
    has(&context.caller, scope_of(route))?;
    let masks = C::IS_OF_WORKSPACE && context.masks(workspace);
    let work = function(C::new(context, workspace)?, arguments);
    let is_change = route.is_none_or(ManageRoute::is_change);
    let mut answer = if is_change { run_to_completion(work).await? } else { work.await? };
    if masks {
        answer.mask();
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    // Fails when a path or an operation is in the table twice, so that one of both could never be called.
    #[test]
    fn every_call_is_in_the_table_once() {
        let calls: BTreeSet<(&str, &str)> = routes().iter().map(|route| (route.method, route.path)).collect();
        assert_eq!(calls.len(), routes().len());
        let functions: BTreeSet<TypeId> = routes().iter().filter_map(|route| route.function).collect();
        assert_eq!(functions.len(), routes().iter().filter(|route| route.is_typed()).count());
    }

    #[test]
    fn what_is_not_in_the_table_needs_admin_and_head_is_a_get() {
        assert_eq!(scope_of(find("GET", "/api/v1/new")), TokenScope::Admin);
        assert_eq!(scope_of(find("HEAD", "/api/v1/workspaces")), TokenScope::Read);
        assert_eq!(scope_of(find("POST", "/api/v1/workspaces")), TokenScope::Admin);
    }
}
