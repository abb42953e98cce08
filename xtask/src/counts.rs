//! Owns `cargo xtask counts`: how many instructions the parser, `decide` and the codecs need for one body of the import
//! benchmark, counted by callgrind and compared with `xtask/counts.toml`. The count does not depend on how busy a machine
//! is. Leaves the work to `counts/work.rs` and `counts/store.rs`.
//!
//! The counts are made here and not with gungraun: that needs a second program of exactly its version, and compares with
//! an earlier run on the same machine instead of with a file.

#[cfg(feature = "counts")]
mod store;
#[cfg(feature = "counts")]
mod work;

#[cfg(feature = "bench")]
pub(crate) use work::import_of;

use crate::repo::{Repo, answers, succeeds};
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// The pieces of work.
const WORK: [&str; 5] = ["parse", "decide", "encode", "decode", "store"];
/// The counts to compare with.
const FILE: &str = "xtask/counts.toml";
/// A count that is higher by more than this is refused. Hash maps are seeded at random, so that two counts of the same
/// program differ by up to half a per cent; a change elsewhere in a crate can move one by three, through the compiler.
const RISE_PER_CENT_MAX: u64 = 5;
/// Rounds of the two runs whose difference is counted, so that preparing the work does not count.
const ROUNDS: (u64, u64) = (5, 25);

/// What the comparison found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CountsOutcome {
    /// No count rose too far.
    Same,
    /// A count rose too far, or has no entry in the file.
    Risen,
    /// The counts cannot be made or compared here; the text says why.
    NotHere(String),
}

/// Runs `cargo xtask counts ARGS`; `false` when a count rose too far.
///
/// # Errors
/// When the work does not build, or callgrind does not run.
pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<bool> {
    let write = args == ["--write"];
    ensure!(write || args.is_empty(), "usage: cargo xtask counts [--write]");
    match compare(repo, write)? {
        CountsOutcome::Same => Ok(true),
        CountsOutcome::Risen => Ok(false),
        CountsOutcome::NotHere(why) => bail!("{why}"),
    }
}

/// Counts, and compares with the file or writes it.
///
/// # Errors
/// When the work does not build, or callgrind does not run.
pub(crate) fn compare(repo: &Repo, write: bool) -> Result<CountsOutcome> {
    if !answers("valgrind", &["--version"]) {
        return Ok(CountsOutcome::NotHere("valgrind is not installed (Debian: apt-get install valgrind)".to_owned()));
    }
    let environment = environment()?;
    let path = repo.root.join(FILE);
    let before = CountsFile::parse(&std::fs::read_to_string(&path).unwrap_or_default())?;
    if !write && before.environment != environment {
        let why = format!("{FILE} was counted with {}, here is {environment}", before.environment);
        return Ok(CountsOutcome::NotHere(why));
    }
    let program = build(repo)?;
    let mut counts = BTreeMap::new();
    for name in WORK {
        counts.insert(name.to_owned(), count(&program, name)?);
    }
    let after = CountsFile { environment, counts };
    if write {
        std::fs::write(&path, after.render()).with_context(|| format!("cannot write {}", path.display()))?;
        println!("written: {FILE}");
        return Ok(CountsOutcome::Same);
    }
    let (report, risen) = after.report(&before);
    print!("{report}");
    Ok(if risen { CountsOutcome::Risen } else { CountsOutcome::Same })
}

/// Does a piece of work in this process, under callgrind.
#[cfg(feature = "counts")]
pub(crate) fn work(args: &[String]) -> Result<bool> {
    let [name, rounds] = args else { bail!("usage: xtask count-work NAME ROUNDS") };
    do_work(name, rounds.parse()?)?;
    Ok(true)
}

#[cfg(feature = "counts")]
fn do_work(name: &str, rounds: u64) -> Result<()> {
    if name == "store" { store::run(rounds) } else { work::run(name, rounds) }
}

/// What else than the code moves the counts: compiler, C library (its allocator and its copying of memory), valgrind.
fn environment() -> Result<String> {
    let line = |program: &str, arg: &str| -> Result<String> {
        let output = Command::new(program).arg(arg).output().with_context(|| format!("cannot start {program}"))?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned())
    };
    let compiler = line("rustc", "--version")?;
    let compiler = compiler.split(" (").next().unwrap_or_default().to_owned();
    let all = [compiler, line("getconf", "GNU_LIBC_VERSION")?, line("valgrind", "--version")?];
    Ok(format!("{}, {}", all.join(", "), std::env::consts::ARCH))
}

/// Builds this program with the work, optimised. Without optimisation across crates, because that lets a change of one
/// function move code of another.
fn build(repo: &Repo) -> Result<PathBuf> {
    let target = repo.target.join("counts");
    let mut build = repo.cargo(&["build", "--quiet", "--release", "--locked", "-p", "xtask", "--features", "counts"]);
    build.arg("--target-dir").arg(&target);
    for (name, value) in [("LTO", "off"), ("CODEGEN_UNITS", "1"), ("DEBUG", "false")] {
        build.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
    }
    ensure!(succeeds(&mut build)?, "the work to count does not build");
    Ok(target.join("release").join(format!("xtask{}", std::env::consts::EXE_SUFFIX)))
}

/// Returns the instructions of one round of a piece of work.
fn count(program: &PathBuf, name: &str) -> Result<u64> {
    let total = |rounds: u64| -> Result<u64> {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
        let output =
            valgrind.args(["count-work", name, &rounds.to_string()]).output().context("valgrind does not run")?;
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "the work {name} failed under valgrind:\n{stdout}{stderr}");
        collected(&stderr).with_context(|| format!("callgrind gave no count of {name}:\n{stderr}"))
    };
    Ok((total(ROUNDS.1)? - total(ROUNDS.0)?) / (ROUNDS.1 - ROUNDS.0))
}

/// The count in what callgrind prints: `==7== Collected : 123`.
fn collected(printed: &str) -> Option<u64> {
    printed.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// The file of counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct CountsFile {
    environment: String,
    counts: BTreeMap<String, u64>,
}

impl CountsFile {
    /// Reads the file; an empty one has no counts.
    fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().with_context(|| format!("{FILE} is not valid TOML"))?;
        let environment = table.get("environment").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        let mut counts = BTreeMap::new();
        for (name, value) in table.get("instructions").and_then(toml::Value::as_table).into_iter().flatten() {
            let count = value.as_integer().and_then(|count| u64::try_from(count).ok());
            counts.insert(name.clone(), count.with_context(|| format!("{FILE}: {name} is not a count"))?);
        }
        Ok(Self { environment, counts })
    }

    fn render(&self) -> String {
        let mut text = format!(
            "# Instructions that one body of 294 elements needs, counted by callgrind. `cargo xtask counts` refuses a count that is\n\
             # higher by more than {RISE_PER_CENT_MAX} per cent; if that is meant, `cargo xtask counts --write` writes the new counts down.\n\
             environment = {:?}\n\n[instructions]\n",
            self.environment
        );
        for (name, count) in &self.counts {
            writeln!(text, "{name} = {count}").expect("writing to a String never fails");
        }
        text
    }

    /// Returns a line for each count, and whether one rose too far.
    fn report(&self, before: &Self) -> (String, bool) {
        let (mut text, mut risen) = (String::new(), false);
        for (name, now) in &self.counts {
            let Some(then) = before.counts.get(name) else {
                risen = true;
                writeln!(text, "{name:<8} {now:>10}, not in {FILE}").expect("writing to a String never fails");
                continue;
            };
            let change = (*now as f64 / *then as f64 - 1.0) * 100.0;
            let too_high = now * 100 > then * (100 + RISE_PER_CENT_MAX);
            risen |= too_high;
            let verdict = if too_high { ": too high; find out why, or write it down with --write" } else { "" };
            writeln!(text, "{name:<8} {now:>10}, {change:+.2} per cent{verdict}")
                .expect("writing to a String never fails");
        }
        (text, risen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(counts: &[(&str, u64)]) -> CountsFile {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        CountsFile { environment: "rustc 1".to_owned(), counts }
    }

    #[cfg(feature = "counts")]
    #[test]
    fn every_piece_of_work_can_be_done_and_another_name_is_refused() {
        for name in WORK {
            do_work(name, 2).unwrap();
        }
        assert_eq!(do_work("x", 1).unwrap_err().to_string(), "there is no work named \"x\"");
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        let written = file(&[("decide", 2), ("parse", 1)]);
        assert_eq!(CountsFile::parse(&written.render()).unwrap(), written);
        assert_eq!(CountsFile::parse("").unwrap(), CountsFile::default());
    }

    #[test]
    fn only_a_count_that_rises_by_more_than_five_per_cent_or_is_new_is_refused() {
        let before = file(&[("decide", 1_000), ("parse", 1_000)]);
        assert!(!file(&[("decide", 1_050), ("parse", 500)]).report(&before).1);
        assert!(file(&[("decide", 1_051), ("parse", 500)]).report(&before).1);
        assert!(file(&[("encode", 1)]).report(&before).1);
        let (text, _) = file(&[("parse", 900)]).report(&before);
        assert_eq!(text, "parse           900, -10.00 per cent\n");
    }

    #[test]
    fn the_count_is_found_in_what_callgrind_prints() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 1234567\n==7==\n"), Some(1_234_567));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }
}
