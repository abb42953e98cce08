//! The live stream: every answered request of a workspace as a server-sent event (WHATWG HTML, section 9.2), for as long as
//! the viewer may watch. It takes no place among the reading calls: those are for calls that end.

use super::{ManageCall, ManageResult, caller_of};
use crate::activity::viewer::{StreamEvent, Viewer};
use crate::activity::{LiveRequest, StreamFormat};
use crate::app::App;
use crate::callers::TokenScope;
use crate::manage::arguments::{Arguments as _, Sent};
use crate::manage::context::{CallContext as _, WorkspaceContext, masks};
use crate::manage::error::ManageError;
use crate::manage::request_filter::{RequestFilter, RequestFilterQuery};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use muster_wire::manage::page::render;
use muster_wire::manage::problem::Problem;
use muster_wire::manage::request::RequestDocument;
use std::convert::Infallible;
use std::net::IpAddr;

/// `GET .../requests/live` with the filters of `GET .../requests`: the items of that list, and those of requests that the log
/// does not keep. A slow viewer gets the number of lost requests in an event `lagged`; one that gets nothing for a while
/// gets a comment.
pub(crate) async fn requests(call: ManageCall) -> ManageResult {
    let (headers, from, parts) = (call.headers.clone(), call.context.address, call.parts.clone());
    let context = WorkspaceContext::new(call.context.clone(), parts.first().map_or("", String::as_str))?;
    let query = RequestFilterQuery::read(&Sent { query: call.query, ..Sent::default() })?;
    let watch = Watch::open(&context, query, move |app| check_viewer(app, (&headers, from), &parts)).await?;
    let entry = context.entry;
    // The first bytes go at once, so that the viewer knows that it watches.
    let begun = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b": watching\n\n"))]);
    let rest = stream::unfold(watch, |mut watch| async {
        let sent = next(&mut watch).await?;
        Some((Ok(sent), watch))
    });
    let mut response = Response::new(Body::from_stream(stream::StreamExt::chain(begun, rest)));
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(ManageCall::about(&entry, response))
}

/// Returns whether the caller of these headers may still watch, and if so whether personal data is masked for it. The
/// one place that asks what a token may do while its stream runs.
fn check_viewer(app: &App, (headers, from): (&HeaderMap, Option<IpAddr>), parts: &[String]) -> Option<bool> {
    let caller = caller_of(app, headers, from).filter(|caller| caller.has(TokenScope::Read))?;
    let id = parts.first().filter(|id| caller.sees(id))?;
    Some(masks(app, &caller, id))
}

/// A viewer and what it wants to see, for the streams of the API and of the console.
#[derive(Debug)]
pub(crate) struct Watch {
    viewer: Viewer,
    filter: RequestFilter,
}

impl Watch {
    /// Begins to watch the workspace of a call; `judge` is that of [`Viewer::open`].
    ///
    /// # Errors
    /// 503 if there is no place for another viewer; those of [`RequestFilter::new`].
    pub(crate) async fn open(
        call: &WorkspaceContext,
        query: RequestFilterQuery,
        judge: impl Fn(&App) -> Option<bool> + Send + 'static,
    ) -> Result<Self, ManageError> {
        let full = || Problem::new(503, "the limit of live viewers has been reached; try again later");
        // First, so that no merge is missed: either its request is seen, or the members are read after it.
        let (app, caller) = (&call.context.app, &call.context.caller);
        let viewer = Viewer::open(app, (caller, &call.entry), judge).ok_or_else(full)?;
        let filter = RequestFilter::new(call, query).await?;
        Ok(Self { viewer, filter })
    }

    /// Returns the next event of [`Viewer::next`]: a request that passes the filter, or any while `is_due`. At each check
    /// the members of a followed user are read again.
    pub(crate) async fn next(&mut self, is_due: impl Fn() -> bool + Send + Sync) -> StreamEvent {
        loop {
            let filter = &mut self.filter;
            match self.viewer.next(|request| filter.shows(request) || is_due()).await {
                StreamEvent::Checked => {
                    let (app, workspace) = self.viewer.watched();
                    self.filter.read_again(app, workspace).await;
                }
                event => return event,
            }
        }
    }

    /// Returns whether a request is wanted.
    pub(crate) fn shows(&mut self, request: &LiveRequest) -> bool {
        self.filter.shows(request)
    }
}

/// Returns what is sent next; None ends the stream.
async fn next(watch: &mut Watch) -> Option<Bytes> {
    match watch.next(|| false).await {
        StreamEvent::Request(request, is_masked) => Some(request.rendered(&StreamFormat::Item { is_masked }, event)),
        StreamEvent::Lagged(lost) => Some(format!("event: lagged\ndata: {{\"lost\":{lost}}}\n\n").into()),
        StreamEvent::Quiet | StreamEvent::Checked => Some(Bytes::from_static(b": still here\n\n")),
        StreamEvent::Ended => None,
    }
}

fn event(item: &RequestDocument) -> Bytes {
    [b"data: ", &render(item)[..], b"\n\n"].concat().into()
}
