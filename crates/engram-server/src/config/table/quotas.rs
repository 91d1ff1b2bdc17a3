//! The settings of how much a space may hold and ask for.

use super::{GIB, MIB, Setting, setting};
use crate::config::value::SettingKind;

const MANY: u64 = 1 << 40;
const MEMORIES: SettingKind = SettingKind::Count { min: 1, max: MANY };
const BYTES: SettingKind = SettingKind::Bytes { min: MIB, max: (1 << 20) * GIB };
const RATE: SettingKind = SettingKind::Count { min: 1, max: 1_000_000 };

pub(super) const QUOTAS: &[Setting] = &[
    setting(
        "quotas.memories",
        MEMORIES,
        None,
        "2000000",
        "Memories that a space may hold, suppressed ones and beliefs among them. What would be more is refused; what the server makes by itself is not. \
         Default: any number.",
    ),
    setting(
        "quotas.bytes",
        BYTES,
        None,
        "20 GiB",
        "Bytes that a space may occupy in RAM, in its segments and in the cold store together. Once it occupies as many, what would add to it is refused; \
         what is deleted counts until its segment is rewritten. Default: any number.",
    ),
    setting(
        "quotas.writes_per_second",
        RATE,
        None,
        "500",
        "Requests a second that may change a space. A second's worth may come at once. Default: any number.",
    ),
    setting(
        "quotas.reads_per_second",
        RATE,
        None,
        "200",
        "Requests a second that may read a space, recalls among them. Default: any number.",
    ),
    setting(
        "quotas.calls",
        RATE,
        None,
        "32",
        "Requests of a space that may be worked on at once; who follows its changes counts as one. Default: any number.",
    ),
    setting(
        "quotas.spaces.*.memories",
        MEMORIES,
        None,
        "50000",
        "The same for the space of this name; what is not said there is as for every space.",
    ),
    setting("quotas.spaces.*.bytes", BYTES, None, "1 GiB", "The same for the space of this name."),
    setting(
        "quotas.spaces.*.writes_per_second",
        RATE,
        None,
        "50",
        "The same for the space of this name.",
    ),
    setting(
        "quotas.spaces.*.reads_per_second",
        RATE,
        None,
        "20",
        "The same for the space of this name.",
    ),
    setting("quotas.spaces.*.calls", RATE, None, "8", "The same for the space of this name."),
];
