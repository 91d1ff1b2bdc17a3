//! `engram import`.
//!
//! Every memory gets a stable id, so an import that was interrupted is taken up by running it again: what is there is
//! skipped by the server, which stores nothing twice.

use std::path::PathBuf;

use clap::Args;
use engram_api::{Problem, TransferRecord};
use indicatif::{ProgressBar, ProgressStyle};

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::import::{Importer, LineForm, Mapping, OnError, Record, Source, Tally, TextTemplate};
use crate::output::{clean, note, pairs, print};

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// A file of JSON lines or one JSON list, also as .gz; a directory in BEIR form; or `-` for stdin. Lines of `engram export`,
    /// memories as `remember` takes them, memories of mem0 and items of a LangGraph store (LangMem) are told apart by their fields
    path: PathBuf,
    /// All memories go into the space of --space; without it BEIR lines go into the space that their `group` names
    #[command(flatten)]
    space: SpaceFlags,
    /// Create spaces that do not exist, with default settings
    #[arg(long)]
    create_space: bool,
    /// What to do at a line that cannot be imported
    #[arg(long, value_enum, default_value = "stop")]
    on_error: OnError,
    /// Records in one request, 1 to 1,000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    batch: u16,
    /// Lines of another program: make the text of these fields, for example "{title}: {body}"
    #[arg(long, value_name = "TEMPLATE", value_parser = TextTemplate::parse)]
    text: Option<TextTemplate>,
    /// Lines of another program: this field is the id
    #[arg(long, value_name = "FIELD", requires = "text")]
    id_field: Option<String>,
}

impl Import {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let source = Source::new(&self.path);
        let form = match self.text.clone() {
            Some(text) => LineForm::Mapped(Mapping { id_field: self.id_field.clone(), text }),
            None => LineForm::Known,
        };
        let total = match source.can_be_read_twice() {
            true => Some(self.check(&source, &form)?),
            false => None,
        };
        let importer =
            Importer::new(connection.client()?, source.name(), self.on_error, self.batch.into())?;
        let bar = progress(total);
        let mut run = Run { import: &self, importer, bar };
        let ended = run.lines(&source, &form);
        run.bar.finish_and_clear();
        let tally = run.importer.tally;
        print(connection.output, &tally, show)?;
        ended?;
        match tally.failed {
            0 => Ok(()),
            failed => Err(Failure::Partly(format!("{failed} lines were not imported"))),
        }
    }

    /// Reads the whole file once before anything is sent: with `--on-error stop` a broken line means that nothing of
    /// the file is imported. Gives the number of lines.
    fn check(&self, source: &Source, form: &LineForm) -> Result<u64, Failure> {
        let mut count = 0;
        for line in source.lines()? {
            let line = line?;
            if self.on_error == OnError::Stop {
                form.read(&line, &source.name())?;
            }
            count += 1;
        }
        Ok(count)
    }
}

/// A running import with its progress.
struct Run<'a> {
    import: &'a Import,
    importer: Importer,
    bar: ProgressBar,
}

impl Run<'_> {
    fn lines(&mut self, source: &Source, form: &LineForm) -> Result<(), Failure> {
        if self.import.create_space && self.import.space.space.is_some() {
            self.importer.create_space(self.import.space.name())?;
        }
        for line in source.lines()? {
            let line = line?;
            self.importer.tally.read += 1;
            self.bar.inc(1);
            match form.read(&line, &source.name()) {
                Ok(mut record) => {
                    let space = self.space_of(&mut record);
                    if self.import.create_space {
                        self.importer.create_space(&space)?;
                    }
                    let refused = self.importer.take(&space, record)?;
                    self.report(&refused);
                }
                Err(problem) if self.import.on_error == OnError::Skip => {
                    self.importer.tally.failed += 1;
                    self.report(&[*problem]);
                }
                Err(problem) => {
                    // What stands before the line was asked for and is in order.
                    self.importer.finish()?;
                    return Err(problem.into());
                }
            }
        }
        let refused = self.importer.finish()?;
        self.report(&refused);
        Ok(())
    }

    /// A space that was asked for holds everything, and the group stays with the memory as metadata.
    fn space_of(&self, record: &mut Record) -> String {
        match (self.import.space.space.as_ref(), record.group.take()) {
            (None, Some(group)) => group,
            (_, group) => {
                if let (Some(group), TransferRecord::Memory(memory)) = (group, &mut record.record) {
                    memory.content.metadata.entry("group").or_insert(group.into());
                }
                self.import.space.name().to_owned()
            }
        }
    }

    fn report(&self, problems: &[Problem]) {
        for problem in problems {
            self.bar.suspend(|| note(&format!("skipped: {}", clean(&problem.to_string()))));
        }
    }
}

fn progress(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), "{bar:30} {pos}/{len} lines, {per_sec}, {eta} left")
        }
        None => (ProgressBar::new_spinner(), "{spinner} {pos} lines, {per_sec}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("the templates above are valid"))
}

fn show(tally: &Tally) -> String {
    let told = |count: u64| (count > 0).then(|| count.to_string());
    let spaces: Vec<String> =
        tally.spaces.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    pairs(&[
        ("lines read", Some(tally.read.to_string())),
        ("stored", Some(tally.created.to_string())),
        ("already there", Some(tally.already_there.to_string())),
        ("associations stored", told(tally.said.associations)),
        ("decisions stored", told(tally.said.decisions)),
        ("beliefs stored", told(tally.said.beliefs)),
        ("failed", Some(tally.failed.to_string())),
        ("spaces", (!spaces.is_empty()).then(|| spaces.join(", "))),
    ])
}
