//! A disk that can lose its power: a file system in an image file, mounted over a loop device.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::proof::{Mount, Shutdown, quiet, shutdown, tool};

/// Sparse, so that it costs what is written to it. XFS refuses less than 300 MB.
const IMAGE_BYTES: u64 = 1 << 30;

pub(super) struct FileSystem {
    pub(super) name: &'static str,
    make: &'static [&'static str],
}

pub(super) const FILE_SYSTEMS: [FileSystem; 2] = [
    FileSystem { name: "ext4", make: &["mkfs.ext4", "-q", "-F", "-E", "nodiscard"] },
    FileSystem { name: "xfs", make: &["mkfs.xfs", "-q", "-f", "-K"] },
];

pub(super) struct Disk {
    image: PathBuf,
    /// Where it is mounted while it has power.
    pub(super) place: PathBuf,
    mount: Option<Mount>,
}

impl Disk {
    /// A fresh disk in `folder`, without power.
    pub(super) fn new(kind: &FileSystem, folder: &Path) -> Result<Disk, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        let place = folder.join("mounted");
        std::fs::create_dir_all(&place).map_err(failed)?;
        let image = folder.join("disk.img");
        let file = File::create(&image).map_err(failed)?;
        file.set_len(IMAGE_BYTES).map_err(failed)?;
        let (program, arguments) = kind.make.split_first().expect("the table names a program");
        quiet(tool(program)?.args(arguments).arg(&image))?;
        Ok(Disk { image, place, mount: None })
    }

    /// Mounts it, which replays the journal of the file system.
    pub(super) fn power_on(&mut self) -> Result<(), String> {
        let image = self.image.to_string_lossy();
        self.mount = Some(Mount::new(&["-o", "loop,noatime", &image], &self.place)?);
        Ok(())
    }

    /// From here on nothing reaches the image.
    pub(super) fn cut(&self, how: Shutdown) -> Result<(), String> {
        shutdown(&self.place, how).map_err(|error| format!("the shutdown ioctl: {error}"))
    }

    /// Unmounts it. Nobody may have a file open on it.
    pub(super) fn remove(&mut self) -> Result<(), String> {
        self.mount.take().map_or(Ok(()), Mount::unmount)
    }

    /// Copies the image as the cut left it: the next mount changes it.
    pub(super) fn preserve(&self) -> Result<(), String> {
        let copy = self.image.with_file_name("disk-after-cut.img");
        quiet(tool("cp")?.arg("--sparse=always").arg(&self.image).arg(copy))
    }

    /// Whether this machine lets us make, mount and cut such a disk; the error says what it forbids.
    pub(super) fn trial(kind: &FileSystem, folder: &Path) -> Result<(), String> {
        let mut disk = Disk::new(kind, folder)?;
        disk.power_on()?;
        disk.cut(Shutdown::Nothing)?;
        disk.remove()
    }
}
