//! Where to go back to, as it is written on the command line.

use std::str::FromStr;

use engram_api::{RestoreTo, Timestamp};
use engram_backup::RestoreTarget;

/// `latest`, a time, `lsn:N`, `point:NAME` or `backup:ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TargetFlag {
    Latest,
    Time(Timestamp),
    Lsn(u64),
    Point(String),
    Backup(String),
}

impl FromStr for TargetFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<TargetFlag, String> {
        if text == "latest" {
            return Ok(TargetFlag::Latest);
        }
        if let Some(lsn) = text.strip_prefix("lsn:") {
            let lsn = lsn.parse().map_err(|_| format!("`{lsn}` is no log sequence number"))?;
            return Ok(TargetFlag::Lsn(lsn));
        }
        if let Some(name) = text.strip_prefix("point:") {
            return Ok(TargetFlag::Point(name.to_owned()));
        }
        if let Some(id) = text.strip_prefix("backup:") {
            return Ok(TargetFlag::Backup(id.to_owned()));
        }
        Timestamp::parse(text).map(TargetFlag::Time).map_err(|_| {
            "expected latest, a time such as 2026-01-05T10:31:07.123456789Z, lsn:N, point:NAME or backup:ID"
                .to_owned()
        })
    }
}

impl TargetFlag {
    pub(super) fn target(self, exclusive: bool) -> RestoreTarget {
        let inclusive = !exclusive;
        match self {
            TargetFlag::Latest => RestoreTarget::Latest,
            TargetFlag::Time(time) => RestoreTarget::Time { at: time.0, inclusive },
            TargetFlag::Lsn(lsn) => RestoreTarget::Lsn { lsn, inclusive },
            TargetFlag::Point(name) => RestoreTarget::Point(name),
            TargetFlag::Backup(id) => RestoreTarget::Backup(id),
        }
    }

    /// The same on the wire; none = the last archived commit.
    pub(super) fn wire(self) -> Option<RestoreTo> {
        let to = match self {
            TargetFlag::Latest => return None,
            TargetFlag::Time(time) => RestoreTo { time: Some(time), ..RestoreTo::default() },
            TargetFlag::Lsn(lsn) => RestoreTo { lsn: Some(lsn), ..RestoreTo::default() },
            TargetFlag::Point(name) => RestoreTo { point: Some(name), ..RestoreTo::default() },
            TargetFlag::Backup(id) => RestoreTo { backup: Some(id), ..RestoreTo::default() },
        };
        Some(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read() {
        assert_eq!("latest".parse(), Ok(TargetFlag::Latest));
        assert_eq!("lsn:17".parse(), Ok(TargetFlag::Lsn(17)));
        assert_eq!("point:a".parse(), Ok(TargetFlag::Point("a".to_owned())));
        let time: TargetFlag = "2026-01-05T10:31:07.123456789Z".parse().unwrap();
        let RestoreTarget::Time { at, inclusive } = time.target(true) else { unreachable!() };
        assert_eq!((at % 1_000_000_000, inclusive), (123_456_789, false));
        for wrong in ["", "yesterday", "lsn:x", "17"] {
            assert!(wrong.parse::<TargetFlag>().is_err(), "{wrong}");
        }
    }
}
