//! Warnings while one element is read: bounded, so that a hostile element cannot make them cost more than its bytes.

use crate::path::Path;
use muster_core::excerpt::excerpt_of;
use muster_core::limits::WARNINGS_MAX;
use muster_core::warning::{Code, Warnings};

/// What is noticed of one element, and what a limit of the hosted service does besides being noticed.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    pub(crate) warnings: Warnings,
    /// Limits of the hosted service cut and drop; else they only warn (behaviour.md 2).
    pub(crate) parity: bool,
}

impl Notices {
    /// Notes an occurrence; beyond as many names as an answer may tell, only those already noted are counted on.
    pub(crate) fn add(&mut self, code: Code, name: &str, at: &Path) {
        self.add_given(code, name, at, None);
    }

    /// The same, with the text that the log keeps of the first occurrence.
    pub(crate) fn add_given(&mut self, code: Code, name: &str, at: &Path, given: Option<&str>) {
        let (warnings, name) = (&mut self.warnings, &excerpt_of(name));
        let room = warnings.0.len() < WARNINGS_MAX;
        if room || warnings.0.iter().any(|w| w.code == code && w.name == *name) {
            warnings.add_given(code, name, || at.pointer(), || given);
        }
    }
}
