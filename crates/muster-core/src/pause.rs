//! Where a decision lets others go on.

use std::sync::Arc;

/// Called between the elements of a decision, and by whoever reads facts for it. It changes nothing that a decision knows:
/// an engine may let other decisions run there, so that a long one holds nobody up.
#[derive(Clone, Default)]
pub struct Pause(Option<Arc<dyn Fn() + Send + Sync>>);

impl Pause {
    /// A pause that does this.
    pub fn new(run: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(run)))
    }

    /// Between two pieces of work.
    pub fn between(&self) {
        if let Some(run) = &self.0 {
            run();
        }
    }
}

impl std::fmt::Debug for Pause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pause")
    }
}
