//! What a server saw of the clock, in DATA_DIR/clock: the next one of the same boot notices by it that the clock was set
//! while none ran.

use crate::files::write_private;
use muster_server::clock::{ClockReading, SystemClock, boot};
use muster_server::limits::CLOCK_NOTE_PERIOD;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("clock")
}

/// Returns the clock, compared with what was seen unless the operator takes it as it is. A file that is not there, or
/// of another boot, tells nothing.
pub(crate) fn clock(data_dir: &Path, accepted: bool) -> Arc<SystemClock> {
    let text = std::fs::read_to_string(file(data_dir)).unwrap_or_default();
    let seen = ClockReading::parse(&text).filter(|seen| !accepted && Some(&seen.boot) == boot().as_ref());
    Arc::new(SystemClock::after(seen))
}

/// Notes what is seen of the clock; one that cannot be believed is not noted.
pub(crate) fn note(data_dir: &Path, clock: &SystemClock) {
    if let Some(seen) = clock.seen()
        && let Err(error) = write_private(&file(data_dir), &seen.to_line())
    {
        tracing::debug!(error = format!("{error:#}"), "what was seen of the clock cannot be noted");
    }
}

/// Notes it at intervals.
pub(crate) async fn keep_noting(data_dir: PathBuf, clock: Arc<SystemClock>) {
    loop {
        tokio::time::sleep(CLOCK_NOTE_PERIOD).await;
        let (data_dir, clock) = (data_dir.clone(), Arc::clone(&clock));
        let _noted = tokio::task::spawn_blocking(move || note(&data_dir, &clock)).await;
    }
}
