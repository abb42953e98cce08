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

/// How long a new connection may take, with the TLS handshake and the sign-in.
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
}

/// A connection until it is dropped, which takes back what is not committed.
pub(super) struct Pooled<'p> {
    pool: &'p Pool,
    /// None only while it is dropped.
    connection: Option<DatabaseConnection>,
}

impl Pool {
    /// A pool of at most `size` connections; none is open yet.
    pub(super) fn new(address: &DatabaseAddress, size: usize, cores: Arc<Cores>) -> Result<Self, PostgresOpenError> {
        let (tls, mut config) = (tls::Connector::new(&address.tls)?, address.config.clone());
        config.connect_timeout(CONNECT_PATIENCE);
        // A host that vanished is noticed by the kernel, too, and not by the next statement alone.
        config.keepalives_idle(Duration::from_secs(30)).tcp_user_timeout(Duration::from_secs(30));
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
        let deadline = Instant::now() + TURN_PATIENCE;
        loop {
            let found = self.cores.without_core(|| self.turn(deadline))?;
            match found {
                Some(connection) if connection.is_usable() => return Ok(self.pooled(connection)),
                // The others of a server that is gone are as dead, and cost nothing to find out.
                Some(_dead) => self.gone(),
                None => match self.connect() {
                    Ok(connection) => return Ok(self.pooled(connection)),
                    Err(failure) => {
                        self.gone();
                        return Err(failure);
                    }
                },
            }
        }
    }

    fn pooled(&self, connection: DatabaseConnection) -> Pooled<'_> {
        Pooled { pool: self, connection: Some(connection) }
    }

    /// Takes an idle connection; None = the room for a new one.
    fn turn(&self, deadline: Instant) -> Result<Option<DatabaseConnection>, DatabaseFailure> {
        let mut state = lock(&self.state);
        loop {
            if let Some(connection) = state.idle.pop() {
                return Ok(Some(connection));
            }
            if state.open < self.size {
                state.open += 1;
                return Ok(None);
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
            // Several hosts are tried one after another, each within the time-out of the configuration.
            let (client, connection) = config.connect(tls).await?;
            // Its errors come back with the statements that meet them.
            tokio::spawn(async move { connection.await.unwrap_or_default() });
            Ok::<_, tokio_postgres::Error>(client)
        });
        let deadline = Instant::now() + CONNECT_PATIENCE * 3;
        match self.cores.without_core(|| super::wait::until(deadline, connecting)) {
            Some(Ok(Ok(client))) => Ok(DatabaseConnection::new(client, self.traffic.clone(), self.cores.clone())),
            Some(Ok(Err(error))) => Err(match DatabaseFailure::from(error) {
                // Whatever it is, there is no connection.
                DatabaseFailure::Refused(why) | DatabaseFailure::Busy(why) => DatabaseFailure::Lost(why),
                failure => failure,
            }),
            Some(Err(_)) | None => Err(DatabaseFailure::timed_out()),
        }
    }

    fn gone(&self) {
        lock(&self.state).open -= 1;
        self.freed.notify_one();
    }

    fn put_back(&self, connection: DatabaseConnection) {
        lock(&self.state).idle.push(connection);
        self.freed.notify_one();
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
            self.pool.put_back(connection);
        } else {
            self.pool.gone();
        }
    }
}
