//! Edges and how they stand in memory and in bytes.
//!
//! An edge is kept twice: with the node it leaves and with the node it enters, so it can be followed both ways. Each
//! half, a link, is eight bytes in both forms of a graph; one loop reads them all.

/// What an association means; the caller gives each code its meaning. At most [`EdgeType::COUNT`] types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeType(u8);

impl EdgeType {
    /// How many types there may be.
    pub const COUNT: usize = 16;

    /// The type of that code; none when it is not below [`EdgeType::COUNT`].
    pub const fn new(code: u8) -> Option<EdgeType> {
        if (code as usize) < EdgeType::COUNT { Some(EdgeType(code)) } else { None }
    }

    /// Its code.
    pub const fn code(self) -> u8 {
        self.0
    }
}

/// Strength of an association in (0, 1], a multiple of 2⁻¹⁶: two bytes, and the same number on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeWeight(u16);

impl EdgeWeight {
    /// The largest weight, 1.
    pub const ONE: EdgeWeight = EdgeWeight(u16::MAX);

    /// The nearest multiple of 2⁻¹⁶ that is not 0; none unless `weight` is in (0, 1].
    pub fn new(weight: f32) -> Option<EdgeWeight> {
        if !(weight > 0.0 && weight <= 1.0) {
            return None;
        }
        // Multiplying by a power of two is exact, and the sum is below 2^17: only the cast rounds.
        let steps = (weight * STEPS + 0.5) as u32;
        Some(EdgeWeight((steps.max(1) - 1) as u16))
    }

    /// The weight, exact.
    pub fn get(self) -> f32 {
        (f32::from(self.0) + 1.0) / STEPS
    }

    /// The shortest decimal that is kept as this weight: what somebody stated who did not state more digits than are kept.
    pub fn stated(self) -> f32 {
        let exact = f64::from(self.get());
        let mut rounded = SCALES.iter().map(|scale| ((exact * scale).round() / scale) as f32);
        let same = |weight: &f32| EdgeWeight::new(*weight) == Some(self);
        rounded.find(same).unwrap_or(self.get())
    }
}

/// By decimal places; five tell all weights apart, since 10⁻⁵ is less than 2⁻¹⁶.
const SCALES: [f64; 5] = [10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];

/// Weights are multiples of 1 / STEPS.
const STEPS: f32 = 65_536.0;

/// A typed, weighted, directed association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Node it leaves.
    pub from: u32,
    /// Node it enters.
    pub to: u32,
    /// What it means. Two nodes may share one edge of each type and direction.
    pub edge_type: EdgeType,
    /// How strong it is.
    pub weight: EdgeWeight,
}

/// Whether an edge leaves or enters the node it is seen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// It leaves the node.
    Out,
    /// It enters the node.
    In,
}

/// An edge as one of its nodes sees it. The links of a node are ordered by the other node, then type, then direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The other node.
    pub node: u32,
    /// What the edge means.
    pub edge_type: EdgeType,
    /// Which way the edge points.
    pub direction: Direction,
    /// How strong the edge is.
    pub weight: EdgeWeight,
}

/// A link in eight bytes, little endian: bits 32..64 other node, 25..29 type, 24 direction (1 = in), 0..16 weight in
/// steps of 2⁻¹⁶ less one; the others are zero. Links in order are numbers in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct PackedLink(pub(super) [u8; 8]);

/// Tags in use: type and direction.
pub(super) const TAGS: usize = 2 * EdgeType::COUNT;

impl PackedLink {
    pub(super) fn pack(link: Link) -> PackedLink {
        let tag = tag(link.edge_type, link.direction);
        let bits = u64::from(link.node) << 32 | (tag as u64) << 24 | u64::from(link.weight.0);
        PackedLink(bits.to_le_bytes())
    }

    /// The link; whatever bits are not used are ignored.
    pub(super) fn unpack(self) -> Link {
        let (edge_type, direction) = meaning_of(self.tag());
        Link { node: self.node(), edge_type, direction, weight: self.weight() }
    }

    #[inline]
    pub(super) fn bits(self) -> u64 {
        u64::from_le_bytes(self.0)
    }

    /// What a node has at most one link of: the other node, type and direction.
    pub(super) fn key(self) -> u64 {
        self.bits() >> 16
    }

    #[inline]
    pub(super) fn node(self) -> u32 {
        (self.bits() >> 32) as u32
    }

    #[inline]
    pub(super) fn tag(self) -> usize {
        (self.bits() >> 24) as usize % TAGS
    }

    pub(super) fn weight(self) -> EdgeWeight {
        EdgeWeight(self.bits() as u16)
    }

    /// The weight in steps of 2⁻¹⁶, from 1 to 65,536.
    #[inline]
    pub(super) fn steps(self) -> f32 {
        (u32::from(self.bits() as u16) + 1) as f32
    }

    /// Whether the bits without meaning are zero.
    pub(super) fn is_clean(self) -> bool {
        self.bits() & 0xE0FF_0000 == 0
    }

    /// The same edge from its other end, where it is seen from `node`.
    pub(super) fn seen_from_other(self, node: u32) -> PackedLink {
        let bits = (self.bits() & 0xFFFF_FFFF) ^ 1 << 24;
        PackedLink((bits | u64::from(node) << 32).to_le_bytes())
    }
}

/// The bytes as links, without looking at them.
pub(super) fn packed_links(bytes: &[[u8; 8]]) -> &[PackedLink] {
    // SAFETY: a packed link is a transparent wrapper of these eight bytes, and every value of them is one.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

/// Place of a type and direction in tables of factors.
pub(super) fn tag(edge_type: EdgeType, direction: Direction) -> usize {
    usize::from(edge_type.0) << 1 | usize::from(direction == Direction::In)
}

/// Type and direction of a tag below [`TAGS`].
pub(super) fn meaning_of(tag: usize) -> (EdgeType, Direction) {
    let direction = if tag & 1 == 0 { Direction::Out } else { Direction::In };
    (EdgeType((tag >> 1) as u8), direction)
}

/// A graph that activation can spread over.
pub trait Adjacency {
    /// All nodes are below this number.
    fn nodes(&self) -> u32;

    /// The links of `node` in order; empty for a node that has none. Every link leads to a node below
    /// [`Adjacency::nodes`].
    fn packed(&self, node: u32) -> &[PackedLink];

    /// The links of `node` in order.
    fn links(&self, node: u32) -> impl ExactSizeIterator<Item = Link> {
        self.packed(node).iter().map(|link| link.unpack())
    }

    /// How many links `node` has: edges that leave it and edges that enter it.
    fn degree(&self, node: u32) -> u32 {
        self.packed(node).len() as u32
    }

    /// How many of the links of `node` have that type and direction.
    fn degree_of(&self, node: u32, edge_type: EdgeType, direction: Direction) -> u32 {
        let tag = tag(edge_type, direction);
        self.packed(node).iter().filter(|link| link.tag() == tag).count() as u32
    }

    /// The weight of the edge, where there is one.
    fn weight(&self, from: u32, to: u32, edge_type: EdgeType) -> Option<EdgeWeight> {
        let links = self.packed(from);
        let key = u64::from(to) << 16 | (tag(edge_type, Direction::Out) as u64) << 8;
        let at = links.binary_search_by_key(&key, |link| link.key()).ok()?;
        Some(links[at].weight())
    }

    /// All edges, by the node they leave, then the node they enter, then type.
    fn edges(&self) -> impl Iterator<Item = Edge> {
        (0..self.nodes()).flat_map(move |from| {
            let out = self.links(from).filter(|link| link.direction == Direction::Out);
            out.map(move |Link { node: to, edge_type, weight, .. }| Edge {
                from,
                to,
                edge_type,
                weight,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_multiples_of_a_power_of_two() {
        for weight in [0.0, -0.5, 1.000_001, f32::NAN, f32::INFINITY] {
            assert_eq!(EdgeWeight::new(weight), None, "{weight}");
        }
        for steps in 1..=65_536_u32 {
            let weight = steps as f32 / 65_536.0;
            assert_eq!(EdgeWeight::new(weight).unwrap().get(), weight);
        }
        assert_eq!(EdgeWeight::new(f32::MIN_POSITIVE).unwrap().get(), 1.0 / 65_536.0);
        assert_eq!(EdgeWeight::new(0.999_999).unwrap().get(), 1.0);
    }

    #[test]
    fn weights_are_shown_as_they_were_stated() {
        for hundredths in 1..=100_u16 {
            let weight = f32::from(hundredths) / 100.0;
            assert_eq!(EdgeWeight::new(weight).unwrap().stated(), weight);
        }
        assert_eq!(EdgeWeight::new(0.1234).unwrap().stated(), 0.1234);
        for code in 0..=u16::MAX {
            let weight = EdgeWeight(code);
            assert_eq!(EdgeWeight::new(weight.stated()), Some(weight));
        }
    }

    #[test]
    fn links_keep_their_parts_and_order() {
        let mut before = 0;
        for node in [0, 1, u32::MAX - 1] {
            for code in [0, 7, 15] {
                for direction in [Direction::Out, Direction::In] {
                    let edge_type = EdgeType::new(code).unwrap();
                    let weight = EdgeWeight::new(0.75).unwrap();
                    let link = Link { node, edge_type, direction, weight };
                    let packed = PackedLink::pack(link);
                    assert_eq!(packed.unpack(), link);
                    assert!(packed.is_clean());
                    assert!(packed.bits() > before);
                    let back = packed.seen_from_other(9).unpack();
                    assert_eq!((back.node, back.edge_type, back.weight), (9, edge_type, weight));
                    assert_ne!(back.direction, direction);
                    before = packed.bits();
                }
            }
        }
    }
}
