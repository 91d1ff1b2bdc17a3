//! What bounds a statement. A text that breaks none of these is compiled in time and memory linear in its length.

/// Bytes of a statement. Longer texts and vectors belong into parameters.
pub const STATEMENT_BYTES_MAX: usize = 256 * 1024;

/// Brackets, `NOT`s, lists and objects within each other, and parts of a path: it bounds the stack of the parser and of what
/// reads the request.
pub const NESTING_MAX: usize = 64;

/// Levels of a filter, as the operations accept them.
pub const FILTER_DEPTH_MAX: usize = 16;

/// Conditions of a statement, and values and nested filters of the filter that they come to, as the operations accept them: it bounds
/// what a condition costs.
pub const CONDITIONS_MAX: usize = 1_000;

/// Fields that an answer is ordered by.
pub const ORDER_FIELDS_MAX: usize = 8;
