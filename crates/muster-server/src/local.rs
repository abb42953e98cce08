//! The management API without a socket: for the command line, which works on the data directory of a stopped server
//! through the same handlers as a running one.

use crate::app::App;
use crate::router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use std::sync::Arc;
use tower::ServiceExt as _;

/// One call of the management API, such as `GET` of `/api/v1/workspaces`; the status and the body of its answer.
pub async fn call(app: &Arc<App>, token: &str, (method, path): (&str, &str), body: Vec<u8>) -> (u16, Bytes) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body));
    let response = match request {
        Ok(request) => router::router(Arc::clone(app)).oneshot(request).await.unwrap_or_else(|never| match never {}),
        // An id with blanks makes no path: nothing has it.
        Err(_) => Response::builder().status(StatusCode::NOT_FOUND).body(Body::empty()).expect("a status is an answer"),
    };
    let status = response.status().as_u16();
    // Answers of handlers are whole: they cannot break off.
    let bytes = response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    (status, bytes)
}
