//! `engram recall`.

use clap::{Args, ValueEnum};
use engram_api::{MatchOutcome, ModeName, RecallRequest};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::FilterFlags;
use crate::output::print;
use crate::values::{self, VectorValue};
use crate::view;

/// How to search.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeFlag {
    /// Words only
    Keyword,
    /// Vectors only
    Similarity,
    /// Both
    Hybrid,
}

#[derive(Debug, Args)]
pub(crate) struct Recall {
    /// What to look for; `-` reads it from stdin
    text: Option<String>,
    #[command(flatten)]
    space: SpaceFlags,
    /// How to search; hybrid when absent
    #[arg(long, short = 'm', value_enum)]
    mode: Option<ModeFlag>,
    /// Most memories to show, 1 to 1,000; 10 when absent
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u32>,
    /// Leave out what is less relevant, 0 to 1
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    min_relevance: Option<f32>,
    /// A vector to look for, as a JSON list; takes the place of embedding the text
    #[arg(long, value_name = "JSON", value_parser = values::vector)]
    vector: Option<VectorValue>,
    /// Say why each memory is in the answer
    #[arg(long, short = 'x')]
    explain: bool,
    /// Show the vectors (JSON only)
    #[arg(long)]
    vectors: bool,
    /// Change nothing by this recall
    #[arg(long)]
    observe: bool,
    #[command(flatten)]
    filter: FilterFlags,
}

impl Recall {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let text = match self.text.as_deref() {
            Some("-") => values::text_or_stdin(Some("-"))?,
            text => text.map(str::to_owned),
        };
        let request = RecallRequest {
            text,
            vector: self.vector.map(|vector| vector.0),
            mode: self.mode.map(|mode| match mode {
                ModeFlag::Keyword => ModeName::Keyword,
                ModeFlag::Similarity => ModeName::Similarity,
                ModeFlag::Hybrid => ModeName::Hybrid,
            }),
            limit: self.limit,
            filter: self.filter.filter()?,
            min_relevance: self.min_relevance,
            explain: self.explain,
            include_vectors: self.vectors,
            observe: self.observe,
        };
        let answer = connection.space(&self.space)?.recall(&request)?;
        if answer.outcome == MatchOutcome::Match {
            print(connection.output, &answer, view::recall)?;
            return Ok(());
        }
        if connection.output == crate::output::OutputFormat::Json {
            print(connection.output, &answer, view::recall)?;
        }
        Err(Failure::NothingFound("nothing matches".to_owned()))
    }
}
