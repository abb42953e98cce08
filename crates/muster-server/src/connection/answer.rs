//! What one request is answered, and whether its client takes it. Each piece of an answer knows when it was written out,
//! so that an answer that waits in a buffer of HTTP/2 is known to wait.

use super::Connection;
use crate::limits::ANSWER_PIECE_BYTES_MAX;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::time::Instant;

/// One request and its answer, from its head to the last byte that its client takes.
#[derive(Debug)]
pub(crate) struct Stream {
    connection: Arc<Connection>,
    began: Instant,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// The answer's head was given out.
    is_answered: bool,
    /// The answer has no end to wait for.
    is_endless: bool,
    /// When the client took something last, or was first given something.
    moved: Instant,
    /// Pieces that were given out and not written.
    untaken: usize,
    /// The answer has nothing to give at the moment.
    is_dry: bool,
}

impl Stream {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        let now = Instant::now();
        let progress = Progress { is_answered: false, is_endless: false, moved: now, untaken: 0, is_dry: false };
        Self { connection, began: now, progress: Mutex::new(progress) }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the answer has no end to wait for.
    pub(super) fn is_endless(&self) -> bool {
        self.progress().is_endless
    }

    /// The answer's head is there.
    fn answered(&self, is_endless: bool) {
        let mut progress = self.progress();
        (progress.is_answered, progress.is_endless, progress.moved) = (true, is_endless, Instant::now());
    }

    /// Whether its client had time enough to take the answer.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        let deadlines = self.connection.deadlines();
        let progress = self.progress();
        let waits_for_us = progress.is_dry && progress.untaken == 0;
        let is_stalled = progress.is_answered && !waits_for_us && now >= progress.moved + deadlines.write;
        is_stalled || (!progress.is_endless && now >= self.began + deadlines.answer)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.end(self);
    }
}

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
    /// The answer of a request.
    pub(crate) fn new(inner: Body, stream: Arc<Stream>, is_endless: bool) -> Self {
        stream.answered(is_endless);
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
