//! Reading the audit log (behaviour.md 4).

use super::arguments::{Arguments, PageQuery, Sent};
use super::context::{ManageContext, blocking};
use super::description::{CallDescription, Parameter};
use super::error::{ManageError, no_workspace};
use super::scopes::{has, unbound};
use crate::callers::TokenScope;
use muster_core::id::WorkspaceId;
use muster_core::time::Timestamp;
use muster_store::access::{AuditQuery, AuditRecord};
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::audit::AuditDocument;
use muster_wire::manage::page::PageDocument;
use muster_wire::manage::problem::Problem;
use serde_json::Value as Json;
use std::sync::Arc;

/// Which records are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditFilter {
    /// Those of this workspace; None is all, or the one that the token is bound to.
    pub(crate) workspace: Option<String>,
}

impl Arguments for AuditFilter {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Ok(Self { workspace: sent.parameter("workspace").map(str::to_owned) })
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.query(Parameter::text("workspace", "Only records of this workspace"));
    }
}

/// Lists records, the newest first. Of all workspaces with `admin`; else of one workspace that is there for the caller, since
/// it was created: what was done in an earlier one of the same id is not about it.
pub(crate) async fn list(
    call: ManageContext,
    (page, filter): (PageQuery<u64>, AuditFilter),
) -> Result<PageDocument<AuditDocument>, ManageError> {
    // What was done before this call is in its answer.
    let app = Arc::clone(&call.app);
    blocking(move || {
        app.personal_data_log.write(&*app.engine);
        Ok(())
    })
    .await?;
    let (limit, below) = (page.limit, page.cursor);
    let (workspace, since) = of_what(&call, filter.workspace.as_deref())?;
    let engine = Arc::clone(&call.app.engine);
    let found = blocking(move || engine.audit(&AuditQuery { workspace, below, limit })).await?;
    let fits = |record: &&AuditRecord| since.is_none_or(|since| record.at >= since);
    let items: Vec<&AuditRecord> = found.items.iter().take_while(fits).collect();
    let more = found.more && items.len() == found.items.len();
    let next_cursor = items.last().filter(|_| more).map(|last| last.no.to_string());
    Ok(PageDocument { items: items.into_iter().map(document).collect(), next_cursor })
}

/// Which workspace, and since when.
fn of_what(call: &ManageContext, asked: Option<&str>) -> Result<(Option<WorkspaceId>, Option<Timestamp>), Problem> {
    let caller = &call.caller;
    if unbound(caller).is_ok() && caller.has(TokenScope::Admin) {
        // Also of one that is gone: its records stay. A string that is not an id has none.
        let id = asked.map(|id| WorkspaceId::parse(id).ok_or_else(no_workspace)).transpose()?;
        return Ok((id, None));
    }
    let Some(id) = asked.or(caller.workspace.as_ref().map(WorkspaceId::as_str)) else {
        has(caller, TokenScope::Admin)?;
        return Err(no_workspace());
    };
    let entry = call.app.workspace(id).filter(|_| caller.sees(id)).ok_or_else(no_workspace)?;
    Ok((Some(entry.id().clone()), Some(entry.workspace.created_at)))
}

fn document(record: &AuditRecord) -> AuditDocument {
    AuditDocument {
        at: AsText(record.at),
        token: record.token.clone(),
        address: record.address.map(|address| address.to_string()),
        workspace: record.workspace.clone().map(AsText),
        action: record.action.clone(),
        subject: record.subject.clone(),
        // The engine may have cut it: then it is shown as the string that is left.
        detail: serde_json::from_str(&record.detail).unwrap_or_else(|_| Json::from(record.detail.as_str())),
    }
}
