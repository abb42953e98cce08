//! The embedded engine: SQLite, one file per workspace and one for the catalogue.
//!
//! `Inner` is what its threads share: lanes (`lane`), the committers that serve them (`committer`), the keeper of
//! everything that nobody waits for (`keeper`). A group of decisions is run by the lane's `writer`; rows are written by
//! `apply` and read by `facts` (decisions) and `look` (people) through `table`. How SQLite is opened is `settings`.

mod access;
mod apply;
mod bindings;
mod catalogue;
mod chunks;
mod committer;
mod directory;
mod facts;
mod gauges;
mod keeper;
mod lane;
mod look;
mod making;
mod orphans;
mod own_entry;
#[cfg(feature = "support")]
mod plans;
mod schema;
mod settings;
mod state;
mod synced;
mod table;
mod trouble;
mod trust;
mod turns;
mod verify;
mod writer;

pub use directory::{OpenError, is_in_use};
#[cfg(feature = "support")]
pub use plans::plans;
pub use verify::{Report, WorkspaceReport, verify};

use crate::bounds::{Bounds, LOG_KEPT};
use crate::engine::{Adopted, Configure, Created, Engine, EngineError, Health, Job, Trouble, Workspace};
use crate::reader::Reader;
use catalogue::Catalogue;
use committer::Ready;
use directory::{Directory, at};
use gauges::Gauges;
use keeper::Bell;
use lane::{Configuring, Lane, locked};
use look::Look;
use muster_core::id::WorkspaceId;
use muster_core::pause::Pause;
use muster_core::rate::RateWindow;
use muster_core::record::{Counters, LogEntry};
use muster_core::time::{Clock, Timestamp};
use schema::SchemaError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use trust::Trust;
use turns::Turns;
use writer::WriterError;

/// How the engine is opened.
#[derive(Clone)]
pub struct SqliteOptions {
    /// The data directory; made if it is not there.
    pub data_dir: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Go on with databases that lost the end of their write-ahead log.
    pub accept_loss: bool,
    /// Go on with a catalogue that was lost, or that is older than what workspaces keep of it.
    pub accept_catalogue: bool,
    /// Take the clock as it is, though it is behind what is stored or far ahead of it.
    pub accept_clock: bool,
    /// Threads that decide and commit at a time; more of them wait.
    pub committers: usize,
    /// Workspaces whose connections stay open.
    pub open_max: usize,
    /// How long a write-ahead log may hold what was written to it.
    pub log_kept: Duration,
    /// Bytes that one workspace's binding map may take; above it the table is read.
    pub binding_map_bytes_max: usize,
    /// Bounds of queues, groups and bounded families.
    pub bounds: Bounds,
}

impl SqliteOptions {
    /// The defaults: a committer for each core, 64 open workspaces (at most 370 KB and three descriptors each, binding
    /// maps aside), binding maps of at most 1 GiB (about 20 million keys).
    pub fn new(data_dir: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            data_dir: data_dir.into(),
            clock,
            accept_loss: false,
            accept_catalogue: false,
            accept_clock: false,
            committers: thread::available_parallelism().map_or(1, usize::from),
            open_max: 64,
            log_kept: LOG_KEPT,
            binding_map_bytes_max: 1 << 30,
            bounds: Bounds::default(),
        }
    }
}

/// What the engine's threads share.
struct Inner {
    options: SqliteOptions,
    clock: Arc<dyn Clock>,
    directory: Directory,
    catalogue: Mutex<Catalogue>,
    lanes: RwLock<BTreeMap<WorkspaceId, Arc<Lane>>>,
    ready: Ready,
    turns: Arc<Turns>,
    /// Gives a core to who waits for one; the same for all decisions.
    pause: Pause,
    bell: Bell,
    gauges: Gauges,
    ticks: AtomicU64,
    closing: AtomicBool,
    /// Folders that the catalogue does not know, when somebody looked last.
    orphans: Mutex<Vec<String>>,
    trust: Trust,
}

/// The embedded engine.
pub struct Sqlite {
    inner: Arc<Inner>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

fn closed() -> EngineError {
    EngineError::Unavailable("it was closed".into())
}

/// What a workspace's or the catalogue's file that does not open means for the whole start.
fn refusal(path: &Path, id: Option<&WorkspaceId>, error: WriterError) -> OpenError {
    match error {
        WriterError::Schema(SchemaError::Newer(version)) => {
            OpenError::Newer(path.to_owned(), format!("database version {version}"))
        }
        WriterError::Schema(SchemaError::Storage(error)) => {
            OpenError::Damaged { what: path.display().to_string(), why: error.to_string() }
        }
        WriterError::Io(error) => OpenError::Io { path: path.to_owned(), error },
        WriterError::Behind(stored, synced) => {
            let workspace = id.expect("the catalogue is never behind").clone();
            OpenError::Behind { workspace, stored, synced }
        }
    }
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
            catalogue.gone(&id).map_err(damaged)?;
        }
        directory.remove_set_aside()?;
        let entries = catalogue.workspaces().map_err(damaged)?;
        directory.end_unfinished(|id| entries.iter().any(|entry| entry.id.as_str() == id))?;
        let mut lanes = BTreeMap::new();
        for workspace in entries {
            let folder = directory.workspace(&workspace.id);
            let lane = Lane::new(workspace, folder);
            lanes.insert(lane.id.clone(), Arc::new(lane));
        }
        let turns = Arc::new(Turns::new(options.committers));
        let inner = Inner {
            clock: options.clock.clone(),
            directory,
            catalogue: Mutex::new(catalogue),
            lanes: RwLock::new(lanes),
            ready: Ready::default(),
            pause: Pause::new({
                let turns = turns.clone();
                move || turns.pause()
            }),
            turns,
            bell: Bell::default(),
            gauges: Gauges::default(),
            ticks: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            orphans: Mutex::default(),
            trust: Trust::new(options.accept_clock),
            options,
        };
        inner.look_at_all()?;
        inner.note_orphans().map_err(damaged)?;
        Self::start(Arc::new(inner))
    }

    fn start(inner: Arc<Inner>) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Io { path: "a thread".into(), error };
        inner.ready.start(&inner, inner.options.committers).map_err(failed)?;
        let keeper = inner.clone();
        let thread = thread::Builder::new().name("keeper".into());
        let keeper = thread.spawn(move || keeper::run(&keeper)).map_err(failed)?;
        Ok(Self { inner, keeper: Mutex::new(Some(keeper)) })
    }
}

impl Inner {
    fn all_lanes(&self) -> Vec<Arc<Lane>> {
        self.lanes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A workspace's lane, if its data can be used.
    fn usable_lane(&self, id: &WorkspaceId) -> Result<Arc<Lane>, EngineError> {
        let lane = self.lane(id)?;
        match lane.damaged() {
            Some(why) => Err(EngineError::Damaged(why.clone())),
            None => Ok(lane),
        }
    }

    fn lane(&self, id: &WorkspaceId) -> Result<Arc<Lane>, EngineError> {
        if self.is_closing() {
            return Err(closed());
        }
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        lanes.get(id).cloned().ok_or(EngineError::UnknownWorkspace)
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// A change of the catalogue; a failure shows in the health.
    fn write_catalogue<T>(
        &self,
        change: impl FnOnce(&mut Catalogue) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let mut catalogue = locked(&self.catalogue);
        let result = change(&mut catalogue);
        if let Some(why) = catalogue.failed() {
            self.gauges.fail(why);
        }
        result
    }
}

fn io(error: std::io::Error) -> EngineError {
    trouble::of_system(&error)
}

impl Engine for Sqlite {
    fn workspaces(&self) -> Result<Vec<Workspace>, EngineError> {
        if self.inner.is_closing() {
            return Err(closed());
        }
        Ok(self.inner.all_lanes().iter().map(|lane| (*lane.entry()).clone()).collect())
    }

    fn create_workspace(&self, workspace: &Workspace) -> Result<Created, EngineError> {
        if self.inner.is_closing() {
            return Err(closed());
        }
        self.inner.trust.judge(&*self.inner.clock, Timestamp::default())?;
        let made = self.inner.write_catalogue(|catalogue| {
            if catalogue.has_alike(&workspace.id)? {
                return Ok(Err(Created::Taken));
            }
            let is_alike = |other: &WorkspaceId| other.as_str().eq_ignore_ascii_case(workspace.id.as_str());
            if let Some(deleted) = catalogue.deleted()?.into_iter().find(is_alike) {
                // A deletion that could not be finished then is finished now.
                let aside = self.inner.directory.finish_deletion(catalogue, &deleted)?;
                let _left = std::fs::remove_dir_all(aside);
            }
            let names = self.inner.directory.workspaces().map_err(io)?;
            if names.iter().any(|name| name.eq_ignore_ascii_case(workspace.id.as_str())) {
                return Ok(Err(Created::Orphaned));
            }
            self.inner.make(catalogue, workspace).map(Ok)
        })?;
        let lane = match made {
            Ok(lane) => lane,
            Err(refused) => return Ok(refused),
        };
        let mut lanes = self.inner.lanes.write().unwrap_or_else(PoisonError::into_inner);
        lanes.insert(workspace.id.clone(), Arc::new(lane));
        Ok(Created::Made)
    }

    fn adopt_workspace(&self, id: &WorkspaceId, unknown: &Workspace) -> Result<Adopted, EngineError> {
        self.inner.adopt(id, unknown)
    }

    fn remove_orphan(&self, id: &WorkspaceId) -> Result<Option<String>, EngineError> {
        self.inner.set_orphan_aside(id)
    }

    fn configure(&self, id: &WorkspaceId, change: Configure) -> Result<Workspace, EngineError> {
        let lane = self.inner.usable_lane(id)?;
        let (reply, answer) = sync_channel(1);
        if lane.push_configure(Configuring { change, reply })? {
            self.inner.ready.push(lane);
        }
        answer.recv().unwrap_or_else(|_| Err(EngineError::Unavailable("the lane was closed".into())))
    }

    fn delete_workspace(&self, id: &WorkspaceId) -> Result<(), EngineError> {
        let lane = self.inner.lane(id)?;
        // From here on the folder may go: nobody finds the lane, what waits is answered, the running group ends first.
        {
            let mut lanes = self.inner.lanes.write().unwrap_or_else(PoisonError::into_inner);
            lanes.remove(id).ok_or(EngineError::UnknownWorkspace)?;
        }
        let waited = lane.stop(&EngineError::UnknownWorkspace);
        self.inner.gauges.queued.fetch_sub(waited, Ordering::Relaxed);
        // Whatever its file still holds goes with it.
        let _unneeded = lane.close(&mut locked(&lane.writer));
        // Under the catalogue's lock only what is quick: other workspaces wait for it.
        let aside = self.inner.write_catalogue(|catalogue| {
            if let Err(error) = catalogue.delete(id) {
                self.inner.put_back(catalogue, &lane);
                return Err(error);
            }
            self.inner.directory.finish_deletion(catalogue, id)
        })?;
        // What cannot be removed now is removed at the next start.
        let _left = std::fs::remove_dir_all(aside);
        Ok(())
    }

    fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        if self.inner.is_closing() {
            return Err(closed());
        }
        locked(&self.inner.catalogue).secret(name)
    }

    fn put_secret(&self, name: &str, value: &[u8]) -> Result<(), EngineError> {
        if self.inner.is_closing() {
            return Err(closed());
        }
        self.inner.write_catalogue(|catalogue| catalogue.put_secret(name, value))
    }

    fn submit(&self, id: &WorkspaceId, job: Box<dyn Job>) -> Result<(), EngineError> {
        let lane = self.inner.usable_lane(id)?;
        self.inner.gauges.queued.fetch_add(1, Ordering::Relaxed);
        let pushed = lane.push(job, &self.inner.options.bounds);
        match pushed {
            Ok(true) => self.inner.ready.push(lane),
            Ok(false) => {}
            Err(_) => drop(self.inner.gauges.queued.fetch_sub(1, Ordering::Relaxed)),
        }
        pushed.map(|_| ())
    }

    fn disk_bytes(&self, id: &WorkspaceId) -> u64 {
        self.inner.lane(id).map(|lane| lane.used_bytes.load(Ordering::Relaxed)).unwrap_or_default()
    }

    fn counters(&self, id: &WorkspaceId) -> Counters {
        self.inner.lane(id).map(|lane| *locked(&lane.counters)).unwrap_or_default()
    }

    fn cut_log(&self, id: &WorkspaceId) {
        if let Ok(lane) = self.inner.usable_lane(id) {
            lane.cut.store(true, Ordering::Release);
        }
    }

    fn note_refused(&self, id: &WorkspaceId, request: LogEntry) {
        if let Ok(lane) = self.inner.lane(id) {
            lane.note_refused(request, &self.inner.options.bounds);
        }
    }

    fn rate(&self, id: &WorkspaceId) -> RateWindow {
        self.inner.lane(id).map(|lane| lane.rate()).unwrap_or_default()
    }

    fn read(&self, id: &WorkspaceId) -> Result<Box<dyn Reader + '_>, EngineError> {
        Ok(Box::new(Look::of(self.inner.usable_lane(id)?, &self.inner.turns)?))
    }

    fn health(&self) -> Health {
        let mut health = self.inner.gauges.health();
        health.clock = self.inner.trust.of_all(&*self.inner.clock);
        let orphans = locked(&self.inner.orphans).clone();
        health.troubles = orphans.into_iter().map(|folder| Trouble::Orphan { folder: folder.into() }).collect();
        for lane in self.inner.all_lanes() {
            health.wal_bytes += lane.pages.load(Ordering::Relaxed) * settings::PAGE_BYTES;
            match lane.ailing() {
                None => {}
                Some(EngineError::Clock(why)) => health.clock = Some(why),
                Some(error) => drop(health.failed.get_or_insert_with(|| error.to_string().into())),
            }
            if let Some(why) = lane.damaged() {
                health.troubles.push(Trouble::Damaged { workspace: lane.id.clone(), why: why.clone() });
            }
        }
        if let Some(why) = health.clock {
            health.failed.get_or_insert_with(|| EngineError::Clock(why).to_string().into());
        }
        health
    }

    fn close(&self) {
        if self.inner.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        let lanes = self.inner.all_lanes();
        for lane in &lanes {
            lane.refuse_more(&closed());
        }
        self.inner.bell.ring();
        if let Some(keeper) = locked(&self.keeper).take() {
            let _panicked = keeper.join();
        }
        // What waits, refused requests among it, is finished by the committers before they end.
        for lane in &lanes {
            if lane.wake_last() {
                self.inner.ready.push(lane.clone());
            }
        }
        self.inner.ready.stop();
        for lane in &lanes {
            if let Err(error) = lane.close(&mut locked(&lane.writer)) {
                self.inner.gauges.fail(format!("workspace {}: {error}", lane.id).into());
            }
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}
