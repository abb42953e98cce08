//! Owns the course of `bench import`: set-up and preload, alternating rounds of Muster and the yardsticks beside it,
//! the starts, and what is collected for the report. Leaves Muster to `import/muster.rs`, PostgreSQL to
//! `import/yardsticks.rs`, and each measurement to its file.

mod loads;
mod muster;
mod yardsticks;

use super::figures::{BenchRow, Figures};
use super::load;
use super::options::{BenchOptions, Part};
use super::parse::{self, BodyReader};
use super::server::{BenchServer, BenchWorkspace, binary};
use super::{proc, report};
use anyhow::{Context, Result};
use loads::one_element;
use muster::Muster;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use yardsticks::Postgres;

/// Runs the benchmark and writes its report.
pub(crate) fn run(options: &BenchOptions) -> Result<()> {
    super::window::watch_signals()?;
    let has = |part| options.parts.has(part);
    let binary = has(Part::Muster).then(|| binary(options.binary.as_deref())).transpose()?;
    let scratch = tempfile::Builder::new().prefix("muster-bench-").tempdir_in(&options.dir)?;
    // PostgreSQL runs under an account of its own when this is root, and has to reach its directory.
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o711))?;
    let mut figures = Figures::default();
    let muster = binary.map(|binary| Muster::prepare(binary, scratch.path(), options, &mut figures)).transpose()?;
    let postgres = if has(Part::Postgres) { Postgres::prepare(scratch.path(), options, &mut figures)? } else { None };
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        if let Some(muster) = &muster {
            muster.round(round, options, &mut figures)?;
        }
        if let Some(postgres) = &postgres {
            postgres.round(round, options, &mut figures)?;
        }
        if has(Part::Noop) {
            noop(scratch.path(), round, options, &mut figures)?;
        }
        if has(Part::Parse) {
            figures.parse.push(parse::rate(&BodyReader::Plain, options.short().run)?);
            figures.parse_own.push(parse::rate(&BodyReader::muster(), options.short().run)?);
        }
    }
    if let Some(muster) = &muster {
        muster.kill_under_load(options, &mut figures)?;
    }
    let machine = proc::machine(scratch.path());
    scratch.close().context("the temporary files were not removed")?;
    report::write(options, &figures, &machine)
}

fn noop(scratch: &Path, round: u64, options: &BenchOptions, figures: &mut Figures) -> Result<()> {
    let server = BenchServer::noop(scratch)?;
    let target = server.target(&BenchWorkspace::anything(options.users));
    let load = one_element(vec![target], round);
    figures.push(BenchRow::Noop, load::drive(&load, options.short(), || server.usage())?);
    server.kill()
}
