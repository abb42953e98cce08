//! Owns `cargo xtask bench`: options and the release build of what is measured. Never part of the checks: a benchmark is
//! not a timed test. Leaves the course of the measurement to `bench/import.rs`.

mod bodies;
mod console;
mod import;
mod load;
mod loader;
mod noop;
mod parse;
mod postgres;
mod proc;
mod report;
mod server;
mod shares;
mod window;
pub(crate) mod worst;

use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use window::Times;

const USAGE: &str = "\
usage: cargo xtask bench import [--quick] [--seconds N] [--users N] [--dir D] [--binary F] [--only PART,PART...]
  --quick      100,000 users and 5 s a run instead of 1,000,000 and 20 s
  --seconds N  the length of a measured run (1-600)
  --users N    users loaded before anything is measured (1,000-10,000,000)
  --dir D      where the temporary data directories go (default: /var/tmp, else the system's); a disk, not tmpfs
  --binary F   a muster binary to measure instead of a fresh release build
  --only ...   of muster, postgres (G and N), noop, parse; the report is then printed only, not written to docs/benchmarks.md
   or: cargo xtask bench console --help    pages of the console, and imports beside viewers of the live stream
   or: cargo xtask bench shares --help     one modest tenant beside heavy ones, on a small server if wished";

/// What was asked for.
#[derive(Debug)]
struct Options {
    quick: bool,
    seconds: u64,
    users: u64,
    dir: PathBuf,
    binary: Option<PathBuf>,
    parts: Parts,
    /// The command line as it was given, for the report.
    line: String,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    muster: bool,
    postgres: bool,
    noop: bool,
    parse: bool,
}

impl Parts {
    const ALL: Self = Self { muster: true, postgres: true, noop: true, parse: true };

    fn only(list: &str) -> Result<Self> {
        let mut parts = Self { muster: false, postgres: false, noop: false, parse: false };
        for name in list.split(',') {
            match name {
                "muster" => parts.muster = true,
                "postgres" => parts.postgres = true,
                "noop" => parts.noop = true,
                "parse" => parts.parse = true,
                other => bail!("--only: there is no part {other:?}\n{USAGE}"),
            }
        }
        Ok(parts)
    }
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self {
            quick: false,
            seconds: 0,
            users: 0,
            dir: disk(),
            binary: None,
            parts: Parts::ALL,
            line: format!("cargo xtask bench import {}", args.join(" ")).trim_end().to_owned(),
        };
        let mut rest = args.iter();
        while let Some(flag) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{flag} needs a value\n{USAGE}"));
            match flag.as_str() {
                "--quick" => options.quick = true,
                "--seconds" => options.seconds = number(flag, value()?, 1..=600)?,
                "--users" => options.users = number(flag, value()?, 1_000..=10_000_000)?,
                "--dir" => options.dir = value()?.into(),
                "--binary" => options.binary = Some(value()?.into()),
                "--only" => options.parts = Parts::only(value()?)?,
                other => bail!("unknown option {other:?}\n{USAGE}"),
            }
        }
        let defaults = if options.quick { (5, 100_000) } else { (20, 1_000_000) };
        options.seconds = if options.seconds == 0 { defaults.0 } else { options.seconds };
        options.users = if options.users == 0 { defaults.1 } else { options.users };
        Ok(options)
    }

    /// A run of full bodies.
    fn times(&self) -> Times {
        Times { warm: Duration::from_secs(self.seconds.div_ceil(5)), run: Duration::from_secs(self.seconds) }
    }

    /// A run of one-element requests, of the calibration, of the parser.
    fn short(&self) -> Times {
        Times { warm: Duration::from_secs(1), run: Duration::from_secs(self.seconds.div_ceil(2)) }
    }
}

fn number(flag: &str, text: &str, range: std::ops::RangeInclusive<u64>) -> Result<u64> {
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => bail!("{flag} {text}: a number from {} to {} is needed\n{USAGE}", range.start(), range.end()),
    }
}

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
        Some((command, rest)) if command == "shares" => shares::run(rest),
        Some((command, rest)) if command == "import" => {
            let options = Options::parse(rest)?;
            if cfg!(debug_assertions) {
                bail!("a load generator without optimisation measures itself: `cargo run --release -p xtask ...`");
            }
            import::run(&options)
        }
        _ => bail!("{USAGE}"),
    }
}

/// Where temporary data directories go if nobody says: a disk, where there is one.
fn disk() -> PathBuf {
    Some(PathBuf::from("/var/tmp")).filter(|dir| dir.is_dir()).unwrap_or_else(std::env::temp_dir)
}

/// Builds one package in release mode; the path of its executable.
fn build(package: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--message-format=json-render-diagnostics", "-p", package]);
    let out = command.current_dir(root()).stderr(Stdio::inherit()).output().context("cargo does not run")?;
    if !out.status.success() {
        bail!("cargo build --release -p {package} failed");
    }
    let executable = String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == package)
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back();
    executable.with_context(|| format!("cargo named no executable of {package}"))
}

/// The repository's root.
fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map_or_else(|| manifest.clone(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_sets_what_is_not_given() {
        let args: Vec<String> = ["--quick", "--users", "5000"].map(String::from).to_vec();
        let options = Options::parse(&args).unwrap();
        assert_eq!((options.seconds, options.users, options.parts), (5, 5000, Parts::ALL));
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_range() {
        let args: Vec<String> = ["--seconds", "0"].map(String::from).to_vec();
        let error = Options::parse(&args).unwrap_err().to_string();
        assert!(error.starts_with("--seconds 0: a number from 1 to 600 is needed"), "{error}");
    }
}
