//! Starts, stops and kills the real binary, and makes workspaces on it. Knows the command line and the management calls.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Answer, Connection, Cut};

const ADMIN_TOKEN: &str = "black-box-admin-token-0123456789";
/// How long a start may take, recovery of the last kill included.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a graceful stop may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a line of the log is waited for.
const LOG_TIMEOUT: Duration = Duration::from_secs(10);

/// How to start `muster` on one data directory; can be used repeatedly.
#[derive(Clone)]
pub(crate) struct Launch {
    program: PathBuf,
    data_dir: PathBuf,
    env: Vec<(OsString, OsString)>,
}

impl Launch {
    pub(crate) fn new(data_dir: &Path) -> Launch {
        Launch { program: env!("CARGO_BIN_EXE_muster").into(), data_dir: data_dir.to_owned(), env: Vec::new() }
    }

    /// The folder of a workspace.
    pub(crate) fn folder(&self, workspace: &Workspace) -> PathBuf {
        self.data_dir.join("workspaces").join(workspace.id())
    }

    /// Whether acknowledged groups of a workspace are in the redo log alone. Asks a copy of the stopped data directory.
    pub(crate) fn lives_by_the_redo_log(&self, workspace: &Workspace) -> bool {
        let copy = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        copy_files(&self.data_dir, copy.path());
        let copy = Launch::new(copy.path()).program(self.program.clone());
        let folder = copy.folder(workspace);
        for name in ["redo-0", "redo-1"] {
            std::fs::remove_file(folder.join(name)).unwrap();
        }
        copy.verify().is_err_and(|said| said.contains("lost its end"))
    }

    /// Another build of the binary.
    pub(crate) fn program(self, program: PathBuf) -> Launch {
        Launch { program, ..self }
    }

    pub(crate) fn env(self, env: Vec<(OsString, OsString)>) -> Launch {
        Launch { env, ..self }
    }

    /// A subcommand with these arguments, on the data directory; with the admin token unless it is taken out.
    pub(crate) fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MUSTER_") {
                command.env_remove(name);
            }
        }
        // The tests may run as a service of systemd.
        command.env_remove("NOTIFY_SOCKET").env_remove("INVOCATION_ID");
        command.arg(subcommand).stdin(Stdio::null());
        command
            .env("MUSTER_DATA_DIR", &self.data_dir)
            .env("MUSTER_ADMIN_TOKEN", ADMIN_TOKEN)
            .envs(self.env.iter().cloned());
        command
    }

    /// Where the server's log goes.
    fn log(&self) -> PathBuf {
        self.data_dir.with_extension("stderr")
    }

    /// Starts `serve` with more arguments, without the token of the other tests, and reads what it says until it is ready and
    /// has said so much of what comes after; None if it ends first.
    pub(crate) fn start_with(&self, arguments: &[&str], lines_after: usize) -> Option<(Server, String)> {
        let mut command = self.command("serve");
        command.env_remove("MUSTER_ADMIN_TOKEN").args(arguments).stdout(Stdio::piped());
        command.stderr(File::options().create(true).append(true).open(self.log()).unwrap());
        let mut child = command.spawn().unwrap();
        let (mut said, mut address, mut left) = (String::new(), None, lines_after);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        while address.is_none() || left > 0 {
            let Some(line) = lines.next() else { break };
            if let Some((_, url)) = line.split_once("muster ready on ") {
                let (_, at) = url.rsplit_once('/').unwrap();
                address = Some(at.replace("0.0.0.0", "127.0.0.1").parse().unwrap());
            } else if address.is_some() {
                left -= 1;
            }
            said += &line;
            said.push('\n');
        }
        // Reads on, so that the server never writes into a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let Some(address) = address else {
            child.wait().unwrap();
            return None;
        };
        Some((Server { child, address }, said))
    }

    /// What the server wrote to standard error so far.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Whether it writes this there: a running server writes its log some milliseconds behind.
    pub(crate) fn logs(&self, text: &str) -> bool {
        let begun = Instant::now();
        while !self.logged().contains(text) {
            if begun.elapsed() > LOG_TIMEOUT {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Starts the server and waits for its ready line. The error carries the end of its log.
    pub(crate) fn try_start(&self) -> Result<Server, String> {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut child = self
            .command("serve")
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{} does not run: {error}", self.program.display()))?;
        if let Some(address) = ready(&mut child) {
            return Ok(Server { child, address });
        }
        let _ = child.kill();
        let status = child.wait().unwrap();
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        Err(format!("the server did not get ready ({status}): {}", lines[lines.len().saturating_sub(5)..].join("\n")))
    }

    pub(crate) fn start(&self) -> Server {
        self.try_start().unwrap()
    }

    /// Starts a server with another standard error; a pipe there can be taken from [`Server::stderr`].
    pub(crate) fn start_logging_to(&self, stderr: impl Into<Stdio>) -> Server {
        let mut command = self.command("serve");
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(stderr);
        Server::spawn(command)
    }

    /// Starts a server whose standard error is closed.
    pub(crate) fn start_without_stderr(&self) -> Server {
        self.start_in_shell("exec \"$0\" serve --listen 127.0.0.1:0 2>&-")
    }

    /// Starts a server that may have at most this many descriptors.
    pub(crate) fn start_with_descriptors(&self, most: u32) -> Server {
        self.start_in_shell(&format!("ulimit -n {most} && exec \"$0\" serve --listen 127.0.0.1:0 2>/dev/null"))
    }

    /// Starts a server through a script, which finds the program in `$0`.
    fn start_in_shell(&self, script: &str) -> Server {
        let serve = self.command("serve");
        let mut command = Command::new("sh");
        for (name, value) in serve.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.args(["-c", script]).arg(&self.program).stdin(Stdio::null()).stdout(Stdio::piped());
        Server::spawn(command)
    }

    /// Runs `muster verify` on the stopped data directory; the error carries what it said.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let Output { status, stdout, stderr } = self.command("verify").output().unwrap();
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        Err(format!("muster verify ({status}): {said}"))
    }
}

/// Copies all files but those that SQLite shares between processes.
pub(crate) fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_files(&from, &to);
        } else if from.extension().is_none_or(|ending| ending != "db-shm") {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// A running `muster serve`; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// The address in the ready line of a server, which must be printed in time.
fn ready(child: &mut Child) -> Option<SocketAddr> {
    let lines = BufReader::new(child.stdout.take().expect("standard output is piped")).lines();
    let (found, ready) = mpsc::channel();
    // Reads on after the ready line, so that the server never blocks on a full pipe.
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("muster ready on http://") {
                let _ = found.send(address.split_whitespace().next().unwrap_or("").parse().unwrap());
            }
        }
    });
    ready.recv_timeout(START_TIMEOUT).ok()
}

impl Server {
    /// Runs a command that must become a server.
    fn spawn(mut command: Command) -> Server {
        let mut child = command.spawn().unwrap();
        let address = ready(&mut child).expect("the server gets ready");
        Server { child, address }
    }

    /// The reading end of its standard error, if that is a pipe.
    pub(crate) fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address).unwrap()
    }

    /// The status of a plain GET, such as of `/readyz`.
    pub(crate) fn get(&self, target: &str) -> Answer {
        self.connect().call("GET", target, &[], b"").unwrap()
    }

    /// A GET with the admin token.
    pub(crate) fn get_as_admin(&self, target: &str) -> Answer {
        let token = format!("Bearer {ADMIN_TOKEN}");
        self.connect().call("GET", target, &[("Authorization", &token)], b"").unwrap()
    }

    /// Asks for a new workspace.
    pub(crate) fn create_workspace(&self, name: &str) -> Answer {
        admin(&mut self.connect(), "POST", "", Some(&json!({"name": name}))).unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; the exit code, `None` if it did not end in time or by a signal.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: the standard library sends only SIGKILL.
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.child.id())).status().unwrap();
        assert!(sent.success(), "SIG{name} could not be sent");
    }

    /// Waits for it to end by itself; the exit code, `None` if it did not end in time or by a signal.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended is as good as killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A workspace seen from both sides: the Data API with its key, the management API with the admin token.
#[derive(Clone)]
pub(crate) struct Workspace {
    id: String,
    credentials: String,
}

impl Workspace {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Makes a workspace without rate limits, with identity resolution over `customer_id`, `email` and `mobile`.
    pub(crate) fn create(server: &Server) -> Workspace {
        let workspace = Workspace::create_plain(server);
        let kinds = json!([{"kind": "customer_id"}, {"kind": "email"}, {"kind": "mobile"}]);
        let identity = json!({"enabled": true, "identifiers": kinds});
        workspace.set(&mut server.connect(), ("PUT", "/identity"), &identity);
        workspace
    }

    /// Makes a workspace without rate limits and without identity resolution; bodies may have 1 MiB.
    pub(crate) fn create_plain(server: &Server) -> Workspace {
        let mut connection = server.connect();
        let made = server.create_workspace("Black box");
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        let (id, key) = (made["id"].as_str().unwrap().to_owned(), made["data_api_key"].as_str().unwrap());
        let credentials = format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{key}")));
        let workspace = Workspace { id, credentials };
        let unlimited =
            json!({"users_per_minute": 0, "events_per_minute": 0, "devices_per_minute": 0, "body_bytes": 1 << 20});
        workspace.set(&mut connection, ("PATCH", ""), &json!({"limits": unlimited}));
        workspace
    }

    /// A change of settings that must succeed.
    pub(crate) fn set(&self, connection: &mut Connection, (method, path): (&str, &str), body: &Value) {
        let answer = self.manage(connection, method, path, Some(body)).unwrap();
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
    }

    /// A bulk import, with an idempotency key if there is one.
    pub(crate) fn import(
        &self,
        connection: &mut Connection,
        body: &Value,
        idempotency_key: Option<&str>,
    ) -> Result<Answer, Cut> {
        let mut headers = vec![("Content-Type", "application/json"), ("Authorization", &self.credentials)];
        headers.extend(idempotency_key.map(|key| ("Idempotency-Key", key)));
        let target = format!("/v1/transition/{}", self.id);
        connection.call("POST", &target, &headers, body.to_string().as_bytes())
    }

    /// Delete Users of one customer, with an idempotency key.
    pub(crate) fn delete_user(&self, connection: &mut Connection, customer: &str, key: &str) -> Result<Answer, Cut> {
        let headers =
            [("Content-Type", "application/json"), ("Authorization", &*self.credentials), ("Idempotency-Key", key)];
        let body = json!({"identity_type": "customer_id", "identity_value": customer}).to_string();
        let target = format!("/v1/customer/delete?app_id={}", self.id);
        connection.call("POST", &target, &headers, body.as_bytes())
    }

    /// A lenient bulk import that answers the outcome of each element.
    pub(crate) fn import_told(&self, connection: &mut Connection, body: &Value) -> Result<Answer, Cut> {
        let told = ("Prefer", "return=representation, handling=lenient");
        let headers = [("Content-Type", "application/json"), ("Authorization", self.credentials.as_str()), told];
        connection.call("POST", &format!("/v1/transition/{}", self.id), &headers, body.to_string().as_bytes())
    }

    /// A management call below `/api/v1/workspaces/{id}`.
    pub(crate) fn manage(
        &self,
        connection: &mut Connection,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Cut> {
        admin(connection, method, &format!("/{}{path}", self.id), body)
    }
}

fn admin(connection: &mut Connection, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Cut> {
    let token = format!("Bearer {ADMIN_TOKEN}");
    let mut headers = vec![("Authorization", token.as_str())];
    headers.extend(body.map(|_| ("Content-Type", "application/json")));
    let bytes = body.map(Value::to_string).unwrap_or_default();
    connection.call(method, &format!("/api/v1/workspaces{path}"), &headers, bytes.as_bytes())
}
