//! The seam: what every engine does. One conformance suite holds it for all of them.

use crate::access::Access;
pub use crate::error::EngineError;
pub use crate::health::{COMMIT_BUCKETS_US, GROUP_BUCKETS, Health, Trouble};
use crate::reader::Reader;
use muster_core::change::Changes;
use muster_core::decision::{Decision, Mode, Step};
use muster_core::facts::{Facts, Needs};
use muster_core::id::WorkspaceId;
use muster_core::rate::RateWindow;
use muster_core::record::{Counters, LogEntry};
use muster_core::time::{Moment, Timestamp};
use tokio::sync::oneshot;

/// A storage engine: the catalogue of workspaces, who may call ([`Access`]), and for each workspace one queue of decisions
/// in a total order.
///
/// Calls may block on storage unless they say otherwise; asynchronous callers move them to a thread that may.
pub trait Engine: Access + Send + Sync {
    /// Every workspace, in order of id.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn workspaces(&self) -> Result<Vec<Workspace>, EngineError>;

    /// Makes a workspace; durable when it returns. What is there already is never removed for it (behaviour.md 1.11.h).
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn create_workspace(&self, workspace: &Workspace) -> Result<Created, EngineError>;

    /// Takes in the data of a workspace that the catalogue does not know ([`Trouble::Orphan`]): with the entry that it
    /// keeps itself, or as `unknown` says if it keeps none. Durable when it returns.
    ///
    /// # Errors
    /// [`EngineError::Broken`] if it is not data of this workspace, [`EngineError::Unavailable`].
    fn adopt_workspace(&self, id: &WorkspaceId, unknown: &Workspace) -> Result<Adopted, EngineError> {
        let _nothing_is_unknown = (id, unknown);
        Ok(Adopted::Nothing)
    }

    /// Moves such data to where nobody looks and nothing is removed. Where it is now, below the data directory; None if
    /// there is none.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn remove_orphan(&self, id: &WorkspaceId) -> Result<Option<String>, EngineError> {
        let _nothing_is_unknown = id;
        Ok(None)
    }

    /// Changes a workspace's catalogue entry in the order of its decisions: `change` sees the entry and the counters as
    /// they are between two decisions and answers the new entry, or None to leave it. Durable when it returns the entry
    /// in force; decisions after it see its revision. The engine sets `revision` one higher if `settings` changed.
    ///
    /// # Errors
    /// [`EngineError::UnknownWorkspace`], [`EngineError::Unavailable`].
    fn configure(&self, id: &WorkspaceId, change: Configure) -> Result<Workspace, EngineError>;

    /// Removes a workspace, all its data, and the tokens that are bound to it. Decisions that wait are answered [`EngineError::UnknownWorkspace`].
    ///
    /// # Errors
    /// [`EngineError::UnknownWorkspace`], [`EngineError::Unavailable`].
    fn delete_workspace(&self, id: &WorkspaceId) -> Result<(), EngineError>;

    /// A small durable value of the installation by name (the admin token's hash, for example).
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError>;

    /// Puts such a value.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    fn put_secret(&self, name: &str, value: &[u8]) -> Result<(), EngineError>;

    /// Puts a decision into the workspace's queue. Does not block: a full queue answers [`EngineError::Overloaded`] at
    /// once, and one workspace's full queue takes no room from another's. The job's answer comes when its group is
    /// durable. Use [`apply`].
    ///
    /// # Errors
    /// [`EngineError::Overloaded`], [`EngineError::UnknownWorkspace`], [`EngineError::Unavailable`].
    fn submit(&self, id: &WorkspaceId, job: Box<dyn Job>) -> Result<(), EngineError>;

    /// Bytes that the workspace's data takes, without what was freed by deletions; 0 where it is not counted, and of a
    /// workspace that is not there. As of the last commit. Does not block.
    fn disk_bytes(&self, id: &WorkspaceId) -> u64 {
        let _not_counted = id;
        0
    }

    /// The counters as of the last commit, for metrics; zeros of a workspace that is not there or cannot be used. Does not
    /// block.
    fn counters(&self, id: &WorkspaceId) -> Counters;

    /// Empties the workspace's write-ahead log soon: what was deleted must not stay in it. Does not block; where somebody
    /// reads, it is tried again until nobody does.
    fn cut_log(&self, id: &WorkspaceId) {
        let _nothing_is_kept_twice = id;
    }

    /// Notes a refused request (a 400) in the ingestion log: bounded, kept apart from applied ones, without a sync of
    /// its own; a full buffer drops it. Does not block.
    fn note_refused(&self, id: &WorkspaceId, request: LogEntry);

    /// The rate window as the queue has it. Does not block.
    fn rate(&self, id: &WorkspaceId) -> RateWindow;

    /// A reader over the workspace's data: one snapshot that sees every decision answered before the call.
    ///
    /// # Errors
    /// [`EngineError::UnknownWorkspace`], [`EngineError::Unavailable`].
    fn read(&self, id: &WorkspaceId) -> Result<Box<dyn Reader + '_>, EngineError>;

    /// How it fares: for readiness and metrics. Does not block.
    fn health(&self) -> Health;

    /// Finishes what waits, syncs, checkpoints and closes. Later calls answer [`EngineError::Unavailable`].
    fn close(&self);
}

/// Result of creating a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there.
    Made,
    /// The id is taken, in whatever case; nothing changed.
    Taken,
    /// Data of a workspace of this id is there that the catalogue does not know; nothing changed.
    Orphaned,
}

/// Result of adopting data that the catalogue does not know.
#[derive(Clone, Debug, PartialEq)]
pub enum Adopted {
    /// The workspace is there, with this entry.
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
    /// Its id.
    pub id: WorkspaceId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts up with each change of the settings.
    pub revision: u64,
    /// Its settings, as a document that the engine does not read.
    pub settings: String,
    /// Its Data API keys.
    pub keys: Vec<KeyRecord>,
}

impl Workspace {
    /// The entry after a change, as [`Engine::configure`] has it: the id and its making stay, the revision counts up if
    /// the settings changed.
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
    /// What it may do, comma-separated: `import,read,erase`.
    pub scopes: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is valid; None = no end.
    pub valid_until: Option<Timestamp>,
}

/// A decision in a queue, its type forgotten. Engines run the rounds: needs, facts, [`Job::decide`], until changes.
pub trait Job: Send {
    /// Bytes that it holds, about: what a queue counts against its bound.
    fn bytes(&self) -> usize;
    /// Whether it is committed.
    fn mode(&self) -> Mode;
    /// The revision of the settings that it was made under, if it knows any.
    fn revision(&self) -> Option<u64>;
    /// What it needs at first.
    fn needs(&self) -> Needs;
    /// How often it may ask for more facts.
    fn rounds(&self) -> usize;
    /// The most that they may weigh, in bytes.
    fn facts_bytes_max(&self) -> u64;
    /// Decides; its output waits inside the job.
    fn decide(&mut self, facts: &Facts, now: Moment) -> JobStep;
    /// Hands its output, or the error, to whoever waits.
    fn answer(self: Box<Self>, result: Result<(), EngineError>);
}

/// How far a job came.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once a round and taken apart at once: a box would cost more")]
pub enum JobStep {
    /// More facts are needed.
    NeedMore(Needs),
    /// Commit this (in [`Mode::Dry`]: do not).
    Done(Changes),
    /// Nothing changes.
    Leave,
    /// Nothing changes: it takes more work than one decision may.
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

/// Runs a decision through a workspace's queue and waits for its output: with [`Mode::Commit`] its changes are durable by
/// then, and readers see them.
///
/// # Errors
/// Those of [`Engine::submit`], and those of the storage afterwards. After [`EngineError::Unavailable`] it is not
/// known whether the changes became durable.
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
