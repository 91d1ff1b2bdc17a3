//! What one link carries: the arithmetic that pushing and tracing share.

use super::link::{Direction, EdgeType, PackedLink, TAGS, tag};
use super::settings::SpreadSettings;

/// Factors of types and directions in the form that the inner loop uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factors {
    /// By tag: factor × decay, for weights counted in steps of 2⁻¹⁶ (a power of two: nothing is rounded).
    by_tag: [f32; TAGS],
    /// One bit for each tag that conducts.
    conducting: u32,
}

impl Factors {
    pub(super) fn new(settings: &SpreadSettings) -> Factors {
        let mut factors = Factors { by_tag: [0.0; TAGS], conducting: 0 };
        for code in 0..EdgeType::COUNT {
            let Some(edge_type) = EdgeType::new(code as u8) else { continue };
            let both = [
                (Direction::Out, settings.forward[code]),
                (Direction::In, settings.backward[code]),
            ];
            for (direction, factor) in both {
                let tag = tag(edge_type, direction);
                factors.by_tag[tag] = factor * settings.decay / 65_536.0;
                factors.conducting |= u32::from(factor > 0.0) << tag;
            }
        }
        factors
    }

    /// Decay × factor × weight of a link.
    #[inline]
    pub(super) fn carried(&self, link: PackedLink) -> f32 {
        self.by_tag[link.tag()] * link.steps()
    }

    /// What a link brings when each link of its node takes `share`.
    #[inline]
    pub(super) fn contribution(&self, share: f32, link: PackedLink) -> f32 {
        share * self.carried(link)
    }

    /// How many of the links conduct.
    #[inline]
    pub(super) fn fan(&self, links: &[PackedLink]) -> u32 {
        if self.conducting == u32::MAX {
            return links.len() as u32;
        }
        links.iter().map(|link| self.conducting >> link.tag() & 1).sum()
    }
}

/// 1 / (1 + ln(1 + fan)).
pub(super) fn log_damping(fan: u32) -> f32 {
    1.0 / (1.0 + libm::logf(1.0 + fan as f32))
}
