//! The console reads the fields of typed answers (ADR 0036), not JSON by the names of its members. What is older is counted
//! by file, Rust and templates alike.

use std::collections::BTreeMap;

use super::allowances::Allowances;
use super::findings::Finding;
use super::sources::code_lines;
use super::tree::{TextFile, Tree};

const FOLDERS: [&str; 2] = ["crates/muster-server/src/console/", "crates/muster-server/templates/"];

/// The readers of `doc.rs`, as they are called with the name of a member.
const READERS: [&str; 7] = [".text(\"", ".list(\"", ".has(\"", ".member(\"", ".members(\"", ".count(\"", ".flag(\""];

/// How often each file reads a member by its name; files that do not are left out.
pub(super) fn count(tree: &Tree) -> BTreeMap<String, usize> {
    let files = tree.files().iter().filter(|file| FOLDERS.iter().any(|folder| file.path.starts_with(folder)));
    let counts = files.map(|file| (file.path.clone(), reads(file)));
    counts.filter(|(_, count)| *count > 0).collect()
}

/// Names each file that reads more members than it may.
pub(super) fn check(allowed: &Allowances, found: &Allowances) -> Vec<Finding> {
    let may = |path: &String| allowed.json_reads.get(path).copied().unwrap_or(0);
    let beyond = found.json_reads.iter().filter(|(path, count)| **count > may(path));
    let finding = |(path, count): (&String, &usize)| {
        let message = format!(
            "reads members of JSON by name {count} times, {} are allowed: read the fields of the typed answer",
            may(path)
        );
        Finding::error(path.clone(), message)
    };
    beyond.map(finding).collect()
}

fn reads(file: &TextFile) -> usize {
    let in_line = |line: &str| READERS.iter().map(|reader| line.matches(reader).count()).sum::<usize>();
    if file.is_rust() {
        let end = file.text.find("\n#[cfg(test)]\nmod ").unwrap_or(file.text.len());
        return code_lines(&file.text[..end]).map(|(_, line)| in_line(line)).sum();
    }
    file.text.lines().map(in_line).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "crates/muster-server/src/console/pages/x.rs";
    const TEMPLATE: &str = "crates/muster-server/templates/x.html";

    // Fails when `count` leaves a folder or a reader out.
    #[test]
    fn reads_of_members_are_counted_in_the_pages_and_their_templates() {
        let tree = Tree::from_files(&[
            (
                PAGE,
                "//! X.\nlet a = doc.text(\"id\"); doc.list(\"members\");\n// doc.text(\"id\")\nlet b = doc.text(name);\n",
            ),
            (TEMPLATE, "{{ doc.text(\"id\") }}\n{% if doc.has(\"id\") %}\n"),
            ("crates/muster-server/src/other.rs", "//! X.\nlet a = doc.text(\"id\");\n"),
        ]);
        let expected = BTreeMap::from([(PAGE.to_owned(), 2), (TEMPLATE.to_owned(), 2)]);
        assert_eq!(count(&tree), expected);
    }

    // Fails when `check` compares with anything but what is allowed to this file.
    #[test]
    fn a_file_with_more_reads_than_it_may_have_is_named() {
        let found = Allowances { json_reads: BTreeMap::from([(PAGE.to_owned(), 2)]), ..Allowances::default() };
        assert_eq!(check(&found, &found), []);
        let allowed = Allowances { json_reads: BTreeMap::from([(PAGE.to_owned(), 1)]), ..Allowances::default() };
        let message = "reads members of JSON by name 2 times, 1 are allowed: read the fields of the typed answer";
        assert_eq!(check(&allowed, &found), [Finding::error(PAGE, message)]);
    }
}
