//! A repository that is configured wrong: the server serves all the same, and every command says what is wrong and shows no secret.

use super::ground::Ground;
use super::home::{BUCKET, Far, Home, write};
use super::service::{ACCESS_KEY, SECRET_KEY};
use crate::proof::{self, Ledger, Plan, Random, Server};
use crate::run;

struct Case {
    name: &'static str,
    far: Far<'static>,
    /// What has to be said: what the service said, and where to look.
    said: &'static [&'static str],
}

const WRONG_KEY: &str = "not-the-right-one";
const CASES: [Case; 3] = [
    Case {
        name: "wrong-secret",
        far: Far { bucket: BUCKET, keys: (ACCESS_KEY, WRONG_KEY), more: "" },
        said: &["SignatureDoesNotMatch", "repositories.far.s3_secret_key_env"],
    },
    Case {
        name: "unknown-key",
        far: Far { bucket: BUCKET, keys: (WRONG_KEY, SECRET_KEY), more: "" },
        said: &["InvalidAccessKeyId", "repositories.far.s3_access_key_env"],
    },
    Case {
        name: "no-bucket",
        far: Far { bucket: "no-such-bucket", keys: (ACCESS_KEY, SECRET_KEY), more: "" },
        said: &["NoSuchBucket", "repositories.far.url"],
    },
];

pub(super) fn run(ground: &Ground<'_>) -> Result<(), String> {
    for case in &CASES {
        let home = Home::new(ground, case.name, &case.far)?;
        let server = home.setup("data").start()?;
        let outcome = refused(&home, &server, case);
        server.kill();
        outcome.map_err(|error| format!("{}: {error}", case.name))?;
    }
    run::say("s3: a wrong secret, an unknown key and a missing bucket are told by every command");
    Ok(())
}

fn refused(home: &Home, server: &Server, case: &Case) -> Result<(), String> {
    let mut ledger = Ledger::default();
    if !proof::prepare(server.address(), &mut ledger) {
        return Err("no space can be created without the repository".to_owned());
    }
    write(server, &mut ledger, Plan { writers: 1, requests: 5, round: 1, seed: 1 })?;
    let create = home.run(Some(server), &["backup", "create"])?;
    create.fails(case.said)?;
    let status = home.run(Some(server), &["--output", "json", "backup", "status"])?;
    status.fails(case.said)?;
    let list = home.run(None, &["backup", "list"])?;
    list.fails(case.said)?;
    let into = super::home::spelled(&home.data("restored"));
    let restore = home.run(None, &["backup", "restore", "--into", &into])?;
    restore.fails(case.said)?;
    for outcome in [create, status, list, restore] {
        let shown =
            |secret: &&str| outcome.stdout.contains(*secret) || outcome.stderr.contains(*secret);
        if let Some(secret) = [ACCESS_KEY, SECRET_KEY, WRONG_KEY].iter().find(|key| shown(key)) {
            return Err(format!("{secret} is shown: {outcome:?}"));
        }
    }
    proof::serves(server, &ledger, &mut Random::new(1))
}
