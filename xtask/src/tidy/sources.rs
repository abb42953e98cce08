//! Rules about one source file: its length, its opening, its place in the module tree, and words that must not be
//! committed. The table of who may use what is `crates.rs`.

use super::findings::{Finding, Severity};
use super::tree::{TextFile, Tree};

/// Lines beyond which a file must be divided.
const LINES_MAX: usize = 500;
/// Lines beyond which its division should be planned.
const LINES_GOAL: usize = 350;

/// Text that no line of Rust code may hold, and what to do instead. Put together here from parts, so that this file
/// does not find itself.
const FORBIDDEN_IN_RUST: [(&str, &str); 4] = [
    (concat!("#[should", "_panic"), "test the error value, or the text of a caught panic"),
    (
        concat!("#[ig", "nore"),
        "a test runs everywhere or is not there; a long form reads its size from the environment",
    ),
    (concat!("to", "do!("), "build it, or leave it out and say so in an issue"),
    (concat!("unimple", "mented!("), "build it, or leave it out and say so in an issue"),
];

/// Paths of somebody's machine, which no file may name.
const PERSONAL_PATHS: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tmp/tar", "get"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        findings.extend(personal_paths(file));
        if file.is_rust() {
            findings.extend(length(file));
            findings.extend(opening(file));
            findings.extend(forbidden_words(file));
            findings.extend(place(tree, file));
        }
    }
    findings
}

/// The lines of code with their numbers: whole-line comments are left out.
pub(super) fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn length(file: &TextFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    let message = format!("{lines} lines; the goal is {LINES_GOAL}, the limit {LINES_MAX}: divide it by subject");
    let severity = if lines > LINES_MAX { Severity::Error } else { Severity::Warning };
    (lines > LINES_GOAL).then(|| Finding { severity, place: file.path.clone(), message })
}

fn opening(file: &TextFile) -> Option<Finding> {
    let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let message = "does not open with `//!`: say what the file owns and what it leaves to others";
    (!first.starts_with("//!")).then(|| Finding::error(&file.path, message))
}

fn forbidden_words(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in code_lines(&file.text) {
        for (word, instead) in FORBIDDEN_IN_RUST {
            if line.contains(word) {
                findings.push(Finding::error(format!("{}:{number}", file.path), format!("`{word}`: {instead}")));
            }
        }
    }
    findings
}

fn personal_paths(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for path in PERSONAL_PATHS {
            if names_path(line, path) {
                let message = format!("names `{path}`, a path of one machine: make it relative or an argument");
                findings.push(Finding::error(format!("{}:{}", file.path, index + 1), message));
            }
        }
    }
    findings
}

/// Does the line hold the absolute path, and not just a longer path or an address that ends the same way?
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '}' | '$' | '~' | '*'))
    })
}

/// `name.rs` beside `name/`, never `mod.rs`; and every file is declared by the file above it, else the compiler never
/// sees it and its tests never run.
fn place(tree: &Tree, file: &TextFile) -> Option<Finding> {
    if file.name() == "mod.rs" {
        return Some(Finding::error(&file.path, "name the module file after its folder: `name.rs` beside `name/`"));
    }
    let (crate_folder, inside) = split_at_crate(&file.path)?;
    if is_target_root(inside) {
        return None;
    }
    let module = file.name().trim_end_matches(".rs");
    let declaration = format!("mod {module};");
    let parents = parents(file.folder());
    let declared = parents.iter().filter_map(|path| tree.file(path)).any(|parent| parent.text.contains(&declaration));
    // A `#[path = "..."]` or an `include!` elsewhere in the same crate also brings a file in.
    let by_path = || {
        let quoted = format!("{}\"", file.name());
        let own = |other: &&TextFile| other.is_rust() && other.path.starts_with(crate_folder);
        tree.files().iter().filter(own).any(|other| code_lines(&other.text).any(|(_, line)| line.contains(&quoted)))
    };
    if declared || by_path() {
        return None;
    }
    let message = format!("no `{declaration}` in {}: the compiler never sees this file", parents.join(" or "));
    Some(Finding::error(&file.path, message))
}

/// The files that may declare a module of this folder.
fn parents(folder: &str) -> Vec<String> {
    let mut parents: Vec<String> = ["lib.rs", "main.rs"].iter().map(|root| format!("{folder}/{root}")).collect();
    if !folder.ends_with("/src") {
        parents.push(format!("{folder}.rs"));
    }
    parents
}

/// `crates/muster-core/src/x.rs` -> (`crates/muster-core/`, `src/x.rs`); none for files of no crate.
fn split_at_crate(path: &str) -> Option<(&str, &str)> {
    let at = ["/src/", "/tests/", "/benches/", "/examples/"].iter().filter_map(|part| path.find(part)).min()?;
    Some(path.split_at(at + 1))
}

/// Files that cargo finds by itself: roots of libraries, binaries, tests, benches and examples.
fn is_target_root(inside: &str) -> bool {
    let parts: Vec<&str> = inside.split('/').collect();
    matches!(
        parts[..],
        ["src", "lib.rs" | "main.rs"]
            | ["src", "bin", _]
            | ["tests" | "benches" | "examples", _]
            | ["tests" | "benches" | "examples", _, "main.rs"]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the rules say of one file that is otherwise in order.
    fn messages(path: &str, text: &str) -> Vec<(Severity, String)> {
        let findings = check(&Tree::from_files(&[(path, text)]));
        findings
            .into_iter()
            .map(|finding| (finding.severity, format!("{}: {}", finding.place, finding.message)))
            .collect()
    }

    fn severities(path: &str, text: &str) -> Vec<Severity> {
        messages(path, text).into_iter().map(|(severity, _)| severity).collect()
    }

    fn lines(count: usize) -> String {
        format!("//! Opens.\n{}", "x();\n".repeat(count - 1))
    }

    #[test]
    fn a_file_over_the_goal_is_warned_of_and_one_over_the_limit_fails() {
        assert_eq!(severities("xtask/src/main.rs", &lines(LINES_GOAL)), []);
        assert_eq!(severities("xtask/src/main.rs", &lines(LINES_GOAL + 1)), [Severity::Warning]);
        assert_eq!(severities("xtask/src/main.rs", &lines(LINES_MAX)), [Severity::Warning]);
        assert_eq!(severities("xtask/src/main.rs", &lines(LINES_MAX + 1)), [Severity::Error]);
    }

    #[test]
    fn a_file_that_does_not_say_what_it_owns_fails() {
        assert_eq!(severities("xtask/src/main.rs", "\n//! Opens.\nfn main() {}\n"), []);
        assert_eq!(severities("xtask/src/main.rs", "// A comment.\nfn main() {}\n"), [Severity::Error]);
        assert_eq!(severities("xtask/src/main.rs", ""), [Severity::Error]);
    }

    #[test]
    fn a_forbidden_word_is_found_in_code_but_not_in_a_comment() {
        for (word, instead) in FORBIDDEN_IN_RUST {
            let expected = format!("xtask/src/main.rs:2: `{word}`: {instead}");
            assert_eq!(
                messages("xtask/src/main.rs", &format!("//! Opens.\n  {word}\n")),
                [(Severity::Error, expected)]
            );
            assert_eq!(messages("xtask/src/main.rs", &format!("//! Opens.\n// Never {word}.\n")), []);
        }
    }

    #[test]
    fn a_path_of_one_machine_is_found_in_any_text_but_not_as_the_end_of_another() {
        for path in PERSONAL_PATHS {
            assert_eq!(severities("deploy/notes.md", &format!("see {path}x\n")), [Severity::Error], "{path}");
            assert_eq!(severities("deploy/notes.md", &format!("see https://a.example{path}x\n")), [], "{path}");
        }
    }

    #[test]
    fn a_module_file_named_mod_fails() {
        let message = "crates/a/src/b/mod.rs: name the module file after its folder: `name.rs` beside `name/`";
        assert_eq!(messages("crates/a/src/b/mod.rs", "//! Opens.\n"), [(Severity::Error, message.to_owned())]);
    }

    #[test]
    fn a_file_that_nothing_declares_fails() {
        let forgotten = "crates/a/tests/it/b.rs";
        let declared = Tree::from_files(&[(forgotten, "//! B."), ("crates/a/tests/it/main.rs", "//! It.\nmod b;\n")]);
        assert_eq!(check(&declared), []);
        let by_path = Tree::from_files(&[
            (forgotten, "//! B."),
            ("crates/a/tests/it/main.rs", "//! It.\n#[path = \"b.rs\"]\nmod c;\n"),
        ]);
        assert_eq!(check(&by_path), []);
        let message = "no `mod b;` in crates/a/tests/it/lib.rs or crates/a/tests/it/main.rs or crates/a/tests/it.rs: \
                       the compiler never sees this file";
        assert_eq!(check(&Tree::from_files(&[(forgotten, "//! B.")])), [Finding::error(forgotten, message)]);
    }
}
