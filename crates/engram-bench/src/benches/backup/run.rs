//! The sizes, one after the other.

use super::size::measure;
use super::tell::tell;
use crate::benches::corpus::Source;
use crate::benches::options::BenchOptions;
use crate::benches::report::ReportBuilder;
use crate::data::MadeSet;
use crate::failure::BenchError;

const DIMENSION: usize = 384;
const TEXT_BYTES: usize = 1_024;
const SIZES: [usize; 2] = [50_000, 200_000];
const SIZES_QUICK: [usize; 2] = [500, 2_000];

pub(in crate::benches) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let dimension = options.dimension.unwrap_or(DIMENSION);
    let set = MadeSet::new(dimension, TEXT_BYTES, options.seed);
    let source = Source::Made(&set);
    let mut all = Vec::new();
    for memories in sizes(options, dimension)? {
        all.push(measure(options, &source, memories, progress)?);
    }
    report.set("dimension", dimension);
    report.set("text_bytes", TEXT_BYTES);
    tell(report, &all);
    Ok(())
}

/// Memories of each size, whichever way they were asked for.
fn sizes(options: &BenchOptions, dimension: usize) -> Result<Vec<usize>, BenchError> {
    let memory_bytes = (dimension * size_of::<f32>() + TEXT_BYTES) as u64;
    let sizes: Vec<usize> = match (&options.sizes[..], &options.bytes[..]) {
        ([], []) if options.quick => SIZES_QUICK.into(),
        ([], []) => SIZES.into(),
        (sizes, []) => sizes.into(),
        ([], bytes) => bytes.iter().map(|bytes| (bytes / memory_bytes) as usize).collect(),
        _ => return Err(BenchError::BadOption("give --n or --bytes, not both".to_owned())),
    };
    match sizes.iter().find(|size| **size < SIZE_MIN) {
        Some(small) => {
            let message = format!("{small} memories are too few for a backup: {SIZE_MIN} at least");
            Err(BenchError::BadOption(message))
        }
        None => Ok(sizes),
    }
}

/// Memories below which there is nothing to measure.
const SIZE_MIN: usize = 100;
