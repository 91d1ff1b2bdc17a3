//! Segment files: immutable, sealed lists of *sections*, each a tag and bytes.
//!
//! Guarantees: a file has its final name only when it is complete and synced; the name is a hash of the content, so the
//! same sections under the same [`SegmentMeta`] give the same file; whatever is read was checked against the checksum of its
//! block. What the sections mean is for others to know. `docs/internals/file-format.md` has the bytes.

mod name;

mod layout;

mod writer;

mod reader;

pub use layout::{SectionTag, SegmentHash, SegmentMeta, SegmentRef};
pub use name::{parse_segment_file_name, segment_file_name};
pub use reader::Segment;
pub use writer::SegmentWriter;

pub(crate) use name::is_segment_leftover;
