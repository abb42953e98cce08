//! What the suite is built of: a clock that is set by hand, decisions made of closures, waiting without a runtime.

use crate::engine::{Created, Engine, EngineError, Workspace, apply};
use muster_core::change::{Changes, RowChange};
use muster_core::decision::{Decision, Mode, Step};
use muster_core::facts::{Facts, Needs};
use muster_core::id::WorkspaceId;
use muster_core::record::Counters;
use muster_core::time::{Clock, Moment, Timestamp};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// A clock that does not move.
#[derive(Debug, Default)]
pub struct HandClock(AtomicI64);

impl HandClock {
    /// A clock at an instant in milliseconds.
    #[must_use]
    pub fn at(ms: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(ms)))
    }

    /// Sets it.
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Moment {
        let ms = self.0.load(Ordering::SeqCst);
        Moment { at: Timestamp(ms), micros: ms.unsigned_abs() * 1_000 }
    }
}

/// Makes an empty engine.
pub type Make<'a> = &'a dyn Fn() -> Box<dyn Engine>;

/// Waits for a future on this thread.
pub fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}

/// What a decision of the suite does with its facts.
pub type Decide<O> = Box<dyn Fn(&Facts, Moment) -> Step<O> + Send>;

/// A decision made of its needs and a closure.
pub struct Made<O> {
    /// Its needs.
    pub needs: Needs,
    /// What it does.
    pub decide: Decide<O>,
}

impl<O: Send + 'static> Decision for Made<O> {
    type Output = O;

    fn needs(&self) -> Needs {
        self.needs.clone()
    }

    fn decide(&self, facts: &Facts, now: Moment) -> Step<O> {
        (self.decide)(facts, now)
    }
}

/// Runs a closure as a decision without needs.
pub fn run<O: Send + 'static>(
    engine: &dyn Engine,
    id: &WorkspaceId,
    mode: Mode,
    decide: impl Fn(&Facts, Moment) -> Step<O> + Send + 'static,
) -> Result<O, EngineError> {
    wait(apply(engine, id, Made { needs: Needs::default(), decide: Box::new(decide) }, mode))
}

/// Puts rows and counts the change sequence up by one.
///
/// # Errors
/// Those of the engine.
pub fn put(engine: &dyn Engine, id: &WorkspaceId, rows: Vec<RowChange>) -> Result<(), EngineError> {
    put_with(engine, id, rows, |counters| Counters { seq: counters.seq + 1, ..counters })
}

/// Puts rows and these counters.
///
/// # Errors
/// Those of the engine.
pub fn put_with(
    engine: &dyn Engine,
    id: &WorkspaceId,
    rows: Vec<RowChange>,
    counters: impl Fn(Counters) -> Counters + Send + 'static,
) -> Result<(), EngineError> {
    run(engine, id, Mode::Commit, move |facts, now| {
        let counters = Counters { now: now.at, ..counters(facts.counters) };
        Step::Done(Changes { rows: rows.clone(), counters, rate: None }, ())
    })
}

/// The facts that these needs come to.
///
/// # Errors
/// Those of the engine.
pub fn facts(engine: &dyn Engine, id: &WorkspaceId, needs: Needs) -> Result<Facts, EngineError> {
    let decide: Decide<Facts> = Box::new(|facts, _| Step::Leave(facts.clone()));
    wait(apply(engine, id, Made { needs, decide }, Mode::Commit))
}

/// An id of the suite.
#[must_use]
pub fn id(text: &str) -> WorkspaceId {
    WorkspaceId::parse(text).expect("the suite's ids are ids")
}

/// A workspace as it is made.
#[must_use]
pub fn workspace(text: &str) -> Workspace {
    Workspace { id: id(text), created_at: Timestamp(1), revision: 1, settings: "{}".into(), keys: Vec::new() }
}

/// An engine with one workspace, `shop`.
pub fn shop(make: Make<'_>) -> (Box<dyn Engine>, WorkspaceId) {
    let engine = make();
    assert_eq!(engine.create_workspace(&workspace("shop")), Ok(Created::Made));
    (engine, id("shop"))
}
