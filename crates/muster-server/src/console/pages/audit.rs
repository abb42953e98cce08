//! The audit log: who did what, each record as a sentence.

mod words;

use super::super::Page;
use super::super::parts::{self, Html};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use crate::manage::audit_log;
use crate::manage::audit_log::AuditFilter;
use askama::Template;
use muster_store::bounds::Bounds;
use muster_wire::manage::audit::AuditDocument;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    shell: Shell,
    items: Vec<AuditDocument>,
    next: String,
}

/// `GET /w/{ws}/audit?cursor=`: what was done to this workspace; `GET /audit`: to all of them, and to tokens.
pub(crate) async fn show(visit: Arc<Visit>) -> Page {
    let workspace = Some(visit.workspace().to_owned()).filter(|id| !id.is_empty());
    let found = visit.perform(audit_log::list, (visit.rows()?, AuditFilter { workspace })).await?;
    let shell = Shell::of(&visit, "Audit", "audit").await?;
    html(&Audit { shell, items: found.items, next: found.next_cursor.unwrap_or_default() })
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
    fn what(&self, item: &AuditDocument) -> Html {
        parts::shown(&words::sentence(&item.action, &item.detail))
    }

    /// What it was done to: a link where this workspace has a page for it.
    fn subject(&self, item: &AuditDocument) -> Html {
        let subject = &*item.subject;
        let is_here = item.workspace.as_ref().is_some_and(|id| id.0.as_str() == self.shell.workspace);
        let page = match &*item.action {
            "users.merged" | "merge.reverted" => "merges",
            "review.decided" => "reviews",
            "user.read" => "users",
            "user.deleted" => "requests",
            "quarantine.replay_started" => "jobs",
            _ => return parts::shown(subject),
        };
        if !is_here {
            return parts::shown(subject);
        }
        parts::link(subject, &self.shell.to(&format!("{page}/{subject}")))
    }
}
