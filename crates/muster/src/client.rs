//! A small client of the management API, for the subcommands that talk to a running server.

use crate::serve::{token_file, url_file};
use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value as Json;
use std::path::PathBuf;
use std::time::Duration;
use ureq::Agent;
use ureq::http::{Request, Response};

/// How long a call may take: removing a large workspace takes longest.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Which server.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Its address [default: what DATA_DIR/url says]
    #[arg(long, env = "MUSTER_URL")]
    url: Option<String>,
    /// Its admin token [default: what DATA_DIR/admin-token says]
    #[arg(long, env = "MUSTER_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// Its data directory, if it runs on this machine
    #[arg(long, env = "MUSTER_DATA_DIR", default_value = crate::config::DATA_DIR)]
    data_dir: PathBuf,
}

/// A server that can be called.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    token: String,
}

impl Server {
    /// Finds the server.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => std::fs::read_to_string(url_file(&self.data_dir)).with_context(|| {
                format!("no server runs on the data directory {}; start it, or give --url", self.data_dir.display())
            })?,
        };
        let token = match &self.admin_token {
            Some(token) => token.clone(),
            None => std::fs::read_to_string(token_file(&self.data_dir))
                .with_context(|| format!("{} holds no admin token; give --admin-token", self.data_dir.display()))?,
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(TIMEOUT))
            .build();
        Ok(Client {
            agent: config.into(),
            url: url.trim().trim_end_matches('/').to_owned(),
            token: token.trim().to_owned(),
        })
    }
}

impl Client {
    /// One call below `/api/v1/workspaces`; the JSON of its answer, null if it has none.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Json>) -> anyhow::Result<Json> {
        let target = format!("{}/api/v1/workspaces{path}", self.url);
        let request = Request::builder()
            .method(method)
            .uri(&target)
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json");
        let sent = match body {
            Some(body) => self.agent.run(request.body(body.to_string())?),
            None => self.agent.run(request.body(())?),
        };
        let answer = sent.with_context(|| format!("{} does not answer", self.url))?;
        read(answer)
    }
}

fn read(mut answer: Response<ureq::Body>) -> anyhow::Result<Json> {
    let text = answer.body_mut().read_to_string().context("the answer was cut off")?;
    let json: Json =
        if text.is_empty() { Json::Null } else { serde_json::from_str(&text).context("it answers no JSON")? };
    if !answer.status().is_success() {
        let detail = json["detail"].as_str().or(json["error"]["message"].as_str()).unwrap_or("no reason given");
        bail!("the server refused ({}): {detail}", answer.status());
    }
    Ok(json)
}
