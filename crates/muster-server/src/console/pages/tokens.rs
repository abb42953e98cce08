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
const SCOPES: [(&str, &str); 6] = [
    ("read", "look at everything of its workspaces"),
    ("personal", "see personal data where a workspace masks it"),
    ("operate", "keys, settings, replays, reverts, reviews"),
    ("limits", "suspend a workspace, set its budgets and the addresses it takes data from"),
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
    if let Some(days) = visit.field("expires_days").filter(|days| !days.trim().is_empty()) {
        let seconds = days.trim().parse::<u64>().ok().and_then(|days| days.checked_mul(86_400));
        // What is no number of days is refused where all bodies are.
        wish["expires_in"] = seconds.map_or(Json::from(0), Json::from);
    }
    let addresses = visit.field("addresses").unwrap_or_default();
    let addresses: Vec<&str> = addresses.split([',', ' ']).filter(|text| !text.is_empty()).collect();
    if !addresses.is_empty() {
        wish["allowed_addresses"] = json!(addresses);
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
    fn scopes(&self) -> [(&'static str, &'static str); 6] {
        SCOPES
    }
}
