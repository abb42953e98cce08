//! The audit log: who did what, each record as a sentence.

mod sentences;

use super::super::components::{self, Html};
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html};
use crate::manage::audit_log;
use crate::manage::audit_log::AuditFilter;
use askama::Template;
use muster_store::bounds::Bounds;
use muster_wire::manage::audit::AuditDocument;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    layout: Layout,
    items: Vec<AuditDocument>,
    next: String,
}

/// `GET /w/{ws}/audit?cursor=`: what was done to this workspace; `GET /audit`: to all of them, and to tokens.
pub(crate) async fn show(context: Arc<PageContext>) -> PageResult {
    let workspace = Some(context.workspace().to_owned()).filter(|id| !id.is_empty());
    let found = context.perform(audit_log::list, (context.rows()?, AuditFilter { workspace })).await?;
    let layout = Layout::new(&context, "Audit", "audit").await?;
    html(&Audit { layout, items: found.items, next: found.next_cursor.unwrap_or_default() })
}

impl Audit {
    /// Returns how many records are kept, in words.
    fn retention(&self) -> String {
        let Bounds { audit_records, audit_sessions, audit_people, .. } = Bounds::default();
        let [changes, sessions, people] = [audit_records, audit_sessions, audit_people].map(components::count);
        format!(
            "Only the most recent records are kept: {changes} changes, {sessions} sign-ins and sign-outs, and {people} \
             reads and deletions of people's data."
        )
    }

    /// Returns what was done.
    fn what(&self, item: &AuditDocument) -> Html {
        components::phrase(&sentences::sentence(&item.action, &item.detail))
    }

    /// Returns what it was done to: a link where this workspace has a page for it.
    fn subject(&self, item: &AuditDocument) -> Html {
        let subject = &*item.subject;
        let is_here = item.workspace.as_ref().is_some_and(|id| id.0.as_str() == self.layout.workspace);
        let page = match &*item.action {
            "users.merged" | "merge.reverted" => "merges",
            "review.decided" => "reviews",
            "user.read" => "users",
            "user.deleted" => "requests",
            "quarantine.replay_started" => "jobs",
            _ => return components::phrase(subject),
        };
        if !is_here {
            return components::phrase(subject);
        }
        components::link(subject, &self.layout.to(&format!("{page}/{subject}")))
    }
}
