//! A listener that serves until it is told to stop, then lets requests in flight finish and closes the storage.

use crate::app::App;
use crate::http;
use crate::limits::{
    CONNECTIONS_MAX, FIRST_REQUEST_TIMEOUT, HANDSHAKE_TIMEOUT, HEAD_BYTES_MAX, HEADER_TIMEOUT, SHUTDOWN_GRACE,
};
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use std::future::{Future, Ready, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Certificate chain and key, as PEM files.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The chain, the server's certificate first.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
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
    /// How long a client may take for the head of a request.
    pub header_timeout: Duration,
}

impl Listening {
    /// A listener with every choice at its default.
    pub fn on(listener: TcpListener) -> Self {
        Self { listener, tls: None, metrics: None, header_timeout: HEADER_TIMEOUT }
    }
}

/// Serves until `stop` is there; then readiness fails, listeners stop, requests in flight finish within a bounded time,
/// the storage is closed, and it returns.
///
/// # Errors
/// That certificates cannot be read, or a listener cannot be served.
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
    let jobs = tokio::spawn(crate::jobs::run(Arc::clone(&app)));
    let metrics = listening.metrics.map(|listener| {
        let service = http::metrics_router(Arc::clone(&app)).into_make_service();
        axum_server::from_tcp(listener).map(|server| tokio::spawn(server.serve(service)))
    });
    let metrics = metrics.transpose()?;
    let acceptor = Limited { places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
    let mut server = axum_server::from_tcp(listening.listener)?
        .handle(handle)
        .first_request_timeout(FIRST_REQUEST_TIMEOUT.min(listening.header_timeout));
    let http1 = &mut server.http_builder().http1();
    http1.header_read_timeout(listening.header_timeout).max_buf_size(HEAD_BYTES_MAX);
    let service = http::router(Arc::clone(&app)).into_make_service_with_connect_info::<SocketAddr>();
    let served = match listening.tls {
        None => server.acceptor(acceptor).serve(service).await,
        Some(files) => {
            let tls =
                RustlsAcceptor::new(config(&files).await?).handshake_timeout(HANDSHAKE_TIMEOUT).acceptor(acceptor);
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

/// Reads the certificate, with the cryptography of `ring`.
async fn config(files: &Tls) -> io::Result<RustlsConfig> {
    // A second call finds the provider in its place, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    RustlsConfig::from_pem_file(&files.certificate, &files.key).await
}

/// Takes a place for each connection, and closes those beyond the bound at once.
#[derive(Clone, Debug)]
struct Limited {
    places: Arc<Semaphore>,
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
        ready(stream.set_nodelay(true).map(|()| (Placed { stream, _place: place }, service)))
    }
}

/// A connection that holds its place until it is closed.
struct Placed {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Placed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }
}
