//! `engram export`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use engram_api::{ErrorCode, ExportRequest, ListStateName, TransferRecord};
use serde_json::json;

use crate::connection::{Connection, SpaceFlags};
use crate::failure::Failure;
use crate::filter_flags::{FilterFlags, list_state};
use crate::output::print;

/// Records in one page: few enough that a page with vectors stays small.
const PAGE_RECORDS: u32 = 200;

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// File to write; stdout when absent
    path: Option<PathBuf>,
    #[command(flatten)]
    space: SpaceFlags,
    /// Which memories: active, suppressed (hidden by forget) or all; import hides again what was suppressed
    #[arg(long, value_name = "STATE", value_parser = list_state, default_value = "active")]
    state: ListStateName,
    /// Carry computed vectors too: an import by the same embedder computes none. Vectors that were given are always carried
    #[arg(long)]
    vectors: bool,
    #[command(flatten)]
    filter: FilterFlags,
}

/// How many records were written.
#[derive(Clone, Copy, Default)]
struct Written {
    memories: u64,
    records: u64,
}

impl Export {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = ExportRequest {
            limit: Some(PAGE_RECORDS),
            filter: self.filter.filter()?,
            state: Some(self.state),
            include_vectors: self.vectors,
            ..ExportRequest::default()
        };
        let Some(path) = &self.path else {
            self.write(connection, &request, &mut BufWriter::new(io::stdout().lock()))?;
            return Ok(());
        };
        // No file is left behind for a space that is not there.
        connection.client()?.get_space(self.space.name())?;
        let failed = |error: io::Error| {
            Failure::new(ErrorCode::IoFailed, format!("{}: {error}", path.display()))
        };
        let mut file = BufWriter::new(File::create_new(path).map_err(failed)?);
        let Written { memories, records } = self.write(connection, &request, &mut file)?;
        file.get_ref().sync_all().map_err(failed)?;
        print(connection.output, &json!({"exported": memories, "records": records}), |_| {
            let others = records - memories;
            format!("exported {memories} memories and {others} other records to {}", path.display())
        })?;
        Ok(())
    }

    fn write(
        &self,
        connection: &Connection,
        request: &ExportRequest,
        out: &mut dyn Write,
    ) -> Result<Written, Failure> {
        let space = connection.space(&self.space)?;
        let mut written = Written::default();
        for record in space.export_pages(request.clone()) {
            let record = record?;
            let json = serde_json::to_string(&record).expect("memories have string keys");
            writeln!(out, "{json}")?;
            written.records += 1;
            written.memories += u64::from(matches!(record, TransferRecord::Memory(_)));
        }
        out.flush()?;
        Ok(written)
    }
}
