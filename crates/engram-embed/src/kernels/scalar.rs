//! The set for every processor: plain Rust, and the oracle of the others.

use super::packed::{GROUP, PANEL_BLOCK};
use super::{KernelSet, PANEL, PackedMatrix};
use crate::arith::{self, BLOCK, QuantisedRows};

/// The table of this module.
pub(super) static SET: KernelSet = KernelSet {
    name: "scalar",
    weight_offset: 0,
    linear,
    gelu: arith::gelu,
    add_norm: arith::add_norm,
    quantise: arith::quantise,
    attention: arith::attention,
};

fn linear(rows: &QuantisedRows, matrix: &PackedMatrix, out: &mut [f32]) {
    let blocks = matrix.blocks();
    for panel in 0..matrix.outputs / PANEL {
        let bytes = matrix.panel_bytes(panel);
        let scales = matrix.panel_scales(panel);
        let totals = matrix.panel_totals(panel);
        for row in 0..rows.rows {
            let mut sums: [f32; PANEL] =
                matrix.bias[panel * PANEL..][..PANEL].try_into().expect("a whole panel");
            for block in 0..blocks {
                let values = &rows.values[row * rows.width + block * BLOCK..][..BLOCK];
                let products = block_products(values, &bytes[block * PANEL_BLOCK..][..PANEL_BLOCK]);
                let step = rows.steps[row * blocks + block];
                let middle = rows.middles[row * blocks + block];
                for (lane, sum) in sums.iter_mut().enumerate() {
                    let scale = scales[block * PANEL + lane] * step;
                    *sum = (products[lane] as f32).mul_add(scale, *sum);
                    *sum = totals[block * PANEL + lane].mul_add(middle, *sum);
                }
            }
            out[row * matrix.outputs + panel * PANEL..][..PANEL].copy_from_slice(&sums);
        }
    }
}

/// Exact integer products of one block of activations with one block of a panel.
fn block_products(values: &[i8], bytes: &[u8]) -> [i32; PANEL] {
    let mut products = [0i32; PANEL];
    for (four, weights) in values.chunks_exact(GROUP).zip(bytes.chunks_exact(GROUP * PANEL)) {
        for (product, weights) in products.iter_mut().zip(weights.chunks_exact(GROUP)) {
            for (&value, &weight) in four.iter().zip(weights) {
                *product += i32::from(value) * i32::from(weight as i8);
            }
        }
    }
    products
}
