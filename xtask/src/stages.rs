//! `cargo xtask test`: every check and test of the project, in stages. This file owns the list, the order, the clock
//! and the summary; the files of `stages/` hold the stages that are more than one command.
//!
//! A failed stage does not stop the others: one run names everything that is wrong. The order puts what is quick
//! first; `clippy` and `docs` share cargo's check build of the dependencies, `build`, `clients` and `browser` the release build.

mod audit;
mod book;
mod browser;
mod clients;
mod database;
mod outcome;

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::counts::{self, CountsOutcome};
use crate::repo::{Repo, succeeds};
use crate::tidy;
use database::TestDatabase;
use outcome::StageOutcome;

struct Stage {
    name: &'static str,
    about: &'static str,
    run: fn(&Repo) -> anyhow::Result<StageOutcome>,
}

const STAGES: [Stage; 12] = [
    Stage { name: "fmt", about: "formatting", run: fmt },
    Stage { name: "tidy", about: "rules about source text, crates and documents", run: tidy_stage },
    Stage { name: "audit", about: "licences, bans, sources and advisories of the dependencies", run: audit::run },
    Stage { name: "clippy", about: "lints, warnings refused", run: clippy },
    Stage { name: "docs", about: "API documentation, broken links refused", run: docs },
    Stage { name: "book", about: "the documents as a book, broken links refused", run: book::run },
    Stage { name: "build", about: "the release binary", run: build },
    Stage { name: "test", about: "all Rust tests", run: test },
    Stage { name: "counts", about: "instructions of the parser, `decide` and the codecs", run: counts_stage },
    Stage { name: "fuzz", about: "the fuzz targets for a minute, on mutations of their corpora", run: fuzz },
    Stage { name: "clients", about: "a client that nobody here wrote, against the release binary", run: clients::run },
    Stage { name: "browser", about: "the console in Chromium, against the release binary", run: browser::run },
];

/// What `clippy`, `docs` and `test` look at; the same for all three, so that they share what is built.
const EVERYTHING: [&str; 4] = ["--workspace", "--features", "xtask/bench,xtask/fuzz", "--locked"];

/// How long the fuzz targets run in all: some hundred thousand inputs, and no longer than people wait.
const FUZZ_SECONDS: &str = "60";

/// The stages for `cargo xtask help`.
pub(crate) fn help() -> String {
    let lines = STAGES.iter().map(|stage| format!("  {:<8} {}\n", stage.name, stage.about));
    format!("\nStages of `cargo xtask test`:\n{}", lines.collect::<String>())
}

/// Runs the named stages, or all; prints the summary; `false` when one failed.
///
/// # Errors
/// When a name is not a stage.
pub(crate) fn run(repo: &Repo, names: &[String]) -> anyhow::Result<bool> {
    let mut ended = Vec::new();
    for stage in select_stages(names)? {
        println!("\n=== {}: {}", stage.name, stage.about);
        let began = Instant::now();
        let outcome = (stage.run)(repo).unwrap_or_else(|error| {
            println!("error: {error:#}");
            StageOutcome::Failed
        });
        let took = began.elapsed();
        if let StageOutcome::Skipped(why) = &outcome {
            println!("skipped: {why}");
        }
        println!("=== {} {} in {:.1} s", stage.name, outcome.word(), took.as_secs_f64());
        ended.push((stage.name, outcome, took));
    }
    print!("\n{}", summary(&ended));
    Ok(ended.iter().all(|(_, outcome, _)| *outcome != StageOutcome::Failed))
}

/// In the order of the list, whatever the order asked for: the release build comes before what uses it.
fn select_stages(names: &[String]) -> anyhow::Result<Vec<&'static Stage>> {
    for name in names {
        if !STAGES.iter().any(|stage| stage.name == name) {
            let known: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
            bail!("no stage `{name}`; there are {}", known.join(", "));
        }
    }
    let wanted = |stage: &&Stage| names.is_empty() || names.iter().any(|name| name == stage.name);
    Ok(STAGES.iter().filter(wanted).collect())
}

/// A table of the stages, and the counts as the last line alone, for programs that read it.
fn summary(ended: &[(&str, StageOutcome, Duration)]) -> String {
    let mut table = String::new();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut total = Duration::ZERO;
    for (name, outcome, took) in ended {
        match outcome {
            StageOutcome::Passed(_) => passed += 1,
            StageOutcome::Failed => failed += 1,
            StageOutcome::Skipped(_) => skipped += 1,
        }
        total += *took;
        let line = format!("{name:<8} {:<8} {:>7.1} s  {}", outcome.word(), took.as_secs_f64(), outcome.note());
        table.push_str(line.trim_end());
        table.push('\n');
    }
    let total = total.as_secs_f64();
    format!("{table}{:<8} {:<8} {total:>7.1} s\n\n{passed} passed, {failed} failed, {skipped} skipped\n", "total", "")
}

fn fmt(repo: &Repo) -> anyhow::Result<StageOutcome> {
    Ok(StageOutcome::new(succeeds(&mut repo.cargo(&["fmt", "--all", "--check"]))?))
}

fn tidy_stage(repo: &Repo) -> anyhow::Result<StageOutcome> {
    Ok(StageOutcome::new(tidy::run(repo, &[])?))
}

fn clippy(repo: &Repo) -> anyhow::Result<StageOutcome> {
    let mut clippy = repo.cargo(&["clippy", "--all-targets", "--keep-going"]);
    Ok(StageOutcome::new(succeeds(clippy.args(EVERYTHING).args(["--", "-D", "warnings"]))?))
}

fn docs(repo: &Repo) -> anyhow::Result<StageOutcome> {
    let mut doc = repo.cargo(&["doc", "--no-deps", "--document-private-items", "--keep-going"]);
    Ok(StageOutcome::new(succeeds(doc.args(EVERYTHING).env("RUSTDOCFLAGS", "-D warnings"))?))
}

fn build(repo: &Repo) -> anyhow::Result<StageOutcome> {
    Ok(StageOutcome::new(succeeds(&mut repo.release_build())?))
}

/// With a PostgreSQL of its own, which ends with the stage: the engine over it is tested with the others.
fn test(repo: &Repo) -> anyhow::Result<StageOutcome> {
    let mut test = repo.cargo(&["test", "--no-fail-fast"]);
    test.args(EVERYTHING);
    let database = TestDatabase::start(&repo.target)?;
    if let Some(database) = &database {
        test.env(database::VARIABLE, database.url());
    }
    let held = succeeds(&mut test)?;
    Ok(match database {
        None if held => {
            StageOutcome::Passed(Some(format!("without PostgreSQL (Debian: apt-get install {})", database::PACKAGE)))
        }
        _ => StageOutcome::new(held),
    })
}

fn counts_stage(repo: &Repo) -> anyhow::Result<StageOutcome> {
    Ok(match counts::compare(repo, false)? {
        CountsOutcome::Same => StageOutcome::Passed(None),
        CountsOutcome::Risen => StageOutcome::Failed,
        CountsOutcome::NotHere(why) => StageOutcome::Skipped(why),
    })
}

/// By a release build of this program that has the targets: a debug build sees a tenth of the inputs.
fn fuzz(repo: &Repo) -> anyhow::Result<StageOutcome> {
    let build = ["run", "--quiet", "--release", "--locked", "-p", "xtask", "--features", "fuzz", "--", "fuzz"];
    Ok(StageOutcome::new(succeeds(repo.cargo(&build).args(["--seconds", FUZZ_SECONDS]))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(asked: &[&str]) -> Result<Vec<&'static str>, String> {
        let asked: Vec<String> = asked.iter().map(|&name| name.to_owned()).collect();
        let stages = select_stages(&asked).map_err(|error| error.to_string())?;
        Ok(stages.iter().map(|stage| stage.name).collect())
    }

    #[test]
    fn named_stages_run_in_the_order_of_the_list_and_an_unknown_one_is_refused() {
        assert_eq!(names(&["clients", "fmt"]), Ok(vec!["fmt", "clients"]));
        assert_eq!(names(&[]).map(|all| all.len()), Ok(STAGES.len()));
        let refusal = "no stage `lint`; there are fmt, tidy, audit, clippy, docs, book, build, test, counts, fuzz, clients, browser";
        assert_eq!(names(&["lint"]), Err(refusal.to_owned()));
    }

    #[test]
    fn the_summary_names_each_stage_and_ends_with_the_counts_alone() {
        let ended = [
            ("fmt", StageOutcome::Passed(None), Duration::from_millis(1_200)),
            ("test", StageOutcome::Failed, Duration::from_secs(60)),
            ("clients", StageOutcome::Skipped("no python3".to_owned()), Duration::ZERO),
        ];
        let expected = "\
fmt      passed       1.2 s
test     FAILED      60.0 s
clients  skipped      0.0 s  no python3
total                61.2 s

1 passed, 1 failed, 1 skipped
";
        assert_eq!(summary(&ended), expected);
    }
}
