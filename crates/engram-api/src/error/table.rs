//! The rows of the error catalogue: only data.

mod backup;
mod request;
mod state;

use super::ErrorEntry;

use self::backup::BACKUP;
use self::request::REQUEST;
use self::state::STATE;

/// The catalogue, by number.
pub const ERRORS: &[ErrorEntry] = &joined();

const fn joined() -> [ErrorEntry; REQUEST.len() + STATE.len() + BACKUP.len()] {
    let mut all = [REQUEST[0]; REQUEST.len() + STATE.len() + BACKUP.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] = if index < REQUEST.len() {
            REQUEST[index]
        } else if index < REQUEST.len() + STATE.len() {
            STATE[index - REQUEST.len()]
        } else {
            BACKUP[index - REQUEST.len() - STATE.len()]
        };
        index += 1;
    }
    all
}
