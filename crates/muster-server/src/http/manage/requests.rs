//! The ingestion log (behaviour.md 4).

use super::wanted::Wanted;
use super::{Answer, Call, tree};
use crate::limits::{REQUEST_LOOK_MAX, REQUEST_LOOK_ROWS};
use muster_core::id::{RequestId, RequestNo};
use muster_core::record::Request;
use muster_core::time::Timestamp;
use muster_store::engine::EngineError;
use muster_store::reader::{Reader, RequestQuery};
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::request;

/// `GET .../requests?status=&outcome=&kind=&origin_address=&user_id=&cursor=`: newest first. The last three look through a
/// bounded number of entries, so a page may be short, or empty, and have a next.
pub(crate) async fn list(call: Call) -> Answer {
    let entry = call.entry()?;
    let limit = call.limit()?;
    let wanted = Wanted::of(&call, &entry).await?;
    let below = call.cursor(parse_cursor)?;
    let (found, next) = call.read(entry.id(), move |reader| fitting(reader, (below, limit), &wanted)).await?;
    let items = found.iter().map(request::summary).collect();
    Ok(Call::about(&entry, tree(200, &page(items, next.map(cursor).as_deref()))))
}

/// A place in the log.
type Place = (Timestamp, RequestNo);

/// The newest entries that are wanted, and where the next page goes on.
fn fitting(
    reader: &mut dyn Reader,
    (below, limit): (Option<Place>, usize),
    wanted: &Wanted,
) -> Result<(Vec<Request>, Option<Place>), EngineError> {
    let rows = if wanted.is_plain() { limit } else { limit.max(REQUEST_LOOK_ROWS) };
    let (mut found, mut below, mut looked_at) = (Vec::new(), below, 0);
    loop {
        let query = RequestQuery { status: wanted.status, outcome: wanted.outcome, below, limit: rows };
        let page = reader.requests(query)?;
        let count = page.items.len();
        looked_at += count;
        for (at, request) in page.items.into_iter().enumerate() {
            below = Some((request.received_at, request.no));
            if wanted.keeps(&request) {
                found.push(request);
            }
            if found.len() == limit {
                return Ok((found, below.filter(|_| page.more || at + 1 < count)));
            }
        }
        if !page.more || looked_at >= REQUEST_LOOK_MAX {
            return Ok((found, below.filter(|_| page.more)));
        }
    }
}

fn cursor((at, no): Place) -> String {
    format!("{}_{}", at.0, RequestId::of(no))
}

fn parse_cursor(text: &str) -> Option<Place> {
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
