//! Tokens of the management API and of this console: who may do what.

use super::super::components;
use super::super::layout::Layout;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, html, redirect};
use super::problem::sentence;
use super::{as_refusal, check_confirmation};
use crate::callers::Caller;
use crate::limits::PAGE_MAX;
use crate::manage::arguments::{BodyDocument as _, JsonBody, PageQuery};
use crate::manage::tokens;
use crate::manage::tokens::TokenName;
use crate::sessions::flash::{Flash, Secret};
use askama::Template;
use muster_wire::manage::token::{NewToken, TokenDocument};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "tokens.html")]
struct Tokens {
    layout: Layout,
    items: Vec<TokenDocument>,
    /// Number of active sessions by the name of their token.
    sessions: HashMap<String, u64>,
    error: String,
    /// What was typed into a form that was refused.
    typed: Typed,
}

/// The scopes of a token, with what each allows.
const SCOPES: [(&str, &str); 6] = [
    ("read", "read everything in its workspaces"),
    ("personal", "read personal data that a workspace masks"),
    ("operate", "rotate keys, change settings, replay, merge, revert, decide reviews"),
    ("limits", "suspend a workspace, set its limits and allowed addresses"),
    ("erase", "erase users"),
    ("admin", "all of the above, and manage workspaces and tokens"),
];

/// The form of a new token as it was sent.
#[derive(Default)]
struct Typed {
    name: String,
    workspace: String,
    days: String,
    addresses: String,
    scopes: Vec<String>,
}

impl Typed {
    fn from_form(context: &PageContext) -> Self {
        let field = |name: &str| context.field(name).unwrap_or_default().to_owned();
        Self {
            name: field("name"),
            workspace: field("workspace"),
            days: field("expires_days"),
            addresses: field("addresses"),
            scopes: context.fields("scope").map(str::to_owned).collect(),
        }
    }
}

async fn page(context: &PageContext, typed: Typed, error: String) -> PageResult {
    let found = context.perform(tokens::list, (PageQuery { limit: PAGE_MAX, cursor: None },)).await?;
    let layout = Layout::new(context, "Tokens", "tokens").await?;
    let of_each = context.app.sessions.counts_by_token(context.app.now());
    let count = |caller: &Arc<Caller>| of_each.get(&caller.sha256).map(|count| (caller.name.to_string(), *count));
    let sessions = context.app.callers.all().iter().filter_map(count).collect();
    html(&Tokens { layout, items: found.items, sessions, error, typed })
}

impl Tokens {
    /// Sessions that end when a token is revoked.
    fn sessions_of(&self, item: &TokenDocument) -> u64 {
        self.sessions.get(&item.name).copied().unwrap_or(0)
    }
}

/// `GET /tokens`.
pub(crate) async fn list(context: Arc<PageContext>) -> PageResult {
    let typed = Typed { scopes: vec!["read".to_owned()], ..Typed::default() };
    page(&context, typed, String::new()).await
}

/// `POST /tokens` with `name`, `scope`s and `workspace`: the token is shown once, by the page that follows.
pub(crate) async fn create(context: Arc<PageContext>) -> PageResult {
    let scopes: Vec<&str> = context.fields("scope").collect();
    let mut wish = json!({"name": context.field("name").unwrap_or_default().trim(), "scopes": scopes});
    if let Some(workspace) = context.field("workspace") {
        wish["workspace"] = json!(workspace);
    }
    if let Some(days) = context.field("expires_days").filter(|days| !days.trim().is_empty()) {
        let seconds = days.trim().parse::<u64>().ok().and_then(|days| days.checked_mul(86_400));
        // What is not a number of days becomes 0, which the management API refuses.
        wish["expires_in"] = seconds.map_or(Json::from(0), Json::from);
    }
    let addresses = context.field("addresses").unwrap_or_default();
    let addresses: Vec<&str> = addresses.split([',', ' ']).filter(|text| !text.is_empty()).collect();
    if !addresses.is_empty() {
        wish["allowed_addresses"] = json!(addresses);
    }
    // As the management API takes it, so that what is wrong is refused there, in the same words.
    let made = match NewToken::read(wish.to_string().as_bytes()) {
        Ok(wanted) => context.perform(tokens::create, (JsonBody(wanted),)).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(made) => {
            let made = made.document;
            let words = format!("Token {} created. Copy it now; you won't see it again.", made.name);
            let secret = Secret { what: "new token", value: made.token, done: "/tokens".to_owned() };
            context.flash("/tokens", Flash::good(words).with(secret));
            Ok(redirect("/tokens"))
        }
        Err(problem) if matches!(problem.status, 400 | 409) => {
            as_refusal(page(&context, Typed::from_form(&context), sentence(&problem.detail)).await)
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /tokens/{name}/revoke` with `confirm`.
pub(crate) async fn revoke(context: Arc<PageContext>) -> PageResult {
    let name = context.named();
    if let Err(problem) = check_confirmation(&context, name) {
        return as_refusal(page(&context, Typed::default(), sentence(&problem.detail)).await);
    }
    context.perform(tokens::revoke, (TokenName(name.to_owned()),)).await?;
    context.done("/tokens", format!("Token {name} revoked. Its calls get 401, and its sessions have ended."))
}

impl Tokens {
    fn is_chosen(&self, scope: &str) -> bool {
        self.typed.scopes.iter().any(|chosen| chosen == scope)
    }

    fn scopes(&self) -> [(&'static str, &'static str); 6] {
        SCOPES
    }
}
