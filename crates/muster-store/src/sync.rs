//! Locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; after a panic under the lock the state is taken as it is, since every change of it is one assignment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
