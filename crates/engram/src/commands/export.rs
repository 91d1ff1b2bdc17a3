//! `engram export`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use engram_api::{ErrorCode, ListRequest, ListStateName};
use serde_json::json;

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::{FilterFlags, list_state};
use crate::import::{ExportLine, VectorChoice};
use crate::output::print;

/// Memories in one page: few enough that a page with vectors stays small.
const PAGE_MEMORIES: u32 = 200;

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// File to write; stdout when absent
    path: Option<PathBuf>,
    #[command(flatten)]
    space: SpaceFlags,
    /// Which memories: active, suppressed (hidden by forget) or all; import hides again what was suppressed
    #[arg(long, value_name = "STATE", value_parser = list_state, default_value = "active")]
    state: ListStateName,
    /// Carry the vector of every memory that has exactly one, given or computed: import takes it as given. Without this
    /// flag only a memory without text carries its vector, and one given beside a text is left out
    #[arg(long)]
    vectors: bool,
    #[command(flatten)]
    filter: FilterFlags,
}

impl Export {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        connection.space(&self.space)?;
        let space = connection.client()?.get_space(self.space.name())?;
        // Without an embedder every vector is a caller's, and nothing can make it again.
        let vectors = match self.vectors || space.embedder.provider == "none" {
            true => VectorChoice::Carry,
            false => VectorChoice::TextFirst,
        };
        let request = ListRequest {
            limit: Some(PAGE_MEMORIES),
            filter: self.filter.filter()?,
            state: Some(self.state),
            include_vectors: true,
            ..ListRequest::default()
        };
        let Some(path) = &self.path else {
            self.write(connection, &request, vectors, &mut BufWriter::new(io::stdout().lock()))?;
            return Ok(());
        };
        let failed = |error: io::Error| {
            Failure::new(ErrorCode::IoFailed, format!("{}: {error}", path.display()))
        };
        let mut file = BufWriter::new(File::create_new(path).map_err(failed)?);
        let count = self.write(connection, &request, vectors, &mut file)?;
        file.get_ref().sync_all().map_err(failed)?;
        print(connection.output, &json!({"exported": count}), |_| {
            format!("exported {count} memories to {}", path.display())
        })?;
        Ok(())
    }

    fn write(
        &self,
        connection: &Connection,
        request: &ListRequest,
        vectors: VectorChoice,
        out: &mut dyn Write,
    ) -> Result<u64, Failure> {
        let space = connection.space(&self.space)?;
        let mut count = 0;
        for memory in space.pages(request.clone()) {
            let line = ExportLine::new(memory?, space.name(), vectors);
            let json = serde_json::to_string(&line).expect("memories have string keys");
            writeln!(out, "{json}")?;
            count += 1;
        }
        out.flush()?;
        Ok(count)
    }
}
