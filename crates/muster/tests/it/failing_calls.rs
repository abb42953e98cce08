//! One call of the file system fails, each in turn: below a short history of imports, merges, a revert, a deletion, reads,
//! settings and a stop, the K-th write, sync, truncation, opening or naming ends in EIO or ENOSPC, for every K until a
//! history does not meet it. Nothing acknowledged is lost or wrong, every answer is 200 or 503, the server continues or
//! says that it needs a restart, and the next start is clean.
//!
//! The short form takes some of the calls; `cargo xtask durability` sets `MUSTER_FAILING_CALLS=all`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::disk::{Disk, Unsynced};
use crate::http::Connection;
use crate::judge::{Ledger, judge};
use crate::load::{Claim, Effect, Fate, Flight, delete, is_unseen, revert};
use crate::server::{Launch, Server, Workspace, copy_files};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// Longer than a group may be in the redo log alone.
const FILLED: Duration = Duration::from_millis(1_200);
/// How long a server may take to notice that the disk is sound again.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(15);
/// Histories at once: most of the time they wait.
const AT_ONCE: usize = 4;
/// The short form takes every call of this number.
const SHORT_STEP: u64 = 41;
/// More calls than a history makes.
const CALLS_MAX: u64 = 5_000;

/// How a history ends after its last request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// `kill -9`, then every file goes back to its last sync.
    PowerLoss,
    /// SIGTERM, whose calls fail, too, then the same.
    Stop,
}

/// A data directory with a workspace and one request, stopped.
struct Template {
    dir: TempDir,
    workspace: Workspace,
    first: Flight,
}

impl Template {
    fn new() -> Template {
        let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let launch = Launch::new(&dir.path().join("data"));
        let mut server = launch.start();
        let workspace = Workspace::create(&server);
        let mut first = flight("first", 3);
        first.settle(workspace.import(&mut server.connect(), &first.body, None));
        assert_eq!((server.terminate(), &first.fate), (Some(0), &Fate::Acknowledged));
        Template { dir, workspace, first }
    }
}

/// A request for this many users, the first with an event.
fn flight(tag: &str, users: u64) -> Flight {
    let customers: Vec<String> = (0..users).map(|n| format!("k-{tag}-{n}")).collect();
    let element = |customer: &String| {
        let attributes =
            json!({"tag": tag, "email": format!("{customer}@example.org"), "mobile": format!("+1-{customer}")});
        json!({"type": "customer", "customer_id": customer, "attributes": attributes})
    };
    let mut elements: Vec<Value> = customers.iter().map(element).collect();
    let event_id = format!("e-{tag}");
    let actions = json!([{"action": "viewed", "event_id": event_id}]);
    elements.push(json!({"type": "event", "customer_id": customers[0], "actions": actions}));
    let mut claims = vec![Claim::Event { customer: customers[0].clone(), event_id }];
    claims.extend(customers.into_iter().map(|customer| Claim::User { customer }));
    Flight {
        client: 0,
        tag: tag.to_owned(),
        body: json!({"type": "transition", "elements": elements}),
        idempotency_key: Some(format!("key-{tag}")),
        claims,
        otherwise: Vec::new(),
        effect: Effect { customers: users, events: 1, ..Effect::default() },
        fate: Fate::Refused(0, String::new()),
        unseen: false,
    }
}

/// The same, whose first two users become one.
fn merging_flight(tag: &str) -> Flight {
    let mut flight = flight(tag, 3);
    let [left, right] = [0, 1].map(|n| format!("k-{tag}-{n}"));
    let attributes = json!({"mobile": format!("+1-{right}")});
    let element = json!({"type": "customer", "customer_id": left, "attributes": attributes});
    flight.body["elements"].as_array_mut().unwrap().push(element);
    flight.claims.push(Claim::Merged { left, right });
    flight.effect.merges = 1;
    flight
}

/// One history under a failing call.
struct History<'t> {
    template: &'t Template,
    flights: Vec<Flight>,
    /// A workspace that was made meanwhile.
    made: Option<String>,
    /// Answers that are neither 200 nor 503.
    odd: Vec<String>,
}

impl<'t> History<'t> {
    fn new(template: &'t Template) -> History<'t> {
        History { template, flights: vec![template.first.clone()], made: None, odd: Vec::new() }
    }

    fn send(&mut self, connection: &mut Connection, mut flight: Flight) {
        let workspace = &self.template.workspace;
        flight.settle(workspace.import(connection, &flight.body, flight.idempotency_key.as_deref()));
        self.flights.push(flight);
    }

    /// The same, and reads it back if it was acknowledged, which fills.
    fn import(&mut self, connection: &mut Connection, flight: Flight) {
        self.send(connection, flight);
        let Some(last) = self.flights.last_mut().filter(|last| last.fate == Fate::Acknowledged) else { return };
        last.unseen = is_unseen((connection, &self.template.workspace), last).unwrap();
    }

    /// Notes an answer that says nothing about users.
    fn note(&mut self, what: &str, status: u16) {
        if !matches!(status, 200 | 201 | 503) {
            self.odd.push(format!("{what} was answered {status}"));
        }
    }

    fn run(&mut self, server: &Server) {
        let workspace = &self.template.workspace;
        let connection = &mut server.connect();
        self.import(connection, flight("logged", 3));
        self.import(connection, merging_flight("merged"));
        let mut done = self.flights.pop().unwrap();
        if done.fate == Fate::Acknowledged {
            let merged = done.claims.last().cloned().unwrap();
            let reverted = revert((connection, workspace), &mut done, merged).unwrap();
            self.flights.push(done);
            self.flights.extend(reverted);
        } else {
            self.flights.push(done);
        }
        self.import(connection, flight("again", 3));
        let last = self.flights.last().unwrap().clone();
        if last.fate == Fate::Acknowledged {
            self.flights.extend(delete((connection, workspace), &last));
        }
        let named = json!({"name": "Another name"});
        let named = workspace.manage(connection, "PATCH", "", Some(&named)).unwrap().status;
        self.note("a setting", named);
        let made = server.create_workspace("Second");
        self.note("a workspace", made.status);
        self.made = made.json()["id"].as_str().filter(|_| made.status == 201).map(str::to_owned);
        self.import(connection, flight("unread", 2));
        // The filler meets what fails by itself.
        std::thread::sleep(FILLED);
        self.import(connection, flight("late", 3));
        // From here on nobody reads, so that the redo log has something at the end.
        self.send(connection, flight("later", 3));
        self.send(connection, flight("last", 2));
    }

    /// Whether the server takes an import again, or says that it or the workspace needs a restart.
    fn heals(&mut self, server: &Server) -> Result<(), String> {
        let deadline = Instant::now() + RECOVERY_TIMEOUT;
        for n in 0.. {
            let connection = &mut server.connect();
            self.send(connection, flight(&format!("healed-{n}"), 2));
            if self.flights.last().is_some_and(|last| last.fate == Fate::Acknowledged) {
                self.send(connection, flight("healed", 1));
                return Ok(());
            }
            let ready = server.get("/readyz");
            if ready.status == 503 && ready.text().contains("restart") {
                return Ok(());
            }
            // A workspace that was refused at the start makes the others no less ready.
            let told = server.get_as_admin("/readyz").text();
            if told.contains("damaged") && told.contains(self.template.workspace.id()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let last = &self.flights.last().unwrap().fate;
                return Err(format!("it does not heal: /readyz {} {told}, {last:?}", ready.status));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// What must be there after a restart on a sound disk.
    fn judge(&self, launch: &Launch) -> Result<(), String> {
        launch.verify()?;
        let server = launch.try_start()?;
        let workspace = &self.template.workspace;
        let ready = server.get("/readyz");
        if ready.status != 200 {
            return Err(format!("not ready after the restart: {}", server.get_as_admin("/readyz").text()));
        }
        judge(&server, workspace, &self.flights, &mut Ledger::default())?;
        if let Some(id) = &self.made {
            let shown = server.get_as_admin(&format!("/api/v1/workspaces/{id}")).status;
            if shown != 200 {
                return Err(format!("the workspace {id} was made, and is answered {shown}"));
            }
        }
        let after = flight("after", 1);
        let status = workspace.import(&mut server.connect(), &after.body, None).unwrap().status;
        if status == 200 { Ok(()) } else { Err(format!("an import after the restart is answered {status}")) }
    }
}

/// Which call fails, of which, and how.
#[derive(Debug)]
struct FailAt<'a> {
    call: u64,
    only: Option<&'a str>,
    errno: i32,
    end: End,
}

/// Runs a history in which one call fails. Returns which call it was; None if fewer were made.
fn fail_one(template: &Template, at: &FailAt<'_>) -> Result<Option<String>, String> {
    let disk = Disk::new();
    copy_files(&template.dir.path().join("data"), &disk.data_dir());
    let mut history = History::new(template);
    let launch = Launch::new(&disk.data_dir());
    let failing = launch.clone().env(disk.env_failing(at.call, at.only, at.errno));
    // A start that fails says why: `try_start` gives up only on one that ends or hangs.
    if let Ok(mut server) = failing.try_start() {
        history.run(&server);
        history.heals(&server).map_err(|error| describe(&disk, &error))?;
        match at.end {
            End::PowerLoss => server.kill(),
            End::Stop => drop(server.terminate()),
        }
    }
    disk.lose_power(Unsynced::Lost);
    let sound = launch.env(disk.env());
    if let Some(odd) = history.odd.first() {
        return Err(describe(&disk, odd));
    }
    history.judge(&sound).map_err(|error| describe(&disk, &error))?;
    Ok(disk.met())
}

fn describe(disk: &Disk, error: &str) -> String {
    format!("after a failed `{}`: {error}", disk.met().unwrap_or_else(|| "nothing".into()))
}

/// Calls that failed, by what they were and which file.
type FailedCalls = BTreeMap<String, u64>;

/// Every call of this step in turn, several histories at once.
fn fail_each(
    template: &Template,
    (step, only): (u64, Option<&str>),
    (errno, end): (i32, End),
) -> (FailedCalls, Vec<String>) {
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (met, broken) = (Mutex::new(FailedCalls::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let call = 1 + step * next.fetch_add(1, Ordering::Relaxed);
                    let at = FailAt { call, only, errno, end };
                    match fail_one(template, &at) {
                        Ok(Some(what)) => *met.lock().unwrap().entry(what).or_default() += 1,
                        Ok(None) => is_over.store(true, Ordering::Relaxed),
                        Err(error) => broken.lock().unwrap().push(format!("{at:?}: {error}")),
                    }
                    assert!(call < CALLS_MAX, "a history has no end");
                }
            });
        }
    });
    (met.into_inner().unwrap(), broken.into_inner().unwrap())
}

fn assert_each(errno: i32, end: End) {
    let is_long = std::env::var_os("MUSTER_FAILING_CALLS").is_some();
    let begun = Instant::now();
    let (met, broken) = fail_each(&Template::new(), (if is_long { 1 } else { SHORT_STEP }, None), (errno, end));
    println!("{errno}, {end:?}: {} calls in {:?}: {met:#?}", met.values().sum::<u64>(), begun.elapsed());
    assert_eq!(broken, Vec::<String>::new());
    assert!(!met.is_empty(), "no call failed");
    if is_long {
        let files = ["redo-0", "redo-1", "/muster.db", "muster.db-wal", "synced", " muster.db", "muster.db-journal"];
        let missing: Vec<&str> =
            files.into_iter().filter(|file| !met.keys().any(|what| what.ends_with(file))).collect();
        assert_eq!(missing, Vec::<&str>::new(), "no call of these failed");
    }
}

// Fails if `settle` answers like a success what failed.
#[test]
fn no_failed_call_before_a_power_loss_loses_or_spoils_what_was_acknowledged() {
    assert_each(EIO, End::PowerLoss);
}

// Fails if `Front::close` empties the redo log after a fill that failed.
#[test]
fn no_failed_call_before_or_in_a_stop_loses_or_spoils_what_was_acknowledged() {
    assert_each(EIO, End::Stop);
}

#[test]
fn no_call_without_room_loses_or_spoils_what_was_acknowledged() {
    assert_each(ENOSPC, End::PowerLoss);
}

#[test]
fn no_call_without_room_before_or_in_a_stop_loses_or_spoils_what_was_acknowledged() {
    assert_each(ENOSPC, End::Stop);
}

// Fails if `settings::writer` does not sync the folder: SQLite takes no notice if that fails, and a power loss takes the
// write-ahead log with all that is in it alone.
#[test]
fn a_folder_whose_sync_fails_takes_nothing_with_it() {
    let template = Template::new();
    for call in ["open", "sync"] {
        let only = format!("{call} workspaces/{}", template.workspace.id());
        for call in 1..=2 {
            let at = FailAt { call, only: Some(&only), errno: EIO, end: End::PowerLoss };
            let failed = fail_one(&template, &at);
            assert_eq!(failed, Ok(Some(only.clone())), "{at:?}");
        }
    }
}

// Fails if `RedoLog::append` continues behind a record whose write failed.
#[test]
fn no_write_of_the_redo_log_that_finds_no_room_spoils_what_is_logged_after_it() {
    let template = Template::new();
    for (name, call) in [("redo-0", "write"), ("redo-1", "write"), ("redo-0", "sync"), ("redo-1", "sync")] {
        let only = format!("{call} workspaces/{}/{name}", template.workspace.id());
        let (failed, broken) = fail_each(&template, (1, Some(&only)), (ENOSPC, End::PowerLoss));
        assert_eq!(broken, Vec::<String>::new());
        assert!(failed.get(&only).is_some_and(|calls| *calls > 0), "no {only} failed");
    }
}
