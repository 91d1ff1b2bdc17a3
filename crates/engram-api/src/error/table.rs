//! The rows of the error catalogue: only data.

mod request;
mod state;

use super::ErrorEntry;

use self::request::REQUEST;
use self::state::STATE;

/// The catalogue, by number.
pub const ERRORS: &[ErrorEntry] = &joined();

const fn joined() -> [ErrorEntry; REQUEST.len() + STATE.len()] {
    let mut all = [REQUEST[0]; REQUEST.len() + STATE.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] =
            if index < REQUEST.len() { REQUEST[index] } else { STATE[index - REQUEST.len()] };
        index += 1;
    }
    all
}
