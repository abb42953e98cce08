//! The ingestion log (behaviour.md 4).

use super::arguments::{Arguments, Cursor, Id, JsonBody, PageQuery, PathId as _, Sent, flag};
use super::context::{ManageContext, WorkspaceContext};
use super::description::{CallDescription, Parameter};
use super::error::ManageError;
use super::request_filter::{RequestFilter, RequestFilterQuery};
use super::walk::{WalkBounds, walk};
use crate::activity::Refusal;
use crate::limits::{REQUEST_LOOK_MAX, REQUEST_LOOK_ROWS};
use muster_core::id::{RequestId, RequestNo};
use muster_core::record::LogEntry;
use muster_core::time::Timestamp;
use muster_store::engine::EngineError;
use muster_store::reader::{Reader, RequestQuery};
use muster_wire::manage::page::PageDocument;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::request::{FindRequestsRequest, LoggedRequestDetail, RequestDetailDocument, RequestDocument};
use schemars::json_schema;
use std::cmp::Reverse;

/// A place in the log.
type Place = (Timestamp, RequestNo);

/// The place of a request in the log, as a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogPlace(Place);

impl Cursor for LogPlace {
    fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('_')?;
        Some(Self((Timestamp(at.parse().ok()?), RequestId::parse(id)?.no())))
    }
}

fn cursor((at, no): Place) -> String {
    format!("{}_{}", at.0, RequestId::from_no(no))
}

/// Whether refusals that the log does not keep are listed; None lists them where the log has nothing that fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WithRefused(pub(crate) Option<bool>);

impl Arguments for WithRefused {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Ok(Self(sent.parameter("refused").map(|text| flag("refused", text)).transpose()?))
    }

    fn describe(call: &mut CallDescription<'_>) {
        let meaning = "Also list the last 1,000 refusals of callers with a valid key, which the log does not keep, since the \
                       server started. Default: true if status is one that the log does not keep";
        call.query(Parameter::new("refused", meaning, json_schema!({"type": "boolean"})));
    }
}

/// Lists requests, the newest first. A filter that the storage cannot tell reads a bounded number of entries, so a
/// page may be short, or empty, and have a next (behaviour.md 4.p).
pub(crate) async fn list(
    call: WorkspaceContext,
    (page, query, with_refused): (PageQuery<LogPlace>, RequestFilterQuery, WithRefused),
) -> Result<PageDocument<RequestDocument>, ManageError> {
    let filter = RequestFilter::new(&call, query).await?;
    listed(&call, page, filter, with_refused).await
}

/// Lists the requests that came from an address, in pages like those of a filter by kind. A POST, since personal data is
/// never taken from a query string (behaviour.md 4).
pub(crate) async fn find(
    call: WorkspaceContext,
    (JsonBody(wanted), page, query, with_refused): (
        JsonBody<FindRequestsRequest>,
        PageQuery<LogPlace>,
        RequestFilterQuery,
        WithRefused,
    ),
) -> Result<PageDocument<RequestDocument>, ManageError> {
    let filter = RequestFilter::new(&call, query).await?.with_origin(&wanted.origin_address)?;
    listed(&call, page, filter, with_refused).await
}

async fn listed(
    call: &WorkspaceContext,
    page: PageQuery<LogPlace>,
    filter: RequestFilter,
    with_refused: WithRefused,
) -> Result<PageDocument<RequestDocument>, ManageError> {
    let (limit, below) = (page.limit, page.cursor.map(|place| place.0));
    let mut refusals = Vec::new();
    if with_refused.0.unwrap_or(filter.is_of_refusals()) {
        let fits = |it: &Refusal| below.is_none_or(|below| it.place() < below) && filter.keeps_refusal(it);
        refusals = call.entry.runtime.activity.refusals().fitting(fits);
    }
    let (found, next) = if filter.is_of_refusals() {
        (Vec::new(), None)
    } else {
        call.read(move |reader| matching_entries(reader, (below, limit), &filter)).await?
    };
    let (items, next) = merged(found, refusals, (next, limit));
    Ok(PageDocument { items, next_cursor: next.map(cursor) })
}

/// One page of entries of the log and of refusals that it does not keep, the newest first. `next` is where the log goes
/// on: what is older waits for the page that comes to it.
fn merged(
    found: Vec<LogEntry>,
    refusals: Vec<Refusal>,
    (next, limit): (Option<Place>, usize),
) -> (Vec<RequestDocument>, Option<Place>) {
    let is_due = |refusal: &&Refusal| next.is_none_or(|next| refusal.place() > next);
    let logged = found.iter().map(|it| ((it.received_at, it.no), RequestDocument::from(it)));
    let mut items: Vec<(Place, RequestDocument)> = logged.collect();
    items.extend(refusals.iter().filter(is_due).map(|it| (it.place(), it.document())));
    items.sort_by_key(|(place, _)| Reverse(*place));
    let is_cut = items.len() > limit;
    items.truncate(limit);
    let next = if is_cut { items.last().map(|(place, _)| *place) } else { next };
    (items.into_iter().map(|(_, item)| item).collect(), next)
}

/// Returns the newest entries that the filter keeps, and where the next page begins.
fn matching_entries(
    reader: &mut dyn Reader,
    (below, limit): (Option<Place>, usize),
    filter: &RequestFilter,
) -> Result<(Vec<LogEntry>, Option<Place>), EngineError> {
    let limit_read = if filter.is_plain() { limit } else { limit.max(REQUEST_LOOK_ROWS) };
    let (status, outcome, since) = (filter.status(), filter.outcome(), filter.since());
    let query = |below| RequestQuery { status, outcome, below, since, limit: limit_read };
    let place = |request: &LogEntry| (request.received_at, request.no);
    let until = filter.until().map(|until| (until, RequestNo(0)));
    let below = [below, until].into_iter().flatten().min();
    let bounds = WalkBounds { below, limit, look_max: REQUEST_LOOK_MAX };
    walk(bounds, |below| reader.requests(query(below)), place, |request| filter.keeps(request))
}

/// Shows a request with the result of every element; also a refusal that the log does not keep, while the server remembers
/// it (behaviour.md 4.p).
pub(crate) async fn show(
    call: WorkspaceContext,
    (Id(id),): (Id<RequestId>,),
) -> Result<RequestDetailDocument, ManageError> {
    let no = id.no();
    if let Some(refusal) = call.entry.runtime.activity.refusals().get(no) {
        return Ok(RequestDetailDocument::Refused(refusal.detail()));
    }
    let found = call.read(move |reader| reader.request(no)).await?.ok_or_else(RequestId::unknown)?;
    Ok(RequestDetailDocument::Logged(LoggedRequestDetail::from(&found)))
}

/// Which refusals without a valid key are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RefusedQuery {
    /// The one of this id alone.
    request_id: Option<String>,
    page: PageQuery<u64>,
}

impl Arguments for RefusedQuery {
    fn read(sent: &Sent) -> Result<Self, Problem> {
        Ok(match sent.parameter("request_id") {
            Some(id) => Self { request_id: Some(id.to_owned()), page: PageQuery::default() },
            None => Self { request_id: None, page: PageQuery::read(sent)? },
        })
    }

    fn describe(call: &mut CallDescription<'_>) {
        call.query(Parameter::text("request_id", "Only the request with this id"));
        <PageQuery<u64> as Arguments>::describe(call);
    }
}

/// Lists refusals of callers without a valid key, the newest first.
pub(crate) async fn refused(
    call: ManageContext,
    (query,): (RefusedQuery,),
) -> Result<PageDocument<RequestDocument>, ManageError> {
    let refusals = call.app.server_activity.strangers();
    let (found, next) = match &query.request_id {
        Some(text) => (RequestId::parse(text).and_then(|id| refusals.get(id.no())).into_iter().collect(), None),
        None => refusals.page(query.page.cursor, query.page.limit),
    };
    let items = found.iter().map(Refusal::document).collect();
    Ok(PageDocument { items, next_cursor: next.map(|place| place.to_string()) })
}
