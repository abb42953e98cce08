//! No circle of modules: in each member of the workspace, modules use each other in one direction, so that each can be
//! read without those above it.

use std::collections::{BTreeMap, BTreeSet};

use super::imports;
use super::tree::Tree;

/// The circles of each member.
pub(super) fn count(tree: &Tree) -> BTreeMap<String, BTreeSet<BTreeSet<String>>> {
    let mut counts = BTreeMap::new();
    for folder in sources(tree) {
        let member = folder.trim_end_matches("/src/");
        let member = member.strip_prefix("crates/").unwrap_or(member);
        let circles = imports::circles(&imports::imports(tree, &folder));
        if !circles.is_empty() {
            counts.insert(member.to_owned(), circles);
        }
    }
    counts
}

/// The source folders of all members.
fn sources(tree: &Tree) -> BTreeSet<String> {
    let roots = tree.files().iter().filter_map(|file| {
        let folder = file.path.strip_suffix("lib.rs").or_else(|| file.path.strip_suffix("main.rs"))?;
        folder.ends_with("/src/").then(|| folder.to_owned())
    });
    roots.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_is_searched_by_itself() {
        let tree = Tree::from_files(&[
            ("crates/x/src/lib.rs", "mod a;\nmod b;\n"),
            ("crates/x/src/a.rs", "use crate::b::B;\n"),
            ("crates/x/src/b.rs", "use crate::a::A;\n"),
            ("xtask/src/main.rs", "mod a;\n"),
            ("xtask/src/a.rs", "use crate::b::B;\n"),
        ]);
        let circle = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        assert_eq!(count(&tree), BTreeMap::from([("x".to_owned(), BTreeSet::from([circle]))]));
    }
}
