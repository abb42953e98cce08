//! The options of `cargo xtask bench import`, and what the other benchmarks share with it.

use super::window::Times;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: cargo xtask bench import [--quick] [--seconds N] [--users N] [--dir D] [--binary F] [--only PART,PART...]
  --quick      100,000 users and 5 s a run instead of 1,000,000 and 20 s
  --seconds N  the length of a measured run (1-600)
  --users N    users loaded before anything is measured (1,000-10,000,000)
  --dir D      where the temporary data directories go (default: /var/tmp, else the system's); a disk, not tmpfs
  --binary F   a muster binary to measure instead of a fresh release build
  --only ...   of muster, postgres (G and N), noop, parse; the report is then printed only, not written to docs/benchmarks.md
   or: cargo xtask bench engine --help     reading, decisions and storage without HTTP, in one process
   or: cargo xtask bench console --help    pages of the console, and imports beside viewers of the live stream
   or: cargo xtask bench shares --help     one modest tenant beside heavy ones, on a small server if wished";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct BenchOptions {
    pub(crate) quick: bool,
    pub(crate) seconds: u64,
    pub(crate) users: u64,
    pub(crate) dir: PathBuf,
    pub(crate) binary: Option<PathBuf>,
    pub(crate) parts: Parts,
    /// The command line as it was given, for the report.
    pub(crate) line: String,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) muster: bool,
    pub(crate) postgres: bool,
    pub(crate) noop: bool,
    pub(crate) parse: bool,
}

impl Parts {
    pub(crate) const ALL: Self = Self { muster: true, postgres: true, noop: true, parse: true };

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

impl BenchOptions {
    pub(crate) fn parse(args: &[String]) -> Result<Self> {
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
    pub(crate) fn times(&self) -> Times {
        Times { warm: Duration::from_secs(self.seconds.div_ceil(5)), run: Duration::from_secs(self.seconds) }
    }

    /// A run of one-element requests, of the calibration, of the parser.
    pub(crate) fn short(&self) -> Times {
        Times { warm: Duration::from_secs(1), run: Duration::from_secs(self.seconds.div_ceil(2)) }
    }
}

pub(crate) fn number(flag: &str, text: &str, range: std::ops::RangeInclusive<u64>) -> Result<u64> {
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => bail!("{flag} {text}: a number from {} to {} is needed\n{USAGE}", range.start(), range.end()),
    }
}

/// Where temporary data directories go if nobody says: a disk, where there is one.
pub(crate) fn disk() -> PathBuf {
    Some(PathBuf::from("/var/tmp")).filter(|dir| dir.is_dir()).unwrap_or_else(std::env::temp_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_sets_what_is_not_given() {
        let args: Vec<String> = ["--quick", "--users", "5000"].map(String::from).to_vec();
        let options = BenchOptions::parse(&args).unwrap();
        assert_eq!((options.seconds, options.users, options.parts), (5, 5000, Parts::ALL));
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_range() {
        let args: Vec<String> = ["--seconds", "0"].map(String::from).to_vec();
        let error = BenchOptions::parse(&args).unwrap_err().to_string();
        assert!(error.starts_with("--seconds 0: a number from 1 to 600 is needed"), "{error}");
    }
}
