//! What a management call works with: who calls, from where, the server, and the workspace that the call is about. A call
//! reads on threads that may block, within the bounds on memory and on concurrent reads; what it read is counted until its
//! answer was taken.

use super::error::{ManageError, no_workspace};
use crate::app::App;
use crate::budget::BudgetGuard;
use crate::callers::{Caller, TokenScope};
use crate::fair_places::FairPlace;
use crate::limits::{READ_FACTOR, READING_BYTES_WORKSPACE_MAX};
use crate::sync::lock;
use crate::workspaces::Entry;
use muster_core::decision::Mode;
use muster_core::id::WorkspaceId;
use muster_core::record::Counters;
use muster_store::engine::{EngineError, Workspace};
use muster_store::reader::{Charge, Reader};
use muster_wire::manage::problem::Problem;
use std::net::IpAddr;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

/// A place among the reading calls; given back when the last holder drops it.
#[derive(Clone, Debug)]
pub(crate) struct ReadPermit(Arc<Reading>);

/// What a reading call holds until the last byte of its answer was taken.
#[derive(Debug)]
struct Reading {
    _place: FairPlace,
    /// The memory that its answer was charged.
    taken: Mutex<Vec<BudgetGuard>>,
}

impl ReadPermit {
    /// Takes a place, if there is one for this caller and the workspace that it asks about.
    pub(crate) fn take(app: &App, caller: &Caller, about: Option<&str>) -> Option<Self> {
        app.management_reads
            .take(caller, about)
            .map(|permit| Self(Arc::new(Reading { _place: permit, taken: Mutex::default() })))
    }

    /// Holds this memory as long as the place.
    fn holds(&self, taken: BudgetGuard) {
        lock(&self.0.taken).push(taken);
    }
}

/// What every management call works with.
#[derive(Clone)]
pub(crate) struct ManageContext {
    pub(crate) app: Arc<App>,
    /// The holder of the token.
    pub(crate) caller: Arc<Caller>,
    /// The address that the call came from; None if it came over no connection.
    pub(crate) address: Option<IpAddr>,
    /// Its place among the reading calls: held by the work that it starts, since a client that hangs up does not end that.
    permit: Option<ReadPermit>,
    /// The memory of what was read for it, if it has no place.
    taken: Arc<Mutex<Vec<BudgetGuard>>>,
}

/// What a call about one workspace works with.
#[derive(Clone)]
pub(crate) struct WorkspaceContext {
    pub(crate) context: ManageContext,
    /// The workspace, as it was when the call came.
    pub(crate) entry: Arc<Entry>,
}

/// The two kinds of context, for what runs calls of either.
pub(crate) trait CallContext: Sized + Send + 'static {
    /// Whether calls of this kind are about the workspace that their path names.
    const IS_OF_WORKSPACE: bool;

    /// Returns the context of a call; `workspace` is the id that its path names.
    ///
    /// # Errors
    /// 404 if the workspace does not exist for the caller.
    fn new(context: ManageContext, workspace: &str) -> Result<Self, Problem>;

    /// Returns the workspace that the call is about.
    fn workspace(&self) -> Option<&WorkspaceId>;
}

impl CallContext for ManageContext {
    const IS_OF_WORKSPACE: bool = false;

    fn new(context: ManageContext, _: &str) -> Result<Self, Problem> {
        Ok(context)
    }

    fn workspace(&self) -> Option<&WorkspaceId> {
        None
    }
}

impl CallContext for WorkspaceContext {
    const IS_OF_WORKSPACE: bool = true;

    fn new(context: ManageContext, workspace: &str) -> Result<Self, Problem> {
        let entry = context.app.workspaces.get(workspace).filter(|_| context.caller.sees(workspace));
        Ok(Self { entry: entry.ok_or_else(no_workspace)?, context })
    }

    fn workspace(&self) -> Option<&WorkspaceId> {
        Some(self.entry.id())
    }
}

/// Returns whether personal data of a workspace is masked for a caller.
pub(crate) fn masks(app: &App, caller: &Caller, workspace: &str) -> bool {
    let is_asked = app.workspace(workspace).is_some_and(|entry| entry.document.mask_personal_data);
    is_asked && !caller.has(TokenScope::Personal)
}

impl ManageContext {
    /// Returns the context of a call whose token was checked; `permit` is its place among the reading calls.
    pub(crate) fn new(app: Arc<App>, caller: Arc<Caller>, address: Option<IpAddr>, permit: Option<ReadPermit>) -> Self {
        Self { app, caller, address, permit, taken: Arc::default() }
    }

    /// Returns whether personal data of a workspace is masked for the caller.
    pub(crate) fn masks(&self, workspace: &str) -> bool {
        masks(&self.app, &self.caller, workspace)
    }

    /// Asks a reader of the workspace, on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        id: &WorkspaceId,
        ask: impl FnOnce(&mut dyn Reader) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, ManageError> {
        self.answer(id, ask, |found| found).await
    }

    /// The same, with the answer that is made of what was found: on the same thread, so that what may be large is there
    /// while the reader has its turn, and no longer.
    pub(crate) async fn answer<T, R: Send + 'static>(
        &self,
        id: &WorkspaceId,
        ask: impl FnOnce(&mut dyn Reader) -> Result<T, EngineError> + Send + 'static,
        make: impl FnOnce(T) -> R + Send + 'static,
    ) -> Result<R, ManageError> {
        let (engine, permit) = (Arc::clone(&self.app.engine), self.permit.clone());
        let (charge, id) = (self.charge(id), id.clone());
        on_its_own_thread(move || {
            let _until_it_is_read = permit;
            let mut reader = engine.read(&id)?;
            reader.charge(charge);
            ask(&mut *reader).map(make)
        })
        .await
    }

    /// Takes memory for what is read, until the answer was taken that is made of it.
    fn charge(&self, id: &WorkspaceId) -> Charge {
        let (memory, taken, permit) = (self.app.read_memory.clone(), Arc::clone(&self.taken), self.permit.clone());
        let quota = self.app.read_quota_of(id);
        Box::new(move |bytes| {
            let bytes = bytes.saturating_mul(READ_FACTOR).min(READING_BYTES_WORKSPACE_MAX as u64);
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            let memory = memory.take(&quota, bytes).ok_or(EngineError::Overloaded)?;
            match &permit {
                Some(permit) => permit.holds(memory),
                None => lock(&taken).push(memory),
            }
            Ok(())
        })
    }

    /// Changes the catalogue entry of a workspace between two decisions; the change sees the entry and the counters in
    /// force. The entry before it, and the one after.
    pub(crate) async fn configure(
        &self,
        id: &WorkspaceId,
        change: impl FnOnce(&Workspace, &Counters) -> Result<Workspace, Problem> + Send + 'static,
    ) -> Result<(Workspace, Arc<Entry>), ManageError> {
        let seen = Arc::new(Mutex::new(None));
        let said = Arc::clone(&seen);
        let configure = move |workspace: &Workspace, counters: &Counters| {
            let (before, changed) = match change(workspace, counters) {
                Ok(changed) => (Ok(workspace.clone()), Some(changed)),
                Err(problem) => (Err(problem), None),
            };
            *lock(&said) = Some(before);
            changed
        };
        let changed = self.app.configure(id, configure).await?;
        let seen = lock(&seen).take();
        let unseen = || EngineError::Broken("an entry was changed without being looked at".into());
        Ok((seen.ok_or_else(unseen)??, changed))
    }
}

impl WorkspaceContext {
    /// Asks a reader of the workspace, as [`ManageContext::read`].
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut dyn Reader) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, ManageError> {
        self.context.read(self.entry.id(), ask).await
    }

    /// Asks a reader of the workspace and makes the answer on its thread, as [`ManageContext::answer`].
    pub(crate) async fn answer<T, R: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut dyn Reader) -> Result<T, EngineError> + Send + 'static,
        make: impl FnOnce(T) -> R + Send + 'static,
    ) -> Result<R, ManageError> {
        self.context.answer(self.entry.id(), ask, make).await
    }
}

/// Returns the mode of a decision.
pub(crate) fn mode_of(is_dry: bool) -> Mode {
    if is_dry { Mode::Dry } else { Mode::Commit }
}

/// Runs what may block and take much memory, on a thread that ends with it: the allocator keeps for each thread what it once
/// used, and the memory of this one is returned to the system.
pub(super) async fn on_its_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, ManageError> {
    blocking(move || {
        // Too many threads, or too little memory for one more.
        let thread = std::thread::Builder::new().name("read".to_owned()).spawn(work);
        let thread = thread.map_err(|_| EngineError::Overloaded)?;
        thread.join().unwrap_or_else(|_| Err(EngineError::Broken("a read panicked".into())))
    })
    .await
}

/// Runs what may block on storage.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, ManageError> {
    let broken = |_| EngineError::Broken("a read panicked".into());
    Ok(tokio::task::spawn_blocking(work).await.map_err(broken)??)
}

/// Runs a call that changes something to completion, and its record in the audit log with it, though the client hangs up.
/// A panic is passed on to the caller.
pub(crate) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = Result<T, ManageError>> + Send + 'static,
) -> Result<T, ManageError> {
    let ended = tokio::spawn(work).await;
    let stopped = || Problem::new(503, "the server is stopping; try again").into();
    ended.unwrap_or_else(|error| error.try_into_panic().map_or_else(|_| Err(stopped()), |why| resume_unwind(why)))
}
