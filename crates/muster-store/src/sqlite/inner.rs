//! What the threads of the engine share.

use super::catalogue::Catalogue;
use super::directory::{Directory, OpenError};
use super::errors::{self, closed};
use super::schema::SchemaError;
use super::workspace::SqliteWorkspace;
use super::writer::WriterError;
use crate::bounds::{Bounds, LOG_KEPT};
use crate::clock_check::ClockCheck;
use crate::engine::EngineError;
use crate::health::Gauges;
use crate::queue::cores::Cores;
use crate::queue::run_queue::RunQueue;
use crate::queue::stop_signal::StopSignal;
use crate::sync::lock;
use muster_core::id::WorkspaceId;
use muster_core::pause::Pause;
use muster_core::time::Clock;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

/// How the engine is opened.
#[derive(Clone)]
pub struct SqliteOptions {
    /// The data directory; created if it does not exist.
    pub data_dir: PathBuf,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Accept databases that lost the end of their write-ahead log.
    pub accept_loss: bool,
    /// Accept a catalogue that was lost, or that is older than the copies that workspaces keep.
    pub accept_catalogue: bool,
    /// Accept a clock that is behind stored times or far ahead of them.
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
    /// The defaults: a committer for each core, 64 open workspaces (at most 370 KB and eight descriptors each, binding
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

/// A workspace whose generation is to be filled.
pub(super) struct Unfilled(pub(super) Arc<SqliteWorkspace>);

impl Unfilled {
    pub(super) fn new(workspace: &Arc<SqliteWorkspace>) -> Arc<Self> {
        Arc::new(Self(workspace.clone()))
    }
}

/// What the engine's threads share.
pub(super) struct Inner {
    pub(super) options: SqliteOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) directory: Directory,
    pub(super) catalogue: Mutex<Catalogue>,
    pub(super) workspaces: RwLock<BTreeMap<WorkspaceId, Arc<SqliteWorkspace>>>,
    pub(super) run_queue: RunQueue<SqliteWorkspace>,
    pub(super) fill_queue: RunQueue<Unfilled>,
    pub(super) cores: Arc<Cores>,
    /// Gives a core to a waiting thread; the same for all decisions.
    pub(super) pause: Pause,
    pub(super) stop_signal: StopSignal,
    pub(super) gauges: Gauges,
    pub(super) ticks: AtomicU64,
    pub(super) closing: AtomicBool,
    /// Folders that the catalogue did not know at the last check.
    pub(super) orphans: Mutex<Vec<String>>,
    pub(super) clock_check: ClockCheck,
}

/// Returns what it means for the whole start that a workspace's or the catalogue's file does not open.
pub(super) fn refusal(path: &Path, id: Option<&WorkspaceId>, error: WriterError) -> OpenError {
    match error {
        WriterError::Schema(SchemaError::Newer(version)) => {
            OpenError::Newer(path.to_owned(), format!("database version {version}"))
        }
        WriterError::Schema(SchemaError::Storage(error)) => {
            OpenError::Damaged { what: path.display().to_string(), why: error.to_string() }
        }
        WriterError::Behind(stored, synced) => {
            let workspace = id.expect("the catalogue is never behind").clone();
            OpenError::Behind { workspace, stored, synced }
        }
    }
}

impl Inner {
    pub(super) fn all_workspaces(&self) -> Vec<Arc<SqliteWorkspace>> {
        self.workspaces.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Returns a workspace, if its data can be used.
    pub(super) fn usable_workspace(&self, id: &WorkspaceId) -> Result<Arc<SqliteWorkspace>, EngineError> {
        let workspace = self.workspace(id)?;
        match workspace.damaged() {
            Some(why) => Err(EngineError::Damaged(why.clone())),
            None => Ok(workspace),
        }
    }

    pub(super) fn workspace(&self, id: &WorkspaceId) -> Result<Arc<SqliteWorkspace>, EngineError> {
        if self.is_closing() {
            return Err(closed());
        }
        let workspaces = self.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        workspaces.get(id).cloned().ok_or(EngineError::UnknownWorkspace)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// A change of the catalogue; a failure shows in the health.
    pub(super) fn write_catalogue<T>(
        &self,
        change: impl FnOnce(&mut Catalogue) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let mut catalogue = lock(&self.catalogue);
        let result = change(&mut catalogue);
        if let Some(why) = catalogue.failed() {
            self.gauges.fail(why);
        }
        result
    }
}

pub(super) fn io(error: std::io::Error) -> EngineError {
    errors::of_system(&error)
}
