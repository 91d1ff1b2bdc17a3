//! A disk that fills up: writes are refused as such, reads go on, and once there is room writes succeed again without a
//! restart.

use std::fs;
use std::time::{Duration, Instant};

use super::ground::Ground;
use crate::proof::{self, Answer, Crew, Deed, Ledger, Mount, Plan, Random, Server, Setup};
use crate::run;

const DISK: &str = "size=24m";
const BALLAST_BYTES: usize = 10 << 20;
const WRITERS: u64 = 3;
const REFUSAL: (u16, &str) = (507, "disk_full");
/// Within this time after room was made the first write must succeed.
const RESUME_SECONDS_MAX: u64 = 10;

pub(super) fn forbidden() -> Option<String> {
    if !proof::is_root() {
        return Some("mounting needs root".to_owned());
    }
    proof::isolate_mounts().err().map(|error| format!("no mounts of our own: {error}"))
}

pub(super) fn run(ground: &Ground<'_>) -> Result<(), String> {
    let folder = ground.scratch.folder("full")?;
    let place = ground.scratch.folder("full/mounted")?;
    let mount = match Mount::new(&["-t", "tmpfs", "-o", DISK, "tmpfs"], &place) {
        Ok(mount) => mount,
        Err(error) => {
            run::say(&format!("inject: full disk skipped: {error}"));
            return Ok(());
        }
    };
    let setup = Setup {
        binary: ground.options.binary.clone(),
        data: place.join("data"),
        log: folder.join("server.log"),
        settings: Vec::new(),
    };
    let ballast = place.join("ballast");
    let fill =
        || fs::write(&ballast, vec![1; BALLAST_BYTES]).map_err(|error| format!("ballast: {error}"));
    let free = || fs::remove_file(&ballast).map_err(|error| format!("ballast: {error}"));
    let mut scene = Scene {
        ledger: Ledger::default(),
        random: Random::of(ground.options.seed, 0xf0),
        round: 0,
    };

    fill()?;
    let server = setup.start()?;
    scene.until_full(&server)?;
    free()?;
    scene.resumes(&server)?;
    // Full again, and killed while it is: the next start finds no room either.
    scene.until_full(&server)?;
    server.kill();
    let server = proof::reopen(&setup, &mut scene.ledger, &mut scene.random)
        .map_err(|error| format!("restarted on the full disk: {error}"))?;
    server.kill();
    mount.unmount()?;
    let memories = scene.ledger.memories();
    run::say(&format!(
        "inject: full disk: {memories} memories, refused, read, resumed, restarted: nothing lost"
    ));
    Ok(())
}

struct Scene {
    ledger: Ledger,
    random: Random,
    round: u64,
}

impl Scene {
    /// Writes until every writer has been refused, and checks that reading goes on.
    fn until_full(&mut self, server: &Server) -> Result<(), String> {
        if !proof::prepare(server.address(), &mut self.ledger) {
            return Err("there was no room for two spaces".to_owned());
        }
        let deeds = self.write(server, u64::MAX)?;
        let refused = deeds.iter().filter(|deed| deed.answer.refusal().is_some()).count();
        if refused == 0 {
            return Err("the disk never filled up".to_owned());
        }
        self.ledger.note(deeds);
        proof::serves(server, &self.ledger, &mut self.random)
            .map_err(|error| format!("reading from a full disk: {error}"))
    }

    /// Waits for the first write to succeed, and expects that all others do.
    fn resumes(&mut self, server: &Server) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let deeds = self.write(server, 1)?;
            let done = deeds.iter().all(|deed| matches!(deed.answer, Answer::Acknowledged(_)));
            self.ledger.note(deeds);
            if done {
                break;
            }
            if start.elapsed() > Duration::from_secs(RESUME_SECONDS_MAX) {
                return Err(format!(
                    "no write succeeds {RESUME_SECONDS_MAX} s after there was room again"
                ));
            }
        }
        let deeds = self.write(server, 20)?;
        let refused = deeds.iter().find(|deed| deed.answer.refusal().is_some());
        if let Some(deed) = refused {
            return Err(format!("writes do not resume: {:?}", deed.answer));
        }
        self.ledger.note(deeds);
        Ok(())
    }

    fn write(&mut self, server: &Server, requests: u64) -> Result<Vec<Deed>, String> {
        self.round += 1;
        let plan = Plan { writers: WRITERS, requests, round: self.round, seed: self.random.next() };
        let deeds = Crew::start(server.address(), &self.ledger, plan)?.finish();
        let strange = deeds.iter().find(|deed| match &deed.answer {
            Answer::Acknowledged(_) => false,
            Answer::Refused { status, code } => (*status, code.as_str()) != REFUSAL,
            Answer::Silent(_) => true,
        });
        match strange {
            Some(deed) => Err(format!("a full disk was answered with {:?}", deed.answer)),
            None => Ok(deeds),
        }
    }
}
