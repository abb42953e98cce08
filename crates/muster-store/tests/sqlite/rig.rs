//! A data directory of a test.

use muster_core::id::{MergeNo, ProfileId, WorkspaceId};
use muster_core::rate::RateWindow;
use muster_core::record::{Cause, Counters, LogEntry, Merge};
use muster_core::time::Timestamp;
use muster_store::access::{Access, AuditQuery, AuditRecord, SessionChanges, SessionRecord, TokenPut, TokenRecord};
use muster_store::bounds::Bounds;
use muster_store::conformance::rig::HandClock;
use muster_store::engine::{Configure, Created, Engine, EngineError, Health, Job, Workspace};
use muster_store::page::Page;
use muster_store::reader::Reader;
use muster_store::sqlite::{OpenError, Sqlite, SqliteOptions};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A merge that filled and moved nothing.
pub(crate) fn plain_merge(no: MergeNo, at: Timestamp, survivor: ProfileId, merged: ProfileId) -> Merge {
    Merge {
        no,
        at,
        survivor,
        merged,
        request: None,
        cause: Cause::Api,
        explanation: None,
        filled: Vec::new(),
        combined: Vec::new(),
        identifiers: Vec::new(),
        reverted_at: None,
    }
}

/// A data directory that is removed afterwards.
pub(crate) struct Home {
    dir: TempDir,
}

/// An engine with the directory that it lives in.
pub(crate) struct Housed {
    engine: Sqlite,
    _home: Home,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The database of a workspace.
    pub(crate) fn database(&self, id: &str) -> PathBuf {
        self.path().join("workspaces").join(id).join("muster.db")
    }

    pub(crate) fn options(&self) -> SqliteOptions {
        SqliteOptions::new(self.path(), HandClock::at(1_000))
    }

    pub(crate) fn open(&self) -> Result<Sqlite, OpenError> {
        Sqlite::open(self.options())
    }

    /// Copies the files as a crash leaves them. What SQLite shares between processes is not among them.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        copy_files(self.path(), copy.path());
        copy
    }

    /// An engine for the suite, whose decisions move `now` far from the clock.
    pub(crate) fn into_engine(self, bounds: Bounds) -> Housed {
        let engine = Sqlite::open(SqliteOptions { bounds, accept_clock: true, ..self.options() }).unwrap();
        Housed { engine, _home: self }
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_files(&from, &to);
        } else if from.extension().is_none_or(|ending| ending != "db-shm") {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

impl Access for Housed {
    fn tokens(&self) -> Result<Vec<TokenRecord>, EngineError> {
        self.engine.tokens()
    }

    fn put_token(&self, token: &TokenRecord) -> Result<TokenPut, EngineError> {
        self.engine.put_token(token)
    }

    fn remove_token(&self, name: &str) -> Result<bool, EngineError> {
        self.engine.remove_token(name)
    }

    fn sessions(&self) -> Result<Vec<SessionRecord>, EngineError> {
        self.engine.sessions()
    }

    fn change_sessions(&self, changes: &SessionChanges) -> Result<(), EngineError> {
        self.engine.change_sessions(changes)
    }

    fn clear_sessions(&self) -> Result<(), EngineError> {
        self.engine.clear_sessions()
    }

    fn append_audits(&self, records: &[AuditRecord]) -> Result<(), EngineError> {
        self.engine.append_audits(records)
    }

    fn append_audit(&self, record: &AuditRecord) -> Result<u64, EngineError> {
        self.engine.append_audit(record)
    }

    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRecord>, EngineError> {
        self.engine.audit(query)
    }
}

impl Engine for Housed {
    fn workspaces(&self) -> Result<Vec<Workspace>, EngineError> {
        self.engine.workspaces()
    }

    fn create_workspace(&self, workspace: &Workspace) -> Result<Created, EngineError> {
        self.engine.create_workspace(workspace)
    }

    fn configure(&self, id: &WorkspaceId, change: Configure) -> Result<Workspace, EngineError> {
        self.engine.configure(id, change)
    }

    fn delete_workspace(&self, id: &WorkspaceId) -> Result<(), EngineError> {
        self.engine.delete_workspace(id)
    }

    fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        self.engine.secret(name)
    }

    fn put_secret(&self, name: &str, value: &[u8]) -> Result<(), EngineError> {
        self.engine.put_secret(name, value)
    }

    fn submit(&self, id: &WorkspaceId, job: Box<dyn Job>) -> Result<(), EngineError> {
        self.engine.submit(id, job)
    }

    fn counters(&self, id: &WorkspaceId) -> Counters {
        self.engine.counters(id)
    }

    fn note_refused(&self, id: &WorkspaceId, request: LogEntry) {
        self.engine.note_refused(id, request);
    }

    fn rate(&self, id: &WorkspaceId) -> RateWindow {
        self.engine.rate(id)
    }

    fn read(&self, id: &WorkspaceId) -> Result<Box<dyn Reader + '_>, EngineError> {
        self.engine.read(id)
    }

    fn health(&self) -> Health {
        self.engine.health()
    }

    fn close(&self) {
        self.engine.close();
    }
}
