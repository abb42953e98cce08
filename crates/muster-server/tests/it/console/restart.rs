//! Sessions over a restart of the server, on a data directory. That they outlive a process that is killed is proved with
//! the binary (`crates/muster/tests/it/console.rs`).

use super::{Browser, text};
use crate::wire::Answer;
use crate::world::{ADMIN_TOKEN, READ_TOKEN, StepClock, World};
use muster_server::app::{Options, Storage};
use muster_server::clock::Random;
use serde_json::{Value as Json, json};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const HOUR: i64 = 3_600;

/// Bytes that differ each time and in each start.
struct Started(AtomicU64);

impl Random for Started {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let n = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&n.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A data directory on which servers start one after another, with one clock for all.
struct Disk {
    folder: tempfile::TempDir,
    clock: Arc<StepClock>,
    starts: Cell<u64>,
}

impl Disk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: Arc::new(StepClock::started()), starts: Cell::new(1) }
    }

    fn start(&self) -> World {
        self.start_with(|_| {})
    }

    fn start_with(&self, more: impl FnOnce(&mut Options)) -> World {
        self.starts.set(self.starts.get() + 1);
        let options = |options: &mut Options| {
            options.storage = Storage::Directory {
                path: self.folder.path().join("data"),
                accept_loss: false,
                accept_catalogue: false,
                accept_clock: false,
            };
            options.clock = Arc::clone(&self.clock) as _;
            options.random = Arc::new(Started(AtomicU64::new(self.starts.get() << 32)));
            more(options);
        };
        World::with(options, |_| {})
    }
}

/// The same browser, in front of the server of the next start.
fn again<'w>(world: &'w World, cookie: &str) -> Browser<'w> {
    Browser { world, cookie: cookie.to_owned() }
}

fn is_in(answer: &Answer) -> bool {
    answer.status == 200
}

/// What the sign-in page says of the session of a browser.
fn message(browser: &Browser<'_>) -> String {
    super::ended::message(&browser.get("/sign-in"))
}

// Fails when `Sessions::read` leaves out `load`, or `begin` in `console/pages/sign_in.rs` and `close` leave out the write.
#[test]
fn a_browser_stays_signed_in_over_a_restart_and_its_forms_are_taken() {
    let disk = Disk::new();
    let world = disk.start();
    let cookie = Browser::signed_in(&world, ADMIN_TOKEN).cookie;
    world.stop().unwrap();
    let world = disk.start();
    let browser = again(&world, &cookie);
    let sent = browser.post("/workspaces", &[("name", "Shop"), ("id", "SHOP")]);
    assert_eq!((sent.status, sent.header("location")), (303, Some("/workspaces")));
    let page = text(&browser.get("/workspaces"));
    assert!(page.contains("Workspace Shop created.") && page.contains("Signed in as admin"), "{page}");
    let metrics = text(&world.call("GET", "/metrics", &[], b""));
    assert!(metrics.contains("muster_console_sessions 1\n"), "{metrics}");
}

// Fails when `changes` takes no session for due that was used since, or `Session::over` takes the restart for a use.
#[test]
fn the_times_of_a_session_go_on_over_a_restart() {
    let disk = Disk::new();
    let mut world = disk.start();
    let cookie = Browser::signed_in(&world, READ_TOKEN).cookie;
    for _ in 0..15 {
        disk.clock.step(11 * HOUR);
        assert!(is_in(&again(&world, &cookie).get("/workspaces")), "it was used less than twelve hours ago");
        world.stop().unwrap();
        world = disk.start();
    }
    disk.clock.step(3 * HOUR);
    assert_eq!(message(&again(&world, &cookie)), "You were signed out: a session lasts 7 days at most.");
    let idle = Browser::signed_in(&world, READ_TOKEN).cookie;
    world.stop().unwrap();
    disk.clock.step(12 * HOUR);
    let world = disk.start();
    assert_eq!(message(&again(&world, &idle)), "You were signed out after 12 hours without use.");
    assert!(!is_in(&again(&world, &idle).get("/workspaces")));
}

// Fails when `Sessions::read` leaves out `sweep`: then only the visit would tell; or when ends are not written.
#[test]
fn a_session_that_ended_or_lost_its_token_stays_ended_after_a_restart() {
    let disk = Disk::new();
    let world = disk.start();
    let of = |token: &str| Browser::signed_in(&world, token).cookie;
    let made = |name: &str, more: Json| {
        let mut body = json!({"name": name, "scopes": ["read"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.admin("POST", "/tokens", &body).json()["token"].as_str().unwrap().to_owned()
    };
    let out = of(ADMIN_TOKEN);
    assert_eq!(again(&world, &out).post("/sign-out", &[]).status, 303);
    let (revoked, short) = (of(&made("revoked", json!({}))), of(&made("short", json!({"expires_in": 60}))));
    let (replaced, stays) = (of(READ_TOKEN), of(ADMIN_TOKEN));
    assert_eq!(world.admin("DELETE", "/tokens/revoked", &Json::Null).status, 204);
    world.stop().unwrap();
    disk.clock.step(60);
    let world = disk.start_with(|options| options.read_token = Some("another-read-token".to_owned()));
    let metrics = text(&world.call("GET", "/metrics", &[], b""));
    assert!(metrics.contains("muster_console_sessions 1\n"), "{metrics}");
    let ended = [&out, &revoked, &short, &replaced].map(|cookie| is_in(&again(&world, cookie).get("/workspaces")));
    assert_eq!((ended, is_in(&again(&world, &stays).get("/workspaces"))), ([false; 4], true));
    // Those that ended before the start are not known any more; those that it ended are.
    let unknown = "This server does not know your session. It may have ended some time ago, or the server lost it in a \
                   restart.";
    let gone = "You were signed out because your token is no longer valid: it was revoked or replaced, or its workspace was \
                deleted.";
    let over = "You were signed out because your token has expired.";
    let words = [&out, &revoked, &short, &replaced].map(|cookie| message(&again(&world, cookie)));
    assert_eq!(words, [unknown, unknown, over, gone]);
}

// Fails when `begin` or `find` in `console/session.rs` takes the cookie itself for its hash.
#[test]
fn neither_the_cookie_nor_the_token_stands_in_the_data_directory() {
    let disk = Disk::new();
    let world = disk.start();
    let browser = Browser::signed_in(&world, ADMIN_TOKEN);
    let secret = browser.cookie.split_once('=').unwrap().1;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(disk.folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        files.extend(path.is_file().then(|| std::fs::read(&path).unwrap()));
    }
    let holds = |text: &str| files.iter().any(|file| file.windows(text.len()).any(|part| part == text.as_bytes()));
    // Of a cookie that was cut to the length of a hash the beginning would stand there.
    assert_eq!([holds("session.begun"), holds(&secret[..32]), holds(ADMIN_TOKEN)], [true, false, false]);
}
