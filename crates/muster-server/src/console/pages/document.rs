//! The documents behind pages, as the management API gives them: that takes no cookie, so that a browser which is signed
//! in asks here. They come from the same functions, for the same token, under the same mask.

use super::super::page_context::PageContext;
use super::super::response::PageResult;
use crate::http::envelope;
use crate::manage::arguments::Id;
use crate::manage::{merges, quarantine, requests, reviews, users};
use muster_wire::manage::page::render;
use serde::Serialize;
use std::sync::Arc;

#[expect(clippy::unnecessary_wraps, reason = "it is the last word of pages")]
fn json(document: &impl Serialize) -> PageResult {
    Ok(envelope::json(200, render(document)))
}

/// `GET /w/{ws}/users/{user_id}/json`.
pub(crate) async fn user(context: Arc<PageContext>) -> PageResult {
    json(&context.perform(users::show, (Id(context.id()?),)).await?)
}

/// `GET /w/{ws}/merges/{merge_id}/json`.
pub(crate) async fn merge(context: Arc<PageContext>) -> PageResult {
    json(&context.perform(merges::show, (Id(context.id()?),)).await?)
}

/// `GET /w/{ws}/requests/{request_id}/json`.
pub(crate) async fn request(context: Arc<PageContext>) -> PageResult {
    json(&context.perform(requests::show, (Id(context.id()?),)).await?)
}

/// `GET /w/{ws}/quarantine/{entry_id}/json`.
pub(crate) async fn entry(context: Arc<PageContext>) -> PageResult {
    json(&context.perform(quarantine::show, (Id(context.id()?),)).await?)
}

/// `GET /w/{ws}/reviews/{review_id}/json`.
pub(crate) async fn review(context: Arc<PageContext>) -> PageResult {
    json(&context.perform(reviews::show, (Id(context.id()?),)).await?)
}
