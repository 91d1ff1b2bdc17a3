//! An operator's side: a configuration that names a repository in the service, a server that archives into it, and commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::ground::Ground;
use super::service::{ACCESS_KEY, SECRET_KEY};
use crate::proof::{Crew, Json, Ledger, Plan, Server, Setup};

/// The bucket of all parts; each has a prefix of its own in it.
pub(super) const BUCKET: &str = "engram";
/// How long the log may take to get into the archive once the service takes it.
const ARCHIVED_MAX: Duration = Duration::from_secs(90);
/// How long a space may take until nothing follows its last write.
const QUIET_MAX: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);
/// Looks in a row that must show the same commit.
const LOOKS: u32 = 5;

/// What a configuration says of the repository `far`.
pub(super) struct Far<'a> {
    pub(super) bucket: &'a str,
    pub(super) keys: (&'a str, &'a str),
    /// More lines of its table.
    pub(super) more: &'a str,
}

pub(super) const RIGHT: Far<'static> =
    Far { bucket: BUCKET, keys: (ACCESS_KEY, SECRET_KEY), more: "" };

pub(super) struct Home {
    binary: PathBuf,
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

/// What a command left.
pub(super) struct Outcome {
    name: String,
    pub(super) success: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Home {
    pub(super) fn new(ground: &Ground<'_>, name: &str, far: &Far<'_>) -> Result<Home, String> {
        let folder = ground.scratch.folder(name)?;
        let (bucket, more) = (far.bucket, far.more);
        let endpoint = ground.service.borrow().endpoint();
        let text = format!(
            "[backup]\narchive_interval = \"1 s\"\nfull_every = \"0 s\"\nincremental_every = \"0 s\"\n\
             restore_check_every = \"0 s\"\n\n[repositories.far]\nurl = \"s3://{bucket}/{name}\"\n\
             s3_endpoint = \"{endpoint}\"\ns3_allow_http = true\ns3_access_key_env = \"FAR_ACCESS_KEY\"\n\
             s3_secret_key_env = \"FAR_SECRET_KEY\"\ntimeout = \"3 s\"\n{more}"
        );
        let config = folder.join("engram.toml");
        fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
        let environment = vec![
            ("ENGRAM_CONFIG", config.display().to_string()),
            ("FAR_ACCESS_KEY", far.keys.0.to_owned()),
            ("FAR_SECRET_KEY", far.keys.1.to_owned()),
        ];
        Ok(Home { binary: ground.options.binary.clone(), folder, environment })
    }

    /// A data directory of that name.
    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// How a server is started on a data directory of that name.
    pub(super) fn setup(&self, name: &str) -> Setup {
        Setup {
            binary: self.binary.clone(),
            data: self.data(name),
            log: self.folder.join("server.log"),
            settings: self.environment.clone(),
        }
    }

    fn command(&self, server: Option<&Server>, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command.env("HOME", &self.folder).current_dir(&self.folder);
        if let Some(server) = server {
            command.arg("--server").arg(format!("http://{}", server.address()));
        }
        command.args(args).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        crate::proof::dies_with_us(&mut command);
        command
    }

    /// Runs a command, against a server or without one.
    pub(super) fn run(&self, server: Option<&Server>, args: &[&str]) -> Result<Outcome, String> {
        let name = format!("engram {}", args.join(" "));
        let child = self.command(server, args).spawn();
        let child = child.map_err(|error| format!("`{name}`: {error}"))?;
        Outcome::of(name, child)
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub(super) fn ok(&self, server: Option<&Server>, args: &[&str]) -> Result<String, String> {
        self.run(server, args)?.ok()
    }

    /// The same as JSON.
    pub(super) fn json(&self, server: Option<&Server>, args: &[&str]) -> Result<Json, String> {
        let args: Vec<&str> = [&["--output", "json"], args].concat();
        Json::parse(&self.ok(server, &args)?)
    }

    /// Starts a command and waits for nothing.
    pub(super) fn spawn(&self, server: &Server, args: &[&str]) -> Result<Child, String> {
        let child = self.command(Some(server), args).spawn();
        child.map_err(|error| format!("`engram {}`: {error}", args.join(" ")))
    }

    /// Every memory of a space as lines of text.
    pub(super) fn export(&self, server: &Server, space: &str) -> Result<String, String> {
        self.ok(Some(server), &["export", "--space", space, "--vectors"])
    }

    /// What the server says of the repository. The command is a failure where it does not work, and says so all the same.
    pub(super) fn far(&self, server: &Server) -> Result<Json, String> {
        let told = self.run(Some(server), &["--output", "json", "backup", "status"])?;
        let status = Json::parse(&told.stdout).map_err(|error| format!("{error}: {told:?}"))?;
        let [far] = status.get("repositories").list() else {
            return Err(format!("one repository was configured: {status:?}"));
        };
        if told.success != (far.get("ready") == &Json::Bool(true)) {
            return Err(format!("the exit code of the status does not fit: {told:?}"));
        }
        Ok(far.clone())
    }

    /// Waits until every commit is in the archive.
    pub(super) fn await_archived(&self, server: &Server) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let far = self.far(server)?;
            if far.get("lost_commits").count() != Some(0) {
                return Err(format!("the archive lost commits: {far:?}"));
            }
            if far.get("ready") == &Json::Bool(true)
                && far.get("waiting_commits").count() == Some(0)
            {
                return Ok(());
            }
            if start.elapsed() > ARCHIVED_MAX {
                return Err(format!("the archive does not catch up: {far:?}"));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until nothing follows the last write to a space: its last commit.
    pub(super) fn await_quiet(&self, server: &Server, space: &str) -> Result<u64, String> {
        let start = Instant::now();
        let (mut last, mut looks) = (None, 0);
        while start.elapsed() < QUIET_MAX {
            let stats = self.json(Some(server), &["space", "stats", space])?;
            let now = stats.get("lsn").count();
            let idle = stats.get("unlinked").count().unwrap_or(0) == 0;
            looks = if idle && now == last { looks + 1 } else { 0 };
            if let (Some(lsn), true) = (now, looks >= LOOKS) {
                return Ok(lsn);
            }
            last = now;
            std::thread::sleep(LOOK);
        }
        Err(format!("space {space} does not come to rest"))
    }

    /// The names of all backups, each of which must be whole.
    pub(super) fn backups(&self) -> Result<Vec<String>, String> {
        let told = self.run(None, &["--output", "json", "backup", "list"])?;
        let listed = Json::parse(&told.stdout).map_err(|error| format!("{error}: {told:?}"))?;
        // Its exit code is one of its own where there is none.
        if told.success == listed.get("backups").list().is_empty()
            || !listed.get("damaged").list().is_empty()
        {
            return Err(format!("the list is not as it must be: {told:?}"));
        }
        let mut names = Vec::new();
        for backup in listed.get("backups").list() {
            // One whose check was interrupted is whole and not verified.
            if !matches!(backup.get("state").text(), Some("verified" | "complete")) {
                return Err(format!("a backup is listed that is not whole: {backup:?}"));
            }
            names.push(backup.get("id").text().ok_or("a backup without a name")?.to_owned());
        }
        Ok(names)
    }
}

impl Outcome {
    pub(super) fn of(name: String, child: Child) -> Result<Outcome, String> {
        let output = child.wait_with_output().map_err(|error| format!("`{name}`: {error}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Outcome {
            name,
            success: output.status.success(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }

    pub(super) fn ok(self) -> Result<String, String> {
        if self.success { Ok(self.stdout) } else { Err(format!("it failed: {self:?}")) }
    }

    /// The command must have failed and said all of this.
    pub(super) fn fails(&self, said: &[&str]) -> Result<(), String> {
        let all = format!("{}{}", self.stdout, self.stderr);
        if self.success {
            return Err(format!("it must fail: {self:?}"));
        }
        match said.iter().find(|text| !all.contains(**text)) {
            Some(missing) => Err(format!("{missing:?} is not said: {self:?}")),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "`{}` said {} {}", self.name, self.stdout.trim(), self.stderr.trim())
    }
}

/// Lets writers do so many requests each, all of which must succeed.
pub(super) fn write(server: &Server, ledger: &mut Ledger, plan: Plan) -> Result<(), String> {
    let deeds = Crew::start(server.address(), ledger, plan)?.finish();
    if let Some(deed) = deeds.iter().find(|deed| deed.answer.refusal().is_some()) {
        return Err(format!("a sound server answered {:?}", deed.answer));
    }
    ledger.note(deeds);
    Ok(())
}

/// As text for a command.
pub(super) fn spelled(path: &Path) -> String {
    path.display().to_string()
}
