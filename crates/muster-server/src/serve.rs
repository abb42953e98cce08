//! Listeners that serve until they must stop, then let requests in progress finish and close the storage.

use crate::app::App;
pub use crate::connection::Deadlines;
use crate::connection::serving::{Phase, Site, listen};
use crate::connection::table::{ConnectionLimits, Connections};
use crate::limits::{
    BACKLOG, CONNECTIONS_MAX, MANAGE_CONNECTIONS_MAX, METRICS_CONNECTIONS_MAX, NETWORK_CONNECTIONS_SHARE,
    POISON_PERIOD, SHUTDOWN_GRACE,
};
use crate::router;
pub use crate::tls::{Tls, install_cryptography};
use axum::Router;
use futures_util::future::join_all;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{Notify, watch};

/// What is served where, and for how long.
#[derive(Debug)]
pub struct ServeOptions {
    /// The listener of the API.
    pub listener: TcpListener,
    /// Serves it over TLS.
    pub tls: Option<Tls>,
    /// A listener for `/metrics` alone.
    pub metrics: Option<TcpListener>,
    /// A listener for the management API and the console, over TLS as the first.
    pub manage: Option<TcpListener>,
    /// Connections at a time over the listener of the API.
    pub connections_max: usize,
    /// Of those, connections of one network, except for proxies.
    pub network_connections_max: usize,
    /// How long clients may take.
    pub deadlines: Deadlines,
    /// Notified to have the certificate read again.
    pub reload: Arc<Notify>,
}

impl ServeOptions {
    /// Returns a listener with every choice at its default.
    pub fn on(listener: TcpListener) -> Self {
        Self {
            listener,
            tls: None,
            metrics: None,
            manage: None,
            connections_max: CONNECTIONS_MAX,
            network_connections_max: usize::MAX,
            deadlines: Deadlines::default(),
            reload: Arc::default(),
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
    listening: ServeOptions,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (phase, watched) = watch::channel(Phase::Open);
    let ServeOptions { listener, tls, metrics, manage, connections_max, network_connections_max, deadlines, reload } =
        listening;
    let tls = tls.map(Arc::new);
    app.over_tls.store(tls.is_some(), Ordering::Release);
    let network_max = network_connections_max.min(connections_max.div_ceil(NETWORK_CONNECTIONS_SHARE));
    let places = ConnectionLimits { max: connections_max, network_max, proxies: app.trusted_proxies.clone() };
    let site = |router: Router, tls, places| {
        let (app, table) = (Arc::clone(&app), Connections::new(places, deadlines));
        Arc::new(Site { app, router, tls, table, phase: watched.clone() })
    };
    let mut sites = Vec::new();
    if let Some(listener) = manage {
        let (max, proxies) = (MANAGE_CONNECTIONS_MAX, places.proxies.clone());
        let places = ConnectionLimits { max, network_max: max, proxies };
        sites.push((site(router::manage_router(Arc::clone(&app)), tls.clone(), places), listening_on(listener)?));
    }
    sites.push((site(router::router(Arc::clone(&app)), tls.clone(), places), listening_on(listener)?));
    if let Some(listener) = metrics {
        let (max, proxies) = (METRICS_CONNECTIONS_MAX, Vec::new());
        let places = ConnectionLimits { max, network_max: max, proxies };
        sites.push((site(router::metrics_router(Arc::clone(&app)), None, places), listening_on(listener)?));
    }
    let jobs = tokio::spawn(crate::jobs::run(Arc::clone(&app)));
    let certificate = tls.map(|tls| tokio::spawn(tls.watch(reload)));
    let tables: Vec<_> = sites.iter().map(|(site, _)| Arc::clone(&site.table)).collect();
    for (site, listener) in sites {
        tokio::spawn(listen(site, listener));
    }
    stop.await;
    tracing::info!("shutting down: waiting for requests in progress");
    app.drain();
    phase.send_replace(Phase::Stopping);
    let finished = join_all(tables.iter().map(|table| table.emptied()));
    // Those that take longer are cut off.
    let _in_time = tokio::time::timeout(SHUTDOWN_GRACE, finished).await;
    phase.send_replace(Phase::Over);
    jobs.abort();
    if let Some(certificate) = certificate {
        certificate.abort();
    }
    let closed = tokio::task::spawn_blocking(move || app.close()).await;
    closed.map_err(io::Error::other)
}

/// Returns a listener as the runtime takes it, with room for clients that come all at once.
fn listening_on(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    socket2::SockRef::from(&listener).listen(BACKLOG)?;
    tokio::net::TcpListener::from_std(listener)
}

/// Waits until the storage cannot be written any more in this process.
pub async fn wait_until_poisoned(app: Arc<App>) {
    while !app.needs_restart() {
        tokio::time::sleep(POISON_PERIOD).await;
    }
    tracing::error!("the storage cannot be written until a restart: the process exits");
}
