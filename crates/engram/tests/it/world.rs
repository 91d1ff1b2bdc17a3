//! A home directory, servers started in it, and commands run against them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Name of the configuration in a home; without it the defaults hold.
pub(crate) const CONFIG_NAME: &str = "home.toml";

/// A home of its own: nothing of the machine's configuration reaches the program.
pub(crate) struct World {
    home: TempDir,
    variables: &'static [(&'static str, &'static str)],
}

/// What a command left.
pub(crate) struct Outcome {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) fn new() -> World {
        World::with_variables(&[])
    }

    /// One whose commands see these variables of the environment too.
    pub(crate) fn with_variables(variables: &'static [(&'static str, &'static str)]) -> World {
        World { home: TempDir::new().unwrap(), variables }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_engram"));
        command.env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.envs(self.variables.iter().copied());
        let config = self.path(CONFIG_NAME);
        if config.exists() {
            command.env("ENGRAM_CONFIG", config);
        }
        command
    }

    /// Runs a command that needs no server, or names one itself.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.run_with_stdin(args, "")
    }

    pub(crate) fn run_with_stdin(&self, args: &[&str], stdin: &str) -> Outcome {
        let mut child = self
            .command()
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        Outcome::of(child.wait_with_output().unwrap())
    }

    /// Runs a command with limits of its own, as the shell's `ulimit` sets them.
    pub(crate) fn run_limited(&self, limits: &str, args: &[&str]) -> Outcome {
        let own = self.command();
        let mut shell = Command::new("sh");
        shell.env_clear().current_dir(self.home.path());
        shell.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.args(["-c", &format!("ulimit {limits} && exec \"$0\" \"$@\"")]);
        shell.arg(own.get_program()).args(args);
        Outcome::of(shell.stdin(Stdio::null()).output().unwrap())
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    /// Starts a server on a free port and waits until it is ready.
    pub(crate) fn start(&self) -> Node<'_> {
        let mut child = self
            .command()
            .args([
                "start",
                "--output",
                "json",
                "--http",
                "127.0.0.1:0",
                "--grpc",
                "127.0.0.1:0",
                "--data-dir",
            ])
            .arg(self.data_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(self.path("server.log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let log = || std::fs::read_to_string(self.path("server.log")).unwrap();
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("no start: {line} {}", log()));
        Node { world: self, child, url: ready["url"].as_str().unwrap().to_owned() }
    }
}

impl Outcome {
    fn of(output: Output) -> Outcome {
        Outcome {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Fails the test unless the command ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> Outcome {
        assert_eq!(self.exit, 0, "stdout: {} stderr: {}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless the command ended with this exit code and said all of these on stderr.
    #[track_caller]
    pub(crate) fn fails(self, exit: i32, said: &[&str]) -> Outcome {
        assert_eq!(self.exit, exit, "stdout: {} stderr: {}", self.stdout, self.stderr);
        for text in said {
            assert!(self.stderr.contains(text), "{text:?} is missing in: {}", self.stderr);
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A running server. Dropping it kills it.
pub(crate) struct Node<'a> {
    world: &'a World,
    child: Child,
    pub(crate) url: String,
}

impl Node<'_> {
    /// Runs a command against this server.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.run_with_stdin(args, "")
    }

    pub(crate) fn run_with_stdin(&self, args: &[&str], stdin: &str) -> Outcome {
        let args: Vec<&str> =
            ["--server", &self.url].into_iter().chain(args.iter().copied()).collect();
        self.world.run_with_stdin(&args, stdin)
    }

    /// The same with JSON on stdout.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> =
            ["--output", "json"].into_iter().chain(args.iter().copied()).collect();
        self.run(&args).ok().json()
    }

    /// Starts a command without waiting for its end.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.world.command();
        command.args(["--server", &self.url]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Ends it as an operator does.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("sh")
                .args(["-c", &format!("kill -TERM {pid}")])
                .status()
                .unwrap()
                .success()
        );
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    /// Ends it as a crash does: SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn memories(&self, space: &str) -> u64 {
        self.json(&["space", "stats", space])["memories"].as_u64().unwrap()
    }

    /// Every memory of a space as one text, for comparison.
    pub(crate) fn export(&self, space: &str) -> String {
        self.run(&["export", "--space", space, "--vectors"]).ok().stdout
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
