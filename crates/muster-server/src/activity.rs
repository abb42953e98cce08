//! The activity of a workspace: figures of the last hour, faults by type, the use of its keys, and a live stream of its
//! requests. All of it is in memory and starts empty with the server; what must last is in the storage.
//!
//! A handler adds a [`RequestTrace`] to its response. `router.rs` records it with status and duration when the response is
//! complete. That costs a request one short lock, and nothing for the stream while nobody watches.

mod refusals;
mod faults;
mod keys;
mod live;
mod minutes;
pub(crate) mod viewer;

pub(crate) use faults::FaultFigures;
pub(crate) use keys::KeyUseSummary;
pub(crate) use live::{LiveRequest, RequestFacets, StreamFormat};
pub(crate) use minutes::MinuteFigures;
pub(crate) use refusals::{Refusal, RefusalLog};

use crate::fair_places::FairPlaces;
use crate::limits::{LIVE_BUFFER, LIVE_VIEWERS_MAX, RATE_SECONDS};
use crate::sync::lock;
use faults::FaultCounts;
use keys::KeyUses;
use minutes::{Minutes, RequestSample};
use muster_core::id::RequestNo;
use muster_core::kinds::Route;
use muster_core::outcome::{ActionOutcome, ElementResult, Outcome};
use muster_core::reason::Fault;
use muster_core::record::{LogEntry, Omitted};
use muster_core::time::Timestamp;
use muster_store::engine::KeyRecord;
use muster_wire::data::api::Api;
use muster_wire::data::failure::Failure;
use muster_wire::data::failure::reasons::fault_type;
use muster_wire::manage::request::{Away, RequestDocument};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::{broadcast, watch};

/// The activity of one workspace.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    minutes: Mutex<Minutes>,
    faults: Mutex<FaultCounts>,
    keys: Mutex<KeyUses>,
    /// The last refusals of callers with a valid key that the log does not keep.
    refusals: Arc<RefusalLog>,
    /// Created with the first viewer: a workspace that nobody watches has no buffer.
    live: OnceLock<broadcast::Sender<Arc<LiveRequest>>>,
}

/// What happened to a request.
#[derive(Clone, Debug)]
pub(crate) enum RequestOutcome {
    /// Applied, and kept in the log under this number.
    Applied(RequestNo, Arc<[ElementResult]>),
    /// Refused with 400, and kept in the log as this.
    Refused(Arc<LogEntry>),
    /// The recorded answer of an idempotency key was sent again.
    Replayed,
    /// A dry run.
    DryRun,
    /// Refused before its body was read; the log does not keep it.
    Unlogged(UnloggedRefusal),
}

/// A refused request that the log does not keep.
#[derive(Clone, Debug)]
pub(crate) struct UnloggedRefusal {
    /// Its number.
    pub(crate) no: RequestNo,
    /// The API whose spelling of errors applies.
    pub(crate) api: Api,
    /// Why.
    pub(crate) failure: Failure,
    /// Where it can be looked up: with the workspace of its valid key, or with all callers that had none.
    pub(crate) by: RefusedCaller,
}

/// The caller of a refused request.
#[derive(Clone, Debug)]
pub(crate) enum RefusedCaller {
    /// A caller with a valid key of the workspace.
    Key,
    /// A caller without a valid key: the list of all such refusals, and the caller's address (behaviour.md 1.9.e).
    Stranger(Arc<RefusalLog>, Arc<str>),
}

/// What a handler reports about a request.
#[derive(Clone, Debug)]
pub(crate) struct RequestTrace {
    /// The activity that it is recorded in.
    pub(crate) activity: Arc<Activity>,
    /// The call.
    pub(crate) route: Route,
    /// The origin address, if the workspace keeps it.
    pub(crate) origin: Option<Arc<str>>,
    /// Bytes of its body.
    pub(crate) bytes: u64,
    /// Its receipt.
    pub(crate) received_at: Timestamp,
    /// What happened to it.
    pub(crate) outcome: RequestOutcome,
}

impl RequestTrace {
    /// Records the request, once the response is complete.
    pub(crate) fn record(self, status: u16, duration_us: u64, now: Timestamp) {
        let activity = &self.activity;
        let mut sample = RequestSample { status, duration_us, ..RequestSample::default() };
        match &self.outcome {
            RequestOutcome::Applied(no, elements) => {
                count(&mut sample, elements);
                if sample.rejected > 0 || elements.iter().any(|element| !element.actions.is_empty()) {
                    activity.note_faults(self.route, *no, elements.iter().flat_map(faults_of), now);
                }
            }
            RequestOutcome::Refused(request) => {
                activity.note_faults(self.route, request.no, request.faults.iter(), now)
            }
            RequestOutcome::Replayed | RequestOutcome::DryRun | RequestOutcome::Unlogged(_) => {}
        }
        lock(&activity.minutes).note(now, &sample);
        if let RequestOutcome::Unlogged(refusal) = &self.outcome {
            self.keep(refusal, duration_us);
        }
        if let Some(live) = activity.live.get().filter(|live| live.receiver_count() > 0) {
            // The last viewer may have left meanwhile, which is fine.
            let _watched = live.send(Arc::new(self.live(status, duration_us)));
        }
    }

    /// Keeps a refusal where it can be looked up.
    fn keep(&self, refusal: &UnloggedRefusal, duration_us: u64) {
        let (refusals, origin) = match &refusal.by {
            RefusedCaller::Key => (&self.activity.refusals, self.origin.clone()),
            RefusedCaller::Stranger(refusals, address) => (refusals, Some(Arc::clone(address))),
        };
        refusals.push(Refusal {
            no: refusal.no,
            api: refusal.api,
            failure: refusal.failure.clone(),
            route: Some(self.route),
            origin,
            received_at: self.received_at,
            duration_us: Some(duration_us),
        });
    }

    /// Returns the item of the live stream.
    fn live(&self, status: u16, duration_us: u64) -> LiveRequest {
        let logged = |request: &LogEntry| {
            LiveRequest::logged(RequestDocument::from(request).with_duration(duration_us), request)
        };
        let away = |no, failure: Option<(&'static str, &str)>, (replayed, dry_run)| {
            let away = Away {
                no,
                status,
                route: Some(self.route),
                origin: self.origin.as_deref(),
                received_at: self.received_at,
                duration_us: Some(duration_us),
                failure,
                replayed,
                dry_run,
            };
            let kind = failure.map(|(kind, _)| kind);
            LiveRequest::new(RequestDocument::from(&away), RequestFacets::unlogged(status, self.received_at, kind))
        };
        match &self.outcome {
            RequestOutcome::Applied(no, elements) => logged(&LogEntry {
                no: *no,
                received_at: self.received_at,
                status,
                route: self.route,
                origin: self.origin.clone(),
                bytes: u32::try_from(self.bytes).unwrap_or(u32::MAX),
                duration_us,
                warnings: Vec::new(),
                elements: Arc::clone(elements),
                faults: Vec::new(),
                omitted: Omitted::default(),
            }),
            RequestOutcome::Refused(request) => logged(request),
            RequestOutcome::Replayed => away(None, None, (true, false)),
            RequestOutcome::DryRun => away(None, None, (false, true)),
            RequestOutcome::Unlogged(refusal) => {
                let no = matches!(refusal.by, RefusedCaller::Key).then_some(refusal.no);
                let (kind, message) = refusal.failure.type_and_message(refusal.api);
                away(no, Some((kind, &message)), (false, false))
            }
        }
    }
}

fn count(sample: &mut RequestSample, elements: &[ElementResult]) {
    let of = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let rejected = elements.iter().filter(|element| element.outcome == Outcome::Rejected).count();
    let actions = elements.iter().flat_map(|element| &element.actions);
    sample.events = of(actions.filter(|action| action.outcome == ActionOutcome::Accepted).count());
    (sample.accepted, sample.rejected) = (of(elements.len() - rejected), of(rejected));
}

/// Returns the faults of an element: a rejected event element repeats those of its actions, and they count once.
fn faults_of(element: &ElementResult) -> impl Iterator<Item = &Fault> {
    let of_actions = element.actions.iter().map(|action| action.errors.len()).sum::<usize>();
    let own = if of_actions > 0 { &[][..] } else { &element.errors[..] };
    own.iter().chain(element.actions.iter().flat_map(|action| &action.errors))
}

impl Activity {
    fn note_faults<'a>(&self, route: Route, no: RequestNo, faults: impl Iterator<Item = &'a Fault>, now: Timestamp) {
        let api = Api::from(route);
        let mut by_type: Vec<(&'static str, u32)> = Vec::new();
        for fault in faults {
            let name = fault_type(api, fault);
            match by_type.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => by_type.push((name, 1)),
            }
        }
        if by_type.is_empty() {
            return;
        }
        let mut counted = lock(&self.faults);
        for (name, count) in by_type {
            counted.note(now, no, name, count);
        }
    }

    /// A valid key was used from a client's address.
    pub(crate) fn record_key_use(&self, sha256: &[u8; 32], address: IpAddr, now: Timestamp) {
        lock(&self.keys).record_use(sha256, address, now);
    }

    /// A key that is not valid was used; these are the keys of the workspace.
    pub(crate) fn record_refused_key(&self, sha256: &[u8; 32], keys: &[KeyRecord], now: Timestamp) {
        lock(&self.keys).record_refusal(sha256, keys, now);
    }

    /// The keys of the workspace changed: those that are gone are remembered as ended.
    pub(crate) fn record_key_changes(&self, before: &[KeyRecord], after: &[KeyRecord], now: Timestamp) {
        lock(&self.keys).record_changes(before, after, now);
    }

    /// These keys with their use, then those that ended since this server began.
    pub(crate) fn keys(&self, keys: &[KeyRecord], now: Timestamp) -> Vec<(KeyRecord, KeyUseSummary)> {
        lock(&self.keys).summaries(keys, now)
    }

    /// Returns the last sixty minutes, the oldest first; when the latest request was answered.
    pub(crate) fn rates(&self, now: Timestamp) -> (Vec<MinuteFigures>, Option<Timestamp>) {
        let minutes = lock(&self.minutes);
        (minutes.figures(now), minutes.last())
    }

    /// Requests of a second, over the last [`RATE_SECONDS`].
    pub(crate) fn per_second(&self, now: Timestamp) -> f64 {
        f64::from(lock(&self.minutes).recent(now)) / RATE_SECONDS as f64
    }

    /// Faults of the last hour by type, the most frequent first.
    pub(crate) fn faults(&self, now: Timestamp) -> Vec<FaultFigures> {
        lock(&self.faults).figures(now)
    }

    /// Returns the last refusals of its valid keys that the log does not keep.
    pub(crate) fn refusals(&self) -> &RefusalLog {
        &self.refusals
    }

    /// Returns a receiver of every request that is answered from now on. One that is slow loses the oldest, and learns
    /// how many. It is closed when the workspace is deleted. [`viewer::Viewer`] enforces the rights of a viewer.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<LiveRequest>> {
        self.live.get_or_init(|| broadcast::channel(LIVE_BUFFER).0).subscribe()
    }
}

/// What the activities of all workspaces share.
#[derive(Debug)]
pub(crate) struct ServerActivity {
    /// The time since which this server counts.
    pub(crate) since: Timestamp,
    /// Records refusals of requests that name no workspace, so that they cost what others cost.
    nobody: Arc<Activity>,
    /// The last refusals of callers without a valid key.
    strangers: Arc<RefusalLog>,
    /// Places for viewers.
    places: Arc<FairPlaces>,
    /// Becomes true when viewers must go.
    ended: watch::Sender<bool>,
}

impl ServerActivity {
    /// Starts without viewers.
    pub(crate) fn since(now: Timestamp) -> Self {
        let places = FairPlaces::new(LIVE_VIEWERS_MAX);
        Self { since: now, nobody: Arc::default(), strangers: Arc::default(), places, ended: watch::Sender::new(false) }
    }

    /// Returns the activity for requests that name no workspace.
    pub(crate) fn nobody(&self) -> Arc<Activity> {
        Arc::clone(&self.nobody)
    }

    /// Returns the last refusals of callers without a valid key.
    pub(crate) fn strangers(&self) -> Arc<RefusalLog> {
        Arc::clone(&self.strangers)
    }

    /// Ends every stream and lets none begin: a server that stops does not wait for viewers.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Waits until the server stops.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        let _ended_or_gone = ended.wait_for(|ended| *ended).await;
    }
}
