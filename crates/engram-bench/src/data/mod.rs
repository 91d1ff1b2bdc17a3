//! Data of benchmarks: a set of real embeddings with texts, and larger sets grown from it.

mod npy;
mod set;
mod grown;
mod made;

pub(crate) use grown::{GrownSet, NOISE, Shape, write_grown};
pub(crate) use made::MadeSet;
pub(crate) use set::{VectorSet, exact_top};
