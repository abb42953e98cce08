//! What was built. The binary knows it, and its build asks the repository.

/// What was built, for people and for `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildInfo {
    /// The version.
    pub version: &'static str,
    /// The commit, its first characters; `unknown` outside of a repository.
    pub commit: &'static str,
    /// The day of the commit.
    pub date: &'static str,
}
