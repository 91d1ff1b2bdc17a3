//! The command line: global flags and the list of commands.

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::commands;
use crate::connection::{Connection, DEFAULT_SERVER};
use crate::failure::Failure;
use crate::output::OutputFormat;
use crate::trust::TrustFlags;

/// A memory database: remember, recall, forget.
///
/// Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong use, 3 nothing found or not
/// ready.
#[derive(Debug, Parser)]
#[command(name = "engram", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Form of the data on stdout
    #[arg(long, short = 'o', global = true, value_enum, default_value = "table")]
    pub(crate) output: OutputFormat,
    /// Address of the server
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "ENGRAM_SERVER",
        hide_env_values = true,
        default_value = DEFAULT_SERVER
    )]
    server: String,
    #[command(flatten)]
    trust: TrustFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a server
    Start(commands::start::Start),
    /// Say whether the server is ready to serve (exit code 3 if not)
    Healthcheck(commands::healthcheck::Healthcheck),
    /// Show whether the server can serve, and what it holds
    Status(commands::status::Status),
    /// Show the version of this program
    Version(commands::version::Version),
    /// Look at the configuration that a server would start with
    #[command(subcommand)]
    Config(commands::config::Config),
    /// Create, list, show, count and delete spaces
    #[command(subcommand)]
    Space(commands::space::Space),
    /// Store a memory
    Remember(commands::remember::Remember),
    /// Find memories by words, by meaning, by situation and by association
    Recall(Box<commands::recall::Recall>),
    /// Say whether a text has been seen before (exit code 3 if not)
    Recognize(commands::recognize::Recognize),
    /// Let activation spread from memories over their associations
    Spread(commands::spread::Spread),
    /// Say what the missing fields of a partial memory probably are (exit code 3 if none can be told)
    Complete(Box<commands::complete::Complete>),
    /// Say what tends to follow in a session (exit code 3 if that cannot be told)
    Predict(Box<commands::predict::Predict>),
    /// Make up a memory around a partial one; it is not stored
    Imagine(Box<commands::imagine::Imagine>),
    /// Associate one memory with another
    Associate(commands::associate::Associate),
    /// Take the associations from one memory to another away
    Dissociate(commands::dissociate::Dissociate),
    /// List the associations of a memory, strongest first
    Associations(commands::associations::Associations),
    /// Store a newer version of a memory
    Update(Box<commands::update::Update>),
    /// List the versions of a memory, newest first
    History(commands::history::History),
    /// Show one memory
    Get(commands::get::Get),
    /// List memories in the order in which they were stored
    List(commands::list::List),
    /// Forget memories: hide them, or delete them for good
    Forget(commands::forget::Forget),
    /// Show what is left, and where, of what a forget deleted
    Forgotten(commands::forgotten::Forgotten),
    /// Bring suppressed memories back
    Restore(commands::restore::Restore),
    /// List the pairs of memories of which one may change or deny the other (exit code 3 if there is none)
    Marks(commands::marks::Marks),
    /// Say that a memory was useful, not useful, or wrong, or decide about a pair
    Feedback(commands::feedback::Feedback),
    /// Show how a memory came to be as strong and as sure as it is, and how it will fade
    Retention(commands::retention::Retention),
    /// Make beliefs of what memories have in common, or take them back
    Consolidate(commands::consolidate::Consolidate),
    /// List beliefs, or show why one exists
    Beliefs(commands::beliefs::Beliefs),
    /// List the memories that soonest fall below a retrievability, if nobody uses them
    Fading(commands::fading::Fading),
    /// Show which memories changed, and how, once or as it happens
    Changes(commands::changes::Changes),
    /// Store memories from a file of JSON lines
    Import(commands::import::Import),
    /// Write memories as JSON lines that `import` takes back
    Export(commands::export::Export),
    /// Run a statement of the query language (exit code 3 if nothing is found)
    Query(commands::query::Query),
    /// Run statements of the query language as they are typed
    Shell(commands::shell::Shell),
    /// Serve an agent on stdin and stdout by the Model Context Protocol
    Mcp(commands::mcp::Mcp),
    /// Measure how well recall finds, on a set with known answers
    Eval(commands::eval::Eval),
    /// Re-run experiments of memory research on it
    Lab(commands::lab::Lab),
    /// Measure how fast it is, beside what it competes with
    Bench(commands::bench::Bench),
    /// Back up, check and restore
    #[command(subcommand)]
    Backup(commands::backup::Backup),
    /// Create, list, rotate and revoke the keys that requests carry
    #[command(subcommand)]
    Key(commands::key::Key),
    /// Show who this program is to the server, and what it may do
    Whoami(commands::key::Whoami),
    /// Make an authority of your own, and certificates for servers and clients
    #[command(subcommand)]
    Certs(commands::certs::Certs),
    /// Check the audit log
    #[command(subcommand)]
    Audit(commands::audit::Audit),
    /// Carry out the runbooks of disaster recovery on a copy, and measure them
    Drill(commands::drill::Drill),
    /// Look for what lets others in: files, keys, addresses, certificates, backups, the machine (exit code 1 if something is found)
    Harden(Box<commands::harden::Harden>),
    /// Check, read out and repair a data directory that no server has open
    #[command(subcommand)]
    Store(commands::store::Store),
    /// Print the completions of a shell
    Completions(commands::completions::Completions),
}

impl Cli {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let connection = Connection::new(self.server, self.trust, self.output);
        self.command.run(&connection).map_err(|failure| connection.with_nearest_space(failure))
    }
}

impl Command {
    fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Command::Start(command) => command.run(connection.output),
            Command::Healthcheck(command) => command.run(connection),
            Command::Status(command) => command.run(connection),
            Command::Version(command) => command.run(connection),
            Command::Config(command) => command.run(connection),
            Command::Space(command) => command.run(connection),
            Command::Remember(command) => command.run(connection),
            Command::Recall(command) => command.run(connection),
            Command::Recognize(command) => command.run(connection),
            Command::Spread(command) => command.run(connection),
            Command::Complete(command) => command.run(connection),
            Command::Predict(command) => command.run(connection),
            Command::Imagine(command) => command.run(connection),
            Command::Associate(command) => command.run(connection),
            Command::Dissociate(command) => command.run(connection),
            Command::Associations(command) => command.run(connection),
            Command::Update(command) => command.run(connection),
            Command::History(command) => command.run(connection),
            Command::Get(command) => command.run(connection),
            Command::List(command) => command.run(connection),
            Command::Forget(command) => command.run(connection),
            Command::Forgotten(command) => command.run(connection),
            Command::Restore(command) => command.run(connection),
            Command::Marks(command) => command.run(connection),
            Command::Feedback(command) => command.run(connection),
            Command::Retention(command) => command.run(connection),
            Command::Consolidate(command) => command.run(connection),
            Command::Beliefs(command) => command.run(connection),
            Command::Fading(command) => command.run(connection),
            Command::Changes(command) => command.run(connection),
            Command::Import(command) => command.run(connection),
            Command::Export(command) => command.run(connection),
            Command::Query(command) => command.run(connection),
            Command::Shell(command) => command.run(connection),
            Command::Mcp(command) => command.run(connection),
            Command::Eval(command) => command.run(connection.output),
            Command::Lab(command) => command.run(connection.output),
            Command::Bench(command) => command.run(connection.output),
            Command::Backup(command) => command.run(connection),
            Command::Key(command) => command.run(connection),
            Command::Whoami(command) => command.run(connection),
            Command::Certs(command) => command.run(connection.output),
            Command::Audit(command) => command.run(connection.output),
            Command::Drill(command) => command.run(connection.output),
            Command::Harden(command) => command.run(connection.output),
            Command::Store(command) => command.run(connection.output),
            Command::Completions(command) => command.run(Cli::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use engram_api::OPERATIONS;

    use super::*;

    /// The command of each operation that is not called as the operation is.
    const OTHERWISE: [(&str, &str); 18] = [
        ("remember_many", "import"),
        ("forget_receipt", "forgotten"),
        ("undo_consolidation", "consolidate"),
        ("create_space", "space create"),
        ("list_spaces", "space list"),
        ("get_space", "space get"),
        ("delete_space", "space delete"),
        ("space_stats", "space stats"),
        ("version", "version"),
        ("create_backup", "backup create"),
        ("create_restore_point", "backup point"),
        ("restore_space", "backup restore"),
        ("take_over_repository", "backup take-over"),
        ("backup_status", "backup status"),
        ("create_key", "key create"),
        ("list_keys", "key list"),
        ("rotate_key", "key rotate"),
        ("revoke_key", "key revoke"),
    ];

    #[test]
    fn every_operation_has_a_command() {
        let program = Cli::command();
        for operation in OPERATIONS {
            let otherwise = OTHERWISE.iter().find(|(name, _)| *name == operation.name);
            let words = otherwise.map_or(operation.name, |(_, words)| words);
            let mut command = &program;
            for word in words.split(' ') {
                let found = command.find_subcommand(word);
                command = found.unwrap_or_else(|| panic!("{} has no command", operation.name));
            }
        }
    }
}
