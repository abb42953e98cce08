//! The bytes of a connection: a write that makes no progress ends it, and what the client sends after its last request is
//! read and thrown away for a while.

use super::table::ConnectionSlot;
use crate::limits::{DRAIN_BYTES_MAX, DRAIN_PIECE_BYTES, DRAIN_TIME};
use std::future::Future as _;
use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

/// A connection's bytes, with its place, which is given back when it is closed.
pub(crate) struct Socket {
    stream: Arc<TcpStream>,
    place: Arc<ConnectionSlot>,
    /// Since a write made no progress: when it is given up.
    stalled: Option<Pin<Box<Sleep>>>,
    has_ended: bool,
    drain: Option<Drain>,
}

/// What the client still sends after the last answer was written.
struct Drain {
    until: Pin<Box<Sleep>>,
    left: u64,
    _place: OwnedSemaphorePermit,
}

impl Socket {
    pub(crate) fn new(stream: Arc<TcpStream>, place: Arc<ConnectionSlot>) -> Self {
        Self { stream, place, stalled: None, has_ended: false, drain: None }
    }

    /// Judges a write: progress ends the waiting, none for too long ends the connection.
    fn check_progress<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let patience = self.place.connection.deadlines().write;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match stalled.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        }
    }

    /// Reads on and throws away, so that a client that sends all before it reads gets its answer and not a reset
    /// (behaviour.md 1.6.c): until it ends, for a bounded time and number of bytes.
    fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.drain.is_none() {
            let connection = &self.place.connection;
            let place = if connection.may_get_more() && !self.has_ended { self.place.table.drain() } else { None };
            let Some(place) = place else { return Poll::Ready(()) };
            let until = Box::pin(tokio::time::sleep(DRAIN_TIME));
            self.drain = Some(Drain { until, left: DRAIN_BYTES_MAX, _place: place });
        }
        let Self { stream, drain: Some(drain), .. } = self else { return Poll::Ready(()) };
        let mut thrown_away = [0; DRAIN_PIECE_BYTES];
        while drain.left > 0 && drain.until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut thrown_away);
            let read = ready!(poll_read(stream, cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            drain.left = drain.left.saturating_sub(buffer.filled().len() as u64);
        }
        Poll::Ready(())
    }
}

/// Reads from a socket that others look at, too.
fn poll_read(stream: &TcpStream, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    loop {
        ready!(stream.poll_read_ready(cx))?;
        // Into memory as it is: to zero the buffer for each read would cost more than most requests.
        match stream.try_read_buf(buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return Poll::Ready(read.map(drop)),
        }
    }
}

/// Writes to it, by whichever call.
fn poll_write(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match write(stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => return Poll::Ready(written),
        }
    }
}

/// Returns whether the client has sent its last byte, and all before it were read.
pub(crate) fn has_ended(stream: &TcpStream) -> bool {
    let mut byte = [MaybeUninit::uninit()];
    matches!(socket2::SockRef::from(stream).peek(&mut byte), Ok(0))
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(poll_read(&self.stream, cx, buf))?;
        if buf.filled().len() > before {
            self.place.connection.note_bytes();
        } else {
            self.has_ended = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = poll_write(&self.stream, cx, |stream| stream.try_write(bytes));
        self.check_progress(cx, polled)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.drain.is_none() {
            socket2::SockRef::from(&*self.stream).shutdown(Shutdown::Write)?;
        }
        ready!(self.poll_drained(cx));
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = poll_write(&self.stream, cx, |stream| stream.try_write_vectored(parts));
        self.check_progress(cx, polled)
    }
}
