//! Locking, for what is sound whoever panicked.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also if a holder of it has panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
