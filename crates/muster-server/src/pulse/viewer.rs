//! A viewer of a live stream: what it sees next, and when it must go. The stream ends when the workspace is gone, when
//! whoever watches may no more (asked every [`LIVE_CHECK_PERIOD`]), and when the server stops.

use super::{LiveRequest, Pulse};
use crate::app::App;
use crate::limits::{LIVE_CHECK_PERIOD, LIVE_KEEP_ALIVE};
use crate::workspaces::Entry;
use muster_core::id::WorkspaceId;
use std::fmt;
use std::sync::{Arc, Weak};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

/// Whether a viewer may still watch, and if so whether personal data is masked for it.
type Judge = Box<dyn Fn(&App) -> Option<bool> + Send>;

/// What a viewer sees next.
#[derive(Debug)]
pub(crate) enum Sight {
    /// A request was answered; the flag says to mask it.
    Request(Arc<LiveRequest>, bool),
    /// The viewer was slow: so many requests are lost to it.
    Lagged(u64),
    /// Nothing happened for [`LIVE_KEEP_ALIVE`].
    Quiet,
    /// The stream is over.
    Ended,
}

/// One viewer. It holds its place until it is dropped.
pub(crate) struct Viewer {
    app: Arc<App>,
    workspace: WorkspaceId,
    /// Weak, so that the pulse of a workspace that is gone goes, and its receivers learn of it.
    pulse: Weak<Pulse>,
    receiver: Receiver<Arc<LiveRequest>>,
    ended: watch::Receiver<bool>,
    judge: Judge,
    is_masked: bool,
    checks: Interval,
    quiet_until: Instant,
    _place: OwnedSemaphorePermit,
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewer").field("workspace", &self.workspace).finish_non_exhaustive()
    }
}

impl Viewer {
    /// Begins to watch a workspace. `judge` says each time whether the viewer may still watch, and whether personal data
    /// is masked for it. None if as many watch as may.
    pub(crate) fn open(
        app: &Arc<App>,
        entry: &Entry,
        judge: impl Fn(&App) -> Option<bool> + Send + 'static,
    ) -> Option<Self> {
        let place = Arc::clone(&app.watching.places).try_acquire_owned().ok()?;
        let mut checks = interval(LIVE_CHECK_PERIOD);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(Self {
            app: Arc::clone(app),
            workspace: entry.id().clone(),
            pulse: Arc::downgrade(&entry.lane.pulse),
            receiver: entry.lane.pulse.subscribe(),
            ended: app.watching.ended.subscribe(),
            // Who may not watch learns it by the first check, which comes at once.
            is_masked: judge(app).unwrap_or(true),
            judge: Box::new(judge),
            checks,
            quiet_until: Instant::now() + LIVE_KEEP_ALIVE,
            _place: place,
        })
    }

    /// What comes next; after [`Sight::Ended`] nothing does.
    pub(crate) async fn next(&mut self) -> Sight {
        loop {
            let sight = tokio::select! {
                // In this order, so that a busy workspace hides neither the end nor a check.
                biased;
                () = ended(&mut self.ended) => Sight::Ended,
                _ = self.checks.tick() => match self.judged() {
                    Some(is_masked) => {
                        self.is_masked = is_masked;
                        continue;
                    }
                    None => Sight::Ended,
                },
                received = self.receiver.recv() => match received {
                    Ok(request) => Sight::Request(request, self.is_masked),
                    Err(RecvError::Lagged(lost)) => Sight::Lagged(lost),
                    Err(RecvError::Closed) => Sight::Ended,
                },
                () = sleep_until(self.quiet_until) => Sight::Quiet,
            };
            self.quiet_until = Instant::now() + LIVE_KEEP_ALIVE;
            return sight;
        }
    }

    /// Whether it may still watch.
    fn judged(&self) -> Option<bool> {
        let entry = self.app.workspaces.get(self.workspace.as_str())?;
        // Another workspace may have come under the same id.
        if !std::ptr::eq(Arc::as_ptr(&entry.lane.pulse), self.pulse.as_ptr()) {
            return None;
        }
        (self.judge)(&self.app)
    }
}

/// Comes when streams must end; also when nobody is left who could say so.
async fn ended(said: &mut watch::Receiver<bool>) {
    let _said_or_gone = said.wait_for(|ended| *ended).await;
}
