//! The bytes of a graph, which are what a search reads. `docs/internals/file-format.md` describes them.

use std::fmt;
use std::ops::Range;

use super::super::aligned::AlignedBytes;
use super::super::codes::CodeErrors;
use super::layer::{Layer, LayerShape, LayerView, NO_LINK};
use super::settings::{HnswSettings, LAYERS_MAX, VECTORS_MAX};
use crate::prefetch::LINE;

const MAGIC: [u8; 8] = *b"ENGRAMHN";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 128;
const COUNTS_AT: usize = 64;

/// Why bytes are not a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HnswError {
    /// The bytes do not hold together; what is wrong with them.
    Corrupt(&'static str),
    /// Written in a format that this version does not know.
    NewerFormat {
        /// The version of the format.
        version: u32,
    },
}

impl fmt::Display for HnswError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HnswError::Corrupt(what) => write!(f, "the vector graph is damaged: {what}"),
            HnswError::NewerFormat { version } => {
                write!(f, "the vector graph has format {version}, newer than {VERSION}")
            }
        }
    }
}

impl std::error::Error for HnswError {}

/// Where the tables of one layer stand.
#[derive(Clone, Debug)]
struct Place {
    shape: LayerShape,
    len: usize,
    /// Nodes, lower planes, scales, numbers in the layer below.
    tables: [Range<usize>; 4],
}

/// An immutable graph over its bytes, borrowed or owned.
#[derive(Clone, Debug)]
pub struct Hnsw<B = AlignedBytes> {
    bytes: B,
    pub(super) settings: HnswSettings,
    pub(super) dimension: usize,
    pub(super) errors: CodeErrors,
    places: Vec<Place>,
}

impl<B: AsRef<[u8]>> Hnsw<B> {
    /// Opens a graph. Checks every number in it (one pass over the links); a search is fastest when the bytes start at a
    /// multiple of 64. The bytes must not change while the graph is in use: it then may panic or find nothing.
    ///
    /// # Errors
    /// When the bytes are no graph, or one of a newer format.
    pub fn open(bytes: B) -> Result<Hnsw<B>, HnswError> {
        let all = bytes.as_ref();
        let header = all.first_chunk::<HEADER_BYTES>().ok_or(HnswError::Corrupt("no header"))?;
        if header[..8] != MAGIC {
            return Err(HnswError::Corrupt("no magic"));
        }
        let version = u32_at(header, 8);
        if version != VERSION {
            return Err(HnswError::NewerFormat { version });
        }
        let dimension = u32_at(header, 12) as usize;
        let seed = u64::from(u32_at(header, 28)) << 32 | u64::from(u32_at(header, 24));
        let settings =
            HnswSettings { m: u32_at(header, 16), ef_construction: u32_at(header, 20), seed };
        if !settings.is_valid() || !(1..=4096).contains(&dimension) {
            return Err(HnswError::Corrupt("settings out of range"));
        }
        let [high, full, length] = [36, 40, 44].map(|at| f32::from_bits(u32_at(header, at)));
        if ![high, full, length].iter().all(|error| error.is_finite() && *error >= 0.0) {
            return Err(HnswError::Corrupt("errors out of range"));
        }
        let counts = counts(header)?;
        let (places, end) = places(&settings, dimension, &counts);
        if end != all.len() as u64 {
            return Err(HnswError::Corrupt("another length than its parts"));
        }
        let errors = CodeErrors { high, full, length };
        let graph = Hnsw { bytes, settings, dimension, errors, places };
        graph.check()?;
        Ok(graph)
    }

    /// The bytes that [`Hnsw::open`] takes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.places[0].len
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Components of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// What the graph was built with.
    pub fn settings(&self) -> HnswSettings {
        self.settings
    }

    /// The layers, from the lowest up; those that do not exist are empty. Returned with their number.
    pub(super) fn views(&self) -> ([LayerView<'_>; LAYERS_MAX], usize) {
        let all = self.bytes.as_ref();
        let views = std::array::from_fn(|layer| match self.places.get(layer) {
            Some(place) => {
                let tables = place.tables.clone().map(|table| &all[table]);
                LayerView::new(place.shape, place.len, tables)
            }
            None => LayerView::new(self.places[0].shape, 0, [&[]; 4]),
        });
        (views, self.places.len())
    }

    /// Checks what the tables hold: every link and number is in range.
    fn check(&self) -> Result<(), HnswError> {
        let (views, layers) = self.views();
        for (layer, view) in views[..layers].iter().enumerate() {
            let len = view.len as u32;
            for node in 0..len {
                if !view.links(node).all(|link| link < len && link != node) {
                    return Err(HnswError::Corrupt("a link leads nowhere"));
                }
                let scale = view.codes.scale(node);
                if !(scale.is_finite() && scale >= 0.0) {
                    return Err(HnswError::Corrupt("a scale out of range"));
                }
            }
            if layer > 0 {
                let (down, _) = view.down.as_chunks::<4>();
                let below = views[layer - 1].len as u32;
                let ordered = down.is_sorted_by_key(|number| u32::from_le_bytes(*number));
                if !ordered || down.last().is_some_and(|last| u32::from_le_bytes(*last) >= below) {
                    return Err(HnswError::Corrupt("a layer does not stand on the one below"));
                }
            }
        }
        Ok(())
    }
}

/// Writes the bytes of a graph.
pub(super) fn serialize(
    settings: HnswSettings,
    dimension: usize,
    errors: CodeErrors,
    layers: &[Layer],
) -> Hnsw {
    let counts: Vec<u32> = layers.iter().map(|layer| layer.len as u32).collect();
    let (places, end) = places(&settings, dimension, &counts);
    let mut bytes = AlignedBytes::zeroed(end as usize);
    let all = bytes.as_mut();
    all[..8].copy_from_slice(&MAGIC);
    let mut put = |at: usize, value: u32| all[at..at + 4].copy_from_slice(&value.to_le_bytes());
    put(8, VERSION);
    put(12, dimension as u32);
    put(16, settings.m);
    put(20, settings.ef_construction);
    put(24, settings.seed as u32);
    put(28, (settings.seed >> 32) as u32);
    put(32, layers.len() as u32);
    put(36, errors.high.to_bits());
    put(40, errors.full.to_bits());
    put(44, errors.length.to_bits());
    for (layer, &count) in counts.iter().enumerate() {
        put(COUNTS_AT + 4 * layer, count);
    }
    for (layer, place) in layers.iter().zip(&places) {
        let tables = [layer.nodes.as_ref(), layer.low.as_ref(), &layer.scales, &layer.down];
        for (table, range) in tables.into_iter().zip(&place.tables) {
            all[range.clone()].copy_from_slice(table);
        }
    }
    Hnsw { bytes, settings, dimension, errors, places }
}

/// The tables of a graph as layers that can grow.
pub(super) fn layers<B: AsRef<[u8]>>(graph: &Hnsw<B>) -> Vec<Layer> {
    let all = graph.bytes();
    graph
        .places
        .iter()
        .map(|place| {
            let [nodes, low, scales, down] = place.tables.clone().map(|table| &all[table]);
            Layer {
                shape: place.shape,
                len: place.len,
                nodes: AlignedBytes::copy_of(nodes),
                low: AlignedBytes::copy_of(low),
                scales: scales.to_vec(),
                down: down.to_vec(),
            }
        })
        .collect()
}

/// Number of nodes of each layer.
fn counts(header: &[u8; HEADER_BYTES]) -> Result<Vec<u32>, HnswError> {
    let layers = u32_at(header, 32) as usize;
    if !(1..=LAYERS_MAX).contains(&layers) {
        return Err(HnswError::Corrupt("number of layers"));
    }
    let counts: Vec<u32> = (0..layers).map(|layer| u32_at(header, COUNTS_AT + 4 * layer)).collect();
    let narrowing = counts.windows(2).all(|pair| pair[1] <= pair[0] && pair[1] > 0);
    if !narrowing || counts[0] as usize > VECTORS_MAX {
        return Err(HnswError::Corrupt("number of nodes"));
    }
    Ok(counts)
}

/// Where everything stands, and where it ends. In u64, so that hostile counts do not overflow.
fn places(settings: &HnswSettings, dimension: usize, counts: &[u32]) -> (Vec<Place>, u64) {
    let mut end = HEADER_BYTES as u64;
    let places = counts
        .iter()
        .enumerate()
        .map(|(layer, &len)| {
            let shape = LayerShape::new(dimension, settings.capacity(layer));
            let down = if layer == 0 { 0 } else { 4 };
            let tables = [shape.stride, shape.plane, 4, down].map(|each| {
                let start = end.next_multiple_of(LINE as u64);
                end = start + each as u64 * u64::from(len);
                start as usize..end as usize
            });
            Place { shape, len: len as usize, tables }
        })
        .collect();
    (places, end.next_multiple_of(LINE as u64))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(NO_LINK, |chunk| u32::from_le_bytes(*chunk))
}
