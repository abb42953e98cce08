//! All workspaces, and a new one.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::head::redirect;
use super::super::parts;
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use crate::http::manage::workspaces;
use askama::Template;
use serde_json::{Value as Json, json};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "workspaces.html")]
struct All {
    shell: Shell,
    items: Vec<Json>,
    made: Json,
    error: String,
    name: String,
    id: String,
}

impl All {
    /// The address of a workspace.
    fn address(&self, it: &Json) -> String {
        format!("/w/{}/overview", it.text("id"))
    }
}

async fn page(visit: &Visit, made: Json, error: String) -> Page {
    let found = visit.ask_outside(workspaces::list, "workspaces", &[("limit", "1000")]).await?;
    let shell = Shell::of(visit, "Workspaces", "workspaces").await?;
    let field = |name: &str| visit.field(name).unwrap_or_default().to_owned();
    let (name, id) = if made.is_null() { (field("name"), field("id")) } else { Default::default() };
    html(&All { shell, items: found.list("items").to_vec(), made, error, name, id })
}

/// `GET /workspaces`.
pub(crate) async fn list(visit: Arc<Visit>) -> Page {
    page(&visit, Json::Null, String::new()).await
}

/// `POST /workspaces` with `name` and `id`: the key is shown on this page and never again.
pub(crate) async fn create(visit: Arc<Visit>) -> Page {
    let mut wish = json!({"name": visit.field("name").unwrap_or_default()});
    if let Some(id) = visit.field("id") {
        wish["id"] = json!(id.trim());
    }
    match visit.act_outside(workspaces::create, ("POST", "workspaces", None), &wish).await {
        Ok(made) => page(&visit, made, String::new()).await,
        Err(problem) if matches!(problem.status, 400 | 409) => {
            page(&visit, Json::Null, super::frame::sentence(&problem.detail)).await
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /w/{ws}`.
pub(crate) async fn enter(visit: Arc<Visit>) -> Page {
    Ok(redirect(&visit.within("overview")))
}
