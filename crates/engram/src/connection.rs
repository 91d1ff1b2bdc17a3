//! Which server and which space a command talks to.

use std::cell::OnceCell;
use std::time::Duration;

use clap::Args;
use engram_api::{ErrorCode, nearest};
use engram_client::{Client, ClientOptions, SpaceClient};

use crate::failure::Failure;
use crate::output::OutputFormat;
use crate::trust::TrustFlags;

/// Address of a server that was started without flags.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:7432";

/// What every command that talks to a server knows.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) server: String,
    pub(crate) output: OutputFormat,
    trust: TrustFlags,
    /// The space that the command asked for.
    space: OnceCell<String>,
}

impl Connection {
    pub(crate) fn new(server: String, trust: TrustFlags, output: OutputFormat) -> Connection {
        Connection { server, output, trust, space: OnceCell::new() }
    }

    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(Client::with_options(self.trust.options(&self.server)?)?)
    }

    /// A client that asks once and soon: for questions about the server itself.
    pub(crate) fn probe(&self) -> Result<Client, Failure> {
        let options = ClientOptions {
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(5),
            retries_max: 0,
            ..self.trust.options(&self.server)?
        };
        Ok(Client::with_options(options)?)
    }

    pub(crate) fn space(&self, flags: &SpaceFlags) -> Result<SpaceClient, Failure> {
        self.named_space(flags.name())
    }

    pub(crate) fn named_space(&self, name: &str) -> Result<SpaceClient, Failure> {
        self.space.get_or_init(|| name.to_owned());
        Ok(self.client()?.space(name))
    }

    /// Adds the nearest name to the failure that says that a space does not exist. The server does not guess: which
    /// names it may tell depends on who asks, and listing them is an operation of its own.
    pub(crate) fn with_nearest_space(&self, failure: Failure) -> Failure {
        let Failure::Problem(mut problem) = failure else { return failure };
        if let (Some(ErrorCode::SpaceNotFound), None, Some(asked)) =
            (problem.error_code(), &problem.nearest, self.space.get())
            && let Some(Ok(answer)) = self.probe().ok().map(|client| client.list_spaces())
        {
            let names = answer.spaces.iter().map(|space| space.name.as_str());
            problem.nearest = nearest(asked, names).map(str::to_owned);
        }
        Failure::Problem(problem)
    }
}

/// The space that a command works in.
#[derive(Clone, Debug, Args)]
pub(crate) struct SpaceFlags {
    /// Space to work in; `default` when neither flag nor variable is given
    #[arg(long, short = 's', value_name = "NAME", env = "ENGRAM_SPACE", hide_env_values = true)]
    pub(crate) space: Option<String>,
}

impl SpaceFlags {
    pub(crate) fn name(&self) -> &str {
        self.space.as_deref().unwrap_or("default")
    }
}
