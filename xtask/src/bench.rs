//! Owns `cargo xtask bench`: which benchmark runs. Never part of the checks: a benchmark is
//! not a timed test. Leaves the course of the measurement to `bench/import.rs`.

mod build;
mod console;
mod disk;
mod engine;
mod figures;
mod import;
mod launch;
mod load;
mod loader;
mod noop;
mod options;
mod output;
mod parse;
mod postgres;
mod proc;
mod report;
mod server;
mod shares;
mod slow_sync;
mod window;
pub(crate) mod worst;

use anyhow::{Result, bail};
use options::{BenchOptions, USAGE};

/// Runs `cargo xtask bench ARGS`.
///
/// # Errors
///
/// When the arguments are not understood, something does not build, a server does not come up or breaks an answer, or
/// the run was interrupted. Servers are stopped and temporary files removed in every case.
pub(crate) fn run(args: &[String]) -> Result<()> {
    match args.split_first() {
        Some((command, [])) if command == "serve-noop" => noop::serve(),
        Some((command, rest)) if command == "console" => console::run(rest),
        Some((command, rest)) if command == "engine" => engine::run(rest),
        Some((command, rest)) if command == "shares" => shares::run(rest),
        Some((command, rest)) if command == "import" => {
            let options = BenchOptions::parse(rest)?;
            if cfg!(debug_assertions) {
                bail!("a load generator without optimisation measures itself: `cargo run --release -p xtask ...`");
            }
            import::run(&options)
        }
        _ => bail!("{USAGE}"),
    }
}
