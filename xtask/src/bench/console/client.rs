//! Owns a browser of a few lines (a kept-alive connection with a session) and the data that is stored before anything is
//! measured: users with three identifiers and three events each, a tree of a thousand, a chain, merges, reviews and rejected
//! elements.

use super::super::server::{ADMIN, BenchServer, BenchWorkspace};
use super::super::window::check_interrupted;
use anyhow::{Context, Result, bail};
use serde_json::{Value as Json, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Range;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Users of one body of the preload.
const USERS_PER_BODY: u64 = 100;
/// Connections of the preload.
const LOADERS: usize = 8;
/// Members of the largest tree, the most that there may be.
const TREE: u64 = 1_000;
/// Members of a tree in which each is below the next.
const CHAIN: u64 = 300;
/// Merges of pairs.
const MERGES: u64 = 10_000;
/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
pub(super) struct ConsoleAnswer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    cookie: String,
}

/// A connection of a browser that is signed in.
pub(super) struct ConsoleClient {
    stream: BufReader<TcpStream>,
    pub(super) cookie: String,
}

impl ConsoleClient {
    /// A connection without a session.
    pub(super) fn connect(server: &BenchServer) -> Result<Self> {
        let stream = TcpStream::connect(server.addr).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), cookie: String::new() })
    }

    /// Signs in with the admin token.
    pub(super) fn signed_in(server: &BenchServer) -> Result<Self> {
        let mut client = Self::connect(server)?;
        let answer = client.post("/sign-in", &format!("token={ADMIN}"))?;
        if answer.cookie.is_empty() {
            bail!("signing in is answered {}", answer.status);
        }
        client.cookie = answer.cookie;
        Ok(client)
    }

    pub(super) fn get(&mut self, path: &str, more: &str) -> Result<ConsoleAnswer> {
        let cookie = &self.cookie;
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: bench\r\nCookie: {cookie}\r\n{more}\r\n"))
    }

    pub(super) fn post(&mut self, path: &str, form: &str) -> Result<ConsoleAnswer> {
        let (cookie, length) = (&self.cookie, form.len());
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: bench\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n");
        self.send(&format!(
            "{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        ))
    }

    /// Sends a whole request; its answer.
    pub(super) fn send(&mut self, request: &str) -> Result<ConsoleAnswer> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).context("an answer without a status")?;
        let (mut length, mut cookie) = (0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse()?,
                "set-cookie" => cookie = value.trim().split(';').next().unwrap_or_default().to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(ConsoleAnswer { status, body, cookie })
    }
}

/// The customer id of a user.
pub(super) fn customer(n: u64) -> String {
    format!("customer-{n:08}")
}

/// The element that makes a user.
fn user(n: u64) -> Json {
    let attributes = json!({
        "email": email(n), "mobile": mobile(n), "first_name": "Katharina",
        "city": "Regensburg", "tier": "gold", "points": n % 10_000, "referral": format!("code-{}", n / 2),
    });
    json!({"type": "customer", "customer_id": customer(n), "attributes": attributes})
}

/// The element with three events of a user.
pub(super) fn events(n: u64) -> Json {
    let actions =
        ["opened", "viewed", "ordered"].map(|action| json!({"action": action, "attributes": {"sku": n % 997}}));
    json!({"type": "event", "customer_id": customer(n), "actions": actions})
}

/// A whole import.
pub(super) fn import(head: &str, elements: &[Json]) -> String {
    let body = json!({"type": "transition", "elements": elements}).to_string();
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Stores the users with three events each, then what the other pages show.
pub(super) fn preload(server: &BenchServer, workspace: &BenchWorkspace, users: u64) -> Result<()> {
    let head = server.target(workspace).head;
    let next = AtomicU64::new(0);
    let load = || -> Result<()> {
        let mut client = ConsoleClient::connect(server)?;
        loop {
            check_interrupted()?;
            let from = next.fetch_add(USERS_PER_BODY, Ordering::Relaxed);
            if from >= users {
                return Ok(());
            }
            let of = from..(from + USERS_PER_BODY).min(users);
            let elements: Vec<Json> = of.clone().map(user).chain(of.map(events)).collect();
            let answer = client.send(&import(&head, &elements))?;
            if answer.status != 200 {
                bail!("an import is answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
            }
        }
    };
    std::thread::scope(|scope| {
        let loaders: Vec<_> = (0..LOADERS).map(|_| scope.spawn(load)).collect();
        loaders.into_iter().try_for_each(|loader| loader.join().expect("a loader does not panic"))
    })?;
    let mut client = ConsoleClient::connect(server)?;
    let mut sent = |elements: &[Json]| -> Result<()> {
        let status = client.send(&import(&head, elements))?.status;
        if status == 200 { Ok(()) } else { bail!("an import is answered {status}") }
    };
    let resolve = |kinds: Json| {
        let path = format!("/workspaces/{}/identity", workspace.id);
        server.manage("PUT", &path, &json!({"enabled": true, "identifiers": kinds}))
    };
    let kinds = |pinned: bool| {
        let wide = ["mobile", "email"].map(|kind| json!({"kind": kind, "max_profiles": 1_000}));
        let first = json!({"kind": "customer_id", "pinned": pinned, "max_profiles": 1_000});
        Json::from([vec![first], wide.to_vec()].concat())
    };
    resolve(kinds(false))?;
    for from in (0..TREE - 1).step_by(100) {
        sent(&tree(from..(from + 100).min(TREE - 1)))?;
    }
    for n in 2_000..2_000 + CHAIN - 1 {
        // Seen last, it survives: the tree so far goes below it.
        sent(&[events(n + 1)])?;
        sent(&[link(n)])?;
    }
    // Pairs, as many as a filtered page looks at; of a small store fewer.
    for from in (4_000..users.min(4_000 + 2 * MERGES) - 120).step_by(120) {
        sent(&joins(from))?;
    }
    sent(&rejected_elements())?;
    resolve(kinds(true))?;
    sent(&conflicts(3_000))
}

/// An element that joins a user and the next one.
fn link(n: u64) -> Json {
    let keys = json!({"email": email(n), "mobile": mobile(n + 1)});
    json!({"type": "customer", "attributes": keys})
}

/// Elements that join users one by one to the first.
fn tree(of: Range<u64>) -> Vec<Json> {
    of.map(|n| json!({"type": "customer", "attributes": {"email": email(0), "mobile": mobile(n + 1)}})).collect()
}

fn email(n: u64) -> String {
    format!("user.{n:08}@mail.example")
}

fn mobile(n: u64) -> String {
    format!("+49{n:010}")
}

/// Elements that join pairs of users.
fn joins(from: u64) -> Vec<Json> {
    let pair = |n: u64| json!({"type": "customer", "attributes": {"email": email(n), "mobile": mobile(n + 1)}});
    (0..60).map(|n| pair(from + 2 * n)).collect()
}

/// Elements that go into quarantine.
fn rejected_elements() -> Vec<Json> {
    (0..60).map(|n| json!({"type": "device", "customer_id": format!("nobody-{n}"), "attributes": {"platform": "iOS", "push_id": "x"}})).collect()
}

/// Elements with identifiers of two users that a pinned kind keeps apart: reviews.
fn conflicts(from: u64) -> Vec<Json> {
    (0..60).map(|n| json!({"type": "customer", "customer_id": customer(from + 2 * n), "attributes": {"email": email(from + 2 * n + 1)}})).collect()
}

/// Compresses a string with gzip.
pub(super) fn gzip_len(bytes: &[u8]) -> Result<usize> {
    let mut command = Command::new("gzip");
    let mut child =
        command.args(["-9", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("gzip does not run")?;
    let mut input = child.stdin.take().expect("it was asked for as a pipe");
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let out = child.wait_with_output()?;
    writer.join().expect("the writer does not panic")?;
    Ok(out.stdout.len())
}
