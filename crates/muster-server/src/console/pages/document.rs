//! The documents behind pages, as the management API gives them: that takes no cookie, so that a browser which is signed
//! in asks here. They come from the same functions, for the same token, under the same mask.

use super::super::Page;
use super::super::visit::Visit;
use crate::http::envelope;
use crate::manage::arguments::Id;
use crate::manage::{merges, quarantine, requests, reviews, users};
use muster_wire::manage::page::render;
use serde::Serialize;
use std::sync::Arc;

#[expect(clippy::unnecessary_wraps, reason = "it is the last word of pages")]
fn json(document: &impl Serialize) -> Page {
    Ok(envelope::json(200, render(document)))
}

/// `GET /w/{ws}/users/{user_id}/json`.
pub(crate) async fn user(visit: Arc<Visit>) -> Page {
    json(&visit.perform(users::show, (Id(visit.id()?),)).await?)
}

/// `GET /w/{ws}/merges/{merge_id}/json`.
pub(crate) async fn merge(visit: Arc<Visit>) -> Page {
    json(&visit.perform(merges::show, (Id(visit.id()?),)).await?)
}

/// `GET /w/{ws}/requests/{request_id}/json`.
pub(crate) async fn request(visit: Arc<Visit>) -> Page {
    json(&visit.perform(requests::show, (Id(visit.id()?),)).await?)
}

/// `GET /w/{ws}/quarantine/{entry_id}/json`.
pub(crate) async fn entry(visit: Arc<Visit>) -> Page {
    json(&visit.perform(quarantine::show, (Id(visit.id()?),)).await?)
}

/// `GET /w/{ws}/reviews/{review_id}/json`.
pub(crate) async fn review(visit: Arc<Visit>) -> Page {
    json(&visit.perform(reviews::show, (Id(visit.id()?),)).await?)
}
