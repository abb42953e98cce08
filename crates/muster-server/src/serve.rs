//! A listener that serves until it is told to stop, then lets requests in flight finish and closes the storage.

use crate::app::App;
use crate::http;
use crate::limits::{
    CONNECTION_WINDOW_BYTES, CONNECTIONS_MAX, FIRST_REQUEST_TIMEOUT, HANDSHAKE_TIMEOUT, HEAD_BYTES_MAX, HEADER_TIMEOUT,
    METRICS_CONNECTIONS_MAX, POISON_PERIOD, SEND_BUFFER_BYTES_MAX, SHUTDOWN_GRACE, STREAM_HEAD_BYTES_MAX,
    STREAM_WINDOW_BYTES, STREAMS_MAX, WRITE_TIMEOUT,
};
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use std::future::{Future, Ready, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Certificate chain and key, read and found to belong together.
#[derive(Clone, Debug)]
pub struct Tls(RustlsConfig);

impl Tls {
    /// Reads a certificate chain, the server's certificate first, and its key from PEM files.
    ///
    /// # Errors
    /// Which files cannot be used, and why.
    pub async fn read(certificate: &Path, key: &Path) -> io::Result<Self> {
        install_cryptography();
        let told = |error: io::Error| {
            let words = format!("the certificate {} with the key {}: {error}", certificate.display(), key.display());
            io::Error::new(error.kind(), words)
        };
        RustlsConfig::from_pem_file(certificate, key).await.map(Self).map_err(told)
    }
}

/// Makes `ring` the cryptography of TLS in this process, for its clients, too.
pub fn install_cryptography() {
    // A second call finds the provider in its place, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();
}

/// What is served where, and for how long.
#[derive(Debug)]
pub struct Listening {
    /// The listener of the API.
    pub listener: TcpListener,
    /// Serves it over TLS.
    pub tls: Option<Tls>,
    /// A listener for `/metrics` alone.
    pub metrics: Option<TcpListener>,
    /// Connections at a time over the listener of the API.
    pub connections_max: usize,
    /// How long a client may take for the head of a request.
    pub header_timeout: Duration,
    /// How long a client may take nothing of an answer that waits for it.
    pub write_timeout: Duration,
}

impl Listening {
    /// A listener with every choice at its default.
    pub fn on(listener: TcpListener) -> Self {
        Self {
            listener,
            tls: None,
            metrics: None,
            connections_max: CONNECTIONS_MAX,
            header_timeout: HEADER_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
        }
    }
}

/// Serves until `stop` is there; then readiness fails, listeners stop, requests in flight finish within a bounded time,
/// the storage is closed, and it returns.
///
/// # Errors
/// That a listener cannot be served.
pub async fn serve(
    app: Arc<App>,
    listening: Listening,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let handle = Handle::new();
    let (stopping, stopped_app) = (handle.clone(), Arc::clone(&app));
    let stopper = tokio::spawn(async move {
        stop.await;
        tracing::info!("stopping: requests in flight finish");
        stopped_app.drain();
        stopping.graceful_shutdown(Some(SHUTDOWN_GRACE));
    });
    app.over_tls.store(listening.tls.is_some(), Ordering::Release);
    let jobs = tokio::spawn(crate::jobs::run(Arc::clone(&app)));
    let limited = |places| Limited { places: Arc::new(Semaphore::new(places)), write_timeout: listening.write_timeout };
    let metrics = listening.metrics.map(|listener| {
        let service = http::metrics_router(Arc::clone(&app)).into_make_service();
        let server = bounded(listener, listening.header_timeout)?.acceptor(limited(METRICS_CONNECTIONS_MAX));
        io::Result::Ok(tokio::spawn(server.serve(service)))
    });
    let metrics = metrics.transpose()?;
    let acceptor = limited(listening.connections_max);
    let server = bounded(listening.listener, listening.header_timeout)?.handle(handle);
    let service = http::router(Arc::clone(&app)).into_make_service_with_connect_info::<SocketAddr>();
    let served = match listening.tls {
        None => server.acceptor(acceptor).serve(service).await,
        Some(Tls(config)) => {
            let tls = RustlsAcceptor::new(config).handshake_timeout(HANDSHAKE_TIMEOUT).acceptor(acceptor);
            server.acceptor(tls).serve(service).await
        }
    };
    stopper.abort();
    jobs.abort();
    if let Some(metrics) = metrics {
        metrics.abort();
    }
    app.drain();
    let closed = tokio::task::spawn_blocking(move || app.close()).await;
    served.and(closed.map_err(io::Error::other))
}

/// Waits until the storage cannot be written any more in this process.
pub async fn poisoned(app: Arc<App>) {
    while !app.needs_restart() {
        tokio::time::sleep(POISON_PERIOD).await;
    }
    tracing::error!("the storage cannot be written until a restart: the process ends");
}

/// A server whose connections must ask in time and in few words.
fn bounded(listener: TcpListener, header_timeout: Duration) -> io::Result<Server<SocketAddr>> {
    let mut server = axum_server::from_tcp(listener)?.first_request_timeout(FIRST_REQUEST_TIMEOUT.min(header_timeout));
    bound_streams(server.http_builder());
    server.http_builder().http1().header_read_timeout(header_timeout).max_buf_size(HEAD_BYTES_MAX);
    Ok(server)
}

/// Bounds what an HTTP/2 connection makes the server hold, whoever it is of.
fn bound_streams(builder: &mut Builder<TokioExecutor>) {
    let mut http2 = builder.http2();
    http2.max_concurrent_streams(STREAMS_MAX).max_header_list_size(STREAM_HEAD_BYTES_MAX);
    http2.initial_stream_window_size(STREAM_WINDOW_BYTES).initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    http2.max_send_buf_size(SEND_BUFFER_BYTES_MAX);
}

/// Takes a place for each connection, and closes those beyond the bound at once.
#[derive(Clone, Debug)]
struct Limited {
    places: Arc<Semaphore>,
    write_timeout: Duration,
}

impl<S> Accept<TcpStream, S> for Limited {
    type Stream = Placed;
    type Service = S;
    type Future = Ready<io::Result<(Placed, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return ready(Err(io::Error::other("too many connections")));
        };
        // Answers are small and written at once: waiting for more would only delay them.
        let stream_is_quick = stream.set_nodelay(true);
        let placed = Placed { stream, write_timeout: self.write_timeout, stalled: None, _place: place };
        ready(stream_is_quick.map(|()| (placed, service)))
    }
}

/// A connection that holds its place until it is closed, and fails when its client takes nothing of what is written to it
/// for too long.
struct Placed {
    stream: TcpStream,
    write_timeout: Duration,
    /// Since a write made no progress: when it is given up.
    stalled: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl Placed {
    /// Judges a write: progress ends the waiting, none for too long ends the connection.
    fn judged<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let patience = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match stalled.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl AsyncRead for Placed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judged(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.judged(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judged(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.judged(cx, polled)
    }
}
