//! The list of generated bugs that no test can find because they change nothing: `xtask/bugs/equivalent.toml`. Each
//! entry names the file, the change, and why it is equivalent. An entry covers one place; a change that survives in
//! two places of a function has two entries.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};

/// Where the list is, from the root of the checkout.
pub(super) const PATH: &str = "xtask/bugs/equivalent.toml";

/// One changed place, without its line: `crates/x/src/y.rs: replace a with b in c`.
pub(super) type Mutant = String;

/// How often each change is listed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Equivalent(BTreeMap<Mutant, usize>);

/// What a run found out.
#[derive(Debug, Default)]
pub(super) struct Trial {
    /// Changes that no test found.
    pub(super) missed: Vec<Mutant>,
    /// Changes that a test found, or that made the tests run for too long.
    pub(super) caught: Vec<Mutant>,
    /// Whether all changes of all rules were tried.
    pub(super) is_complete: bool,
}

impl Equivalent {
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let file: toml::Table = text.parse().with_context(|| format!("{PATH} is not valid TOML"))?;
        let mut listed = Self::default();
        let entries = file.get("mutant").and_then(toml::Value::as_array);
        for (index, entry) in entries.into_iter().flatten().enumerate() {
            let field = |name: &str| {
                let value = entry.get(name).and_then(toml::Value::as_str).filter(|value| !value.trim().is_empty());
                value.with_context(|| format!("{PATH}: entry {} needs `{name}`", index + 1))
            };
            let mutant = format!("{}: {}", field("file")?, field("change")?);
            let why = field("why")?;
            ensure!(why.contains(' '), "{PATH}: entry {}: `why` must be a sentence", index + 1);
            *listed.0.entry(mutant).or_default() += 1;
        }
        Ok(listed)
    }

    /// What is wrong: survivors that the list does not explain, and entries that explain nothing.
    pub(super) fn compare(&self, outcome: &Trial) -> Vec<String> {
        let mut missed: BTreeMap<&str, usize> = BTreeMap::new();
        outcome.missed.iter().for_each(|mutant| *missed.entry(mutant).or_default() += 1);
        let mut faults = Vec::new();
        for (mutant, count) in &missed {
            let listed = self.0.get(*mutant).copied().unwrap_or_default();
            if *count > listed {
                faults.push(format!("survives ({count}, listed {listed}): {mutant}"));
            }
        }
        for (mutant, listed) in &self.0 {
            let count = missed.get(mutant.as_str()).copied().unwrap_or_default();
            if count < *listed && (outcome.is_complete || outcome.caught.contains(mutant)) {
                faults.push(format!("listed {listed} times and survives {count}, remove an entry: {mutant}"));
            }
        }
        faults
    }
}

/// `crates/x/src/y.rs:12:5: replace a with b` without the line and column.
pub(super) fn without_position(line: &str) -> anyhow::Result<Mutant> {
    let mut parts = line.splitn(4, ':');
    let all = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(path), Some(_), Some(_), Some(change)) = all else {
        anyhow::bail!("`{line}` is not PATH:LINE:COLUMN: CHANGE");
    };
    Ok(format!("{path}:{change}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "[[mutant]]\nfile = \"a.rs\"\nchange = \"replace < with <= in f\"\nwhy = \"equal values were returned above\"\n";

    fn compare_lists(list: &str, missed: &[&str], caught: &[&str], is_complete: bool) -> Vec<String> {
        let all = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let outcome = Trial { missed: all(missed), caught: all(caught), is_complete };
        Equivalent::parse(list).expect("the list of this test is in form").compare(&outcome)
    }

    #[test]
    fn a_survivor_needs_an_entry_for_each_place() {
        let change = "a.rs: replace < with <= in f";
        assert_eq!(compare_lists(LIST, &[change], &[], true), [""; 0]);
        assert_eq!(compare_lists("", &[change], &[], false), [format!("survives (1, listed 0): {change}")]);
        assert_eq!(compare_lists(LIST, &[change, change], &[], false), [format!("survives (2, listed 1): {change}")]);
    }

    #[test]
    fn an_entry_that_a_test_finds_must_go() {
        let change = "a.rs: replace < with <= in f";
        let fault = format!("listed 1 times and survives 0, remove an entry: {change}");
        assert_eq!(compare_lists(LIST, &[], &[change], false), std::slice::from_ref(&fault));
        assert_eq!(compare_lists(LIST, &[], &[], true), [fault]);
        assert_eq!(compare_lists(LIST, &[], &[], false), [""; 0]);
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        let refused = |list: &str| Equivalent::parse(list).map_err(|error| format!("{error:#}"));
        assert_eq!(refused(&LIST.replace("why", "because")), Err(format!("{PATH}: entry 1 needs `why`")));
        let word = LIST.replace("equal values were returned above", "same");
        assert_eq!(refused(&word), Err(format!("{PATH}: entry 1: `why` must be a sentence")));
    }

    #[test]
    fn the_line_of_a_change_does_not_matter() {
        let named = |line: &str| without_position(line).map_err(|error| error.to_string());
        assert_eq!(named("a/b.rs:12:5: replace x -> y::Z with w"), Ok("a/b.rs: replace x -> y::Z with w".to_owned()));
        assert_eq!(named("nothing"), Err("`nothing` is not PATH:LINE:COLUMN: CHANGE".to_owned()));
    }
}
