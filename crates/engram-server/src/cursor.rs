//! Cursors as clients see them: opaque, and good only for the listing that issued them.
//!
//! A cursor is the base64url form of a byte that says what it points into, a position there, and a checksum over these,
//! the space and the request. The checksum guards against mix-ups, not against forgery: whoever may read a space may
//! start anywhere in it.

use engram_engine::{Cursor, ExportCursor, ExportPhase, RankCursor};

/// Least length of the checksum, bytes. It grows until the whole is a multiple of three, so that base64 needs no padding.
const CHECKSUM_BYTES_MIN: usize = 8;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What a cursor points into; the first byte of its form.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Points {
    Log = 1,
    Ranking = 2,
    Associations = 3,
    Versions = 4,
    /// Into a ranking that a session biased.
    PrimedRanking = 5,
    Export = 6,
}

/// What a cursor is bound to.
pub(crate) struct CursorScope<'a> {
    /// Identity of the space, so that a cursor does not survive the space's deletion.
    pub(crate) space: [u8; 16],
    /// Everything else that decides what is listed, in a fixed form.
    pub(crate) listing: &'a [u8],
}

impl CursorScope<'_> {
    pub(crate) fn encode(&self, cursor: Cursor) -> String {
        self.seal(Points::Log, &[&cursor.lsn.to_be_bytes(), &cursor.position.to_be_bytes()])
    }

    /// `None` for what this listing did not issue; so for all.
    pub(crate) fn decode(&self, text: &str) -> Option<Cursor> {
        let [lsn @ .., a, b, c, d] = self.open::<12>(Points::Log, text)?;
        Some(Cursor { lsn: u64::from_be_bytes(lsn), position: u32::from_be_bytes([a, b, c, d]) })
    }

    pub(crate) fn encode_rank(&self, cursor: RankCursor) -> String {
        let [offset, depth, turn] =
            [cursor.offset, cursor.depth, cursor.turn].map(u32::to_be_bytes);
        match cursor.turn {
            0 => self.seal(Points::Ranking, &[&offset, &depth]),
            _ => self.seal(Points::PrimedRanking, &[&offset, &depth, &turn]),
        }
    }

    pub(crate) fn decode_rank(&self, text: &str) -> Option<RankCursor> {
        let numbers: [u8; 12] = match self.open::<8>(Points::Ranking, text) {
            Some([a, b, c, d, e, f, g, h]) => [a, b, c, d, e, f, g, h, 0, 0, 0, 0],
            None => self.open(Points::PrimedRanking, text)?,
        };
        let [a, b, c, d, e, f, g, h, turn @ ..] = numbers;
        let [offset, depth, turn] = [[a, b, c, d], [e, f, g, h], turn].map(u32::from_be_bytes);
        Some(RankCursor { offset, depth, turn })
    }

    pub(crate) fn encode_offset(&self, offset: u32) -> String {
        self.seal(Points::Associations, &[&offset.to_be_bytes()])
    }

    pub(crate) fn decode_offset(&self, text: &str) -> Option<u32> {
        self.open::<4>(Points::Associations, text).map(u32::from_be_bytes)
    }

    /// The version that the next page of a history starts below.
    pub(crate) fn encode_version(&self, version: u32) -> String {
        self.seal(Points::Versions, &[&version.to_be_bytes()])
    }

    pub(crate) fn decode_version(&self, text: &str) -> Option<u32> {
        self.open::<4>(Points::Versions, text).map(u32::from_be_bytes)
    }

    pub(crate) fn encode_export(&self, cursor: ExportCursor) -> String {
        let ExportCursor { phase, first, second, bound } = cursor;
        let [second, bound] = [second, bound].map(u32::to_be_bytes);
        self.seal(Points::Export, &[&[phase as u8], &first.to_be_bytes(), &second, &bound])
    }

    pub(crate) fn decode_export(&self, text: &str) -> Option<ExportCursor> {
        let bytes = self.open::<17>(Points::Export, text)?;
        let (phase, rest) = bytes.split_first()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (second, bound) = rest.split_first_chunk()?;
        Some(ExportCursor {
            phase: *ExportPhase::ALL.get(usize::from(*phase))?,
            first: u64::from_be_bytes(*first),
            second: u32::from_be_bytes(*second),
            bound: u32::from_be_bytes(bound.try_into().ok()?),
        })
    }

    fn seal(&self, into: Points, position: &[&[u8]]) -> String {
        let mut bytes = vec![into as u8];
        bytes.extend(position.concat());
        let sum = self.checksum(&bytes);
        bytes.extend(&sum[..checksum_bytes(bytes.len())]);
        to_base64url(&bytes)
    }

    fn open<const N: usize>(&self, into: Points, text: &str) -> Option<[u8; N]> {
        let bytes = from_base64url(text)?;
        let head = 1 + N;
        if bytes.len() != head + checksum_bytes(head) || bytes[0] != into as u8 {
            return None;
        }
        let (head, sum) = bytes.split_at(head);
        if sum != &self.checksum(head)[..sum.len()] {
            return None;
        }
        head[1..].try_into().ok()
    }

    fn checksum(&self, head: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.space).update(head).update(self.listing);
        *hasher.finalize().as_bytes()
    }
}

fn checksum_bytes(head: usize) -> usize {
    (head + CHECKSUM_BYTES_MIN).next_multiple_of(3) - head
}

/// The length is a multiple of three, so there is no padding.
fn to_base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() / 3 * 4);
    for chunk in bytes.chunks_exact(3) {
        let group = u32::from_be_bytes([0, chunk[0], chunk[1], chunk[2]]);
        for shift in [18, 12, 6, 0] {
            text.push(char::from(ALPHABET[(group >> shift & 63) as usize]));
        }
    }
    text
}

/// `None` for what is too long to be a cursor, or no base64url of whole groups.
fn from_base64url(text: &str) -> Option<Vec<u8>> {
    const CURSOR_CHARS_MAX: usize = 64;
    if text.len() > CURSOR_CHARS_MAX || !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for quad in text.as_bytes().chunks_exact(4) {
        let mut group = 0u32;
        for letter in quad {
            let digit = ALPHABET.iter().position(|known| known == letter)?;
            group = group << 6 | digit as u32;
        }
        bytes.extend_from_slice(&group.to_be_bytes()[1..]);
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
    fn a_cursor_points_into_one_thing_only() {
        let scope = CursorScope { space: [7; 16], listing: b"{}" };
        let rank = RankCursor { offset: 10, depth: 1 << 20, turn: 0 };
        let primed = RankCursor { turn: 7, ..rank };
        assert_eq!(scope.decode_rank(&scope.encode_rank(primed)), Some(primed));
        let ranked = scope.encode_rank(rank);
        let offset = scope.encode_offset(77);
        let (phase, first, second, bound) = (ExportPhase::Decisions, 1 << 40, 7, u32::MAX);
        let export = ExportCursor { phase, first, second, bound };
        let told = scope.encode_export(export);
        assert_eq!(scope.decode_export(&told), Some(export));
        assert_eq!((scope.decode(&told), scope.decode_export(&ranked)), (None, None));
        assert_eq!(scope.decode_rank(&ranked), Some(rank));
        assert_eq!(scope.decode_offset(&offset), Some(77));
        assert_eq!((scope.decode(&ranked), scope.decode(&offset)), (None, None));
        assert_eq!((scope.decode_rank(&offset), scope.decode_offset(&ranked)), (None, None));
        let other = CursorScope { space: [7; 16], listing: b"[]" };
        assert_eq!((other.decode_rank(&ranked), other.decode_offset(&offset)), (None, None));
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
