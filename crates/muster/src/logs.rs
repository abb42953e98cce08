//! Log lines on standard error: text on a terminal, JSON otherwise.
//!
//! Whoever logs never waits for standard error and never fails because of it: a line goes into a bounded buffer, and one
//! thread writes what is there. A line that finds no room, or that cannot be written, is dropped and counted
//! (behaviour.md 1.11.g).

use anyhow::Context as _;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written: some seconds of a busy server, for a reader that pauses.
const LINES_WAITING_MAX: usize = 4_096;
/// Bytes of them: with the longest lines a few hundred wait.
const BYTES_WAITING_MAX: usize = 2 << 20;
/// How long the end of the process waits for the last lines: a reader that is there takes them in milliseconds.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The lines that wait, and whoever writes them.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    change: Condvar,
    dropped: Arc<AtomicU64>,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// A line was taken out and is not written yet.
    is_writing: bool,
}

/// Starts logging; `filter` says which lines.
pub(crate) fn start(filter: &str) -> anyhow::Result<Lines> {
    let filter = EnvFilter::try_new(filter).context("the log filter cannot be read")?;
    // A descriptor of its own: the lock of `std::io::stderr` would be held while a write waits, and whoever else wants to
    // say something there would wait with it.
    let target = io::stderr().as_fd().try_clone_to_owned().context("standard error cannot be used")?;
    let lines = Lines::default();
    lines.write_to(File::from(target)).context("no thread for the log")?;
    let events = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines.clone());
    // Such an error would be told on standard error, by a macro that panics if it cannot be.
    let events = events.log_internal_errors(false);
    if io::stderr().is_terminal() {
        events.init();
    } else {
        events.json().flatten_event(true).with_ansi(false).init();
    }
    std::panic::set_hook(Box::new(log_panic));
    Ok(lines)
}

/// A panic as a line of the log: the default hook writes to standard error itself, and would wait for it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(tracing::field::display);
    tracing::error!(place, why = panic.payload_as_str().unwrap_or("no text"), "panic");
}

impl Lines {
    /// How many lines were dropped so far.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.0.dropped)
    }

    /// Waits a bounded time for the lines that are still to be written.
    pub(crate) fn finish(&self) {
        let all_written = |waiting: &mut Waiting| !waiting.lines.is_empty() || waiting.is_writing;
        let waiting = self.waiting();
        let _in_time = self.0.change.wait_timeout_while(waiting, LAST_LINES, all_written);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_lines(&self, lines: u64) {
        self.0.dropped.fetch_add(lines, Ordering::Relaxed);
    }

    fn push(&self, line: Vec<u8>) {
        let mut waiting = self.waiting();
        if waiting.lines.len() >= LINES_WAITING_MAX || waiting.bytes.saturating_add(line.len()) > BYTES_WAITING_MAX {
            drop(waiting);
            return self.drop_lines(1);
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line);
        drop(waiting);
        self.0.change.notify_all();
    }

    /// The next line, once there is one; says that the one before is written.
    fn next(&self) -> Vec<u8> {
        let mut waiting = self.waiting();
        waiting.is_writing = false;
        self.0.change.notify_all();
        let mut waiting = self
            .0
            .change
            .wait_while(waiting, |waiting| waiting.lines.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let line = waiting.lines.pop_front().unwrap_or_default();
        waiting.bytes -= line.len();
        waiting.is_writing = true;
        line
    }

    /// Writes the lines to `target` for as long as the process lives.
    fn write_to(&self, mut target: impl Write + Send + 'static) -> io::Result<()> {
        let lines = self.clone();
        let write = move || {
            let (mut told, mut is_torn) = (0, false);
            loop {
                let line = lines.next();
                let written = if is_torn { target.write_all(b"\n") } else { Ok(()) };
                match written.and_then(|()| target.write_all(&line)) {
                    // Half of the line may be there: the next one begins anew.
                    Err(_) => {
                        is_torn = true;
                        lines.drop_lines(1);
                    }
                    Ok(()) => {
                        is_torn = false;
                        told = lines.tell_dropped(told);
                    }
                }
            }
        };
        thread::Builder::new().name("log".into()).spawn(write).map(drop)
    }

    /// Says that lines were dropped, now that one could be written; how many were told of by now.
    fn tell_dropped(&self, told: u64) -> u64 {
        let dropped = self.0.dropped.load(Ordering::Relaxed);
        if dropped > told {
            tracing::warn!(lines = dropped - told, "log lines were dropped: they could not be written");
        }
        dropped
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, bytes: Vec::new() }
    }
}

/// One line while it is formatted; it waits to be written from when it is dropped.
pub(crate) struct Line<'a> {
    lines: &'a Lines,
    bytes: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            self.lines.push(std::mem::take(&mut self.bytes));
        }
    }
}
