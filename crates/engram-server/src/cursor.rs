//! Cursors as clients see them: opaque, and good only for the listing that issued them.
//!
//! A cursor is the base64url form of a version byte, an LSN, a position and a checksum over these, the space and the
//! filter. The checksum guards against mix-ups, not against forgery: whoever may list a space may start anywhere in it.

use engram_engine::Cursor;

const VERSION: u8 = 1;
const BYTES: usize = 1 + 8 + 4 + 8;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What a cursor is bound to.
pub(crate) struct CursorScope<'a> {
    /// Identity of the space, so that a cursor does not survive the space's deletion.
    pub(crate) space: [u8; 16],
    /// Everything else that decides what is listed, in a fixed form.
    pub(crate) listing: &'a [u8],
}

impl CursorScope<'_> {
    pub(crate) fn encode(&self, cursor: Cursor) -> String {
        let mut bytes = [0u8; BYTES];
        bytes[0] = VERSION;
        bytes[1..9].copy_from_slice(&cursor.lsn.to_be_bytes());
        bytes[9..13].copy_from_slice(&cursor.position.to_be_bytes());
        let sum = self.checksum(&bytes[..13]);
        bytes[13..].copy_from_slice(&sum);
        to_base64url(&bytes)
    }

    /// `None` for what this listing did not issue.
    pub(crate) fn decode(&self, text: &str) -> Option<Cursor> {
        let bytes = from_base64url(text)?;
        if bytes[0] != VERSION || bytes[13..] != self.checksum(&bytes[..13]) {
            return None;
        }
        Some(Cursor {
            lsn: u64::from_be_bytes(bytes[1..9].try_into().expect("eight bytes")),
            position: u32::from_be_bytes(bytes[9..13].try_into().expect("four bytes")),
        })
    }

    fn checksum(&self, head: &[u8]) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.space).update(head).update(self.listing);
        hasher.finalize().as_bytes()[..8].try_into().expect("a hash has 32 bytes")
    }
}

/// The length is a multiple of three, so there is no padding.
fn to_base64url(bytes: &[u8; BYTES]) -> String {
    let mut text = String::with_capacity(BYTES / 3 * 4);
    for chunk in bytes.chunks_exact(3) {
        let group = u32::from_be_bytes([0, chunk[0], chunk[1], chunk[2]]);
        for shift in [18, 12, 6, 0] {
            text.push(char::from(ALPHABET[(group >> shift & 63) as usize]));
        }
    }
    text
}

fn from_base64url(text: &str) -> Option<[u8; BYTES]> {
    if text.len() != BYTES / 3 * 4 {
        return None;
    }
    let mut bytes = [0u8; BYTES];
    for (quad, out) in text.as_bytes().chunks_exact(4).zip(bytes.chunks_exact_mut(3)) {
        let mut group = 0u32;
        for letter in quad {
            let digit = ALPHABET.iter().position(|known| known == letter)?;
            group = group << 6 | digit as u32;
        }
        out.copy_from_slice(&group.to_be_bytes()[1..]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_returns_to_its_own_listing_only() {
        let scope = CursorScope { space: [7; 16], listing: b"{}" };
        let cursor = Cursor { lsn: u64::MAX - 5, position: 77 };
        let text = scope.encode(cursor);
        assert_eq!(text.len(), 28);
        assert_eq!(scope.decode(&text), Some(cursor));
        let other_space = CursorScope { space: [8; 16], listing: b"{}" };
        let other_filter = CursorScope { space: [7; 16], listing: b"{\"tags\":[\"a\"]}" };
        assert_eq!(other_space.decode(&text), None);
        assert_eq!(other_filter.decode(&text), None);
    }

    #[test]
    fn garbage_is_refused() {
        let scope = CursorScope { space: [7; 16], listing: b"" };
        let text = scope.encode(Cursor { lsn: 1, position: 0 });
        let mut flipped = text.clone().into_bytes();
        flipped[3] = if flipped[3] == b'A' { b'B' } else { b'A' };
        for bad in ["", "x", &text[1..], &format!("{text}A"), "Zürich"] {
            assert_eq!(scope.decode(bad), None, "{bad}");
        }
        assert_eq!(scope.decode(std::str::from_utf8(&flipped).unwrap()), None);
    }
}
