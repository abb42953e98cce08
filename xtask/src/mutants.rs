//! `cargo xtask mutants`: do the tests of `muster-core` find bugs in its rules? Two proofs, both on a copy of the
//! checkout, so that a bug never gets into the sources that people build.
//!
//! 1. `mutants/injected.rs`: each hand-made bug of `xtask/bugs` is injected, and the law that its patch names must fail.
//! 2. `mutants/generated.rs`: `cargo mutants` changes the rules one operator or result at a time. What survives must be
//!    in `xtask/bugs/equivalent.toml` with the reason (`mutants/equivalent.rs`).
//!
//! The second takes hours. It runs in slices, stops between two of them when the time is up, and says what it left out.

mod copy;
mod equivalent;
mod generated;
mod injected;
mod options;
mod workshop;

use crate::repo::Repo;
use options::MutantOptions;
use workshop::Workshop;

/// Runs both proofs, or the one that is named; `false` when a bug was not found.
///
/// # Errors
/// When the arguments are wrong, the copy cannot be made, or a tool is absent.
pub(crate) fn run(repo: &Repo, args: &[String]) -> anyhow::Result<bool> {
    let options = MutantOptions::parse(args)?;
    let folder = repo.target.join("mutants");
    let workshop = Workshop { tree: folder.join("tree"), build: folder.join("build"), reports: folder.join("reports") };
    copy::refresh(&repo.root, &workshop.tree)?;
    let mut held = true;
    if options.injected {
        held &= injected::run(&workshop)?;
    }
    if options.generated {
        held &= generated::run(repo, &workshop, &options)?;
    }
    Ok(held)
}
