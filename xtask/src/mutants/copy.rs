//! The copy of the checkout that bugs are put into. It lies below the build output and is brought up to date by
//! content, so that cargo rebuilds only what changed since the last run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Folders that do not belong to the sources, wherever they are.
const LEFT_OUT: [&str; 4] = [".git", "target", "muster-data", "node_modules"];

/// Makes `copy` the same as `root`: writes files that differ, removes files that are gone.
///
/// # Errors
/// When a file cannot be read or written.
pub(super) fn refresh(root: &Path, copy: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(copy).with_context(|| format!("cannot create {}", copy.display()))?;
    let entries = names(root)?;
    for gone in names(copy)?.difference(&entries) {
        remove(&copy.join(gone))?;
    }
    for name in entries.iter().filter(|name| !LEFT_OUT.contains(&name.as_str())) {
        let (from, to) = (root.join(name), copy.join(name));
        if from.is_dir() {
            refresh(&from, &to)?;
        } else {
            let content = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
            if fs::read(&to).ok().as_ref() != Some(&content) {
                fs::write(&to, &content).with_context(|| format!("cannot write {}", to.display()))?;
            }
        }
    }
    Ok(())
}

fn names(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect::<std::io::Result<_>>().with_context(|| format!("cannot read {}", folder.display()))
}

fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_its_checkout_and_leaves_out_what_is_built() {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let (root, copy) = (folder.path().join("root"), folder.path().join("copy"));
        for path in ["src", "target/debug"] {
            fs::create_dir_all(root.join(path)).expect("a folder can be created");
        }
        fs::write(root.join("src/a.rs"), "a").expect("a file can be written");
        fs::write(root.join("src/b.rs"), "b").expect("a file can be written");
        fs::write(root.join("target/debug/x"), "x").expect("a file can be written");
        refresh(&root, &copy).expect("the copy can be made");
        fs::write(root.join("src/a.rs"), "changed").expect("a file can be written");
        fs::remove_file(root.join("src/b.rs")).expect("a file can be removed");
        refresh(&root, &copy).expect("the copy can be brought up to date");
        let read = |path: &str| fs::read_to_string(copy.join(path)).ok();
        assert_eq!(read("src/a.rs"), Some("changed".to_owned()));
        assert_eq!([read("src/b.rs"), read("target/debug/x")], [None, None]);
    }
}
