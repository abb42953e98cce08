//! The seam: what every engine does. One conformance suite tests it for all engines.

use crate::access::Access;
pub use crate::error::EngineError;
pub use crate::health::{COMMIT_BUCKETS_US, GROUP_BUCKETS, Health, Trouble};
use crate::reader::Reader;
use muster_core::change::Changes;
use muster_core::decision::{Decision, Mode, Step};
use muster_core::facts::{Facts, Needs};
use muster_core::id::WorkspaceId;
use muster_core::kinds::Route;
use muster_core::rate::RateWindow;
use muster_core::record::{Counters, Idempotency, LogEntry};
use muster_core::time::{Moment, Timestamp};
use tokio::sync::oneshot;

/// A storage engine: the catalogue of workspaces, access records ([`Access`]), and for each workspace one queue of
/// decisions in a total order.
///
/// Calls may block on storage unless they say otherwise; asynchronous callers run them on a blocking thread.
pub trait Engine: Access + Send + Sync {
    /// Returns every workspace, in order of id.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn workspaces(&self) -> Result<Vec<Workspace>, EngineError>;

    /// Creates a workspace; durable when it returns. Existing data is never removed (behaviour.md 1.11.h).
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn create_workspace(&self, workspace: &Workspace) -> Result<Created, EngineError>;

    /// Adopts data of a workspace that the catalogue does not know ([`Trouble::Orphan`]), with the entry that the data
    /// itself keeps, else with `unknown`. Durable when it returns.
    ///
    /// # Errors
    /// [`EngineError::Broken`] if it is not data of this workspace, [`EngineError::Unavailable`].
    fn adopt_workspace(&self, id: &WorkspaceId, unknown: &Workspace) -> Result<Adopted, EngineError> {
        let _nothing_is_unknown = (id, unknown);
        Ok(Adopted::Nothing)
    }

    /// Moves such data away without removing anything. Returns the new place below the data directory; None if there is
    /// no such data.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn remove_orphan(&self, id: &WorkspaceId) -> Result<Option<String>, EngineError> {
        let _nothing_is_unknown = id;
        Ok(None)
    }

    /// Changes a workspace's catalogue entry between two decisions: `change` sees the entry and the counters and
    /// returns the new entry, or None to keep it. Returns the entry in force, durable; later decisions see its
    /// revision. The engine increments `revision` if `settings` changed.
    ///
    /// # Errors
    /// [`EngineError::UnknownWorkspace`], [`EngineError::Unavailable`].
    fn configure(&self, id: &WorkspaceId, change: Configure) -> Result<Workspace, EngineError>;

    /// Removes a workspace, its data and its tokens. Waiting decisions are answered [`EngineError::UnknownWorkspace`].
    ///
    /// # Errors
    /// [`EngineError::UnknownWorkspace`], [`EngineError::Unavailable`].
    fn delete_workspace(&self, id: &WorkspaceId) -> Result<(), EngineError>;

    /// Returns a small durable value of the installation by name, such as the hash of the admin token.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError>;

    /// Stores such a value.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn put_secret(&self, name: &str, value: &[u8]) -> Result<(), EngineError>;

    /// Puts a decision into the workspace's queue. Does not block: a full queue answers [`EngineError::Overloaded`] at
    /// once and takes no room from another workspace. The job is answered when its group is durable. Use [`apply`].
    ///
    /// # Errors
    /// [`EngineError::Overloaded`], [`EngineError::UnknownWorkspace`], [`EngineError::Unavailable`].
    fn submit(&self, id: &WorkspaceId, job: Box<dyn Job>) -> Result<(), EngineError>;

    /// Returns the bytes of the workspace's data as of the last commit, without what deletions freed; 0 where it is not
    /// counted or the workspace does not exist. Does not block.
    fn disk_bytes(&self, id: &WorkspaceId) -> u64 {
        let _not_counted = id;
        0
    }

    /// Returns the counters as of the last commit, for metrics; zeros if the workspace does not exist or cannot be
    /// used. Does not block.
    fn counters(&self, id: &WorkspaceId) -> Counters;

    /// Empties the workspace's write-ahead log soon, because deleted data must not stay in it. Does not block; retried
    /// until nobody reads.
    fn cut_log(&self, id: &WorkspaceId) {
        let _nothing_is_kept_twice = id;
    }

    /// Records a refused request (a 400) in the ingestion log: bounded, apart from applied ones, without a sync of its
    /// own; a full buffer drops it. Does not block.
    fn note_refused(&self, id: &WorkspaceId, request: LogEntry);

    /// Returns the current rate window. Does not block.
    fn rate(&self, id: &WorkspaceId) -> RateWindow;

    /// Opens a reader: one snapshot that contains every decision answered before the call.
    ///
    /// # Errors
    /// [`EngineError::UnknownWorkspace`], [`EngineError::Unavailable`].
    fn read(&self, id: &WorkspaceId) -> Result<Box<dyn Reader + '_>, EngineError>;

    /// Returns the recorded answer of an idempotency key, however old, as every decision answered before the call left it;
    /// cheaper than a reader.
    ///
    /// # Errors
    /// Those of [`Engine::read`], and of the reader.
    fn recorded_answer(&self, id: &WorkspaceId, route: Route, key: &str) -> Result<Option<Idempotency>, EngineError> {
        self.read(id)?.idempotency(route, key)
    }

    /// Whether other processes may change what this one stores. Does not block.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns the health, for readiness and metrics. Does not block.
    fn health(&self) -> Health;

    /// Finishes waiting decisions, syncs, checkpoints and closes. Later calls answer [`EngineError::Unavailable`].
    fn close(&self);
}

/// Result of creating a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The workspace was created.
    Made,
    /// The id is taken, in whatever case; nothing changed.
    Taken,
    /// The id has data that the catalogue does not know; nothing changed.
    Orphaned,
}

/// Result of adopting data that the catalogue does not know.
#[derive(Clone, Debug, PartialEq)]
pub enum Adopted {
    /// The workspace was adopted, with this entry.
    TakenIn(Workspace),
    /// The catalogue has a workspace of this id, in whatever case; nothing changed.
    Taken,
    /// No such data exists.
    Nothing,
}

/// A change of a catalogue entry, run in the queue.
pub type Configure = Box<dyn FnOnce(&Workspace, &Counters) -> Option<Workspace> + Send>;

/// A workspace's entry in the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Workspace {
    /// Id.
    pub id: WorkspaceId,
    /// Creation time.
    pub created_at: Timestamp,
    /// Incremented by each change of the settings.
    pub revision: u64,
    /// Settings, as a document that the engine does not read.
    pub settings: String,
    /// Data API keys.
    pub keys: Vec<KeyRecord>,
}

impl Workspace {
    /// Returns the entry after a change by [`Engine::configure`]: id and creation time stay, the revision is
    /// incremented if the settings changed.
    #[must_use]
    pub fn changed_to(&self, changed: Self) -> Self {
        let revision = self.revision + u64::from(changed.settings != self.settings);
        Self { id: self.id.clone(), created_at: self.created_at, revision, ..changed }
    }
}

/// A Data API key, as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// SHA-256 of the key.
    pub sha256: [u8; 32],
    /// Scopes, comma-separated: `import,read,erase`.
    pub scopes: String,
    /// Creation time.
    pub created_at: Timestamp,
    /// Expiry; None = never.
    pub valid_until: Option<Timestamp>,
}

/// A decision in a queue, without its type. Engines load facts and call [`Job::decide`] until it returns changes.
pub trait Job: Send {
    /// Approximate bytes of the job, which a queue counts against its bound.
    fn bytes(&self) -> usize;
    /// Whether it is committed.
    fn mode(&self) -> Mode;
    /// The revision of the settings that the decision was prepared under, if it depends on settings.
    fn revision(&self) -> Option<u64>;
    /// The initial needs.
    fn needs(&self) -> Needs;
    /// How often the decision may ask for more facts.
    fn rounds(&self) -> usize;
    /// Most bytes of facts.
    fn facts_bytes_max(&self) -> u64;
    /// Whether the rows of bound ids are read with their bindings ([`Decision::reads_ahead`]).
    fn reads_ahead(&self, facts: &Facts, now: Moment) -> bool;
    /// Decides; its output waits inside the job.
    fn decide(&mut self, facts: &Facts, now: Moment) -> JobStep;
    /// Hands its output, or the error, to the caller that waits.
    fn answer(self: Box<Self>, result: Result<(), EngineError>);
}

/// Result of one call of [`Job::decide`].
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once a round and taken apart at once: a box would cost more")]
pub enum JobStep {
    /// More facts are needed.
    NeedMore(Needs),
    /// Commit this (in [`Mode::Dry`]: do not).
    Done(Changes),
    /// Nothing changes.
    Leave,
    /// Nothing changes: the decision takes more work than allowed.
    TooLarge,
}

struct Waiting<D: Decision> {
    decision: D,
    mode: Mode,
    bytes: usize,
    output: Option<D::Output>,
    reply: oneshot::Sender<Result<D::Output, EngineError>>,
}

impl<D: Decision> Job for Waiting<D> {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    fn revision(&self) -> Option<u64> {
        self.decision.revision()
    }

    fn needs(&self) -> Needs {
        self.decision.needs()
    }

    fn rounds(&self) -> usize {
        self.decision.rounds()
    }

    fn facts_bytes_max(&self) -> u64 {
        self.decision.facts_bytes_max()
    }

    fn reads_ahead(&self, facts: &Facts, now: Moment) -> bool {
        self.decision.reads_ahead(facts, now)
    }

    fn decide(&mut self, facts: &Facts, now: Moment) -> JobStep {
        match self.decision.decide(facts, now) {
            Step::NeedMore(needs) => JobStep::NeedMore(needs),
            Step::Done(changes, output) => {
                self.output = Some(output);
                JobStep::Done(changes)
            }
            Step::Leave(output) => {
                self.output = Some(output);
                JobStep::Leave
            }
            Step::TooLarge => JobStep::TooLarge,
        }
    }

    fn answer(self: Box<Self>, result: Result<(), EngineError>) {
        let broken = || EngineError::Broken("answered without an output".into());
        let Self { output, reply, .. } = *self;
        // The caller may be gone; the decision is stored.
        let _gone = reply.send(result.and_then(|()| output.ok_or_else(broken)));
    }
}

/// Runs a decision through a workspace's queue and waits for its output. With [`Mode::Commit`], its changes are then
/// durable and visible to readers.
///
/// # Errors
/// Those of [`Engine::submit`], and those of the storage afterwards. After [`EngineError::Unavailable`] it is not
/// known whether the changes are durable.
pub async fn apply<D: Decision>(
    engine: &dyn Engine,
    id: &WorkspaceId,
    decision: D,
    mode: Mode,
) -> Result<D::Output, EngineError> {
    apply_sized(engine, id, (decision, 0), mode).await
}

/// Like [`apply`], for a decision that holds `bytes` bytes (of a request: its body), for the bounds of queues and groups.
///
/// # Errors
/// Those of [`apply`].
pub async fn apply_sized<D: Decision>(
    engine: &dyn Engine,
    id: &WorkspaceId,
    (decision, bytes): (D, usize),
    mode: Mode,
) -> Result<D::Output, EngineError> {
    let (reply, answer) = oneshot::channel();
    let bytes = bytes.saturating_add(size_of::<Waiting<D>>());
    engine.submit(id, Box::new(Waiting { decision, mode, bytes, output: None, reply }))?;
    answer.await.unwrap_or_else(|_| Err(EngineError::Unavailable("the queue was closed".into())))
}
