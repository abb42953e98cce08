//! The style sheet and the script, as a browser asks for them.

use super::super::assets;
use super::super::request_head::is_page_wanted;
use super::missing::unknown_address;
use crate::app::App;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use std::net::SocketAddr;
use std::sync::Arc;

/// `GET /assets/{name}`.
pub(crate) async fn serve(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let Some(asset) = assets::find(&name) else {
        if is_page_wanted(&head) {
            return unknown_address(app, peer, &head, StatusCode::NOT_FOUND).await;
        }
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let takes_gzip = head.headers.get_all(header::ACCEPT_ENCODING).iter().any(takes_gzip);
    let bytes = if takes_gzip { &asset.gzipped } else { &asset.bytes };
    let mut response = Response::new(bytes.clone().into());
    let headers = response.headers_mut();
    if takes_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Returns whether a line of codings (RFC 9110, section 12.5.3) names gzip, and not with the weight of nothing.
fn takes_gzip(line: &HeaderValue) -> bool {
    let Ok(line) = line.to_str() else { return false };
    line.split(',').filter_map(|coding| coding.trim().strip_prefix("gzip")).any(|weight| {
        let weight = weight.replace(' ', "");
        weight.is_empty() || weight.strip_prefix(";q=").is_some_and(|it| it.parse::<f32>().is_ok_and(|it| it > 0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_when_it_is_named_with_a_weight_above_nothing() {
        let takes = |line| takes_gzip(&HeaderValue::from_static(line));
        assert_eq!(["gzip", "br, gzip, zstd", "gzip; q=0.5"].map(takes), [true; 3]);
        assert_eq!(["", "br", "gzipped", "gzip;q=0", "gzip; q=0.000"].map(takes), [false; 5]);
    }
}
