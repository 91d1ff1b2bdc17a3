//! `engram recall`.

use clap::{Args, ValueEnum};
use engram_api::{
    AsOfInput, MatchOutcome, ModeName, PromptContextView, RecallRequest, RecallResponse,
};

use crate::connection::{Connection, SpaceFlags};
use crate::cue_flags::CueFlags;
use crate::failure::Failure;
use crate::filter_flags::FilterFlags;
use crate::output::{OutputFormat, note, print};
use crate::values::{self, VectorValue};
use crate::view;

/// Nearly equal memories from which on a person should know.
const CROWDED: u32 = 3;

/// How to search.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeFlag {
    /// Words only
    Keyword,
    /// Vectors only
    Similarity,
    /// Words, vectors and context
    Hybrid,
    /// The same, and what is associated with it
    Associative,
}

#[derive(Debug, Args)]
pub(crate) struct Recall {
    /// What to look for; `-` reads it from stdin
    text: Option<String>,
    #[command(flatten)]
    space: SpaceFlags,
    /// How to search; associative when absent
    #[arg(long, short = 'm', value_enum)]
    mode: Option<ModeFlag>,
    /// Most memories to show, 1 to 1,000; 10 when absent
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u32>,
    /// Where to go on: the cursor that an answer to the same cue ended with
    #[arg(long)]
    cursor: Option<String>,
    /// Leave out what is less relevant, 0 to 1
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    min_relevance: Option<f32>,
    /// How much the memories should differ from each other, 0 to 1
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    diversity: Option<f32>,
    /// Show this many memories before and after each in its session, 0 to 10
    #[arg(long, value_name = "N")]
    neighbours: Option<u32>,
    /// Recall what was known then: an LSN, or a time or date
    #[arg(long, value_name = "LSN|TIME", value_parser = values::as_of)]
    as_of: Option<AsOfInput>,
    /// A vector to look for, as a JSON list; takes the place of embedding the text
    #[arg(long, value_name = "JSON", value_parser = values::vector)]
    vector: Option<VectorValue>,
    /// Print a text for a prompt of at most this many tokens, 1 to 200,000
    #[arg(long, value_name = "N")]
    context_tokens: Option<u32>,
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
    cue: CueFlags,
    #[command(flatten)]
    filter: FilterFlags,
}

impl Recall {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let space = connection.space(&self.space)?;
        let answer = space.recall(&self.request()?)?;
        let format = connection.output;
        if answer.items.is_empty() {
            if format == OutputFormat::Json {
                print(format, &answer, view::recall)?;
            }
            let text = match answer.outcome {
                MatchOutcome::Nothing => "nothing matches",
                _ => "nothing that was found is relevant enough",
            };
            return Err(Failure::NothingFound(text.to_owned()));
        }
        match (&answer.context, format) {
            (Some(context), OutputFormat::Table) => {
                print(format, context, |context| context.text.clone())?;
                note(&counted(context));
            }
            _ => print(format, &answer, view::recall)?,
        }
        if format == OutputFormat::Table {
            remarks(&answer);
        }
        Ok(())
    }

    fn request(self) -> Result<RecallRequest, Failure> {
        let text = match self.text.as_deref() {
            Some("-") => values::text_or_stdin(Some("-"))?,
            text => text.map(str::to_owned),
        };
        Ok(RecallRequest {
            text,
            vector: self.vector.map(|vector| vector.0),
            around: self.cue.around(),
            prime: self.cue.prime(),
            negative: self.cue.negative(),
            weights: self.cue.weights()?,
            like: self.cue.like,
            exclude: self.cue.exclude,
            mode: self.mode.map(|mode| match mode {
                ModeFlag::Keyword => ModeName::Keyword,
                ModeFlag::Similarity => ModeName::Similarity,
                ModeFlag::Hybrid => ModeName::Hybrid,
                ModeFlag::Associative => ModeName::Associative,
            }),
            limit: self.limit,
            cursor: self.cursor,
            filter: self.filter.filter()?,
            // The filter flags have it.
            min_trust: None,
            min_relevance: self.min_relevance,
            diversity: self.diversity,
            neighbours: self.neighbours,
            as_of: self.as_of,
            observe: self.observe,
            explain: self.explain,
            include_vectors: self.vectors,
            context_tokens: self.context_tokens,
        })
    }
}

fn counted(context: &PromptContextView) -> String {
    let PromptContextView { tokens, included, omitted, .. } = context;
    format!("{included} memories in at most {tokens} tokens; {omitted} had no room")
}

/// What a person should know beside the rows.
fn remarks(answer: &RecallResponse) {
    match answer.outcome {
        MatchOutcome::Match | MatchOutcome::Nothing => {}
        MatchOutcome::Ambiguous => {
            note("ambiguous: several of these match about equally well and say different things");
        }
        MatchOutcome::Unsure => note("unsure: none of these is likely to be what was meant"),
    }
    let crowded = answer.items.iter().filter(|item| item.crowding >= CROWDED).count();
    if crowded > 0 {
        note(&format!(
            "crowded: {crowded} of these have {CROWDED} or more that are nearly the same"
        ));
    }
    if let Some(cursor) = &answer.next_cursor {
        note(&format!("there are more: --cursor {cursor}"));
    }
}
