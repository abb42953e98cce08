//! The engine of many nodes: PostgreSQL keeps everything, and nothing about a workspace is believed from one transaction to
//! the next, because another node may have written it (docs/adr/0040).
//!
//! `PostgresInner` is what its threads share. A group of decisions is one transaction under the lock of its workspace (`group`):
//! what it needs is read at once (`prefetch`), and what it changes is written at once (`group_tables`). Connections are
//! `pool` and `connection`; the statements over the families are `statements`, and rows `row`. Readers have a snapshot of
//! their own (`reader`). Workspaces, tokens and the audit log are `catalogue`.

mod access;
mod answer;
mod catalogue;
mod chunks;
mod commit;
mod connection;
mod errors;
mod group;
mod group_tables;
mod inner;
mod maintenance;
mod options;
mod pool;
mod prefetch;
mod prefetched;
mod reader;
mod row;
mod row_reader;
mod schema;
mod state;
mod statements;
mod tls;
mod wait;
mod workspace;

pub use options::{AddressError, DatabaseAddress, PostgresOpenError, PostgresOptions};
pub use schema::tables_sql;
pub use tls::{TlsError, TlsMode};

use crate::clock_check::ClockCheck;
use crate::engine::{Configure, Created, Engine, EngineError, Health, Job, Workspace};
use crate::health::Gauges;
use crate::queue::Configuring;
use crate::queue::cores::Cores;
use crate::queue::run_queue::RunQueue;
use crate::queue::stop_signal::StopSignal;
use crate::reader::Reader;
use crate::sync::lock;
use errors::closed;
use inner::PostgresInner;
use muster_core::id::WorkspaceId;
use muster_core::pause::Pause;
use muster_core::rate::RateWindow;
use muster_core::record::{Counters, LogEntry};
use muster_core::time::Timestamp;
use pool::Pool;
use reader::PostgresReader;
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, RwLock};
use std::thread::{self, JoinHandle};

/// The engine over PostgreSQL.
pub struct PostgresEngine {
    inner: Arc<PostgresInner>,
    maintenance: Mutex<Option<JoinHandle<()>>>,
}

impl PostgresEngine {
    /// Connects, brings the tables to this version, and starts the threads.
    ///
    /// # Errors
    /// [`PostgresOpenError`] if the database cannot be reached or used.
    pub fn open(options: PostgresOptions) -> Result<Self, PostgresOpenError> {
        let cores = Arc::new(Cores::new(options.committers));
        let pool = Pool::new(&options.database, options.connections.max(2), cores.clone())?;
        schema::migrate(&pool)?;
        let inner = PostgresInner {
            clock: options.clock.clone(),
            pool,
            workspaces: RwLock::new(BTreeMap::new()),
            run_queue: RunQueue::new("committer"),
            pause: Pause::new({
                let cores = cores.clone();
                move || cores.pause()
            }),
            cores,
            stop_signal: StopSignal::default(),
            gauges: Gauges::default(),
            closing: AtomicBool::new(false),
            clock_check: ClockCheck::new(options.accept_clock),
            unreachable: Mutex::default(),
            process: RandomState::new().hash_one("process").cast_signed(),
            attempts: AtomicI64::new(0),
            options,
        };
        let failed = PostgresOpenError::Database;
        catalogue::finish_deletions(&inner.pool).map_err(failed)?;
        inner.look().map_err(failed)?;
        let inner = Arc::new(inner);
        inner.run_queue.start(&inner, inner.options.committers)?;
        let shared = inner.clone();
        let thread = thread::Builder::new().name("maintenance".into());
        let maintenance = thread.spawn(move || maintenance::run(&shared))?;
        Ok(Self { inner, maintenance: Mutex::new(Some(maintenance)) })
    }

    /// Returns how often groups waited for the database, of those that were committed.
    pub fn group_round_trips(&self) -> u64 {
        self.inner.pool.traffic().of_groups.load(Ordering::Relaxed)
    }
}

impl Engine for PostgresEngine {
    fn workspaces(&self) -> Result<Vec<Workspace>, EngineError> {
        self.inner.open()?;
        self.inner.look()
    }

    fn create_workspace(&self, workspace: &Workspace) -> Result<Created, EngineError> {
        self.inner.open()?;
        self.inner.clock_check.check(&*self.inner.clock, Timestamp::default())?;
        let created = catalogue::create(&self.inner.pool, workspace)?;
        if created == Created::Made {
            self.inner.look()?;
        }
        Ok(created)
    }

    fn configure(&self, id: &WorkspaceId, change: Configure) -> Result<Workspace, EngineError> {
        let workspace = self.inner.workspace(id)?;
        let (reply, answer) = sync_channel(1);
        if workspace.queue.push_configure(Configuring { change, reply })? {
            self.inner.run_queue.push(workspace);
        }
        answer.recv().unwrap_or_else(|_| Err(EngineError::Unavailable("the workspace was closed".into())))
    }

    fn delete_workspace(&self, id: &WorkspaceId) -> Result<(), EngineError> {
        let workspace = self.inner.workspace(id)?;
        catalogue::delete(&self.inner.pool, id)?;
        self.inner.forget(&workspace);
        Ok(())
    }

    fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        self.inner.open()?;
        catalogue::secret(&self.inner.pool, name)
    }

    fn put_secret(&self, name: &str, value: &[u8]) -> Result<(), EngineError> {
        self.inner.open()?;
        catalogue::put_secret(&self.inner.pool, name, value)
    }

    fn submit(&self, id: &WorkspaceId, job: Box<dyn Job>) -> Result<(), EngineError> {
        let workspace = self.inner.known_workspace(id)?;
        self.inner.gauges.queued.fetch_add(1, Ordering::Relaxed);
        let pushed = workspace.queue.push(job, &self.inner.options.bounds);
        match pushed {
            Ok(true) => self.inner.run_queue.push(workspace),
            Ok(false) => {}
            Err(_) => drop(self.inner.gauges.queued.fetch_sub(1, Ordering::Relaxed)),
        }
        pushed.map(|_| ())
    }

    fn counters(&self, id: &WorkspaceId) -> Counters {
        self.inner.known_workspace(id).map(|workspace| *lock(&workspace.counters)).unwrap_or_default()
    }

    fn note_refused(&self, id: &WorkspaceId, request: LogEntry) {
        if let Ok(workspace) = self.inner.known_workspace(id) {
            workspace.queue.note_refused(request, &self.inner.options.bounds);
        }
    }

    fn rate(&self, id: &WorkspaceId) -> RateWindow {
        self.inner.known_workspace(id).map(|workspace| workspace.queue.rate()).unwrap_or_default()
    }

    fn read(&self, id: &WorkspaceId) -> Result<Box<dyn Reader + '_>, EngineError> {
        let created_at = self.inner.workspace(id)?.queue.entry().created_at.0;
        let connection = self.inner.pool.connection_for_reader()?;
        Ok(Box::new(PostgresReader::open(connection, (id.as_str(), created_at), &self.inner.cores)?))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn health(&self) -> Health {
        let mut health = self.inner.gauges.health();
        health.clock = self.inner.clock_check.distrust(&*self.inner.clock);
        for workspace in self.inner.all_workspaces() {
            health.add_failing(workspace.queue.failing());
        }
        if let Some(why) = &*lock(&self.inner.unreachable) {
            health.failed.get_or_insert_with(|| why.clone());
        }
        health.with_clock()
    }

    fn close(&self) {
        if self.inner.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        let workspaces = self.inner.all_workspaces();
        for workspace in &workspaces {
            workspace.queue.refuse_more(&closed());
        }
        self.inner.stop_signal.send();
        if let Some(maintenance) = lock(&self.maintenance).take() {
            let _panicked = maintenance.join();
        }
        // What waits, refused requests among it, is finished by the committers before they end.
        for workspace in &workspaces {
            if workspace.queue.wake_last() {
                self.inner.run_queue.push(workspace.clone());
            }
        }
        self.inner.run_queue.stop();
    }
}

impl Drop for PostgresEngine {
    fn drop(&mut self) {
        self.close();
    }
}
