//! The options of `cargo xtask bench import`, and what the other benchmarks share with it.

use super::window::Times;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: cargo xtask bench import [--whole] [--quick] [--rounds N] [--seconds N] [--users N] [--dir D] [--binary F] [--only PART,PART...]
  --whole      everything, with the parts grown and long: the whole table of targets
  --quick      100,000 users, 5 s a run and 3 rounds instead of 1,000,000, 20 s and 5
  --rounds N   alternating rounds; the report gives their medians (1-20)
  --seconds N  the length of a measured run (1-3,600)
  --users N    users loaded before anything is measured (1,000-10,000,000)
  --dir D      where the temporary data directories go (default: /var/tmp, else the system's); a disk, not tmpfs
  --binary F   a muster binary to measure instead of a fresh release build
  --only ...   some parts; the report is then printed only, not written to docs/benchmarks.md:
               muster, postgres (G and N), noop, parse: what the ratios are made of
               sync: muster with 3 ms added to each sync, too (needs cc)
               cores: muster and postgres on one and on two cores, too (needs taskset)
               beside: muster beside activations and deletions, too
               grown: muster with five times the users, too (not part of a plain run: 5,000,000 users are loaded)
               long: muster for 30 minutes without a pause, once (not part of a plain run: takes tens of GB)
               checkpoints: G with checkpoints within the run
               random: muster and postgres with random ids of users and events, too
   or: cargo xtask bench engine --help     reading, decisions and storage without HTTP, in one process
   or: cargo xtask bench console --help    pages of the console, and imports beside viewers of the live stream
   or: cargo xtask bench shares --help     one modest tenant beside heavy ones, on a small server if wished";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct BenchOptions {
    pub(crate) quick: bool,
    pub(crate) rounds: u64,
    pub(crate) seconds: u64,
    pub(crate) users: u64,
    pub(crate) dir: PathBuf,
    pub(crate) binary: Option<PathBuf>,
    pub(crate) parts: Parts,
    /// The command line as it was given, for the report.
    pub(crate) line: String,
}

/// Something that can be measured, or left out, by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Muster,
    Postgres,
    Noop,
    Parse,
    Random,
    Checkpoints,
    Sync,
    Cores,
    Beside,
    Grown,
    Long,
}

impl Part {
    pub(crate) const ALL: [Self; 11] = [
        Self::Muster,
        Self::Postgres,
        Self::Noop,
        Self::Parse,
        Self::Random,
        Self::Checkpoints,
        Self::Sync,
        Self::Cores,
        Self::Beside,
        Self::Grown,
        Self::Long,
    ];

    /// Whether a plain run measures it; the others take too long or too much of the disk.
    pub(crate) fn is_usual(self) -> bool {
        !matches!(self, Self::Grown | Self::Long)
    }

    /// The name in `--only`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Muster => "muster",
            Self::Postgres => "postgres",
            Self::Noop => "noop",
            Self::Parse => "parse",
            Self::Random => "random",
            Self::Checkpoints => "checkpoints",
            Self::Sync => "sync",
            Self::Cores => "cores",
            Self::Beside => "beside",
            Self::Grown => "grown",
            Self::Long => "long",
        }
    }
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts(BTreeSet<Part>);

impl Parts {
    /// The parts of a plain run.
    fn usual() -> Self {
        Self(Part::ALL.into_iter().filter(|part| part.is_usual()).collect())
    }

    /// Whether all parts of a plain run are measured.
    pub(crate) fn has_usual(&self) -> bool {
        self.0.is_superset(&Self::usual().0)
    }

    /// Whether this part is measured.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.0.contains(&part)
    }

    fn only(list: &str) -> Result<Self> {
        let part = |name| {
            let found = Part::ALL.into_iter().find(|part| part.name() == name);
            found.with_context(|| format!("--only: there is no part {name:?}\n{USAGE}"))
        };
        Ok(Self(list.split(',').map(part).collect::<Result<_>>()?))
    }
}

impl BenchOptions {
    pub(crate) fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self {
            quick: false,
            rounds: 0,
            seconds: 0,
            users: 0,
            dir: disk(),
            binary: None,
            parts: Parts::usual(),
            line: format!("cargo xtask bench import {}", args.join(" ")).trim_end().to_owned(),
        };
        let mut rest = args.iter();
        while let Some(flag) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{flag} needs a value\n{USAGE}"));
            match flag.as_str() {
                "--quick" => options.quick = true,
                "--whole" => options.parts = Parts(Part::ALL.into()),
                "--rounds" => options.rounds = number(flag, value()?, 1..=20)?,
                "--seconds" => options.seconds = number(flag, value()?, 1..=3_600)?,
                "--users" => options.users = number(flag, value()?, 1_000..=10_000_000)?,
                "--dir" => options.dir = value()?.into(),
                "--binary" => options.binary = Some(value()?.into()),
                "--only" => options.parts = Parts::only(value()?)?,
                other => bail!("unknown option {other:?}\n{USAGE}"),
            }
        }
        let (rounds, seconds, users) = if options.quick { (3, 5, 100_000) } else { (5, 20, 1_000_000) };
        options.rounds = if options.rounds == 0 { rounds } else { options.rounds };
        options.seconds = if options.seconds == 0 { seconds } else { options.seconds };
        options.users = if options.users == 0 { users } else { options.users };
        Ok(options)
    }

    /// A run of full bodies.
    pub(crate) fn times(&self) -> Times {
        Times { warm: Duration::from_secs(self.seconds.div_ceil(5)), run: Duration::from_secs(self.seconds) }
    }

    /// The `max_wal_size` of G with checkpoints, in MB: PostgreSQL's default of 1 GB for a run of 20 s, in proportion for
    /// a shorter run, so that checkpoints begin in it.
    pub(crate) fn checkpoint_wal_megabytes(&self) -> u64 {
        (self.seconds * 51).clamp(64, 1_024)
    }

    /// The users of the part grown.
    pub(crate) fn grown_users(&self) -> u64 {
        self.users * 5
    }

    /// The run of the part long: 30 minutes, or six times a run if that is quick.
    pub(crate) fn long(&self) -> Times {
        let seconds = if self.quick { self.seconds * 6 } else { 1_800 };
        Times { run: Duration::from_secs(seconds), ..self.times() }
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

    fn parse(args: &[&str]) -> Result<BenchOptions, String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        BenchOptions::parse(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn quick_sets_what_is_not_given() {
        let options = parse(&["--quick", "--users", "5000"]).unwrap();
        assert_eq!((options.rounds, options.seconds, options.users), (3, 5, 5_000));
        assert!(options.parts.has_usual() && !options.parts.has(Part::Long));
        assert!(parse(&["--whole"]).unwrap().parts.has(Part::Long));
    }

    #[test]
    fn only_names_parts_and_an_unknown_one_is_refused() {
        let options = parse(&["--only", "muster,noop"]).unwrap();
        let has = Part::ALL.into_iter().filter(|part| options.parts.has(*part)).collect::<Vec<_>>();
        assert_eq!((has, options.parts.has_usual()), (vec![Part::Muster, Part::Noop], false));
        assert!(parse(&["--only", "muster,x"]).unwrap_err().starts_with("--only: there is no part \"x\""));
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_range() {
        let error = parse(&["--seconds", "0"]).unwrap_err();
        assert!(error.starts_with("--seconds 0: a number from 1 to 3600 is needed"), "{error}");
    }
}
