//! Rule about injected bugs: each patch in `xtask/bugs` still applies, so that a change of the rules takes the patches
//! with it. Whether the laws find each bug is for `cargo xtask mutants`.

use super::findings::Finding;
use super::tree::Tree;
use crate::injected_bugs::{InjectedBug, name_of};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        let Some(name) = name_of(&file.path) else { continue };
        if let Err(error) = apply(tree, name, &file.text) {
            findings.push(Finding::error(&file.path, format!("{error:#}")));
        }
    }
    findings
}

fn apply(tree: &Tree, name: &str, patch: &str) -> anyhow::Result<()> {
    let bug = InjectedBug::parse(name, patch)?;
    let target = tree.file(&bug.path).ok_or_else(|| anyhow::anyhow!("changes {}, which does not exist", bug.path))?;
    bug.apply(&target.text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str =
        "A sum is wrong.\nFound by: laws laws::sums\n\n--- a/x.rs\n+++ b/x.rs\n@@ -1 +1 @@\n-a + b\n+a - b\n";

    #[test]
    fn a_patch_that_does_not_apply_any_more_is_found() {
        let at = "xtask/bugs/wrong-sum.patch";
        assert_eq!(check(&Tree::from_files(&[(at, PATCH), ("x.rs", "a + b\n")])), []);
        let moved = check(&Tree::from_files(&[(at, PATCH), ("y.rs", "a + b\n")]));
        assert_eq!(moved, [Finding::error(at, "changes x.rs, which does not exist")]);
        let changed = check(&Tree::from_files(&[(at, PATCH), ("x.rs", "b + a\n")]));
        let message = "hunk 1 does not apply to x.rs any more: rewrite the patch";
        assert_eq!(changed, [Finding::error(at, message)]);
    }
}
