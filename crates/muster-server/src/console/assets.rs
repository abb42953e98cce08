//! The style sheet and the script, built into the binary and served under names that change with their content, so that
//! a browser keeps them for ever and never an old one. They are compressed once, for whoever takes gzip.

use super::{is_page_wanted, nowhere};
use crate::app::App;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rust_embed::RustEmbed;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

#[derive(RustEmbed)]
#[folder = "assets"]
struct Files;

/// One file as it is served.
struct Asset {
    name: String,
    kind: &'static str,
    bytes: Bytes,
    gzipped: Bytes,
}

/// The style sheet and the script.
static ASSETS: LazyLock<[Asset; 2]> = LazyLock::new(|| {
    [("console", "css", "text/css; charset=utf-8"), ("console", "js", "text/javascript; charset=utf-8")].map(
        |(stem, extension, kind)| {
            let file = Files::get(&format!("{stem}.{extension}")).expect("the file stands in the folder of assets");
            let hash: String = file.metadata.sha256_hash()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            let gzipped = gzip(&file.data).into();
            let bytes = file.data.into_owned().into();
            Asset { name: format!("{stem}-{hash}.{extension}"), kind, bytes, gzipped }
        },
    )
});

/// The path of the style sheet.
pub(super) fn style() -> String {
    format!("/assets/{}", ASSETS[0].name)
}

/// The path of the script.
pub(super) fn script() -> String {
    format!("/assets/{}", ASSETS[1].name)
}

/// `GET /assets/{name}`.
pub(super) async fn serve(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        if is_page_wanted(&head) {
            return nowhere(app, peer, &head, StatusCode::NOT_FOUND).await;
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

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

/// Whether a line of codings (RFC 9110, section 12.5.3) names gzip, and not with the weight of nothing.
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
