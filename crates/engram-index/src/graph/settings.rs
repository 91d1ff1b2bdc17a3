//! How activation spreads.

use super::link::EdgeType;

/// Most hops of one spreading.
pub const SPREAD_HOPS_MAX: u32 = 32;

/// How the activation that leaves a node depends on its fan: the number of its links that conduct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Fan {
    /// Not at all: every link carries the whole.
    None,
    /// Each link carries 1 / (1 + ln(1 + fan)) of it.
    #[default]
    Log,
    /// Each link carries 1 / fan of it (the fan effect of ACT-R: J. R. Anderson, "The Architecture of Cognition", 1983).
    Inverse,
    /// The links share it in proportion to weight × factor of the type: nothing is lost but by decay. This is the walk
    /// of personalised PageRank.
    Share,
}

/// How the activation that arrives at a node depends on its fan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HubDamping {
    /// Not at all.
    #[default]
    None,
    /// It is multiplied by 1 / (1 + ln(1 + fan)): hubs, which everything leads to, say little.
    Log,
}

/// What happens to activation that comes back to a node which an earlier hop, or a seed, has activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Returns {
    /// It counts and is conducted again: the activation is a power series.
    #[default]
    Count,
    /// It is dropped: each node is activated by the first hop that reaches it, and well-linked seeds gain nothing from
    /// their own echo.
    Drop,
}

/// How activation spreads, after A. M. Collins and E. F. Loftus, "A spreading-activation theory of semantic processing",
/// 1975. Plain values; [`SpreadSettings::check`] tells what is out of range.
#[derive(Clone, Debug, PartialEq)]
pub struct SpreadSettings {
    /// Hops from the seeds, 1 to [`SPREAD_HOPS_MAX`].
    pub hops: u32,
    /// What each hop leaves of the activation, in (0, 1].
    pub decay: f32,
    /// Factor of each type where an edge is followed in its direction, in [0, 1]; 0 = not followed.
    pub forward: [f32; EdgeType::COUNT],
    /// Factor of each type where an edge is followed against its direction, in [0, 1]; 0 = not followed.
    pub backward: [f32; EdgeType::COUNT],
    /// Damping of what leaves a node.
    pub fan: Fan,
    /// Damping of what arrives at a node.
    pub hubs: HubDamping,
    /// What happens to activation that comes back.
    pub returns: Returns,
    /// Lateral inhibition: how many of the nodes that a hop reaches survive it, the most activated ones. The others lose
    /// what the hop brought them and do not conduct it. None = all survive.
    pub survivors_max: Option<u32>,
    /// What a hop brings to a node counts for nothing below this, at least 0.
    pub pulse_min: f32,
    /// Links that may be looked at, over all hops.
    pub link_budget: u64,
}

impl Default for SpreadSettings {
    /// Two hops, each halving; all types in both directions alike; logarithmic fan; 20,000 links, a fraction
    /// of a millisecond.
    fn default() -> SpreadSettings {
        SpreadSettings {
            hops: 2,
            decay: 0.5,
            forward: [1.0; EdgeType::COUNT],
            backward: [1.0; EdgeType::COUNT],
            fan: Fan::Log,
            hubs: HubDamping::None,
            returns: Returns::Count,
            survivors_max: None,
            pulse_min: 0.0,
            link_budget: 20_000,
        }
    }
}

/// A setting that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpreadProblem {
    /// `hops` is 0 or above [`SPREAD_HOPS_MAX`].
    Hops,
    /// `decay` is not in (0, 1].
    Decay,
    /// A factor of this type is not in [0, 1].
    Factor(EdgeType),
    /// `pulse_min` is negative or not finite.
    PulseMin,
}

impl std::fmt::Display for SpreadProblem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SpreadProblem::Hops => write!(out, "hops must be 1 to {SPREAD_HOPS_MAX}"),
            SpreadProblem::Decay => out.write_str("decay must be above 0 and at most 1"),
            SpreadProblem::Factor(edge_type) => {
                write!(out, "factors of edge type {} must be 0 to 1", edge_type.code())
            }
            SpreadProblem::PulseMin => {
                out.write_str("the least pulse must be finite and not negative")
            }
        }
    }
}

impl std::error::Error for SpreadProblem {}

impl SpreadSettings {
    /// Personalised PageRank with restart probability `restart`, as a truncated power series: seeds that sum to `restart`
    /// give Σ (1 - restart)^h · Pʰ · seeds over `hops`. What is cut off sums to (1 - restart)^(hops + 1) at most. With
    /// `pulse_min` it is the push algorithm of R. Andersen, F. Chung and K. Lang, "Local graph partitioning using PageRank
    /// vectors", 2006, in rounds: small residues stay where they are.
    pub fn pagerank(restart: f32, hops: u32) -> SpreadSettings {
        SpreadSettings { hops, decay: 1.0 - restart, fan: Fan::Share, ..SpreadSettings::default() }
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn check(&self) -> Result<(), SpreadProblem> {
        if self.hops == 0 || self.hops > SPREAD_HOPS_MAX {
            return Err(SpreadProblem::Hops);
        }
        if !(self.decay > 0.0 && self.decay <= 1.0) {
            return Err(SpreadProblem::Decay);
        }
        for (code, factors) in (0_u8..).zip(self.forward.iter().zip(&self.backward)) {
            let inside = |factor: &f32| (0.0..=1.0).contains(factor);
            if let (false, Some(edge_type)) =
                (inside(factors.0) && inside(factors.1), EdgeType::new(code))
            {
                return Err(SpreadProblem::Factor(edge_type));
            }
        }
        if !(self.pulse_min >= 0.0 && self.pulse_min.is_finite()) {
            return Err(SpreadProblem::PulseMin);
        }
        Ok(())
    }
}
