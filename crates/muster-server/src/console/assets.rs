//! The style sheet and the script, built into the binary and served under names that change with their content, so that
//! a browser keeps them for ever and never an old one. They are compressed once, for browsers that accept gzip.

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rust_embed::RustEmbed;
use std::io::Write as _;
use std::sync::LazyLock;

#[derive(RustEmbed)]
#[folder = "assets"]
struct Files;

/// One file as it is served.
pub(super) struct Asset {
    name: String,
    pub(super) kind: &'static str,
    pub(super) bytes: Bytes,
    pub(super) gzipped: Bytes,
}

/// The style sheet and the script.
static ASSETS: LazyLock<[Asset; 2]> = LazyLock::new(|| {
    [("console", "css", "text/css; charset=utf-8"), ("console", "js", "text/javascript; charset=utf-8")].map(
        |(stem, extension, kind)| {
            let file = Files::get(&format!("{stem}.{extension}")).expect("the file is in the folder of assets");
            let hash: String = file.metadata.sha256_hash()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            let gzipped = gzip(&file.data).into();
            let bytes = file.data.into_owned().into();
            Asset { name: format!("{stem}-{hash}.{extension}"), kind, bytes, gzipped }
        },
    )
});

/// Returns the path of the style sheet.
pub(super) fn style() -> String {
    format!("/assets/{}", ASSETS[0].name)
}

/// Returns the path of the script.
pub(super) fn script() -> String {
    format!("/assets/{}", ASSETS[1].name)
}

/// Returns the file that is served under a name.
pub(super) fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}
