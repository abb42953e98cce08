//! What one request is answered, and whether its client takes it. Each piece of an answer knows when it was written out,
//! so that an answer that waits in a buffer of HTTP/2 is known to wait.

use super::Stream;
use crate::limits::ANSWER_PIECE_BYTES_MAX;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// A piece of an answer: its client took it when this is dropped.
struct Piece {
    bytes: Bytes,
    stream: Arc<Stream>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut progress = self.stream.progress();
        progress.untaken -= 1;
        progress.moved = Instant::now();
    }
}

/// The body of an answer, in pieces.
pub(crate) struct AnswerBody {
    inner: Body,
    /// What was cut off the last piece.
    rest: Bytes,
    stream: Arc<Stream>,
}

impl AnswerBody {
    /// Returns the answer of a request.
    pub(crate) fn new(inner: Body, stream: Arc<Stream>, is_endless: bool) -> Self {
        stream.begin_answer(is_endless);
        Self { inner, rest: Bytes::new(), stream }
    }

    fn piece(&mut self, mut bytes: Bytes) -> Bytes {
        self.rest = bytes.split_off(bytes.len().min(ANSWER_PIECE_BYTES_MAX));
        let mut progress = self.stream.progress();
        if progress.untaken == 0 {
            progress.moved = Instant::now();
        }
        progress.untaken += 1;
        progress.is_dry = false;
        drop(progress);
        Bytes::from_owner(Piece { bytes, stream: Arc::clone(&self.stream) })
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(Frame::data(self.piece(rest)))));
        }
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_data() {
                Ok(data) if data.is_empty() => Frame::data(data),
                Ok(data) => Frame::data(self.piece(data)),
                Err(other) => other,
            }))),
            Poll::Pending => {
                self.stream.progress().is_dry = true;
                Poll::Pending
            }
            ended => ended,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut whole = SizeHint::new();
        whole.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            whole.set_upper(upper + rest);
        }
        whole
    }
}
