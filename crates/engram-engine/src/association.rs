//! Associations between memories, and what is asked and told about them: plain domain values.
//!
//! An association is a typed, weighted, directed edge. Explicit ones are stated by callers; the others are formed behind
//! the acknowledgement from what the memories say. All of them stand in the log and can be removed.

use std::sync::Arc;

use engram_index::EdgeType;
use engram_store::{CommitTime, Lsn};

use crate::filter::Filter;
use crate::model::MemoryDetail;

/// Why two memories are associated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EdgeKind {
    /// Stated by a caller.
    Explicit,
    /// Both name the same person, thing or place.
    Entity,
    /// The text of one names the title of the other.
    Mention,
    /// The other follows in the same session.
    Next,
    /// Their vectors are near each other.
    Near,
    /// It states anew what the other stated: the other no longer holds.
    Supersedes,
    /// Somebody decided that they cannot both be true.
    Contradicts,
}

impl EdgeKind {
    /// All kinds, in the order of their codes in the log.
    pub const ALL: [EdgeKind; 7] = [
        EdgeKind::Explicit,
        EdgeKind::Entity,
        EdgeKind::Mention,
        EdgeKind::Next,
        EdgeKind::Near,
        EdgeKind::Supersedes,
        EdgeKind::Contradicts,
    ];

    /// Name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            EdgeKind::Explicit => "explicit",
            EdgeKind::Entity => "entity",
            EdgeKind::Mention => "mention",
            EdgeKind::Next => "next",
            EdgeKind::Near => "near",
            EdgeKind::Supersedes => "supersedes",
            EdgeKind::Contradicts => "contradicts",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<EdgeKind> {
        EdgeKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Code in the log.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// Type in the graph.
    pub(crate) fn edge_type(self) -> EdgeType {
        EdgeType::new(self.code()).expect("there are fewer kinds than types")
    }

    /// The kind of that code.
    pub(crate) fn from_code(code: u8) -> Option<EdgeKind> {
        EdgeKind::ALL.get(usize::from(code)).copied()
    }
}

/// States that one memory is associated with another. The same pair again replaces relation, weight and reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Associate {
    /// Id of the memory that it leads from.
    pub from: String,
    /// Id of the memory that it leads to.
    pub to: String,
    /// Name of the relation, printable, at most 128 bytes; empty = `related`.
    pub relation: String,
    /// How strongly activation follows it, in (0, 1].
    pub weight: f32,
    /// Why it holds, at most 1,024 bytes; may be empty.
    pub reason: String,
    /// Who asks; set by the server.
    pub principal: String,
}

/// Takes associations away.
#[derive(Clone, Debug, PartialEq)]
pub struct Dissociate {
    /// Id of the memory that they lead from.
    pub from: String,
    /// Id of the memory that they lead to.
    pub to: String,
    /// Which kinds; empty = all.
    pub kinds: Vec<EdgeKind>,
    /// Who asks; set by the server.
    pub principal: String,
}

/// What `associate` or `dissociate` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssociationReceipt {
    /// Commit that did it; none when nothing changed.
    pub commit: Option<(Lsn, CommitTime)>,
    /// Associations made, replaced or removed.
    pub count: u64,
    /// Whether an association is there that was not there before.
    pub created: bool,
}

/// Which ends of an association a memory may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum EdgeDirection {
    /// It leads away from the memory.
    Out,
    /// It leads to the memory.
    In,
    /// Either.
    #[default]
    Both,
}

/// Asks for the associations of one memory.
#[derive(Clone, Debug, PartialEq)]
pub struct AssociationQuery {
    /// Id of the memory.
    pub id: String,
    /// Which way they lead.
    pub direction: EdgeDirection,
    /// Which kinds; empty = all.
    pub kinds: Vec<EdgeKind>,
    /// Most items of the page, 1 to 1,000.
    pub limit: usize,
    /// Items that earlier pages have shown.
    pub offset: u32,
}

/// One association. An entity stands between two memories that name it: such an association is shown once for each
/// pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Association {
    /// Id of the memory that it leads from.
    pub from: String,
    /// Id of the memory that it leads to.
    pub to: String,
    /// Why they are associated.
    pub kind: EdgeKind,
    /// Name of the relation or of the shared entity; empty where the kind says all.
    pub label: String,
    /// Why a caller stated it; empty = not said.
    pub reason: String,
    /// How strongly activation follows it, in (0, 1].
    pub weight: f32,
}

/// A page of associations, strongest first, ties by the log order of the other end.
#[derive(Clone, Debug, PartialEq)]
pub struct AssociationPage {
    /// The associations.
    pub items: Vec<Association>,
    /// Offset of the next page; none at the end.
    pub next: Option<u32>,
    /// Number of all that were asked for; of a shared entity at most 1,000 memories count.
    pub total: u64,
    /// Last commit that the answer saw.
    pub lsn: Lsn,
}

/// Spreads activation from seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// Ids and activations of the memories that it starts from, 1 to 64; activations in (0, 1].
    pub seeds: Vec<(String, f32)>,
    /// How many edges it may follow in a row, 1 to 8; a shared entity takes two.
    pub hops: u32,
    /// Which kinds it follows; empty = all.
    pub kinds: Vec<EdgeKind>,
    /// Which memories it may show. Others still conduct.
    pub filter: Filter,
    /// Most items in the answer, 1 to 1,000.
    pub limit: usize,
    /// Most associations it may follow in all, 1 to 1,000,000.
    pub edges_max: u32,
}

/// What activation reached.
#[derive(Clone, Debug, PartialEq)]
pub struct SpreadAnswer {
    /// Strongest first, seeds included.
    pub items: Vec<SpreadItem>,
    /// Associations followed.
    pub edges_followed: u64,
    /// Whether the budget ended it early.
    pub cut: bool,
    /// Last commit that the answer saw.
    pub lsn: Lsn,
}

/// One activated memory.
#[derive(Clone, Debug, PartialEq)]
pub struct SpreadItem {
    /// The memory.
    pub detail: MemoryDetail,
    /// What the first hop that reached it brought, from 0 to the sum of the seeds.
    pub activation: f32,
    /// The strongest way from a seed; empty for a seed.
    pub path: Vec<PathStep>,
}

/// One step of a path of activation.
#[derive(Clone, Debug, PartialEq)]
pub struct PathStep {
    /// Id of the memory that it leads from.
    pub from: String,
    /// Id of the memory that it leads to.
    pub to: String,
    /// Why the two are associated.
    pub kind: EdgeKind,
    /// Name of the relation or of the shared entity; empty where the kind says all.
    pub label: String,
    /// Weight of the association, in (0, 1].
    pub weight: f32,
}

/// What a caller said about an explicit association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) relation: Arc<str>,
    pub(crate) reason: Arc<str>,
}
