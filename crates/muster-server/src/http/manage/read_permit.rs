//! The place among the reading calls, which an answer of the management API holds until its last byte is taken.

use crate::manage::context::ReadPermit;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

/// The place that the call took: put into the request, filled when the token was checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadPermitSlot(Arc<OnceLock<Option<ReadPermit>>>);

impl ReadPermitSlot {
    /// Notes the place.
    pub(super) fn set_permit(&self, permit: Option<ReadPermit>) {
        // The token of a call is checked once.
        let _first = self.0.set(permit);
    }

    /// The answer as it may leave.
    pub(crate) fn pass(self, response: Response) -> Response {
        let Some(permit) = self.0.get().cloned().flatten() else { return response };
        response.map(|body| Body::new(PermitBody { inner: body, permit }))
    }
}

/// A body whose every byte holds the place: it is given back when the connection has taken the last one, not when it was
/// made, so that clients who ask and do not read are counted.
struct PermitBody {
    inner: Body,
    permit: ReadPermit,
}

/// Bytes that hold a place.
struct PermitBytes {
    bytes: Bytes,
    _permit: ReadPermit,
}

impl AsRef<[u8]> for PermitBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for PermitBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        let permit = &self.permit;
        let hold = |bytes: Bytes| Bytes::from_owner(PermitBytes { bytes, _permit: permit.clone() });
        polled.map(|frame| frame.map(|read| read.map(|frame| frame.map_data(hold))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
