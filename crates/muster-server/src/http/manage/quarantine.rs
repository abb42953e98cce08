//! The quarantine: rejected elements, listed and shown (behaviour.md 4).

use super::{Answer, Call, tree};
use muster_core::id::QuarantineNo;
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::quarantine;

/// `GET .../quarantine`: newest first.
pub(crate) async fn list(call: Call) -> Answer {
    let entry = call.entry()?;
    let limit = call.limit()?;
    let below = call.cursor(QuarantineNo::parse)?;
    let found = call.read(entry.id(), move |reader| reader.quarantine(below, limit)).await?;
    let next = found.items.last().filter(|_| found.more).map(|last| last.no.to_string());
    let items = found.items.iter().map(quarantine::json).collect();
    Ok(Call::about(&entry, tree(200, &page(items, next.as_deref()))))
}

/// `GET .../quarantine/{id}`.
pub(crate) async fn show(call: Call) -> Answer {
    let entry = call.entry()?;
    let unknown = || Problem::new(404, "no such entry in the quarantine");
    let no = QuarantineNo::parse(call.part(1)).ok_or_else(unknown)?;
    let found = call.read(entry.id(), move |reader| reader.quarantined(no)).await?.ok_or_else(unknown)?;
    Ok(Call::about(&entry, tree(200, &quarantine::json(&found))))
}
