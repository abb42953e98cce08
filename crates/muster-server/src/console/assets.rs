//! The style sheet and the script, built into the binary and served under names that change with their content, so that
//! a browser keeps them for ever and never an old one.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use rust_embed::RustEmbed;
use std::sync::LazyLock;

#[derive(RustEmbed)]
#[folder = "assets"]
struct Files;

/// One file as it is served.
struct Asset {
    name: String,
    kind: &'static str,
    bytes: Vec<u8>,
}

/// The style sheet and the script.
static ASSETS: LazyLock<[Asset; 2]> = LazyLock::new(|| {
    [("console", "css", "text/css; charset=utf-8"), ("console", "js", "text/javascript; charset=utf-8")].map(
        |(stem, extension, kind)| {
            let file = Files::get(&format!("{stem}.{extension}")).expect("the file stands in the folder of assets");
            let hash: String = file.metadata.sha256_hash()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            Asset { name: format!("{stem}-{hash}.{extension}"), kind, bytes: file.data.into_owned() }
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
pub(super) async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let mut response = Response::new(asset.bytes.clone().into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
