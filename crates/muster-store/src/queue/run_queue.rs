//! The run queue: workspaces that have work, in turn, and the threads that serve them. A workspace with more work goes to the
//! end after each batch. There are as many threads as workspaces have work at a time, within a bound, and as many of them
//! run as there are cores (`cores`).

use super::cores::Cores;
use crate::sync::lock;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Threads at most: each has a workspace whose group is in progress, and a core or a place in the queue for one.
const THREADS_MAX: usize = 256;
/// How long a thread waits for work before it ends, if there are more than cores.
const IDLE: Duration = Duration::from_secs(10);

/// What serves the workspaces of a run queue.
pub(crate) trait BatchServer<W>: Send + Sync + 'static {
    /// Runs one batch of a workspace; true if it must be scheduled again.
    fn serve(&self, workspace: &Arc<W>) -> bool;
}

/// The run queue.
pub(crate) struct RunQueue<W>(Arc<Shared<W>>);

struct Shared<W> {
    state: Mutex<State<W>>,
    change: Condvar,
}

struct State<W> {
    /// What its threads are called.
    name: &'static str,
    waiting: VecDeque<Arc<W>>,
    is_over: bool,
    idle: usize,
    /// Threads that are there for good.
    kept: usize,
    threads: Vec<JoinHandle<()>>,
    running: usize,
    server: Option<Weak<dyn BatchServer<W>>>,
}

impl<W: Send + Sync + 'static> RunQueue<W> {
    /// A queue whose threads have this name.
    pub(crate) fn new(name: &'static str) -> Self {
        let state = State {
            name,
            waiting: VecDeque::new(),
            is_over: false,
            idle: 0,
            kept: 0,
            threads: Vec::new(),
            running: 0,
            server: None,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), change: Condvar::new() }))
    }

    /// Starts the threads that are there for good, one at least.
    pub(crate) fn start<S: BatchServer<W>>(&self, server: &Arc<S>, kept: usize) -> std::io::Result<()> {
        let mut state = lock(&self.0.state);
        let server: Weak<dyn BatchServer<W>> = Arc::downgrade(&(Arc::clone(server) as Arc<dyn BatchServer<W>>));
        (state.server, state.kept) = (Some(server), kept.max(1));
        while state.running < state.kept {
            self.0.spawn(&mut state)?;
        }
        Ok(())
    }

    /// Puts a workspace at the end.
    pub(crate) fn push(&self, workspace: Arc<W>) {
        let mut state = lock(&self.0.state);
        state.waiting.push_back(workspace);
        if !state.is_over && state.waiting.len() > state.idle && state.running < THREADS_MAX {
            // Without one more, those that are there serve it later.
            let _served_later = self.0.spawn(&mut state);
        }
        self.0.change.notify_one();
    }

    /// Tells the threads to end when nothing is left, and waits for that.
    pub(crate) fn stop(&self) {
        let threads = {
            let mut state = lock(&self.0.state);
            state.is_over = true;
            self.0.change.notify_all();
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            let _panicked = thread.join();
        }
    }
}

impl<W: Send + Sync + 'static> Shared<W> {
    fn spawn(self: &Arc<Self>, state: &mut State<W>) -> std::io::Result<()> {
        let Some(server) = state.server.as_ref().and_then(Weak::upgrade) else { return Ok(()) };
        state.threads.retain(|thread| !thread.is_finished());
        let (queue, name) = (Arc::clone(self), format!("{}-{}", state.name, state.running));
        state.threads.push(thread::Builder::new().name(name).spawn(move || queue.run(&*server))?);
        state.running += 1;
        Ok(())
    }

    /// Serves workspaces until the thread is to end.
    fn run(self: Arc<Self>, server: &dyn BatchServer<W>) {
        while let Some(workspace) = self.pop() {
            if server.serve(&workspace) {
                // This wakes no thread: the one that had the workspace takes the next one.
                lock(&self.state).waiting.push_back(workspace);
            }
            // The memory that a large decision took is given back with its thread, and another one takes its place.
            if Cores::was_large() && self.replace() {
                return;
            }
        }
    }

    /// Ends a thread and starts another, if one can be started; false at the end, which needs every thread.
    fn replace(self: &Arc<Self>) -> bool {
        let mut state = lock(&self.state);
        let is_replaced = !state.is_over && self.spawn(&mut state).is_ok();
        if is_replaced {
            state.running -= 1;
        }
        is_replaced
    }

    /// Waits for the next workspace; None = the thread ends.
    fn pop(&self) -> Option<Arc<W>> {
        let mut state = lock(&self.state);
        loop {
            if let Some(workspace) = state.waiting.pop_front() {
                return Some(workspace);
            }
            if state.is_over {
                state.running -= 1;
                return None;
            }
            state.idle += 1;
            let (woken, waited) = self.change.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.waiting.is_empty() && state.running > state.kept {
                state.running -= 1;
                return None;
            }
        }
    }
}
