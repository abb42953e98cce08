//! One file for each page, or a few that belong together: the documents that it loads, and its sentences about them.

pub(super) mod asset;
pub(super) mod audit;
pub(super) mod docs;
pub(super) mod document;
pub(super) mod frame;
pub(super) mod identity;
pub(super) mod log;
mod members;
pub(super) mod merge;
pub(super) mod merges;
pub(super) mod missing;
pub(super) mod overview;
pub(super) mod problem;
pub(super) mod quarantine;
pub(super) mod request;
pub(super) mod reviews;
pub(super) mod settings;
pub(super) mod sign_in;
pub(super) mod tokens;
pub(super) mod users;
pub(super) mod watch;
pub(super) mod workspaces;
pub(super) mod zone;

use super::page_context::PageContext;
use super::response::PageResult;
use axum::http::StatusCode;
use muster_wire::manage::problem::Problem;

/// A page with a form that was refused, with what was typed: nothing was changed, and loading it again does nothing.
fn as_refusal(page: PageResult) -> PageResult {
    page.map(|mut response| {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        response
    })
}

/// Returns whether the name that a dangerous action asks for was typed.
///
/// # Errors
/// 400 in words.
fn check_confirmation(context: &PageContext, name: &str) -> Result<(), Problem> {
    if context.field("confirm").map(str::trim) == Some(name) {
        return Ok(());
    }
    Err(Problem::at("/confirm", format!("type {name} exactly to confirm; nothing was done")))
}
