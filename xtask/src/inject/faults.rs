//! System calls that fail: each that a server makes on its data, once or from some call on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::fault::{Fault, MOMENTS, Moment, Places, TARGETS, draw};
use super::ground::Ground;
use super::trace;
use super::tracer::Tracer;
use crate::proof::{self, Answer, Crew, Deed, Ledger, Plan, Random, Server, Setup};
use crate::run;

/// Small, so that some hundred requests go through several files.
const SETTINGS: [(&str, &str); 1] = [("ENGRAM_WAL__SEGMENT_BYTES", "128KiB")];
const WRITERS: u64 = 3;
const REQUESTS: u64 = 30;
/// What writes may be refused with, each with the status that the catalogue gives it.
const REFUSALS: [&str; 3] = ["disk_full", "log_poisoned", "io_failed"];
/// Calls whose failure may reach a request that reads.
const READING: [&str; 2] = ["pread64", "openat"];
const CATALOGUE: &str = "docs/reference/errors.md";

/// How a run went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Course {
    StartRefused,
    WritesRefused,
    Served,
    NotMet,
}

struct Bench<'a> {
    ground: &'a Ground<'a>,
    folder: PathBuf,
    statuses: BTreeMap<String, u16>,
    /// A data directory to start on, and what it holds.
    existing: (PathBuf, Ledger),
    /// Every file that a server touches while it starts at this moment.
    files: BTreeMap<Moment, BTreeSet<String>>,
}

pub(super) fn run(ground: &Ground<'_>) -> Result<(), String> {
    let mut bench = Bench::new(ground)?;
    let mut places = Places::new();
    for moment in MOMENTS {
        match bench.probe(moment) {
            Ok(found) => places.extend(found),
            Err(error) => {
                run::say(&format!(
                    "inject: failing calls skipped: strace cannot trace here: {error}"
                ));
                return Ok(());
            }
        }
    }
    let mut random = Random::of(ground.options.seed, 0xfa);
    let mut courses: BTreeMap<Course, u64> = BTreeMap::new();
    let mut done = 0;
    // A running server has fewer kinds of calls than a starting one, but it is where acknowledgements come from.
    let running = places.keys().filter(|(moment, _)| *moment == Moment::Running);
    let turns: Vec<_> = places.keys().chain(running.clone()).chain(running).copied().collect();
    for place in turns.into_iter().cycle() {
        if done >= ground.options.count || ground.options.late() || proof::interrupted() {
            break;
        }
        let fault = draw(place, &places[&place], &mut random);
        let course =
            bench.meet(&fault, done).map_err(|error| format!("{}: {error}", fault.named()))?;
        *courses.entry(course).or_default() += 1;
        done += 1;
    }
    let count = |course| courses.get(&course).copied().unwrap_or_default();
    run::say(&format!(
        "inject: {done} of {} faults in {} kinds of calls: {} starts refused, {} writes refused, {} served, {} not met: nothing lost",
        ground.options.count,
        places.len(),
        count(Course::StartRefused),
        count(Course::WritesRefused),
        count(Course::Served),
        count(Course::NotMet),
    ));
    Ok(())
}

/// A server, how its start went, and the tracer where it is a process of ours.
type Run = (Server, Result<(), String>, Option<Tracer>);

impl<'a> Bench<'a> {
    fn new(ground: &'a Ground<'a>) -> Result<Bench<'a>, String> {
        let folder = ground.scratch.folder("faults")?;
        let existing = (folder.join("existing"), Ledger::default());
        let mut bench =
            Bench { ground, folder, statuses: catalogue()?, existing, files: BTreeMap::new() };
        let setup = bench.setup(&bench.existing.0);
        let server = setup.start()?;
        let mut ledger = Ledger::default();
        let deeds = write(
            &server,
            &mut ledger,
            Plan { writers: WRITERS, requests: REQUESTS, round: 0, seed: 0 },
        )?;
        ledger.note(deeds);
        server.kill();
        bench.existing.1 = ledger;
        Ok(bench)
    }

    fn setup(&self, data: &Path) -> Setup {
        Setup {
            binary: self.ground.options.binary.clone(),
            data: data.to_path_buf(),
            log: self.folder.join("server.log"),
            settings: SETTINGS.map(|(name, value)| (name, value.to_owned())).into(),
        }
    }

    /// A data directory for one run, with what it holds. Always at the same place: faults go by the names of files.
    fn data(&self, moment: Moment) -> Result<(Setup, Ledger), String> {
        let data = self.folder.join("data");
        if data.exists() {
            fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
        }
        if moment == Moment::FirstStart {
            return Ok((self.setup(&data), Ledger::default()));
        }
        proof::quiet(proof::tool("cp")?.arg("-a").arg(&self.existing.0).arg(&data))?;
        Ok((self.setup(&data), self.existing.1.clone()))
    }

    fn trace_file(&self) -> PathBuf {
        self.folder.join("trace")
    }

    fn trace(&self) -> Result<String, String> {
        let bytes = fs::read(self.trace_file()).map_err(|error| format!("the trace: {error}"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Starts a server that meets the fault. The second value says how the start went.
    fn launch(&self, setup: &Setup, moment: Moment, fault: Option<&Fault>) -> Result<Run, String> {
        let calls: Vec<&str> = TARGETS.iter().map(|target| target.call).collect();
        let trace = format!("trace={}", calls.join(","));
        let file = self.trace_file().to_string_lossy().into_owned();
        let mut words: Vec<String> =
            ["strace", "-f", "-y", "-ttt", "-o", &file, "-e", &trace].map(str::to_owned).into();
        words.extend(fault.into_iter().flat_map(|fault| ["-e".to_owned(), fault.expression()]));
        if moment == Moment::Running {
            let server = setup.start()?;
            let tracer = Tracer::attach(words, server.id())?;
            return Ok((server, Ok(()), Some(tracer)));
        }
        // Otherwise the loader of the program would meet the faults: it opens and reads files as well.
        let files = self.files.get(&moment).into_iter().flatten();
        words.extend(files.flat_map(|file| ["-P".to_owned(), file.clone()]));
        // The tracer stands beside the server, not above it: what we kill is the server.
        words.extend(["-D", "--seccomp-bpf"].map(str::to_owned));
        let mut server = setup.launch(&words)?;
        let ready = server.await_ready();
        Ok((server, ready, None))
    }

    /// Finds the calls that a server makes on its data.
    fn probe(&mut self, moment: Moment) -> Result<Places, String> {
        let (setup, mut ledger) = self.data(moment)?;
        let plan =
            Plan { writers: WRITERS, requests: REQUESTS, round: 1, seed: self.ground.options.seed };
        if moment != Moment::Running {
            // Once for the names of the files, then for the numbers of the calls on them.
            let (server, ready, _) = self.launch(&setup, moment, None)?;
            ready?;
            server.kill();
            let trace = self.trace()?;
            let found = trace::calls(&trace);
            let files = found.iter().flat_map(|call| call.files(&setup.data)).collect();
            self.files.insert(moment, files);
            (_, ledger) = self.data(moment)?;
        }
        let (server, ready, tracer) = self.launch(&setup, moment, None)?;
        ready?;
        if moment == Moment::Running {
            write(&server, &mut ledger, plan)?;
        }
        server.kill();
        if let Some(tracer) = tracer {
            tracer.finish();
        }
        let mut places = Places::new();
        let trace = self.trace()?;
        for call in trace::calls(&trace).iter().filter(|call| call.within(&setup.data)) {
            let target = TARGETS.iter().position(|target| target.call == call.name);
            let target = target.ok_or("strace shows what it was not asked for")?;
            places.entry((moment, target)).or_default().insert(call.number);
        }
        if places.is_empty() { Err("the trace is empty".to_owned()) } else { Ok(places) }
    }

    /// Runs a server that meets the fault, then one that does not, and checks both.
    fn meet(&self, fault: &Fault, round: u64) -> Result<Course, String> {
        let (setup, mut ledger) = self.data(fault.moment)?;
        let mut random = Random::of(self.ground.options.seed, round);
        let (server, ready, tracer) = self.launch(&setup, fault.moment, Some(fault))?;
        let mut deeds = Vec::new();
        if ready.is_ok() {
            let plan = Plan {
                writers: WRITERS,
                requests: REQUESTS,
                round: round + 2,
                seed: random.next(),
            };
            deeds = write(&server, &mut ledger, plan)?;
        }
        self.answers(&deeds)?;
        let refused = deeds.iter().any(|deed| deed.answer.refusal().is_some());
        let times = acknowledged(&deeds);
        ledger.note(deeds);
        if ready.is_ok() && !READING.contains(&fault.call) {
            proof::reads(&server, &ledger)
                .map_err(|error| format!("reading while writes fail: {error}"))?;
        }
        let said = server.said();
        let ended = server.kill();
        if let Some(tracer) = tracer {
            tracer.finish();
        }
        let trace = self.trace()?;
        let calls = trace::calls(&trace);
        if said.contains("panicked") {
            return Err(format!("the server panicked: {said}"));
        }
        if let Err(error) = &ready
            && (!ended || !said.contains("ERR-"))
        {
            return Err(format!(
                "the start neither succeeded nor was refused by the catalogue: {error}"
            ));
        }
        none_after_failed_sync(&calls, &times)?;
        let server = proof::reopen(&setup, &mut ledger, &mut random);
        server.map_err(|error| format!("after the restart: {error}"))?.kill();
        Ok(match ready {
            Err(_) => Course::StartRefused,
            Ok(()) if refused => Course::WritesRefused,
            Ok(()) if calls.iter().any(|call| call.injected) => Course::Served,
            Ok(()) => Course::NotMet,
        })
    }

    /// Every request has an answer, and every refusal is one of a failing disk with the status of the catalogue.
    fn answers(&self, deeds: &[Deed]) -> Result<(), String> {
        for deed in deeds {
            let sound = match &deed.answer {
                Answer::Acknowledged(_) => true,
                Answer::Refused { status, code } => {
                    REFUSALS.contains(&code.as_str()) && self.statuses.get(code) == Some(status)
                }
                Answer::Silent(_) => false,
            };
            if !sound {
                return Err(format!("a write was answered with {:?}", deed.answer));
            }
        }
        Ok(())
    }
}

/// Writes with a crew, where the spaces can be made, and returns what it did; the spaces are in the ledger already.
fn write(server: &Server, ledger: &mut Ledger, plan: Plan) -> Result<Vec<Deed>, String> {
    if !proof::prepare(server.address(), ledger) {
        return Ok(Vec::new());
    }
    Ok(Crew::start(server.address(), ledger, plan)?.finish())
}

/// When the acknowledged requests were sent.
fn acknowledged(deeds: &[Deed]) -> Vec<SystemTime> {
    let done = deeds.iter().filter(|deed| matches!(deed.answer, Answer::Acknowledged(_)));
    done.map(|deed| deed.sent).collect()
}

/// A failed sync of the log is the end of acknowledgements: the kernel may have dropped what was to be synced.
fn none_after_failed_sync(
    calls: &[trace::Call<'_>],
    acknowledged: &[SystemTime],
) -> Result<(), String> {
    let syncs = calls.iter().filter(|call| matches!(call.name, "fdatasync" | "fsync"));
    let Some(failed) =
        syncs.filter(|call| call.injected && call.on_the_log()).map(|call| call.at).min()
    else {
        return Ok(());
    };
    match acknowledged.iter().filter(|sent| **sent > failed).count() {
        0 => Ok(()),
        count => {
            Err(format!("{count} requests sent after a failed sync of the log were acknowledged"))
        }
    }
}

/// The status of each code.
fn catalogue() -> Result<BTreeMap<String, u16>, String> {
    let path = run::root().join(CATALOGUE);
    let page = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, number, code, status, ..] = *cells else {
            return None;
        };
        let code = code.strip_prefix('[')?.split(']').next()?;
        number.starts_with("ERR-").then_some((code.to_owned(), status.parse().ok()?))
    };
    let statuses: BTreeMap<String, u16> = page.lines().filter_map(row).collect();
    if REFUSALS.iter().all(|code| statuses.contains_key(*code)) {
        return Ok(statuses);
    }
    Err(format!("{} no longer lists the codes that the suite expects", path.display()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_acknowledgement_after_a_failed_sync_is_found() {
        let call = |injected, file: &str| {
            format!(
                "1 100.5 fdatasync(3</d/wal/{file}.wal>) = -1 EIO (x){}\n",
                if injected { " (INJECTED)" } else { "" }
            )
        };
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let check =
            |line: String, sent: u64| none_after_failed_sync(&trace::calls(&line), &[at(sent)]);
        assert!(check(call(true, "0000000000000001"), 100).is_ok());
        assert!(check(call(true, "0000000000000001"), 101).is_err());
        assert!(check(call(false, "0000000000000001"), 101).is_ok());
        assert!(check(call(true, "spare-0000000000000001"), 101).is_ok());
    }

    #[test]
    fn the_catalogue_is_read() {
        assert_eq!(catalogue().unwrap().get("disk_full"), Some(&507));
    }
}
