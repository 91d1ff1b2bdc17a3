//! `engram key` and `engram whoami`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use engram_api::{
    CallerView, CreateKeyRequest, IssuedKeyView, KeyView, ListKeysResponse, RevokeKeyRequest,
    RoleName, RotateKeyRequest, Timestamp,
};
use engram_server::OfflineKeys;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::{clean, note, pairs, print, table};
use crate::values::time;

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Create a key and show its secret, this once
    Create(Create),
    /// List the keys, those that have ended too
    List(List),
    /// Give a key another secret; the old one works a while longer
    Rotate(Rotate),
    /// End a key at once
    Revoke(Revoke),
}

impl Key {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Key::Create(command) => command.run(connection),
            Key::List(command) => command.run(connection),
            Key::Rotate(command) => command.run(connection),
            Key::Revoke(command) => command.run(connection),
        }
    }
}

/// Where the keys are.
#[derive(Debug, Args)]
pub(crate) struct KeysFlags {
    /// Work on this data directory, which no server has open, instead of asking a server: for the first key
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl KeysFlags {
    fn offline(dir: &Path) -> Result<OfflineKeys, Failure> {
        OfflineKeys::open(dir).map_err(Failure::Problem)
    }
}

/// What a key may do, by one name.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleFlag {
    /// Reads
    Reader,
    /// Reads, writes and trains
    Writer,
    /// And forgets
    Curator,
    /// And creates, deletes and imports spaces
    SpaceAdmin,
    /// Everything, the node included
    Operator,
}

impl From<RoleFlag> for RoleName {
    fn from(role: RoleFlag) -> RoleName {
        match role {
            RoleFlag::Reader => RoleName::Reader,
            RoleFlag::Writer => RoleName::Writer,
            RoleFlag::Curator => RoleName::Curator,
            RoleFlag::SpaceAdmin => RoleName::SpaceAdmin,
            RoleFlag::Operator => RoleName::Operator,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name of whoever uses it: 1 to 64 of a-z 0-9 - _ . ; no other key ever had it
    name: String,
    /// What it may do
    #[arg(long, value_enum)]
    role: Option<RoleFlag>,
    /// An operation that it may call, beside those of the role; may be repeated
    #[arg(long = "operation", value_name = "NAME")]
    operations: Vec<String>,
    /// A space that it may touch: a name, what names start with and *, or * for all; may be repeated
    #[arg(long = "space", short = 's', value_name = "NAME", required = true)]
    spaces: Vec<String>,
    /// When it ends: a date, or a time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires_at: Option<Timestamp>,
    /// Requests that it may make each second
    #[arg(long, value_name = "N")]
    requests_per_second: Option<u32>,
    /// Most that its memories may claim as trust, confidence and importance: 0 to 1
    #[arg(long, value_name = "SHARE")]
    trust_max: Option<f32>,
    #[command(flatten)]
    keys: KeysFlags,
}

impl Create {
    fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = CreateKeyRequest {
            name: self.name,
            role: self.role.map(RoleName::from),
            operations: self.operations,
            spaces: self.spaces,
            expires_at: self.expires_at,
            requests_per_second: self.requests_per_second,
            trust_max: self.trust_max,
        };
        let issued = match &self.keys.data_dir {
            Some(dir) => KeysFlags::offline(dir)?.create(request).map_err(Failure::Problem)?,
            None => connection.client()?.create_key(&request)?,
        };
        show_issued(connection, &issued)
    }
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    keys: KeysFlags,
}

impl List {
    fn run(self, connection: &Connection) -> Result<(), Failure> {
        let listed = match &self.keys.data_dir {
            Some(dir) => ListKeysResponse { keys: KeysFlags::offline(dir)?.list() },
            None => connection.client()?.list_keys()?,
        };
        print(connection.output, &listed, |listed| {
            let mut rows = table(&["id", "name", "may", "spaces", "last used", "ends"]);
            for key in &listed.keys {
                let ends = ends(key).unwrap_or_default();
                let used = key.last_used_at.map(|at| at.to_string()).unwrap_or_default();
                rows.add_row([
                    clean(&key.id),
                    clean(&key.name),
                    may(key),
                    clean(&key.spaces.join(", ")),
                    used,
                    ends,
                ]);
            }
            rows.to_string()
        })?;
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Id of the key, as `engram key list` shows it
    id: String,
    /// How long the old secret still works, seconds; a day when absent
    #[arg(long, value_name = "SECONDS")]
    overlap_seconds: Option<u32>,
    #[command(flatten)]
    keys: KeysFlags,
}

impl Rotate {
    fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = RotateKeyRequest { id: self.id, overlap_seconds: self.overlap_seconds };
        let issued = match &self.keys.data_dir {
            Some(dir) => KeysFlags::offline(dir)?.rotate(&request).map_err(Failure::Problem)?,
            None => connection.client()?.rotate_key(&request)?,
        };
        show_issued(connection, &issued)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Id of the key, as `engram key list` shows it
    id: String,
    #[command(flatten)]
    keys: KeysFlags,
}

impl Revoke {
    fn run(self, connection: &Connection) -> Result<(), Failure> {
        let request = RevokeKeyRequest { id: self.id };
        let key = match &self.keys.data_dir {
            Some(dir) => KeysFlags::offline(dir)?.revoke(&request).map_err(Failure::Problem)?,
            None => connection.client()?.revoke_key(&request)?,
        };
        print(connection.output, &key, |key| pairs(&rows(key)))?;
        Ok(())
    }
}

/// Shows who this program is to the server.
#[derive(Debug, Args)]
pub(crate) struct Whoami {}

impl Whoami {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let caller = connection.client()?.whoami()?;
        print(connection.output, &caller, show_caller)?;
        Ok(())
    }
}

fn show_caller(caller: &CallerView) -> String {
    let principal = caller.principal.as_deref().map(clean);
    let nobody = (!caller.authentication).then(|| "anybody: the server asks nobody".to_owned());
    pairs(&[
        ("principal", principal.or(nobody)),
        ("operations", Some(clean(&caller.operations.join(", ")))),
        ("spaces", Some(clean(&caller.spaces.join(", ")))),
        ("ends", caller.expires_at.map(|at| at.to_string())),
    ])
}

fn show_issued(connection: &Connection, issued: &IssuedKeyView) -> Result<(), Failure> {
    print(connection.output, issued, |issued| {
        let mut rows = rows(&issued.key);
        rows.push(("secret", Some(clean(&issued.secret))));
        pairs(&rows)
    })?;
    note(
        "The secret is shown this once. Keep it in a file that nobody else can read, and name that with --api-key-file.",
    );
    Ok(())
}

fn rows(key: &KeyView) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("id", Some(clean(&key.id))),
        ("name", Some(clean(&key.name))),
        ("may", Some(may(key))),
        ("spaces", Some(clean(&key.spaces.join(", ")))),
        ("requests per second", key.requests_per_second.map(|rate| rate.to_string())),
        ("trust at most", key.trust_max.map(|most| most.to_string())),
        ("created at", Some(key.created_at.to_string())),
        ("last used at", key.last_used_at.map(|at| at.to_string())),
        ("old secret until", key.old_secret_until.map(|at| at.to_string())),
        ("ends", ends(key)),
    ]
}

/// Its role and the operations beside it.
fn may(key: &KeyView) -> String {
    let role = key.role.map(|role| {
        match role {
            RoleName::Reader => "reader",
            RoleName::Writer => "writer",
            RoleName::Curator => "curator",
            RoleName::SpaceAdmin => "space admin",
            RoleName::Operator => "operator",
        }
        .to_owned()
    });
    let own = key.operations.iter().map(|name| clean(name));
    role.into_iter().chain(own).collect::<Vec<_>>().join(", ")
}

fn ends(key: &KeyView) -> Option<String> {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => Some(format!("revoked {at}")),
        (None, Some(at)) => Some(at.to_string()),
        (None, None) => None,
    }
}
