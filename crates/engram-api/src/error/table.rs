//! The rows of the error catalogue: only data.

mod backup;
mod request;
mod security;
mod state;

use super::ErrorEntry;
use crate::rows::{joined_rows, rows_in};

use self::backup::BACKUP;
use self::request::REQUEST;
use self::security::SECURITY;
use self::state::STATE;

const PARTS: &[&[ErrorEntry]] = &[REQUEST, STATE, &BACKUP, &SECURITY];

/// The catalogue, by number.
pub const ERRORS: &[ErrorEntry] = &joined_rows::<ErrorEntry, { rows_in(PARTS) }>(PARTS);
