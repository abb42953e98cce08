//! The catalogue in memory: settings and keys of every workspace, parsed once and swapped whole after each change, so
//! that a request reads them without a lock. The engine has the last word: a decision under old settings is not made.

use crate::activity::Activity;
use crate::budget::WorkspaceQuota;
use crate::keys::{KeyScope, fingerprint, is_valid};
use crate::limits::DRY_RUNS_MAX;
use arc_swap::ArcSwap;
use muster_core::id::WorkspaceId;
use muster_core::rate::RateWindow;
use muster_core::settings::Settings;
use muster_core::time::Timestamp;
use muster_store::engine::{KeyRecord, Workspace};
use muster_wire::manage::settings::{KeyShown, WorkspaceSettings};
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

/// One workspace as requests see it.
#[derive(Debug)]
pub struct Entry {
    /// The catalogue entry.
    pub workspace: Workspace,
    /// Its settings, parsed.
    pub document: WorkspaceSettings,
    /// What the rules read of them.
    pub settings: Arc<Settings>,
    /// State that survives a change of the settings.
    pub(crate) runtime: Arc<WorkspaceRuntime>,
}

/// State of a workspace at run time, beside its settings.
#[derive(Debug)]
pub(crate) struct WorkspaceRuntime {
    /// Its quota of the memory for bodies.
    pub(crate) quota: WorkspaceQuota,
    /// Its quota of the memory for reads.
    pub(crate) read_quota: WorkspaceQuota,
    /// Places for dry runs.
    pub(crate) dry_runs: Arc<Semaphore>,
    /// The budget of dry runs (behaviour.md 1.3).
    pub(crate) dry_window: Mutex<RateWindow>,
    /// The budget of Delete Users (FACTS 4).
    pub(crate) delete_window: Mutex<RateWindow>,
    /// Its recent activity.
    pub(crate) activity: Arc<Activity>,
    /// Whether quarantine entries may be there that were deleted and are not removed yet; true until it was looked for.
    pub(crate) has_deleted: AtomicBool,
}

impl Default for WorkspaceRuntime {
    fn default() -> Self {
        let dry_runs = Arc::new(Semaphore::new(DRY_RUNS_MAX));
        Self {
            quota: WorkspaceQuota::default(),
            read_quota: WorkspaceQuota::for_reads(),
            dry_runs,
            dry_window: Mutex::default(),
            delete_window: Mutex::default(),
            activity: Arc::default(),
            has_deleted: AtomicBool::new(true),
        }
    }
}

impl Entry {
    fn new(workspace: Workspace, runtime: Arc<WorkspaceRuntime>) -> Result<Self, String> {
        let document = WorkspaceSettings::from_json(workspace.settings.as_bytes())
            .map_err(|problem| format!("the settings of workspace {} cannot be read: {problem}", workspace.id))?;
        let settings = Arc::new(document.rules(workspace.revision));
        Ok(Self { workspace, document, settings, runtime })
    }

    /// Its id.
    pub fn id(&self) -> &WorkspaceId {
        &self.workspace.id
    }

    /// Its keys as they are shown: never the keys.
    pub(crate) fn keys_shown(&self, now: Timestamp) -> Vec<KeyShown> {
        let valid = self.workspace.keys.iter().filter(|key| is_valid(key, now));
        valid
            .map(|key| KeyShown {
                fingerprint: fingerprint(&key.sha256),
                scopes: key.scopes.split(',').map(str::to_owned).collect(),
                valid_until: key.valid_until,
            })
            .collect()
    }
}

/// Result of a key check.
#[derive(Debug)]
pub(crate) enum KeyCheck {
    /// It is the workspace's, and has the scope.
    Admitted(Arc<Entry>),
    /// It is the workspace's, without the scope.
    OutOfScope(Arc<Entry>),
    /// No such key, or no such workspace: nobody learns which.
    Wrong,
}

/// Every workspace by id.
#[derive(Debug, Default)]
pub struct Workspaces {
    map: ArcSwap<HashMap<Box<str>, Arc<Entry>>>,
    /// Changes go one after another, so that an older entry never replaces a newer one.
    pub(crate) changing: Arc<tokio::sync::Mutex<()>>,
}

impl Workspaces {
    /// Returns the catalogue as an engine has it.
    ///
    /// # Errors
    /// Which workspace's settings cannot be read.
    pub(crate) fn load(&self, all: Vec<Workspace>) -> Result<(), String> {
        for workspace in all {
            self.put(workspace)?;
        }
        Ok(())
    }

    /// One workspace.
    pub fn get(&self, id: &str) -> Option<Arc<Entry>> {
        self.map.load().get(id).cloned()
    }

    /// All, in order of id.
    pub fn all(&self) -> Vec<Arc<Entry>> {
        let mut all: Vec<Arc<Entry>> = self.map.load().values().cloned().collect();
        all.sort_by(|a, b| a.id().cmp(b.id()));
        all
    }

    /// Puts an entry in the place of the one before; what lives at run time lives on.
    ///
    /// # Errors
    /// That its settings cannot be read.
    pub(crate) fn put(&self, workspace: Workspace) -> Result<Arc<Entry>, String> {
        let runtime = self.get(workspace.id.as_str()).map_or_else(Arc::default, |entry| Arc::clone(&entry.runtime));
        let entry = Arc::new(Entry::new(workspace, runtime)?);
        self.map.rcu(|map| {
            let mut map = HashMap::clone(map);
            map.insert(entry.id().as_str().into(), Arc::clone(&entry));
            map
        });
        Ok(entry)
    }

    /// Forgets a workspace.
    pub(crate) fn remove(&self, id: &str) {
        self.map.rcu(|map| {
            let mut map = HashMap::clone(map);
            map.remove(id);
            map
        });
    }

    /// Judges a key by its hash, in a time that does not tell how much of it is right nor whether the workspace exists.
    pub(crate) fn check_key(&self, id: &str, given: &[u8; 32], scope: KeyScope, now: Timestamp) -> KeyCheck {
        let entry = self.get(id);
        // Compared where there is no workspace, so that an unknown one costs what a wrong key costs.
        let nobody = [KeyRecord { sha256: [0; 32], scopes: String::new(), created_at: now, valid_until: Some(now) }];
        let keys = entry.as_ref().map_or(&nobody[..], |entry| &entry.workspace.keys);
        let mut found = None;
        for key in keys {
            let same = bool::from(key.sha256.ct_eq(given));
            if same && is_valid(key, now) {
                found = Some(key);
            }
        }
        let scoped = found.map(|key| key.scopes.split(',').any(|word| word == scope.name()));
        match (scoped, entry.clone()) {
            (Some(true), Some(entry)) => KeyCheck::Admitted(entry),
            (Some(false), Some(entry)) => KeyCheck::OutOfScope(entry),
            _ => KeyCheck::Wrong,
        }
    }
}
