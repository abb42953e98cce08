//! The time zone of the pages: a choice of this browser, kept in a cookie like its theme.

use super::super::components::TimeFormatter;
use super::super::page_context::PageContext;
use super::super::response::{PageResult, redirect};
use crate::sessions::cookies::ZONE;
use axum::http::{HeaderValue, header};
use muster_wire::manage::problem::Problem;
use std::sync::Arc;

/// The choice of no zone: times are those of the workspace.
pub(crate) const OF_THE_WORKSPACE: &str = "workspace";

/// `POST /zone` with `zone`: an IANA name, or [`OF_THE_WORKSPACE`]; then the page that it was chosen on.
pub(crate) async fn choose(context: Arc<PageContext>) -> PageResult {
    let wanted = context.field("zone").unwrap_or_default();
    let line = match TimeFormatter::by_name(wanted) {
        _ if wanted == OF_THE_WORKSPACE => format!("{ZONE}=; Path=/; Max-Age=0; SameSite=Lax"),
        Some(_) => format!("{ZONE}={wanted}; Path=/; Max-Age=31536000; SameSite=Lax"),
        None => return Err(Problem::at("/zone", "this server does not know that time zone; choose another one")),
    };
    let mut response = redirect(&context.referring_path());
    if let Ok(line) = HeaderValue::try_from(line) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    Ok(response)
}
