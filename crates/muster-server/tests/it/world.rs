//! A server in this process on a free port, a clock that only moves when it is stepped, and workspaces on it.

use crate::wire::{Answer, Connection};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use muster_core::time::{Clock, Moment, Timestamp};
use muster_server::app::{App, Options, Storage};
use muster_server::clock::Random;
use muster_server::serve::{ServeOptions, serve};
use serde_json::{Value as Json, json};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;

pub(crate) const ADMIN_TOKEN: &str = "the-admin-token-of-the-tests";
pub(crate) const READ_TOKEN: &str = "the-read-token-of-the-tests";
/// 2026-01-05T00:00:00Z.
const START: i64 = 1_767_571_200_000;

/// A clock that a test moves.
pub(crate) struct StepClock(AtomicI64);

impl StepClock {
    pub(crate) fn started() -> Self {
        Self(AtomicI64::new(START))
    }

    pub(crate) fn step(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for StepClock {
    fn now(&self) -> Moment {
        let at = self.0.load(Ordering::SeqCst);
        Moment { at: Timestamp(at), micros: u64::try_from(at - START).unwrap() * 1_000 }
    }
}

/// Bytes that differ each time and are the same in each run.
struct Counted(AtomicU64);

impl Random for Counted {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let n = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&n.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A running server.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<StepClock>,
    pub(crate) app: Arc<App>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
    runtime: tokio::runtime::Handle,
}

/// While it lives, work that may block waits: the one thread for it is taken. Of a world of [`World::with_one_thread`].
pub(crate) struct Gate {
    _open: std::sync::mpsc::Sender<()>,
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with(|_| {}, |_| {})
    }

    /// A server with other options.
    pub(crate) fn with(options: impl FnOnce(&mut Options), listening: impl FnOnce(&mut ServeOptions)) -> Self {
        Self::on(options, listening, 16)
    }

    /// A server with one thread for work that may block, so that [`World::gate`] holds all of it.
    pub(crate) fn with_one_thread(options: impl FnOnce(&mut Options)) -> Self {
        Self::on(options, |_| {}, 1)
    }

    fn on(options: impl FnOnce(&mut Options), listening: impl FnOnce(&mut ServeOptions), blocking: usize) -> Self {
        let clock = Arc::new(StepClock::started());
        let random = Arc::new(Counted(AtomicU64::new(1)));
        let mut chosen = Options::new(Storage::Memory, Arc::clone(&clock) as _, random, ADMIN_TOKEN.to_owned());
        chosen.read_token = Some(READ_TOKEN.to_owned());
        options(&mut chosen);
        let app = App::open(chosen).unwrap();
        let mut place = ServeOptions::on(TcpListener::bind("127.0.0.1:0").unwrap());
        listening(&mut place);
        let address = place.listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let shared = Arc::clone(&app);
        let (told, handle) = std::sync::mpsc::channel();
        let served = std::thread::spawn(move || {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            let runtime = builder.worker_threads(2).max_blocking_threads(blocking).enable_all().build().unwrap();
            told.send(runtime.handle().clone()).unwrap();
            runtime.block_on(serve(app, place, async {
                // A sender that was dropped stops it, too.
                let _gone = stopped.await;
            }))
        });
        Self { address, clock, app: shared, stop: Some(stop), served, runtime: handle.recv().unwrap() }
    }

    /// Takes the one thread for work that may block.
    pub(crate) fn gate(&self) -> Gate {
        let (taken, is_taken) = std::sync::mpsc::channel();
        let (open, opened) = std::sync::mpsc::channel();
        self.runtime.spawn_blocking(move || {
            taken.send(()).unwrap();
            // Ends when the gate is dropped.
            let _gone: Result<(), _> = opened.recv();
        });
        is_taken.recv().unwrap();
        Gate { _open: open }
    }

    /// Stops it; how serving ended.
    pub(crate) fn stop(mut self) -> std::io::Result<()> {
        self.stop.take().unwrap().send(()).unwrap();
        self.served.join().expect("it does not panic")
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// One call on a connection of its own.
    pub(crate) fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.connect().call(method, target, headers, body)
    }

    /// A management call with the admin token.
    pub(crate) fn admin(&self, method: &str, path: &str, body: &Json) -> Answer {
        let token = format!("Bearer {ADMIN_TOKEN}");
        let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.call(method, &format!("/api/v1{path}"), &headers, &bytes)
    }

    /// A GET with the read token.
    pub(crate) fn reader(&self, path: &str) -> Answer {
        self.call("GET", path, &[("Authorization", &format!("Bearer {READ_TOKEN}"))], b"")
    }

    /// A management call with the admin token, sent on a connection that is not read.
    pub(crate) fn admin_sent(&self, method: &str, path: &str, body: &Json) -> Connection {
        let mut connection = self.connect();
        let bytes = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: muster.test\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n\
             Content-Length: {}\r\n\r\n{bytes}",
            bytes.len()
        );
        connection.send(head.as_bytes());
        connection
    }

    /// A workspace with these settings.
    pub(crate) fn workspace(&self, settings: &Json) -> Workspace<'_> {
        let made = self.admin("POST", "/workspaces", &json!({"name": "Test"}));
        assert_eq!(made.status, 201);
        let made = made.json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let workspace = Workspace { world: self, id: text("id"), key: text("data_api_key") };
        if !settings.is_null() {
            assert_eq!(workspace.admin("PATCH", "", settings).status, 200);
        }
        workspace
    }
}

/// A workspace seen from both sides.
pub(crate) struct Workspace<'a> {
    pub(crate) world: &'a World,
    pub(crate) id: String,
    pub(crate) key: String,
}

pub(crate) fn basic(user: &str, key: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{key}")))
}

impl Workspace<'_> {
    pub(crate) fn basic(&self) -> String {
        basic(&self.id, &self.key)
    }

    pub(crate) fn admin(&self, method: &str, path: &str, body: &Json) -> Answer {
        self.world.admin(method, &format!("/workspaces/{}{path}", self.id), body)
    }

    /// One Data API call with a body as it is.
    pub(crate) fn post(&self, call: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let basic = self.basic();
        let mut all = vec![("Content-Type", "application/json"), ("Authorization", basic.as_str())];
        all.extend_from_slice(headers);
        let (path, query) = call.split_once('?').unwrap_or((call, ""));
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        self.world.call("POST", &format!("/v1/{path}/{}{query}", self.id), &all, body)
    }

    /// A bulk import.
    pub(crate) fn import(&self, headers: &[(&str, &str)], elements: &Json) -> Answer {
        let body = json!({"type": "transition", "elements": elements}).to_string();
        self.post("transition", headers, body.as_bytes())
    }

    /// The results of an import.
    pub(crate) fn results(&self, elements: &Json) -> Vec<Json> {
        let answer = self.import(&[("Prefer", "return=representation")], elements);
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["results"].as_array().unwrap().clone()
    }

    pub(crate) fn stats(&self) -> Json {
        self.admin("GET", "/stats", &Json::Null).json()
    }

    /// Users, events and devices.
    pub(crate) fn counts(&self) -> [u64; 3] {
        let stats = self.stats();
        ["users", "events", "devices"].map(|name| stats[name].as_u64().unwrap())
    }

    /// Returns the user that an identifier resolves to.
    pub(crate) fn find(&self, kind: &str, value: &str) -> Option<Json> {
        let answer = self.admin("POST", "/users/find", &json!({"kind": kind, "value": value}));
        (answer.status == 200).then(|| answer.json())
    }
}

pub(crate) fn customer(id: &str) -> Json {
    json!({"type": "customer", "customer_id": id, "attributes": {"tier": "gold"}})
}

/// Waits until something is so; whether it is in the end. The bound is for a test that fails: no time is asserted.
pub(crate) fn comes_true(mut is_so: impl FnMut() -> bool) -> bool {
    for _ in 0..200 {
        if is_so() {
            return true;
        }
        pause();
    }
    false
}

/// Gives the server time to see what happened on a connection. If it is too short a test proves less; none fails.
#[expect(clippy::disallowed_methods, reason = "the thread is the test's own")]
pub(crate) fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(25));
}
