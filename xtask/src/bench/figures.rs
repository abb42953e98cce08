//! Everything that `bench import` measures.

use super::load::LoadOutcome;
use super::options::Part;
use std::collections::BTreeMap;

/// A row of the table of runs. The order is that of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BenchRow {
    /// Full bodies into one workspace.
    One,
    /// Full bodies into four workspaces.
    Four,
    /// The same two with random ids.
    OneRandom,
    FourRandom,
    /// One workspace, with the server on one and on two cores.
    OneOnOneCore,
    OneOnTwoCores,
    /// One workspace with five times the users.
    OneGrown,
    /// One workspace for 30 minutes, once.
    OneLong,
    /// One workspace beside activations of an identifier kind, and beside the deletion of users with many events.
    BesideActivation,
    BesideDeletion,
    /// The PostgreSQL loader at its best number of connections.
    Sets,
    /// The same with random ids.
    SetsRandom,
    /// With a write-ahead log so small that checkpoints happen within the window.
    SetsCheckpoints,
    /// With PostgreSQL and the loader on one and on two cores.
    SetsOnOneCore,
    SetsOnTwoCores,
    /// The service with one statement an element, N.
    Statements,
    /// One-element requests at 256 connections.
    OneElement,
    /// Both with 3 ms added to each sync.
    OneSlowSync,
    OneElementSlowSync,
    /// The same requests to the no-op server.
    Noop,
}

impl BenchRow {
    /// How the report names the row.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::One => "Muster, one workspace, 16 clients",
            Self::Four => "Muster, four workspaces, 16 clients",
            Self::OneRandom => "Muster, one workspace, random ids",
            Self::FourRandom => "Muster, four workspaces, random ids",
            Self::OneOnOneCore => "Muster, one workspace, server on one core",
            Self::OneOnTwoCores => "Muster, one workspace, server on two cores",
            Self::OneGrown => "Muster, one workspace, five times the users",
            Self::OneLong => "Muster, one workspace, one long run",
            Self::BesideActivation => "Muster, one workspace, beside activations",
            Self::BesideDeletion => "Muster, one workspace, beside deletions",
            Self::Sets => "PostgreSQL loader G",
            Self::SetsCheckpoints => "PostgreSQL loader G, checkpoints within the run",
            Self::SetsRandom => "PostgreSQL loader G, random ids",
            Self::SetsOnOneCore => "PostgreSQL loader G, all on one core",
            Self::SetsOnTwoCores => "PostgreSQL loader G, all on two cores",
            Self::Statements => "PostgreSQL, one statement an element (N)",
            Self::OneElement => "Muster, one element, 256 connections",
            Self::OneSlowSync => "Muster, one workspace, 3 ms added to each sync",
            Self::OneElementSlowSync => "Muster, one element, 3 ms added to each sync",
            Self::Noop => "no-op server, one element, 256 connections",
        }
    }
}

/// What a server starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StartFrom {
    /// A workspace without users.
    Empty,
    /// The preloaded users, after a clean stop.
    Clean,
    /// The preloaded users and two seconds of imports, after kill -9 under that load.
    Killed,
}

impl StartFrom {
    /// How the report names the start.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Clean => "after a clean stop",
            Self::Killed => "after kill -9 under load",
        }
    }
}

/// Seconds from the start of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartTimes {
    /// To the ready line.
    pub(crate) ready: f64,
    /// To the whole answer 200 of the first import.
    pub(crate) answered: f64,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    runs: BTreeMap<BenchRow, Vec<LoadOutcome>>,
    /// `(connections, elements per second)` of the loader's calibration; the first is one connection.
    pub(crate) postgres_by_connections: Vec<(usize, f64)>,
    /// Checkpoints that began in each run of G with checkpoints, warming up included.
    pub(crate) checkpoints: Vec<usize>,
    /// The device that holds the data, and whether its written bytes can be counted.
    pub(crate) device: (String, bool),
    /// Syncs that were delayed in each run with a slower sync: full bodies, then one-element requests.
    pub(crate) delayed_syncs: Vec<u64>,
    /// What was done beside the imports, per round.
    pub(crate) beside: Vec<String>,
    /// What `postgres --version` says; `None` when it is absent or not asked for.
    pub(crate) postgres_version: Option<String>,
    /// Parsing only (P), elements per second; the same with Muster's own reading.
    pub(crate) parse: Vec<f64>,
    pub(crate) parse_own: Vec<f64>,
    /// Starts, in the order of the report.
    pub(crate) starts: BTreeMap<StartFrom, Vec<StartTimes>>,
    /// Resident bytes of an empty idle server; of a loaded one at the end of each run with one workspace.
    pub(crate) memory_idle: Vec<f64>,
    pub(crate) memory_loaded: Vec<f64>,
    /// Users per second of the preloads: Muster, PostgreSQL.
    pub(crate) preload: (Option<f64>, Option<f64>),
    /// Whether the server's own counts agree with what it acknowledged; one line per run that was checked.
    pub(crate) counts: Vec<String>,
    /// Why a part that was asked for has no figures.
    pub(crate) left_out: BTreeMap<Part, String>,
}

impl Figures {
    /// Returns the runs of a row, in the order of the rounds.
    pub(crate) fn runs(&self, row: BenchRow) -> &[LoadOutcome] {
        self.runs.get(&row).map_or(&[], Vec::as_slice)
    }

    /// Returns the rows that have runs, in the order of the report.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (BenchRow, &[LoadOutcome])> {
        self.runs.iter().map(|(row, runs)| (*row, runs.as_slice()))
    }

    /// Adds a run and prints its rates.
    pub(crate) fn push(&mut self, row: BenchRow, outcome: LoadOutcome) {
        eprintln!(
            "  {}: {:.0} elements/s, {:.0} requests/s, p50 {:.1} ms, p99 {:.1} ms, refused {}, with rejected elements {}",
            row.title(),
            outcome.element_rate(),
            outcome.request_rate(),
            outcome.quantile(0.5),
            outcome.quantile(0.99),
            outcome.refused,
            outcome.rejecting,
        );
        self.runs.entry(row).or_default().push(outcome);
    }

    /// Adds a start and prints its times.
    pub(crate) fn push_start(&mut self, from: StartFrom, times: StartTimes) {
        let StartTimes { ready, answered } = times;
        eprintln!("  start {}: ready after {ready:.3} s, first 200 after {answered:.3} s", from.title());
        self.starts.entry(from).or_default().push(times);
    }

    /// Notes whether `(users, events)` that were sent are there.
    pub(crate) fn compare(&mut self, row: BenchRow, sent: (u64, u64), counted: (u64, u64)) {
        let verdict = if counted == sent { "the same" } else { "NOT THE SAME" };
        let text = format!(
            "{}: sent {} users and {} events, it counts {} and {}: {verdict}",
            row.title(),
            sent.0,
            sent.1,
            counted.0,
            counted.1
        );
        eprintln!("  {text}");
        self.counts.push(text);
    }
}

/// Returns the middle of the values that are numbers, of an even count the lower one. A run too short for a single
/// request gives figures that are not.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_requests_takes_no_part_in_a_median() {
        assert_eq!(median([3.0, f64::INFINITY, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([f64::NAN]), None);
    }
}
