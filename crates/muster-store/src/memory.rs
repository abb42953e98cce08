//! The reference engine: everything in ordered maps, decisions run inline in `submit`. It is the executable
//! specification of the seam and is never fast; nothing of it outlives the process.

mod access;
mod access_records;
mod data;
mod reader;

use crate::bounds::Bounds;
use crate::engine::{Configure, Created, Engine, EngineError, Health, Job, Workspace};
use crate::fact_loading::{self, LoadResult};
use crate::reader::Reader;
use crate::sync::lock;
use data::Data;
use muster_core::decision::Mode;
use muster_core::facts::Facts;
use muster_core::id::WorkspaceId;
use muster_core::rate::RateWindow;
use muster_core::record::{Counters, LogEntry};
use muster_core::time::{Clock, Moment};
use reader::MemoryReader;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The reference engine.
pub struct Memory {
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    workspaces: RwLock<BTreeMap<WorkspaceId, Arc<Mutex<Place>>>>,
    secrets: Mutex<BTreeMap<String, Vec<u8>>>,
    access: Mutex<access_records::AccessRecords>,
    closed: AtomicBool,
    decisions: AtomicU64,
    too_large: AtomicU64,
}

/// One workspace. Readers share the data; a decision beside a reader works on a copy.
struct Place {
    entry: Workspace,
    data: Arc<Data>,
    rate: RateWindow,
    now: Moment,
}

impl Memory {
    /// An empty engine.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_bounds(clock, Bounds::default())
    }

    /// An empty engine with bounds of its own.
    pub fn with_bounds(clock: Arc<dyn Clock>, bounds: Bounds) -> Self {
        Self {
            clock,
            bounds,
            workspaces: RwLock::default(),
            secrets: Mutex::default(),
            access: Mutex::default(),
            closed: AtomicBool::new(false),
            decisions: AtomicU64::new(0),
            too_large: AtomicU64::new(0),
        }
    }

    fn open(&self) -> Result<(), EngineError> {
        if self.closed.load(Ordering::Acquire) { Err(EngineError::Unavailable("it was closed".into())) } else { Ok(()) }
    }

    fn place(&self, id: &WorkspaceId) -> Result<Arc<Mutex<Place>>, EngineError> {
        self.open()?;
        let workspaces = self.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        workspaces.get(id).cloned().ok_or(EngineError::UnknownWorkspace)
    }

    fn decide(&self, place: &mut Place, job: &mut dyn Job) -> Result<(), EngineError> {
        let now = self.clock.now();
        let at = now.at.max(place.now.at).max(place.data.counters.now);
        place.now = Moment { at, ..now };
        let facts = Facts {
            counters: place.data.counters,
            settings_revision: place.entry.revision,
            rate: place.rate.clone(),
            ..Facts::default()
        };
        let verdict = fact_loading::load_facts(job, &mut &*place.data, facts, place.now).inspect_err(|error| {
            self.too_large.fetch_add((*error == EngineError::TooLarge).into(), Ordering::Relaxed);
        })?;
        if let LoadResult::Changes(changes, _) = verdict
            && job.mode() == Mode::Commit
        {
            place.data.check(&changes)?;
            if let Some(rate) = changes.rate {
                place.rate = rate;
            }
            let data = Arc::make_mut(&mut place.data);
            data.apply(changes.rows);
            data.counters = changes.counters;
            data.trim(&self.bounds);
            self.decisions.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Engine for Memory {
    fn workspaces(&self) -> Result<Vec<Workspace>, EngineError> {
        self.open()?;
        let workspaces = self.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        Ok(workspaces.values().map(|place| lock(place).entry.clone()).collect())
    }

    fn create_workspace(&self, workspace: &Workspace) -> Result<Created, EngineError> {
        self.open()?;
        let mut workspaces = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        if workspaces.keys().any(|id| id.as_str().eq_ignore_ascii_case(workspace.id.as_str())) {
            return Ok(Created::Taken);
        }
        let place = Place {
            entry: workspace.clone(),
            data: Arc::default(),
            rate: RateWindow::default(),
            now: Moment::default(),
        };
        workspaces.insert(workspace.id.clone(), Arc::new(Mutex::new(place)));
        Ok(Created::Made)
    }

    fn configure(&self, id: &WorkspaceId, change: Configure) -> Result<Workspace, EngineError> {
        let place = self.place(id)?;
        let mut place = lock(&place);
        if let Some(changed) = change(&place.entry, &place.data.counters) {
            place.entry = place.entry.changed_to(changed);
        }
        Ok(place.entry.clone())
    }

    fn delete_workspace(&self, id: &WorkspaceId) -> Result<(), EngineError> {
        self.open()?;
        let mut workspaces = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        workspaces.remove(id).ok_or(EngineError::UnknownWorkspace)?;
        lock(&self.access).remove_tokens(|token| token.workspace.as_ref() == Some(id));
        Ok(())
    }

    fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        self.open()?;
        Ok(lock(&self.secrets).get(name).cloned())
    }

    fn put_secret(&self, name: &str, value: &[u8]) -> Result<(), EngineError> {
        self.open()?;
        lock(&self.secrets).insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    fn submit(&self, id: &WorkspaceId, mut job: Box<dyn Job>) -> Result<(), EngineError> {
        let place = self.place(id)?;
        let result = self.decide(&mut lock(&place), &mut *job);
        job.answer(result);
        Ok(())
    }

    fn counters(&self, id: &WorkspaceId) -> Counters {
        self.place(id).map(|place| lock(&place).data.counters).unwrap_or_default()
    }

    fn note_refused(&self, id: &WorkspaceId, request: LogEntry) {
        if let Ok(place) = self.place(id) {
            let mut place = lock(&place);
            let data = Arc::make_mut(&mut place.data);
            data.refused.insert(request.no, request);
            data.trim(&self.bounds);
        }
    }

    fn rate(&self, id: &WorkspaceId) -> RateWindow {
        self.place(id).map(|place| lock(&place).rate.clone()).unwrap_or_default()
    }

    fn read(&self, id: &WorkspaceId) -> Result<Box<dyn Reader + '_>, EngineError> {
        let place = self.place(id)?;
        let data = lock(&place).data.clone();
        Ok(Box::new(MemoryReader { data }))
    }

    fn health(&self) -> Health {
        let decisions = self.decisions.load(Ordering::Relaxed);
        let too_large = self.too_large.load(Ordering::Relaxed);
        Health { decisions, groups: decisions, too_large, ..Health::default() }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}
