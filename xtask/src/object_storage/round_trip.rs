//! From the first write to a restored server: a full and an incremental backup, the archive behind them, checks, and a restore to the end
//! and to a commit.

use super::ground::Ground;
use super::home::{Home, RIGHT, spelled, write};
use crate::proof::{self, Ledger, Plan, Random};
use crate::run;

const WRITERS: u64 = 3;
const REQUESTS: u64 = 40;
const SPACES: [&str; 2] = ["main", "side"];

pub(super) fn run(ground: &Ground<'_>) -> Result<(), String> {
    let home = Home::new(ground, "round-trip", &RIGHT)?;
    let mut random = Random::of(ground.options.seed, 1);
    let mut ledger = Ledger::default();
    let server = proof::reopen(&home.setup("data"), &mut ledger, &mut random)?;
    if !proof::prepare(server.address(), &mut ledger) {
        return Err("a sound server refuses to create spaces".to_owned());
    }
    let mut plan =
        |round| Plan { writers: WRITERS, requests: REQUESTS, round, seed: random.next() };
    write(&server, &mut ledger, plan(1))?;
    home.ok(Some(&server), &["backup", "create", "--kind", "full"])?;
    write(&server, &mut ledger, plan(2))?;
    home.ok(Some(&server), &["backup", "create"])?;
    write(&server, &mut ledger, plan(3))?;
    let lsn = home.await_quiet(&server, SPACES[0])?;
    let then = home.export(&server, SPACES[0])?;
    write(&server, &mut ledger, plan(4))?;
    for space in SPACES {
        home.await_quiet(&server, space)?;
    }
    home.await_archived(&server)?;
    let before = exports(&home, &server)?;
    if before[0] == then {
        return Err("nothing was written behind the commit that is gone back to".to_owned());
    }
    server.kill();
    let backups = home.backups()?;
    if backups.len() != 2 {
        return Err(format!("two backups were made: {backups:?}"));
    }
    home.ok(None, &["backup", "check"])?;
    for level in ["1", "2", "3", "4"] {
        home.ok(None, &["backup", "verify", "--level", level])?;
    }

    let into = spelled(&home.data("restored"));
    home.ok(None, &["backup", "restore", "--into", &into])?;
    let restored = proof::reopen(&home.setup("restored"), &mut ledger, &mut random)?;
    if exports(&home, &restored)? != before {
        return Err("what was restored is exported otherwise than before".to_owned());
    }
    restored.kill();
    let (into, to) = (spelled(&home.data("then")), format!("lsn:{lsn}"));
    home.ok(None, &["backup", "restore", "--to", &to, "--space", SPACES[0], "--into", &into])?;
    let restored = home.setup("then").start()?;
    if home.export(&restored, SPACES[0])? != then {
        return Err(format!("restored to LSN {lsn}, the space is not as it was then"));
    }
    restored.kill();
    let (memories, requests) = (ledger.memories(), ledger.acknowledged());
    run::say(&format!(
        "s3: full, incremental, archive, restore and back to LSN {lsn}: {memories} memories of {requests} requests are there"
    ));
    Ok(())
}

fn exports(home: &Home, server: &proof::Server) -> Result<Vec<String>, String> {
    SPACES.iter().map(|space| home.export(server, space)).collect()
}
