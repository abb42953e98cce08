//! The injected bugs: patch files in `xtask/bugs`, one bug each. A patch opens with what it breaks and the test that must
//! find it; a unified diff follows. `cargo xtask tidy` checks that each patch still applies, `cargo xtask mutants` that
//! each bug is found.
//!
//! The patches are applied here and not by a version control program: the checks need none, and the line numbers of a
//! hunk do not matter as long as its lines occur exactly once in the file.

use anyhow::{Context as _, bail, ensure};

/// The folder of the patches, from the root of the checkout.
pub(crate) const FOLDER: &str = "xtask/bugs";

/// One bug.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InjectedBug {
    /// The file name without its ending.
    pub(crate) name: String,
    /// The first line: what the bug does.
    pub(crate) about: String,
    /// Test binary of `muster-core` that must find it.
    pub(crate) test_binary: String,
    /// Full name of the test.
    pub(crate) test: String,
    /// The file that the bug changes, from the root of the checkout.
    pub(crate) path: String,
    hunks: Vec<Hunk>,
}

/// Lines that are replaced by others, context included in both.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hunk {
    before: String,
    after: String,
}

impl InjectedBug {
    /// Parses a patch file.
    ///
    /// # Errors
    /// When the opening or the diff does not have the form that every patch here has.
    pub(crate) fn parse(name: &str, text: &str) -> anyhow::Result<Self> {
        let mut lines = text.lines();
        let about =
            lines.next().filter(|line| line.ends_with('.')).context("the first line must say what is broken")?;
        let found_by = lines.next().and_then(|line| line.strip_prefix("Found by: "));
        let found_by = found_by.and_then(|rest| rest.split_once(' '));
        let (test_binary, test) = found_by.context("the second line must be `Found by: TEST_BINARY TEST`")?;
        ensure!(lines.next() == Some(""), "the third line must be empty");
        let path =
            |line: Option<&str>, prefix: &str| line.and_then(|line| line.strip_prefix(prefix)).map(str::to_owned);
        let old = path(lines.next(), "--- a/").context("the diff must start with `--- a/PATH`")?;
        let new = path(lines.next(), "+++ b/").context("the diff must continue with `+++ b/PATH`")?;
        ensure!(old == new, "a patch must change one file and must not rename it");
        let mut hunks: Vec<Hunk> = Vec::new();
        for line in lines {
            if line.starts_with("@@ ") {
                hunks.push(Hunk::default());
                continue;
            }
            hunks.last_mut().context("a hunk must start with `@@ `")?.push(line)?;
        }
        ensure!(!hunks.is_empty(), "the diff has no hunk");
        Ok(Self {
            name: name.to_owned(),
            about: about.to_owned(),
            test_binary: test_binary.to_owned(),
            test: test.to_owned(),
            path: old,
            hunks,
        })
    }

    /// The text of the file with the bug in it.
    ///
    /// # Errors
    /// When the lines of a hunk do not occur exactly once.
    pub(crate) fn apply(&self, text: &str) -> anyhow::Result<String> {
        let mut patched = text.to_owned();
        for (index, hunk) in self.hunks.iter().enumerate() {
            let number = index + 1;
            match patched.matches(&hunk.before).count() {
                1 => patched = patched.replacen(&hunk.before, &hunk.after, 1),
                0 => bail!("hunk {number} does not apply to {} any more: rewrite the patch", self.path),
                count => bail!("hunk {number} applies to {} in {count} places: add lines of context", self.path),
            }
        }
        ensure!(patched != text, "the patch does not change {}", self.path);
        Ok(patched)
    }
}

impl Hunk {
    fn push(&mut self, line: &str) -> anyhow::Result<()> {
        let (in_before, in_after) = match line.as_bytes().first() {
            Some(b' ') | None => (true, true),
            Some(b'-') => (true, false),
            Some(b'+') => (false, true),
            Some(_) => bail!("`{line}` does not start with a space, `+` or `-`"),
        };
        let content = line.get(1..).unwrap_or_default();
        for (text, takes) in [(&mut self.before, in_before), (&mut self.after, in_after)] {
            if takes {
                text.push_str(content);
                text.push('\n');
            }
        }
        Ok(())
    }
}

/// The name of the bug whose patch this path is; none for other files.
pub(crate) fn name_of(path: &str) -> Option<&str> {
    path.strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(".patch")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "A sum is wrong.\nFound by: laws laws::sums\n\n--- a/x.rs\n+++ b/x.rs\n@@ -9,3 +9,3 @@\n fn sum() {\n-    a + b\n+    a - b\n }\n";

    fn bug() -> InjectedBug {
        InjectedBug::parse("wrong-sum", PATCH).expect("the patch of this test is in form")
    }

    fn refusal(text: &str) -> String {
        InjectedBug::parse("x", text).map_or_else(|error| format!("{error:#}"), |bug| format!("{bug:?}"))
    }

    #[test]
    fn a_patch_says_what_it_breaks_and_who_finds_it_and_applies_wherever_its_lines_are() {
        let bug = bug();
        let known = (bug.name.as_str(), bug.about.as_str(), bug.test_binary.as_str(), bug.test.as_str());
        assert_eq!(known, ("wrong-sum", "A sum is wrong.", "laws", "laws::sums"));
        let patched = bug.apply("// moved\n\nfn sum() {\n    a + b\n}\n").map_err(|error| error.to_string());
        assert_eq!(patched, Ok("// moved\n\nfn sum() {\n    a - b\n}\n".to_owned()));
    }

    #[test]
    fn a_patch_that_applies_nowhere_or_twice_is_refused() {
        let refused = |text: &str| bug().apply(text).map_err(|error| error.to_string());
        let gone = "hunk 1 does not apply to x.rs any more: rewrite the patch";
        assert_eq!(refused("fn sum() {\n    b + a\n}\n"), Err(gone.to_owned()));
        let twice = "hunk 1 applies to x.rs in 2 places: add lines of context";
        assert_eq!(refused("fn sum() {\n    a + b\n}\nfn sum() {\n    a + b\n}\n"), Err(twice.to_owned()));
    }

    #[test]
    fn a_patch_out_of_form_is_refused() {
        assert_eq!(refusal(""), "the first line must say what is broken");
        assert_eq!(refusal("A sum.\nBy: x\n"), "the second line must be `Found by: TEST_BINARY TEST`");
        assert_eq!(
            refusal(&PATCH.replace("+++ b/x.rs", "+++ b/y.rs")),
            "a patch must change one file and must not rename it"
        );
        assert_eq!(refusal(&PATCH.replace("@@ -9,3 +9,3 @@\n", "")), "a hunk must start with `@@ `");
        assert_eq!(
            refusal(&PATCH.replace("+    a - b", "?    a - b")),
            "`?    a - b` does not start with a space, `+` or `-`"
        );
        let idle = InjectedBug::parse("x", &PATCH.replace("a - b", "a + b")).expect("the patch is in form");
        let idle = idle.apply("fn sum() {\n    a + b\n}\n").map_err(|error| error.to_string());
        assert_eq!(idle, Err("the patch does not change x.rs".to_owned()));
    }

    #[test]
    fn a_patch_is_known_by_its_folder_and_ending() {
        assert_eq!(name_of("xtask/bugs/wrong-sum.patch"), Some("wrong-sum"));
        assert_eq!([name_of("xtask/bugs/equivalent.toml"), name_of("docs/x.patch")], [None; 2]);
    }
}
