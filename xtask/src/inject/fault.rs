//! The faults: which calls can fail, with which errors, and when.

use std::collections::{BTreeMap, BTreeSet};

use crate::proof::Random;

/// A call and the errors that it may meet.
pub(super) struct Target {
    pub(super) call: &'static str,
    pub(super) errors: &'static [&'static str],
}

pub(super) const TARGETS: [Target; 13] = [
    Target { call: "fdatasync", errors: &["EIO", "EIO", "ENOSPC"] },
    Target { call: "fsync", errors: &["EIO", "ENOSPC"] },
    Target { call: "pwrite64", errors: &["EIO", "ENOSPC"] },
    Target { call: "openat", errors: &["EIO", "ENOSPC", "EMFILE"] },
    Target { call: "rename", errors: &["EIO", "ENOSPC"] },
    Target { call: "renameat", errors: &["EIO", "ENOSPC"] },
    Target { call: "renameat2", errors: &["EIO", "ENOSPC"] },
    Target { call: "ftruncate", errors: &["EIO", "ENOSPC"] },
    Target { call: "fallocate", errors: &["EIO", "ENOSPC"] },
    Target { call: "mkdir", errors: &["EIO", "ENOSPC"] },
    Target { call: "unlink", errors: &["EIO"] },
    Target { call: "pread64", errors: &["EIO"] },
    Target { call: "getdents64", errors: &["EIO"] },
];

/// Of 100 faults so many last.
const LASTING: u64 = 35;

/// When a server meets the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    /// It starts on no data.
    FirstStart,
    /// It starts on data that a killed server left.
    Restart,
    /// It serves.
    Running,
}

pub(super) const MOMENTS: [Moment; 3] = [Moment::FirstStart, Moment::Restart, Moment::Running];

pub(super) struct Fault {
    pub(super) moment: Moment,
    pub(super) call: &'static str,
    pub(super) error: &'static str,
    /// Which call of its thread.
    pub(super) number: u64,
    pub(super) lasting: bool,
}

/// Where faults can be put: a moment, the target's place in the table, and the numbers of the calls on the data.
pub(super) type Places = BTreeMap<(Moment, usize), BTreeSet<u64>>;

pub(super) fn draw(
    (moment, target): (Moment, usize),
    numbers: &BTreeSet<u64>,
    random: &mut Random,
) -> Fault {
    let Target { call, errors } = TARGETS[target];
    let error = errors[random.below(errors.len() as u64) as usize];
    // Early ones more often: how many calls a run makes is not always the same.
    let at = random.below(numbers.len() as u64).min(random.below(numbers.len() as u64)) as usize;
    let number = *numbers.iter().nth(at).expect("a place has at least one number");
    Fault { moment, call, error, number, lasting: random.percent(LASTING) }
}

impl Fault {
    pub(super) fn named(&self) -> String {
        format!("{} at {:?}", self.expression(), self.moment)
    }

    pub(super) fn expression(&self) -> String {
        let Fault { call, error, number, lasting, .. } = self;
        format!("inject={call}:error={error}:when={number}{}", if *lasting { "+" } else { "" })
    }
}
