//! Who may run: cores for the decisions that run, and room for the few of them that load much. A decision that runs long
//! gives its core up between two elements and waits for its next turn, so that no workspace's import holds up another's,
//! however many heavy ones there are.

use crate::error::EngineError;
use crate::sync::lock;
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a decision runs before it gives its core to one that waits: longer than a full body takes, so that those of
/// busy workspaces end one after another, and short beside the 100 ms that another workspace may be held up
/// (behaviour.md 1.11.c).
const SLICE: Duration = Duration::from_millis(12);
/// The clock is read in one of this many pauses: most pieces of work take some microseconds.
const PAUSES: u32 = 8;
/// A thread that has just arrived goes before one that runs already, but at most this many in a row, so that both
/// continue.
const FRESH_IN_A_ROW: u32 = 3;
/// Decisions that may load more than a small one at a time: about 60 MB each at the most of a default workspace.
const LARGE: usize = 2;
/// Readers that read more than a little at a time: about 30 MB each at the most, with the answer that is made of it.
const LARGE_READS: usize = 4;
/// Decisions, or readers, that wait for that; beyond it they are answered as an overload.
const LARGE_WAITING_MAX: usize = 64;

thread_local! {
    /// When this thread got its core; None = it has none.
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
    static PAUSED: Cell<u32> = const { Cell::new(0) };
    /// Whether this thread ran a decision that loaded much.
    static WAS_LARGE: Cell<bool> = const { Cell::new(false) };
}

/// Places, and who waits for one.
struct Places(Mutex<Waiting>);

struct Waiting {
    free: usize,
    fresh: VecDeque<SyncSender<()>>,
    running: VecDeque<SyncSender<()>>,
    fresh_in_a_row: u32,
}

impl Places {
    fn new(free: usize) -> Self {
        let (fresh, running) = (VecDeque::new(), VecDeque::new());
        Self(Mutex::new(Waiting { free, fresh, running, fresh_in_a_row: 0 }))
    }

    /// Waits for a place; false if as many wait already.
    fn take(&self, is_fresh: bool, waiting_max: usize) -> bool {
        let (grant, granted) = sync_channel(1);
        {
            let mut waiting = lock(&self.0);
            if waiting.free > 0 {
                waiting.free -= 1;
                return true;
            }
            if waiting.fresh.len() + waiting.running.len() >= waiting_max {
                return false;
            }
            let queue = if is_fresh { &mut waiting.fresh } else { &mut waiting.running };
            queue.push_back(grant);
        }
        // The sender is dropped only when it has sent.
        let _granted = granted.recv();
        true
    }

    /// Gives a place to who waits longest, or back.
    fn give(&self) {
        let mut waiting = lock(&self.0);
        let fresh_first = waiting.running.is_empty() || waiting.fresh_in_a_row < FRESH_IN_A_ROW;
        let next = if fresh_first && let Some(next) = waiting.fresh.pop_front() {
            waiting.fresh_in_a_row += 1;
            Some(next)
        } else {
            waiting.fresh_in_a_row = 0;
            waiting.running.pop_front().or_else(|| waiting.fresh.pop_front())
        };
        match next {
            // It has room for one, and nobody else sends.
            Some(next) => drop(next.send(())),
            None => waiting.free += 1,
        }
    }

    fn is_wanted(&self) -> bool {
        let waiting = lock(&self.0);
        !waiting.fresh.is_empty() || !waiting.running.is_empty()
    }
}

/// The cores of all threads that decide, and the room of those that load much.
pub(crate) struct Cores {
    cores: Places,
    large: Places,
    reads: Places,
}

/// A core, until it is dropped.
pub(crate) struct Core<'t>(&'t Cores);

/// Room for a decision that loads much, until it is dropped.
pub(crate) struct Large<'t>(&'t Cores);

/// Room for a reader that reads much, until it is dropped.
pub(crate) struct LargeRead(Arc<Cores>);

impl Cores {
    pub(crate) fn new(cores: usize) -> Self {
        Self { cores: Places::new(cores.max(1)), large: Places::new(LARGE), reads: Places::new(LARGE_READS) }
    }

    fn enter(&self, is_fresh: bool) {
        self.cores.take(is_fresh, usize::MAX);
        SINCE.set(Some(Instant::now()));
    }

    fn leave(&self) {
        SINCE.set(None);
        self.cores.give();
    }

    /// Waits for a core.
    pub(crate) fn core(&self) -> Core<'_> {
        self.enter(true);
        Core(self)
    }

    /// Between two pieces of work of a thread that has a core: gives it to who waits, if it was had long enough. Of other
    /// threads it asks nothing.
    pub(crate) fn pause(&self) {
        PAUSED.set(PAUSED.get().wrapping_add(1));
        if PAUSED.get().is_multiple_of(PAUSES) && SINCE.get().is_some_and(|since| since.elapsed() >= SLICE) {
            if self.cores.is_wanted() {
                self.leave();
                self.enter(false);
            } else {
                SINCE.set(Some(Instant::now()));
            }
        }
    }

    /// Returns how often this thread paused.
    #[cfg(test)]
    pub(crate) fn pauses() -> u32 {
        PAUSED.get()
    }

    /// Gives the core back before the turn ends: what is left waits for the disk, and answers.
    pub(crate) fn give_back(&self) {
        if SINCE.get().is_some() {
            self.leave();
        }
    }

    /// Takes a core again that was given back, because the turn is not over.
    pub(crate) fn take_back(&self) {
        if SINCE.get().is_none() {
            self.enter(false);
        }
    }

    /// Runs what waits for something else, without the core that the thread has.
    pub(crate) fn without_core<T>(&self, run: impl FnOnce() -> T) -> T {
        if SINCE.get().is_none() {
            return run();
        }
        self.leave();
        let done = run();
        self.enter(false);
        done
    }

    /// Whether this thread ran a decision that loaded much: the allocator keeps for each thread what it once used.
    pub(crate) fn was_large() -> bool {
        WAS_LARGE.get()
    }

    /// Waits for room for a decision that loads much.
    pub(crate) fn large(&self) -> Result<Large<'_>, EngineError> {
        if self.without_core(|| self.large.take(true, LARGE_WAITING_MAX)) {
            WAS_LARGE.set(true);
            Ok(Large(self))
        } else {
            Err(EngineError::Overloaded)
        }
    }
}

impl LargeRead {
    /// Waits for it.
    pub(crate) fn wait(cores: &Arc<Cores>) -> Result<Self, EngineError> {
        let is_granted = cores.reads.take(true, LARGE_WAITING_MAX);
        if is_granted { Ok(Self(Arc::clone(cores))) } else { Err(EngineError::Overloaded) }
    }
}

impl Drop for LargeRead {
    fn drop(&mut self) {
        self.0.reads.give();
    }
}

impl Drop for Core<'_> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl Drop for Large<'_> {
    fn drop(&mut self) {
        self.0.large.give();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn waiting(places: &Places) -> usize {
        let waiting = lock(&places.0);
        waiting.fresh.len() + waiting.running.len()
    }

    /// Who waits is let in one by one, each after the one before is seen waiting.
    fn order_of(comes: &[bool]) -> Vec<usize> {
        let places = Arc::new(Places::new(1));
        assert!(places.take(true, usize::MAX));
        let (tell, told) = channel();
        let mut threads = Vec::new();
        for (n, is_fresh) in comes.iter().copied().enumerate() {
            let (places, tell) = (places.clone(), tell.clone());
            threads.push(std::thread::spawn({
                let places = places.clone();
                move || {
                    places.take(is_fresh, usize::MAX);
                    tell.send(n).unwrap();
                    places.give();
                }
            }));
            while waiting(&places) <= n {
                std::thread::yield_now();
            }
        }
        places.give();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        told.try_iter().collect()
    }

    /// Fails without `FRESH_IN_A_ROW`, or if those who run go first.
    #[test]
    fn who_comes_goes_before_who_runs_but_not_for_ever() {
        assert_eq!(order_of(&[false, true, true, true, true, false]), [1, 2, 3, 0, 4, 5]);
    }

    #[test]
    fn beyond_the_bound_nobody_waits() {
        let places = Places::new(1);
        assert!(places.take(true, 0));
        assert!(!places.take(true, 0));
        places.give();
        assert!(places.take(true, 0));
    }

    // Fails when `LargeRead` gives its place back before it is dropped, or takes none.
    #[test]
    fn four_readers_read_much_at_a_time_and_the_next_waits_for_one_of_them() {
        let cores = Arc::new(Cores::new(1));
        let mut held: Vec<LargeRead> = (0..4).map(|_| LargeRead::wait(&cores).expect("there is room")).collect();
        let (tell, told) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn({
            let cores = Arc::clone(&cores);
            move || {
                let _read = LargeRead::wait(&cores).expect("it may wait");
                tell.send(()).expect("the test listens");
            }
        });
        while !cores.reads.is_wanted() {
            assert!(!waiting.is_finished(), "it did not wait");
            std::thread::yield_now();
        }
        assert!(told.try_recv().is_err(), "four read");
        drop(held.pop());
        assert_eq!(told.recv(), Ok(()));
        waiting.join().expect("it ends");
    }
}
