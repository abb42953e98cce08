//! The ingestion log (behaviour.md 4).

use super::wanted::{Wanted, flag};
use super::{Answer, Call, tree};
use crate::limits::{REQUEST_LOOK_MAX, REQUEST_LOOK_ROWS};
use crate::manage::walk::{Bounds, walk};
use crate::pulse::Refusal;
use muster_core::id::{RequestId, RequestNo};
use muster_core::record::LogEntry;
use muster_core::time::Timestamp;
use muster_store::engine::EngineError;
use muster_store::reader::{Reader, RequestQuery};
use muster_wire::manage::body;
use muster_wire::manage::page::page;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::request;
use serde_json::Value as Json;
use std::cmp::Reverse;

/// `GET .../requests?status=&outcome=&kind=&fault=&warnings=&since=&until=&user_id=&refused=&limit=&cursor=`: newest first. A
/// filter that the storage cannot tell looks through a bounded number of entries, so a page may be short, or empty, and
/// have a next. With `refused=true`, and where `status` is one that the log does not keep, the refusals that the server
/// remembers are among them (behaviour.md 4.p).
pub(crate) async fn list(call: Call) -> Answer {
    listed(call, None).await
}

/// `POST .../requests/find` `{"origin_address"}` with the parameters of [`list`]: those that came from this address, in pages
/// like those of a filter by kind. A POST, since personal data is never taken from a query string (behaviour.md 4).
pub(crate) async fn find(call: Call) -> Answer {
    call.entry()?;
    let members = body::object(&call.body)?;
    body::only_known(&members, "", &["origin_address"])?;
    let missing = || Problem::at("/origin_address", "give the address whose requests are looked for");
    let origin = body::text(members.get("origin_address").ok_or_else(missing)?, "/origin_address")?.to_owned();
    listed(call, Some(&origin)).await
}

async fn listed(call: Call, origin: Option<&str>) -> Answer {
    let entry = call.entry()?;
    let limit = call.limit()?;
    let wanted = Wanted::of(&call, &entry).await?;
    let wanted = match origin {
        Some(origin) => wanted.with_origin(origin)?,
        None => wanted,
    };
    let with_refused = call.parameter("refused").map(|text| flag("refused", text)).transpose()?;
    let below = call.cursor(parse_cursor)?;
    let mut refusals = Vec::new();
    if with_refused.unwrap_or(wanted.is_of_refusals()) {
        let fits = |it: &Refusal| below.is_none_or(|below| it.place() < below) && wanted.keeps_refusal(it);
        refusals = entry.lane.pulse.refusals().fitting(fits);
    }
    let (found, next) = if wanted.is_of_refusals() {
        (Vec::new(), None)
    } else {
        call.read(entry.id(), move |reader| fitting(reader, (below, limit), &wanted)).await?
    };
    let (items, next) = merged(found, refusals, (next, limit));
    Ok(Call::about(&entry, tree(200, &page(items, next.map(cursor).as_deref()))))
}

/// A place in the log.
type Place = (Timestamp, RequestNo);

/// One page of entries of the log and of refusals that it does not keep, the newest first. `next` is where the log goes
/// on: what is older waits for the page that comes to it.
fn merged(
    found: Vec<LogEntry>,
    refusals: Vec<Refusal>,
    (next, limit): (Option<Place>, usize),
) -> (Vec<Json>, Option<Place>) {
    let is_due = |refusal: &&Refusal| next.is_none_or(|next| refusal.place() > next);
    let logged = found.iter().map(|it| ((it.received_at, it.no), request::summary(it)));
    let mut items: Vec<(Place, Json)> = logged.collect();
    items.extend(refusals.iter().filter(is_due).map(|it| (it.place(), it.item())));
    items.sort_by_key(|(place, _)| Reverse(*place));
    let is_cut = items.len() > limit;
    items.truncate(limit);
    let next = if is_cut { items.last().map(|(place, _)| *place) } else { next };
    (items.into_iter().map(|(_, item)| item).collect(), next)
}

/// The newest entries that are wanted, and where the next page begins.
fn fitting(
    reader: &mut dyn Reader,
    (below, limit): (Option<Place>, usize),
    wanted: &Wanted,
) -> Result<(Vec<LogEntry>, Option<Place>), EngineError> {
    let limit_read = if wanted.is_plain() { limit } else { limit.max(REQUEST_LOOK_ROWS) };
    let Wanted { status, outcome, since, .. } = *wanted;
    let query = |below| RequestQuery { status, outcome, below, since, limit: limit_read };
    let place = |request: &LogEntry| (request.received_at, request.no);
    let until = wanted.until.map(|until| (until, RequestNo(0)));
    let below = [below, until].into_iter().flatten().min();
    let bounds = Bounds { below, limit, look_max: REQUEST_LOOK_MAX };
    walk(bounds, |below| reader.requests(query(below)), place, |request| wanted.keeps(request))
}

fn cursor((at, no): Place) -> String {
    format!("{}_{}", at.0, RequestId::from_no(no))
}

fn parse_cursor(text: &str) -> Option<Place> {
    let (at, id) = text.split_once('_')?;
    Some((Timestamp(at.parse().ok()?), RequestId::parse(id)?.no()))
}

/// `GET .../requests/{request_id}`: with the result of every element; also of a refusal that the log does not keep, while
/// the server remembers it (behaviour.md 4.p).
pub(crate) async fn show(call: Call) -> Answer {
    let entry = call.entry()?;
    let unknown = || Problem::new(404, "no such request, or it is older than the log is kept");
    let no = RequestId::parse(call.part(1)).ok_or_else(unknown)?.no();
    let shown = match entry.lane.pulse.refusals().get(no) {
        Some(refusal) => refusal.full(),
        None => request::full(&call.read(entry.id(), move |reader| reader.request(no)).await?.ok_or_else(unknown)?),
    };
    Ok(Call::about(&entry, tree(200, &shown)))
}

/// `GET /requests/refused?request_id=&limit=&cursor=`: refusals of callers without a valid key, the newest first.
pub(crate) async fn refused(call: Call) -> Answer {
    let refusals = call.app.watching.strangers();
    if let Some(text) = call.parameter("request_id") {
        let found = RequestId::parse(text).and_then(|id| refusals.get(id.no()));
        return Ok(tree(200, &page(found.iter().map(Refusal::item).collect(), None)));
    }
    let before = call.cursor(|text| text.parse().ok())?;
    let (found, next) = refusals.page(before, call.limit()?);
    Ok(tree(200, &page(found.iter().map(Refusal::item).collect(), next.map(|place| place.to_string()).as_deref())))
}
