//! A server in this process on a free port, a clock that stands still until it is stepped, and workspaces on it.

use crate::wire::{Answer, Connection};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use muster_core::time::{Clock, Moment, Timestamp};
use muster_server::app::{App, Options, Storage};
use muster_server::clock::Random;
use muster_server::serve::{Listening, serve};
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
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with(|_| {}, |_| {})
    }

    /// A server with other options.
    pub(crate) fn with(options: impl FnOnce(&mut Options), listening: impl FnOnce(&mut Listening)) -> Self {
        let clock = Arc::new(StepClock(AtomicI64::new(START)));
        let random = Arc::new(Counted(AtomicU64::new(1)));
        let mut chosen = Options::new(Storage::Memory, Arc::clone(&clock) as _, random, ADMIN_TOKEN.to_owned());
        chosen.read_token = Some(READ_TOKEN.to_owned());
        options(&mut chosen);
        let app = App::open(chosen).unwrap();
        let mut place = Listening::on(TcpListener::bind("127.0.0.1:0").unwrap());
        listening(&mut place);
        let address = place.listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let shared = Arc::clone(&app);
        let served = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(serve(app, place, async {
                // A sender that was dropped stops it, too.
                let _gone = stopped.await;
            }))
        });
        Self { address, clock, app: shared, stop: Some(stop), served }
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

    /// Whom a customer id finds.
    pub(crate) fn find(&self, kind: &str, value: &str) -> Option<Json> {
        let answer = self.admin("POST", "/users/find", &json!({"kind": kind, "value": value}));
        (answer.status == 200).then(|| answer.json())
    }
}

pub(crate) fn customer(id: &str) -> Json {
    json!({"type": "customer", "customer_id": id, "attributes": {"tier": "gold"}})
}
