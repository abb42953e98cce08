//! The connections of a process: a bounded number, each used by one thread at a time and kept open for the next.

use super::connection::{DatabaseConnection, Traffic};
use super::errors::DatabaseFailure;
use super::options::{DatabaseAddress, PostgresOpenError};
use super::tls;
use crate::queue::cores::Cores;
use crate::sync::lock;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio_postgres::Config;
use tokio_postgres::config::LoadBalanceHosts;

/// How long a new connection may take, with the TLS handshake and the sign-in, whichever of several hosts it is tried at.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a thread waits for a connection that others use.
const TURN_PATIENCE: Duration = Duration::from_secs(10);

/// The connections.
pub(super) struct Pool {
    config: Config,
    tls: tls::Connector,
    /// Drives the connections. None only while it is dropped.
    runtime: Option<Runtime>,
    size: usize,
    state: Mutex<State>,
    freed: Condvar,
    cores: Arc<Cores>,
    traffic: Arc<Traffic>,
}

#[derive(Default)]
struct State {
    idle: Vec<DatabaseConnection>,
    open: usize,
    /// Of those that are in use, how many readers have.
    readers: usize,
}

/// A connection until it is dropped, which takes back what is not committed.
pub(super) struct Pooled<'p> {
    pool: &'p Pool,
    /// None only while it is dropped.
    connection: Option<DatabaseConnection>,
    is_reader: bool,
}

impl Pool {
    /// A pool of at most `size` connections; none is open yet.
    pub(super) fn new(address: &DatabaseAddress, size: usize, cores: Arc<Cores>) -> Result<Self, PostgresOpenError> {
        let (tls, mut config) = (tls::Connector::new(&address.tls)?, address.config.clone());
        config.connect_timeout(CONNECT_PATIENCE);
        // A host that vanished is noticed by the kernel, too, and not by the next statement alone.
        config.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5));
        config.tcp_user_timeout(Duration::from_secs(15));
        // A host that takes connections and does not answer is not the first at every try.
        config.load_balance_hosts(LoadBalanceHosts::Random);
        if config.get_application_name().is_none() {
            config.application_name("muster");
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()
            .map_err(PostgresOpenError::Thread)?;
        let (state, traffic) = (Mutex::default(), Arc::default());
        Ok(Self { config, tls, runtime: Some(runtime), size, state, freed: Condvar::new(), cores, traffic })
    }

    /// What was sent so far.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Returns a connection that is free, or a new one; waits while all are in use.
    pub(super) fn connection(&self) -> Result<Pooled<'_>, DatabaseFailure> {
        self.connection_of(false)
    }

    /// The same for a reader. Readers have half of the connections at most, so that groups always find one.
    pub(super) fn connection_for_reader(&self) -> Result<Pooled<'_>, DatabaseFailure> {
        self.connection_of(true)
    }

    fn connection_of(&self, is_reader: bool) -> Result<Pooled<'_>, DatabaseFailure> {
        let deadline = Instant::now() + TURN_PATIENCE;
        loop {
            let found = self.cores.without_core(|| self.turn(is_reader, deadline))?;
            match found {
                Some(connection) if connection.is_usable() => return Ok(self.pooled(connection, is_reader)),
                // The others of a server that is gone are as dead, and cost nothing to find out.
                Some(_dead) => self.gone(is_reader),
                None => match self.connect() {
                    Ok(connection) => return Ok(self.pooled(connection, is_reader)),
                    Err(failure) => {
                        self.gone(is_reader);
                        return Err(failure);
                    }
                },
            }
        }
    }

    fn pooled(&self, connection: DatabaseConnection, is_reader: bool) -> Pooled<'_> {
        Pooled { pool: self, connection: Some(connection), is_reader }
    }

    /// Takes an idle connection; None = the room for a new one.
    fn turn(&self, is_reader: bool, deadline: Instant) -> Result<Option<DatabaseConnection>, DatabaseFailure> {
        let mut state = lock(&self.state);
        loop {
            if !is_reader || state.readers < self.size / 2 {
                let idle = state.idle.pop();
                if idle.is_some() || state.open < self.size {
                    state.readers += usize::from(is_reader);
                    state.open += usize::from(idle.is_none());
                    return Ok(idle);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(DatabaseFailure::Busy("all connections to the database are in use".into()));
            }
            state = self.freed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn connect(&self) -> Result<DatabaseConnection, DatabaseFailure> {
        let (config, tls) = (self.config.clone(), self.tls.clone());
        let runtime = self.runtime.as_ref().expect("only drop takes it");
        let connecting = runtime.spawn(async move {
            let (client, connection) = config.connect(tls).await?;
            // Its errors come back with the statements that meet them.
            tokio::spawn(async move { connection.await.unwrap_or_default() });
            Ok::<_, tokio_postgres::Error>(client)
        });
        let deadline = Instant::now() + CONNECT_PATIENCE;
        let abort = connecting.abort_handle();
        match self.cores.without_core(|| super::wait::until(deadline, connecting)) {
            Some(Ok(Ok(client))) => Ok(DatabaseConnection::new(client, self.traffic.clone(), self.cores.clone())),
            Some(Ok(Err(error))) => Err(match DatabaseFailure::from(error) {
                // Whatever it is, there is no connection.
                DatabaseFailure::Refused(why) | DatabaseFailure::Busy(why) => DatabaseFailure::Lost(why),
                failure => failure,
            }),
            Some(Err(_)) | None => {
                abort.abort();
                Err(DatabaseFailure::timed_out())
            }
        }
    }

    fn gone(&self, is_reader: bool) {
        let mut state = lock(&self.state);
        state.open -= 1;
        state.readers -= usize::from(is_reader);
        drop(state);
        // Not one: who waits for a place of readers may not take it.
        self.freed.notify_all();
    }

    /// Closes what is idle: where one connection was lost, the others may hang until a time-out finds it out.
    fn close_idle(&self) {
        let mut state = lock(&self.state);
        let idle = std::mem::take(&mut state.idle);
        state.open -= idle.len();
    }

    fn put_back(&self, connection: DatabaseConnection, is_reader: bool) {
        let mut state = lock(&self.state);
        state.idle.push(connection);
        state.readers -= usize::from(is_reader);
        drop(state);
        self.freed.notify_all();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.state).idle.clear();
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped on a thread of another runtime, which must not wait.
            runtime.shutdown_background();
        }
    }
}

impl Deref for Pooled<'_> {
    type Target = DatabaseConnection;

    fn deref(&self) -> &DatabaseConnection {
        self.connection.as_ref().expect("only drop takes it")
    }
}

impl DerefMut for Pooled<'_> {
    fn deref_mut(&mut self) -> &mut DatabaseConnection {
        self.connection.as_mut().expect("only drop takes it")
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if connection.clean() {
            self.pool.put_back(connection, self.is_reader);
        } else {
            self.pool.close_idle();
            self.pool.gone(self.is_reader);
        }
    }
}
