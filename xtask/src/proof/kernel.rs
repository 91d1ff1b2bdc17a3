//! The calls to the kernel that the standard library does not offer. Elsewhere than on Linux all of them say so.

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a cut leaves of the file system's own journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    /// The journal is written out first, the data is not.
    FlushLog,
    /// Nothing more reaches the device, as in a power cut.
    Nothing,
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C was pressed since [`stop_on_interrupt`].
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// From here on Ctrl-C asks the suite to stop between two steps, so that it unmounts and removes what it made.
pub(crate) fn stop_on_interrupt() {
    linux::on_interrupt();
}

pub(crate) fn is_root() -> bool {
    linux::is_root()
}

/// Gives this process mounts of its own: what it mounts is seen by nobody else, and the kernel unmounts it when the
/// last process that it started has ended, however that came.
pub(crate) fn isolate_mounts() -> io::Result<()> {
    linux::isolate_mounts()
}

/// Cuts the file system mounted at `place` from its device. Only unmounting is possible afterwards.
pub(crate) fn shutdown(place: &Path, how: Shutdown) -> io::Result<()> {
    linux::shutdown(place, how)
}

/// Makes the program die when the thread that starts it dies.
pub(crate) fn dies_with_us(command: &mut Command) {
    linux::dies_with_us(command);
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{c_char, c_int, c_ulong, c_void};
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::process::CommandExt as _;
    use std::path::Path;
    use std::process::Command;
    use std::ptr;
    use std::sync::atomic::Ordering;

    use super::{INTERRUPTED, Shutdown};

    const CLONE_NEWNS: c_int = 0x0002_0000;
    const MS_REC: c_ulong = 0x4000;
    const MS_PRIVATE: c_ulong = 1 << 18;
    const PR_SET_PDEATHSIG: c_int = 1;
    const SIGINT: c_int = 2;
    const SIGKILL: c_ulong = 9;
    /// `_IOR('X', 125, __u32)`: XFS's, and since Linux 4.10 ext4's.
    const IOC_SHUTDOWN: c_ulong = 0x8004_587d;
    const FLAGS_LOGFLUSH: u32 = 1;
    const FLAGS_NOLOGFLUSH: u32 = 2;

    unsafe extern "C" {
        fn geteuid() -> u32;
        fn unshare(flags: c_int) -> c_int;
        fn mount(
            source: *const c_char,
            target: *const c_char,
            kind: *const c_char,
            flags: c_ulong,
            data: *const c_void,
        ) -> c_int;
        fn ioctl(file: c_int, request: c_ulong, ...) -> c_int;
        fn prctl(option: c_int, ...) -> c_int;
        fn signal(number: c_int, handler: extern "C" fn(c_int)) -> *const c_void;
    }

    fn checked(outcome: c_int) -> io::Result<()> {
        if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    extern "C" fn note(_signal: c_int) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }

    pub(super) fn on_interrupt() {
        // SAFETY: the handler only stores to an atomic, which is allowed in a signal handler.
        unsafe { signal(SIGINT, note) };
    }

    pub(super) fn is_root() -> bool {
        // SAFETY: takes nothing and cannot fail.
        unsafe { geteuid() == 0 }
    }

    pub(super) fn isolate_mounts() -> io::Result<()> {
        // SAFETY: takes no pointers.
        checked(unsafe { unshare(CLONE_NEWNS) })?;
        // SAFETY: the target is a terminated string; the kernel ignores the null pointers for this kind of call.
        checked(unsafe {
            mount(ptr::null(), c"/".as_ptr(), ptr::null(), MS_REC | MS_PRIVATE, ptr::null())
        })
    }

    pub(super) fn shutdown(place: &Path, how: Shutdown) -> io::Result<()> {
        let folder = File::open(place)?;
        let flags = match how {
            Shutdown::FlushLog => FLAGS_LOGFLUSH,
            Shutdown::Nothing => FLAGS_NOLOGFLUSH,
        };
        // SAFETY: the file is open, and the request reads one u32 from the pointer, which outlives the call.
        checked(unsafe { ioctl(folder.as_raw_fd(), IOC_SHUTDOWN, &raw const flags) })
    }

    pub(super) fn dies_with_us(command: &mut Command) {
        // SAFETY: between fork and exec only prctl is called, which allocates nothing and takes no lock.
        unsafe {
            command.pre_exec(|| checked(prctl(PR_SET_PDEATHSIG, SIGKILL)));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod linux {
    use std::io;
    use std::path::Path;
    use std::process::Command;

    use super::Shutdown;

    pub(super) fn on_interrupt() {}

    pub(super) fn is_root() -> bool {
        false
    }

    pub(super) fn isolate_mounts() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn shutdown(_place: &Path, _how: Shutdown) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn dies_with_us(_command: &mut Command) {}
}
