//! The audit log: who did what, each record as a sentence.

mod words;

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::parts::{self, Html};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::rows;
use crate::http::manage::audit;
use askama::Template;
use muster_store::bounds::Bounds;
use serde_json::Value as Json;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    shell: Shell,
    items: Vec<Json>,
    next: String,
}

/// `GET /w/{ws}/audit?cursor=`: what was done to this workspace; `GET /audit`: to all of them, and to tokens.
pub(crate) async fn show(visit: Arc<Visit>) -> Page {
    let mut query = rows(&visit);
    query.extend(Some(("workspace", visit.workspace())).filter(|(_, id)| !id.is_empty()));
    let found = visit.ask_outside(audit::list, "audit", &query).await?;
    let shell = Shell::of(&visit, "Audit", "audit").await?;
    html(&Audit { shell, items: found.list("items").to_vec(), next: found.text("next_cursor").to_owned() })
}

impl Audit {
    /// How many records are kept, in words.
    fn retention(&self) -> String {
        let Bounds { audit_records, audit_sessions, audit_people, .. } = Bounds::default();
        let [changes, sessions, people] = [audit_records, audit_sessions, audit_people].map(parts::count);
        format!(
            "Only the most recent records are kept: {changes} changes, {sessions} sign-ins and sign-outs, and {people} \
             reads and deletions of people's data."
        )
    }

    /// What was done.
    fn what(&self, item: &Json) -> Html {
        parts::shown(&words::sentence(item))
    }

    /// What it was done to: a link where this workspace has a page for it.
    fn subject(&self, item: &Json) -> Html {
        let (subject, workspace) = (item.text("subject"), item.text("workspace"));
        let page = match item.text("action") {
            "users.merged" | "merge.reverted" => "merges",
            "review.decided" => "reviews",
            "user.read" => "users",
            "user.deleted" => "requests",
            "quarantine.replay_started" => "jobs",
            _ => return parts::shown(subject),
        };
        if self.shell.workspace.is_empty() || self.shell.workspace != workspace {
            return parts::shown(subject);
        }
        parts::link(subject, &self.shell.to(&format!("{page}/{subject}")))
    }
}
