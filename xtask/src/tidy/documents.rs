//! Rules about documents: a path in backticks and the target of a relative link must exist, and so must a test that the
//! threat model or the page on durability names. So a file that is moved or divided takes the map with it, and a claim
//! does not outlive its test.

use std::collections::BTreeSet;

use super::findings::Finding;
use super::tree::{TextFile, Tree};

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

/// The documents that say which test holds which claim.
const CLAIMS: [&str; 2] = ["docs/threat-model.md", "docs/durability.md"];
/// Underscores from which on a word there is the name of a test: they are sentences.
const TEST_UNDERSCORES: usize = 4;

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
    findings.extend(CLAIMS.iter().filter_map(|path| tree.file(path)).flat_map(|file| lost_tests(tree, file)));
    findings
}

/// Tests that are named and not there; names of metrics are as long.
fn lost_tests(tree: &Tree, file: &TextFile) -> Vec<Finding> {
    let is_name = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let is_test =
        |word: &&str| is_name(word) && word.matches('_').count() >= TEST_UNDERSCORES && !word.starts_with("muster_");
    let is_there = |name: &str| {
        let function = format!("fn {name}(");
        tree.files().iter().filter(|file| file.is_rust()).any(|file| file.text.contains(&function))
    };
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for name in words_in_backticks(line).into_iter().filter(is_test).filter(|name| !is_there(name)) {
            let message = format!("names the test `{name}`, which does not exist");
            findings.push(Finding::error(format!("{}:{}", file.path, index + 1), message));
        }
    }
    findings
}

fn dead_references(tree: &Tree, file: &TextFile) -> Vec<Finding> {
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
        let paths = words_in_backticks(line).into_iter().filter(|text| looks_like_path(&starts, text));
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

/// First parts that make a string a path of the checkout: everything at the root, and the crates, also by their short
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
    let beside = normalise(&format!("{folder}/{target}"));
    [target.to_owned(), beside, format!("crates/{target}"), format!("crates/muster-{target}")]
        .iter()
        .any(|path| tree.exists(path))
}

/// Resolves `.` and `..`; a leading slash is dropped.
fn normalise(path: &str) -> String {
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

/// Returns the strings between single backticks.
fn words_in_backticks(line: &str) -> Vec<&str> {
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
    fn messages(text: &str) -> Vec<String> {
        let tree = Tree::from_files(&[("docs/map.md", text), ("crates/muster-core/src/lib.rs", ""), ("README.md", "")]);
        let map = tree.file("docs/map.md").expect("the tree of this test holds the map");
        dead_references(&tree, map)
            .into_iter()
            .map(|finding| format!("{} {}", finding.place, finding.message))
            .collect()
    }

    #[test]
    fn a_path_that_exists_is_found_by_its_full_and_by_its_short_name() {
        assert_eq!(messages("`crates/muster-core/src/lib.rs` `core/src/lib.rs` `muster-core/` `docs/map.md`"), [""; 0]);
        assert_eq!(
            messages("[start](../README.md#run) [map](map.md) [web](https://a.example/x.md) `README.md`"),
            [""; 0]
        );
    }

    #[test]
    fn a_path_that_does_not_exist_is_named_with_its_line() {
        assert_eq!(
            messages("Fine.\nSee `core/src/gone.rs`."),
            ["docs/map.md:2 names `core/src/gone.rs`, which does not exist"]
        );
        assert_eq!(messages("`GONE.md`"), ["docs/map.md:1 names `GONE.md`, which does not exist"]);
        assert_eq!(messages("[x](adr/0001-gone.md)"), ["docs/map.md:1 names `adr/0001-gone.md`, which does not exist"]);
    }

    #[test]
    fn what_only_looks_like_a_path_is_left_alone() {
        assert_eq!(
            messages("`/v1/transition` `application/json` `target/release/muster` `a/b c` `read/write`"),
            [""; 0]
        );
        assert_eq!(messages("```text\n`core/src/gone.rs`\n```"), [""; 0]);
    }

    #[test]
    fn a_test_that_the_threat_model_names_and_nobody_has_is_told() {
        let claims = "`a_claim_that_holds_still` `muster_a_b_c_d` `max_profiles`\n`a_claim_that_is_lost`";
        let tests = "//! T.\nfn a_claim_that_holds_still() {}\n";
        let tree = Tree::from_files(&[(CLAIMS[0], claims), ("crates/muster-core/tests/t.rs", tests)]);
        let found = lost_tests(&tree, tree.file(CLAIMS[0]).expect("it is in the tree"));
        let message = "names the test `a_claim_that_is_lost`, which does not exist";
        assert_eq!(found, [Finding::error("docs/threat-model.md:2", message)]);
    }

    #[test]
    fn a_required_document_that_is_missing_is_named() {
        let findings = check(&Tree::from_files(&[("README.md", "")]));
        let missing: Vec<&str> = findings.iter().map(|finding| finding.place.as_str()).collect();
        assert_eq!(missing, &REQUIRED[1..]);
    }
}
