//! Owns the measured window of a closed-loop run: the phases that the workers follow, the readings at its two ends, and
//! the request to stop early (SIGINT, SIGTERM). Knows neither HTTP nor PostgreSQL.

use super::proc::{self, Usage};
use anyhow::{Context as _, Result, bail};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Set once by a signal; every loop of the benchmark looks at it, so that servers and files are removed on the way out.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// How often waiting code looks at the interruption.
const GLANCE: Duration = Duration::from_millis(50);

/// An error when the benchmark was asked to stop.
pub(crate) fn check_interrupted() -> Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        bail!("interrupted: servers stopped, temporary files removed, no report written");
    }
    Ok(())
}

/// Turns SIGINT and SIGTERM into `check_interrupted` for the rest of the process.
pub(crate) fn watch_signals() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
        });
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// The phases after warming up, which is 0.
const COUNTING: u8 = 1;
const OVER: u8 = 2;

/// What the workers of one run are to do at the moment.
#[derive(Debug, Default)]
pub(crate) struct WindowPhase(AtomicU8);

impl WindowPhase {
    /// Whether what completes now belongs to the measurement.
    pub(crate) fn counts(&self) -> bool {
        self.0.load(Ordering::Relaxed) == COUNTING
    }

    /// Whether the workers are to finish.
    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == OVER || INTERRUPTED.load(Ordering::Relaxed)
    }

    /// Tells the workers to finish.
    pub(crate) fn end(&self) {
        self.0.store(OVER, Ordering::Relaxed);
    }
}

/// How long a run warms up and how long it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) warm: Duration,
    pub(crate) run: Duration,
}

/// What was used between the two ends of the measured window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    /// Length of the window in seconds.
    pub(crate) seconds: f64,
    /// Processor seconds of the measured server.
    pub(crate) server_cpu: f64,
    /// Processor seconds of this process: generator, or loader.
    pub(crate) own_cpu: f64,
    /// Processor seconds of everything else on the machine, the kernel's own threads included.
    pub(crate) other_cpu: f64,
    /// Bytes that the server caused to be written.
    pub(crate) written: u64,
}

/// Lets the workers warm up, then counts for the stated time, then ends them.
pub(crate) async fn measure(phase: &WindowPhase, times: Times, server: impl Fn() -> Result<Usage>) -> Result<Span> {
    let own = std::process::id();
    pause(times.warm).await?;
    let (server_before, own_before, busy_before) = (server()?, proc::usage(own)?, proc::machine_busy()?);
    let began = Instant::now();
    phase.0.store(COUNTING, Ordering::Relaxed);
    pause(times.run).await?;
    phase.end();
    let seconds = began.elapsed().as_secs_f64();
    let (server_after, own_after) = (server()?, proc::usage(own)?);
    let (server_cpu, own_cpu) = (server_after.cpu - server_before.cpu, own_after.cpu - own_before.cpu);
    Ok(Span {
        seconds,
        server_cpu,
        own_cpu,
        other_cpu: (proc::machine_busy()? - busy_before - server_cpu - own_cpu).max(0.0),
        written: server_after.written.saturating_sub(server_before.written),
    })
}

async fn pause(length: Duration) -> Result<()> {
    let end = Instant::now() + length;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        check_interrupted()?;
        tokio::time::sleep(left.min(GLANCE)).await;
    }
    Ok(())
}

/// Returns the time of the clock in seconds since 1970.
pub(super) fn seconds_since_1970() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs_f64())
}
