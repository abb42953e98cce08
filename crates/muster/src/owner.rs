//! Whose files are believed: a directory or a file of settings that lies where the command happens to run may be somebody
//! else's bait.

use anyhow::{Context as _, bail};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Refuses what belongs to another user than this one and root. `is_named`: somebody named it, so that root may use what
/// is a service's.
pub(crate) fn check(path: &Path, is_named: bool) -> anyhow::Result<()> {
    let owner = std::fs::metadata(path).with_context(|| format!("{} cannot be examined", path.display()))?.uid();
    let this = rustix::process::geteuid().as_raw();
    if owner == this || owner == 0 || this == 0 && is_named {
        return Ok(());
    }
    bail!("{} belongs to another user (id {owner}): it is not used; run the command as that user", path.display())
}

/// Returns whether others than the owner may do any of these to it (bits of a mode, like 0o022).
pub(crate) fn is_open_to_others(path: &Path, mode: u32) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.mode() & mode != 0)
}
