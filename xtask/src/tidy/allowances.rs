//! What is not in order yet, counted: `xtask/tidy-allowances.toml`. The list only shrinks: more than it allows is an
//! error, and so is less, until `cargo xtask tidy --lower` has written the smaller numbers down.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;

use super::findings::Finding;
use super::tree::Tree;

/// Where the list is, from the root of the checkout.
pub(super) const PATH: &str = "xtask/tidy-allowances.toml";

const OPENING: &str = "\
# What the rules of `cargo xtask tidy` still allow, because it is older than the rule. The numbers only shrink: after
# something is removed, `cargo xtask tidy --lower` writes the new numbers down. Nothing is added by hand, but the
# names of the parts where a module of a listed circle is divided.
";

/// The list, or what was found, in the same shape.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Allowances {
    /// By crate the sets of modules that use each other in a circle.
    pub(super) circles: BTreeMap<String, BTreeSet<BTreeSet<String>>>,
    /// By crate and word how often the word is used.
    pub(super) words: BTreeMap<String, BTreeMap<String, usize>>,
    /// Names of public types with the number of their definitions.
    pub(super) types: BTreeMap<String, usize>,
    /// By file of the console how often it reads a member of JSON by its name.
    pub(super) json_reads: BTreeMap<String, usize>,
}

impl Allowances {
    /// Reads the list.
    ///
    /// # Errors
    /// When it is not there or not in form.
    pub(super) fn read(tree: &Tree) -> anyhow::Result<Self> {
        let file = tree.file(PATH).with_context(|| format!("{PATH} is missing"))?;
        Self::parse(&file.text).with_context(|| format!("{PATH} is not in form"))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let file: toml::Table = text.parse()?;
        let table = |name: &str| file.get(name).and_then(toml::Value::as_table).into_iter().flatten();
        let mut allowed = Self::default();
        for (member, circles) in table("circles") {
            let set = |modules: &toml::Value| {
                let modules = modules.as_array().context("a circle must be an array of modules")?;
                modules
                    .iter()
                    .map(|module| Ok(module.as_str().context("a module must be a string")?.to_owned()))
                    .collect()
            };
            let circles = circles.as_array().context("the circles of a crate must be an array")?;
            allowed.circles.insert(member.clone(), circles.iter().map(set).collect::<anyhow::Result<_>>()?);
        }
        for (member, words) in table("words") {
            allowed
                .words
                .insert(member.clone(), counts(words.as_table().context("words must be in a table by crate")?)?);
        }
        if let Some(types) = file.get("types") {
            allowed.types = counts(types.as_table().context("types must be a table")?)?;
        }
        if let Some(reads) = file.get("json_reads") {
            allowed.json_reads = counts(reads.as_table().context("json_reads must be a table")?)?;
        }
        Ok(allowed)
    }

    /// The list as it is written to the file.
    pub(super) fn render(&self) -> String {
        let mut text = OPENING.to_owned();
        text.push_str("\n# Modules that use each other, by crate.\n[circles]\n");
        for (member, circles) in self.circles.iter().filter(|(_, circles)| !circles.is_empty()) {
            text.push_str(&format!("{member} = [\n"));
            for circle in circles {
                let modules: Vec<String> = circle.iter().map(|module| format!("{module:?}")).collect();
                text.push_str(&format!("    [{}],\n", modules.join(", ")));
            }
            text.push_str("]\n");
        }
        for (member, words) in self.words.iter().filter(|(_, words)| !words.is_empty()) {
            text.push_str(&format!("\n# Banned words of this crate, with how often each is used.\n[words.{member}]\n"));
            words.iter().for_each(|(word, count)| text.push_str(&format!("{word:?} = {count}\n")));
        }
        text.push_str("\n# Public types that are defined more than once in the workspace.\n[types]\n");
        self.types.iter().for_each(|(name, count)| text.push_str(&format!("{name} = {count}\n")));
        text.push_str("\n# Members of JSON that the console reads by name, by file (ADR 0036).\n[json_reads]\n");
        self.json_reads.iter().for_each(|(path, count)| text.push_str(&format!("{path:?} = {count}\n")));
        text
    }

    /// What of `found` the list allows: what remains to be done, and never more than was allowed before.
    pub(super) fn lower(&self, found: &Self) -> Self {
        let lower = |allowed: &BTreeMap<String, usize>, found: &BTreeMap<String, usize>| -> BTreeMap<String, usize> {
            let least = allowed.iter().filter_map(|(name, count)| Some((name.clone(), *count.min(found.get(name)?))));
            least.filter(|(_, count)| *count > 0).collect()
        };
        let (types, json_reads) = (lower(&self.types, &found.types), lower(&self.json_reads, &found.json_reads));
        let mut lowered = Self { types, json_reads, ..Self::default() };
        for (member, words) in &self.words {
            let found = found.words.get(member).cloned().unwrap_or_default();
            lowered.words.insert(member.clone(), lower(words, &found));
        }
        lowered.words.retain(|_, words| !words.is_empty());
        for (member, circles) in &found.circles {
            let allowed = self.circles.get(member).cloned().unwrap_or_default();
            let is_allowed = |circle: &&BTreeSet<String>| allowed.iter().any(|allowed| circle.is_subset(allowed));
            let circles: BTreeSet<_> = circles.iter().filter(is_allowed).cloned().collect();
            if !circles.is_empty() {
                lowered.circles.insert(member.clone(), circles);
            }
        }
        lowered
    }

    /// One finding for everything that the list still allows and that is not there any more.
    pub(super) fn find_outdated(&self, found: &Self) -> Option<Finding> {
        let message = "allows more than there is: run `cargo xtask tidy --lower`";
        (self.lower(found) != *self).then(|| Finding::error(PATH, message))
    }

    /// Circles beyond the list.
    pub(super) fn new_circles(&self, found: &Self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (member, circles) in &found.circles {
            let allowed = self.circles.get(member);
            for circle in circles {
                if !allowed.is_some_and(|allowed| allowed.iter().any(|allowed| circle.is_subset(allowed))) {
                    let modules: Vec<&str> = circle.iter().map(String::as_str).collect();
                    let message = format!("these modules use each other in a circle: {}", modules.join(", "));
                    findings.push(Finding::error(format!("crate {member}"), message));
                }
            }
        }
        findings
    }
}

fn counts(table: &toml::Table) -> anyhow::Result<BTreeMap<String, usize>> {
    let count = |value: &toml::Value| value.as_integer().and_then(|count| usize::try_from(count).ok());
    let entry = |(name, value): (&String, &toml::Value)| {
        Ok((name.clone(), count(value).with_context(|| format!("the count of `{name}` must be a whole number"))?))
    };
    table.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn list(circles: &[&[&str]], words: usize, types: usize) -> Allowances {
        let mut list = Allowances::default();
        let circles: BTreeSet<_> = circles.iter().map(|names| circle(names)).collect();
        list.circles.insert("muster-store".to_owned(), circles);
        list.words.insert("muster-store".to_owned(), BTreeMap::from([("anyway".to_owned(), words)]));
        list.types.insert("Place".to_owned(), types);
        list.json_reads.insert("crates/a/src/b.rs".to_owned(), types);
        list
    }

    #[test]
    fn the_list_is_read_as_it_is_written() {
        let list = list(&[&["a", "b/c"], &["d", "e"]], 3, 2);
        assert_eq!(Allowances::parse(&list.render()).ok(), Some(list));
        let refused = Allowances::parse("[types]\nPlace = \"two\"\n").map_err(|error| error.to_string());
        assert_eq!(refused, Err("the count of `Place` must be a whole number".to_owned()));
    }

    #[test]
    fn lowering_takes_what_was_found_and_never_more_than_was_allowed() {
        let allowed = list(&[&["a", "b", "c"], &["d", "e"]], 3, 2);
        let found = list(&[&["a", "b"], &["x", "y"]], 5, 2);
        assert_eq!(allowed.lower(&found), list(&[&["a", "b"]], 3, 2));
        assert_eq!(allowed.lower(&Allowances::default()), Allowances::default());
    }

    #[test]
    fn a_list_that_allows_more_than_there_is_is_outdated() {
        let allowed = list(&[&["a", "b"]], 3, 2);
        assert_eq!(allowed.find_outdated(&allowed), None);
        let message = "allows more than there is: run `cargo xtask tidy --lower`";
        let outdated = Some(Finding::error(PATH, message));
        for found in [list(&[], 3, 2), list(&[&["a", "b"]], 2, 2), list(&[&["a", "b"]], 3, 1)] {
            assert_eq!(allowed.find_outdated(&found), outdated);
        }
        assert_eq!(allowed.find_outdated(&list(&[&["a", "b"]], 4, 3)), None);
    }

    #[test]
    fn a_circle_that_is_not_part_of_a_listed_one_is_found() {
        let allowed = list(&[&["a", "b", "c"]], 0, 0);
        assert_eq!(allowed.new_circles(&list(&[&["a", "c"]], 0, 0)), []);
        let message = "these modules use each other in a circle: c, d";
        let found = allowed.new_circles(&list(&[&["c", "d"]], 0, 0));
        assert_eq!(found, [Finding::error("crate muster-store", message)]);
    }
}
