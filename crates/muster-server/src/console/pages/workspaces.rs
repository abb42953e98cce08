//! All workspaces, and a new one.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::flash::{Flash, Secret};
use super::super::head::redirect;
use super::super::parts;
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::refused;
use crate::http::manage::workspaces;
use askama::Template;
use serde_json::{Value as Json, json};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "workspaces.html")]
struct All {
    shell: Shell,
    items: Vec<Json>,
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

async fn page(visit: &Visit, error: String) -> Page {
    let found = visit.ask_outside(workspaces::list, "workspaces", &[("limit", "1000")]).await?;
    let shell = Shell::of(visit, "Workspaces", "workspaces").await?;
    let field = |name: &str| visit.field(name).unwrap_or_default().to_owned();
    html(&All { shell, items: found.list("items").to_vec(), error, name: field("name"), id: field("id") })
}

/// `GET /workspaces`.
pub(crate) async fn list(visit: Arc<Visit>) -> Page {
    page(&visit, String::new()).await
}

/// `POST /workspaces` with `name` and `id`: the key is shown once, by the page that follows.
pub(crate) async fn create(visit: Arc<Visit>) -> Page {
    let mut wish = json!({"name": visit.field("name").unwrap_or_default()});
    if let Some(id) = visit.field("id") {
        wish["id"] = json!(id.trim());
    }
    match visit.act_outside(workspaces::create, ("POST", "workspaces", None), &wish).await {
        Ok(made) => {
            let name = made.text("name");
            let words = format!("Workspace {name} created. Copy its key now; you won't see it again.");
            let (value, done) = (made.text("data_api_key").to_owned(), format!("/w/{}/overview", made.text("id")));
            visit.flash("/workspaces", Flash::good(words).with(Secret { what: "new Data API key", value, done }));
            Ok(redirect("/workspaces"))
        }
        Err(problem) if matches!(problem.status, 400 | 409) => {
            refused(page(&visit, super::frame::sentence(&problem.detail)).await)
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /w/{ws}`.
pub(crate) async fn enter(visit: Arc<Visit>) -> Page {
    Ok(redirect(&visit.within("overview")))
}
