//! Figures of a workspace from its pulse: rates of the last hour, faults by type, and the use of its keys. In memory: they
//! begin anew with the server.

use super::makers::{Maker, makers};
use super::{Answer, Call, tree};
use crate::callers::Scope;
use crate::pulse::{FaultShown, MinuteShown, UseShown};
use crate::workspaces::{Entry, fingerprint};
use muster_core::id::RequestId;
use muster_core::rate::Class;
use muster_core::time::Timestamp;
use muster_store::engine::KeyRecord;
use serde_json::{Map, Value as Json, json};

/// Since when this server counts what happens to a workspace.
fn since(call: &Call, entry: &Entry) -> String {
    call.app.watching.since.max(entry.workspace.created_at).to_string()
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// `GET .../rates`: the last sixty minutes, the requests of a second, and the budget.
pub(crate) async fn rates(call: Call) -> Answer {
    let entry = call.entry()?;
    let now = call.app.now();
    let (minutes, last) = entry.lane.pulse.rates(now);
    let window = call.app.engine.rate(entry.id()).at(call.app.clock.now());
    let of = |class: Class| json!({"used": window.used(class), "limit": class.limit(entry.settings.limits)});
    let budget: Map<String, Json> = Class::ALL.into_iter().map(|class| (class.name().to_owned(), of(class))).collect();
    let answer = json!({
        "minutes": minutes.iter().map(minute).collect::<Vec<_>>(),
        "per_second": entry.lane.pulse.per_second(now),
        "last_request_at": text(last),
        "since": since(&call, &entry),
        "budget": budget,
    });
    Ok(Call::about(&entry, tree(200, &answer)))
}

fn minute(minute: &MinuteShown) -> Json {
    let [_, ok, _, refused, failed] = minute.by_class;
    json!({
        "at": minute.at.to_string(),
        "requests": minute.requests(),
        "by_status": {"2xx": ok, "4xx": refused, "5xx": failed},
        "accepted": minute.accepted,
        "rejected": minute.rejected,
        "events": minute.events,
        "limited": minute.limited,
        "p50_us": minute.p50_us,
        "p99_us": minute.p99_us,
    })
}

/// `GET .../faults`: the faults of the last hour by type, the most frequent first.
pub(crate) async fn faults(call: Call) -> Answer {
    let entry = call.entry()?;
    let items: Vec<Json> = entry.lane.pulse.faults(call.app.now()).iter().map(fault).collect();
    let answer = json!({"items": items, "next_cursor": null, "since": since(&call, &entry)});
    Ok(Call::about(&entry, tree(200, &answer)))
}

fn fault(fault: &FaultShown) -> Json {
    json!({
        "type": fault.name,
        "count": fault.count,
        "earlier": fault.earlier,
        "last_at": fault.last_at.to_string(),
        "request_id": RequestId::from_no(fault.request).to_string(),
    })
}

/// `GET .../keys`: the keys with their use, then those that ended since this server began.
pub(crate) async fn keys(call: Call) -> Answer {
    let entry = call.entry()?;
    let shown = entry.lane.pulse.keys(&entry.workspace.keys, call.app.now());
    let records: Vec<KeyRecord> = shown.iter().map(|(key, _)| key.clone()).collect();
    // The audit log is for those who operate.
    let makers = if call.caller.has(Scope::Operate) {
        makers(&call, &entry, &records).await?
    } else {
        vec![None; records.len()]
    };
    let items: Vec<Json> = shown.iter().zip(makers).map(key).collect();
    let answer = json!({"items": items, "next_cursor": null, "since": since(&call, &entry)});
    Ok(Call::about(&entry, tree(200, &answer)))
}

fn key(((key, used), maker): (&(KeyRecord, UseShown), Option<Maker>)) -> Json {
    let (by, from) = maker.map_or((None, None), |(by, from)| (Some(by), from));
    json!({
        "fingerprint": fingerprint(&key.sha256),
        "scopes": key.scopes.split(',').collect::<Vec<_>>(),
        "created_at": key.created_at.to_string(),
        "valid_until": text(key.valid_until),
        "last_used_at": text(used.last_used_at),
        "addresses": used.addresses,
        "refused_after_end": used.refused_after_end,
        "made_by": by,
        "made_from": from.map(|address| address.to_string()),
    })
}
