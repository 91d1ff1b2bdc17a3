//! Short locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex whose sections are short and cannot panic half-way, so that a panic of its holder elsewhere
/// leaves its content right.
pub(crate) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
