//! `engram marks`.

use clap::{Args, ValueEnum};
use engram_api::{MarkKindName, MarkStateName, MarkView, MarksRequest, MarksResponse};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, note, print, table};

/// What the texts of a pair may be to each other.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindFlag {
    /// The later one may tell what became of what the earlier one tells
    PossibleUpdate,
    /// Only one of the two may be true
    PossibleContradiction,
}

/// How far a pair is decided.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateFlag {
    /// Nobody has decided
    Open,
    /// One holds in the place of the other
    Supersedes,
    /// They cannot both be true
    Contradicts,
    /// Neither says anything against the other
    Unrelated,
    /// In any of these
    All,
}

#[derive(Debug, Args)]
pub(crate) struct Marks {
    /// Only those of the memory with this id
    id: Option<String>,
    #[command(flatten)]
    space: SpaceFlags,
    /// Only of this kind
    #[arg(long, value_enum)]
    kind: Option<KindFlag>,
    /// In which state
    #[arg(long, value_enum, default_value = "open")]
    state: StateFlag,
    /// Most pairs to show, 1 to 1,000
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Where to go on: the cursor that the page before ended with
    #[arg(long)]
    cursor: Option<String>,
}

impl Marks {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = MarksRequest {
            id: self.id,
            kind: self.kind.map(|kind| match kind {
                KindFlag::PossibleUpdate => MarkKindName::PossibleUpdate,
                KindFlag::PossibleContradiction => MarkKindName::PossibleContradiction,
            }),
            state: match self.state {
                StateFlag::Open => Some(MarkStateName::Open),
                StateFlag::Supersedes => Some(MarkStateName::Supersedes),
                StateFlag::Contradicts => Some(MarkStateName::Contradicts),
                StateFlag::Unrelated => Some(MarkStateName::Unrelated),
                StateFlag::All => None,
            },
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let page = connection.space(&self.space)?.marks(&request)?;
        print(connection.output, &page, show)?;
        if let (OutputFormat::Table, Some(cursor)) = (connection.output, &page.next_cursor) {
            note(&format!("{} in all; there are more: --cursor {cursor}", page.total));
        }
        match page.total {
            0 => Err(Failure::NothingFound("no such pair is marked".to_owned())),
            _ => Ok(()),
        }
    }
}

fn show(page: &MarksResponse) -> String {
    let mut rows =
        table(&["earlier", "later", "state", "kind", "ground", "cosine", "before", "after"]);
    for mark in &page.marks {
        rows.add_row(row(mark));
    }
    rows.to_string()
}

fn row(mark: &MarkView) -> [String; 8] {
    let text = |text: &Option<String>| clean(text.as_deref().unwrap_or_default());
    let mut after = text(&mark.after);
    if !mark.cues.is_empty() {
        after = format!("{after} ({})", clean(&mark.cues.join(", ")));
    }
    [
        clean(&mark.earlier.id),
        clean(&mark.later.id),
        mark.state.as_str().to_owned(),
        mark.kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        mark.ground.map(|ground| ground.as_str().to_owned()).unwrap_or_default(),
        mark.cosine.map(|cosine| format!("{cosine:.2}")).unwrap_or_default(),
        text(&mark.before),
        after,
    ]
}
