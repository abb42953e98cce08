//! `cargo xtask tidy`: the rules of the house that no compiler checks. This file runs the rule families and reports;
//! `tidy/tree.rs` reads the checkout once, `tidy/sources.rs` judges single source files, `tidy/crates.rs` the table of
//! who may use what, `tidy/documents.rs` whether the documents name files that exist, `tidy/bugs.rs` whether the injected bugs still apply.
//!
//! A rule says what is wrong, where, and what to do. Rules look at text, not at syntax: a false alarm is mended by
//! saying the thing differently or by making the rule sharper, never by an exemption list.

mod allowances;
mod bugs;
mod circles;
mod crates;
mod documents;
mod findings;
mod imports;
mod json_reads;
mod sources;
mod tree;
mod types;
mod words;

use anyhow::{Context as _, ensure};

use crate::repo::Repo;
use allowances::Allowances;
use findings::Severity;
use tree::Tree;

/// Runs all rules over the checkout, prints what they find; `false` when something must be mended.
///
/// # Errors
/// When the checkout cannot be read.
pub(crate) fn run(repo: &Repo, args: &[String]) -> anyhow::Result<bool> {
    let lower = args == ["--lower"];
    ensure!(lower || args.is_empty(), "usage: cargo xtask tidy [--lower]");
    let tree = Tree::read(&repo.root)?;
    let allowed = Allowances::read(&tree)?;
    let found = Allowances {
        circles: circles::count(&tree),
        words: words::count(&tree),
        types: types::count(&tree),
        json_reads: json_reads::count(&tree),
    };
    let allowed = if lower { lower_allowances(repo, &allowed, &found)? } else { allowed };
    let mut findings = sources::check(&tree);
    findings.extend(crates::check(&tree, &repo.metadata)?);
    findings.extend(documents::check(&tree));
    findings.extend(bugs::check(&tree));
    findings.extend(allowed.new_circles(&found));
    findings.extend(words::check(&tree, &allowed, &found));
    findings.extend(types::check(&tree, &allowed));
    findings.extend(json_reads::check(&allowed, &found));
    findings.extend(allowed.find_outdated(&found));
    findings.sort_by(|a, b| a.place.cmp(&b.place));
    for finding in &findings {
        let word = if finding.severity == Severity::Error { "error" } else { "warning" };
        println!("{word}: {}: {}", finding.place, finding.message);
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    println!("tidy: {} files, {errors} errors, {} warnings", tree.files().len(), findings.len() - errors);
    Ok(errors == 0)
}

/// Writes the smaller numbers down and returns them.
fn lower_allowances(repo: &Repo, allowed: &Allowances, found: &Allowances) -> anyhow::Result<Allowances> {
    let lowered = allowed.lower(found);
    let path = repo.root.join(allowances::PATH);
    std::fs::write(&path, lowered.render()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(lowered)
}
