//! The stage `browser`: drives the console of the release binary with Debian's Chromium. playwright-core and axe-core
//! are installed below the target folder, once for each lock file; node, npm, Chromium and curl by apt-get where they are
//! absent and that is allowed. The claims are in `tests/browser`; screenshots go to `screenshots` in the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::outcome::StageOutcome;
use crate::repo::{Repo, answers, succeeds};

/// Where Debian puts it.
const CHROMIUM: &str = "/usr/bin/chromium";
/// The files with claims, the longest first; two run at a time, each with a server and a browser of its own.
const FILES: [&str; 9] = [
    "states.mjs",
    "asking.mjs",
    "pages.mjs",
    "empty.mjs",
    "story.mjs",
    "without-script.mjs",
    "sign-in.mjs",
    "keyboard.mjs",
    "keyboard-work.mjs",
];
/// What npm says when it cannot reach the registry.
const UNREACHABLE: [&str; 7] =
    ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "ENETUNREACH", "EHOSTUNREACH"];

pub(super) fn run(repo: &Repo) -> anyhow::Result<StageOutcome> {
    let missing = missing_programs()?;
    if !missing.is_empty() {
        let names = missing.join(" ");
        let why = format!(
            "no {names} (node from 20 on), and apt-get cannot install that here (Debian: apt-get install {names})"
        );
        return Ok(StageOutcome::Skipped(why));
    }
    // Nothing to do after the stage `build`; alone, the stage must not test an old binary.
    if !succeeds(&mut repo.release_build())? {
        return Ok(StageOutcome::Failed);
    }
    let folder = repo.root.join("tests/browser");
    let packages = match packages(&repo.target.join("browser"), &folder)? {
        Ok(packages) => packages,
        Err(outcome) => return Ok(outcome),
    };
    let screenshots = repo.target.join("screenshots");
    fs::create_dir_all(&screenshots).with_context(|| format!("cannot make {}", screenshots.display()))?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec", "--test-concurrency=2"]);
    node.args(FILES.map(|file| folder.join(file))).env("MUSTER_BIN", repo.release_binary());
    node.env("MUSTER_CHROMIUM", CHROMIUM).env("MUSTER_NODE_FOLDER", packages).env("MUSTER_SCREENSHOTS", screenshots);
    Ok(StageOutcome::new(succeeds(&mut node)?))
}

/// Debian's names of the programs that are not there, also after an installation where that is allowed.
fn missing_programs() -> anyhow::Result<Vec<&'static str>> {
    let look = || {
        let is_new = answers("node", &["-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"]);
        let programs = [("npm", "npm"), ("chromium", CHROMIUM), ("curl", "curl")];
        let others = programs.map(|(name, program)| (name, answers(program, &["--version"])));
        let all = [("nodejs", is_new)].into_iter().chain(others);
        all.filter(|(_, is_there)| !is_there).map(|(name, _)| name).collect::<Vec<_>>()
    };
    let missing = look();
    if missing.is_empty() || !answers("sh", &["-c", "test \"$(id -u)\" = 0 && command -v apt-get"]) {
        return Ok(missing);
    }
    let mut update = Command::new("apt-get");
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "--no-install-recommends"]).args(&missing).env("DEBIAN_FRONTEND", "noninteractive");
    // What could not be installed is missing still.
    let _installed = succeeds(update.args(["update", "-q"]))? && succeeds(&mut install)?;
    Ok(look())
}

/// The folder that holds the packages of the lock file; made when absent or made for another lock file.
fn packages(target: &Path, folder: &Path) -> anyhow::Result<Result<PathBuf, StageOutcome>> {
    let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let wanted = read(&folder.join("package-lock.json"))?;
    let installed = target.join("installed-lock.json");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(Ok(target.to_owned()));
    }
    fs::create_dir_all(target).with_context(|| format!("cannot make {}", target.display()))?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(folder.join(name), target.join(name)).with_context(|| format!("cannot copy {name}"))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(target);
    let output = npm.output().context("cannot start npm")?;
    let said = String::from_utf8_lossy(&output.stderr);
    print!("{said}");
    if output.status.success() {
        fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))?;
        return Ok(Ok(target.to_owned()));
    }
    if UNREACHABLE.iter().any(|sign| said.contains(sign)) {
        return Ok(Err(StageOutcome::Skipped("npm cannot reach its registry from here".to_owned())));
    }
    Ok(Err(StageOutcome::Failed))
}
