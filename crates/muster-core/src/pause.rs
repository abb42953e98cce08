//! Where a decision pauses for others.

use std::sync::Arc;

/// Hook between the elements of a decision and while facts are loaded: an engine may let other decisions go first.
#[derive(Clone, Default)]
pub struct Pause(Option<Arc<dyn Fn() + Send + Sync>>);

impl Pause {
    /// Creates a pause that calls `run`.
    pub fn new(run: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(run)))
    }

    /// Pauses between two pieces of work.
    pub fn run(&self) {
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
