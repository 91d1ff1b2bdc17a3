//! Reading a server through its interface and holding it against the ledger.

use std::net::SocketAddr;

use super::compare::{Observed, Seen, faults};
use super::content::Content;
use super::http::{Client, Reply};
use super::json::{Json, quote};
use super::ledger::{Fate, Ledger};
use super::random::Random;
use super::server::{Server, Setup};

const PAGE_MEMORIES: u64 = 200;
/// Memories that are read one by one, beside the listing that reads all.
const SPOT_CHECKS: usize = 60;
const FAULTS_SHOWN: usize = 12;

/// Starts a server and checks everything, as [`settle`] does.
pub(crate) fn reopen(
    setup: &Setup,
    ledger: &mut Ledger,
    random: &mut Random,
) -> Result<Server, String> {
    let server = setup.start()?;
    settle(&server, ledger, random)?;
    Ok(server)
}

/// Checks everything on a server that has just recovered. What was open in the ledger is settled by what is found.
pub(crate) fn settle(
    server: &Server,
    ledger: &mut Ledger,
    random: &mut Random,
) -> Result<(), String> {
    let observed = checked(server.address(), ledger, random)?;
    ledger.settle(&observed);
    Ok(())
}

/// Checks everything on a running server, by every way of reading.
pub(crate) fn serves(server: &Server, ledger: &Ledger, random: &mut Random) -> Result<(), String> {
    checked(server.address(), ledger, random).map(|_| ())
}

/// Checks what a server lists, and nothing else of it: it may have taken its log out of use.
pub(crate) fn reads(server: &Server, ledger: &Ledger) -> Result<(), String> {
    let mut client =
        Client::connect(server.address()).map_err(|error| format!("cannot connect: {error}"))?;
    let found = faults(ledger, &observe(&mut client)?);
    if found.is_empty() { Ok(()) } else { Err(found.join("\n  ")) }
}

fn checked(address: SocketAddr, ledger: &Ledger, random: &mut Random) -> Result<Observed, String> {
    let mut client =
        Client::connect(address).map_err(|error| format!("cannot connect: {error}"))?;
    let observed = observe(&mut client)?;
    let mut found = faults(ledger, &observed);
    if found.is_empty() {
        found = by_other_ways(&mut client, ledger, (&observed, random))?;
    }
    if found.is_empty() {
        return Ok(observed);
    }
    let more = found.len().saturating_sub(FAULTS_SHOWN);
    found.truncate(FAULTS_SHOWN);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    Err(format!("the server does not hold what it must:\n  {}{more}", found.join("\n  ")))
}

fn ok(reply: std::io::Result<Reply>, what: &str) -> Result<Json, String> {
    match reply {
        Ok(Reply { status: 200, body }) => Ok(body),
        Ok(Reply { status, body }) => Err(format!("{what}: status {status}, {body:?}")),
        Err(error) => Err(format!("{what}: {error}")),
    }
}

/// Reads every memory of every space.
pub(super) fn observe(client: &mut Client) -> Result<Observed, String> {
    let spaces = ok(client.get("/api/v1/spaces"), "list_spaces")?;
    let mut observed = Observed::new();
    for space in spaces.get("spaces").list() {
        let name = space.get("name").text().ok_or("a space without a name")?;
        if let Some(reason) = space.get("quarantined").text() {
            return Err(format!("space {name} is quarantined: {reason}"));
        }
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let body = format!(
                r#"{{"limit":{PAGE_MEMORIES},"state":"all","include_vectors":true{cursor}}}"#
            );
            let page = ok(client.post(&format!("/api/v1/spaces/{name}/list"), &body), "list")?;
            for memory in page.get("memories").list() {
                rows.push(seen(memory).ok_or_else(|| format!("not as stored: {memory:?}"))?);
            }
            match page.get("next_cursor").text() {
                Some(next) => cursor = format!(r#","cursor":{}"#, quote(next)),
                None => break,
            }
        }
        observed.insert(name.to_owned(), rows);
    }
    Ok(observed)
}

fn seen(memory: &Json) -> Option<Seen> {
    let id = memory.get("id").text()?.to_owned();
    Some(Seen { id, content: Content::from_json(memory)?, lsn: memory.get("lsn").count()? })
}

/// Counts, single reads and recall: each has state of its own in the server.
fn by_other_ways(
    client: &mut Client,
    ledger: &Ledger,
    (observed, random): (&Observed, &mut Random),
) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    let status = ok(client.get("/api/v1/status"), "status")?;
    if status.get("state").text() != Some("ready") {
        faults.push(format!("status: {status:?}"));
    }
    for (name, rows) in observed {
        let stats = ok(client.get(&format!("/api/v1/spaces/{name}/stats")), "space_stats")?;
        if stats.get("memories").count() != Some(rows.len() as u64) {
            faults.push(format!(
                "counted: {name} lists {} memories, its stats say {stats:?}",
                rows.len()
            ));
        }
    }
    let live: Vec<_> = ledger.live().collect();
    for _ in 0..SPOT_CHECKS.min(live.len()) {
        let (space, id, entry) = live[random.below(live.len() as u64) as usize];
        let body = format!(r#"{{"id":{},"include_vectors":true}}"#, quote(id));
        let memory = ok(client.post(&format!("/api/v1/spaces/{space}/get"), &body), id)?;
        if Content::from_json(&memory).as_ref() != Some(&entry.content) {
            faults.push(format!("get: {space}/{id} has other content than was sent"));
        }
        let word = quote(&entry.content.word());
        let body = format!(r#"{{"text":{word},"mode":"keyword","limit":3,"observe":true}}"#);
        let recalled = ok(client.post(&format!("/api/v1/spaces/{space}/recall"), &body), "recall")?;
        let items = recalled.get("items").list();
        if !items.iter().any(|item| item.get("memory").get("id").text() == Some(id)) {
            faults.push(format!("recall: {space}/{id} is not found by its own word"));
        }
    }
    for (space, id, word) in gone(ledger).take(SPOT_CHECKS) {
        let body = format!(r#"{{"id":{}}}"#, quote(id));
        let reply = client.post(&format!("/api/v1/spaces/{space}/get"), &body);
        if !reply.is_ok_and(|reply| reply.status == 404) {
            faults.push(format!("get: {space}/{id} was deleted and can be read"));
        }
        let body = format!(r#"{{"text":{},"mode":"keyword","observe":true}}"#, quote(&word));
        let recalled = ok(client.post(&format!("/api/v1/spaces/{space}/recall"), &body), "recall")?;
        if !recalled.get("items").list().is_empty() {
            faults.push(format!("recall: {space}/{id} was deleted and is found"));
        }
    }
    Ok(faults)
}

/// Deleted memories of spaces that are there.
fn gone(ledger: &Ledger) -> impl Iterator<Item = (&str, &str, String)> {
    let spaces = ledger.spaces.iter().filter(|(_, space)| space.fate == Fate::There);
    spaces.flat_map(|(name, space)| {
        let gone = space.memories.iter().filter(|(_, entry)| entry.fate == Fate::Gone);
        gone.map(move |(id, entry)| (name.as_str(), id.as_str(), entry.content.word()))
    })
}
