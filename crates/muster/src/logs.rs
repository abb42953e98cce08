//! Log lines on standard error: text on a terminal, JSON otherwise.
//!
//! Logging never waits for standard error and never fails because of it: a line goes into a bounded buffer, and one
//! thread writes what is there. A line that finds no room, or that cannot be written, is dropped and counted
//! (behaviour.md 1.11.g).

use anyhow::Context as _;
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
/// How long lines gather before they are written together: a thread that woke for each would cost a busy server a tenth of
/// its requests.
const GATHER: Duration = Duration::from_millis(2);
/// How long the end of the process waits for the last lines: a reader that is there takes them in milliseconds.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The lines that wait, and the thread that writes them.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// There is a line where there was none.
    came: Condvar,
    /// All that was taken out is written or dropped.
    done: Condvar,
    dropped: Arc<AtomicU64>,
}

#[derive(Default)]
struct Waiting {
    lines: Batch,
    /// Lines and bytes that were taken out and are not written yet.
    writing: (usize, usize),
}

/// Lines one after another.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
}

/// Starts logging; `filter` says which lines.
pub(crate) fn start(filter: &str) -> anyhow::Result<Lines> {
    let filter = EnvFilter::try_new(filter).context("the log filter cannot be read")?;
    // A descriptor of its own: the lock of `std::io::stderr` would be held while a write waits, and any other thread that wants to
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
    /// Returns how many lines were dropped so far.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.0.dropped)
    }

    /// Waits a bounded time for the lines that are still to be written.
    pub(crate) fn finish(&self) {
        let is_some_left = |waiting: &mut Waiting| !waiting.lines.ends.is_empty() || waiting.writing.0 > 0;
        let waiting = self.waiting();
        let _in_time = self.0.done.wait_timeout_while(waiting, LAST_LINES, is_some_left);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_lines(&self, lines: u64) {
        self.0.dropped.fetch_add(lines, Ordering::Relaxed);
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        let (lines, bytes) = waiting.writing;
        let (lines, bytes) = (lines + waiting.lines.ends.len(), bytes + waiting.lines.text.len());
        if lines >= LINES_WAITING_MAX || bytes.saturating_add(line.len()) > BYTES_WAITING_MAX {
            drop(waiting);
            return self.drop_lines(1);
        }
        waiting.lines.text.extend_from_slice(line);
        let end = waiting.lines.text.len();
        waiting.lines.ends.push(end);
        let is_first = waiting.lines.ends.len() == 1;
        drop(waiting);
        if is_first {
            self.0.came.notify_one();
        }
    }

    /// Returns the lines that wait, once there is one; says that those before are written.
    fn next(&self) -> Batch {
        let mut waiting = self.waiting();
        waiting.writing = (0, 0);
        self.0.done.notify_all();
        let is_none = |waiting: &mut Waiting| waiting.lines.ends.is_empty();
        drop(self.0.came.wait_while(waiting, is_none).unwrap_or_else(PoisonError::into_inner));
        thread::sleep(GATHER);
        let mut waiting = self.waiting();
        let batch = std::mem::take(&mut waiting.lines);
        waiting.writing = (batch.ends.len(), batch.text.len());
        batch
    }

    /// Writes the lines to `target` for as long as the process lives.
    fn write_to(&self, mut target: impl Write + Send + 'static) -> io::Result<()> {
        let lines = self.clone();
        let write = move || {
            let (mut told, mut is_torn) = (0, false);
            loop {
                let batch = lines.next();
                let lost = batch.write(&mut target, &mut is_torn);
                lines.drop_lines(lost);
                if lost < batch.ends.len() as u64 {
                    told = lines.tell_dropped(told);
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

impl Batch {
    /// Writes its lines; how many of them could not be. An error costs the line that it struck, no other; half of that may
    /// be there: then the output `is_torn`, and the next line starts on a new line.
    fn write(&self, target: &mut impl Write, is_torn: &mut bool) -> u64 {
        let (mut at, mut lost) = (0, 0);
        while at < self.text.len() {
            let rest = &self.text[at..];
            let written = if *is_torn { target.write_all(b"\n") } else { Ok(()) };
            match written.and_then(|()| target.write(rest)) {
                Ok(0) => (at, lost, *is_torn) = (self.next_line(at), lost + 1, true),
                Ok(bytes) => (at, *is_torn) = (at + bytes, false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => (at, lost, *is_torn) = (self.next_line(at), lost + 1, true),
            }
        }
        lost
    }

    /// Returns where the line after this place begins.
    fn next_line(&self, at: usize) -> usize {
        self.ends[self.ends.partition_point(|end| *end <= at)]
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
            self.lines.push(&self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes some bytes of each write, and fails where it is told to.
    struct Wire {
        taken: Vec<u8>,
        answers: Vec<Option<usize>>,
    }

    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let most = self.answers.pop().unwrap_or(Some(usize::MAX));
            let most = most.ok_or(io::ErrorKind::BrokenPipe)?.min(bytes.len());
            self.taken.extend_from_slice(&bytes[..most]);
            Ok(most)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    // Fails when `Batch::write` continues the line that an error interrupted, gives up the lines behind it, or does not begin
    // a new line after a torn one.
    #[test]
    fn an_error_costs_the_line_that_it_struck_and_no_other() {
        let mut wire = Wire { taken: Vec::new(), answers: vec![None, Some(5)] };
        let batch = Batch { text: b"one\ntwo\nthree\n".to_vec(), ends: vec![4, 8, 14] };
        let mut is_torn = false;
        assert_eq!(batch.write(&mut wire, &mut is_torn), 1);
        assert_eq!((String::from_utf8(wire.taken).unwrap().as_str(), is_torn), ("one\nt\nthree\n", false));
    }
}
