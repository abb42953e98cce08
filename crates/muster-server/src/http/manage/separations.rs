//! Separations: pairs of ids that must stay apart, listed and lifted (behaviour.md 3.4).

use super::audit::Action;
use super::{Answer, Call, nothing, tree};
use muster_core::decide::Lift;
use muster_core::decision::Mode;
use muster_core::id::SeparationNo;
use muster_store::engine::apply;
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::separation;
use serde_json::json;

/// `GET .../separations`: newest first.
pub(crate) async fn list(call: Call) -> Answer {
    let entry = call.entry()?;
    let limit = call.limit()?;
    let below = call.cursor(SeparationNo::parse)?;
    let found = call.read(entry.id(), move |reader| reader.separations(below, limit)).await?;
    let next = found.items.last().filter(|_| found.more).map(|last| last.no.to_string());
    let items = found.items.iter().map(separation::json).collect();
    Ok(Call::about(&entry, tree(200, &page(items, next.as_deref()))))
}

/// `DELETE .../separations/{id}`.
pub(crate) async fn lift(call: Call) -> Answer {
    let entry = call.entry()?;
    let unknown = || Problem::new(404, "no such separation");
    let separation = SeparationNo::parse(call.part(1)).ok_or_else(unknown)?;
    if !apply(&*call.app.engine, entry.id(), Lift { separation }, Mode::Commit).await? {
        return Err(unknown().into());
    }
    call.audit(Action::SeparationLifted, Some(entry.id()), &separation.to_string(), json!({})).await;
    Ok(Call::about(&entry, nothing()))
}
