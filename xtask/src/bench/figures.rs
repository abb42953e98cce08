//! Everything that `bench import` measures.

use super::load::LoadOutcome;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Full bodies into one workspace, per round.
    pub(crate) one: Vec<LoadOutcome>,
    /// Full bodies into four workspaces.
    pub(crate) four: Vec<LoadOutcome>,
    /// One-element requests at 256 connections.
    pub(crate) single: Vec<LoadOutcome>,
    /// The same requests to the no-op server.
    pub(crate) noop: Vec<LoadOutcome>,
    /// The PostgreSQL loader at its best number of connections.
    pub(crate) postgres: Vec<LoadOutcome>,
    /// The service with one statement an element, N.
    pub(crate) single_statements: Vec<LoadOutcome>,
    /// `(connections, elements per second)` of the loader's calibration; the first is one connection.
    pub(crate) postgres_by_connections: Vec<(usize, f64)>,
    /// What `postgres --version` says; `None` when it is absent or not asked for.
    pub(crate) postgres_version: Option<String>,
    /// Parsing only (P), elements per second; the same with Muster's own reading.
    pub(crate) parse: Vec<f64>,
    pub(crate) parse_own: Vec<f64>,
    /// Seconds from start to ready: an empty directory, after a clean stop, after kill -9 under load.
    pub(crate) ready_empty: Vec<f64>,
    pub(crate) ready_clean: Vec<f64>,
    pub(crate) ready_killed: Vec<f64>,
    /// Resident bytes of an empty idle server; of a loaded one at the end of each run with one workspace.
    pub(crate) memory_idle: Vec<f64>,
    pub(crate) memory_loaded: Vec<f64>,
    /// Users per second of the preloads: Muster, PostgreSQL.
    pub(crate) preload: (Option<f64>, Option<f64>),
    /// Whether the server's own counts agree with what it acknowledged; one line per run that was checked.
    pub(crate) counts: Vec<String>,
}

impl Figures {
    /// Every measured run.
    pub(crate) fn all_runs(&self) -> impl Iterator<Item = &LoadOutcome> {
        let all = [&self.one, &self.four, &self.single, &self.noop, &self.postgres, &self.single_statements];
        all.into_iter().flatten()
    }

    /// Notes whether `(users, events)` that were sent are there.
    pub(crate) fn compare(&mut self, what: &str, sent: (u64, u64), counted: (u64, u64)) {
        let verdict = if counted == sent { "the same" } else { "NOT THE SAME" };
        let text = format!(
            "{what}: sent {} users and {} events so far, it counts {} and {}: {verdict}",
            sent.0, sent.1, counted.0, counted.1
        );
        eprintln!("  {text}");
        self.counts.push(text);
    }
}
