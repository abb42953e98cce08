//! The table of `ARCHITECTURE.md`, "Crates": which crate may use which, and what each must never contain. Manifests
//! are judged by `cargo metadata`, what a manifest cannot say by words in production code. The per-crate `clippy.toml`
//! files ban single calls of the standard library; that they repeat the thresholds of the root is checked here, too,
//! because the nearer file replaces the root's.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde_json::Value;

use super::findings::Finding;
use super::sources::code_lines;
use super::tree::{TextFile, Tree};

/// One row of the table.
struct Row {
    name: &'static str,
    /// Crates of the workspace that it may depend on.
    inside: &'static [&'static str],
    outside: Outside,
    /// Words that its production code must not hold, and why.
    words: &'static [(&'static str, &'static str)],
    /// Words that only one file of it may hold: (file below `src/`, words, why).
    confined: &'static [(&'static str, &'static [&'static str], &'static str)],
}

/// Dependencies on crates of others, development dependencies left aside.
enum Outside {
    /// These alone.
    Only(&'static [&'static str]),
    /// Any but these.
    AllBut(&'static [&'static str]),
}

const NO_IO: &str = "the rules do no I/O: what they need is given as facts";
const NO_CLOCK: &str = "time is an argument; only server/src/clock.rs reads a clock";
const NO_SQL: &str = "statements belong to an engine in muster-store";

const TABLE: [Row; 5] = [
    Row {
        name: "muster-core",
        inside: &[],
        outside: Outside::Only(&["foldhash", "thiserror", "unicode-normalization"]),
        words: &[
            ("std::fs", NO_IO),
            ("std::net", NO_IO),
            ("std::process", NO_IO),
            ("std::env", NO_IO),
            ("std::thread", "the rules run on the thread that calls them"),
            ("SystemTime", NO_CLOCK),
            ("Instant::now", NO_CLOCK),
            ("async fn", "the rules never wait"),
            ("Serialize", "domain types are not wire types: conversions live in muster-wire and muster-store"),
        ],
        confined: &[],
    },
    Row {
        name: "muster-wire",
        inside: &["muster-core"],
        outside: Outside::AllBut(&[
            "axum",
            "axum-server",
            "hyper",
            "tokio",
            "tower",
            "rusqlite",
            "tokio-postgres",
            "tracing",
            "getrandom",
        ]),
        words: &[
            ("std::fs", "shapes do no I/O"),
            ("std::net::Tcp", "shapes do no I/O"),
            ("SystemTime", NO_CLOCK),
            ("Instant::now", NO_CLOCK),
            ("async fn", "shapes never wait"),
        ],
        confined: &[(
            "manage.rs",
            &["serde(untagged", "serde(flatten"],
            "only answers may use it: what a client sends is read by hand, with the error that you would want to read",
        )],
    },
    Row {
        name: "muster-store",
        inside: &["muster-core"],
        outside: Outside::AllBut(&["axum", "axum-server", "hyper", "tower"]),
        words: &[("muster_wire", "stored records are not wire types"), ("SystemTime", NO_CLOCK)],
        confined: &[],
    },
    Row {
        name: "muster-server",
        inside: &["muster-core", "muster-wire", "muster-store"],
        outside: Outside::AllBut(&["rusqlite", "tokio-postgres", "anyhow"]),
        words: &[
            ("rusqlite", NO_SQL),
            ("\"SELECT ", NO_SQL),
            ("INSERT INTO ", NO_SQL),
            ("DELETE FROM ", NO_SQL),
            ("CREATE TABLE ", NO_SQL),
            ("PRAGMA ", NO_SQL),
        ],
        confined: &[
            ("clock.rs", &["SystemTime::now", "getrandom::"], "time and randomness have one source"),
            (
                "app.rs",
                &["muster_store::sqlite", "muster_store::memory", "Sqlite"],
                "the server knows the seam, not the engine",
            ),
        ],
    },
    Row {
        name: "muster",
        inside: &["muster-core", "muster-wire", "muster-store", "muster-server"],
        outside: Outside::AllBut(&["rusqlite", "tokio-postgres"]),
        words: &[],
        confined: &[],
    },
];

/// Members that are tools: they may use anything, and nothing may use them.
const TOOLS: [&str; 2] = ["xtask", "fuzz"];

pub(super) fn check(tree: &Tree, metadata: &Value) -> anyhow::Result<Vec<Finding>> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let members: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        findings.extend(manifest(package, &members)?);
    }
    for row in &TABLE {
        findings.extend(thresholds(tree, row));
        let source = format!("crates/{}/src/", row.name);
        for file in tree.files().iter().filter(|file| file.is_rust() && file.path.starts_with(&source)) {
            findings.extend(words(row, file, &file.path[source.len()..]));
        }
    }
    Ok(findings)
}

/// The dependencies of one member, against its row.
fn manifest(package: &Value, members: &BTreeSet<&str>) -> anyhow::Result<Vec<Finding>> {
    let name = package["name"].as_str().context("a package of cargo metadata has no name")?;
    if TOOLS.contains(&name) {
        return Ok(Vec::new());
    }
    let place = format!("crates/{name}/Cargo.toml");
    let Some(row) = TABLE.iter().find(|row| row.name == name) else {
        let message = "is not in the table of crates: add it to ARCHITECTURE.md and to xtask/src/tidy/crates.rs";
        return Ok(vec![Finding::error(place, message)]);
    };
    let mut findings = Vec::new();
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        let uses = dependency["name"].as_str().unwrap_or_default();
        let for_tests = dependency["kind"] == "dev";
        if TOOLS.contains(&uses) {
            findings.push(Finding::error(&place, format!("depends on `{uses}`, a tool that nothing may use")));
        } else if !for_tests && !row.may_use(uses, members.contains(uses)) {
            findings.push(Finding::error(&place, format!("must not depend on `{uses}`; see ARCHITECTURE.md, Crates")));
        }
    }
    Ok(findings)
}

impl Row {
    fn may_use(&self, uses: &str, is_member: bool) -> bool {
        match &self.outside {
            _ if is_member => self.inside.contains(&uses),
            Outside::Only(allowed) => allowed.contains(&uses),
            Outside::AllBut(banned) => !banned.contains(&uses),
        }
    }
}

/// Words of one source file (`inside`: its path below `src/`), against the row of its crate.
fn words(row: &Row, file: &TextFile, inside: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if is_test_file(inside) {
        return findings;
    }
    for (number, line) in code_lines(production(&file.text)) {
        let place = || format!("{}:{number}", file.path);
        for (word, why) in row.words {
            if line.contains(word) {
                findings.push(Finding::error(place(), format!("`{word}` has no place in {}: {why}", row.name)));
            }
        }
        for (home, words, why) in row.confined {
            let below = format!("{}/", home.trim_end_matches(".rs"));
            let is_home = inside == *home || inside.starts_with(&below);
            for word in words.iter().filter(|word| !is_home && line.contains(**word)) {
                findings.push(Finding::error(place(), format!("`{word}` belongs in src/{home}: {why}")));
            }
        }
    }
    findings
}

fn is_test_file(inside: &str) -> bool {
    inside.ends_with("tests.rs") || inside.split('/').any(|part| part == "tests")
}

/// The text before the inline tests, which end a file.
fn production(text: &str) -> &str {
    let end = text.find("\n#[cfg(test)]\nmod ").map_or(text.len(), |at| at + 1);
    &text[..end]
}

/// Every line of the root's `clippy.toml` must be in the file of the crate, if it has one.
fn thresholds(tree: &Tree, row: &Row) -> Vec<Finding> {
    let path = format!("crates/{}/clippy.toml", row.name);
    let (Some(root), Some(own)) = (tree.file("clippy.toml"), tree.file(&path)) else { return Vec::new() };
    let settings = root.text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let missing = settings.filter(|setting| !own.text.lines().any(|line| line == *setting));
    missing.map(|setting| Finding::error(&path, format!("lacks `{setting}` of the root, which it replaces"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is said of a workspace with this one member, the other members being known.
    fn manifest_of(name: &str, dependencies: &Value) -> Vec<String> {
        let package = json!({"name": name, "dependencies": dependencies});
        let members =
            BTreeSet::from(["muster-core", "muster-wire", "muster-store", "muster-server", "muster", "xtask"]);
        let findings = manifest(&package, &members).expect("the package of this test has a name");
        findings.into_iter().map(|finding| finding.message).collect()
    }

    /// What is said of one source file.
    fn findings(path: &str, text: &str) -> Vec<String> {
        let findings =
            check(&Tree::from_files(&[(path, text)]), &json!({"packages": []})).expect("packages are listed");
        findings.into_iter().map(|finding| format!("{} {}", finding.place, finding.message)).collect()
    }

    #[test]
    fn a_dependency_outside_the_table_fails_unless_only_tests_use_it() {
        let refused = |uses: &str| vec![format!("must not depend on `{uses}`; see ARCHITECTURE.md, Crates")];
        let uses = |name: &str| json!([{"name": name, "kind": null}]);
        for (name, outside) in [
            ("muster-core", "serde"),
            ("muster-core", "tokio"),
            ("muster-core", "muster-wire"),
            ("muster-wire", "axum"),
            ("muster-wire", "muster-store"),
            ("muster-store", "muster-wire"),
            ("muster-store", "axum"),
            ("muster-server", "rusqlite"),
            ("muster-server", "muster"),
        ] {
            assert_eq!(manifest_of(name, &uses(outside)), refused(outside), "{name} on {outside}");
        }
        assert_eq!(manifest_of("muster-core", &json!([{"name": "proptest", "kind": "dev"}])), [""; 0]);
        assert_eq!(manifest_of("muster-store", &uses("rusqlite")), [""; 0]);
    }

    #[test]
    fn nothing_depends_on_a_tool_not_even_for_tests_and_no_crate_is_outside_the_table() {
        let on_tool = json!([{"name": "xtask", "kind": "dev"}]);
        assert_eq!(manifest_of("muster", &on_tool), ["depends on `xtask`, a tool that nothing may use"]);
        let unknown = "is not in the table of crates: add it to ARCHITECTURE.md and to xtask/src/tidy/crates.rs";
        assert_eq!(manifest_of("muster-common", &json!([])), [unknown]);
    }

    #[test]
    fn a_word_of_another_crates_trade_is_found_in_production_code_alone() {
        let fault = "crates/muster-core/src/a.rs:2 `std::fs` has no place in muster-core: the rules do no I/O: \
                     what they need is given as facts";
        assert_eq!(findings("crates/muster-core/src/a.rs", "//! A.\nuse std::fs;\n"), [fault]);
        assert_eq!(
            findings("crates/muster-core/src/a.rs", "//! A.\n// std::fs\n#[cfg(test)]\nmod tests {\nuse std::fs;\n"),
            [""; 0]
        );
        assert_eq!(findings("crates/muster-core/src/a/tests.rs", "//! A.\nuse std::fs;\n"), [""; 0]);
        assert_eq!(findings("crates/muster-store/src/a.rs", "//! A.\nuse std::fs;\n"), [""; 0]);
        let sql = findings("crates/muster-server/src/a.rs", "//! A.\nlet s = \"SELECT 1\";\n");
        assert_eq!(sql.len(), 1, "{sql:?}");
    }

    #[test]
    fn a_clock_outside_its_file_is_found() {
        let call = "//! A.\nlet now = SystemTime::now();\n";
        assert_eq!(findings("crates/muster-server/src/clock.rs", call), [""; 0]);
        let fault = "crates/muster-server/src/http.rs:2 `SystemTime::now` belongs in src/clock.rs: time and randomness \
                     have one source";
        assert_eq!(findings("crates/muster-server/src/http.rs", call), [fault]);
    }

    #[test]
    fn a_crate_that_drops_a_threshold_of_the_root_fails() {
        let own = "crates/muster-core/clippy.toml";
        let tree = Tree::from_files(&[("clippy.toml", "a = 1\nb = 2\n"), (own, "a = 1\nb = 3\n")]);
        let findings = check(&tree, &json!({"packages": []})).expect("packages are listed");
        assert_eq!(findings, [Finding::error(own, "lacks `b = 2` of the root, which it replaces")]);
    }
}
