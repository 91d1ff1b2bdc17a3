//! Associations between ordinals, and the spreading of activation over them.

mod link;
mod store;
mod block;
mod settings;
mod factors;
mod frontier;
mod trace;
mod spread;

pub use block::{GraphBlock, GraphDamage};
pub use frontier::Activated;
pub use link::{Adjacency, Direction, Edge, EdgeType, EdgeWeight, Link, PackedLink};
pub use settings::{Fan, HubDamping, Returns, SPREAD_HOPS_MAX, SpreadProblem, SpreadSettings};
pub use spread::Spreader;
pub use store::Graph;
pub use trace::{Activation, Step};
