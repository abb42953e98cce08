//! Warnings while one element is read.

use crate::path::Path;
use muster_core::warning::{Code, Warnings};

/// Warnings of one element, and whether limits of the hosted service apply.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    pub(crate) warnings: Warnings,
    /// Limits of the hosted service cut and drop values; otherwise they only warn (behaviour.md 2).
    pub(crate) parity: bool,
}

impl Notices {
    /// Adds an occurrence.
    pub(crate) fn add(&mut self, code: Code, name: &str, at: &Path) {
        self.add_given(code, name, at, None);
    }

    /// Adds an occurrence, with the text that the log keeps of the first one.
    pub(crate) fn add_given(&mut self, code: Code, name: &str, at: &Path, given: Option<&str>) {
        self.warnings.add_given(code, name, || at.pointer(), || given);
    }
}
