//! Rules about documents: a path in backticks and the target of a relative link must exist. So a file that is moved
//! or divided takes the map with it.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::{File, Tree};

/// Documents that must be there: the first things a newcomer opens.
const REQUIRED: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "docs/adr/0000-template.md",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in REQUIRED {
        if !tree.exists(path) {
            findings.push(Finding::error(path, "is missing"));
        }
    }
    for file in tree.files().iter().filter(|file| file.path.ends_with(".md")) {
        findings.extend(dead_references(tree, file));
    }
    findings
}

fn dead_references(tree: &Tree, file: &File) -> Vec<Finding> {
    let starts = starts(tree);
    let mut findings = Vec::new();
    let mut fenced = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        let paths = backticked(line).into_iter().filter(|text| looks_like_path(&starts, text));
        let links = link_targets(line).into_iter();
        for target in paths.chain(links) {
            if !resolves(tree, file.folder(), target) {
                let message = format!("names `{target}`, which does not exist");
                findings.push(Finding::error(format!("{}:{}", file.path, index + 1), message));
            }
        }
    }
    findings
}

/// First parts that make a text a path of the checkout: everything at the root, and the crates, also by their short
/// names (`server/src/http.rs` for `crates/muster-server/src/http.rs`).
fn starts(tree: &Tree) -> BTreeSet<String> {
    let mut starts = BTreeSet::new();
    for path in tree.paths() {
        let mut parts = path.split('/');
        let first = parts.next().unwrap_or_default();
        starts.insert(first.to_owned());
        if first == "crates"
            && let Some(folder) = parts.next()
        {
            starts.insert(folder.to_owned());
            starts.insert(folder.trim_start_matches("muster-").to_owned());
        }
    }
    starts
}

/// A path has a folder in it and begins where paths of this checkout begin; a document may stand alone.
fn looks_like_path(starts: &BTreeSet<String>, text: &str) -> bool {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
    let Some((first, rest)) = text.split_once('/') else { return plain && text.ends_with(".md") };
    let names_file_or_folder = rest.is_empty() || rest.contains('.') || rest.contains('/') || text.ends_with('/');
    plain && names_file_or_folder && starts.contains(first)
}

/// From the root, from the document's folder, or from a crate by its full or short name.
fn resolves(tree: &Tree, folder: &str, target: &str) -> bool {
    let beside = normalised(&format!("{folder}/{target}"));
    [target.to_owned(), beside, format!("crates/{target}"), format!("crates/muster-{target}")]
        .iter()
        .any(|path| tree.exists(path))
}

/// Resolves `.` and `..`; a leading slash is dropped.
fn normalised(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Texts between single backticks.
fn backticked(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// Targets of relative links, without the part after `#`.
fn link_targets(line: &str) -> Vec<&str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let relative = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    relative.filter_map(|target| target.split('#').next()).filter(|target| !target.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said about `docs/map.md` with this text, in a checkout with one crate.
    fn said(text: &str) -> Vec<String> {
        let tree = Tree::of(&[("docs/map.md", text), ("crates/muster-core/src/lib.rs", ""), ("README.md", "")]);
        let map = tree.file("docs/map.md").expect("the tree of this test holds the map");
        dead_references(&tree, map)
            .into_iter()
            .map(|finding| format!("{} {}", finding.place, finding.message))
            .collect()
    }

    #[test]
    fn a_path_that_exists_is_found_by_its_full_and_by_its_short_name() {
        assert_eq!(said("`crates/muster-core/src/lib.rs` `core/src/lib.rs` `muster-core/` `docs/map.md`"), [""; 0]);
        assert_eq!(said("[start](../README.md#run) [map](map.md) [web](https://a.example/x.md) `README.md`"), [""; 0]);
    }

    #[test]
    fn a_path_that_does_not_exist_is_named_with_its_line() {
        assert_eq!(
            said("Fine.\nSee `core/src/gone.rs`."),
            ["docs/map.md:2 names `core/src/gone.rs`, which does not exist"]
        );
        assert_eq!(said("`GONE.md`"), ["docs/map.md:1 names `GONE.md`, which does not exist"]);
        assert_eq!(said("[x](adr/0001-gone.md)"), ["docs/map.md:1 names `adr/0001-gone.md`, which does not exist"]);
    }

    #[test]
    fn what_only_looks_like_a_path_is_left_alone() {
        assert_eq!(said("`/v1/transition` `application/json` `target/release/muster` `a/b c` `read/write`"), [""; 0]);
        assert_eq!(said("```text\n`core/src/gone.rs`\n```"), [""; 0]);
    }

    #[test]
    fn a_required_document_that_is_missing_is_named() {
        let findings = check(&Tree::of(&[("README.md", "")]));
        let missing: Vec<&str> = findings.iter().map(|finding| finding.place.as_str()).collect();
        assert_eq!(missing, &REQUIRED[1..]);
    }
}
