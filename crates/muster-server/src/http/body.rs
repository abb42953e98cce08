//! Reads a body: its size on the wire and decoded, its coding, its deadline; and disposes of a body that nobody read. Its
//! content is for others.

use crate::app::App;
use crate::budget::{BudgetGuard, WorkspaceQuota};
use crate::limits::{DRAIN_BYTES_MAX, DRAIN_TIME, KEPT_BODY_BYTES_MAX, ZSTD_WINDOW_LOG_MAX};
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Version, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use muster_wire::data::failure::Failure;
use std::io::Read as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::sync::Semaphore;

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it is.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878), with a window of at most 8 MiB.
    Zstd,
}

impl Coding {
    /// Returns the one coding that `Content-Encoding` names.
    ///
    /// # Errors
    /// [`Failure::UnsupportedEncoding`] for another one, and for several on top of each other.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, Failure> {
        let mut lines = headers.get_all(header::CONTENT_ENCODING).iter();
        let line = lines.next().map_or("identity", |value| value.to_str().unwrap_or("?").trim());
        if lines.next().is_some() {
            return Err(Failure::UnsupportedEncoding);
        }
        match line.to_ascii_lowercase().as_str() {
            // Clients name the charset where the coding belongs (behaviour.md 1.6.d).
            "" | "identity" | "utf-8" | "utf8" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => Err(Failure::UnsupportedEncoding),
        }
    }

    /// Most bytes on the wire that can hold a body of the decoded limit: codings add a little to what they cannot shrink.
    fn wire_max(self, limit: u64) -> u64 {
        match self {
            Self::Identity => limit,
            Self::Gzip | Self::Zstd => limit + limit / 64 + 1_024,
        }
    }

    fn decode(self, wire: Bytes, limit: u64) -> Result<Bytes, Failure> {
        match self {
            Self::Identity => Ok(wire),
            Self::Gzip => read_bounded(flate2::read::MultiGzDecoder::new(&wire[..]), limit),
            Self::Zstd => {
                let broken = |_| Failure::UndecodableEncoding;
                let mut decoder = zstd::stream::read::Decoder::with_buffer(&wire[..]).map_err(broken)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
                read_bounded(decoder, limit)
            }
        }
    }
}

/// Decodes no more than one byte beyond the limit, however much there is.
fn read_bounded(decoder: impl std::io::Read, limit: u64) -> Result<Bytes, Failure> {
    let mut decoded = Vec::new();
    decoder.take(limit + 1).read_to_end(&mut decoded).map_err(|_| Failure::UndecodableEncoding)?;
    if decoded.len() as u64 > limit {
        return Err(Failure::TooLarge { limit_bytes: limit });
    }
    Ok(decoded.into())
}

/// Returns the declared length of a body.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What may be read of a body, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// How it is coded.
    pub(crate) coding: Coding,
    /// Most decoded bytes.
    pub(crate) limit: u64,
}

/// A body that was read, with the memory that is charged for it.
#[derive(Debug)]
pub(crate) struct AdmittedBody {
    /// The decoded bytes.
    pub(crate) bytes: Bytes,
    /// Given back when it is dropped.
    pub(crate) memory: BudgetGuard,
}

/// Reads the body of a caller who is known: charges its memory first, to the whole server and to this share.
///
/// # Errors
/// Those of [`read`]; [`Failure::Timeout`]; [`Failure::Unavailable`] if there is no memory left for it.
pub(crate) async fn admit(
    (app, quota): (&App, &WorkspaceQuota),
    headers: &HeaderMap,
    body: &mut Body,
    limits: BodyLimits,
) -> Result<AdmittedBody, Failure> {
    let BodyLimits { coding, limit } = limits;
    let declared = declared_length(headers);
    if declared.is_some_and(|length| length > coding.wire_max(limit)) {
        return Err(Failure::TooLarge { limit_bytes: limit });
    }
    let known = declared.filter(|_| coding == Coding::Identity);
    let expected = if body.is_end_stream() { 0 } else { known.map_or(limit, |length| length.min(limit)) };
    let bytes = usize::try_from(expected).unwrap_or(usize::MAX);
    let memory = app.body_memory.take(quota, bytes).ok_or(Failure::Unavailable)?;
    let bytes = app.in_time(read(body, coding, declared, limit)).await?;
    Ok(AdmittedBody { bytes, memory })
}

/// Reads a body and decodes it: at most `limit` bytes. How long that may take says [`App::in_time`].
///
/// # Errors
/// [`Failure::TooLarge`], from the declared length alone if that is enough;
/// [`Failure::UndecodableEncoding`]; [`Failure::Malformed`] if the body is shorter than declared.
pub(crate) async fn read(body: &mut Body, coding: Coding, declared: Option<u64>, limit: u64) -> Result<Bytes, Failure> {
    let wire_max = coding.wire_max(limit);
    if declared.is_some_and(|length| length > wire_max) {
        return Err(Failure::TooLarge { limit_bytes: limit });
    }
    let wire = collect(body, wire_max, limit).await?;
    coding.decode(wire, limit)
}

async fn collect(body: &mut Body, wire_max: u64, limit: u64) -> Result<Bytes, Failure> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Failure::Malformed(None))?.into_data() else { continue };
        if (first.len() + rest.len() + data.len()) as u64 > wire_max {
            return Err(Failure::TooLarge { limit_bytes: limit });
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
                first = Bytes::new();
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// What happens to the rest of a body that nobody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnreadBody {
    /// It is read and discarded for a while, so that the connection stays usable: a short one over HTTP/1, any over HTTP/2.
    ReadOn,
    /// The connection ends; its socket reads on (`connection/socket.rs`).
    Ends,
    /// It did not come: the client waits for `100 Continue`, and reading would invite it.
    Uninvited,
}

impl UnreadBody {
    /// Returns what the head of a request says of it.
    pub(crate) fn from_head(head: &Parts) -> Self {
        if head.headers.get(header::EXPECT).is_some() {
            return Self::Uninvited;
        }
        let is_short = declared_length(&head.headers).is_some_and(|bytes| bytes <= KEPT_BODY_BYTES_MAX);
        if head.version > Version::HTTP_11 || is_short { Self::ReadOn } else { Self::Ends }
    }
}

/// A body of which the rest, if it is dropped before its end, is read on and thrown away for a short, bounded time, so that a
/// client that sends all before it reads gets the answer instead of a reset connection (behaviour.md 1.6).
pub(crate) struct DrainedBody {
    inner: Option<Body>,
    left: Arc<AtomicBool>,
    rest: UnreadBody,
    places: Arc<Semaphore>,
}

impl DrainedBody {
    /// Wraps a body; the flag becomes true if it is dropped before its end. `places` bounds how many are read on at a time.
    pub(crate) fn new(body: Body, rest: UnreadBody, places: Arc<Semaphore>) -> (Self, Arc<AtomicBool>) {
        let left = Arc::new(AtomicBool::new(false));
        (Self { inner: Some(body), left: Arc::clone(&left), rest, places }, left)
    }
}

impl HttpBody for DrainedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest == UnreadBody::Uninvited {
            // It is invited now.
            self.rest = UnreadBody::Ends;
        }
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        let polled = Pin::new(inner).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.inner = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for DrainedBody {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take().filter(|inner| !inner.is_end_stream()) else { return };
        self.left.store(true, Ordering::Release);
        if self.rest == UnreadBody::ReadOn
            && let Ok(place) = Arc::clone(&self.places).try_acquire_owned()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                let _in_time = tokio::time::timeout(DRAIN_TIME, drain(inner)).await;
                drop(place);
            });
        }
    }
}

async fn drain(mut body: Body) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, |data| data.len() as u64);
        if drained > DRAIN_BYTES_MAX {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    async fn read_all(bytes: Vec<u8>, coding: Coding, limit: u64) -> Result<Bytes, String> {
        read(&mut Body::from(bytes), coding, None, limit).await.map_err(|f| format!("{f:?}"))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn the_limit_is_on_decoded_bytes_and_exact() {
        let (fits, over) = (vec![b'x'; 1_000], vec![b'x'; 1_001]);
        let too_large = Err("TooLarge { limit_bytes: 1000 }".to_owned());
        assert_eq!(read_all(fits.clone(), Coding::Identity, 1_000).await, Ok(fits.clone().into()));
        assert_eq!(read_all(over.clone(), Coding::Identity, 1_000).await, too_large);
        assert_eq!(read_all(gzip(&fits), Coding::Gzip, 1_000).await, Ok(fits.clone().into()));
        assert_eq!(read_all(gzip(&over), Coding::Gzip, 1_000).await, too_large);
        let zstd = |bytes: &[u8]| zstd::stream::encode_all(bytes, 1).unwrap();
        assert_eq!(read_all(zstd(&fits), Coding::Zstd, 1_000).await, Ok(fits.into()));
        assert_eq!(read_all(zstd(&over), Coding::Zstd, 1_000).await, too_large);
    }

    #[tokio::test]
    async fn a_bomb_is_stopped_at_the_limit() {
        // Without `take` in `read_bounded` this decodes 100 MB.
        let bomb = gzip(&vec![b' '; 100_000_000]);
        assert!(bomb.len() < 500_000);
        let got = read_all(bomb, Coding::Gzip, 1_000_000).await;
        assert_eq!(got, Err("TooLarge { limit_bytes: 1000000 }".to_owned()));
    }

    #[tokio::test]
    async fn a_frame_with_a_window_over_8_mib_and_broken_codings_are_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.include_contentsize(false).unwrap();
        for _ in 0..40 {
            encoder.write_all(&[b' '; 1 << 20]).unwrap();
        }
        let undecodable = Err("UndecodableEncoding".to_owned());
        assert_eq!(read_all(encoder.finish().unwrap(), Coding::Zstd, 1_000_000).await, undecodable);
        assert_eq!(read_all(b"\x1f\x8bnonsense".to_vec(), Coding::Gzip, 1_000).await, undecodable);
        assert_eq!(read_all(gzip(b"cut off")[..12].to_vec(), Coding::Gzip, 1_000).await, undecodable);
    }
}
