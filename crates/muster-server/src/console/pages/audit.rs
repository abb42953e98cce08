//! The audit log: who did what.

use super::super::Page;
use super::super::doc::Doc as _;
use super::super::parts::{self, Html};
use super::super::shell::{Shell, html};
use super::super::visit::Visit;
use super::rows;
use crate::http::manage::audit;
use askama::Template;
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
    /// A detail on one line.
    fn detail(&self, item: &Json) -> Html {
        match item.member("detail") {
            Json::Null => Html::default(),
            Json::String(text) => parts::shown(text),
            other => parts::shown(&other.to_string()),
        }
    }
}
