//! Separations: pairs of ids that are kept apart, listed and lifted (behaviour.md 3.4).

use super::answers::EmptyAnswer;
use super::arguments::{Id, PageQuery, PathId as _};
use super::audit_action::AuditAction;
use super::context::WorkspaceContext;
use super::error::ManageError;
use muster_core::decide::Lift;
use muster_core::decision::Mode;
use muster_core::id::SeparationNo;
use muster_store::engine::apply;
use muster_wire::manage::page::PageDocument;
use muster_wire::manage::separation::SeparationDocument;
use serde_json::json;

/// Lists separations, the newest first.
pub(crate) async fn list(
    call: WorkspaceContext,
    (page,): (PageQuery<SeparationNo>,),
) -> Result<PageDocument<SeparationDocument>, ManageError> {
    let found = call.read(move |reader| reader.separations(page.cursor, page.limit)).await?;
    let next_cursor = found.items.last().filter(|_| found.more).map(|last| last.no.to_string());
    Ok(PageDocument { items: found.items.iter().map(SeparationDocument::from).collect(), next_cursor })
}

/// Lifts a separation.
pub(crate) async fn lift(
    call: WorkspaceContext,
    (Id(separation),): (Id<SeparationNo>,),
) -> Result<EmptyAnswer, ManageError> {
    if !apply(&*call.context.app.engine, call.entry.id(), Lift { separation }, Mode::Commit).await? {
        return Err(SeparationNo::unknown().into());
    }
    call.audit(AuditAction::SeparationLifted, &separation.to_string(), json!({})).await;
    Ok(EmptyAnswer)
}
