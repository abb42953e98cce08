//! The hand-made bugs: each is injected into the copy, and the law that its patch names must fail. First the laws run
//! without any bug, because a law that always fails finds everything.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};

use super::workshop::Workshop;
use crate::injected_bugs::{FOLDER, InjectedBug, name_of};
use crate::repo::succeeds;

/// Histories that a law may try for one bug; each is found within a few dozen.
const CASES: &str = "400";

pub(super) fn run(workshop: &Workshop) -> anyhow::Result<bool> {
    let bugs = read(&workshop.tree)?;
    ensure!(!bugs.is_empty(), "there are no patches in {FOLDER}");
    let laws: BTreeSet<_> = bugs.iter().map(|bug| (&bug.test_binary, &bug.test)).collect();
    for (test_binary, test) in laws {
        ensure!(
            law_holds(workshop, test_binary, test)?,
            "{test} fails without any bug, so that it cannot show that it finds one"
        );
    }
    let mut missed = Vec::new();
    for bug in &bugs {
        println!("\n{}: {}", bug.name, bug.about);
        if !finds(workshop, bug)? {
            println!("NOT FOUND by {}", bug.test);
            missed.push(bug.name.as_str());
        }
    }
    println!("\n{} injected bugs, {} found", bugs.len(), bugs.len() - missed.len());
    missed.iter().for_each(|name| println!("not found: {name}"));
    Ok(missed.is_empty())
}

/// The patches in the copy, by name.
fn read(tree: &Path) -> anyhow::Result<Vec<InjectedBug>> {
    let mut bugs = Vec::new();
    for entry in fs::read_dir(tree.join(FOLDER)).with_context(|| format!("cannot read {FOLDER}"))? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        let path = format!("{FOLDER}/{file}");
        let Some(name) = name_of(&path) else { continue };
        let text = fs::read_to_string(tree.join(&path)).with_context(|| format!("cannot read {path}"))?;
        bugs.push(InjectedBug::parse(name, &text).with_context(|| path.clone())?);
    }
    bugs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(bugs)
}

/// Injects the bug, builds, runs its law, and puts the file back whatever came of it. A bug that does not compile would
/// fail every law, so it is an error.
fn finds(workshop: &Workshop, bug: &InjectedBug) -> anyhow::Result<bool> {
    let path = workshop.tree.join(&bug.path);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", bug.path))?;
    let patched = bug.apply(&text).with_context(|| bug.name.clone())?;
    fs::write(&path, patched).with_context(|| format!("cannot write {}", bug.path))?;
    let result = holds_with_bug(workshop, bug);
    fs::write(&path, text).with_context(|| format!("cannot restore {} in the copy", bug.path))?;
    Ok(!result?)
}

fn holds_with_bug(workshop: &Workshop, bug: &InjectedBug) -> anyhow::Result<bool> {
    let build = ["test", "--quiet", "--locked", "-p", "muster-core", "--test", &bug.test_binary, "--no-run"];
    ensure!(succeeds(&mut workshop.cargo(&build))?, "{} does not compile", bug.name);
    law_holds(workshop, &bug.test_binary, &bug.test)
}

/// Runs one test; its output is of no interest, only whether it holds.
fn law_holds(workshop: &Workshop, test_binary: &str, test: &str) -> anyhow::Result<bool> {
    let run = ["test", "--quiet", "--locked", "-p", "muster-core", "--test", test_binary, "--", "--exact", test];
    let mut command = workshop.cargo(&run);
    command.env("MUSTER_LAW_CASES", CASES);
    succeeds(command.stdout(Stdio::null()).stderr(Stdio::null()))
}
