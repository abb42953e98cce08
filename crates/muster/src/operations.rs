//! `muster workspace`, `muster key` and `muster token`: what operators do to a running server, or to the data
//! directory of a stopped one. Answers are printed as tables on a terminal, else as JSON (`tables.rs`).

use crate::client::{Client, Server};
use crate::config::forms::seconds;
use crate::tables::{self, TOKENS, WORKSPACES};
use anyhow::{Context as _, bail};
use clap::Subcommand;
use muster_server::app::WorkspaceId;
use muster_server::app::offline::{self, Adopted};
use muster_server::clock::SystemClock;
use serde_json::{Value as Json, json};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// `muster workspace ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// Create a workspace; prints its key, which is shown only now.
    Create {
        /// Its id [default: generated]
        id: Option<String>,
        /// Its name [default: its id]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// List all workspaces.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Show settings, limits and key fingerprints.
    Show {
        /// The workspace.
        id: String,
        #[command(flatten)]
        server: Server,
    },
    /// Suspend a workspace: its Data API calls are answered 403.
    Suspend {
        /// The workspace.
        id: String,
        #[command(flatten)]
        server: Server,
    },
    /// Resume a suspended workspace.
    Resume {
        /// The workspace.
        id: String,
        #[command(flatten)]
        server: Server,
    },
    /// Adopt a workspace folder that the catalogue does not know or has an older version of; prints the workspace.
    Adopt {
        /// The workspace.
        id: String,
        #[command(flatten)]
        server: Server,
    },
    /// Move a workspace folder that the catalogue does not know to removed/; nothing is deleted.
    RemoveOrphan {
        /// The workspace.
        id: String,
        #[command(flatten)]
        server: Server,
    },
    /// Remove a workspace and all its data.
    Delete {
        /// The workspace.
        id: String,
        /// Do not ask for confirmation.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        server: Server,
    },
}

impl WorkspaceCommand {
    fn server(&self) -> &Server {
        match self {
            Self::Create { server, .. }
            | Self::List { server }
            | Self::Show { server, .. }
            | Self::Suspend { server, .. }
            | Self::Resume { server, .. }
            | Self::Adopt { server, .. }
            | Self::RemoveOrphan { server, .. }
            | Self::Delete { server, .. } => server,
        }
    }
}

/// `muster key ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Replace the key of a workspace; prints the new one, which is shown only now.
    Rotate {
        /// The workspace.
        workspace: String,
        /// How long the previous key stays valid, like 24h, 30m or 90s; 0s ends it at once
        #[arg(long, default_value = "24h", value_parser = seconds)]
        grace: u64,
        /// What the new key may do: import, read, erase [default: what the previous one may]
        #[arg(long, value_delimiter = ',')]
        scope: Vec<String>,
        #[command(flatten)]
        server: Server,
    },
    /// Revoke one key at once.
    Revoke {
        /// The workspace.
        workspace: String,
        /// The key's fingerprint, as `muster workspace show` prints it.
        fingerprint: String,
        #[command(flatten)]
        server: Server,
    },
}

/// `muster token ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a named token of the management API; prints it, which is shown only now.
    Create {
        /// Its name, as the audit log shows it.
        name: String,
        /// What it may do: read, personal, operate, limits, erase, admin
        #[arg(long, value_delimiter = ',', required = true)]
        scope: Vec<String>,
        /// The only workspace that it gives access to [default: all]
        #[arg(long)]
        workspace: Option<String>,
        /// How long it is valid, like 90d or 12h [default: for ever]
        #[arg(long, value_parser = seconds)]
        expires_in: Option<u64>,
        /// The only addresses that it may be used from; may be given several times [default: all]
        #[arg(long, value_delimiter = ',')]
        allowed_address: Vec<String>,
        #[command(flatten)]
        server: Server,
    },
    /// List all named tokens, never the tokens themselves.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Revoke a token at once.
    Revoke {
        /// Its name.
        name: String,
        #[command(flatten)]
        server: Server,
    },
}

/// Runs `muster workspace`.
pub(crate) fn workspace(command: WorkspaceCommand) -> anyhow::Result<ExitCode> {
    let is_json = command.server().json;
    let answer = match command {
        WorkspaceCommand::Create { id, name, server } => {
            let name = name.or_else(|| id.clone()).unwrap_or_else(|| "Workspace".to_owned());
            let mut body = json!({"name": name});
            if let Some(id) = id {
                body["id"] = Json::from(id);
            }
            server.client()?.call("POST", "", Some(&body))?
        }
        WorkspaceCommand::List { server } => all(&server.client()?, "/workspaces")?,
        WorkspaceCommand::Show { id, server } => server.client()?.call("GET", &format!("/{id}"), None)?,
        WorkspaceCommand::Suspend { id, server } => suspended(&server, &id, true)?,
        WorkspaceCommand::Resume { id, server } => suspended(&server, &id, false)?,
        WorkspaceCommand::Adopt { id, server } => match server.stopped()? {
            Some(data_dir) => adopt_stopped(data_dir, &id)?,
            None => server.client()?.call_path("POST", &format!("/orphans/{id}/adopt"), None)?,
        },
        WorkspaceCommand::RemoveOrphan { id, server } => match server.stopped()? {
            Some(data_dir) => remove_stopped(data_dir, &id)?,
            None => server.client()?.call_path("DELETE", &format!("/orphans/{id}"), None)?,
        },
        WorkspaceCommand::Delete { id, yes, server } => {
            if !yes {
                confirm(&id)?;
            }
            server.client()?.call("DELETE", &format!("/{id}"), Some(&json!({"confirm": id})))?
        }
    };
    tables::print(&answer, &WORKSPACES, is_json)
}

fn id_of(text: &str) -> anyhow::Result<WorkspaceId> {
    WorkspaceId::parse(text).context("not a workspace id: it has 2 to 64 letters, digits, - and _")
}

/// On a stopped directory, which may be one that a server would not start on.
fn adopt_stopped(data_dir: &Path, id: &str) -> anyhow::Result<Json> {
    match offline::adopt(data_dir, &id_of(id)?, &SystemClock::new())? {
        Adopted::TakenIn(workspace) => Ok(json!({"id": workspace.id.as_str(), "keys": workspace.keys.len()})),
        Adopted::Taken => bail!("the catalogue has a workspace with this id already"),
        Adopted::Nothing => bail!("there is no folder with this id that the catalogue does not know"),
    }
}

fn remove_stopped(data_dir: &Path, id: &str) -> anyhow::Result<Json> {
    match offline::remove_orphan(data_dir, &id_of(id)?, &SystemClock::new())? {
        Some(aside) => Ok(json!({"id": id, "moved_to": aside})),
        None => bail!("there is no folder with this id that the catalogue does not know"),
    }
}

fn suspended(server: &Server, id: &str, suspended: bool) -> anyhow::Result<Json> {
    server.client()?.call("PATCH", &format!("/{id}"), Some(&json!({"suspended": suspended})))
}

/// Returns all pages of a list below `/api/v1`, as one array.
fn all(client: &Client, list: &str) -> anyhow::Result<Json> {
    let (mut items, mut path) = (Vec::new(), format!("{list}?limit=1000"));
    loop {
        let page = client.call_path("GET", &path, None)?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        let Some(next) = page["next_cursor"].as_str() else { return Ok(Json::Array(items)) };
        path = format!("{list}?limit=1000&cursor={next}");
    }
}

/// Asks on a terminal; elsewhere `--yes` is needed.
fn confirm(id: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("this removes all data of {id}: give --yes to do it without confirmation");
    }
    write!(std::io::stderr(), "This removes all data of {id}. Type its id to continue: ")?;
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed).context("nothing was typed")?;
    if typed.trim() != id {
        bail!("not removed");
    }
    Ok(())
}

/// Runs `muster key`.
pub(crate) fn key(command: KeyCommand) -> anyhow::Result<ExitCode> {
    let (KeyCommand::Rotate { server, .. } | KeyCommand::Revoke { server, .. }) = &command;
    let is_json = server.json;
    let answer = match command {
        KeyCommand::Rotate { workspace, grace, scope, server } => {
            let mut body = json!({"grace_seconds": grace});
            if !scope.is_empty() {
                body["scopes"] = Json::from(scope);
            }
            server.client()?.call("POST", &format!("/{workspace}/keys/rotate"), Some(&body))?
        }
        KeyCommand::Revoke { workspace, fingerprint, server } => {
            let body = json!({"fingerprint": fingerprint});
            server.client()?.call("POST", &format!("/{workspace}/keys/revoke"), Some(&body))?
        }
    };
    tables::print(&answer, &[], is_json)
}

/// Runs `muster token`.
pub(crate) fn token(command: TokenCommand) -> anyhow::Result<ExitCode> {
    let (TokenCommand::Create { server, .. } | TokenCommand::List { server } | TokenCommand::Revoke { server, .. }) =
        &command;
    let is_json = server.json;
    let answer = match command {
        TokenCommand::Create { name, scope, workspace, expires_in, allowed_address, server } => {
            let mut body = json!({"name": name, "scopes": scope});
            if let Some(workspace) = workspace {
                body["workspace"] = Json::from(workspace);
            }
            if let Some(seconds) = expires_in {
                body["expires_in"] = Json::from(seconds);
            }
            if !allowed_address.is_empty() {
                body["allowed_addresses"] = Json::from(allowed_address);
            }
            server.client()?.call_path("POST", "/tokens", Some(&body))?
        }
        TokenCommand::List { server } => all(&server.client()?, "/tokens")?,
        TokenCommand::Revoke { name, server } => {
            server.client()?.call_path("DELETE", &format!("/tokens/{name}"), None)?
        }
    };
    tables::print(&answer, &TOKENS, is_json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_is_a_number_with_a_unit() {
        assert_eq!(["24h", "30m", "90s", "2d", "7"].map(seconds), [86_400, 1_800, 90, 172_800, 7].map(Ok));
        assert!(["", "h", "1w", "-1s", "1.5h"].map(seconds).iter().all(Result::is_err));
    }
}
