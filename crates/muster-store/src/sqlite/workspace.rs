//! One workspace of the engine: its queue, its one writer and its readers.

use super::errors;
use super::front::Front;
use super::redo;
use super::settings;
use super::table_writer::TableWriter;
use super::writer::{DATABASE, Writer, WriterError};
use crate::engine::{EngineError, Workspace};
use crate::queue::WorkspaceQueue;
use crate::queue::cores::Cores;
use crate::sync::lock;
use muster_core::id::WorkspaceId;
use muster_core::record::Counters;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Reading connections that a workspace keeps; more are opened on demand and closed after use.
const READERS_KEPT: usize = 4;

/// One workspace of the engine.
pub(crate) struct SqliteWorkspace {
    pub(crate) id: WorkspaceId,
    pub(crate) folder: PathBuf,
    pub(crate) queue: WorkspaceQueue,
    /// Locked for a whole group.
    pub(crate) writer: Mutex<Option<Writer>>,
    /// The redo log and the tables behind it, while the writer is open.
    pub(crate) front: Arc<Front>,
    readers: Mutex<Vec<Connection>>,
    /// Pages of the write-ahead log.
    pub(crate) pages: Arc<AtomicU64>,
    /// Whether a checkpoint ran beside the writer, which has to finish it before its next group.
    pub(crate) finish: AtomicBool,
    /// Bytes of its file that are in use, as of the last commit.
    pub(crate) used_bytes: AtomicU64,
    /// Its counters as of the last commit.
    pub(crate) counters: Mutex<Counters>,
    /// Whether the write-ahead log is to be emptied.
    pub(crate) cut: AtomicBool,
    /// Whether the log was written to since it was emptied.
    pub(crate) logged: AtomicBool,
    /// The tick at which the log was last to be emptied.
    pub(crate) cut_at: AtomicU64,
    /// The tick of the last use: idle workspaces are closed.
    pub(crate) used: AtomicU64,
    /// Why the data cannot be used, if it cannot; known from the start.
    damaged: OnceLock<Arc<str>>,
}

impl SqliteWorkspace {
    pub(crate) fn new(entry: Workspace, folder: PathBuf) -> Self {
        Self {
            id: entry.id.clone(),
            folder,
            queue: WorkspaceQueue::new(entry),
            writer: Mutex::new(None),
            front: Arc::new(Front::new()),
            readers: Mutex::default(),
            pages: Arc::default(),
            finish: AtomicBool::new(false),
            used_bytes: AtomicU64::new(0),
            counters: Mutex::default(),
            cut: AtomicBool::new(false),
            logged: AtomicBool::new(false),
            cut_at: AtomicU64::new(0),
            used: AtomicU64::new(0),
            damaged: OnceLock::new(),
        }
    }

    /// Refuses all reads and writes in this process, for this reason.
    pub(crate) fn set_damaged(&self, why: Arc<str>) {
        let _first_reason = self.damaged.set(why);
    }

    /// Why its data cannot be used.
    pub(crate) fn damaged(&self) -> Option<&Arc<str>> {
        self.damaged.get()
    }

    /// Whether decisions wait and the workspace must be scheduled now.
    pub(crate) fn wake(&self) -> bool {
        self.queue.wake(self.finish.load(Ordering::Acquire))
    }

    /// Opens the writer if it is not open.
    pub(crate) fn open_writer<'w>(
        &self,
        writer: &'w mut Option<Writer>,
        binding_bytes_max: usize,
        accept_loss: bool,
    ) -> Result<&'w mut Writer, WriterError> {
        match writer {
            Some(writer) => Ok(writer),
            None => {
                let opened = Writer::open(
                    &self.folder,
                    (self.front.clone(), self.pages.clone()),
                    binding_bytes_max,
                    accept_loss,
                )?;
                self.note_used_bytes();
                *lock(&self.counters) = *opened.counters();
                Ok(writer.insert(opened))
            }
        }
    }

    /// Notes the bytes of the file that are in use, unless a fill changes them just now.
    pub(crate) fn note_used_bytes(&self) {
        let used = self.front.idle_tables().and_then(|tables| tables.as_ref()?.used_bytes().ok());
        if let Some(used) = used {
            self.used_bytes.store(used, Ordering::Relaxed);
        }
    }

    /// Refuses to read tables that lack groups of the redo log: after a start that could not write them, until the writer
    /// is opened.
    pub(crate) fn check_readable(&self) -> Result<(), EngineError> {
        // Asked before and after: between the two a writer may open the log.
        let lacks_groups = !self.front.is_open()
            && redo::is_left(&self.folder).map_err(|e| errors::of_system(&e))?
            && !self.front.is_open();
        if lacks_groups {
            let why = || EngineError::Busy("its redo log is not in the tables yet".into());
            return Err(self.queue.failing().unwrap_or_else(why));
        }
        Ok(())
    }

    /// A reading connection.
    pub(crate) fn reader(&self) -> Result<Connection, EngineError> {
        if let Some(conn) = lock(&self.readers).pop() {
            return Ok(conn);
        }
        Ok(settings::reader(&self.folder.join(DATABASE))?)
    }

    /// A connection whose open transaction has what the tables lack; it is to be closed.
    pub(crate) fn overlay(&self, cores: &Cores) -> Result<Connection, EngineError> {
        self.front.overlay(settings::overlay(&self.folder.join(DATABASE))?, cores)
    }

    /// Returns a reading connection for later use.
    pub(crate) fn keep_reader(&self, conn: Connection) {
        let mut readers = lock(&self.readers);
        if readers.len() < READERS_KEPT {
            readers.push(conn);
        }
    }

    /// Notes that the log is empty.
    pub(crate) fn is_cut(&self) {
        self.cut.store(false, Ordering::Release);
        self.logged.store(false, Ordering::Release);
    }

    /// Whether the log is to be emptied now: on request, or because it has been written to for this many ticks.
    pub(crate) fn wants_cut(&self, tick: u64, ticks_kept: u64) -> bool {
        let is_old = || tick.saturating_sub(self.cut_at.load(Ordering::Relaxed)) >= ticks_kept;
        let wants = self.cut.load(Ordering::Acquire) || self.logged.load(Ordering::Acquire) && is_old();
        if wants {
            self.cut_at.store(tick, Ordering::Relaxed);
            self.cut.store(true, Ordering::Release);
        }
        wants
    }

    /// Writes what was logged to the tables and closes the connections; the writer's caller holds its lock.
    pub(crate) fn close(&self, writer: &mut Option<Writer>, cores: &Cores) -> Result<(), EngineError> {
        let tables = self.front.close(cores)?;
        lock(&self.readers).clear();
        // Its reading connection goes first: nobody may read while the write-ahead log is emptied.
        *writer = None;
        self.pages.store(0, Ordering::Relaxed);
        self.finish.store(false, Ordering::Release);
        if tables.map_or(Ok(true), TableWriter::close)? {
            self.is_cut();
        }
        Ok(())
    }
}
