//! What relevance is worth in one space: learned from judgements of what its recalls showed.
//!
//! Counts by mode and by what was said of a judged item before anything was learned. They are part of the state: every count
//! comes from a judgement in the log. The map that is fitted to them follows from the counts alone.

use std::sync::{Arc, OnceLock};

use engram_index::{Outcomes, Recalibration};

use crate::answer::Mode;

/// What was learned of all modes, in the order of [`Mode::ALL`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Calibration {
    modes: [Arc<OfMode>; Mode::ALL.len()],
}

#[derive(Debug, Default)]
struct OfMode {
    outcomes: Outcomes,
    /// The map that the outcomes ask for, once somebody wants it.
    fit: OnceLock<Recalibration>,
}

/// What was learned of the relevance of one mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModeCalibration {
    /// The mode.
    pub mode: Mode,
    /// Judged items.
    pub judgements: u64,
    /// Those of them that were useful.
    pub useful: u64,
    /// The map that relevance goes through.
    pub fit: Recalibration,
    /// Expected calibration error of what was judged, before and after the map, in [0, 1].
    pub error_before: f32,
    /// The same after it.
    pub error_after: f32,
}

/// Code of a mode in the log, from 1.
pub(crate) fn mode_code(mode: Mode) -> u32 {
    mode as u32 + 1
}

/// The mode of that code.
pub(crate) fn mode_of_code(code: u32) -> Option<Mode> {
    Mode::ALL.into_iter().find(|mode| mode_code(*mode) == code)
}

impl Calibration {
    /// The map that the relevance of a mode goes through.
    pub(crate) fn fit(&self, mode: Mode) -> Recalibration {
        let of_mode = &self.modes[mode as usize];
        *of_mode.fit.get_or_init(|| of_mode.outcomes.fit())
    }

    /// Counts a judgement of an item of which so much was said.
    pub(crate) fn judge(&mut self, mode: Mode, stated: f32, useful: bool) {
        let mut outcomes = self.outcomes(mode).clone();
        outcomes.add(stated, useful);
        self.set(mode, outcomes);
    }

    pub(crate) fn outcomes(&self, mode: Mode) -> &Outcomes {
        &self.modes[mode as usize].outcomes
    }

    pub(crate) fn set(&mut self, mode: Mode, outcomes: Outcomes) {
        self.modes[mode as usize] = Arc::new(OfMode { outcomes, fit: OnceLock::new() });
    }

    /// A sum over what was learned: 0 where nothing was, and equal wherever the same was.
    pub(crate) fn sum(&self) -> u64 {
        let mut sum = 0_u64;
        for mode in self.judged() {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&mode_code(mode).to_le_bytes());
            for (hits, misses) in self.outcomes(mode).counts() {
                hasher.update(&hits.to_le_bytes()).update(&misses.to_le_bytes());
            }
            let mut term = [0; 8];
            term.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
            sum = sum.wrapping_add(u64::from_le_bytes(term));
        }
        sum
    }

    /// The modes of which something was judged.
    pub(crate) fn judged(&self) -> impl Iterator<Item = Mode> {
        Mode::ALL.into_iter().filter(|mode| self.outcomes(*mode).total().0 > 0)
    }

    /// What was learned of each mode of which something was judged.
    pub(crate) fn told(&self) -> Vec<ModeCalibration> {
        let told = |mode: Mode| {
            let (outcomes, fit) = (self.outcomes(mode), self.fit(mode));
            let (judgements, useful) = outcomes.total();
            let [error_before, error_after] =
                [Recalibration::IDENTITY, fit].map(|map| outcomes.error(map) as f32);
            ModeCalibration { mode, judgements, useful, fit, error_before, error_after }
        };
        self.judged().map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_learn_apart_and_codes_are_theirs() {
        let mut calibration = Calibration::default();
        assert_eq!((calibration.sum(), calibration.told().len()), (0, 0));
        for _ in 0..100 {
            calibration.judge(Mode::Hybrid, 0.8, false);
        }
        assert!(calibration.fit(Mode::Hybrid).apply(0.8) < 0.3);
        assert_eq!(calibration.fit(Mode::Associative), Recalibration::IDENTITY);
        let told = calibration.told();
        assert_eq!((told.len(), told[0].mode, told[0].judgements), (1, Mode::Hybrid, 100));
        assert!(told[0].error_after < told[0].error_before);
        let before = calibration.sum();
        let mut other = calibration.clone();
        other.judge(Mode::Keyword, 0.5, true);
        assert_eq!(calibration.sum(), before);
        assert_ne!(other.sum(), before);
        for mode in Mode::ALL {
            assert_eq!(mode_of_code(mode_code(mode)), Some(mode));
            assert_eq!(Mode::ALL[mode as usize], mode);
        }
        assert_eq!((mode_of_code(0), mode_of_code(9)), (None, None));
    }
}
