//! HTTP over the connections of one listener: they are taken in, served, and ended when their clients had time enough, when
//! room is needed, or when the server stops.

use super::answer::AnswerBody;
use super::head::Heads;
use super::socket::{Socket, has_ended};
use super::table::{ConnectionSlot, Connections};
use super::{Connection, Overdue, Stream};
use crate::app::App;
use crate::limits::{
    ACCEPT_RETRY, CONNECTION_WINDOW_BYTES, GOODBYE_TIME, HANDSHAKE_TIMEOUT, HEAD_BYTES_MAX, PING_PERIOD, PING_TIMEOUT,
    SEND_BUFFER_BYTES_MAX, STREAM_HEAD_BYTES_MAX, STREAM_RESETS_MAX, STREAM_WINDOW_BYTES, STREAMS_MAX,
};
use crate::tls::Tls;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderValue, Version, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tower::ServiceExt as _;

/// Where the server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It takes requests.
    Open,
    /// It finishes those that it has.
    Stopping,
    /// It waits no longer.
    Over,
}

/// A listener and what it serves.
pub(crate) struct Site {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) table: Arc<Connections>,
    pub(crate) phase: watch::Receiver<Phase>,
}

/// Takes connections in until the server stops.
pub(crate) async fn listen(site: Arc<Site>, listener: TcpListener) {
    let mut phase = site.phase.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            () = reaches(&mut phase, Phase::Stopping) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match site.table.admit(peer.ip()) {
                Some(place) => drop(tokio::spawn(run(Arc::clone(&site), stream, peer, Arc::new(place)))),
                None => site.app.telemetry.record_connection_end("refused"),
            },
            // No descriptor is free, or the client went: the next try may do better.
            Err(_) => {
                site.app.telemetry.record_connection_end("failed");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// Comes when the server is in a phase, or beyond it.
async fn reaches(phase: &mut watch::Receiver<Phase>, at_least: Phase) {
    let _reached_or_gone = phase.wait_for(|now| *now >= at_least).await;
}

/// Serves one connection, from its first byte to its last.
async fn run(site: Arc<Site>, stream: TcpStream, peer: SocketAddr, place: Arc<ConnectionSlot>) {
    let connection = Arc::clone(&place.connection);
    // Answers are small and written at once: waiting for more would only delay them.
    let _as_it_is = stream.set_nodelay(true);
    let stream = Arc::new(stream);
    let (socket, wire) = (Socket::new(Arc::clone(&stream), place), (&*stream, peer));
    let served = async {
        let Some(tls) = &site.tls else { return http(&site, socket, &connection, wire).await };
        let mut phase = site.phase.clone();
        let shaken = tokio::select! {
            biased;
            () = reaches(&mut phase, Phase::Stopping) => return "stopped",
            shaken = timeout(HANDSHAKE_TIMEOUT, tls.accept(socket)) => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => http(&site, stream, &connection, wire).await,
            _ => "handshake",
        }
    };
    let why = tokio::select! {
        biased;
        () = connection.gives_way() => "gave_way",
        why = served => why,
    };
    site.app.telemetry.record_connection_end(why);
}

/// Serves HTTP/1.1 or HTTP/2, whichever the client speaks; why it ended.
async fn http<I>(
    site: &Arc<Site>,
    io: I,
    connection: &Arc<Connection>,
    (wire, peer): (&TcpStream, SocketAddr),
) -> &'static str
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let period = connection.deadlines().period();
    let builder = builder(period);
    let keep_alive = HeaderValue::try_from(format!("timeout={}", connection.deadlines().idle.as_secs())).ok();
    let calls = Calls { site: Arc::clone(site), connection: Arc::clone(connection), peer, keep_alive };
    let mut serving = pin!(builder.serve_connection(TokioIo::new(Heads::new(io, Arc::clone(connection))), calls));
    let mut phase = site.phase.clone();
    let mut awaited = Phase::Stopping;
    let mut checks = interval(period);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // When the connection is closed, unless a request is in progress.
    let mut ends_at: Option<Instant> = None;
    loop {
        let says_goodbye = tokio::select! {
            biased;
            () = reaches(&mut phase, awaited) => match awaited {
                Phase::Over => return "stopped",
                _ => {
                    awaited = Phase::Over;
                    ends_at.is_none()
                }
            },
            _ended = &mut serving => return "closed",
            _ = checks.tick() => match connection.overdue(Instant::now()) {
                Some(Overdue::Silent) => return "silent",
                Some(Overdue::Stalled) => return "stalled",
                _ if connection.is_watching() && has_ended(wire) => return "closed",
                Some(Overdue::Idle) => ends_at.is_none(),
                None => false,
            },
        };
        if says_goodbye {
            serving.as_mut().graceful_shutdown();
            ends_at = Some(Instant::now() + GOODBYE_TIME);
        }
        if ends_at.is_some_and(|at| Instant::now() >= at) && connection.idle_since().is_some() {
            return "idle";
        }
    }
}

/// HTTP with its bounds (behaviour.md 1.11).
fn builder(period: Duration) -> Builder<Spawner> {
    let mut builder = Builder::new(Spawner { period });
    // The connection checks how long a head may take, without idle time.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_BYTES_MAX);
    // A client that half-closes waits for its answer (behaviour.md 1.11.e).
    builder.http1().half_close(true);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(PING_PERIOD).keep_alive_timeout(PING_TIMEOUT);
    http2.max_concurrent_streams(STREAMS_MAX).max_header_list_size(STREAM_HEAD_BYTES_MAX);
    http2.initial_stream_window_size(STREAM_WINDOW_BYTES).initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    http2.max_send_buf_size(SEND_BUFFER_BYTES_MAX);
    http2.max_pending_accept_reset_streams(STREAM_RESETS_MAX).max_local_error_reset_streams(STREAM_RESETS_MAX);
    builder
}

tokio::task_local! {
    /// The request of the task that answers it, of HTTP/2.
    static OWN: Arc<OnceLock<Weak<Stream>>>;
}

/// Runs each request of an HTTP/2 connection, and ends it when its client does not take the answer: dropped, it is reset,
/// and the others of its connection continue.
#[derive(Clone, Copy, Debug)]
struct Spawner {
    period: Duration,
}

impl<F> Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, answering: F) {
        let (own, period) = (Arc::new(OnceLock::<Weak<Stream>>::new()), self.period);
        let watched = Arc::clone(&own);
        let overdue = async move {
            loop {
                sleep(period).await;
                let stream = watched.get().and_then(Weak::upgrade);
                if stream.is_some_and(|stream| stream.is_overdue(Instant::now())) {
                    return;
                }
            }
        };
        tokio::spawn(OWN.scope(own, async move {
            tokio::select! {
                biased;
                _answered = answering => {}
                () = overdue => {}
            }
        }));
    }
}

/// The calls that come over one connection.
struct Calls {
    site: Arc<Site>,
    connection: Arc<Connection>,
    peer: SocketAddr,
    /// How long the connection is kept, as a header says it (behaviour.md 1.11.e).
    keep_alive: Option<HeaderValue>,
}

impl hyper::service::Service<Request<Incoming>> for Calls {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let version = request.version();
        let stream = self.connection.begin(version == Version::HTTP_2);
        let mut request = request.map(Body::new);
        let closes = has_close(request.headers());
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(Arc::clone(&self.connection));
        let site = Arc::clone(&self.site);
        let keep_alive = self.keep_alive.clone().filter(|_| version <= Version::HTTP_11 && !closes);
        Box::pin(async move {
            // Outside of a task of its own, of HTTP/1, the connection itself is ended.
            let _own = OWN.try_with(|own| own.set(Arc::downgrade(&stream)));
            let mut response = site.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
            finish(&mut response, keep_alive, site.tls.is_some());
            let kind = response.headers().get(header::CONTENT_TYPE);
            let is_endless = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
            Ok(response.map(|body| AnswerBody::new(body, stream, is_endless)))
        })
    }
}

fn has_close(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case("close"))
}

/// How long the connection is kept, if it is, and over TLS that nobody is to come without.
fn finish(response: &mut Response, keep_alive: Option<HeaderValue>, is_tls: bool) {
    let headers = response.headers_mut();
    if let Some(line) = keep_alive.filter(|_| !has_close(headers)) {
        headers.insert("keep-alive", line);
    }
    if is_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}
