//! Sets of ordinals.

mod container;
mod bitmap;

pub use bitmap::{Bitmap, BitmapIter};
