//! Warnings while one element is read.

use crate::path::Path;
use muster_core::warning::{Code, Warnings};

/// What is noticed of one element, and what a limit of the hosted service does besides being noticed.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    pub(crate) warnings: Warnings,
    /// Limits of the hosted service cut and drop; else they only warn (behaviour.md 2).
    pub(crate) parity: bool,
}

impl Notices {
    /// Notes an occurrence.
    pub(crate) fn add(&mut self, code: Code, name: &str, at: &Path) {
        self.add_given(code, name, at, None);
    }

    /// The same, with the text that the log keeps of the first occurrence.
    pub(crate) fn add_given(&mut self, code: Code, name: &str, at: &Path, given: Option<&str>) {
        self.warnings.add_given(code, name, || at.pointer(), || given);
    }
}
