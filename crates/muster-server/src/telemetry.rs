//! What the server counts, and how it is shown at `/metrics`. Every name is a constant here. Labels are route templates,
//! statuses and the closed lists of the rules, and the ids of a bounded number of workspaces, which operators chose: never
//! a name or a value from outside. Figures that are read at each scrape are in `scrape`, those of the process in `process`.

mod process;
pub(crate) mod scrape;

use crate::budget::MemoryBudget;
use muster_core::kinds::ElementKind;
use muster_core::outcome::{Applied, Outcome};
use muster_core::rate::Class;
use muster_store::engine::{COMMIT_BUCKETS_US, Engine, GROUP_BUCKETS, Health, Trouble};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Requests answered, by route and status.
pub const REQUESTS: &str = "muster_http_requests";
/// Seconds from the head of a request to its answer, by route.
pub const REQUEST_SECONDS: &str = "muster_http_request_duration_seconds";
/// Elements of applied requests, by type and outcome.
pub const ELEMENTS: &str = "muster_elements";
/// Requests refused over a budget, by class.
pub const RATE_REFUSALS: &str = "muster_rate_refusals";
/// What a background job could not do and left for its next round, by job.
pub const JOB_FAILURES: &str = "muster_job_failures";
/// Log lines that could not be written.
pub const LOG_LINES_DROPPED: &str = "muster_log_lines_dropped";
/// Whether the engine can write: 1 or 0.
pub const ENGINE_WRITABLE: &str = "muster_engine_writable";
/// Whether the clock can be believed: 1 or 0.
pub const CLOCK_BELIEVED: &str = "muster_clock_believed";
/// Workspaces whose data cannot be used.
pub const WORKSPACES_DAMAGED: &str = "muster_workspaces_damaged";
/// Folders of workspaces that the catalogue does not know.
pub const ORPHANS: &str = "muster_workspace_orphans";
/// Decisions that wait or run.
pub const QUEUE_DEPTH: &str = "muster_queue_depth";
/// Decisions committed.
pub const DECISIONS: &str = "muster_decisions";
/// Decisions in a group.
pub const GROUP_SIZE: &str = "muster_group_size";
/// Seconds of a commit, its sync with it.
pub const COMMIT_SECONDS: &str = "muster_commit_seconds";
/// Bytes of write-ahead log.
pub const WAL_BYTES: &str = "muster_wal_bytes";
/// Bytes of the redo logs that are not in the tables yet.
pub const REDO_BYTES: &str = "muster_redo_bytes";
/// Decisions that needed more data or work than one may.
pub const TOO_LARGE: &str = "muster_decisions_too_large";
/// Checkpoints done.
pub const CHECKPOINTS: &str = "muster_checkpoints";

/// Bytes of memory charged for bodies that are being read or decided.
pub const BODY_BYTES: &str = "muster_body_bytes";

/// Connections that ended, by why.
pub const CONNECTIONS_ENDED: &str = "muster_connections_ended";

/// Upper bounds of [`REQUEST_SECONDS`].
const REQUEST_BUCKETS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ElementLabels {
    r#type: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    job: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    why: &'static str,
}

/// The counters of the server, and the registry that shows them with the engine's.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    elements: Family<ElementLabels, Counter>,
    refusals: Family<ClassLabels, Counter>,
    job_failures: Family<JobLabels, Counter>,
    connections_ended: Family<EndLabels, Counter>,
}

impl Telemetry {
    /// Counters at zero, beside those of an engine.
    pub(crate) fn new(engine: Arc<dyn Engine>, log_lines_dropped: Arc<AtomicU64>, memory: MemoryBudget) -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        let seconds = Family::<RouteLabels, Histogram>::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS));
        let (elements, refusals, job_failures) = (Family::default(), Family::default(), Family::default());
        let connections_ended = Family::default();
        registry.register(REQUESTS, "Requests answered", requests.clone());
        registry.register(REQUEST_SECONDS, "Seconds from the head of a request to its answer", seconds.clone());
        registry.register(ELEMENTS, "Elements of applied requests", elements.clone());
        registry.register(RATE_REFUSALS, "Requests refused over a budget", refusals.clone());
        registry.register(JOB_FAILURES, "Work that a background job left for its next round", job_failures.clone());
        registry.register(CONNECTIONS_ENDED, "Connections that ended, by why", connections_ended.clone());
        registry.register_collector(Box::new(EngineFigures(engine)));
        registry.register_collector(Box::new(LogFigures(log_lines_dropped)));
        registry.register_collector(Box::new(BodyFigures(memory)));
        Self { registry, requests, seconds, elements, refusals, job_failures, connections_ended }
    }

    /// Notes an answer.
    pub(crate) fn record_answer(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { route, status: status.into() }).inc();
        self.seconds.get_or_create(&RouteLabels { route }).observe(took.as_secs_f64());
    }

    /// Notes the elements of an applied request.
    pub(crate) fn record_elements(&self, applied: &Applied) {
        let mut counts = [[0_u64; Outcome::ALL.len()]; 4];
        for element in applied.elements.iter() {
            counts[element.kind as usize - 1][element.outcome as usize - 1] += 1;
        }
        let kinds = [ElementKind::Customer, ElementKind::Event, ElementKind::Device, ElementKind::Unknown];
        for (kind, counts) in kinds.into_iter().zip(counts) {
            for (outcome, count) in Outcome::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
                let labels = ElementLabels { r#type: kind_name(kind), outcome: outcome.name() };
                self.elements.get_or_create(&labels).inc_by(count);
            }
        }
    }

    /// Notes a request that was over a budget.
    pub(crate) fn record_rate_refusal(&self, class: Class) {
        self.refusals.get_or_create(&ClassLabels { class: class.name() }).inc();
    }

    /// Notes what a background job could not do.
    pub(crate) fn record_job_failure(&self, job: &'static str) {
        self.job_failures.get_or_create(&JobLabels { job }).inc();
    }

    /// Notes the end of a connection.
    pub(crate) fn record_connection_end(&self, why: &'static str) {
        self.connections_ended.get_or_create(&EndLabels { why }).inc();
    }

    /// Everything as OpenMetrics text, with what is read just now.
    pub(crate) fn text(&self, scraped: impl Collector) -> String {
        let mut text = String::new();
        let mut now = Registry::default();
        now.register_collector(Box::new(scraped));
        let written = [&self.registry, &now].into_iter().try_for_each(|registry| encode_registry(&mut text, registry));
        written.and_then(|()| encode_eof(&mut text)).expect("writing into a String cannot fail");
        text
    }
}

fn kind_name(kind: ElementKind) -> &'static str {
    match kind {
        ElementKind::Customer => "customer",
        ElementKind::Event => "event",
        ElementKind::Device => "device",
        ElementKind::Unknown => "unknown",
    }
}

/// Reads the figures of the log at each scrape.
#[derive(Debug)]
struct LogFigures(Arc<AtomicU64>);

impl Collector for LogFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let dropped = self.0.load(Ordering::Relaxed);
        counter(&mut encoder, LOG_LINES_DROPPED, "Log lines that could not be written", dropped)
    }
}

/// Reads the engine's figures at each scrape.
struct EngineFigures(Arc<dyn Engine>);

impl fmt::Debug for EngineFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineFigures")
    }
}

impl Collector for EngineFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Health {
            failed,
            needs_restart: _,
            clock,
            queued,
            groups,
            decisions,
            commit_us,
            commit_us_sum,
            group_sizes,
            wal_bytes,
            redo_bytes,
            checkpoints,
            too_large,
            troubles,
        } = self.0.health();
        let orphans = troubles.iter().filter(|trouble| matches!(trouble, Trouble::Orphan { .. })).count() as u64;
        gauge(&mut encoder, ORPHANS, "Folders that the catalogue does not know", orphans)?;
        let damaged = troubles.len() as u64 - orphans;
        gauge(&mut encoder, WORKSPACES_DAMAGED, "Workspaces whose data cannot be used", damaged)?;
        gauge(&mut encoder, ENGINE_WRITABLE, "Whether the engine can write", u64::from(failed.is_none()))?;
        gauge(&mut encoder, CLOCK_BELIEVED, "Whether the clock can be believed", u64::from(clock.is_none()))?;
        gauge(&mut encoder, QUEUE_DEPTH, "Decisions that wait or run", queued)?;
        gauge(&mut encoder, WAL_BYTES, "Bytes of write-ahead log", wal_bytes)?;
        gauge(&mut encoder, REDO_BYTES, "Bytes of the redo logs that are not in the tables yet", redo_bytes)?;
        counter(&mut encoder, DECISIONS, "Decisions committed", decisions)?;
        counter(&mut encoder, TOO_LARGE, "Decisions that needed more data or work than one may", too_large)?;
        counter(&mut encoder, CHECKPOINTS, "Checkpoints done", checkpoints)?;
        let sizes = Buckets { bounds: &GROUP_BUCKETS, counts: &group_sizes, of_one: 1.0 };
        sizes.encode(&mut encoder, GROUP_SIZE, "Decisions in a group", (decisions, groups))?;
        let commits = commit_us.iter().sum();
        let commits_us = Buckets { bounds: &COMMIT_BUCKETS_US, counts: &commit_us, of_one: 1e6 };
        commits_us.encode(&mut encoder, COMMIT_SECONDS, "Seconds of a commit", (commit_us_sum, commits))
    }
}

/// Reads how much memory bodies take at each scrape.
#[derive(Debug)]
struct BodyFigures(MemoryBudget);

impl Collector for BodyFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        gauge(&mut encoder, BODY_BYTES, "Bytes charged for bodies that are read or decided", self.0.used() as u64)
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> Result<(), fmt::Error> {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> Result<(), fmt::Error> {
    ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
}

/// A histogram that the engine keeps: counts for each bound, and one above.
struct Buckets<'a> {
    bounds: &'a [u64],
    counts: &'a [u64],
    /// How many of its numbers are one of what is shown: a division gives round bounds, a product does not.
    of_one: f64,
}

impl Buckets<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people: fifteen digits do")]
    fn encode(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        (sum, count): (u64, u64),
    ) -> Result<(), fmt::Error> {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / self.of_one).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counts.iter().copied()).collect();
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(sum as f64 / self.of_one, count, &buckets, None)
    }
}
