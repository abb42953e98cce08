//! Owns the workspace of a case on a running server: filling it in large bodies, its settings, its management calls.

use super::super::server::{BenchServer, BenchWorkspace};
use super::super::window::check_interrupted;
use super::caller::send;
use anyhow::{Context, Result, bail};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Bytes of the elements of one body that prepares something; the workspaces of the cases take 1 MiB.
const PREPARED_BYTES: usize = 900_000;
/// Elements of one body that prepares something: this many of the costly ones are done before a call times out.
const PREPARED_ELEMENTS: usize = 1_000;
/// How often it is looked whether kinds have become active, and for how long.
const ACTIVE_LOOKS: usize = 6_000;
const ACTIVE_PAUSE: Duration = Duration::from_millis(10);

/// A workspace on a running server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaseWorkspace<'s> {
    pub(crate) server: &'s BenchServer,
    pub(crate) workspace: &'s BenchWorkspace,
}

impl CaseWorkspace<'_> {
    /// Makes the workspace, without limits of rate and with bodies of 1 MiB, so that preparing is quick.
    pub(crate) fn make(server: &BenchServer, id: &str) -> Result<BenchWorkspace> {
        let workspace = server.plain_workspace(id, 0)?;
        let wide = json!({"limits": {"body_bytes": 1_048_576}});
        server.manage("PATCH", &format!("/workspaces/{id}"), &wide)?;
        Ok(workspace)
    }

    /// A call of the management API about the workspace.
    pub(crate) fn manage(&self, method: &str, rest: &str, body: &Json) -> Result<Json> {
        self.server.manage(method, &format!("/workspaces/{}{rest}", self.workspace.id), body)
    }

    /// Sets identity resolution, and waits until all kinds are active.
    pub(crate) fn identity(&self, settings: &Json) -> Result<()> {
        self.manage("PUT", "/identity", settings)?;
        for _ in 0..ACTIVE_LOOKS {
            check_interrupted()?;
            if self.manage("GET", "/identity", &Json::Null)?["state"] != "activating" {
                return Ok(());
            }
            std::thread::sleep(ACTIVE_PAUSE);
        }
        bail!("the kinds of {} did not become active", self.workspace.id)
    }

    /// Stores these elements in large bodies; each of them must be taken.
    pub(crate) fn store(&self, elements: impl IntoIterator<Item = Json>) -> Result<()> {
        self.store_in(PREPARED_ELEMENTS, elements)
    }

    /// The same with at most this many elements in a body.
    pub(crate) fn store_in(&self, most: usize, elements: impl IntoIterator<Item = Json>) -> Result<()> {
        let (mut waiting, mut bytes) = (Vec::new(), 0);
        for element in elements {
            let length = element.to_string().len();
            if !waiting.is_empty() && (bytes + length > PREPARED_BYTES || waiting.len() == most) {
                self.import(std::mem::take(&mut waiting))?;
                bytes = 0;
            }
            bytes += length + 1;
            waiting.push(element);
        }
        if waiting.is_empty() { Ok(()) } else { self.import(waiting) }
    }

    fn import(&self, elements: Vec<Json>) -> Result<()> {
        let body = json!({"type": "transition", "elements": elements}).to_string();
        let answer = send(self.server.addr, &self.server.target(self.workspace).head, body.as_bytes())?;
        if answer.status != 200 || !answer.outcomes.contains("rejected=0") {
            bail!("what a case prepares was answered {} with {:?}", answer.status, answer.outcomes);
        }
        Ok(())
    }

    /// The ids of everything that a list of the management API names, page by page.
    pub(crate) fn ids(&self, list: &str) -> Result<Vec<String>> {
        let (mut ids, mut next) = (Vec::new(), String::new());
        loop {
            check_interrupted()?;
            let page = self.manage("GET", &format!("/{list}?limit=1000{next}"), &Json::Null)?;
            let items = page["items"].as_array().with_context(|| format!("the list of {list} has no items"))?;
            ids.extend(items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)));
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => return Ok(ids),
            }
        }
    }
}
