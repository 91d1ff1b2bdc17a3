//! Power cuts on real file systems: a loop device, the shutdown ioctl, the real binary.
//!
//! The server writes to ext4 and XFS on an image of their own. At a random moment the file system is cut from its
//! device, so that nothing that the server did not sync gets there; then the journal is replayed, the server opens
//! what is left, and everything that it ever acknowledged must be there. The next cut hits the same image.

mod disk;
mod cuts;

pub(crate) use cuts::run;
