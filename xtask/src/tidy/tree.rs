//! The checkout as the rules see it: every text file of the project by its path, read once. What builds, servers and
//! version control leave behind does not belong to it. Rules get a tree, never the file system, so that their tests can
//! give them one of their own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Names of files and folders that hold no text of the project, wherever they are; in a worktree `.git` is a file.
const FOREIGN: [&str; 6] = [".git", "target", "muster-data", "node_modules", "__pycache__", ".venv"];

/// One text file.
pub(super) struct TextFile {
    /// From the root of the checkout, with `/` between folders.
    pub(super) path: String,
    pub(super) text: String,
}

impl TextFile {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The last part of the path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The path's folder, `""` for the root.
    pub(super) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// All text files of the project, in order of their paths.
#[derive(Default)]
pub(super) struct Tree {
    files: Vec<TextFile>,
    /// Paths of all files, also of those that hold no text, and of all folders.
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the checkout below `root`.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    fn read_folder(&mut self, root: &Path, folder: &str) -> anyhow::Result<()> {
        let shown = root.join(folder);
        let entries = fs::read_dir(&shown).with_context(|| format!("cannot read {}", shown.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", shown.display()))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        for name in names {
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let on_disk = root.join(&path);
            if FOREIGN.contains(&name.as_str()) {
                continue;
            }
            if on_disk.is_dir() {
                self.read_folder(root, &path)?;
            } else {
                self.add(&path, fs::read_to_string(&on_disk).ok());
            }
        }
        Ok(())
    }

    /// Adds a file (`None`: no UTF-8 text) and the folders above it.
    fn add(&mut self, path: &str, text: Option<String>) {
        for (at, _) in path.match_indices('/') {
            self.paths.insert(path[..at].to_owned());
        }
        self.paths.insert(path.to_owned());
        if let Some(text) = text {
            self.files.push(TextFile { path: path.to_owned(), text });
        }
    }

    pub(super) fn files(&self) -> &[TextFile] {
        &self.files
    }

    pub(super) fn file(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Is there such a file or folder?
    pub(super) fn exists(&self, path: &str) -> bool {
        self.paths.contains(path.trim_end_matches('/'))
    }

    /// All paths of files and folders.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// A tree of these files, for tests of rules.
    #[cfg(test)]
    pub(super) fn from_files(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add(path, Some((*text).to_owned()));
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_holds_text_files_and_knows_folders_but_nothing_that_a_build_or_a_server_left() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        for path in ["crates/a/src", "target/debug", "muster-data"] {
            fs::create_dir_all(folder.path().join(path)).expect("a folder can be made");
        }
        for path in ["crates/a/src/lib.rs", "target/debug/x.rs", "muster-data/admin-token", "README.md", "crates/.git"]
        {
            fs::write(folder.path().join(path), "text").expect("a file can be written");
        }
        fs::write(folder.path().join("logo.png"), [0xff, 0xd8]).expect("a file can be written");
        let tree = Tree::read(folder.path()).expect("the folder can be read");
        let files: Vec<&str> = tree.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(files, ["README.md", "crates/a/src/lib.rs"]);
        assert!(tree.exists("crates/a/") && tree.exists("logo.png") && !tree.exists("target"));
    }
}
