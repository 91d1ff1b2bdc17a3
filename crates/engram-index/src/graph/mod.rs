//! Associations between ordinals, and the spreading of activation over them.

mod link;
mod store;
mod block;
mod frontier;
mod settings;
mod spread;
mod trace;

pub use block::{GraphBlock, GraphDamage};
pub use link::{Adjacency, Direction, Edge, EdgeType, EdgeWeight, Link, PackedLink};
pub use settings::{Fan, HubDamping, SPREAD_HOPS_MAX, SpreadProblem, SpreadSettings};
pub use spread::{Spreader, log_damping};
pub use store::Graph;
pub use trace::{Activated, Activation, Step};
