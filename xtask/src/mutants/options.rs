//! What `cargo xtask mutants` is asked for.

use std::time::Duration;

use anyhow::{Context as _, bail};

/// How to use the command.
const USAGE: &str = "usage: cargo xtask mutants [injected|generated] [--file PATH]... [--shard K/N] [--minutes N]";

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MutantOptions {
    pub(super) injected: bool,
    pub(super) generated: bool,
    /// Files that are changed, from the root of the checkout; empty = all rules.
    pub(super) files: Vec<String>,
    /// This slice of the generated bugs: number from 0, and of how many.
    pub(super) shard: (u32, u32),
    /// After this time no further slice is begun.
    pub(super) limit: Option<Duration>,
}

impl MutantOptions {
    pub(super) fn parse(args: &[String]) -> anyhow::Result<Self> {
        let mut options = Self { injected: true, generated: true, files: Vec::new(), shard: (0, 1), limit: None };
        let mut words = args.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value; {USAGE}"));
            match word {
                "injected" => options.generated = false,
                "generated" => options.injected = false,
                "--file" => options.files.push(value()?.to_owned()),
                "--shard" => options.shard = shard(value()?)?,
                "--minutes" => {
                    let minutes: u64 = value()?.parse().context("--minutes takes a whole number")?;
                    options.limit = Some(Duration::from_secs(minutes * 60));
                }
                other => bail!("unknown argument `{other}`; {USAGE}"),
            }
        }
        if !options.injected && !options.generated {
            bail!("`injected` and `generated` exclude each other; {USAGE}");
        }
        Ok(options)
    }
}

fn shard(text: &str) -> anyhow::Result<(u32, u32)> {
    let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    parts.filter(|(k, n)| k < n).with_context(|| format!("--shard takes K/N with K below N, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_args(args: &[&str]) -> Result<MutantOptions, String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        MutantOptions::parse(&args).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn both_proofs_run_unless_one_is_named() {
        let all = MutantOptions { injected: true, generated: true, files: Vec::new(), shard: (0, 1), limit: None };
        assert_eq!(parse_args(&[]), Ok(all));
        let slice = MutantOptions {
            injected: false,
            generated: true,
            files: vec!["a.rs".to_owned(), "b.rs".to_owned()],
            shard: (2, 8),
            limit: Some(Duration::from_secs(600)),
        };
        let args = ["generated", "--file", "a.rs", "--file", "b.rs", "--shard", "2/8", "--minutes", "10"];
        assert_eq!(parse_args(&args), Ok(slice));
    }

    #[test]
    fn arguments_that_make_no_sense_are_refused() {
        let shard = |text: &str| Err(format!("--shard takes K/N with K below N, not `{text}`"));
        assert_eq!(parse_args(&["--shard", "8/8"]), shard("8/8"));
        assert_eq!(parse_args(&["--shard", "1"]), shard("1"));
        assert_eq!(parse_args(&["--file"]), Err(format!("--file needs a value; {USAGE}")));
        assert_eq!(parse_args(&["all"]), Err(format!("unknown argument `all`; {USAGE}")));
        let both = format!("`injected` and `generated` exclude each other; {USAGE}");
        assert_eq!(parse_args(&["injected", "generated"]), Err(both));
    }
}
