//! The proof that a suite can fail: claims that are false must be reported, each as what it is.

use std::net::SocketAddr;

use super::check::observe;
use super::compare::faults;
use super::content::Content;
use super::http::Client;
use super::ledger::{Entry, Fate, Ledger};
use super::random::Random;

/// What a false claim is called, and how it is put into a ledger.
struct Claim {
    reported_as: &'static str,
    make: fn(&mut Ledger, &str, &str),
}

const CLAIMS: [Claim; 5] = [
    // An acknowledgement of what was never sent.
    Claim {
        reported_as: "lost",
        make: |ledger, space, _| {
            let content = Content::draw(&mut Random::new(0));
            let entry = Entry { content, fate: Fate::There, lsn: None };
            ledger.memories_of(space).insert("never-sent".to_owned(), entry);
        },
    },
    Claim {
        reported_as: "risen",
        make: |ledger, space, id| {
            if let Some(entry) = ledger.memories_of(space).get_mut(id) {
                entry.fate = Fate::Gone;
            }
        },
    },
    Claim {
        reported_as: "changed",
        make: |ledger, space, id| {
            if let Some(entry) = ledger.memories_of(space).get_mut(id) {
                entry.content.text.push('.');
            }
        },
    },
    Claim {
        reported_as: "changed",
        make: |ledger, space, id| {
            if let Some(entry) = ledger.memories_of(space).get_mut(id) {
                entry.lsn = entry.lsn.map(|lsn| lsn + 1_000_000);
            }
        },
    },
    Claim {
        reported_as: "unknown",
        make: |ledger, space, id| {
            ledger.memories_of(space).remove(id);
        },
    },
];

/// Holds a sound server against false ledgers.
pub(crate) fn self_check(address: SocketAddr, ledger: &Ledger) -> Result<(), String> {
    let mut client =
        Client::connect(address).map_err(|error| format!("cannot connect: {error}"))?;
    let observed = observe(&mut client)?;
    let (space, id, _) = ledger.live().next().ok_or("the self-check needs a stored memory")?;
    for claim in &CLAIMS {
        let mut false_ledger = ledger.clone();
        (claim.make)(&mut false_ledger, space, id);
        let found = faults(&false_ledger, &observed);
        if found.len() != 1 || !found[0].starts_with(claim.reported_as) {
            return Err(format!(
                "the check is blind: a false claim must be {}, reported was {found:?}",
                claim.reported_as
            ));
        }
    }
    Ok(())
}
