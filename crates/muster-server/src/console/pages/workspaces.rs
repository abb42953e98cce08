//! All workspaces, and a new one.

use super::super::components;
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html, redirect};
use super::as_refusal;
use crate::limits::PAGE_MAX;
use crate::manage::arguments::{BodyDocument as _, JsonBody, PageQuery};
use crate::manage::workspaces;
use crate::sessions::flash::{Flash, Secret};
use askama::Template;
use muster_wire::manage::settings::WorkspaceDocument;
use muster_wire::manage::workspace::NewWorkspace;
use serde_json::json;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "workspaces.html")]
struct All {
    layout: Layout,
    items: Vec<WorkspaceDocument>,
    error: String,
    name: String,
    id: String,
}

impl All {
    /// Returns the address of a workspace.
    fn address(&self, it: &WorkspaceDocument) -> String {
        format!("/w/{}/overview", it.id)
    }
}

async fn page(context: &PageContext, error: String) -> PageResult {
    let found = context.perform(workspaces::list, (PageQuery { limit: PAGE_MAX, cursor: None },)).await?;
    let layout = Layout::new(context, "Workspaces", "workspaces").await?;
    let field = |name: &str| context.field(name).unwrap_or_default().to_owned();
    html(&All { layout, items: found.items, error, name: field("name"), id: field("id") })
}

/// `GET /workspaces`.
pub(crate) async fn list(context: Arc<PageContext>) -> PageResult {
    page(&context, String::new()).await
}

/// `POST /workspaces` with `name` and `id`: the key is shown once, by the page that follows.
pub(crate) async fn create(context: Arc<PageContext>) -> PageResult {
    let mut wish = json!({"name": context.field("name").unwrap_or_default()});
    if let Some(id) = context.field("id") {
        wish["id"] = json!(id.trim());
    }
    // As the management API takes it, so that what is wrong is refused there, in the same words.
    let made = match NewWorkspace::read(wish.to_string().as_bytes()) {
        Ok(wanted) => context.perform(workspaces::create, (JsonBody(wanted),)).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(made) => {
            let made = made.document;
            let words = format!("Workspace {} created. Copy its key now; you won't see it again.", made.name);
            let (value, done) = (made.data_api_key, format!("/w/{}/overview", made.id));
            context.flash("/workspaces", Flash::good(words).with(Secret { what: "new Data API key", value, done }));
            Ok(redirect("/workspaces"))
        }
        Err(problem) if matches!(problem.status, 400 | 409) => {
            as_refusal(page(&context, super::problem::sentence(&problem.detail)).await)
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /w/{ws}`.
pub(crate) async fn enter(context: Arc<PageContext>) -> PageResult {
    Ok(redirect(&context.within("overview")))
}
