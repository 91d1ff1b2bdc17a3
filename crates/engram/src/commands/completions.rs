//! `engram completions`.

use std::io::{self, Write as _};

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, mut program: Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut program, "engram", &mut script);
        io::stdout().lock().write_all(&script)?;
        Ok(())
    }
}
