//! Tokens of the management API and of this console: who may do what.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::head::redirect;
use super::super::parts;
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::confirmed;
use crate::http::manage::tokens;
use askama::Template;
use serde_json::{Value as Json, json};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "tokens.html")]
struct Tokens {
    shell: Shell,
    items: Vec<Json>,
    made: Json,
    error: String,
}

/// The scopes of a token, with what each allows.
const SCOPES: [(&str, &str); 5] = [
    ("read", "look at everything of its workspaces"),
    ("personal", "see personal data where a workspace masks it"),
    ("operate", "keys, settings, replays, reverts, reviews"),
    ("erase", "erase users"),
    ("admin", "all of these, workspaces and tokens"),
];

async fn page(visit: &Visit, made: Json, error: String) -> Page {
    let found = visit.ask_outside(tokens::list, "tokens", &[("limit", "1000")]).await?;
    let shell = Shell::of(visit, "Tokens", "tokens").await?;
    html(&Tokens { shell, items: found.list("items").to_vec(), made, error })
}

/// `GET /tokens`.
pub(crate) async fn list(visit: Arc<Visit>) -> Page {
    page(&visit, Json::Null, String::new()).await
}

/// `POST /tokens` with `name`, `scope`s and `workspace`: the token is shown on this page and never again.
pub(crate) async fn create(visit: Arc<Visit>) -> Page {
    let scopes: Vec<&str> = visit.fields("scope").collect();
    let mut wish = json!({"name": visit.field("name").unwrap_or_default().trim(), "scopes": scopes});
    if let Some(workspace) = visit.field("workspace") {
        wish["workspace"] = json!(workspace);
    }
    match visit.act_outside(tokens::create, ("POST", "tokens", None), &wish).await {
        Ok(made) => page(&visit, made, String::new()).await,
        Err(problem) if matches!(problem.status, 400 | 409) => {
            page(&visit, Json::Null, super::frame::sentence(&problem.detail)).await
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /tokens/{name}/revoke` with `confirm`.
pub(crate) async fn revoke(visit: Arc<Visit>) -> Page {
    let name = visit.named();
    confirmed(&visit, name)?;
    visit.act_outside(tokens::revoke, ("DELETE", "tokens", Some(name)), &Json::Null).await?;
    Ok(redirect("/tokens"))
}

impl Tokens {
    fn scopes(&self) -> [(&'static str, &'static str); 5] {
        SCOPES
    }
}
