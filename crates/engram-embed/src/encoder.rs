//! A BERT encoder on quantised weights.
//!
//! Token rows of many texts stand one behind the other, without padding; only attention sees which
//! rows are one text. A row's result does not depend on the rows beside it, so a text has the same
//! vector, bit for bit, alone and in any batch.

use std::borrow::Cow;

use crate::arith::{AttentionScratch, BLOCK, Heads, Norm, QuantisedRows};
use crate::blob::{BlobReader, MatrixPlace, Pooling, Shape};
use crate::embedder::normalise;
use crate::error::EmbedError;
use crate::kernels::{KernelSet, PackedMatrix};

/// Token rows of one pass. Enough that streaming the weights costs little for each, few enough that
/// the pass stays in the cache.
const PASS_ROWS: usize = 128;

/// Rows whose intermediate values, the widest ones, are alive at once.
const WIDE_ROWS: usize = 64;

struct Layer {
    mixed: PackedMatrix,
    attended: PackedMatrix,
    attended_norm: Norm,
    intermediate: PackedMatrix,
    output: PackedMatrix,
    output_norm: Norm,
}

/// Weights ready to run on one kernel set.
pub(crate) struct Encoder {
    shape: Shape,
    set: &'static KernelSet,
    /// The blob, or its part with the embeddings.
    blob: Cow<'static, [u8]>,
    words: MatrixPlace,
    positions: MatrixPlace,
    norm: Norm,
    layers: Vec<Layer>,
}

impl Encoder {
    /// Packs the weights of a blob for `set`.
    pub(crate) fn new(
        mut blob: Cow<'static, [u8]>,
        set: &'static KernelSet,
    ) -> Result<Self, EmbedError> {
        let (mut reader, shape) = BlobReader::new(&blob)?;
        let words = reader.matrix(shape.vocabulary, shape.hidden)?;
        let positions = reader.matrix(shape.positions, shape.hidden)?;
        let norm = read_norm(&mut reader, &shape)?;
        let embeddings = reader.position();
        let mut layers = Vec::with_capacity(shape.layers);
        for _ in 0..shape.layers {
            layers.push(read_layer(&mut reader, &blob, &shape, set)?);
        }
        reader.finish()?;
        if let Cow::Owned(bytes) = &mut blob {
            // The layers' weights now stand in the packed matrices.
            bytes.truncate(embeddings);
            bytes.shrink_to_fit();
        }
        Ok(Self { shape, set, blob, words, positions, norm, layers })
    }

    /// Sizes of the model.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// One unit-norm vector for each sequence of token ids. Every sequence has at least one and at most
    /// `positions` ids, each below the vocabulary's size.
    pub(crate) fn embed(&self, sequences: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = Vec::with_capacity(sequences.len());
        let mut room = Room::default();
        let mut rest = sequences;
        while !rest.is_empty() {
            let mut rows = 0;
            let fits = |sequence: &&Vec<u32>| {
                rows += sequence.len();
                rows <= PASS_ROWS
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (pass, later) = rest.split_at(count);
            self.run(pass, &mut room, &mut vectors)?;
            rest = later;
        }
        Ok(vectors)
    }

    fn run(
        &self,
        pass: &[Vec<u32>],
        room: &mut Room,
        vectors: &mut Vec<Vec<f32>>,
    ) -> Result<(), EmbedError> {
        self.look_up(pass, &mut room.x);
        for layer in &self.layers {
            self.attend(layer, pass, room);
            self.transform(layer, room);
        }
        let mut at = 0;
        for sequence in pass {
            let rows = &room.x[at..at + sequence.len() * self.shape.hidden];
            at += rows.len();
            let mut vector = rows[..self.shape.hidden].to_vec();
            if self.shape.pooling == Pooling::Mean {
                // The scale does not matter: the sum is normalised.
                for row in rows.chunks_exact(self.shape.hidden).skip(1) {
                    vector.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                }
            }
            if !normalise(&mut vector) {
                return Err(EmbedError::bad_model("the model gave a zero or infinite vector"));
            }
            vectors.push(vector);
        }
        Ok(())
    }

    fn look_up(&self, pass: &[Vec<u32>], x: &mut Vec<f32>) {
        x.clear();
        for sequence in pass {
            for (position, &id) in sequence.iter().enumerate() {
                let start = x.len();
                x.resize(start + self.shape.hidden, 0.0);
                self.add_row(&self.words, id as usize, &mut x[start..]);
                self.add_row(&self.positions, position, &mut x[start..]);
            }
        }
        (self.set.add_norm)(x, &[], &self.norm);
    }

    fn add_row(&self, matrix: &MatrixPlace, row: usize, out: &mut [f32]) {
        let hidden = self.shape.hidden;
        let values = &self.blob[matrix.values.start + row * hidden..][..hidden];
        let scales = &self.blob[matrix.scales.start + row * hidden / BLOCK * 2..];
        let (scales, _) = scales.as_chunks::<2>();
        for ((out, values), &scale) in
            out.chunks_exact_mut(BLOCK).zip(values.chunks_exact(BLOCK)).zip(scales)
        {
            let scale = crate::arith::f16_to_f32(u16::from_le_bytes(scale));
            for (x, &value) in out.iter_mut().zip(values) {
                *x += f32::from(value as i8) * scale;
            }
        }
    }

    fn attend(&self, layer: &Layer, pass: &[Vec<u32>], room: &mut Room) {
        let Shape { hidden, heads, .. } = self.shape;
        let rows = room.x.len() / hidden;
        (self.set.quantise)(&room.x, hidden, &mut room.quantised);
        room.wide.resize(rows * 3 * hidden, 0.0);
        (self.set.linear)(&room.quantised, &layer.mixed, &mut room.wide);
        room.narrow.resize(rows * hidden, 0.0);
        let mut at = 0;
        for sequence in pass {
            let tokens = sequence.len();
            let mixed = &room.wide[at * 3 * hidden..(at + tokens) * 3 * hidden];
            let out = &mut room.narrow[at * hidden..(at + tokens) * hidden];
            let shape = Heads { tokens, hidden, heads };
            (self.set.attention)(mixed, shape, &mut room.attention, out);
            at += tokens;
        }
        (self.set.quantise)(&room.narrow, hidden, &mut room.quantised);
        (self.set.linear)(&room.quantised, &layer.attended, &mut room.narrow);
        (self.set.add_norm)(&mut room.x, &room.narrow, &layer.attended_norm);
    }

    fn transform(&self, layer: &Layer, room: &mut Room) {
        let Shape { hidden, intermediate, .. } = self.shape;
        for x in room.x.chunks_mut(WIDE_ROWS * hidden) {
            let rows = x.len() / hidden;
            (self.set.quantise)(x, hidden, &mut room.quantised);
            room.wide.resize(rows * intermediate, 0.0);
            (self.set.linear)(&room.quantised, &layer.intermediate, &mut room.wide);
            (self.set.gelu)(&mut room.wide);
            (self.set.quantise)(&room.wide, intermediate, &mut room.quantised);
            room.narrow.resize(rows * hidden, 0.0);
            (self.set.linear)(&room.quantised, &layer.output, &mut room.narrow);
            (self.set.add_norm)(x, &room.narrow, &layer.output_norm);
        }
    }
}

/// Room for the values of a pass, reused by the next.
#[derive(Default)]
struct Room {
    x: Vec<f32>,
    wide: Vec<f32>,
    narrow: Vec<f32>,
    quantised: QuantisedRows,
    attention: AttentionScratch,
}

fn read_norm(reader: &mut BlobReader<'_>, shape: &Shape) -> Result<Norm, EmbedError> {
    let weight = reader.plain(shape.hidden)?;
    let bias = reader.plain(shape.hidden)?;
    Ok(Norm { weight, bias, epsilon: shape.epsilon })
}

fn read_layer(
    reader: &mut BlobReader<'_>,
    blob: &[u8],
    shape: &Shape,
    set: &KernelSet,
) -> Result<Layer, EmbedError> {
    let (hidden, wide) = (shape.hidden, shape.intermediate);
    let linear = |reader: &mut BlobReader<'_>, outputs: usize, inputs: usize| {
        let place = reader.matrix(outputs, inputs)?;
        let bias = reader.plain(outputs)?;
        let values = &blob[place.values.clone()];
        Ok(PackedMatrix::new(values, &place.scales(blob), bias, set.weight_offset))
    };
    Ok(Layer {
        mixed: linear(reader, 3 * hidden, hidden)?,
        attended: linear(reader, hidden, hidden)?,
        attended_norm: read_norm(reader, shape)?,
        intermediate: linear(reader, wide, hidden)?,
        output: linear(reader, hidden, wide)?,
        output_norm: read_norm(reader, shape)?,
    })
}
