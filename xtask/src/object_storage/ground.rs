//! What every part of the suite stands on.

use std::cell::RefCell;
use std::path::Path;

use super::service::Service;
use crate::proof::{Options, Scratch};

pub(super) struct Ground<'a> {
    pub(super) root: &'a Path,
    pub(super) options: &'a Options,
    pub(super) scratch: &'a Scratch,
    /// A part may kill it and must start it again.
    pub(super) service: RefCell<Service>,
}
