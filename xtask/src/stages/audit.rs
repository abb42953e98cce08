//! The stage `audit`: what we depend on, against `deny.toml`. With cargo-deny installed it runs that; without, it
//! checks licences, banned crates and sources by itself from the same file, so that the rules hold on a machine with
//! nothing but Rust. Advisories need cargo-deny and a database from the network; where either is absent the summary
//! says so.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde_json::Value;

use super::outcome::StageOutcome;
use crate::repo::{INSTALL_TOOLS, Repo, answers, cargo_metadata, cargo_program, may_install, succeeds};

pub(super) fn run(repo: &Repo) -> anyhow::Result<StageOutcome> {
    if !is_installed() && may_install() {
        succeeds(&mut repo.cargo(&["install", "cargo-deny", "--locked"]))?;
    }
    if is_installed() { with_cargo_deny(repo) } else { without_cargo_deny(repo) }
}

fn is_installed() -> bool {
    answers(cargo_program(), &["deny", "--version"])
}

fn with_cargo_deny(repo: &Repo) -> anyhow::Result<StageOutcome> {
    if !succeeds(&mut repo.cargo(&["deny", "--locked", "check", "licenses", "bans", "sources"]))? {
        return Ok(StageOutcome::Failed);
    }
    if !succeeds(&mut repo.cargo(&["deny", "fetch", "db"]))? {
        let note = "skipped advisories: the database cannot be fetched from here";
        println!("{note}");
        return Ok(StageOutcome::Passed(Some(note.to_owned())));
    }
    Ok(StageOutcome::new(succeeds(&mut repo.cargo(&["deny", "--locked", "check", "--disable-fetch", "advisories"]))?))
}

fn without_cargo_deny(repo: &Repo) -> anyhow::Result<StageOutcome> {
    let text = std::fs::read_to_string(repo.root.join("deny.toml")).context("cannot read deny.toml")?;
    let policy = Policy::parse(&text)?;
    let metadata = cargo_metadata(&repo.root, &["--locked"])?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let faults: Vec<String> = packages.iter().flat_map(|package| policy.faults(package)).collect();
    for fault in &faults {
        println!("{fault}");
    }
    println!("{} packages judged by the licences, bans and sources of deny.toml", packages.len());
    if !faults.is_empty() {
        return Ok(StageOutcome::Failed);
    }
    let note = format!("skipped advisories: no cargo-deny (cargo install cargo-deny --locked, or {INSTALL_TOOLS}=1)");
    println!("{note}");
    Ok(StageOutcome::Passed(Some(note)))
}

/// The part of `deny.toml` that can be judged from `cargo metadata` alone.
struct Policy {
    licences: BTreeSet<String>,
    banned: BTreeSet<String>,
    registries: BTreeSet<String>,
}

impl Policy {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let file: toml::Table = text.parse().context("deny.toml is not valid TOML")?;
        let list = |section: &str, key: &str| -> anyhow::Result<Vec<toml::Value>> {
            let value = file.get(section).and_then(|section| section.get(key));
            let list = value.and_then(toml::Value::as_array);
            Ok(list.with_context(|| format!("deny.toml has no list `{key}` in [{section}]"))?.clone())
        };
        let text_of = |value: &toml::Value| value.as_str().unwrap_or_default().to_owned();
        let crate_of = |value: &toml::Value| value.get("crate").map_or_else(|| text_of(value), text_of);
        Ok(Self {
            licences: list("licenses", "allow")?.iter().map(text_of).collect(),
            banned: list("bans", "deny")?.iter().map(crate_of).collect(),
            registries: list("sources", "allow-registry")?.iter().map(text_of).collect(),
        })
    }

    /// What is wrong with one package of `cargo metadata`; our own have no source and are not judged.
    fn faults(&self, package: &Value) -> Vec<String> {
        let Some(source) = package["source"].as_str() else { return Vec::new() };
        let name = package["name"].as_str().unwrap_or_default();
        let shown = format!("{name} {}", package["version"].as_str().unwrap_or_default());
        let mut faults = Vec::new();
        if !source.strip_prefix("registry+").is_some_and(|registry| self.registries.contains(registry)) {
            faults.push(format!("{shown}: comes from {source}, which deny.toml does not allow"));
        }
        if self.banned.contains(name) {
            faults.push(format!("{shown}: banned by deny.toml; see the entry there for what to use instead"));
        }
        match package["license"].as_str() {
            None => faults.push(format!("{shown}: declares no licence")),
            Some(expression) if !allows(&self.licences, expression) => {
                faults.push(format!("{shown}: licence `{expression}` is not covered by what deny.toml allows"));
            }
            Some(_) => {}
        }
        faults
    }
}

/// Can the SPDX expression be satisfied with the allowed licences alone? (`MIT/Apache-2.0` is the old spelling of OR.)
fn allows(allowed: &BTreeSet<String>, expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allowed };
    let held = reader.any_of();
    held && reader.words.is_empty()
}

/// Reads an SPDX expression from the left: OR binds weakest, then AND, then WITH.
struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a BTreeSet<String>,
}

impl Reader<'_> {
    fn any_of(&mut self) -> bool {
        let mut held = self.all_of();
        while self.take("OR") {
            held |= self.all_of();
        }
        held
    }

    fn all_of(&mut self) -> bool {
        let mut held = self.one();
        while self.take("AND") {
            held &= self.one();
        }
        held
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let held = self.any_of();
            return self.take(")") && held;
        }
        let Some((licence, rest)) = self.words.split_first() else { return false };
        self.words = rest;
        if !self.take("WITH") {
            return self.allowed.contains(*licence);
        }
        let Some((exception, rest)) = self.words.split_first() else { return false };
        self.words = rest;
        self.allowed.contains(&format!("{licence} WITH {exception}"))
    }

    fn take(&mut self, word: &str) -> bool {
        let taken = self.words.first() == Some(&word);
        if taken {
            self.words = &self.words[1..];
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0 WITH LLVM-exception"]
        [bans]
        deny = [{ crate = "openssl", use-instead = "rustls" }]
        [sources]
        allow-registry = ["https://github.com/rust-lang/crates.io-index"]
    "#;
    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn faults(package: &Value) -> Vec<String> {
        Policy::parse(POLICY).expect("the policy of this test is TOML").faults(package)
    }

    #[test]
    fn a_licence_expression_holds_only_when_the_allowed_licences_satisfy_it() {
        let allowed = Policy::parse(POLICY).expect("the policy of this test is TOML").licences;
        for held in ["MIT", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "(GPL-3.0 OR MIT) AND MIT"] {
            assert!(allows(&allowed, held), "{held}");
        }
        assert!(allows(&allowed, "Apache-2.0 WITH LLVM-exception AND MIT"));
        for refused in ["", "GPL-3.0", "GPL-3.0 AND MIT", "Apache-2.0", "(MIT", "MIT MIT", "GPL-3.0 OR"] {
            assert!(!allows(&allowed, refused), "{refused}");
        }
    }

    #[test]
    fn a_package_is_refused_for_its_source_its_name_and_its_licence() {
        let fine = json!({"name": "itoa", "version": "1.0.0", "source": CRATES_IO, "license": "MIT"});
        let own = json!({"name": "muster", "version": "0.1.0", "source": null, "license": null});
        let bad =
            json!({"name": "openssl", "version": "0.10.0", "source": "git+https://example.com/x", "license": null});
        assert_eq!(faults(&fine), Vec::<String>::new());
        assert_eq!(faults(&own), Vec::<String>::new());
        let expected = [
            "openssl 0.10.0: comes from git+https://example.com/x, which deny.toml does not allow",
            "openssl 0.10.0: banned by deny.toml; see the entry there for what to use instead",
            "openssl 0.10.0: declares no licence",
        ];
        assert_eq!(faults(&bad), expected);
    }
}
