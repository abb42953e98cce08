//! Where the checkout and its build output are, and how programs are started in it. Knows no stage and no rule.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// The checkout that this run works on.
pub(crate) struct Repo {
    /// The folder of the workspace manifest.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds (`CARGO_TARGET_DIR` or `target`).
    pub(crate) target: PathBuf,
    /// The answer of `cargo metadata --no-deps`: the workspace's own packages.
    pub(crate) metadata: serde_json::Value,
}

impl Repo {
    /// Finds the checkout from the running cargo, or from the current folder upwards.
    ///
    /// # Errors
    /// When there is no workspace manifest above, or cargo cannot read it.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let root = find_root()?;
        let metadata = cargo_metadata(&root, &["--no-deps"])?;
        let target = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
        Ok(Self { target: PathBuf::from(target), root, metadata })
    }

    /// A cargo command in the checkout; its output goes where ours goes.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(cargo_program());
        command.args(args).current_dir(&self.root);
        command
    }

    /// The command that builds what the client tests and the acceptance checks drive.
    pub(crate) fn release_build(&self) -> Command {
        self.cargo(&["build", "--release", "-p", "muster", "--locked"])
    }

    /// Where a release build leaves the product.
    pub(crate) fn release_binary(&self) -> PathBuf {
        self.target.join("release").join(format!("muster{}", std::env::consts::EXE_SUFFIX))
    }
}

/// Everything `cargo metadata` says about the workspace at `root`.
///
/// # Errors
/// When cargo fails or its answer is not JSON.
pub(crate) fn cargo_metadata(root: &Path, more: &[&str]) -> anyhow::Result<serde_json::Value> {
    let output = Command::new(cargo_program())
        .args(["metadata", "--format-version", "1"])
        .args(more)
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed in {}", root.display());
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata answered no JSON")
}

/// Prints and runs a command, and waits for it; `true` when it exits with 0.
///
/// # Errors
/// When the program cannot be started.
pub(crate) fn succeeds(command: &mut Command) -> anyhow::Result<bool> {
    println!("$ {}", command_line(command));
    let status = command.status().with_context(|| format!("cannot start {}", command_line(command)))?;
    Ok(status.success())
}

/// Is there such a program, and does it answer `args` with exit code 0? Its output is not shown.
pub(crate) fn answers(program: impl AsRef<OsStr>, args: &[&str]) -> bool {
    let quiet =
        Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// The environment variable that lets the checks install tools that are absent.
pub(crate) const INSTALL_TOOLS: &str = "MUSTER_INSTALL_TOOLS";

/// Whether absent tools may be installed.
pub(crate) fn may_install() -> bool {
    std::env::var_os(INSTALL_TOOLS).is_some_and(|value| value == "1")
}

/// The cargo that started us, so that a toolchain override holds for what we start.
pub(crate) fn cargo_program() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn find_root() -> anyhow::Result<PathBuf> {
    let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(manifest) => PathBuf::from(manifest),
        None => std::env::current_dir().context("cannot tell the current folder")?,
    };
    for folder in start.ancestors() {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        if manifest.contains("[workspace]") {
            return Ok(folder.to_path_buf());
        }
    }
    bail!("no Cargo.toml with a [workspace] in {} or above it", start.display())
}

/// The command as a person would type it, the environment that it adds in front.
fn command_line(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        let value = value.map(OsStr::to_string_lossy).unwrap_or_default();
        words.push(format!("{}={}", name.to_string_lossy(), quoted(&value)));
    }
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    words.push(program.to_string_lossy().into_owned());
    for arg in command.get_args() {
        words.push(quoted(&arg.to_string_lossy()));
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    if word.contains(' ') { format!("'{word}'") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_person_would_type_it() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["clippy", "--", "-D", "warnings"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(command_line(&command), "RUSTDOCFLAGS='-D warnings' cargo clippy -- -D warnings");
    }
}
