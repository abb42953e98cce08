//! The generated bugs: `cargo mutants` changes one place of the rules after the other and runs the tests of
//! `muster-core` on each. It works on the copy in place, in slices, so that a time limit needs no killing: a slice that
//! was begun is finished.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, bail};

use super::equivalent::{self, Equivalent, Trial};
use super::options::MutantOptions;
use super::workshop::Workshop;
use crate::repo::{INSTALL_TOOLS, Repo, cargo_program, may_install, succeeds};

/// The version that the list of survivors was made with; another one makes other changes.
const VERSION: &str = "27.1.0";
/// The rules: everything that decides, and how a profile is read.
const RULES: [&str; 4] = [
    "crates/muster-core/src/decide.rs",
    "crates/muster-core/src/decide/**/*.rs",
    "crates/muster-core/src/profile.rs",
    "crates/muster-core/src/profile/*.rs",
];
/// Bugs of one slice, about: some minutes on two cores.
const SLICE: usize = 20;
/// Seconds after which the tests of one bug count as hanging; without a bug they take a tenth of that.
const TIMEOUT_SECONDS: &str = "300";

pub(super) fn run(repo: &Repo, workshop: &Workshop, options: &MutantOptions) -> anyhow::Result<bool> {
    install(repo)?;
    let list = fs::read_to_string(workshop.tree.join(equivalent::PATH))
        .with_context(|| format!("cannot read {}", equivalent::PATH))?;
    let list = Equivalent::parse(&list)?;
    let files: Vec<&str> = match &options.files[..] {
        [] => RULES.to_vec(),
        files => files.iter().map(String::as_str).collect(),
    };
    if !succeeds(&mut workshop.cargo(&["test", "--quiet", "--locked", "-p", "muster-core"]))? {
        bail!("the tests of muster-core fail without any bug");
    }
    let (shard, shards) = options.shard;
    let count = count(workshop, &files, (shard, shards))?;
    let slices = u32::try_from(count.div_ceil(SLICE)).context("too many bugs")?;
    println!("{count} generated bugs in {slices} slices");
    let began = Instant::now();
    let (mut outcome, mut done) = (Trial::default(), 0);
    for slice in 0..slices {
        if options.limit.is_some_and(|limit| began.elapsed() >= limit) {
            break;
        }
        let part = (shard * slices + slice, shards * slices);
        try_slice(workshop, &files, part, &mut outcome)?;
        done += 1;
    }
    outcome.is_complete = done == slices && shards == 1 && options.files.is_empty();
    Ok(report(&list, &outcome, (done, slices)))
}

/// Prints what came out; `false` when a survivor is not explained.
fn report(list: &Equivalent, outcome: &Trial, (done, slices): (u32, u32)) -> bool {
    let faults = list.compare(outcome);
    faults.iter().for_each(|fault| println!("{fault}"));
    let (missed, caught) = (outcome.missed.len(), outcome.caught.len());
    println!("{} generated bugs tried, {caught} found, {missed} survived, {} faults", missed + caught, faults.len());
    if done < slices {
        println!("the time was up: {done} of {slices} slices were run");
    }
    faults.is_empty()
}

/// Makes sure that the pinned version is there.
fn install(repo: &Repo) -> anyhow::Result<()> {
    let is_there = || {
        let output = std::process::Command::new(cargo_program()).args(["mutants", "--version"]).output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim().ends_with(VERSION))
    };
    if !is_there() && may_install() {
        succeeds(&mut repo.cargo(&["install", "cargo-mutants", "--version", VERSION, "--locked"]))?;
    }
    if !is_there() {
        bail!(
            "needs cargo-mutants {VERSION}: cargo install cargo-mutants --version {VERSION} --locked, or {INSTALL_TOOLS}=1"
        );
    }
    Ok(())
}

/// The arguments that choose bugs: files and slice.
fn selection(files: &[&str], (shard, shards): (u32, u32)) -> Vec<String> {
    let mut args = vec!["--package".to_owned(), "muster-core".to_owned()];
    args.extend(["--shard".to_owned(), format!("{shard}/{shards}")]);
    files.iter().for_each(|file| args.extend(["--file".to_owned(), (*file).to_owned()]));
    args
}

fn count(workshop: &Workshop, files: &[&str], shard: (u32, u32)) -> anyhow::Result<usize> {
    let output = workshop.cargo(&["mutants", "--list", "--no-config"]).args(selection(files, shard)).output()?;
    if !output.status.success() {
        bail!("cargo mutants --list failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().count())
}

/// Runs the tests on each bug of a slice and adds what came out.
fn try_slice(workshop: &Workshop, files: &[&str], part: (u32, u32), outcome: &mut Trial) -> anyhow::Result<()> {
    fs::create_dir_all(&workshop.reports)?;
    let mut command = workshop.cargo(&["mutants", "--in-place", "--no-config", "--baseline", "skip"]);
    command.args(["--timeout", TIMEOUT_SECONDS, "--colors", "never", "--output"]).arg(&workshop.reports);
    let status = command.args(selection(files, part)).args(["--", "--locked"]).status()?;
    // 0: all found; 2: some survived; 3: some made the tests hang. All others: the slice was not tried.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        bail!("cargo mutants failed on slice {}/{}: {status}", part.0, part.1);
    }
    let reports = workshop.reports.join("mutants.out");
    outcome.missed.extend(read(&reports.join("missed.txt"))?);
    outcome.caught.extend(read(&reports.join("caught.txt"))?);
    outcome.caught.extend(read(&reports.join("timeout.txt"))?);
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines().map(equivalent::without_position).collect()
}
