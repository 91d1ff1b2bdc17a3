//! What a part of the suite works with.

use crate::proof::{Options, Scratch};

pub(super) struct Ground<'a> {
    pub(super) options: &'a Options,
    pub(super) scratch: &'a Scratch,
}
