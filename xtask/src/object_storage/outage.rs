//! The service is killed in the middle of a backup, while writers are at work, and comes back: the backup fails and says so or goes
//! on; nothing is listed that is not whole; the archive catches up; and everything that was acknowledged meanwhile can be restored.

use std::time::{Duration, Instant};

use super::ground::Ground;
use super::home::{Far, Home, Outcome, RIGHT, spelled, write};
use crate::proof::{self, Crew, Json, Ledger, Plan, Random, Server};
use crate::run;

/// A backup of what is written first takes some seconds at this pace.
const PACED: &str = "bytes_per_second = \"1 MiB\"\n";
const FIRST_WRITERS: u64 = 3;
const FIRST_REQUESTS: u64 = 150;
/// Beside the backups: what it writes the archive has to take at the same pace.
const WRITERS: u64 = 1;
/// Acknowledgements that must come while the service is away.
const MEANWHILE: u64 = 20;
const DELAY_MS_MAX: u64 = 700;
/// How long a backup may take until it sends files.
const SENDING_MAX: Duration = Duration::from_secs(30);
/// How long it may take until the status says that the repository is away.
const AWAY_MAX: Duration = Duration::from_secs(30);
/// How commands name the error of a repository that does not answer.
const UNAVAILABLE: &str = "ERR-6001";
const LOOK: Duration = Duration::from_millis(20);

/// When the service comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Back {
    /// When the backup has failed.
    Later,
    /// At once.
    Now,
}

pub(super) fn run(ground: &Ground<'_>) -> Result<(), String> {
    let home = Home::new(ground, "outage", &Far { more: PACED, ..RIGHT })?;
    let mut random = Random::of(ground.options.seed, 2);
    let mut ledger = Ledger::default();
    let server = proof::reopen(&home.setup("data"), &mut ledger, &mut random)?;
    if !proof::prepare(server.address(), &mut ledger) {
        return Err("a sound server refuses to create spaces".to_owned());
    }
    let seed = random.next();
    let plan = Plan { writers: FIRST_WRITERS, requests: FIRST_REQUESTS, round: 1, seed };
    write(&server, &mut ledger, plan)?;
    home.await_archived(&server)?;
    let (mut made, mut failed) = (0, 0);
    for outage in 0..ground.options.count {
        // One always: a slow machine must not make this pass without any.
        if (ground.options.late() && outage > 0) || proof::interrupted() {
            break;
        }
        let back = if outage % 2 == 0 { Back::Later } else { Back::Now };
        let round = outage + 2;
        let plan = Plan { writers: WRITERS, requests: u64::MAX, round, seed: random.next() };
        let crew = Crew::start(server.address(), &ledger, plan)?;
        let delay = Duration::from_millis(random.below(DELAY_MS_MAX));
        let outcome = interrupted(ground, &home, &server, (&crew, back, delay));
        let deeds = crew.dismiss();
        let refused = deeds.iter().find(|deed| deed.answer.refusal().is_some());
        if let Some(deed) = refused {
            return Err(format!("a write was answered with {:?}", deed.answer));
        }
        ledger.note(deeds);
        match outcome? {
            true => made += 1,
            false => failed += 1,
        }
        home.await_archived(&server)?;
        for name in home.backups()? {
            home.ok(None, &["backup", "verify", &name, "--level", "2"])?;
        }
    }
    home.ok(Some(&server), &["backup", "create", "--kind", "full"])?;
    home.ok(None, &["backup", "check"])?;
    for space in ["main", "side"] {
        home.await_quiet(&server, space)?;
    }
    home.await_archived(&server)?;
    server.kill();
    home.ok(None, &["backup", "restore", "--into", &spelled(&home.data("restored"))])?;
    proof::reopen(&home.setup("restored"), &mut ledger, &mut random)?.kill();
    run::say(&format!(
        "s3: killed in {} backups, {failed} failed and said so, {made} went on: {} memories are restored",
        made + failed,
        ledger.memories()
    ));
    Ok(())
}

/// Kills the service while a backup sends files. Whether the backup was made in the end.
fn interrupted(
    ground: &Ground<'_>,
    home: &Home,
    server: &Server,
    (crew, back, delay): (&Crew, Back, Duration),
) -> Result<bool, String> {
    let before = newest_job(home, server)?.get("id").clone();
    let backup = home.spawn(server, &["backup", "create", "--kind", "full"])?;
    await_sending(home, server, &before)?;
    std::thread::sleep(delay);
    let mut service = ground.service.borrow_mut();
    service.kill();
    let enough = crew.acknowledged() + MEANWHILE;
    crew.await_acknowledged(enough);
    if crew.acknowledged() < enough {
        return Err("writes do not go on while the repository is away".to_owned());
    }
    if back == Back::Now {
        service.revive()?;
    }
    let outcome = Outcome::of("engram backup create".to_owned(), backup)?;
    if back == Back::Later {
        outcome.fails(&[UNAVAILABLE, "repositories.far"])?;
        await_away(home, server)?;
        home.run(None, &["backup", "list"])?.fails(&[UNAVAILABLE])?;
        service.revive()?;
    } else if !outcome.success {
        outcome.fails(&[UNAVAILABLE, "repositories.far"])?;
    }
    Ok(outcome.success)
}

/// The archive finds out when it has something to send, a second later at most.
fn await_away(home: &Home, server: &Server) -> Result<(), String> {
    let start = Instant::now();
    while start.elapsed() < AWAY_MAX {
        if home.far(server)?.get("ready") == &Json::Bool(false) {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Err("the status does not say that the repository is away".to_owned())
}

/// Waits until a backup that was asked for after the job `before` sends files.
fn await_sending(home: &Home, server: &Server, before: &Json) -> Result<(), String> {
    let start = Instant::now();
    while start.elapsed() < SENDING_MAX {
        let job = newest_job(home, server)?;
        match (job.get("state").text(), job.get("step").text()) {
            (Some("running"), Some("files")) => return Ok(()),
            (Some("done" | "failed"), _) if job.get("id") != before => {
                return Err(format!("the backup was over before it was interrupted: {job:?}"));
            }
            _ => std::thread::sleep(LOOK),
        }
    }
    Err("the backup sends no files".to_owned())
}

/// The newest job of the server; null where there is none.
fn newest_job(home: &Home, server: &Server) -> Result<Json, String> {
    let status = home.json(Some(server), &["backup", "status"])?;
    Ok(status.get("jobs").list().first().cloned().unwrap_or(Json::Null))
}
