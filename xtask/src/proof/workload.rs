//! Writers: threads that send random requests, one after the other, and note every answer.
//!
//! Each writer touches memories of its own only, so the order of its requests is the order of their effects.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use super::content::{Content, DIMENSION};
use super::http::{Client, Reply};
use super::json::quote;
use super::ledger::{Answer, Deed, Ledger, Request};
use super::random::Random;

/// Spaces that all writers share.
const SHARED: [&str; 2] = ["main", "side"];
const BATCH_MEMORIES_MAX: u64 = 30;
/// Refusals in a row after which a writer gives up.
const REFUSALS_MAX: u32 = 12;
const PATIENCE: Duration = Duration::from_secs(60);

/// How a crew works.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) writers: u64,
    /// Most requests of a writer.
    pub(crate) requests: u64,
    /// Names the ids of this crew apart from those of others on the same data.
    pub(crate) round: u64,
    pub(crate) seed: u64,
}

/// Running writers.
pub(crate) struct Crew {
    writers: Vec<JoinHandle<Vec<Deed>>>,
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

struct Writer {
    client: Client,
    random: Random,
    /// Beginning of its ids.
    name: String,
    made: u64,
    /// What it may delete: stored by it now, or by anybody before and given to it.
    memories: Vec<(String, String)>,
    spaces: Vec<String>,
}

/// Creates the shared spaces where they are not there. Whether all are there afterwards.
pub(crate) fn prepare(address: SocketAddr, ledger: &mut Ledger) -> bool {
    for space in SHARED {
        if ledger.has(space) {
            continue;
        }
        let what = Request::CreateSpace(space.to_owned());
        let sent = SystemTime::now();
        let answer = Client::connect(address).and_then(|mut client| send(&mut client, &what));
        let answer = answer.unwrap_or_else(|error| Answer::Silent(error.to_string()));
        ledger.note(vec![Deed { what, sent, answer }]);
    }
    SHARED.iter().all(|space| ledger.has(space))
}

impl Crew {
    /// Starts the writers. The spaces must be [`prepare`]d.
    pub(crate) fn start(address: SocketAddr, ledger: &Ledger, plan: Plan) -> Result<Crew, String> {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let mut crew = Crew { writers: Vec::new(), acknowledged, stop };
        for number in 0..plan.writers {
            let share =
                ledger.live().enumerate().filter(|(at, _)| *at as u64 % plan.writers == number);
            let share = share.map(|(_, (space, id, _))| (space, id));
            let shared = share.filter(|(space, _)| SHARED.contains(space));
            let client =
                Client::connect(address).map_err(|error| format!("cannot connect: {error}"))?;
            let writer = Writer {
                client,
                random: Random::of(plan.seed, number),
                name: format!("r{}-w{number}", plan.round),
                made: 0,
                memories: shared.map(|(space, id)| (space.to_owned(), id.to_owned())).collect(),
                spaces: Vec::new(),
            };
            let (acknowledged, stop) = (Arc::clone(&crew.acknowledged), Arc::clone(&crew.stop));
            let work = move || writer.work(plan.requests, &acknowledged, &stop);
            crew.writers.push(std::thread::spawn(work));
        }
        Ok(crew)
    }

    /// Waits until so many requests were acknowledged, or no writer is left.
    pub(crate) fn await_acknowledged(&self, count: u64) {
        let start = Instant::now();
        let left = || self.writers.iter().any(|writer| !writer.is_finished());
        while self.acknowledged() < count && left() && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// How many requests were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Lets the writers finish the request they are at, and takes what they noted.
    pub(crate) fn dismiss(self) -> Vec<Deed> {
        self.stop.store(true, Ordering::Relaxed);
        self.finish()
    }

    /// Waits until the writers have done all they were to do.
    pub(crate) fn finish(self) -> Vec<Deed> {
        let deeds =
            self.writers.into_iter().map(|writer| writer.join().expect("a writer does not panic"));
        deeds.flatten().collect()
    }
}

impl Writer {
    fn work(mut self, requests: u64, acknowledged: &AtomicU64, stop: &AtomicBool) -> Vec<Deed> {
        let mut deeds = Vec::new();
        let mut refusals = 0;
        while (deeds.len() as u64) < requests
            && refusals < REFUSALS_MAX
            && !stop.load(Ordering::Relaxed)
        {
            let what = self.choose();
            let sent = SystemTime::now();
            let answer = send(&mut self.client, &what);
            let answer = answer.unwrap_or_else(|error| Answer::Silent(error.to_string()));
            let silent = matches!(answer, Answer::Silent(_));
            if let Answer::Acknowledged(_) = answer {
                acknowledged.fetch_add(1, Ordering::Relaxed);
                refusals = 0;
                self.remember(&what);
            } else {
                refusals += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
            deeds.push(Deed { what, sent, answer });
            if silent {
                break;
            }
        }
        deeds
    }

    /// Makes what an acknowledged request left usable for later ones.
    fn remember(&mut self, what: &Request) {
        match what {
            Request::CreateSpace(name) => self.spaces.push(name.clone()),
            Request::Remember { space, memories } => {
                self.memories.extend(memories.iter().map(|(id, _)| (space.clone(), id.clone())));
            }
            Request::DeleteSpace(_) | Request::Delete { .. } => {}
        }
    }

    fn choose(&mut self) -> Request {
        match self.random.below(100) {
            0..3 => {
                self.made += 1;
                Request::CreateSpace(format!("{}-s{}", self.name, self.made))
            }
            3..5 if !self.spaces.is_empty() => {
                let at = self.random.below(self.spaces.len() as u64) as usize;
                let name = self.spaces.swap_remove(at);
                self.memories.retain(|(space, _)| *space != name);
                Request::DeleteSpace(name)
            }
            5..20 if !self.memories.is_empty() => self.delete(),
            20..38 => {
                let count = 2 + self.random.below(BATCH_MEMORIES_MAX - 1);
                self.store(count)
            }
            _ => self.store(1),
        }
    }

    fn delete(&mut self) -> Request {
        let at = self.random.below(self.memories.len() as u64) as usize;
        let (space, id) = self.memories.swap_remove(at);
        let mut ids = vec![id];
        if self.random.percent(30)
            && let Some(at) = self.memories.iter().position(|(other, _)| *other == space)
        {
            ids.push(self.memories.swap_remove(at).1);
        }
        Request::Delete { space, ids }
    }

    fn store(&mut self, count: u64) -> Request {
        let spaces = SHARED.len() + self.spaces.len();
        let at = self.random.below(spaces as u64) as usize;
        let own = at.checked_sub(SHARED.len()).map(|at| self.spaces[at].clone());
        let space = own.unwrap_or_else(|| SHARED[at].to_owned());
        let memories = (0..count).map(|_| {
            self.made += 1;
            (format!("{}-{}", self.name, self.made), Content::draw(&mut self.random))
        });
        Request::Remember { space, memories: memories.collect() }
    }
}

fn send(client: &mut Client, what: &Request) -> io::Result<Answer> {
    let reply = match what {
        Request::CreateSpace(name) => {
            let body =
                format!(r#"{{"name":{},"embedder":"none","dimension":{DIMENSION}}}"#, quote(name));
            client.post("/api/v1/spaces", &body)
        }
        Request::DeleteSpace(name) => client.call("DELETE", &format!("/api/v1/spaces/{name}"), ""),
        Request::Remember { space, memories } => {
            let mut bodies = memories.iter().map(|(id, content)| content.to_json(id));
            if memories.len() == 1 {
                let body = bodies.next().unwrap_or_default();
                client.post(&format!("/api/v1/spaces/{space}/remember"), &body)
            } else {
                let body = format!(r#"{{"memories":[{}]}}"#, bodies.collect::<Vec<_>>().join(","));
                client.post(&format!("/api/v1/spaces/{space}/remember_many"), &body)
            }
        }
        Request::Delete { space, ids } => {
            let ids: Vec<String> = ids.iter().map(|id| quote(id)).collect();
            let body = format!(r#"{{"mode":"delete","ids":[{}]}}"#, ids.join(","));
            client.post(&format!("/api/v1/spaces/{space}/forget"), &body)
        }
    }?;
    let Reply { status, body } = reply;
    if (200..300).contains(&status) {
        return Ok(Answer::Acknowledged(body.get("lsn").count()));
    }
    let code = body.get("code").text().unwrap_or("no code").to_owned();
    Ok(Answer::Refused { status, code })
}
