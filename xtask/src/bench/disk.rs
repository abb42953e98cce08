//! Owns the directories of measured servers on the disk: copies of preloaded ones.

use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::Command;

/// Copies a directory with owners and modes to `to`, which is replaced, and waits until the disk has it: no run pays
/// for the copy.
pub(crate) fn copy_directory(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to).with_context(|| format!("cannot remove {}", to.display()))?;
    }
    let mut copy = Command::new("cp");
    if !copy.args(["-a", "--reflink=auto"]).args([from, to]).status()?.success() {
        bail!("cannot copy {} to {}", from.display(), to.display());
    }
    write_back(to)
}

/// Waits until the file system of `dir` has written everything to its device.
pub(crate) fn write_back(dir: &Path) -> Result<()> {
    if !Command::new("sync").arg("-f").arg(dir).status()?.success() {
        bail!("sync -f {} failed", dir.display());
    }
    Ok(())
}
