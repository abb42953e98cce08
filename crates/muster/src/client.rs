//! A small client of the management API, for the subcommands that talk to a running server, or work on the data directory
//! of a stopped one.

use crate::escaping::escape;
use crate::files::{token_file, url_file};
use crate::owner;
use anyhow::{Context as _, bail};
use clap::Args;
use muster_server::app::offline::is_in_use;
use muster_server::app::{App, Options, StartError, Storage, secret};
use muster_server::clock::{SystemClock, SystemRandom};
use muster_server::local;
use muster_server::serve::install_cryptography;
use serde_json::Value as Json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use ureq::Agent;
use ureq::http::Request;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// How long a call may take: removing a large workspace takes longest.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How long a probe may take: those who probe ask again soon.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Which server.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Its address [default: what DATA_DIR/url says]
    #[arg(long, env = "MUSTER_URL")]
    url: Option<String>,
    /// Its admin token, or one with the scopes that the call needs [default: what DATA_DIR/admin-token says]
    #[arg(long, env = "MUSTER_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// File that holds that token, so that it does not appear in process lists
    #[arg(long, env = "MUSTER_ADMIN_TOKEN_FILE", conflicts_with = "admin_token")]
    admin_token_file: Option<PathBuf>,
    /// Certificates (PEM) to trust for an https server, and no others [default: the well-known authorities]
    #[arg(long, env = "MUSTER_CA_CERT")]
    ca_cert: Option<PathBuf>,
    /// Its data directory, if it is on this machine; if no server uses it, the command works on it directly
    #[arg(long, env = "MUSTER_DATA_DIR", default_value = crate::config::DATA_DIR)]
    data_dir: PathBuf,
    /// Print JSON on a terminal, too; other output is always JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `muster healthcheck`.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// The server's address [default: what DATA_DIR/url says, else http://127.0.0.1:8080]
    #[arg(long, env = "MUSTER_URL")]
    url: Option<String>,
    /// Certificates (PEM) to trust for an https server, and no others [default: the well-known authorities]
    #[arg(long, env = "MUSTER_CA_CERT")]
    ca_cert: Option<PathBuf>,
    /// Its data directory
    #[arg(long, env = "MUSTER_DATA_DIR", default_value = crate::config::DATA_DIR)]
    data_dir: PathBuf,
}

impl Probe {
    /// Asks whether the server is ready.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let in_directory = || std::fs::read_to_string(url_file(&self.data_dir)).ok();
        let default = || format!("http://{}", crate::config::LISTEN);
        let url = self.url.clone().or_else(in_directory).unwrap_or_else(default);
        let url = url.trim().trim_end_matches('/');
        let agent = agent(self.ca_cert.as_deref(), PROBE_TIMEOUT)?;
        let mut answer = agent.get(format!("{url}/readyz")).call().with_context(|| format!("{url} does not answer"))?;
        if answer.status() == 200 {
            return Ok(ExitCode::SUCCESS);
        }
        let json: Json =
            serde_json::from_str(&answer.body_mut().read_to_string().unwrap_or_default()).unwrap_or_default();
        let reason = json["reason"].as_str().unwrap_or("no reason given");
        bail!("{url} is not ready ({}): {reason}", answer.status().as_u16());
    }
}

/// Returns an HTTP client that takes refusals for answers.
fn agent(ca_cert: Option<&Path>, timeout: Duration) -> anyhow::Result<Agent> {
    install_cryptography();
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .tls_config(TlsConfig::builder().root_certs(roots(ca_cert)?).build())
        .timeout_global(Some(timeout))
        .build();
    Ok(config.into())
}

/// Whose certificates are believed: those of the given file alone, else the well-known authorities.
fn roots(ca_cert: Option<&Path>) -> anyhow::Result<RootCerts> {
    let Some(path) = ca_cert else { return Ok(RootCerts::WebPki) };
    let pem = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(one) = item.with_context(|| format!("{} is not valid PEM", path.display()))? {
            certificates.push(one);
        }
    }
    if certificates.is_empty() {
        bail!("{} holds no certificate", path.display());
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// What answers calls of the management API.
pub(crate) enum Client {
    /// A running server.
    Remote { agent: Agent, url: String, token: String },
    /// The data directory of a stopped one.
    Local { app: Arc<App>, token: String, runtime: Runtime },
}

impl Server {
    /// Finds the server: at the given address, else the one that has the data directory; if none has, the directory
    /// itself, which is this process's own until it ends.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        if let Some(url) = &self.url {
            return self.remote(url);
        }
        self.check_owner()?;
        // Beside a database there is no data in it, and a server that runs says where.
        let has_data = self.data_dir.join("format").exists();
        if !has_data && !url_file(&self.data_dir).exists() {
            bail!(
                "{} is not a Muster data directory; give --data-dir, or --url of a running server",
                self.data_dir.display()
            );
        }
        if has_data {
            match self.local() {
                Err(StartError::Directory(muster_server::app::DirectoryError::InUse(_))) => {}
                opened => return opened.with_context(|| format!("{} cannot be opened", self.data_dir.display())),
            }
        }
        let url = std::fs::read_to_string(url_file(&self.data_dir)).with_context(|| {
            format!(
                "{} is in use, but not by a server that is ready; try again, or give --url",
                self.data_dir.display()
            )
        })?;
        let (url, file) = (url.trim(), url_file(&self.data_dir));
        // Nobody is there to hear that standard error is closed.
        let words = escape(&format!("muster: using {url}, as {} says", file.display()));
        let _gone = writeln!(std::io::stderr(), "{words}");
        self.remote(url)
    }

    /// Refuses a data directory of somebody else: what its file `url` says would be sent the token.
    fn check_owner(&self) -> anyhow::Result<()> {
        let is_default = self.data_dir.as_os_str() == crate::config::DATA_DIR;
        if self.data_dir.exists() { owner::check(&self.data_dir, !is_default) } else { Ok(()) }
    }

    /// Returns the data directory, if no address was given and no server has it.
    pub(crate) fn stopped(&self) -> anyhow::Result<Option<&Path>> {
        if self.url.is_some() {
            return Ok(None);
        }
        self.check_owner()?;
        let is_used = is_in_use(&self.data_dir);
        let is_used = is_used.with_context(|| format!("{} cannot be opened", self.data_dir.display()))?;
        Ok((!is_used).then_some(&self.data_dir))
    }

    fn remote(&self, url: &str) -> anyhow::Result<Client> {
        let token = match (&self.admin_token, &self.admin_token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(file)) => {
                std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
            }
            (None, None) => std::fs::read_to_string(token_file(&self.data_dir))
                .with_context(|| format!("{} has no admin token file; give --admin-token", self.data_dir.display()))?,
        };
        let agent = agent(self.ca_cert.as_deref(), TIMEOUT)?;
        let url = url.trim().trim_end_matches('/').to_owned();
        Ok(Client::Remote { agent, url, token: token.trim().to_owned() })
    }

    fn local(&self) -> Result<Client, StartError> {
        let storage = Storage::Directory {
            path: self.data_dir.clone(),
            accept_loss: false,
            accept_catalogue: false,
            accept_clock: false,
        };
        // Nobody else can call it: the token is for this process alone.
        let token = secret(&SystemRandom);
        let options = Options::new(storage, Arc::new(SystemClock::new()), Arc::new(SystemRandom), token.clone());
        let app = App::open(options)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime of this thread needs nothing that can lack");
        Ok(Client::Local { app, token, runtime })
    }
}

impl Client {
    /// One call below `/api/v1/workspaces`; the JSON of its answer, null if it has none.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Json>) -> anyhow::Result<Json> {
        self.call_path(method, &format!("/workspaces{path}"), body)
    }

    /// One call below `/api/v1`; the JSON of its answer, null if it has none.
    pub(crate) fn call_path(&self, method: &str, path: &str, body: Option<&Json>) -> anyhow::Result<Json> {
        let path = format!("/api/v1{path}");
        let body = body.map(Json::to_string).unwrap_or_default();
        match self {
            Self::Local { app, token, runtime } => {
                let (status, text) = runtime.block_on(local::call(app, token, (method, &path), body.into_bytes()));
                check_answer(status, &String::from_utf8_lossy(&text))
            }
            Self::Remote { agent, url, token } => {
                let request = Request::builder()
                    .method(method)
                    .uri(format!("{url}{path}"))
                    .header("Authorization", format!("Bearer {token}"))
                    .header("Content-Type", "application/json");
                let sent = if body.is_empty() { agent.run(request.body(())?) } else { agent.run(request.body(body)?) };
                let mut answer = sent.with_context(|| format!("{url} does not answer"))?;
                let text = answer.body_mut().read_to_string().context("the answer was cut off")?;
                check_answer(answer.status().as_u16(), &text)
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Self::Local { app, .. } = self {
            app.close();
        }
    }
}

fn check_answer(status: u16, text: &str) -> anyhow::Result<Json> {
    let json: Json =
        if text.is_empty() { Json::Null } else { serde_json::from_str(text).context("the answer is not JSON")? };
    if !(200..300).contains(&status) {
        let detail = json["detail"].as_str().or(json["error"]["message"].as_str()).unwrap_or("no reason given");
        bail!("the server refused ({status}): {detail}");
    }
    Ok(json)
}
