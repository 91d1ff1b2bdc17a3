//! One layer of the graph: nodes with their codes and links, numbered from 0 in order of insertion.

use super::super::aligned::AlignedBytes;
use super::super::codes::{CodeErrors, Codes, encode, plane_bytes};
use super::super::kernels::NibbleRows;
use crate::prefetch::{LINE, prefetch};

/// Stands where a node has no further link.
pub(super) const NO_LINK: u32 = u32::MAX;

/// Sizes of a layer's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LayerShape {
    /// Bytes of one plane of codes.
    pub(super) plane: usize,
    /// Links of a node, at most.
    pub(super) capacity: usize,
    /// Bytes from node to node: the upper plane of its codes, then its links, in whole cache lines.
    pub(super) stride: usize,
}

impl LayerShape {
    pub(super) fn new(dimension: usize, capacity: usize) -> LayerShape {
        let plane = plane_bytes(dimension);
        LayerShape { plane, capacity, stride: (plane + 4 * capacity).next_multiple_of(LINE) }
    }
}

/// A layer that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerView<'a> {
    pub(super) shape: LayerShape,
    pub(super) len: usize,
    pub(super) codes: Codes<'a>,
    /// Little-endian u32, one for each node: its number in the layer below. Empty for the lowest layer.
    pub(super) down: &'a [u8],
}

impl<'a> LayerView<'a> {
    /// A view of tables that hold `len` nodes; `low` has `plane` bytes and `scales` four for each.
    pub(super) fn new(
        shape: LayerShape,
        len: usize,
        [nodes, low, scales, down]: [&'a [u8]; 4],
    ) -> LayerView<'a> {
        let codes = Codes {
            high: NibbleRows { bytes: nodes, stride: shape.stride },
            low: NibbleRows { bytes: low, stride: shape.plane },
            scales,
            plane: shape.plane,
        };
        LayerView { shape, len, codes, down }
    }

    /// Links of a node, up to the first [`NO_LINK`]; panics when the node is not there.
    #[inline]
    pub(super) fn links(&self, node: u32) -> impl Iterator<Item = u32> + 'a {
        let start = node as usize * self.shape.stride + self.shape.plane;
        let links = &self.codes.high.bytes[start..start + 4 * self.shape.capacity];
        let (links, _) = links.as_chunks::<4>();
        links.iter().map(|link| u32::from_le_bytes(*link)).take_while(|&link| link != NO_LINK)
    }

    /// Number in the layer below; panics when there is none.
    pub(super) fn below(&self, node: u32) -> u32 {
        let (down, _) = self.down.as_chunks::<4>();
        u32::from_le_bytes(down[node as usize])
    }

    /// Asks the processor to bring the links of a node closer.
    #[inline(always)]
    pub(super) fn prefetch_links(&self, node: u32) {
        let start = node as usize * self.shape.stride + self.shape.plane;
        prefetch(self.codes.high.bytes, start, 4 * self.shape.capacity);
    }
}

/// A layer that grows.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) shape: LayerShape,
    pub(super) len: usize,
    pub(super) nodes: AlignedBytes,
    pub(super) low: AlignedBytes,
    pub(super) scales: Vec<u8>,
    pub(super) down: Vec<u8>,
}

impl Layer {
    pub(super) fn new(shape: LayerShape) -> Layer {
        let (nodes, low) = (AlignedBytes::default(), AlignedBytes::default());
        Layer { shape, len: 0, nodes, low, scales: Vec::new(), down: Vec::new() }
    }

    pub(super) fn view(&self) -> LayerView<'_> {
        let tables = [self.nodes.as_ref(), self.low.as_ref(), &self.scales[..], &self.down[..]];
        LayerView::new(self.shape, self.len, tables)
    }

    /// Adds a node without links.
    pub(super) fn push(&mut self, vector: &[f32], errors: &mut CodeErrors) {
        let node = self.nodes.grow(self.shape.stride);
        let (high, links) = node.split_at_mut(self.shape.plane);
        links.fill(0xff);
        let scale = encode(vector, high, self.low.grow(self.shape.plane), errors);
        self.scales.extend(scale.to_le_bytes());
        self.len += 1;
    }

    /// Adds a node without links that has the codes of node `below` of the layer below, and returns its number.
    pub(super) fn push_above(&mut self, lower: &Layer, below: u32) -> u32 {
        let (plane, source) = (self.shape.plane, below as usize);
        let node = self.nodes.grow(self.shape.stride);
        let (high, links) = node.split_at_mut(plane);
        high.copy_from_slice(&lower.nodes.as_ref()[source * lower.shape.stride..][..plane]);
        links.fill(0xff);
        let low = &lower.low.as_ref()[source * plane..][..plane];
        self.low.grow(plane).copy_from_slice(low);
        self.scales.extend_from_slice(&lower.scales[4 * source..][..4]);
        self.down.extend(below.to_le_bytes());
        self.len += 1;
        (self.len - 1) as u32
    }

    /// Replaces the links of a node; panics when there are more than it has room for.
    pub(super) fn set_links(&mut self, node: u32, links: &[u32]) {
        let start = node as usize * self.shape.stride + self.shape.plane;
        let places = &mut self.nodes.as_mut()[start..start + 4 * self.shape.capacity];
        assert!(links.len() <= self.shape.capacity, "too many links");
        places.fill(0xff);
        for (place, link) in places.chunks_exact_mut(4).zip(links) {
            place.copy_from_slice(&link.to_le_bytes());
        }
    }
}
