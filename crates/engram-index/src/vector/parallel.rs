//! The seam through which a long computation uses the threads of its caller.

/// Runs independent tasks. An index computes the same bytes with every implementation: tasks write only to places of
/// their own, and what depends on an order happens outside of them.
pub trait Parallel {
    /// Calls `task` once with each number below `tasks`, in any order and on any threads, and returns when all are done.
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync));
}

/// One task after the other, on the thread of the caller.
#[derive(Clone, Copy, Debug)]
pub struct Serial;

impl Parallel for Serial {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).for_each(task);
    }
}
