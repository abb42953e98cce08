//! From the bytes of a body to a decision and its outcome: reads them under the settings in force, puts the decision
//! into the workspace's queue, and reads again if the settings changed in between. HTTP belongs to `http/import.rs`, the
//! shapes to `muster-wire`, the rules to `muster-core`.

use crate::app::App;
use crate::budget::RequestPermit;
use crate::limits::STALE_ROUNDS_MAX;
use crate::sync::lock;
use crate::workspaces::Entry;
use bytes::Bytes;
use muster_core::command::{Element, IdempotencyKey, Import};
use muster_core::decide::{ImportDecision, Wire, cost};
use muster_core::decision::Mode;
use muster_core::id::{QuarantineNo, RequestNo};
use muster_core::kinds::Route;
use muster_core::outcome::{Applied, ImportOutcome, RecordedAnswer};
use muster_core::rate::{Class, RateRefusal};
use muster_core::reason::Fault;
use muster_core::warning::Warnings;
use muster_store::engine::{EngineError, apply_sized};
use muster_wire::data::answer::{self, Preferences};
use muster_wire::data::api::Api;
use muster_wire::data::failure::Failure;
use muster_wire::data::faults::Lenient;
use muster_wire::data::kept::kept_element;
use muster_wire::data::transition::{ReadContext, Unreadable, read};
use std::ops::Range;
use std::sync::Arc;

/// One request whose caller and body were checked.
pub(crate) struct Ingest {
    /// The called API.
    pub(crate) api: Api,
    /// Its route.
    pub(crate) route: Route,
    /// The workspace as it was when the caller was checked.
    pub(crate) entry: Arc<Entry>,
    /// The decoded body.
    pub(crate) body: Bytes,
    /// What `Prefer` asks for.
    pub(crate) preferences: Preferences,
    /// Store nothing.
    pub(crate) dry: bool,
    /// The origin address, if the workspace keeps it.
    pub(crate) origin: Option<Arc<str>>,
    /// Warnings about the head.
    pub(crate) warnings: Warnings,
    /// When it arrived.
    pub(crate) arrived_micros: u64,
    /// The idempotency key.
    pub(crate) idempotency: Option<IdempotencyKey>,
    /// The quarantine entry that its one element replays.
    pub(crate) replay: Option<QuarantineNo>,
    /// What the request takes of what is bounded.
    pub(crate) permit: Arc<RequestPermit>,
}

/// Why a request was not applied.
#[derive(Debug)]
pub(crate) enum ImportRefusal {
    /// A fault of the request as a whole.
    Failure(Failure),
    /// Faults of its elements: 400. With what a lenient request would have stored.
    Faults(Vec<Fault>, Lenient),
    /// Over a budget; the seconds to wait.
    Wait(Class, u32),
    /// It costs more than the whole budget.
    Never(Class, u32),
    /// A replay of an entry that is not there.
    NoSuchEntry,
    /// A replay of an entry that this request replayed before.
    AlreadyReplayed(RequestNo),
    /// The engine could not.
    Engine(EngineError),
}

/// What was applied now or before.
#[derive(Debug)]
pub(crate) enum Done {
    /// Applied now.
    Applied(Applied, RecordedAnswer),
    /// The recorded answer of the same key and body.
    Replayed(RecordedAnswer),
}

/// Writes the answer and quarantined elements as JSON while the decision runs.
struct AnswerWriter {
    api: Api,
    representation: bool,
    /// Of a dry run, the number that its answer shows: the next of the sequence belongs to a request that is kept.
    dry: Option<RequestNo>,
    body: Bytes,
    spans: Vec<Range<usize>>,
    /// Given back when the queue is done with the decision, also if nobody waits for its answer any more.
    _permit: Arc<RequestPermit>,
}

impl Wire for AnswerWriter {
    fn answer(&self, applied: &Applied) -> RecordedAnswer {
        let shown = self.dry.map(|request| Applied { request, ..applied.clone() });
        answer::applied_answer(self.api, shown.as_ref().unwrap_or(applied), self.representation, self.dry.is_some())
    }

    fn quarantined_json(&self, index: u32, rejected_actions: Option<&[u32]>) -> Box<[u8]> {
        let span = self.spans.get(index as usize).cloned().unwrap_or_default();
        kept_element(self.body.get(span).unwrap_or_default(), rejected_actions)
    }
}

impl Ingest {
    /// Runs the request to completion.
    pub(crate) async fn run(mut self, app: &Arc<App>) -> Result<Done, ImportRefusal> {
        for round in 0..STALE_ROUNDS_MAX {
            if round > 0 {
                self.entry = app.latest_entry(&self.entry).await.map_err(ImportRefusal::Engine)?;
            }
            let decision = self.decision(app)?;
            if self.dry && round == 0 {
                self.spend_dry(app, &decision.import.elements)?;
            }
            let mode = if self.dry { Mode::Dry } else { Mode::Commit };
            let outcome = apply_sized(&*app.engine, self.entry.id(), (decision, self.body.len()), mode).await;
            let outcome = match outcome {
                Err(EngineError::Stale) => continue,
                outcome => outcome.map_err(ImportRefusal::Engine)?,
            };
            match outcome {
                ImportOutcome::Applied(applied, recorded) => return Ok(Done::Applied(applied, recorded)),
                ImportOutcome::Replayed(recorded) => return Ok(Done::Replayed(recorded)),
                ImportOutcome::KeyConflict => return Err(ImportRefusal::Failure(Failure::IdempotencyConflict)),
                ImportOutcome::Refused(faults) => return Err(ImportRefusal::Faults(faults, Lenient::NOTHING)),
                ImportOutcome::RateLimited(class, RateRefusal::Wait { seconds }) => {
                    return Err(ImportRefusal::Wait(class, seconds));
                }
                ImportOutcome::RateLimited(class, RateRefusal::Never { limit }) => {
                    return Err(ImportRefusal::Never(class, limit));
                }
                ImportOutcome::NoSuchEntry => return Err(ImportRefusal::NoSuchEntry),
                ImportOutcome::AlreadyReplayed(request) => return Err(ImportRefusal::AlreadyReplayed(request)),
            }
        }
        Err(ImportRefusal::Failure(Failure::Unavailable))
    }

    /// Returns the body as a decision under the settings in force.
    fn decision(&self, app: &App) -> Result<ImportDecision<AnswerWriter>, ImportRefusal> {
        let (settings, document) = (&self.entry.settings, &self.entry.document);
        let lenient = self.preferences.lenient.unwrap_or(settings.lenient);
        let context = ReadContext {
            route: self.route,
            settings: Arc::clone(settings),
            lenient,
            null_clears: document.null_clears,
            parity: document.parity,
            zone: document.zone().clone(),
            received_at: app.now(),
        };
        let parsed = read(&self.body, &context).map_err(|unreadable| match unreadable {
            Unreadable::Failure(failure) => ImportRefusal::Failure(failure),
            Unreadable::Faults(faults, lenient) => ImportRefusal::Faults(faults, lenient),
        })?;
        let import = Import {
            route: self.route,
            settings: Arc::clone(settings),
            all_or_nothing: self.route != Route::Transition && !lenient,
            dry: self.dry,
            elements: parsed.elements,
            origin: self.origin.clone(),
            warnings: self.warnings.clone(),
            bytes: u32::try_from(self.body.len()).unwrap_or(u32::MAX),
            arrived_micros: self.arrived_micros,
            idempotency: self.idempotency.clone(),
            replay: self.replay,
        };
        let representation = self.preferences.representation;
        let dry = self.dry.then(|| app.refused_number());
        let writer = AnswerWriter {
            api: self.api,
            representation,
            dry,
            body: self.body.clone(),
            spans: parsed.spans,
            _permit: Arc::clone(&self.permit),
        };
        Ok(ImportDecision { import, wire: writer })
    }

    /// Dry runs have a budget of their own, of the same size (behaviour.md 1.3).
    fn spend_dry(&self, app: &App, elements: &[Element]) -> Result<(), ImportRefusal> {
        let mut window = lock(&self.entry.runtime.dry_window);
        *window = window.at(app.clock.now());
        window.spend(self.entry.settings.limits, cost(elements)).map_err(|(class, refusal)| match refusal {
            RateRefusal::Wait { seconds } => ImportRefusal::Wait(class, seconds),
            RateRefusal::Never { limit } => ImportRefusal::Never(class, limit),
        })
    }
}
