//! The embedded engine: SQLite, one file per workspace and one for the catalogue.
//!
//! `Inner` is what its threads share: workspaces (`workspace`), the run queue whose threads commit their batches (`commit`),
//! and the thread that does what no caller waits for (`maintenance`). A group of decisions is run by the workspace's
//! `writer`; rows are written by `apply` and read by `facts` (decisions) and `reader` (people) through `table`. JSON
//! columns are SQLite's JSONB (`jsonb`). How SQLite is opened is `settings`.

mod access;
mod catalogue;
mod chunks;
mod commit;
mod directory;
mod entry;
mod front;
mod group_tables;
pub mod jsonb;
mod reader;
mod maintenance;
mod making;
mod orphans;
mod own_entry;
mod redo;
mod redo_tables;
#[cfg(feature = "support")]
mod plans;
mod row_statements;
mod schema;
mod settings;
mod inner;
mod state;
mod synced;
mod table;
mod table_writer;
mod errors;
mod verify;
mod workspace;
mod writer;

pub use directory::{OpenError, is_in_use};
pub use inner::SqliteOptions;
pub use orphans::{adopt, remove_orphan};
#[cfg(feature = "support")]
pub use plans::plans;
pub use verify::{Report, WorkspaceReport, verify};

use crate::clock_check::ClockCheck;
use crate::codec::Cell;
use crate::engine::{Adopted, Configure, Created, Engine, EngineError, Health, Job, Trouble, Workspace};
use crate::family::Family;
use crate::health::Gauges;
use crate::queue::Configuring;
use crate::queue::cores::Cores;
use crate::queue::run_queue::RunQueue;
use crate::queue::stop_signal::StopSignal;
use crate::reader::Reader;
use crate::sync::lock;
use catalogue::Catalogue;
use directory::{Directory, at};
use errors::closed;
use inner::{Inner, io, refusal};
use muster_core::id::WorkspaceId;
use muster_core::kinds::Route;
use muster_core::pause::Pause;
use muster_core::rate::RateWindow;
use muster_core::record::{Counters, Idempotency, LogEntry};
use muster_core::time::Timestamp;
use reader::SqliteReader;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use workspace::SqliteWorkspace;

/// The embedded engine.
pub struct Sqlite {
    inner: Arc<Inner>,
    maintenance: Mutex<Option<JoinHandle<()>>>,
}

impl Sqlite {
    /// Opens a data directory: takes it for this process, looks at every workspace, starts the threads. A workspace that is
    /// damaged stays closed, and the others are served ([`Trouble::Damaged`]).
    ///
    /// # Errors
    /// [`OpenError`] if it is in use, foreign or newer, or if its catalogue is lost, older than its workspaces, or damaged.
    pub fn open(options: SqliteOptions) -> Result<Self, OpenError> {
        let directory = Directory::open(&options.data_dir)?;
        let path = directory.catalogue();
        let damaged = |error: EngineError| refusal(&path, None, error.into());
        let mut catalogue = Catalogue::open(&path).map_err(|error| refusal(&path, None, error.into()))?;
        at(&options.data_dir, directory::sync(&options.data_dir))?;
        if !options.accept_catalogue {
            orphans::refuse_lost_catalogue(&directory, &catalogue)?;
        }
        for id in catalogue.deleted().map_err(damaged)? {
            at(&directory.workspace(&id), directory.remove_workspace(&id))?;
            catalogue.note_moved(&id).map_err(damaged)?;
        }
        directory.remove_set_aside()?;
        let entries = catalogue.workspaces().map_err(damaged)?;
        directory.end_unfinished(|id| entries.iter().any(|entry| entry.id.as_str() == id))?;
        let mut workspaces = BTreeMap::new();
        for workspace in entries {
            let folder = directory.workspace(&workspace.id);
            let workspace = SqliteWorkspace::new(workspace, folder);
            workspaces.insert(workspace.id.clone(), Arc::new(workspace));
        }
        let cores = Arc::new(Cores::new(options.committers));
        let inner = Inner {
            clock: options.clock.clone(),
            directory,
            catalogue: Mutex::new(catalogue),
            workspaces: RwLock::new(workspaces),
            run_queue: RunQueue::new("committer"),
            fill_queue: RunQueue::new("filler"),
            pause: Pause::new({
                let cores = cores.clone();
                move || cores.pause()
            }),
            cores,
            stop_signal: StopSignal::default(),
            gauges: Gauges::default(),
            ticks: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            orphans: Mutex::default(),
            clock_check: ClockCheck::new(options.accept_clock),
            options,
        };
        inner.open_all()?;
        inner.note_orphans().map_err(damaged)?;
        Self::start(Arc::new(inner))
    }

    fn start(inner: Arc<Inner>) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Io { path: "a thread".into(), error };
        inner.run_queue.start(&inner, inner.options.committers).map_err(failed)?;
        inner.fill_queue.start(&inner, 1).map_err(failed)?;
        let shared = inner.clone();
        let thread = thread::Builder::new().name("maintenance".into());
        let maintenance = thread.spawn(move || maintenance::run(&shared)).map_err(failed)?;
        Ok(Self { inner, maintenance: Mutex::new(Some(maintenance)) })
    }
}

impl Engine for Sqlite {
    fn workspaces(&self) -> Result<Vec<Workspace>, EngineError> {
        if self.inner.is_closing() {
            return Err(closed());
        }
        Ok(self.inner.all_workspaces().iter().map(|workspace| (*workspace.queue.entry()).clone()).collect())
    }

    fn create_workspace(&self, workspace: &Workspace) -> Result<Created, EngineError> {
        if self.inner.is_closing() {
            return Err(closed());
        }
        self.inner.clock_check.check(&*self.inner.clock, Timestamp::default())?;
        let made = self.inner.write_catalogue(|catalogue| {
            if catalogue.has_alike(&workspace.id)? {
                return Ok(Err(Created::Taken));
            }
            let is_alike = |other: &WorkspaceId| other.as_str().eq_ignore_ascii_case(workspace.id.as_str());
            if let Some(deleted) = catalogue.deleted()?.into_iter().find(is_alike) {
                // A deletion that could not be finished then is finished now.
                let aside = catalogue.finish_deletion(&self.inner.directory, &deleted)?;
                let _left = std::fs::remove_dir_all(aside);
            }
            let names = self.inner.directory.workspaces().map_err(io)?;
            if names.iter().any(|name| name.eq_ignore_ascii_case(workspace.id.as_str())) {
                return Ok(Err(Created::Orphaned));
            }
            self.inner.make(catalogue, workspace).map(Ok)
        })?;
        let workspace = match made {
            Ok(workspace) => workspace,
            Err(refused) => return Ok(refused),
        };
        let mut workspaces = self.inner.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        workspaces.insert(workspace.id.clone(), Arc::new(workspace));
        Ok(Created::Made)
    }

    fn adopt_workspace(&self, id: &WorkspaceId, unknown: &Workspace) -> Result<Adopted, EngineError> {
        self.inner.adopt(id, unknown)
    }

    fn remove_orphan(&self, id: &WorkspaceId) -> Result<Option<String>, EngineError> {
        self.inner.set_orphan_aside(id)
    }

    fn configure(&self, id: &WorkspaceId, change: Configure) -> Result<Workspace, EngineError> {
        let workspace = self.inner.usable_workspace(id)?;
        let (reply, answer) = sync_channel(1);
        if workspace.queue.push_configure(Configuring { change, reply })? {
            self.inner.run_queue.push(workspace);
        }
        answer.recv().unwrap_or_else(|_| Err(EngineError::Unavailable("the workspace was closed".into())))
    }

    fn delete_workspace(&self, id: &WorkspaceId) -> Result<(), EngineError> {
        let workspace = self.inner.workspace(id)?;
        // From here on the folder may go: nobody finds the workspace, what waits is answered, the running group ends first.
        {
            let mut workspaces = self.inner.workspaces.write().unwrap_or_else(PoisonError::into_inner);
            workspaces.remove(id).ok_or(EngineError::UnknownWorkspace)?;
        }
        let waited = workspace.queue.stop(&EngineError::UnknownWorkspace);
        self.inner.gauges.queued.fetch_sub(waited, Ordering::Relaxed);
        // Whatever its file still holds goes with it.
        {
            let mut writer = lock(&workspace.writer);
            if workspace.close(&mut writer, &self.inner.cores).is_err() {
                *writer = None;
                workspace.front.abandon(&self.inner.cores);
            }
        }
        // Under the catalogue's lock only what is quick: other workspaces wait for it.
        let aside = self.inner.write_catalogue(|catalogue| {
            if let Err(error) = catalogue.delete(id) {
                self.inner.put_back(catalogue, &workspace);
                return Err(error);
            }
            catalogue.finish_deletion(&self.inner.directory, id)
        })?;
        // What cannot be removed now is removed at the next start.
        let _left = std::fs::remove_dir_all(aside);
        Ok(())
    }

    fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        if self.inner.is_closing() {
            return Err(closed());
        }
        lock(&self.inner.catalogue).secret(name)
    }

    fn put_secret(&self, name: &str, value: &[u8]) -> Result<(), EngineError> {
        if self.inner.is_closing() {
            return Err(closed());
        }
        self.inner.write_catalogue(|catalogue| catalogue.put_secret(name, value))
    }

    fn submit(&self, id: &WorkspaceId, job: Box<dyn Job>) -> Result<(), EngineError> {
        let workspace = self.inner.usable_workspace(id)?;
        self.inner.gauges.queued.fetch_add(1, Ordering::Relaxed);
        let pushed = workspace.queue.push(job, &self.inner.options.bounds);
        match pushed {
            Ok(true) => self.inner.run_queue.push(workspace),
            Ok(false) => {}
            Err(_) => drop(self.inner.gauges.queued.fetch_sub(1, Ordering::Relaxed)),
        }
        pushed.map(|_| ())
    }

    fn disk_bytes(&self, id: &WorkspaceId) -> u64 {
        self.inner.workspace(id).map(|workspace| workspace.used_bytes.load(Ordering::Relaxed)).unwrap_or_default()
    }

    fn counters(&self, id: &WorkspaceId) -> Counters {
        self.inner.workspace(id).map(|workspace| *lock(&workspace.counters)).unwrap_or_default()
    }

    fn cut_log(&self, id: &WorkspaceId) {
        if let Ok(workspace) = self.inner.usable_workspace(id) {
            workspace.cut.store(true, Ordering::Release);
        }
    }

    fn note_refused(&self, id: &WorkspaceId, request: LogEntry) {
        if let Ok(workspace) = self.inner.workspace(id) {
            workspace.queue.note_refused(request, &self.inner.options.bounds);
        }
    }

    fn rate(&self, id: &WorkspaceId) -> RateWindow {
        self.inner.workspace(id).map(|workspace| workspace.queue.rate()).unwrap_or_default()
    }

    fn read(&self, id: &WorkspaceId) -> Result<Box<dyn Reader + '_>, EngineError> {
        Ok(Box::new(SqliteReader::open(self.inner.usable_workspace(id)?, &self.inner.cores)?))
    }

    fn recorded_answer(&self, id: &WorkspaceId, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError> {
        let workspace = self.inner.usable_workspace(id)?;
        let of = [Cell::Int(route as i64), Cell::text(key)];
        if let Some(logged) = workspace.front.get((Family::Idempotency, &of), table::record)? {
            return Ok(logged);
        }
        workspace.check_readable()?;
        let conn = workspace.reader()?;
        let found = group_tables::idempotency(&conn, route, key)?;
        workspace.keep_reader(conn);
        Ok(found)
    }

    fn health(&self) -> Health {
        let mut health = self.inner.gauges.health();
        health.clock = self.inner.clock_check.distrust(&*self.inner.clock);
        let orphans = lock(&self.inner.orphans).clone();
        health.troubles = orphans.into_iter().map(|folder| Trouble::Orphan { folder: folder.into() }).collect();
        for workspace in self.inner.all_workspaces() {
            health.wal_bytes += workspace.pages.load(Ordering::Relaxed) * settings::PAGE_BYTES;
            health.redo_bytes += workspace.front.unfilled_bytes();
            health.add_failing(workspace.queue.failing());
            if let Some(why) = workspace.damaged() {
                health.troubles.push(Trouble::Damaged { workspace: workspace.id.clone(), why: why.clone() });
            }
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
        self.inner.fill_queue.stop();
        for workspace in &workspaces {
            if let Err(error) = workspace.close(&mut lock(&workspace.writer), &self.inner.cores) {
                self.inner.gauges.fail(format!("workspace {}: {error}", workspace.id).into());
            }
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}
