//! What columns are merged from.

/// A source of a merge: a column, and the new ordinal of each of its documents (none drops it).
pub type ColumnPart<'a, C> = (&'a C, &'a dyn Fn(u32) -> Option<u32>);
