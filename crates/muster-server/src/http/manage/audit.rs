//! Reading the audit log (behaviour.md 4).

use super::{Answer, Call, blocking, no_workspace, tree};
use crate::callers::Scope;
use crate::manage::scopes::{has, unbound};
use crate::people;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use muster_store::access::{AuditQuery, AuditRecord};
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// `GET /audit?workspace=&limit=&cursor=`: newest first. Of all with `admin`; else of one workspace that is there for the
/// caller, since it was made: what was done in an earlier one of the same id is not about it.
pub(crate) async fn list(call: Call) -> Answer {
    // What was done before this call stands in its answer.
    people::written(&call.app).await;
    let (limit, below) = (call.limit()?, call.cursor(|text| text.parse().ok())?);
    let (workspace, since) = of_what(&call)?;
    let engine = Arc::clone(&call.app.engine);
    let found = blocking(move || engine.audit(&AuditQuery { workspace, below, limit })).await?;
    let fits = |record: &&AuditRecord| since.is_none_or(|since| record.at >= since);
    let items: Vec<&AuditRecord> = found.items.iter().take_while(fits).collect();
    let more = found.more && items.len() == found.items.len();
    let next = items.last().filter(|_| more).map(|last| last.no.to_string());
    Ok(tree(200, &page(items.iter().map(|record| json(record)).collect(), next.as_deref())))
}

/// Which workspace, and since when.
fn of_what(call: &Call) -> Result<(Option<WorkspaceId>, Option<Timestamp>), Problem> {
    let (caller, asked) = (&call.caller, call.parameter("workspace"));
    if unbound(caller).is_ok() && caller.has(Scope::Admin) {
        // Also of one that is gone: its records stay. What is no id has none.
        let id = asked.map(|id| WorkspaceId::parse(id).ok_or_else(no_workspace)).transpose()?;
        return Ok((id, None));
    }
    let Some(id) = asked.or(caller.workspace.as_ref().map(WorkspaceId::as_str)) else {
        has(caller, Scope::Admin)?;
        return Err(no_workspace());
    };
    let entry = call.app.workspace(id).filter(|_| caller.sees(id)).ok_or_else(no_workspace)?;
    Ok((Some(entry.id().clone()), Some(entry.workspace.created_at)))
}

fn json(record: &AuditRecord) -> Json {
    json!({
        "at": record.at.to_string(),
        "token": record.token,
        "address": record.address.map(|address| address.to_string()),
        "workspace": record.workspace.as_ref().map(WorkspaceId::as_str),
        "action": record.action,
        "subject": record.subject,
        // The engine may have cut it: then it is told as the text that is left.
        "detail": serde_json::from_str(&record.detail).unwrap_or_else(|_| Json::from(record.detail.as_str())),
    })
}
