//! A log segment as the format document describes it, written without the code of the store.
//!
//! Any bytes become frames whose sums fit, so that an input reaches what stands behind the sums. What it may leave broken is
//! chosen by the input, too.

/// Length of the segments of the targets, in bytes: the least that the format allows.
pub(crate) const SEGMENT_BYTES: usize = 16 << 10;
/// Where the first frame stands.
pub(crate) const FIRST_FRAME: usize = 4_096;
/// Where the trailer stands.
pub(crate) const AREA_END: usize = SEGMENT_BYTES - 64;
const FRAME_HEADER: usize = 88;
const SALT: [u8; 16] = [0x5A; 16];
const COMMIT: u8 = 1;
const FOOTER: u8 = 3;

/// Which sums are put right.
#[derive(Clone, Copy)]
pub(crate) struct Sealing {
    chain: bool,
    payload: bool,
    header: bool,
    trailer: bool,
    /// The frame with this number keeps what the input has for its sums.
    except: usize,
}

impl Sealing {
    /// Four bits turn a sum off, the other four name a frame.
    pub(crate) fn of(byte: u8) -> Sealing {
        let off = |bit: u8| byte & 1 << bit == 0;
        let except = usize::from(byte >> 4).wrapping_sub(1);
        Sealing { chain: off(0), payload: off(1), header: off(2), trailer: off(3), except }
    }
}

/// An empty segment, ready for frames.
pub(crate) fn empty(sequence: u64) -> Vec<u8> {
    let mut file = vec![0; SEGMENT_BYTES];
    let mut header = [0; 64];
    header[0..8].copy_from_slice(b"ENGRAMWL");
    header[8..12].copy_from_slice(&1_u32.to_le_bytes());
    header[16..24].copy_from_slice(&sequence.to_le_bytes());
    header[24..32].copy_from_slice(&(SEGMENT_BYTES as u64).to_le_bytes());
    header[32..48].copy_from_slice(&SALT);
    let crc = crc32c::crc32c(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    file[..64].copy_from_slice(&header);
    file[2_048..2_112].copy_from_slice(&header);
    file
}

/// Space and chain of its last commit.
pub(crate) type Chain = ([u8; 16], [u8; 16]);

/// Segment 1 with `frames` from its first frame on, behind commits with these chains, and whether it ends with a footer.
pub(crate) fn with_frames(
    frames: &[u8],
    mut chains: Vec<Chain>,
    sealing: Sealing,
) -> (Vec<u8>, bool) {
    let mut file = empty(1);
    let len = frames.len().min(AREA_END - FIRST_FRAME);
    file[FIRST_FRAME..FIRST_FRAME + len].copy_from_slice(&frames[..len]);
    let mut at = FIRST_FRAME;
    let mut number = 0;
    while let Some(end) = frame_end(&file, at) {
        let frame = &mut file[at..end];
        if number != sealing.except {
            seal_frame(frame, at as u64, sealing, &mut chains);
        }
        if frame[4] == FOOTER {
            let batch_start: [u8; 4] = word(frame, 48);
            if sealing.trailer {
                write_trailer(&mut file, at as u32, batch_start);
            }
            return (file, true);
        }
        at = end;
        number += 1;
    }
    (file, false)
}

/// The end of the frame at `at` by its length; none where there is no more.
fn frame_end(file: &[u8], at: usize) -> Option<usize> {
    let header = file[at..AREA_END].get(..FRAME_HEADER)?;
    if header.iter().all(|byte| *byte == 0) {
        return None;
    }
    let payload = u32::from_le_bytes(word(header, 0)) as usize;
    let end = at + FRAME_HEADER + payload.next_multiple_of(8);
    (end <= AREA_END).then_some(end)
}

fn seal_frame(frame: &mut [u8], offset: u64, sealing: Sealing, chains: &mut Vec<Chain>) {
    if sealing.chain && frame[4] == COMMIT {
        let space: [u8; 16] = word(frame, 16);
        let known = chains.iter().position(|(other, _)| *other == space);
        let previous = known.map_or([0; 16], |position| chains[position].1);
        let next = chain(&previous, frame);
        frame[64..80].copy_from_slice(&next);
        match known {
            Some(position) => chains[position].1 = next,
            None => chains.push((space, next)),
        }
    }
    if sealing.payload {
        let sum = crc(offset, &[b"P", &frame[FRAME_HEADER..]]);
        frame[52..56].copy_from_slice(&sum.to_le_bytes());
    }
    if sealing.header {
        let sum = crc(offset, &[&frame[..84]]);
        frame[84..88].copy_from_slice(&sum.to_le_bytes());
    }
}

fn chain(previous: &[u8; 16], frame: &[u8]) -> [u8; 16] {
    let len = u32::from_le_bytes(word(frame, 0)) as usize;
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous);
    // Space, LSN and time.
    hasher.update(&frame[16..48]);
    hasher.update(&frame[5..6]);
    // Epoch and key.
    hasher.update(&frame[8..16]);
    // State sum.
    hasher.update(&frame[56..64]);
    hasher.update(&frame[FRAME_HEADER..FRAME_HEADER + len]);
    word(hasher.finalize().as_bytes(), 0)
}

fn write_trailer(file: &mut [u8], footer: u32, batch_start: [u8; 4]) {
    let trailer = &mut file[AREA_END..];
    trailer[0..8].copy_from_slice(b"ENGRAMWT");
    trailer[8..12].copy_from_slice(&footer.to_le_bytes());
    trailer[12..16].copy_from_slice(&batch_start);
    let sum = crc(AREA_END as u64, &[&trailer[..60]]);
    trailer[60..].copy_from_slice(&sum.to_le_bytes());
}

fn crc(offset: u64, parts: &[&[u8]]) -> u32 {
    let salted = crc32c::crc32c_append(crc32c::crc32c(&SALT), &offset.to_le_bytes());
    parts.iter().fold(salted, |sum, part| crc32c::crc32c_append(sum, part))
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice has this length")
}
