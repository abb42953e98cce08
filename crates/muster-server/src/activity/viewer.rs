//! A viewer of a live stream: what it sees next, and when it ends. The stream ends when the workspace is deleted, when the
//! viewer loses its permission (checked every [`LIVE_CHECK_PERIOD`]), and when the server stops.

use super::{Activity, LiveRequest};
use crate::app::App;
use crate::callers::Caller;
use crate::fair_places::FairPlace;
use crate::limits::{LIVE_CHECK_PERIOD, LIVE_KEEP_ALIVE};
use crate::workspaces::Entry;
use muster_core::id::WorkspaceId;
use std::fmt;
use std::sync::{Arc, Weak};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

/// Whether a viewer may still watch, and if so whether personal data is masked for it.
type WatchCheck = Box<dyn Fn(&App) -> Option<bool> + Send>;

/// What a viewer sees next.
#[derive(Debug)]
pub(crate) enum StreamEvent {
    /// A request was answered; the flag says to mask it.
    Request(Arc<LiveRequest>, bool),
    /// The viewer was slow: this number of requests is lost to it.
    Lagged(u64),
    /// The viewer was checked and may still watch: the time to read again what requests do not report.
    Checked,
    /// Nothing that is wanted happened for [`LIVE_KEEP_ALIVE`].
    Quiet,
    /// The stream is over.
    Ended,
}

/// One viewer. It holds its place until it is dropped.
pub(crate) struct Viewer {
    app: Arc<App>,
    workspace: WorkspaceId,
    /// Weak, so that the activity of a deleted workspace is dropped, which closes its receivers.
    activity: Weak<Activity>,
    receiver: Receiver<Arc<LiveRequest>>,
    ended: watch::Receiver<bool>,
    judge: WatchCheck,
    is_masked: bool,
    checks: Interval,
    quiet_until: Instant,
    _place: FairPlace,
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewer").field("workspace", &self.workspace).finish_non_exhaustive()
    }
}

impl Viewer {
    /// Begins to watch a workspace. `judge` says each time whether the viewer may still watch, and whether personal data
    /// is masked for it. None if there is no place for another viewer.
    pub(crate) fn open(
        app: &Arc<App>,
        (caller, entry): (&Caller, &Entry),
        judge: impl Fn(&App) -> Option<bool> + Send + 'static,
    ) -> Option<Self> {
        let place = app.server_activity.places.take(caller, Some(entry.id().as_str()))?;
        let mut checks = interval_at(Instant::now() + LIVE_CHECK_PERIOD, LIVE_CHECK_PERIOD);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(Self {
            app: Arc::clone(app),
            workspace: entry.id().clone(),
            activity: Arc::downgrade(&entry.runtime.activity),
            receiver: entry.runtime.activity.subscribe(),
            ended: app.server_activity.ended.subscribe(),
            // Who may not watch any more learns it by the first check.
            is_masked: judge(app).unwrap_or(true),
            judge: Box::new(judge),
            checks,
            quiet_until: Instant::now() + LIVE_KEEP_ALIVE,
            _place: place,
        })
    }

    /// Returns what is watched: a workspace of this server.
    pub(crate) fn watched(&self) -> (&App, &WorkspaceId) {
        (&self.app, &self.workspace)
    }

    /// Returns what comes next; after [`StreamEvent::Ended`] nothing does. Requests that `wants` refuses pass by
    /// unseen: they neither end the quiet nor cost what an answer costs.
    pub(crate) async fn next(&mut self, mut wants: impl FnMut(&LiveRequest) -> bool + Send) -> StreamEvent {
        loop {
            let event = tokio::select! {
                // In this order, so that a busy workspace hides neither the end nor a check nor a quiet that lasts.
                biased;
                () = ended(&mut self.ended) => StreamEvent::Ended,
                _ = self.checks.tick() => match self.check() {
                    Some(is_masked) => {
                        self.is_masked = is_masked;
                        // Nothing was sent to the viewer, so the quiet period continues.
                        return StreamEvent::Checked;
                    }
                    None => StreamEvent::Ended,
                },
                () = sleep_until(self.quiet_until) => StreamEvent::Quiet,
                received = self.receiver.recv() => match received {
                    Ok(request) if !wants(&request) => continue,
                    Ok(request) => StreamEvent::Request(request, self.is_masked),
                    Err(RecvError::Lagged(lost)) => StreamEvent::Lagged(lost),
                    Err(RecvError::Closed) => StreamEvent::Ended,
                },
            };
            self.quiet_until = Instant::now() + LIVE_KEEP_ALIVE;
            return event;
        }
    }

    /// Returns whether it may still watch.
    fn check(&self) -> Option<bool> {
        let entry = self.app.workspaces.get(self.workspace.as_str())?;
        // Another workspace may have come under the same id.
        if !std::ptr::eq(Arc::as_ptr(&entry.runtime.activity), self.activity.as_ptr()) {
            return None;
        }
        (self.judge)(&self.app)
    }
}

/// Waits until streams must end, or until the sender is gone.
async fn ended(ended: &mut watch::Receiver<bool>) {
    let _ended_or_gone = ended.wait_for(|ended| *ended).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{RequestOutcome, RequestTrace};
    use crate::app::{Options, Storage};
    use crate::clock::{SystemClock, SystemRandom};
    use crate::limits::LIVE_BUFFER;
    use muster_core::kinds::Route;
    use muster_core::time::Timestamp;
    use muster_wire::manage::settings::WorkspaceSettings;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::time::timeout;

    fn watched() -> (Arc<App>, Arc<Entry>) {
        let token = "the-admin-token-of-the-tests".to_owned();
        let app = App::open(Options::new(Storage::Memory, Arc::new(SystemClock::new()), Arc::new(SystemRandom), token));
        let (app, id) = (app.unwrap(), WorkspaceId::parse("SHOP").unwrap());
        let entry = app.create_workspace(&id, &WorkspaceSettings::new("Shop"), "key").unwrap().created().unwrap();
        (app, entry)
    }

    fn admin(app: &App) -> Arc<Caller> {
        app.callers.all()[0].clone()
    }

    fn happens(entry: &Entry) {
        let trace = RequestTrace {
            activity: Arc::clone(&entry.runtime.activity),
            route: Route::Transition,
            origin: None,
            bytes: 0,
            received_at: Timestamp(0),
            outcome: RequestOutcome::Replayed,
        };
        trace.record(429, 1, Timestamp(0));
    }

    // Fails when the channel is made larger than `LIVE_BUFFER`, or `Lagged` is taken for the end.
    #[tokio::test]
    async fn a_slow_viewer_loses_the_oldest_and_learns_how_many() {
        let (app, entry) = watched();
        let mut viewer = Viewer::open(&app, (&admin(&app), &entry), |_| Some(false)).unwrap();
        (0..LIVE_BUFFER + 5).for_each(|_| happens(&entry));
        assert!(matches!(viewer.next(|_| true).await, StreamEvent::Lagged(5)));
        for _ in 0..LIVE_BUFFER {
            assert!(matches!(viewer.next(|_| true).await, StreamEvent::Request(_, false)));
        }
    }

    // Fails when `check` is asked in `open` alone.
    #[tokio::test]
    async fn a_stream_ends_when_whoever_watches_may_no_more() {
        let (app, entry) = watched();
        let may = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&may);
        let mut viewer =
            Viewer::open(&app, (&admin(&app), &entry), move |_| asked.load(Ordering::SeqCst).then_some(false)).unwrap();
        happens(&entry);
        assert!(matches!(viewer.next(|_| true).await, StreamEvent::Request(..)));
        may.store(false, Ordering::SeqCst);
        assert!(matches!(viewer.next(|_| true).await, StreamEvent::Ended));
    }

    /// Returns the next event that is not a check.
    async fn next_event(viewer: &mut Viewer) -> StreamEvent {
        loop {
            match viewer.next(|_| true).await {
                StreamEvent::Checked => {}
                event => return event,
            }
        }
    }

    // Fails when a check counts as something that was sent, or nothing waits for `quiet_until`.
    #[tokio::test(start_paused = true)]
    async fn a_stream_that_said_nothing_for_the_time_of_a_keep_alive_says_that_it_lives_and_no_sooner() {
        let (app, entry) = watched();
        let mut viewer = Viewer::open(&app, (&admin(&app), &entry), |_| Some(false)).unwrap();
        for _ in 0..2 {
            let nearly = LIVE_KEEP_ALIVE - LIVE_CHECK_PERIOD / 2;
            assert!(timeout(nearly, next_event(&mut viewer)).await.is_err());
            assert!(matches!(timeout(LIVE_CHECK_PERIOD, next_event(&mut viewer)).await, Ok(StreamEvent::Quiet)));
        }
    }

    #[tokio::test]
    async fn nothing_is_made_for_viewers_that_are_gone() {
        let (app, entry) = watched();
        drop(Viewer::open(&app, (&admin(&app), &entry), |_| Some(false)));
        happens(&entry);
        assert_eq!(entry.runtime.activity.live.get().map(|live| (live.receiver_count(), live.len())), Some((0, 0)));
    }
}
