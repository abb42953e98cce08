//! `cargo xtask tidy`: the rules of the house that no compiler checks. This file runs the rule families and reports;
//! `tidy/tree.rs` reads the checkout once, `tidy/sources.rs` judges single source files, `tidy/crates.rs` the table of
//! who may use what, `tidy/documents.rs` whether the documents name files that exist, `tidy/bugs.rs` whether the injected bugs still apply.
//!
//! A rule says what is wrong, where, and what to do. Rules look at text, not at syntax: a false alarm is mended by
//! saying the thing differently or by making the rule sharper, never by an exemption list.

mod bugs;
mod crates;
mod documents;
mod sources;
mod tree;

use anyhow::ensure;

use crate::repo::Repo;
use tree::Tree;

/// Does a finding fail the run?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Error,
    Warning,
}

/// One thing that a rule found.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    severity: Severity,
    /// `path` or `path:line`, from the root of the checkout.
    place: String,
    message: String,
}

impl Finding {
    fn error(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, place: place.into(), message: message.into() }
    }
}

/// Runs all rules over the checkout, prints what they find; `false` when something must be mended.
///
/// # Errors
/// When the checkout cannot be read.
pub(crate) fn run(repo: &Repo, args: &[String]) -> anyhow::Result<bool> {
    ensure!(args.is_empty(), "`cargo xtask tidy` takes no arguments");
    let tree = Tree::read(&repo.root)?;
    let mut findings = sources::check(&tree);
    findings.extend(crates::check(&tree, &repo.metadata)?);
    findings.extend(documents::check(&tree));
    findings.extend(bugs::check(&tree));
    findings.sort_by(|a, b| a.place.cmp(&b.place));
    for finding in &findings {
        let word = if finding.severity == Severity::Error { "error" } else { "warning" };
        println!("{word}: {}: {}", finding.place, finding.message);
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    println!("tidy: {} files, {errors} errors, {} warnings", tree.files().len(), findings.len() - errors);
    Ok(errors == 0)
}
