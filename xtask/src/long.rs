//! The long forms of tests that `cargo xtask test` runs in short: the same test binaries with larger numbers, which
//! they read from the environment.

use anyhow::{Context as _, bail};

use crate::repo::{Repo, succeeds};

/// Histories tried by each property test when nothing else is asked for: some minutes on two cores.
const LAW_CASES_DEFAULT: u32 = 20_000;
/// Kills in a row when nothing else is asked for; the short form does at least 20.
const DURABILITY_ROUNDS_DEFAULT: u32 = 200;
/// Flips of each file in the long form.
const FLIPS: u32 = 4_000;
/// Default number of people over which kinds are activated; a twentieth as many e-mails are held by several.
const ACTIVATION_PROFILES_DEFAULT: u32 = 100_000;

/// `cargo xtask laws [--cases N]`: the property tests of `muster-core`, optimised, with many more cases.
pub(crate) fn laws(repo: &Repo, args: &[String]) -> anyhow::Result<bool> {
    let cases = count_option(args, "--cases")?.unwrap_or(LAW_CASES_DEFAULT);
    let mut test = repo.cargo(&["test", "--release", "--locked", "-p", "muster-core", "--test", "laws"]);
    succeeds(test.env("MUSTER_LAW_CASES", cases.to_string()))
}

/// `cargo xtask durability [--rounds N]`: kill and restart under load, more rounds; every call of the file system fails in
/// turn; and the opposites proved: without the sync the same test must fail.
pub(crate) fn durability(repo: &Repo, args: &[String]) -> anyhow::Result<bool> {
    let rounds = count_option(args, "--rounds")?.unwrap_or(DURABILITY_ROUNDS_DEFAULT);
    let mut test = repo.cargo(&["test", "--locked", "-p", "muster", "--test", "it", "--", "--nocapture"]);
    test.args(["durability::", "failing_calls::"]).env("MUSTER_DURABILITY_ROUNDS", rounds.to_string());
    let is_held = succeeds(test.env("MUSTER_FAILING_CALLS", "all").env("MUSTER_PROVE_OPPOSITES", "1"))?;
    let mut flips = repo.cargo(&["test", "--locked", "-p", "muster-store", "--test", "sqlite", "--", "--nocapture"]);
    flips.args(["sqlite::flips::"]).env("MUSTER_FLIPS", FLIPS.to_string());
    Ok(succeeds(&mut flips)? && is_held)
}

/// `cargo xtask activation [--profiles N]`: kinds become active under imports and kills, optimised, over many more people;
/// prints how fast that was and how long imports took meanwhile.
pub(crate) fn activation(repo: &Repo, args: &[String]) -> anyhow::Result<bool> {
    let profiles = count_option(args, "--profiles")?.unwrap_or(ACTIVATION_PROFILES_DEFAULT);
    let mut test = repo.cargo(&["test", "--release", "--locked", "-p", "muster", "--test", "it"]);
    test.args(["activation::", "--", "--nocapture"]);
    succeeds(test.env("MUSTER_ACTIVATION_PROFILES", profiles.to_string()))
}

/// Reads `NAME N` or `NAME=N`, the only option that these commands have.
fn count_option(args: &[String], name: &str) -> anyhow::Result<Option<u32>> {
    let words: Vec<&str> = args.iter().flat_map(|arg| arg.splitn(2, '=')).collect();
    match words[..] {
        [] => Ok(None),
        [option, count] if option == name => {
            let count: u32 = count.parse().with_context(|| format!("{name} takes a whole number, not `{count}`"))?;
            if count == 0 {
                bail!("{name} must be at least 1");
            }
            Ok(Some(count))
        }
        _ => bail!("usage: [{name} N]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_args(args: &[&str]) -> Result<Option<u32>, String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        count_option(&args, "--cases").map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn the_option_is_read_in_both_spellings_and_refused_otherwise() {
        assert_eq!(parse_args(&[]), Ok(None));
        assert_eq!(parse_args(&["--cases", "7"]), Ok(Some(7)));
        assert_eq!(parse_args(&["--cases=7"]), Ok(Some(7)));
        assert_eq!(parse_args(&["--cases", "0"]), Err("--cases must be at least 1".to_owned()));
        assert_eq!(parse_args(&["--rounds", "7"]), Err("usage: [--cases N]".to_owned()));
        assert!(parse_args(&["--cases", "many"]).is_err());
    }
}
