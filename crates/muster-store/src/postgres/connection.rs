//! One connection to the database: statements that are prepared once and sent many at a time, each batch of them one
//! round trip.

use super::errors::DatabaseFailure;
use super::wait;
use crate::queue::cores::Cores;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

/// How long an answer is waited for. The server ends a statement earlier, so that only a connection that is dead is
/// waited for as long.
const PATIENCE: Duration = Duration::from_secs(45);

/// What begins a transaction of a group. A time-out of a statement is longer than the longest wait for the lock of a
/// workspace, which another node may hold for as long as its own transaction may be idle. Rows are always found by their
/// keys, also in tables of which the planner knows nothing yet.
pub(super) const BEGIN: &str = "BEGIN; \
    SET LOCAL statement_timeout = '30s'; \
    SET LOCAL lock_timeout = '20s'; \
    SET LOCAL idle_in_transaction_session_timeout = '10s'; \
    SET LOCAL enable_seqscan = off; \
    SET LOCAL enable_hashjoin = off; \
    SET LOCAL enable_mergejoin = off; \
    SET LOCAL jit = off";

/// What begins a transaction that reads: everything from one snapshot, however long it lasts.
pub(super) const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL statement_timeout = '30s'; \
    SET LOCAL idle_in_transaction_session_timeout = '600s'; \
    SET LOCAL enable_seqscan = off; \
    SET LOCAL jit = off";

/// A parameter of a statement.
pub(super) type SqlParameter<'p> = &'p (dyn ToSql + Sync);

/// A statement to send.
pub(super) enum Command<'q> {
    /// Several statements without parameters and answers.
    Plain(&'q str),
    /// One statement with its parameters.
    Query(&'q str, Vec<SqlParameter<'q>>),
}

impl<'q> Command<'q> {
    /// Returns the same statement.
    pub(super) fn copy<'c>(command: &'c Command<'q>) -> Command<'c>
    where
        'q: 'c,
    {
        match command {
            Command::Plain(sql) => Command::Plain(sql),
            Command::Query(sql, parameters) => Command::Query(sql, parameters.clone()),
        }
    }
}

/// Counts that connections keep together.
#[derive(Default)]
pub(super) struct Traffic {
    /// Times that a group waited for answers, of groups that were committed.
    pub(super) of_groups: AtomicU64,
}

/// A connection.
pub(super) struct DatabaseConnection {
    client: Client,
    statements: HashMap<Box<str>, Statement>,
    traffic: Arc<Traffic>,
    cores: Arc<Cores>,
    /// Times that answers were waited for.
    round_trips: u64,
    /// When the last answer came.
    answered: Instant,
    /// Whether a transaction is open, or may be.
    in_transaction: bool,
    /// Whether nothing more can be asked through it.
    is_lost: bool,
}

impl DatabaseConnection {
    pub(super) fn new(client: Client, traffic: Arc<Traffic>, cores: Arc<Cores>) -> Self {
        Self {
            client,
            statements: HashMap::new(),
            traffic,
            cores,
            round_trips: 0,
            answered: Instant::now(),
            in_transaction: false,
            is_lost: false,
        }
    }

    /// Whether it can be used.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_lost && !self.client.is_closed()
    }

    /// Sends these together and returns the rows of each; one round trip, and one more for statements that are sent for
    /// the first time. The first error is returned, and the transaction, if one is open, is of no use then.
    pub(super) fn send(&mut self, commands: &[Command<'_>]) -> Result<Vec<Vec<Row>>, DatabaseFailure> {
        self.prepare(commands)?;
        let deadline = Instant::now() + PATIENCE;
        for command in commands {
            if let Command::Plain(sql) = command {
                self.in_transaction |= sql.starts_with("BEGIN");
            }
        }
        self.round_trips += 1;
        let (client, statements) = (&self.client, &self.statements);
        let send = |command| async move {
            match command {
                &Command::Plain(sql) => client.batch_execute(sql).await.map(|()| Vec::new()),
                Command::Query(sql, parameters) => client.query(&statements[*sql], parameters).await,
            }
        };
        let sent = wait::in_order(commands.iter().map(send));
        let Some(answers) = self.cores.without_core(|| wait::until(deadline, sent)) else {
            self.is_lost = true;
            return Err(DatabaseFailure::timed_out());
        };
        self.answered = Instant::now();
        answers.into_iter().map(|answer| answer.map_err(|error| self.failed(error))).collect()
    }

    /// Sends one statement.
    pub(super) fn query(&mut self, sql: &str, parameters: &[SqlParameter<'_>]) -> Result<Vec<Row>, DatabaseFailure> {
        let answers = self.send(&[Command::Query(sql, parameters.to_vec())])?;
        Ok(answers.into_iter().next().unwrap_or_default())
    }

    /// Prepares statements that are new.
    fn prepare(&mut self, commands: &[Command<'_>]) -> Result<(), DatabaseFailure> {
        let mut new: Vec<&str> = Vec::new();
        for command in commands {
            if let Command::Query(sql, _) = command
                && !self.statements.contains_key(*sql)
                && !new.contains(sql)
            {
                new.push(sql);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + PATIENCE;
        let client = &self.client;
        let sent = wait::in_order(new.iter().map(|sql| client.prepare(sql)));
        let Some(prepared) = self.cores.without_core(|| wait::until(deadline, sent)) else {
            self.is_lost = true;
            return Err(DatabaseFailure::timed_out());
        };
        for (sql, statement) in new.into_iter().zip(prepared) {
            let statement = statement.map_err(|error| self.failed(error))?;
            self.statements.insert(sql.into(), statement);
        }
        Ok(())
    }

    fn failed(&mut self, error: tokio_postgres::Error) -> DatabaseFailure {
        let failure = DatabaseFailure::from(error);
        self.is_lost |= matches!(failure, DatabaseFailure::Lost(_));
        failure
    }

    /// Returns how often answers were waited for.
    pub(super) fn round_trips(&self) -> u64 {
        self.round_trips
    }

    /// Returns how long the server has heard nothing.
    pub(super) fn idle_for(&self) -> Duration {
        self.answered.elapsed()
    }

    /// Counts the round trips of a group that was committed.
    pub(super) fn count_group(&self, round_trips: u64) {
        self.traffic.of_groups.fetch_add(round_trips, Ordering::Relaxed);
    }

    /// The transaction has ended.
    pub(super) fn ended(&mut self) {
        self.in_transaction = false;
    }

    /// Takes back what is not committed, so that the connection can be used again; false if it cannot.
    pub(super) fn clean(&mut self) -> bool {
        if self.in_transaction && self.is_usable() && self.send(&[Command::Plain("ROLLBACK")]).is_ok() {
            self.in_transaction = false;
        }
        self.is_usable() && !self.in_transaction
    }
}
