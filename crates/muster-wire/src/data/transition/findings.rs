//! What is found while one element is read.

use crate::notices::Notices;
use muster_core::reason::Fault;

/// Faults and warnings of one element.
pub(super) struct Findings {
    /// Faults of identifiers, `device_id` among them.
    pub(super) identifiers: Vec<Fault>,
    pub(super) attributes: Vec<Fault>,
    pub(super) actions: Vec<Fault>,
    pub(super) notices: Notices,
}

impl Findings {
    pub(super) fn new(parity: bool) -> Self {
        let notices = Notices { parity, ..Notices::default() };
        Self { identifiers: Vec::new(), attributes: Vec::new(), actions: Vec::new(), notices }
    }

    /// Takes all faults, in the order of behaviour.md 1.2.e.
    pub(super) fn take_faults(&mut self) -> Vec<Fault> {
        let mut faults = std::mem::take(&mut self.identifiers);
        faults.append(&mut self.attributes);
        faults.append(&mut self.actions);
        faults
    }
}
