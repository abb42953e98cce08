//! The files of a data directory that belong to the command line.

use anyhow::Context as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Returns the path of the admin token.
pub(crate) fn token_file(data_dir: &Path) -> PathBuf {
    data_dir.join("admin-token")
}

/// Returns the path of the file that says where a running server can be reached.
pub(crate) fn url_file(data_dir: &Path) -> PathBuf {
    data_dir.join("url")
}

/// Writes a file that only this user can read.
pub(crate) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    // Under another name, which must be new, and then in its place: a link there is replaced and never followed.
    let draft = path.with_extension("new");
    let _left = fs::remove_file(&draft);
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    });
    written.with_context(|| format!("{} cannot be written", path.display()))
}
