//! A database of a test: a schema of its own in the database that the tests were given.

use muster_core::time::Clock;
use muster_store::bounds::Bounds;
use muster_store::conformance::rig::HandClock;
use muster_store::family::Family;
use muster_store::postgres::{DatabaseAddress, PostgresEngine, PostgresOptions};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_postgres::{Client, NoTls};

/// The variable with the address of the database (`cargo xtask test` sets it).
const VARIABLE: &str = "MUSTER_TEST_POSTGRES";

/// Returns the server of the tests, if there is one; says so if there is none.
pub(crate) fn server() -> Option<Server> {
    let url = std::env::var(VARIABLE).ok();
    if url.is_none() {
        // Not by a macro, whose line the harness would keep for itself.
        let line = "skipped: MUSTER_TEST_POSTGRES is not set (`cargo xtask test` starts PostgreSQL and sets it)\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    url.map(|url| Server { url })
}

/// Runs a test if there is a database for it.
pub(crate) fn with_database(test: impl FnOnce(&Server)) {
    if let Some(server) = server() {
        test(&server);
    }
}

/// The server of the tests.
pub(crate) struct Server {
    url: String,
}

/// An empty database: a schema with its own name.
pub(crate) struct Home {
    pub(crate) url: String,
}

impl Server {
    /// Connects to a database with this address, and runs what is to be run there.
    fn run<T>(&self, url: &str, run: impl AsyncFnOnce(&Client) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            let connection = tokio::spawn(connection);
            let done = run(&client).await;
            drop(client);
            connection.await.unwrap().unwrap();
            done
        })
    }

    /// Makes an empty database.
    pub(crate) fn home(&self) -> Home {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = format!("test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        self.run(&self.url, async |client: &Client| {
            client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap()
        });
        let separator = if self.url.contains('?') { '&' } else { '?' };
        Home { url: format!("{}{separator}options=-csearch_path%3D{name}", self.url) }
    }

    /// Runs SQL in a database.
    pub(crate) fn execute(&self, home: &Home, sql: &str) {
        self.run(&home.url, async |client: &Client| client.batch_execute(sql).await.unwrap());
    }

    /// Returns the strings of the first column of an answer.
    pub(crate) fn strings(&self, home: &Home, sql: &str) -> Vec<String> {
        self.run(&home.url, async |client: &Client| {
            client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
        })
    }

    /// Returns the families of a workspace whose kept sums are not those of their rows.
    pub(crate) fn wrong_sums(&self, home: &Home, workspace: &str) -> Vec<String> {
        self.run(&home.url, async |client: &Client| {
            let kept = "SELECT family_rows, family_sums FROM workspaces WHERE id = $1";
            let kept = client.query_one(kept, &[&workspace]).await.unwrap();
            let (rows, sums): (Vec<i64>, Vec<i64>) = (kept.get(0), kept.get(1));
            let mut wrong = Vec::new();
            for family in Family::ALL.into_iter().filter(|family| *family != Family::Counters) {
                let sql = format!("SELECT sum FROM {} WHERE workspace_id = $1", family.table());
                let found = client.query(&sql, &[&workspace]).await.unwrap();
                let sum = found.iter().fold(0_i64, |sum, row| sum.wrapping_add(row.get(0)));
                let count = i64::try_from(found.len()).unwrap();
                if (count, sum) != (rows[family.place()], sums[family.place()]) {
                    wrong.push(format!("{}: {count} rows, {} kept", family.table(), rows[family.place()]));
                }
            }
            wrong
        })
    }
}

impl Home {
    /// The name of its schema.
    pub(crate) fn schema(&self) -> &str {
        self.url.rsplit("%3D").next().unwrap()
    }

    /// How an engine is opened whose clock is set by hand.
    pub(crate) fn options(&self) -> PostgresOptions {
        self.options_at(HandClock::at(1_000))
    }

    pub(crate) fn options_at(&self, clock: Arc<dyn Clock>) -> PostgresOptions {
        let address = DatabaseAddress::parse(&self.url).unwrap();
        let options = PostgresOptions::new(address, clock);
        PostgresOptions { is_time_of_database: false, connections: 4, ..options }
    }

    pub(crate) fn open(&self) -> PostgresEngine {
        PostgresEngine::open(self.options()).unwrap()
    }

    /// An engine for the suite, whose decisions move `now` far from the clock.
    pub(crate) fn open_with(&self, bounds: Bounds) -> PostgresEngine {
        PostgresEngine::open(PostgresOptions { bounds, accept_clock: true, ..self.options() }).unwrap()
    }
}
