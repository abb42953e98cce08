//! Owns the measured HTTP servers as processes: starting (with the time to the ready line), stopping, killing, and the
//! few management calls that set a Muster workspace up. Every process ends when its handle is dropped.

use super::launch::Launch;
use super::load::ClientTarget;
use super::proc::{self, Usage};
use super::window::check_interrupted;
use crate::bodies::World;
use anyhow::{Context, Result, bail};
use base64::Engine as _;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// The longest wait for the ready line and for the end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(60);
/// The admin token of the measured servers; they listen on loopback only and live for minutes.
pub(crate) const ADMIN: &str = "benchmark-admin-token-0123456789abcdef";

/// A running server process.
#[derive(Debug)]
pub(crate) struct BenchServer {
    child: Child,
    pub(crate) addr: SocketAddr,
    /// The start of the process.
    pub(crate) began: Instant,
    /// From the start of the process to its ready line.
    pub(crate) ready: Duration,
}

impl BenchServer {
    /// Starts `muster serve` on `data` (made if absent) and a free loopback port, and waits until it is ready.
    pub(crate) fn muster(binary: &Path, data: &Path) -> Result<Self> {
        Self::start(binary, data, &Launch::default())
    }

    /// The same with chosen cores or environment.
    pub(crate) fn start(binary: &Path, data: &Path, launch: &Launch) -> Result<Self> {
        let log = data.with_extension("stderr");
        let mut command = launch.command(binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
        command.env("MUSTER_ADMIN_TOKEN", ADMIN).stdin(Stdio::null());
        Self::spawn(command, &log)
    }

    /// The same under what a shell does before it becomes the server: a control group, limits of the process.
    pub(crate) fn start_confined(binary: &Path, data: &Path, before: &str) -> Result<Self> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{before}\nexec \"$0\" \"$@\"")).arg(binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
        command.env("MUSTER_ADMIN_TOKEN", ADMIN).stdin(Stdio::null());
        Self::spawn(command, &data.with_extension("stderr"))
    }

    /// Starts the no-op server of the same HTTP stack; it is this program under another subcommand.
    pub(crate) fn noop(scratch: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("the path of this program is not known")?);
        // It ends when this pipe closes, also if the benchmark is killed.
        command.args(["bench", "serve-noop"]).stdin(Stdio::piped());
        Self::spawn(command, &scratch.join("noop.stderr"))
    }

    fn spawn(mut command: Command, log: &Path) -> Result<Self> {
        let stderr = OpenOptions::new().create(true).append(true).open(log)?;
        command.stdout(Stdio::piped()).stderr(stderr);
        let began = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let stdout = child.stdout.take().expect("standard output was asked for as a pipe");
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens once the server is ready; the pipe is still drained.
                let _ = send.send(line);
            }
        });
        let mut server = Self { child, addr: SocketAddr::from(([127, 0, 0, 1], 0)), began, ready: Duration::ZERO };
        while began.elapsed() < PATIENCE {
            check_interrupted()?;
            match lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => {
                    if let Some((_, place)) = line.split_once("ready on http://") {
                        server.ready = began.elapsed();
                        server.addr = place.trim().parse().with_context(|| format!("no address in {line:?}"))?;
                        return Ok(server);
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => (),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        bail!("the server printed no ready line; its standard error ends with:\n{}", tail(log))
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the process has used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        proc::usage(self.pid())
    }

    /// How the process ended, if it did by itself.
    pub(crate) fn end_reason(&mut self) -> Result<Option<String>> {
        Ok(self.child.try_wait()?.map(|status| status.to_string()))
    }

    /// SIGTERM, then waits for exit code 0.
    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        signal(self.pid(), "TERM")?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                if !status.success() {
                    bail!("the server ended with {status} after SIGTERM instead of exit code 0");
                }
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the server did not end within {} s of SIGTERM", PATIENCE.as_secs())
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Makes a workspace without limits and with identity resolution by customer id, mobile and email.
    pub(crate) fn workspace(&self, id: &str, world: World) -> Result<BenchWorkspace> {
        let made = BenchWorkspace { world: Arc::new(world), ..self.plain_workspace(id, 0)? };
        let kinds = json!([{"kind": "customer_id"}, {"kind": "mobile"}, {"kind": "email"}]);
        self.manage("PUT", &format!("/workspaces/{id}/identity"), &json!({"enabled": true, "identifiers": kinds}))?;
        Ok(made)
    }

    /// Makes a workspace without limits of rate, where the customer id alone identifies.
    pub(crate) fn plain_workspace(&self, id: &str, users: u64) -> Result<BenchWorkspace> {
        let made = self.manage("POST", "/workspaces", &json!({"name": id, "id": id}))?;
        let key = made["data_api_key"].as_str().context("the new workspace's answer has no data_api_key")?;
        let limits = json!({"users_per_minute": 0, "events_per_minute": 0, "devices_per_minute": 0});
        self.manage("PATCH", &format!("/workspaces/{id}"), &json!({"limits": limits}))?;
        Ok(BenchWorkspace { id: id.to_owned(), key: key.to_owned(), world: Arc::new(World::new(users)) })
    }

    /// `(users, events)` that the server counts in a workspace.
    pub(crate) fn counts(&self, id: &str) -> Result<(u64, u64)> {
        let stats = self.manage("GET", &format!("/workspaces/{id}/stats"), &Value::Null)?;
        let count = |name: &str| stats[name].as_u64().with_context(|| format!("the statistics have no {name}"));
        Ok((count("users")?, count("events")?))
    }

    /// A call of the management API; what it answers.
    pub(crate) fn manage(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {ADMIN}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.addr,
            body.len()
        );
        let mut stream = TcpStream::connect(self.addr)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
        if !head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')) {
            bail!("{method} /api/v1{path} was answered:\n{answer}");
        }
        serde_json::from_str(body)
            .with_context(|| format!("{method} /api/v1{path} was answered without JSON:\n{answer}"))
    }

    /// The clients' view of `workspace` on this server.
    pub(crate) fn target(&self, workspace: &BenchWorkspace) -> ClientTarget {
        let pair = format!("{}:{}", workspace.id, workspace.key);
        let head = format!(
            "POST /v1/transition/{} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {}\r\nContent-Type: application/json\r\n",
            workspace.id,
            self.addr,
            base64::engine::general_purpose::STANDARD.encode(pair),
        );
        ClientTarget { addr: self.addr, head: head.into(), world: Arc::clone(&workspace.world) }
    }
}

impl Drop for BenchServer {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A workspace of the benchmark; outlives the server process that made it.
#[derive(Clone, Debug)]
pub(crate) struct BenchWorkspace {
    pub(crate) id: String,
    key: String,
    pub(crate) world: Arc<World>,
}

impl BenchWorkspace {
    /// A workspace as the no-op server takes it: any.
    pub(crate) fn anything(users: u64) -> Self {
        Self { id: "any".to_owned(), key: "any".to_owned(), world: Arc::new(World::new(users)) }
    }

    /// Returns the workspace in a copy of its data.
    pub(crate) fn copy(&self) -> Self {
        Self { world: Arc::new(self.world.copy()), ..self.clone() }
    }
}

/// Sends a signal by name; the shell's own `kill`, because the standard library has none.
pub(crate) fn signal(pid: u32, name: &str) -> Result<()> {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status()?;
    if !status.success() {
        bail!("kill -{name} {pid} failed");
    }
    Ok(())
}

/// The end of a log file, for an error message.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

/// The path of the release binary of `muster`, built first; `given` is taken as it is.
pub(crate) fn binary(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = given {
        return path.canonicalize().with_context(|| format!("no binary at {}", path.display()));
    }
    super::build::build("muster")
}
