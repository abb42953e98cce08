//! Figures of a workspace: its counts, and what this server counts in memory: rates of the last hour, faults by type, and
//! the use of its keys. What is in memory begins again with the server.

use super::context::WorkspaceContext;
use super::error::ManageError;
use super::key_provenance::{Maker, makers};
use crate::activity::{FaultFigures, KeyUseSummary, MinuteFigures};
use crate::callers::TokenScope;
use crate::keys::fingerprint;
use muster_core::id::RequestId;
use muster_core::rate::Class;
use muster_core::time::Timestamp;
use muster_store::engine::KeyRecord;
use muster_wire::manage::as_text::AsText;
use muster_wire::manage::stats::{
    BudgetDocument, CountedList, FaultCountDocument, KeyUseDocument, MinuteDocument, RatesDocument, StatsDocument,
    StatusClasses,
};

/// Counts users, events, devices, merges, requests, and what waits.
pub(crate) async fn stats(call: WorkspaceContext, (): ()) -> Result<StatsDocument, ManageError> {
    Ok(StatsDocument::from(&call.read(|reader| reader.counters()).await?))
}

/// Returns since when this server counts what happens to the workspace.
fn since(call: &WorkspaceContext) -> AsText<Timestamp> {
    AsText(call.context.app.server_activity.since.max(call.entry.workspace.created_at))
}

/// Tells the requests of the last sixty minutes, the requests of a second, and the budget.
pub(crate) async fn rates(call: WorkspaceContext, (): ()) -> Result<RatesDocument, ManageError> {
    let (app, entry) = (&call.context.app, &call.entry);
    let now = app.now();
    let (minutes, last) = entry.runtime.activity.rates(now);
    let window = app.engine.rate(entry.id()).at(app.clock.now());
    let budget = |class: Class| BudgetDocument {
        used: u64::from(window.used(class)),
        limit: u64::from(class.limit(entry.settings.limits)),
    };
    Ok(RatesDocument {
        minutes: minutes.iter().map(minute).collect(),
        per_second: entry.runtime.activity.per_second(now),
        last_request_at: last.map(AsText),
        since: since(&call),
        budget: Class::ALL.into_iter().map(|class| (class.name().to_owned(), budget(class))).collect(),
    })
}

fn minute(minute: &MinuteFigures) -> MinuteDocument {
    let [_, success, _, refused, failed] = minute.by_class.map(u64::from);
    MinuteDocument {
        at: AsText(minute.at),
        requests: u64::from(minute.requests()),
        by_status: StatusClasses { success, refused, failed },
        accepted: u64::from(minute.accepted),
        rejected: u64::from(minute.rejected),
        events: u64::from(minute.events),
        limited: u64::from(minute.limited),
        p50_us: minute.p50_us,
        p99_us: minute.p99_us,
    }
}

/// Lists the faults of the last hour by type, the most frequent first.
pub(crate) async fn faults(call: WorkspaceContext, (): ()) -> Result<CountedList<FaultCountDocument>, ManageError> {
    let faults = call.entry.runtime.activity.faults(call.context.app.now());
    Ok(CountedList { items: faults.iter().map(fault).collect(), next_cursor: None, since: since(&call) })
}

fn fault(fault: &FaultFigures) -> FaultCountDocument {
    FaultCountDocument {
        name: fault.name.to_owned(),
        count: fault.count,
        earlier: fault.earlier,
        last_at: AsText(fault.last_at),
        request_id: AsText(RequestId::from_no(fault.request)),
    }
}

/// Lists the keys with their use, then the keys that ended since this server began.
pub(crate) async fn keys(call: WorkspaceContext, (): ()) -> Result<CountedList<KeyUseDocument>, ManageError> {
    let shown = call.entry.runtime.activity.keys(&call.entry.workspace.keys, call.context.app.now());
    let records: Vec<KeyRecord> = shown.iter().map(|(key, _)| key.clone()).collect();
    // The audit log is for those who operate.
    let makers = if call.context.caller.has(TokenScope::Operate) {
        makers(&call, &records).await?
    } else {
        vec![None; records.len()]
    };
    let items = shown.iter().zip(makers).map(|((key, used), maker)| key_use(key, used, maker)).collect();
    Ok(CountedList { items, next_cursor: None, since: since(&call) })
}

fn key_use(key: &KeyRecord, used: &KeyUseSummary, maker: Option<Maker>) -> KeyUseDocument {
    let (by, from) = maker.map_or((None, None), |(by, from)| (Some(by), from));
    KeyUseDocument {
        fingerprint: fingerprint(&key.sha256),
        scopes: key.scopes.split(',').map(str::to_owned).collect(),
        created_at: AsText(key.created_at),
        valid_until: key.valid_until.map(AsText),
        last_used_at: used.last_used_at.map(AsText),
        addresses: used.addresses,
        refused_after_end: used.refused_after_end,
        made_by: by,
        made_from: from.map(|address| address.to_string()),
    }
}
