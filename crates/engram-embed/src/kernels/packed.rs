//! Weights in the order in which the inner loops read them.

use crate::arith::BLOCK;

/// Outputs that are worked on at once; the layout's unit.
pub(crate) const PANEL: usize = 32;

/// Weights that one integer dot-product instruction takes from each output.
pub(super) const GROUP: usize = 4;

/// Bytes of one block of one panel.
pub(super) const PANEL_BLOCK: usize = PANEL * BLOCK;

/// 64 bytes that start at a cache line, so that no vector load crosses one.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A quantised matrix of `outputs` rows and `inputs` columns with its bias.
///
/// Bytes stand as `[panel][block][group of 4 inputs][output of the panel][input of the group]`,
/// scales and totals as `[panel][block][output of the panel]`.
#[derive(Debug)]
pub(crate) struct PackedMatrix {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) bias: Vec<f32>,
    scales: Vec<f32>,
    /// Sum of each block's weights, for the middles of the activations.
    totals: Vec<f32>,
    lines: Vec<Line>,
}

impl PackedMatrix {
    /// Packs row-major int8 `values` (as bytes) and row-major `scales`, one for each block of a row.
    /// `outputs` is a multiple of [`PANEL`], the row length one of [`BLOCK`]; `weight_offset` is
    /// added to each byte.
    pub(crate) fn new(values: &[u8], scales: &[f32], bias: Vec<f32>, weight_offset: u8) -> Self {
        let outputs = bias.len();
        let inputs = values.len() / outputs;
        let blocks = inputs / BLOCK;
        assert!(outputs.is_multiple_of(PANEL) && inputs.is_multiple_of(BLOCK), "whole panels");
        assert_eq!(scales.len(), outputs * blocks, "one scale for each block");
        let mut lines = vec![Line([0; 64]); values.len() / 64];
        let mut packed_scales = vec![0.0; scales.len()];
        let mut totals = vec![0.0; scales.len()];
        for output in 0..outputs {
            let (panel, lane) = (output / PANEL, output % PANEL);
            for block in 0..blocks {
                let cell = panel * blocks + block;
                let scale = scales[output * blocks + block];
                let source = &values[output * inputs + block * BLOCK..][..BLOCK];
                let total: i32 = source.iter().map(|&value| i32::from(value as i8)).sum();
                packed_scales[cell * PANEL + lane] = scale;
                totals[cell * PANEL + lane] = total as f32 * scale;
                for (group, four) in source.chunks_exact(GROUP).enumerate() {
                    let at = cell * PANEL_BLOCK + (group * PANEL + lane) * GROUP;
                    let target = &mut lines[at / 64].0[at % 64..][..GROUP];
                    for (byte, &value) in target.iter_mut().zip(four) {
                        *byte = value.wrapping_add(weight_offset);
                    }
                }
            }
        }
        Self { outputs, inputs, bias, scales: packed_scales, totals, lines }
    }

    /// Blocks of one output.
    pub(super) fn blocks(&self) -> usize {
        self.inputs / BLOCK
    }

    /// Scales of one panel, `[block][output of the panel]`.
    pub(super) fn panel_scales(&self, panel: usize) -> &[f32] {
        &self.scales[panel * self.blocks() * PANEL..][..self.blocks() * PANEL]
    }

    /// Totals of one panel, `[block][output of the panel]`.
    pub(super) fn panel_totals(&self, panel: usize) -> &[f32] {
        &self.totals[panel * self.blocks() * PANEL..][..self.blocks() * PANEL]
    }

    /// Bytes of one panel; starts at a cache line.
    pub(super) fn panel_bytes(&self, panel: usize) -> &[u8] {
        let count = self.blocks() * PANEL_BLOCK / 64;
        flatten(&self.lines[panel * count..][..count])
    }
}

/// The bytes of lines, one behind the other.
fn flatten(lines: &[Line]) -> &[u8] {
    // SAFETY: `Line` is `repr(C)`, 64 bytes of `u8` without padding.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), size_of_val(lines)) }
}
