//! Checks the heads of HTTP/1 before hyper reads them: hyper takes a line feed without a carriage return for the end of a
//! line, which other servers do not (RFC 9112 2.2). Such a byte is replaced by one that no head may have, so that hyper
//! answers 400; nothing more is read. Heads that arrive while a request is in progress are not checked: their bytes cannot
//! be distinguished from its body.

use super::Connection;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection's decrypted bytes, with their heads checked.
pub(crate) struct Heads<I> {
    inner: I,
    connection: Arc<Connection>,
    state: HeadState,
    /// What hyper reads instead of further bytes, once a head was spoiled: its end, for which hyper may wait.
    end: Option<&'static [u8]>,
}

/// Position of the last byte in a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum HeadState {
    /// Before its first byte: empty lines are not part of it.
    #[default]
    Before,
    /// In a line.
    Line,
    /// Behind a carriage return; the flag is whether its line was empty.
    Return(bool),
    /// At the beginning of a line.
    Begin,
    /// The head is at its end.
    Done,
}

impl HeadState {
    /// Checks bytes up to the end of the head and replaces lone line feeds; returns whether there was one.
    fn at(&mut self, bytes: &mut [u8]) -> bool {
        let mut is_spoiled = false;
        for byte in bytes {
            *self = match (*self, *byte) {
                (Self::Done, _) => return is_spoiled,
                (Self::Before, b'\r' | b'\n') => Self::Before,
                (Self::Return(true), b'\n') => Self::Done,
                (Self::Return(false), b'\n') => Self::Begin,
                (Self::Begin, b'\r') => Self::Return(true),
                (_, b'\r') => Self::Return(false),
                (_, b'\n') => {
                    (*byte, is_spoiled) = (0, true);
                    Self::Line
                }
                _ => Self::Line,
            };
        }
        is_spoiled
    }
}

impl<I> Heads<I> {
    pub(crate) fn new(inner: I, connection: Arc<Connection>) -> Self {
        Self { inner, connection, state: HeadState::default(), end: None }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Heads<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(end) = self.end {
            let (now, later) = end.split_at(end.len().min(buf.remaining()));
            buf.put_slice(now);
            self.end = Some(later);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        match self.connection.begins_head() {
            None => self.state = HeadState::Done,
            Some(true) => self.state = HeadState::Before,
            Some(false) => {}
        }
        if self.state != HeadState::Done {
            let is_spoiled = self.state.at(&mut buf.filled_mut()[before..]);
            self.end = is_spoiled.then_some(b"\r\n\r\n");
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Heads<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(parts: &[&str]) -> (String, HeadState) {
        let mut state = HeadState::default();
        let seen: Vec<u8> = parts
            .iter()
            .flat_map(|part| {
                let mut bytes = part.as_bytes().to_vec();
                let _is_spoiled = state.at(&mut bytes);
                bytes
            })
            .collect();
        (String::from_utf8(seen).unwrap().replace('\0', "!"), state)
    }

    // Fails when a line feed behind anything but a carriage return is taken, or bytes after the head are checked.
    #[test]
    fn a_line_feed_alone_is_spoiled_in_a_head_and_nowhere_else() {
        let good = "\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n{\n}\n\n";
        assert_eq!(looked(&[good]), (good.to_owned(), HeadState::Done));
        let bytes: Vec<String> = good.chars().map(String::from).collect();
        let one_by_one: Vec<&str> = bytes.iter().map(String::as_str).collect();
        assert_eq!(looked(&one_by_one), (good.to_owned(), HeadState::Done));
        assert_eq!(looked(&["GET / HTTP/1.1\nA: b\r\n\r\n\n"]).0, "GET / HTTP/1.1!A: b\r\n\r\n\n");
        assert_eq!(looked(&["A: b\r\n", "\n"]).0, "A: b\r\n!");
        let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n";
        assert_eq!(looked(&[preface]).0, preface);
    }
}
