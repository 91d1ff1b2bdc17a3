//! The rounds of the suite: write, cut, recover, check, on the same disk again and again.

use std::path::Path;
use std::time::Duration;

use super::disk::{Disk, FILE_SYSTEMS, FileSystem};
use crate::proof::{
    self, Answer, Crew, Deed, Defaults, Ledger, Options, Plan, Random, Scratch, Server, Setup,
    Shutdown,
};
use crate::run;

const DEFAULTS: Defaults = Defaults { seed: 1, count: 40, seconds: 110 };
const WRITERS: u64 = 4;
/// A cut comes after so many acknowledgements at most, and at least after a third.
const ACKNOWLEDGED_MAX: u64 = 240;
/// So that a cut falls anywhere within a request, a sync or the making of a log file.
const DELAY_MICROSECONDS_MAX: u64 = 25_000;
/// Time in which the server meets the dead disk.
const AFTERMATH_MICROSECONDS_MAX: u64 = 15_000;
/// Then a fresh disk follows: what a check costs grows with what was written.
const ROUNDS_A_DISK: u64 = 12;
/// Of 100 rounds so many are followed by a cut during the start.
const CUTS_WHILE_STARTING: u64 = 40;
const JOURNALS_FLUSHED: u64 = 25;
/// What a server may answer once its disk is dead.
const REFUSALS: [&str; 2] = ["io_failed", "log_poisoned"];

/// Runs the suite with these flags. Skips what the machine forbids.
pub(crate) fn run(root: &Path, flags: &[&str]) -> Result<(), String> {
    let options = Options::read(root, flags, "--cuts", &DEFAULTS)?;
    if !proof::is_root() {
        run::say("power-cut: skipped: mounting needs root");
        return Ok(());
    }
    if let Err(error) = proof::isolate_mounts() {
        run::say(&format!("power-cut: skipped: no mounts of our own: {error}"));
        return Ok(());
    }
    proof::stop_on_interrupt();
    let mut scratch = Scratch::new("power-cut")?;
    let mut kinds = Vec::new();
    for kind in &FILE_SYSTEMS {
        match Disk::trial(kind, &scratch.folder("trial")?) {
            Ok(()) => kinds.push(kind),
            Err(error) => run::say(&format!("power-cut: {} skipped: {error}", kind.name)),
        }
    }
    if kinds.is_empty() {
        return Ok(());
    }
    let outcome = suite(&kinds, &options, &scratch);
    if let Err(error) = &outcome
        && !proof::interrupted()
    {
        scratch.keep();
        let seed = options.seed;
        let again =
            format!("repeat with: cargo xtask power-cut --seed {seed} --cuts {}", options.count);
        return Err(format!("{error}\n{again}"));
    }
    outcome
}

fn suite(kinds: &[&FileSystem], options: &Options, scratch: &Scratch) -> Result<(), String> {
    lying_sync(kinds[0], options, &scratch.folder("lying")?)?;
    let mut cuts = 0;
    let mut generation = 0;
    while cuts < options.count && !options.late() {
        generation += 1;
        cuts += disks(kinds, (options, generation), (scratch, options.count - cuts))?;
    }
    let seconds = options.elapsed().as_secs();
    let (count, seed) = (options.count, options.seed);
    run::say(&format!(
        "power-cut: {cuts} of {count} cuts in {seconds} s, seed {seed}: nothing lost"
    ));
    Ok(())
}

/// The rounds of one disk of each kind, by turns, so that a short budget is fair to both.
fn disks(
    kinds: &[&FileSystem],
    (options, generation): (&Options, u64),
    (scratch, count): (&Scratch, u64),
) -> Result<u64, String> {
    let mut sessions = Vec::new();
    for (number, kind) in kinds.iter().enumerate() {
        let folder = scratch.folder(&format!("{}-{generation}", kind.name))?;
        let number = generation * kinds.len() as u64 + number as u64;
        sessions.push((Session::new(kind, (options, number), &folder)?, folder));
    }
    let mut cuts = 0;
    for _ in 0..ROUNDS_A_DISK {
        for (session, _) in &mut sessions {
            if cuts < count && !options.late() {
                cuts += session.round().map_err(|error| session.named(&error))?;
            }
        }
    }
    for (mut session, folder) in sessions {
        session.last_check().map_err(|error| session.named(&error))?;
        std::fs::remove_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(cuts)
}

/// One disk and what was written to it.
struct Session {
    kind: &'static str,
    /// Differs between the sessions of a run.
    seed: u64,
    round: u64,
    disk: Disk,
    setup: Setup,
    ledger: Ledger,
    doubted: bool,
    /// What the last start took: a cut within this time falls into recovery.
    start: Duration,
}

impl Session {
    fn new(
        kind: &FileSystem,
        (options, number): (&Options, u64),
        folder: &Path,
    ) -> Result<Session, String> {
        let disk = Disk::new(kind, folder)?;
        let setup = Setup {
            binary: options.binary.clone(),
            data: disk.place.join("data"),
            log: folder.join("server.log"),
            settings: Vec::new(),
        };
        let seed = Random::of(options.seed, number).next();
        let ledger = Ledger::default();
        Ok(Session {
            kind: kind.name,
            seed,
            round: 0,
            disk,
            setup,
            ledger,
            doubted: false,
            start: Duration::ZERO,
        })
    }

    fn named(&self, error: &str) -> String {
        format!("{} round {}: {error}", self.kind, self.round)
    }

    /// Checks what the last cut left, writes, and cuts: once, or a second time while the server starts.
    fn round(&mut self) -> Result<u64, String> {
        self.round += 1;
        let mut random = Random::of(self.seed, self.round);
        self.disk.power_on()?;
        let server = self.checked(&mut random)?;
        let wanted = ACKNOWLEDGED_MAX / 3 + random.below(ACKNOWLEDGED_MAX * 2 / 3);
        let how =
            if random.percent(JOURNALS_FLUSHED) { Shutdown::FlushLog } else { Shutdown::Nothing };
        let deeds = self.write_and_cut(server, (wanted, how), &mut random)?;
        let acknowledged =
            deeds.iter().filter(|deed| matches!(deed.answer, Answer::Acknowledged(_))).count();
        let open = deeds.len() - acknowledged;
        self.ledger.note(deeds);
        let starting = random.percent(CUTS_WHILE_STARTING);
        if starting {
            self.cut_while_starting(&mut random)?;
        }
        self.disk.preserve()?;
        let twice = if starting { ", again while starting" } else { "" };
        run::say(&format!(
            "power-cut: {} round {}, seed {}: {acknowledged} acknowledged, {open} open, {how:?}{twice}",
            self.kind, self.round, self.seed
        ));
        if proof::interrupted() {
            Err("interrupted".to_owned())
        } else {
            Ok(1 + u64::from(starting))
        }
    }

    /// A server on the powered disk, with everything checked.
    fn checked(&mut self, random: &mut Random) -> Result<Server, String> {
        let server = self.setup.start()?;
        self.start = server.start_time;
        proof::settle(&server, &mut self.ledger, random)?;
        if !self.doubted && self.ledger.memories() > 0 {
            proof::self_check(server.address(), &self.ledger)?;
            self.doubted = true;
        }
        Ok(server)
    }

    fn write_and_cut(
        &mut self,
        server: Server,
        (wanted, how): (u64, Shutdown),
        random: &mut Random,
    ) -> Result<Vec<Deed>, String> {
        if !proof::prepare(server.address(), &mut self.ledger) {
            return Err("a sound server refuses to create spaces".to_owned());
        }
        let plan =
            Plan { writers: WRITERS, requests: u64::MAX, round: self.round, seed: random.next() };
        let crew = Crew::start(server.address(), &self.ledger, plan)?;
        crew.await_acknowledged(wanted);
        pause(random, DELAY_MICROSECONDS_MAX);
        self.disk.cut(how)?;
        pause(random, AFTERMATH_MICROSECONDS_MAX);
        server.kill();
        let deeds = crew.dismiss();
        self.disk.remove()?;
        let strange = deeds.iter().find_map(|deed| match &deed.answer {
            Answer::Refused { code, .. } if !REFUSALS.contains(&code.as_str()) => {
                Some(&deed.answer)
            }
            _ => None,
        });
        match strange {
            Some(answer) => Err(format!("a dead disk was answered with {answer:?}")),
            None => Ok(deeds),
        }
    }

    fn cut_while_starting(&mut self, random: &mut Random) -> Result<(), String> {
        self.disk.power_on()?;
        let server = self.setup.launch(&[])?;
        pause(random, self.start.as_micros() as u64 + 1);
        self.disk.cut(Shutdown::Nothing)?;
        pause(random, AFTERMATH_MICROSECONDS_MAX);
        server.kill();
        self.disk.remove()
    }

    fn last_check(&mut self) -> Result<(), String> {
        self.disk.power_on()?;
        let server = self.checked(&mut Random::of(self.seed, 0))?;
        server.kill();
        self.disk.remove()?;
        let (memories, acknowledged) = (self.ledger.memories(), self.ledger.acknowledged());
        run::say(&format!(
            "power-cut: {}: {memories} memories, {acknowledged} requests acknowledged",
            self.kind
        ));
        Ok(())
    }
}

fn pause(random: &mut Random, microseconds_max: u64) {
    std::thread::sleep(Duration::from_micros(random.below(microseconds_max)));
}

/// The proof that the suite sees a missing sync: under a kernel that only claims to sync, a cut must be found to
/// have lost something.
fn lying_sync(kind: &FileSystem, options: &Options, folder: &Path) -> Result<(), String> {
    if let Err(error) = proof::tool("strace") {
        run::say(&format!("power-cut: self-check with syncs that do nothing skipped: {error}"));
        return Ok(());
    }
    let mut session = Session::new(kind, (options, u64::MAX), folder)?;
    session.disk.power_on()?;
    let nothing = "inject=fdatasync,fsync,sync_file_range:retval=0";
    let words = ["strace", "-D", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", nothing];
    let wrapper: Vec<String> = words.map(str::to_owned).into();
    let mut server = session.setup.launch(&wrapper)?;
    if let Err(error) = server.await_ready() {
        run::say(&format!("power-cut: self-check with syncs that do nothing skipped: {error}"));
        drop(server);
        return session.disk.remove();
    }
    let mut random = Random::of(options.seed, u64::MAX);
    let deeds = session.write_and_cut(server, (40, Shutdown::Nothing), &mut random)?;
    session.ledger.note(deeds);
    session.disk.power_on()?;
    match session.checked(&mut random) {
        Ok(server) => {
            server.kill();
            Err("the suite is blind: it found nothing although no sync was carried out".to_owned())
        }
        Err(error) => {
            let lines = error.lines().count();
            run::say(&format!(
                "power-cut: self-check: syncs that do nothing are found, in {lines} lines"
            ));
            session.disk.remove()
        }
    }
}
