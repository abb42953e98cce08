//! Owns the course of `bench import`: set-up and preload, alternating rounds of Muster and the yardsticks beside it,
//! the starts, and what is collected for the report. Leaves Muster to `import/muster.rs`, PostgreSQL to
//! `import/yardsticks.rs`, and each measurement to its file.

mod beside;
mod loaded_data;
mod loads;
mod muster;
mod starts;
mod yardsticks;

use super::disk::DiskMeter;
use super::figures::{BenchRow, Figures};
use super::load;
use super::options::{BenchOptions, Part};
use super::parse::{self, BodyReader};
use super::server::{BenchServer, BenchWorkspace, binary};
use super::{proc, report};
use anyhow::{Context, Result};
use loads::{Round, one_element};
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
    let disk = DiskMeter::find(scratch.path())?;
    let mut figures = Figures::default();
    figures.device = (disk.describe(), disk.has_device());
    let muster = binary.map(|binary| Muster::prepare(binary, scratch.path(), options, &mut figures)).transpose()?;
    let postgres =
        if has(Part::Postgres) { Postgres::prepare(scratch.path(), &disk, options, &mut figures)? } else { None };
    for number in 1..=options.rounds {
        eprintln!("round {number} of {}", options.rounds);
        let round = &mut Round { number, options, disk: &disk, figures: &mut figures };
        if let Some(muster) = &muster {
            muster.round(round)?;
        }
        if let Some(postgres) = &postgres {
            postgres.round(round)?;
        }
        if has(Part::Noop) {
            noop(scratch.path(), round)?;
        }
        if has(Part::Parse) {
            figures.parse.push(parse::rate(&BodyReader::Plain, options.short().run)?);
            figures.parse_own.push(parse::rate(&BodyReader::muster(), options.short().run)?);
        }
    }
    if let Some(muster) = &muster {
        muster.kill_under_load(options, &mut figures)?;
        if has(Part::Long) {
            muster.long_run(&mut Round { number: 1, options, disk: &disk, figures: &mut figures })?;
        }
    }
    let machine = proc::machine(scratch.path());
    scratch.close().context("the temporary files were not removed")?;
    report::write(options, &figures, &machine)
}

fn noop(scratch: &Path, round: &mut Round<'_>) -> Result<()> {
    let server = BenchServer::noop(scratch)?;
    let target = server.target(&BenchWorkspace::anything(round.options.users));
    let load = one_element(vec![target], round.number);
    round
        .figures
        .push(BenchRow::Noop, round.disk.measure(|| load::drive(&load, round.options.short(), || server.usage()))?);
    server.kill()
}
