//! Drawings of reports as files.

use std::io;
use std::path::Path;

use engram_api::ErrorCode;
use engram_bench::Plot;

use crate::failure::Failure;
use crate::output::note;

/// Writes drawings into a folder, which is made where it is not there.
pub(crate) fn write_plots(plots: &[Plot], dir: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: io::Error| {
        Failure::new(ErrorCode::IoFailed, format!("{}: {error}", path.display()))
    };
    std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    for plot in plots {
        let path = dir.join(&plot.file);
        std::fs::write(&path, &plot.svg).map_err(|error| failed(&path, error))?;
        note(&format!("wrote {}", path.display()));
    }
    Ok(())
}
