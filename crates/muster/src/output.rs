//! Writes to standard output and standard error, without waiting for a reader that is stuck.

use crate::escaping::escape;
use std::io::Write as _;
use std::time::Duration;

/// Longest wait for a write to standard output or standard error.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// Writes one line to standard error.
pub(crate) fn say_error(words: &str) {
    let words = escape(&format!("muster: {words}"));
    with_timeout(move || drop(writeln!(std::io::stderr(), "{words}")));
}

/// Writes one line to standard output. A failure is only logged: a server runs although nobody reads its output.
pub(crate) fn say_if_possible(line: String) {
    with_timeout(move || {
        if let Err(error) = say(&line) {
            tracing::warn!(%error, "standard output cannot be written");
        }
    });
}

/// Writes on a thread of its own and waits for it, at most [`WRITE_TIMEOUT`]: nobody may be reading the pipe.
fn with_timeout(write: impl FnOnce() + Send + 'static) {
    let (written, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        write();
        let _nobody_waits = written.send(());
    });
    let _in_time = wait.recv_timeout(WRITE_TIMEOUT);
}

/// Writes one line to standard output.
pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", escape(line))?;
    out.flush()?;
    Ok(())
}
