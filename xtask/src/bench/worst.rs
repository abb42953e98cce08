//! Owns `cargo xtask worst`: each shared thing that a request can touch many times (a value, a user, an array, a review, a
//! device's token) is prepared, then touched by one request of n elements and, on a fresh copy, by one of 4n. What a
//! request costs may grow no faster than its bytes (behaviour.md 1.6), and the largest of the default size stays below a
//! second and 64 MiB. Leaves the requests to `worst/cases`, measuring one to `worst/measure.rs`.
//!
//! It is not part of `cargo xtask test`: it takes minutes and a quiet machine.

mod caller;
mod case;
mod cases;
mod measure;
mod place;
pub(super) mod things;

pub(super) use caller::send;
pub(super) use place::CaseWorkspace;

use super::options::disk;
use super::output::print_line;
use super::server::binary;
use super::{proc, window};
use anyhow::{Context, Result, bail};
use case::Case;
use measure::{Measured, Pair, Pick};
use std::path::{Path, PathBuf};

const USAGE: &str = "\
usage: cargo xtask worst [--quick] [--dir D] [--binary F] [--only NAME,NAME...]
  --quick      each request once instead of three times
  --dir D      where the temporary data directories go (default: /var/tmp, else the system's); a disk, not tmpfs
  --binary F   a muster binary to measure instead of a fresh release build
  --only ...   the cases whose names hold one of these strings; `--only list` names all";

/// How often a request is measured; the middle counts.
const ROUNDS: usize = 3;
/// How often, where these say that it grows too fast: the sync of one commit makes half of their time. The fastest counts
/// then.
const ROUNDS_AGAIN: usize = 9;
/// The largest exponent that still counts as linear: the logarithm of a sorted map, a cache that gets too small.
const EXPONENT_MAX: f64 = 1.3;
/// The longest that a request of the default size may take, in seconds (behaviour.md 1.6).
const SECONDS_MAX: f64 = 1.0;
/// The most that the server may grow by one, in MiB.
const GROWTH_MIB_MAX: f64 = 64.0;
/// What is faster at 4n, in seconds, tells no exponent: the sync of the commit varies as much.
const MEASURABLE: f64 = 0.015;
/// The same as a share of what one element takes: the fixed cost of a large profile varies by as much from run to run.
const MEASURABLE_SHARE: f64 = 0.5;
/// The least that n elements count as, in seconds; below it the quotient is one of two accidents.
const LEAST: f64 = 0.001;

/// What was asked for.
#[derive(Debug)]
struct Options {
    rounds: usize,
    dir: PathBuf,
    binary: Option<PathBuf>,
    only: Vec<String>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self { rounds: ROUNDS, dir: disk(), binary: None, only: Vec::new() };
        let mut rest = args.iter();
        while let Some(flag) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{flag} needs a value\n{USAGE}"));
            match flag.as_str() {
                "--quick" => options.rounds = 1,
                "--dir" => options.dir = value()?.into(),
                "--binary" => options.binary = Some(value()?.into()),
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                other => bail!("unknown option {other:?}\n{USAGE}"),
            }
        }
        Ok(options)
    }

    fn wants(&self, case: &Case) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| case.name.contains(part.as_str()))
    }
}

/// Measures the cases and prints their table; false if one of them costs too much.
///
/// # Errors
/// When the arguments are not understood, a server does not come up or refuses what a case prepares, or the run was
/// interrupted.
pub(crate) fn run(args: &[String]) -> Result<bool> {
    let options = Options::parse(args)?;
    let cases = cases::all();
    if options.only == ["list"] {
        cases.iter().for_each(|case| print_line(&case.name));
        return Ok(true);
    }
    let chosen: Vec<&Case> = cases.iter().filter(|case| options.wants(case)).collect();
    if chosen.is_empty() {
        bail!("--only: no case has such a name; `--only list` names all");
    }
    window::watch_signals()?;
    let binary = binary(options.binary.as_deref())?;
    let scratch = tempfile::Builder::new().prefix("muster-worst-").tempdir_in(&options.dir)?;
    print_line(&format!("machine: {}\n", proc::machine(scratch.path())));
    print_line("| case | n | 4n | bytes | one s | n s | 4n s | exponent | memory MiB | answer | verdict |");
    print_line("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut faults = 0;
    for case in &chosen {
        window::check_interrupted()?;
        let place = scratch.path().join("case");
        let row = match judge(case, &binary, &place, options.rounds) {
            Ok((pair, verdict)) => {
                faults += usize::from(!verdict.faults.is_empty());
                row(case, &pair, &verdict)
            }
            Err(error) => {
                window::check_interrupted()?;
                faults += 1;
                format!("| {} | | | | | | | | | | **not measured**: {} |", case.name, one_line(&format!("{error:#}")))
            }
        };
        print_line(&row);
        clear(&place)?;
    }
    print_line(&format!("\n{} cases, {faults} of them cost too much", chosen.len()));
    Ok(faults == 0)
}

/// Measures a case in `folder`, and again where the first look is not sure.
fn judge(case: &Case, binary: &Path, folder: &Path, rounds: usize) -> Result<(Pair, Verdict)> {
    let pair = measure::pair(case, binary, folder, (rounds, Pick::Middle))?;
    let verdict = Verdict::new(case, &pair);
    if verdict.faults != [TOO_FAST] {
        return Ok((pair, verdict));
    }
    clear(folder)?;
    let pair = measure::pair(case, binary, folder, (ROUNDS_AGAIN, Pick::Fastest))?;
    let verdict = Verdict::new(case, &pair);
    Ok((pair, verdict))
}

fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// That the time grows faster than the number of elements.
const TOO_FAST: &str = "grows too fast";

/// What the figures of a case say.
struct Verdict {
    /// None: too fast to tell.
    exponent: Option<f64>,
    faults: Vec<&'static str>,
}

impl Verdict {
    fn new(case: &Case, Pair { n, four, small, large, .. }: &Pair) -> Self {
        let exponent = exponent((*n, small), (*four, large));
        let mut faults = Vec::new();
        if exponent.is_some_and(|exponent| exponent > EXPONENT_MAX) {
            faults.push(TOO_FAST);
        }
        if large.seconds > SECONDS_MAX && !case.in_background {
            faults.push("over 1 s");
        }
        if large.growth_mib > GROWTH_MIB_MAX {
            faults.push("over 64 MiB");
        }
        if large.answer.starts_with("no answer") {
            faults.push("no answer");
        }
        Self { exponent, faults }
    }

    fn text(&self) -> String {
        match (&self.faults[..], self.exponent) {
            ([], Some(_)) => "held".to_owned(),
            ([], None) => "held, too fast to tell an exponent".to_owned(),
            (faults, _) => format!("**{}**", faults.join(", ")),
        }
    }
}

/// The power of the number of elements with which the time grows beyond that of one element; None where the larger one
/// is too fast to tell.
fn exponent((n, small): (usize, &Measured), (four, large): (usize, &Measured)) -> Option<f64> {
    let grown = large.seconds - large.one;
    if grown < MEASURABLE.max(large.one * MEASURABLE_SHARE) || four <= n {
        return None;
    }
    let times = grown / (small.seconds - small.one).max(LEAST);
    Some(times.ln() / (four as f64 / n as f64).ln())
}

fn row(case: &Case, Pair { n, four, bytes, small, large }: &Pair, verdict: &Verdict) -> String {
    let exponent = verdict.exponent.map_or_else(|| "-".to_owned(), |exponent| format!("{exponent:.2}"));
    format!(
        "| {} | {n} | {four} | {bytes} | {:.3} | {:.3} | {:.3} | {exponent} | +{:.0} | {} | {} |",
        case.name,
        large.one,
        small.seconds,
        large.seconds,
        large.growth_mib,
        large.answer,
        verdict.text(),
    )
}

/// Escapes a string for a cell of a table.
fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if matches!(c, '\n' | '\r' | '|') { ' ' } else { c }).collect();
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured_at(seconds: f64) -> Measured {
        Measured { one: 0.002, seconds, growth_mib: 1.0, answer: "200".to_owned() }
    }

    #[test]
    fn four_times_the_elements_in_sixteen_times_the_time_are_a_square() {
        let (small, large) = (measured_at(0.012), measured_at(0.162));
        let found = exponent((100, &small), (400, &large)).expect("both can be measured");
        assert!((found - 2.0).abs() < 1e-9, "{found}");
    }

    #[test]
    fn what_is_too_fast_tells_no_exponent() {
        assert_eq!(exponent((100, &measured_at(0.001)), (400, &measured_at(0.016))), None);
    }

    #[test]
    fn what_varies_with_the_fixed_cost_tells_no_exponent_and_a_square_above_it_does() {
        let measured = |seconds| Measured { one: 0.080, ..measured_at(seconds) };
        assert_eq!(exponent((100, &measured(0.082)), (400, &measured(0.106))), None);
        let found = exponent((100, &measured(0.083)), (400, &measured(0.128))).expect("it can be measured");
        assert!((found - 2.0).abs() < 0.01, "{found}");
    }

    #[test]
    fn every_case_has_a_name_of_its_own_and_a_body() {
        let cases = cases::all();
        let names: std::collections::BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        for case in &cases {
            assert!(case.bytes(1) <= case::BODY_BYTES, "{}", case.name);
        }
    }

    #[test]
    fn the_larger_size_fills_a_body() {
        let cases = cases::all();
        let (n, four) = cases[0].sizes();
        assert_eq!(n, four.div_ceil(4));
        assert!(cases[0].bytes(four) <= case::BODY_BYTES && cases[0].bytes(four + 1) > case::BODY_BYTES);
    }
}
