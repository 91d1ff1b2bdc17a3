//! SIGKILL at random moments on one data directory: while writing, and while starting.

use std::time::Duration;

use super::ground::Ground;
use crate::proof::{self, Crew, Ledger, Plan, Random, Setup};
use crate::run;

const ROUNDS: u64 = 12;
const WRITERS: u64 = 4;
const ACKNOWLEDGED_MAX: u64 = 200;
const DELAY_MICROSECONDS_MAX: u64 = 20_000;

pub(super) fn run(ground: &Ground<'_>) -> Result<(), String> {
    let folder = ground.scratch.folder("kills")?;
    let setup = Setup {
        binary: ground.options.binary.clone(),
        data: folder.join("data"),
        log: folder.join("server.log"),
        settings: Vec::new(),
    };
    let mut ledger = Ledger::default();
    for round in 1..=ROUNDS {
        let mut random = Random::of(ground.options.seed, round);
        let server = proof::reopen(&setup, &mut ledger, &mut random)?;
        if round == 2 {
            proof::self_check(server.address(), &ledger)?;
        }
        let start_time = server.start_time;
        if !proof::prepare(server.address(), &mut ledger) {
            return Err("a sound server refuses to create spaces".to_owned());
        }
        let plan = Plan { writers: WRITERS, requests: u64::MAX, round, seed: random.next() };
        let crew = Crew::start(server.address(), &ledger, plan)?;
        crew.await_acknowledged(random.below(ACKNOWLEDGED_MAX));
        pause(&mut random, DELAY_MICROSECONDS_MAX);
        server.kill();
        let deeds = crew.dismiss();
        if let Some(deed) = deeds.iter().find(|deed| deed.answer.refusal().is_some()) {
            return Err(format!("round {round}: a sound server answered {:?}", deed.answer));
        }
        ledger.note(deeds);
        if random.percent(50) {
            let server = setup.launch(&[])?;
            pause(&mut random, start_time.as_micros() as u64 + 1);
            server.kill();
        }
        if proof::interrupted() {
            return Ok(());
        }
    }
    let server = proof::reopen(&setup, &mut ledger, &mut Random::new(ground.options.seed))?;
    server.kill();
    let (memories, acknowledged) = (ledger.memories(), ledger.acknowledged());
    run::say(&format!(
        "inject: {ROUNDS} kills, {memories} memories, {acknowledged} requests acknowledged: nothing lost"
    ));
    Ok(())
}

fn pause(random: &mut Random, microseconds_max: u64) {
    std::thread::sleep(Duration::from_micros(random.below(microseconds_max)));
}
