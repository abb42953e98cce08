//! A public type name is used once in the workspace: a search finds one definition.

use std::collections::BTreeMap;

use super::allowances::Allowances;
use super::findings::Finding;
use super::sources::code_lines;
use super::tree::{TextFile, Tree};

/// Names that are defined more than once, with the number of their definitions.
pub(super) fn count(tree: &Tree) -> BTreeMap<String, usize> {
    let counts = places(tree).into_iter().map(|(name, places)| (name, places.len()));
    counts.filter(|(_, count)| *count > 1).collect()
}

/// Names each definition of a type that has more of them than it may.
pub(super) fn check(tree: &Tree, allowed: &Allowances) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, places) in places(tree) {
        let may = allowed.types.get(&name).copied().unwrap_or(1);
        if places.len() > may {
            let message = format!("the public type `{name}` is defined {} times: give each a qualifier", places.len());
            findings.extend(places.iter().map(|place| Finding::error(place, message.as_str())));
        }
    }
    findings
}

/// Where each public type is defined. What is public within its crate counts, too; tests do not.
fn places(tree: &Tree) -> BTreeMap<String, Vec<String>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in tree.files().iter().filter(|file| is_source(file)) {
        let end = file.text.find("\n#[cfg(test)]\nmod ").unwrap_or(file.text.len());
        for (number, line) in code_lines(&file.text[..end]) {
            if let Some(name) = public_type(line) {
                places.entry(name.to_owned()).or_default().push(format!("{}:{number}", file.path));
            }
        }
    }
    places
}

fn is_source(file: &TextFile) -> bool {
    file.is_rust() && file.path.contains("/src/") && !file.path.contains("/tests/") && file.name() != "tests.rs"
}

/// The name in `pub struct Name ...` and its like.
fn public_type(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("pub")?;
    let rest = if rest.starts_with('(') { rest.split_once(')')?.1 } else { rest };
    let (kind, name) = rest.strip_prefix(' ')?.split_once(' ')?;
    if !["struct", "enum", "trait", "type", "union"].contains(&kind) {
        return None;
    }
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some(&name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_type_that_is_defined_twice_is_named_at_each_place() {
        let twice =
            [("crates/a/src/x.rs", "//! X.\npub struct Place;\n"), ("crates/b/src/y.rs", "pub(super) enum Place {}\n")];
        let tree = Tree::from_files(&twice);
        assert_eq!(count(&tree), BTreeMap::from([("Place".to_owned(), 2)]));
        let message = "the public type `Place` is defined 2 times: give each a qualifier";
        let expected = ["crates/a/src/x.rs:2", "crates/b/src/y.rs:1"].map(|place| Finding::error(place, message));
        assert_eq!(check(&tree, &Allowances::default()), expected);
        let allowed = Allowances { types: count(&tree), ..Allowances::default() };
        assert_eq!(check(&tree, &allowed), []);
    }

    #[test]
    fn private_types_tests_and_other_items_do_not_count() {
        let tree = Tree::from_files(&[
            ("crates/a/src/x.rs", "pub struct Place<T>(T);\nstruct Place;\npub fn Place() {}\n"),
            ("crates/a/src/y.rs", "// pub struct Place;\n#[cfg(test)]\nmod tests {\n    pub struct Place;\n}\n"),
            ("crates/a/src/z.rs", "#[cfg(test)]\nmod tests {}\n"),
            ("crates/a/tests/it/main.rs", "pub struct Place;\n"),
            ("crates/a/src/v/tests.rs", "pub struct Place;\n"),
            ("crates/a/src/v/tests/w.rs", "pub struct Place;\n"),
        ]);
        assert_eq!(count(&tree), BTreeMap::from([]));
    }
}
