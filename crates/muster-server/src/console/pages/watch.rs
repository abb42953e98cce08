//! The moving parts of the live page: its stream of rows, and the requests per second.

use super::super::components::{self, count_noun};
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html_part};
use super::log::{Row, filters};
use crate::activity::viewer::StreamEvent;
use crate::activity::{Activity, LiveRequest, StreamFormat};
use crate::app::App;
use crate::callers::TokenScope;
use crate::http::manage::live::Watch;
use crate::limits::LIVE_RATE_MS;
use crate::manage::error::ManageError;
use crate::manage::request_filter::RequestFilterQuery;
use crate::manage::scopes;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use muster_core::time::Timestamp;
use std::convert::Infallible;
use std::sync::Arc;

/// `GET /w/{ws}/live/rate`: requests per second, for the navigation.
pub(crate) async fn rate(context: Arc<PageContext>) -> PageResult {
    scopes::has(&context.caller, TokenScope::Read)?;
    html_part(&components::rate(context.entry()?.runtime.activity.per_second(context.app.now())))
}

/// The state of one viewer of the stream.
struct Stream {
    watch: Watch,
    activity: Arc<Activity>,
    app: Arc<App>,
    times: components::TimeFormatter,
    zone: Arc<str>,
    workspace: String,
    /// When the rate was sent last.
    told_at: Timestamp,
}

/// `GET /w/{ws}/live/stream` with the filters of [`super::log::live`]: server-sent events (WHATWG HTML, section 9.2): `row`, a rendered
/// row of the table, and `rate`, a sentence. HEAD tells the script why there is no stream: an `EventSource` does not.
pub(crate) async fn stream(context: Arc<PageContext>) -> PageResult {
    let entry = context.entry()?;
    scopes::has(&context.caller, TokenScope::Read)?;
    let filters = filters(&context);
    let query = RequestFilterQuery::parse(|name| {
        filters.iter().find(|(known, value)| *known == name && !value.is_empty()).map(|(_, value)| *value)
    })?;
    let watch = Watch::open(&context.workspace_context()?, query, context.watches())
        .await
        .map_err(ManageError::into_problem)?;
    let times = context.times();
    let state = Stream {
        watch,
        activity: Arc::clone(&entry.runtime.activity),
        app: Arc::clone(&context.app),
        zone: times.name().into(),
        times,
        workspace: context.workspace().to_owned(),
        told_at: Timestamp(0),
    };
    // The first bytes go at once, so that the browser knows that it watches.
    let begun = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b": watching\n\n"))]);
    let rest = stream::unfold(state, |mut state| async {
        let sent = state.next().await?;
        Some((Ok(sent), state))
    });
    let mut response = Response::new(Body::from_stream(stream::StreamExt::chain(begun, rest)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

impl Stream {
    /// Returns what is sent next; None ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        let Self { watch, app, .. } = self;
        // A request that is not shown wakes the viewer only when the rate is due.
        let due_at = self.told_at.0 + LIVE_RATE_MS;
        let sent = match watch.next(|| app.now().0 >= due_at).await {
            StreamEvent::Request(request, is_masked) if self.watch.shows(&request) => self.row(&request, is_masked),
            StreamEvent::Request(..) => Bytes::new(),
            StreamEvent::Lagged(lost) => {
                sent("rate", &format!("Too fast to show: {} left out", count_noun(lost, "request"))).into()
            }
            StreamEvent::Quiet | StreamEvent::Checked => Bytes::from_static(b": still here\n\n"),
            StreamEvent::Ended => return None,
        };
        let now = self.app.now();
        if now.0 < due_at {
            return Some(sent);
        }
        self.told_at = now;
        let rate = self::sent("rate", &format!("{:.1} requests per s", self.activity.per_second(now)));
        Some([&sent[..], rate.as_bytes()].concat().into())
    }

    fn row(&self, request: &LiveRequest, is_masked: bool) -> Bytes {
        let format = StreamFormat::Row { is_masked, zone: Arc::clone(&self.zone) };
        request.rendered(&format, |item| sent("row", &Row::new(&self.times, &self.workspace, item).markup()).into())
    }
}

/// Returns a server-sent event: each line of the data is a line of its own.
fn sent(name: &str, data: &str) -> String {
    let lines: Vec<String> = data.lines().map(|line| format!("data: {line}\n")).collect();
    format!("event: {name}\n{}\n", lines.concat())
}
