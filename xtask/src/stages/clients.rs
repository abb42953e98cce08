//! The stage `clients`: drives the release binary with programs whose code is not ours: the Python package `moengage`, the
//! parsers of `prometheus-client`, and the HTTP clients of Node, curl and Python for bodies that are far too large. Packages
//! are installed into a virtual environment below the target folder, once; the claims are in `tests/clients/python`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::outcome::StageOutcome;
use crate::repo::{Repo, answers, succeeds};

/// What is driven, each a program that prints its claims.
const SCRIPTS: [&str; 3] = ["moengage_client.py", "metrics_reader.py", "large_bodies.py"];

/// What pip says when it cannot reach the package index, as opposed to a package that cannot be built.
const UNREACHABLE: [&str; 3] = ["NewConnectionError", "Max retries exceeded", "No matching distribution found"];

pub(super) fn run(repo: &Repo) -> anyhow::Result<StageOutcome> {
    if !answers("python3", &["--version"]) {
        return Ok(StageOutcome::Skipped("no python3 (Debian: apt-get install python3 python3-venv)".to_owned()));
    }
    // Nothing to do after the stage `build`; alone, the stage must not test an old binary.
    if !succeeds(&mut repo.release_build())? {
        return Ok(StageOutcome::Failed);
    }
    let folder = repo.root.join("tests/clients/python");
    let python = match environment(&repo.target.join("clients-python"), &folder.join("requirements.txt"))? {
        Ok(python) => python,
        Err(outcome) => return Ok(outcome),
    };
    let mut all_hold = true;
    for script in SCRIPTS {
        let mut run = Command::new(&python);
        run.arg("-B").arg(folder.join(script)).env("MUSTER_BIN", repo.release_binary());
        // All of them run, so that one run names everything.
        all_hold &= succeeds(&mut run)?;
    }
    Ok(StageOutcome::new(all_hold))
}

/// The Python of a virtual environment that holds `requirements`; made when absent or made for other requirements.
fn environment(venv: &Path, requirements: &Path) -> anyhow::Result<Result<PathBuf, StageOutcome>> {
    let python = venv.join("bin/python");
    let wanted = fs::read_to_string(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let installed = venv.join("installed-requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) && answers(&python, &["--version"]) {
        return Ok(Ok(python));
    }
    if !succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))? {
        let why = "python3 has no working venv module (Debian: apt-get install python3-venv)";
        return Ok(Err(StageOutcome::Skipped(why.to_owned())));
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "-r"]).arg(requirements);
    let output = pip.output().context("cannot start pip")?;
    let said = String::from_utf8_lossy(&output.stderr);
    print!("{said}");
    if output.status.success() {
        fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))?;
        return Ok(Ok(python));
    }
    if UNREACHABLE.iter().any(|sign| said.contains(sign)) {
        return Ok(Err(StageOutcome::Skipped("pip cannot reach a package index from here".to_owned())));
    }
    Ok(Err(StageOutcome::Failed))
}
