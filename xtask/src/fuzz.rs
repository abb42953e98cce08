//! `cargo xtask fuzz`: the functions of the fuzz targets, run in this process on inputs that are made from their corpora by
//! simple mutations; on the stable compiler, without a look at what the code does with them. Which inputs come follows from
//! the seed alone. Owns options, the clock and the report; `fuzz/mutate.rs` makes inputs, `fuzz/corpus.rs` reads and writes
//! them. What is checked is in the folder `fuzz` of the checkout.

mod corpus;
mod mutate;
#[expect(unreachable_pub, reason = "it is a library for cargo-fuzz, and a module here")]
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::repo::Repo;
use mutate::Mutations;
use targets::{TARGETS, Target};

const USAGE: &str = "\
usage: cargo xtask fuzz [--seconds N] [--seed N] [--target NAME] [--input FILE]
  --seconds N    how long in all, over all targets (default 60)
  --seed N       what the inputs follow from (default 1)
  --target NAME  this target alone
  --input FILE   this input alone, once; with --target";

/// How long in all when nothing else is asked for.
const SECONDS_DEFAULT: u64 = 60;
/// Executions between two looks at the clock.
const BETWEEN_LOOKS: u64 = 16;

#[derive(Debug, PartialEq, Eq)]
struct Options {
    seconds: u64,
    seed: u64,
    target: Option<String>,
    input: Option<String>,
}

impl Options {
    fn read(args: &[String]) -> anyhow::Result<Self> {
        let mut options = Self { seconds: SECONDS_DEFAULT, seed: 1, target: None, input: None };
        let mut args = args.iter();
        while let Some(name) = args.next() {
            let value = args.next().with_context(|| format!("{name} takes a value\n{USAGE}"))?;
            let number = || value.parse::<u64>().with_context(|| format!("{name} takes a whole number, not `{value}`"));
            match name.as_str() {
                "--seconds" => options.seconds = number()?,
                "--seed" => options.seed = number()?,
                "--target" => options.target = Some(value.clone()),
                "--input" => options.input = Some(value.clone()),
                _ => bail!("no option `{name}`\n{USAGE}"),
            }
        }
        if options.input.is_some() && options.target.is_none() {
            bail!("--input needs --target\n{USAGE}");
        }
        Ok(options)
    }

    fn targets(&self) -> anyhow::Result<Vec<&'static Target>> {
        let chosen = |target: &&Target| self.target.as_ref().is_none_or(|name| name == target.name);
        let targets: Vec<&'static Target> = TARGETS.iter().filter(chosen).collect();
        if targets.is_empty() {
            let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            bail!("there is no such target; there are {}", known.join(", "));
        }
        Ok(targets)
    }
}

/// Runs the targets; `false` when one found something, which was said.
///
/// # Errors
/// When an option is none, or a corpus cannot be read.
pub(crate) fn run(repo: &Repo, args: &[String]) -> anyhow::Result<bool> {
    let options = Options::read(args)?;
    let targets = options.targets()?;
    if let Some(file) = &options.input {
        let input = std::fs::read(file).with_context(|| format!("{file} cannot be read"))?;
        return Ok(targets.iter().all(|target| holds(target, &input)));
    }
    let share = Duration::from_secs(options.seconds) / u32::try_from(targets.len()).unwrap_or(u32::MAX);
    let mut all_hold = true;
    for target in targets {
        let corpus = corpus::read(&repo.root, target)?;
        let mutations = Mutations::new(options.seed, &corpus, target.words);
        let ran = run_one(target, &corpus, mutations, share);
        let (count, slowest) = (ran.executions, ran.slowest.as_secs_f64() * 1_000.0);
        println!("{:<15} {count:>9} executions, {} inputs, slowest {slowest:.1} ms", target.name, corpus.len());
        if let Some(input) = ran.fault {
            all_hold = false;
            let path = corpus::keep(&repo.root, target, &format!("seed-{}-{count}", options.seed), &input)?;
            println!("{}: this does not hold, for the input {path}. Again:", target.name);
            println!("  cargo xtask fuzz --target {} --input {path}", target.name);
        }
    }
    Ok(all_hold)
}

/// Result of one target.
struct Ran {
    executions: u64,
    slowest: Duration,
    /// The first input that something does not hold for.
    fault: Option<Vec<u8>>,
}

/// The corpus as it is, then mutations until the time is over.
fn run_one(target: &Target, corpus: &[Vec<u8>], mut mutations: Mutations<'_>, share: Duration) -> Ran {
    let began = Instant::now();
    let mut ran = Ran { executions: 0, slowest: Duration::ZERO, fault: None };
    let mut inputs = corpus.iter();
    loop {
        let is_mutated = inputs.as_slice().is_empty();
        if is_mutated && ran.executions.is_multiple_of(BETWEEN_LOOKS) && began.elapsed() >= share {
            return ran;
        }
        let input = inputs.next().cloned().unwrap_or_else(|| mutations.make());
        let start = Instant::now();
        let held = holds(target, &input);
        ran.executions += 1;
        ran.slowest = ran.slowest.max(start.elapsed());
        if !held {
            ran.fault = Some(input);
            return ran;
        }
    }
}

/// Whether everything holds for an input; what does not was said by the panic.
fn holds(target: &Target, input: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Result<Options, String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        Options::read(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read_and_what_is_none_is_refused() {
        let seconds = |seconds| Options { seconds, seed: 1, target: None, input: None };
        assert_eq!(options(&[]), Ok(seconds(SECONDS_DEFAULT)));
        assert_eq!(options(&["--seconds", "5"]), Ok(seconds(5)));
        assert!(options(&["--seconds"]).is_err());
        assert!(options(&["--seconds", "x"]).is_err());
        assert!(options(&["--input", "x"]).is_err());
        assert!(options(&["--quick", "1"]).is_err());
    }

    // Fails when `run_one` leaves the corpus out: a target that is never run holds.
    #[test]
    fn every_target_holds_for_its_corpus_and_an_input_that_fails_is_told() {
        let repo = Repo::find().expect("the tests run in the checkout");
        for target in &TARGETS {
            let corpus = corpus::read(&repo.root, target).expect("every target has a corpus");
            let ran = run_one(target, &corpus, Mutations::new(1, &corpus, target.words), Duration::ZERO);
            assert!(ran.fault.is_none(), "{}: {:?}", target.name, ran.fault);
            assert!(ran.executions >= corpus.len() as u64, "{}", target.name);
        }
        let fails = Target { name: "fails", run: |input| assert!(input.is_empty()), words: &[], samples: None };
        let corpus = [Vec::new(), b"x".to_vec()];
        let ran = run_one(&fails, &corpus, Mutations::new(1, &corpus, &[]), Duration::ZERO);
        assert_eq!((ran.executions, ran.fault), (2, Some(b"x".to_vec())));
    }
}
