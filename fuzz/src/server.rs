//! A server in memory without a socket: requests go to the router of the real server, so that no function has to be public
//! for a fuzz target. It has the workspace of `--dev`.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use muster_core::time::{Clock, Moment, Timestamp};
use muster_server::app::{App, Options, Storage};
use muster_server::clock::SystemRandom;
use muster_server::{dev, router};
use serde_json::Value as Json;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

/// Requests after which a new server is made: each may leave something in its memory.
const REQUESTS_MAX: u32 = 2_000;
/// The key of its workspace, with the workspace's id, as Basic authentication has them; the padding may be left out.
pub(super) const CREDENTIALS: &str = "REVNTzpkZW1vLWtleQ";
/// Its token.
pub(super) const TOKEN: &str = "the-admin-token-of-a-fuzz-target";

/// How far the clock advances each time it is read, in milliseconds: beyond the window in which wrong keys count, so
/// that no answer is delayed.
const STEP_MS: i64 = 61_000;

struct Steps(AtomicI64);

impl Clock for Steps {
    fn now(&self) -> Moment {
        let at = self.0.fetch_add(STEP_MS, Ordering::Relaxed);
        Moment { at: Timestamp(at), micros: at.unsigned_abs() * 1_000 }
    }
}

/// The server of one target. Statics are never dropped, so its runtime does not end while a thread uses it.
pub(super) struct FuzzWorkspace(Mutex<Option<Server>>);

struct Server {
    runtime: Runtime,
    router: Router,
    /// What the preparation of the target returned.
    kept: String,
    left: u32,
}

/// One request.
pub(super) struct Asked<'r> {
    pub(super) method: &'r str,
    pub(super) path: &'r str,
    pub(super) headers: Vec<(&'r [u8], &'r [u8])>,
    pub(super) body: &'r str,
}

/// What was answered.
pub(super) struct FuzzAnswer {
    pub(super) status: u16,
    /// Bytes of its body.
    pub(super) bytes: usize,
    /// Null if it is not JSON.
    pub(super) json: Json,
}

/// Sends a request to a server; None if HTTP cannot carry the request.
pub(super) type Ask<'s> = &'s dyn Fn(&Asked<'_>) -> Option<FuzzAnswer>;

/// A header of text.
pub(super) fn header<'h>(name: &'h str, value: &'h str) -> (&'h [u8], &'h [u8]) {
    (name.as_bytes(), value.as_bytes())
}

impl FuzzWorkspace {
    pub(super) const fn empty() -> Self {
        Self(Mutex::new(None))
    }

    /// Runs some requests on a server that is there and prepared.
    pub(super) fn with<T>(&self, prepare: fn(Ask<'_>) -> String, requests: impl FnOnce(Ask<'_>, &str) -> T) -> T {
        // An input that failed leaves a server that can be used, or none.
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut server = place.take().filter(|server| server.left > 0).unwrap_or_else(|| Server::new(prepare));
        server.left -= 1;
        let done = requests(&|asked| server.ask(asked), &server.kept);
        *place = Some(server);
        done
    }
}

impl Server {
    fn new(prepare: fn(Ask<'_>) -> String) -> Self {
        let clock = Arc::new(Steps(AtomicI64::new(1_767_571_200_000)));
        let options = Options::new(Storage::Memory, clock, Arc::new(SystemRandom), TOKEN.to_owned());
        let app = App::open(options).expect("a server in memory starts");
        dev::prepare(&app, dev::KEY, false).expect("a server in memory takes a workspace");
        let runtime = Builder::new_current_thread().enable_all().build().expect("there are threads");
        let mut server = Self { runtime, router: router::router(app), kept: String::new(), left: REQUESTS_MAX };
        server.kept = prepare(&|asked| server.ask(asked));
        server
    }

    fn ask(&self, asked: &Asked<'_>) -> Option<FuzzAnswer> {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4_711));
        let mut request = Request::builder().method(asked.method).uri(asked.path).extension(ConnectInfo(peer));
        request = request.header("host", "localhost");
        for (name, value) in &asked.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(asked.body.to_owned())).ok()?;
        self.runtime.block_on(async {
            let answer = self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
            let status = answer.status().as_u16();
            let bytes = to_bytes(answer.into_body(), usize::MAX).await.expect("an answer of a handler is whole");
            Some(FuzzAnswer { status, bytes: bytes.len(), json: serde_json::from_slice(&bytes).unwrap_or_default() })
        })
    }
}
