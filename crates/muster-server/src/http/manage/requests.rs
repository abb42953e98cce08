//! The ingestion log (behaviour.md 4).

use super::{Answer, Call, tree};
use muster_core::id::{RequestId, RequestNo};
use muster_core::outcome::Outcome;
use muster_core::record::Request;
use muster_core::time::Timestamp;
use muster_store::reader::RequestQuery;
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::request;

/// `GET .../requests?status=&outcome=&cursor=`: newest first.
pub(crate) async fn list(call: Call) -> Answer {
    let entry = call.entry()?;
    let limit = call.limit()?;
    let no_status = || Problem::new(400, "status must be an HTTP status, like 200 or 400");
    let status = call.parameter("status").map(|text| text.parse().map_err(|_| no_status())).transpose()?;
    let outcome = call.parameter("outcome").map(outcome).transpose()?;
    let below = call.cursor(parse_cursor)?;
    let query = RequestQuery { status, outcome, below, limit };
    let found = call.read(entry.id(), move |reader| reader.requests(query)).await?;
    let next = found.items.last().filter(|_| found.more).map(cursor);
    let items = found.items.iter().map(request::summary).collect();
    Ok(Call::about(&entry, tree(200, &page(items, next.as_deref()))))
}

fn outcome(text: &str) -> Result<Outcome, Problem> {
    let unknown = || Problem::new(400, "outcome must be created, updated, merged, skipped, duplicate or rejected");
    Outcome::ALL.into_iter().find(|outcome| outcome.name() == text).ok_or_else(unknown)
}

fn cursor(request: &Request) -> String {
    format!("{}_{}", request.received_at.0, RequestId::of(request.no))
}

fn parse_cursor(text: &str) -> Option<(Timestamp, RequestNo)> {
    let (at, id) = text.split_once('_')?;
    Some((Timestamp(at.parse().ok()?), RequestId::parse(id)?.no()))
}

/// `GET .../requests/{request_id}`: with the result of every element.
pub(crate) async fn show(call: Call) -> Answer {
    let entry = call.entry()?;
    let unknown = || Problem::new(404, "no such request, or it is older than the log is kept");
    let no = RequestId::parse(call.part(1)).ok_or_else(unknown)?.no();
    let found = call.read(entry.id(), move |reader| reader.request(no)).await?.ok_or_else(unknown)?;
    Ok(Call::about(&entry, tree(200, &request::full(&found))))
}
