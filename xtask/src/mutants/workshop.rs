//! Where bugs are injected.

use std::path::PathBuf;
use std::process::Command;

/// The copy that is changed, and where cargo builds it.
pub(super) struct Workshop {
    /// Root of the copy.
    pub(super) tree: PathBuf,
    /// Build output of the copy; kept between runs.
    pub(super) build: PathBuf,
    /// What cargo-mutants writes.
    pub(super) reports: PathBuf,
}

impl Workshop {
    /// A cargo command in the copy. Laws are not shrunk: whether they fail is all that is asked.
    pub(super) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(crate::repo::cargo_program());
        command.args(args).current_dir(&self.tree);
        command.env("CARGO_TARGET_DIR", &self.build).env("MUSTER_LAW_SHRINK", "0");
        command
    }
}
