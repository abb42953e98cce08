//! Inputs on the disk: the corpus of a target in `fuzz/corpus/NAME`, and those that something did not hold for, in
//! `fuzz/artifacts/NAME`, where cargo-fuzz has them, too.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::targets::Target;

/// How deep samples are looked for below their folder.
const SAMPLES_DEPTH_MAX: u32 = 2;

/// The corpus of a target in order of the names of its files, then its samples; never empty.
///
/// # Errors
/// When it cannot be read, or is empty.
pub(super) fn read(root: &Path, target: &Target) -> anyhow::Result<Vec<Vec<u8>>> {
    let folder = root.join("fuzz/corpus").join(target.name);
    let mut files = Vec::new();
    list(&folder, 1, &mut files)?;
    if let Some(samples) = target.samples {
        let mut found = Vec::new();
        list(&root.join(samples), SAMPLES_DEPTH_MAX, &mut found)?;
        files.extend(found.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")));
    }
    ensure!(!files.is_empty(), "{} holds no input", folder.display());
    let read = |path: PathBuf| fs::read(&path).with_context(|| format!("{} cannot be read", path.display()));
    files.into_iter().map(read).collect()
}

/// The files of a folder and of those below it, each folder in order of names.
fn list(folder: &Path, depth: u32, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unreadable = || format!("{} cannot be read", folder.display());
    let entries: Result<Vec<PathBuf>, _> =
        fs::read_dir(folder).with_context(unreadable)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.with_context(unreadable)?;
    entries.sort();
    for path in entries {
        if path.is_file() {
            files.push(path);
        } else if depth > 1 {
            list(&path, depth - 1, files)?;
        }
    }
    Ok(())
}

/// Keeps an input that something did not hold for; its path from the root of the checkout.
///
/// # Errors
/// When it cannot be written.
pub(super) fn keep(root: &Path, target: &Target, name: &str, input: &[u8]) -> anyhow::Result<String> {
    let folder = format!("fuzz/artifacts/{}", target.name);
    let path = format!("{folder}/{name}");
    let written = fs::create_dir_all(root.join(&folder)).and_then(|()| fs::write(root.join(&path), input));
    written.with_context(|| format!("{path} cannot be written"))?;
    Ok(path)
}
