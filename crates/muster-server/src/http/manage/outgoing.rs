//! What every answer of the management API passes on its way out, whichever handler made it: the mask over personal data
//! (behaviour.md 4), and the place among the reading calls, which an answer holds until its last byte is taken.

use super::problem;
use crate::app::App;
use crate::callers::Caller;
use crate::manage::context::{Place, masks};
use axum::body::Body;
use axum::http::header;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use muster_wire::manage::mask::masked;
use muster_wire::manage::page::render;
use muster_wire::manage::problem::{CONTENT_TYPE, Problem};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

/// Resources of a workspace that hold settings and counts, and nothing about a person. All others are masked, so that a
/// resource that is new is masked until somebody puts it here.
const IMPERSONAL: [&str; 6] = ["identity", "stats", "jobs", "rates", "faults", "keys"];

/// What the judgement of a caller says about the answer: put into the request, filled when the token was judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing(Arc<OnceLock<(Option<Place>, bool)>>);

/// Whether the answer about this path is masked for this caller.
pub(crate) fn is_masked(app: &App, caller: &Caller, parts: &[String]) -> bool {
    let (workspace, resource) = (parts.first().map_or("", String::as_str), parts.get(1).map_or("", String::as_str));
    masks(app, caller, workspace) && !resource.is_empty() && !IMPERSONAL.contains(&resource)
}

impl Outgoing {
    /// Notes the judgement.
    pub(super) fn judged(&self, place: Option<Place>, is_masked: bool) {
        // A call is judged once.
        let _first = self.0.set((place, is_masked));
    }

    /// The answer as it may leave.
    pub(crate) async fn pass(self, response: Response) -> Response {
        let Some((place, is_masked)) = self.0.get().cloned() else { return response };
        let response = if is_masked && response.extensions().get::<MasksItself>().is_none() {
            with_mask(response).await
        } else {
            response
        };
        let Some(place) = place else { return response };
        response.map(|body| Body::new(Holding { inner: body, place }))
    }
}

/// In an answer that has no end to wait for: it masks each part itself before it leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MasksItself;

/// The answer with its values masked. What is no JSON cannot be masked and is not shown.
pub(crate) async fn with_mask(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let kind = head.headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_owned()).unwrap_or_default();
    if kind.starts_with(CONTENT_TYPE.as_bytes()) || (kind.is_empty() && head.status.is_success()) {
        return Response::from_parts(head, body);
    }
    let bytes = match body.collect().await {
        Ok(collected) if kind.starts_with(b"application/json") => collected.to_bytes(),
        _ => Bytes::from_static(b"-"),
    };
    // The length is that of the answer before, which a HEAD request would tell.
    head.headers.remove(header::CONTENT_LENGTH);
    if bytes.is_empty() {
        return Response::from_parts(head, Body::empty());
    }
    let Ok(mut json) = serde_json::from_slice(&bytes) else {
        return problem(&Problem::new(403, "this workspace masks personal data, and this answer cannot be masked"));
    };
    masked(&mut json);
    Response::from_parts(head, render(&json).into())
}

/// A body whose every byte holds the place: it is given back when the connection has taken the last one, not when it was
/// made, so that clients who ask and do not read are counted.
struct Holding {
    inner: Body,
    place: Place,
}

/// Bytes that hold a place.
struct Held {
    bytes: Bytes,
    _place: Place,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Holding {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        let place = &self.place;
        let hold = |bytes: Bytes| Bytes::from_owner(Held { bytes, _place: place.clone() });
        polled.map(|frame| frame.map(|read| read.map(|frame| frame.map_data(hold))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
