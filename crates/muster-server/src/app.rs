//! The application: engine, clock, randomness, catalogue, tokens and counters, wired together once and shared by every
//! handler. The only file that names an engine.

use crate::activity::ServerActivity;
use crate::background::activations::Activations;
use crate::background::bulk_replays::BulkReplays;
use crate::budget::{MemoryBudget, WorkspaceQuota};
use crate::callers::{Caller, Callers, Scopes, TokenScope};
use crate::clock::Random;
use crate::fair_places::FairPlaces;
use crate::keys::sha256;
use crate::limits::{BODY_DEADLINE, DRAINS_MAX, MANAGEMENT_READS_MAX, STALE_ROUNDS_MAX, WORKSPACES_OPEN_MAX};
use crate::lockout::Lockout;
use crate::personal_data_log::PersonalDataLog;
use crate::sessions::{Sessions, SignInRefusals};
use crate::telemetry::Telemetry;
use crate::workspaces::{Entry, Workspaces};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;
use muster_core::decision::{Decision, Mode};
use muster_core::id::RequestNo;
use muster_core::record::Counters;
use muster_core::settings::Settings;
use muster_core::time::{Clock, Timestamp};
use muster_store::engine::{Created, Engine, EngineError, KeyRecord, Trouble, Workspace, apply};
use muster_store::memory::Memory;
use muster_store::postgres::{PostgresEngine, PostgresOptions};
use muster_store::sqlite::{Sqlite, SqliteOptions};
use muster_wire::manage::settings::WorkspaceSettings;
use muster_wire::manage::token::GIVEN_NAMES;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What was built.
pub use build_info::BuildInfo;
/// The id of a workspace.
pub use muster_core::id::WorkspaceId;
/// Why a database is not opened.
pub use muster_store::postgres::PostgresOpenError as DatabaseError;
/// Where a database is, and why an address cannot be used.
pub use muster_store::postgres::{AddressError, DatabaseAddress};
/// Why a data directory is not opened.
pub use muster_store::sqlite::OpenError as DirectoryError;

/// Where data goes.
#[derive(Debug, Clone)]
pub enum Storage {
    /// Nowhere: everything is lost when the process ends. For tests.
    Memory,
    /// One file per workspace below a directory.
    Directory {
        /// The directory; created if it does not exist.
        path: PathBuf,
        /// Accept a workspace whose log lost its end (the operator accepts the loss).
        accept_loss: bool,
        /// Accept a catalogue that was lost or is older than its workspaces.
        accept_catalogue: bool,
        /// Take the clock as it is, though it is behind what is stored or far ahead of it.
        accept_clock: bool,
    },
    /// A PostgreSQL database, which several servers may share.
    Database {
        /// Where it is.
        address: Box<DatabaseAddress>,
        /// Take the clock as it is, though it is behind what is stored.
        accept_clock: bool,
    },
}

/// Options of an application.
pub struct Options {
    /// Where data goes.
    pub storage: Storage,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where random bytes come from.
    pub random: Arc<dyn Random>,
    /// The token that may do everything.
    pub admin_token: String,
    /// Where operators find that token, for the sign-in page.
    pub token_place: TokenPlace,
    /// A token that may only read.
    pub read_token: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed (behaviour.md 1.9).
    pub trusted_proxies: Vec<IpNet>,
    /// Answer only to these `Host` names; None = to all.
    pub hosts: Option<Vec<String>>,
    /// `/metrics` has a listener of its own and is not served here.
    pub metrics_elsewhere: bool,
    /// The management API and the console have a listener of their own and are not served on the main one.
    pub manage_elsewhere: bool,
    /// How long a client may take to send a body.
    pub body_deadline: Duration,
    /// Reading calls of the management API at a time.
    pub management_reads: usize,
    /// Workspaces whose files stay open.
    pub workspaces_open: usize,
    /// Log lines that the log writer had to drop.
    pub log_lines_dropped: Arc<AtomicU64>,
    /// What was built.
    pub build: BuildInfo,
}

impl Options {
    /// Options with every choice at its default.
    pub fn new(storage: Storage, clock: Arc<dyn Clock>, random: Arc<dyn Random>, admin_token: String) -> Self {
        Self {
            storage,
            clock,
            random,
            admin_token,
            token_place: TokenPlace::Unknown,
            read_token: None,
            trusted_proxies: Vec::new(),
            hosts: None,
            metrics_elsewhere: false,
            manage_elsewhere: false,
            body_deadline: BODY_DEADLINE,
            management_reads: MANAGEMENT_READS_MAX,
            workspaces_open: WORKSPACES_OPEN_MAX,
            log_lines_dropped: Arc::default(),
            build: BuildInfo { version: env!("CARGO_PKG_VERSION"), commit: "unknown", date: "unknown" },
        }
    }
}

/// Everything that handlers share.
pub struct App {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) workspaces: Workspaces,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) hosts: Option<Vec<String>>,
    pub(crate) metrics_elsewhere: bool,
    pub(crate) manage_elsewhere: bool,
    pub(crate) body_deadline: Duration,
    pub(crate) body_memory: MemoryBudget,
    /// The memory for building answers.
    pub(crate) read_memory: MemoryBudget,
    /// Places for refused requests whose rest is still read.
    pub(crate) drains: Arc<Semaphore>,
    /// The quota of calls about no workspace.
    pub(crate) shared_quota: WorkspaceQuota,
    pub(crate) callers: Callers,
    pub(crate) token_place: TokenPlace,
    pub(crate) lockout: Lockout,
    pub(crate) telemetry: Telemetry,
    pub(crate) build: BuildInfo,
    pub(crate) management_reads: Arc<FairPlaces>,
    pub(crate) activations: Activations,
    pub(crate) replays: BulkReplays,
    pub(crate) personal_data_log: PersonalDataLog,
    pub(crate) sessions: Sessions,
    /// Refused sign-ins that were recorded lately.
    pub(crate) refusals: SignInRefusals,
    /// Its listener speaks TLS.
    pub(crate) over_tls: AtomicBool,
    pub(crate) server_activity: ServerActivity,
    logged_not_ready: AtomicBool,
    draining: AtomicBool,
}

/// Outcome of creating a workspace.
#[derive(Debug)]
pub enum WorkspaceCreation {
    /// It was created.
    Created(Arc<Entry>),
    /// The id is taken, in whatever case.
    Taken,
    /// There is a folder of this id that the catalogue does not know.
    Orphaned,
}

impl WorkspaceCreation {
    /// Returns the workspace, if it was created.
    pub fn created(self) -> Option<Arc<Entry>> {
        match self {
            Self::Created(entry) => Some(entry),
            Self::Taken | Self::Orphaned => None,
        }
    }
}

/// Why an application cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be opened.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The catalogue cannot be read.
    #[error("the catalogue of workspaces cannot be read")]
    Storage(#[from] EngineError),
    /// A workspace's settings cannot be read.
    #[error("{0}")]
    Settings(String),
    /// A token of the management API is none that can be used.
    #[error("{0}")]
    Token(String),
}

impl App {
    /// Opens the storage and reads the catalogue. Blocks.
    ///
    /// # Errors
    /// What is wrong with the data.
    pub fn open(options: Options) -> Result<Arc<Self>, StartError> {
        tokens::check(&options.admin_token, options.read_token.as_deref()).map_err(StartError::Token)?;
        let engine: Arc<dyn Engine> = match options.storage {
            Storage::Memory => Arc::new(Memory::new(Arc::clone(&options.clock))),
            Storage::Directory { path, accept_loss, accept_catalogue, accept_clock } => {
                let defaults = SqliteOptions::new(path, Arc::clone(&options.clock));
                let open_max = options.workspaces_open;
                let settings = SqliteOptions { accept_loss, accept_catalogue, accept_clock, open_max, ..defaults };
                Arc::new(Sqlite::open(settings)?)
            }
            Storage::Database { address, accept_clock } => {
                let defaults = PostgresOptions::new(*address, Arc::clone(&options.clock));
                Arc::new(PostgresEngine::open(PostgresOptions { accept_clock, ..defaults })?)
            }
        };
        engine.health().troubles.iter().for_each(log_trouble);
        let workspaces = Workspaces::default();
        workspaces.load(engine.workspaces()?).map_err(StartError::Settings)?;
        let [admin, read] = GIVEN_NAMES;
        let mut given = vec![(admin, Scopes::new(&[TokenScope::Admin]), sha256(options.admin_token.as_bytes()))];
        let read_token = options.read_token.as_ref().map(|token| sha256(token.as_bytes()));
        given.extend(read_token.map(|sha256| (read, Scopes::new(&[TokenScope::Read]), sha256)));
        let callers = Callers::from_settings(given);
        callers.load(engine.tokens()?);
        let sessions = Sessions::read(&*engine, &callers, options.clock.now().at);
        let body_memory = MemoryBudget::default();
        Ok(Arc::new(Self {
            telemetry: Telemetry::new(Arc::clone(&engine), options.log_lines_dropped, body_memory.clone()),
            engine,
            build: options.build,
            server_activity: ServerActivity::since(options.clock.now().at),
            clock: options.clock,
            random: options.random,
            workspaces,
            trusted_proxies: options.trusted_proxies,
            hosts: options.hosts,
            metrics_elsewhere: options.metrics_elsewhere,
            manage_elsewhere: options.manage_elsewhere,
            body_deadline: options.body_deadline,
            body_memory,
            read_memory: MemoryBudget::for_reads(),
            drains: Arc::new(Semaphore::new(DRAINS_MAX)),
            shared_quota: WorkspaceQuota::default(),
            callers,
            token_place: options.token_place,
            lockout: Lockout::default(),
            management_reads: FairPlaces::new(options.management_reads),
            activations: Activations::default(),
            replays: BulkReplays::default(),
            personal_data_log: PersonalDataLog::default(),
            sessions,
            refusals: SignInRefusals::default(),
            over_tls: AtomicBool::new(false),
            logged_not_ready: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        }))
    }

    /// Returns the instant.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().at
    }

    /// Returns the number of a request that is not applied.
    pub(crate) fn refused_number(&self) -> RequestNo {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        RequestNo::refused(u64::from_le_bytes(bytes))
    }

    /// Returns a new secret: 32 random bytes as 43 characters.
    pub fn secret(&self) -> String {
        secret(&*self.random)
    }

    /// Whose token this is; None if it is none. Notes that it was used.
    pub(crate) fn caller(&self, token: &str, from: Option<IpAddr>) -> Option<Arc<Caller>> {
        self.caller_of(&sha256(token.as_bytes()), from)
    }

    /// Whose token has this hash: what a session asks again at each request, so that it ends with its token.
    pub(crate) fn caller_of(&self, sha256: &[u8; 32], from: Option<IpAddr>) -> Option<Arc<Caller>> {
        self.callers.find(sha256, self.now(), from)
    }

    /// Makes a workspace with its first key. Blocks.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn create_workspace(
        &self,
        id: &WorkspaceId,
        settings: &WorkspaceSettings,
        key: &str,
    ) -> Result<WorkspaceCreation, EngineError> {
        let now = self.now();
        let workspace = Workspace {
            id: id.clone(),
            created_at: now,
            revision: 1,
            settings: String::from_utf8_lossy(&settings.to_json()).into_owned(),
            keys: vec![KeyRecord {
                sha256: sha256(key.as_bytes()),
                scopes: ALL_SCOPES.to_owned(),
                created_at: now,
                valid_until: None,
            }],
        };
        match self.engine.create_workspace(&workspace)? {
            Created::Made => {}
            Created::Taken => return Ok(WorkspaceCreation::Taken),
            Created::Orphaned => return Ok(WorkspaceCreation::Orphaned),
        }
        self.workspaces.put(workspace).map(WorkspaceCreation::Created).map_err(|text| EngineError::Corrupt(text.into()))
    }

    /// One workspace's settings.
    pub fn workspace(&self, id: &str) -> Option<Arc<Entry>> {
        self.workspaces.get(id)
    }

    /// From now on `/readyz` fails: the process is about to stop.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.server_activity.end();
    }

    /// Returns why requests should go elsewhere, if they should: for everybody, and for those who may know more. What
    /// only those may know is logged once, when it is noticed.
    pub(crate) fn not_ready(&self) -> Option<(&'static str, Option<Arc<str>>)> {
        if self.draining.load(Ordering::Acquire) {
            return Some(("the server is stopping", None));
        }
        let health = self.engine.health();
        let failed = health.failed;
        if let Some(why) = &failed
            && !self.logged_not_ready.swap(true, Ordering::AcqRel)
        {
            tracing::error!(why = &**why, "not ready: the storage cannot be written");
        }
        if failed.is_none() {
            self.logged_not_ready.store(false, Ordering::Release);
        }
        let reason = if health.needs_restart { NOT_WRITABLE } else { NOT_WRITABLE_NOW };
        failed.map(|why| (health.clock.map_or(reason, |_| CLOCK), Some(why)))
    }

    /// Returns whether the storage cannot be written until the process is restarted.
    pub fn needs_restart(&self) -> bool {
        self.engine.health().needs_restart
    }

    /// Changes the catalogue entry of a workspace between two decisions, and swaps the one in memory; None leaves it.
    ///
    /// # Errors
    /// Those of the engine.
    pub(crate) async fn configure(
        self: &Arc<Self>,
        id: &WorkspaceId,
        change: impl FnOnce(&Workspace, &Counters) -> Option<Workspace> + Send + 'static,
    ) -> Result<Arc<Entry>, EngineError> {
        let one_at_a_time = Arc::clone(&self.workspaces.changing).lock_owned().await;
        let (app, id) = (Arc::clone(self), id.clone());
        // The entry in memory is swapped on the same thread: a client that hangs up drops this future, and a revoked key
        // must be refused all the same.
        let changed = tokio::task::spawn_blocking(move || {
            let _until_it_is_swapped = one_at_a_time;
            let changed = app.engine.configure(&id, Box::new(change))?;
            app.workspaces.put(changed).map_err(|text| EngineError::Corrupt(text.into()))
        });
        changed.await.unwrap_or_else(|_| Err(EngineError::Broken("a change of settings panicked".into())))
    }

    /// Reloads the entry of a workspace from the engine; None if the workspace is gone. Blocks; the caller holds
    /// `workspaces.changing`.
    pub(crate) fn reload(&self, id: &WorkspaceId) -> Result<Option<Arc<Entry>>, EngineError> {
        let found = self.engine.workspaces()?.into_iter().find(|workspace| workspace.id == *id);
        let Some(workspace) = found else {
            self.workspaces.remove(id.as_str());
            return Ok(None);
        };
        self.workspaces.put(workspace).map(Some).map_err(|text| EngineError::Corrupt(text.into()))
    }

    /// Returns the entry in force, for one that proved to be old: the entry in memory if it is newer, else the engine's.
    ///
    /// # Errors
    /// Those of the engine; [`EngineError::UnknownWorkspace`] if it is gone.
    pub(crate) async fn latest_entry(self: &Arc<Self>, old: &Entry) -> Result<Arc<Entry>, EngineError> {
        let (app, id, revision) = (Arc::clone(self), old.id().clone(), old.workspace.revision);
        // A change of settings holds this lock until the entry in memory is swapped.
        let one_at_a_time = Arc::clone(&self.workspaces.changing).lock_owned().await;
        let found = tokio::task::spawn_blocking(move || {
            let _until_it_is_put = one_at_a_time;
            let known = app.workspaces.get(id.as_str()).filter(|entry| entry.workspace.revision != revision);
            known.map_or_else(|| app.reload(&id), |entry| Ok(Some(entry)))
        });
        let broken = |_| EngineError::Broken("the look-up of a workspace panicked".into());
        found.await.map_err(broken)??.ok_or(EngineError::UnknownWorkspace)
    }

    /// Runs a decision that is built from the settings in force. If they change while it waits, it is rebuilt.
    ///
    /// # Errors
    /// Those of the engine; [`EngineError::Stale`] if they change [`STALE_ROUNDS_MAX`] times.
    pub(crate) async fn decide<D: Decision>(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
        mode: Mode,
        make: impl Fn(Arc<Settings>) -> D,
    ) -> Result<D::Output, EngineError> {
        let mut entry = Arc::clone(entry);
        for _ in 1..STALE_ROUNDS_MAX {
            match apply(&*self.engine, entry.id(), make(Arc::clone(&entry.settings)), mode).await {
                Err(EngineError::Stale) => entry = self.latest_entry(&entry).await?,
                done => return done,
            }
        }
        apply(&*self.engine, entry.id(), make(Arc::clone(&entry.settings)), mode).await
    }

    /// Finishes what waits and closes the storage. Blocks.
    pub fn close(&self) {
        self.personal_data_log.write(&*self.engine);
        self.sessions.write(&*self.engine);
        self.engine.close();
    }
}

/// Returns a temporary store in memory.
pub(crate) fn scratch(clock: Arc<dyn Clock>) -> Arc<dyn Engine> {
    Arc::new(Memory::new(clock))
}

/// Logs what is wrong with one workspace, at the start.
fn log_trouble(trouble: &Trouble) {
    match trouble {
        Trouble::Orphan { folder } => tracing::error!(
            folder = &**folder,
            "the catalogue does not know this folder of a workspace: `muster workspace adopt ID` adopts it, \
             `muster workspace remove-orphan ID` moves it away"
        ),
        Trouble::Damaged { workspace, why } => {
            tracing::error!(%workspace, why = &**why, "the data of this workspace cannot be used; the others are served");
        }
    }
}

/// Reason that everybody may read; the log names the workspace.
const NOT_WRITABLE: &str = "storage is not writable (see the server log); fix the cause, then restart the server";
/// Reason while the clock cannot be trusted.
const CLOCK: &str =
    "nothing is stored while the server's clock cannot be trusted: correct the clock, or check the server log";
/// Reason of a failure that recovers by itself.
const NOT_WRITABLE_NOW: &str =
    "storage is not writable at the moment (see the server log); it recovers by itself when the cause is gone";

/// Every scope of a Data API key, as it is stored.
pub(crate) const ALL_SCOPES: &str = "import,read,erase";

/// Returns a new secret: 32 random bytes as 43 characters of base64url. It does not begin with a hyphen, or a command line would take
/// `--admin-token -m...` for two options.
pub fn secret(random: &dyn Random) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    if URL_SAFE_NO_PAD.encode(bytes).starts_with('-') {
        bytes[0] &= 0x7f;
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the entry of a workspace whose folder keeps none: settings as a new one has them, and no key.
pub(crate) fn unknown_entry(id: &WorkspaceId, now: Timestamp) -> Workspace {
    let settings = String::from_utf8_lossy(&WorkspaceSettings::new(id.as_str()).to_json()).into_owned();
    Workspace { id: id.clone(), created_at: now, revision: 1, settings, keys: Vec::new() }
}

mod bodies;
pub mod offline;
mod build_info;
#[cfg(test)]
mod tests;
mod tokens;

pub use tokens::{SettingSource, TokenPlace};
