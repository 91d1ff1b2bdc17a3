//! A real server on a copy, and what it answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engram_api::{CreateKeyRequest, ListRequest, ModeName, RecallRequest, RoleName};
use engram_client::{ApiKey, Client, ClientError, ClientOptions};
use engram_server::{
    AuditLevel, OfflineKeys, RepositorySettings, RunningServer, Server, ServerParts, Settings,
    StorePlace, StoreSettings,
};
use engram_store::ManualClock;

use crate::failure::Failure;

/// Spaces that are asked, those with memories first by name.
const SPACES_MAX: usize = 20;
/// Questions to one space.
const QUESTIONS_MAX: usize = 5;
/// Memories of which questions are made.
const MEMORIES_LOOKED_AT: u32 = 100;
/// Words of a memory that make a question.
const WORDS_MAX: usize = 12;
/// Items whose order is compared.
const ITEMS: u32 = 10;
/// How long a server may take until it answers as it should: what follows its last commits may have to be made up for.
const ANSWER_WAIT: Duration = Duration::from_secs(120);
/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The cold store of a copy: never that of the installation.
pub(super) fn cold_dir(dir: &Path) -> PathBuf {
    dir.with_extension("cold")
}

/// A running server, with its clock at the moment of the drill, so that what is compared does not fade meanwhile. Dropping it stops it.
pub(super) struct CopyServer {
    running: Option<RunningServer>,
    client: Option<Client>,
}

impl CopyServer {
    /// Starts it on a free port and waits until it serves. It archives into the folder that is given, if any is.
    pub(super) fn start(
        settings: &Settings,
        dir: &Path,
        repository: Option<(&str, &RepositorySettings, &Path)>,
        now_ns: i64,
    ) -> Result<CopyServer, Failure> {
        let mut own = settings.clone();
        own.data_dir = dir.to_path_buf();
        own.http_addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        own.grpc_addr = None;
        // Whoever has an account here could read a copy that asks nobody; the keys, certificates and issuers of the installation are not its own.
        let key = key_of(dir)?;
        own.authenticates = true;
        own.tls = None;
        own.certificates.clear();
        own.tokens.clear();
        own.audit.level = AuditLevel::Off;
        own.phraser = None;
        own.wal_spare_segments = 0;
        own.storage.reserve_bytes = 0;
        own.limits.drain_timeout = DRAIN_TIMEOUT;
        own.cold = own.cold.map(|cold| in_folder(&cold, &cold_dir(dir)));
        own.repositories.clear();
        own.backup.scratch_dir = None;
        for every in [
            &mut own.backup.full_every,
            &mut own.backup.incremental_every,
            &mut own.backup.restore_check_every,
        ] {
            *every = Duration::ZERO;
        }
        if let Some((name, like, place)) = repository {
            let store = in_folder(&like.store, place);
            let like = RepositorySettings { store, bytes_per_second: None, ..like.clone() };
            own.repositories.insert(name.to_owned(), like);
        }
        let clock = Arc::new(ManualClock::new(now_ns));
        let running = Server::start_with(own, ServerParts { clock, ..ServerParts::default() })?;
        let addr = running.addr();
        let ready = running.wait_ready().map(drop);
        let mut server = CopyServer { running: Some(running), client: None };
        ready?;
        let options = ClientOptions {
            api_key: Some(ApiKey::new(key).expect("a key is plain ASCII")),
            ..ClientOptions::new(format!("http://{addr}"))
        };
        server.client = Some(Client::with_options(options)?);
        Ok(server)
    }

    pub(super) fn client(&self) -> &Client {
        self.client.as_ref().expect("it is there until the end")
    }

    /// Ends it in order.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Failure> {
        // Idle connections of the client would be waited for.
        self.client = None;
        let Some(running) = self.running.take() else { return Ok(()) };
        running.stop_handle().stop();
        Ok(running.join()?)
    }
}

impl Drop for CopyServer {
    fn drop(&mut self) {
        // Whoever wants to know how it ended stops it.
        let _ = self.end();
    }
}

/// A key of the copy in a directory: another one for each start, as nobody keeps it.
fn key_of(dir: &Path) -> Result<String, Failure> {
    let keys = OfflineKeys::open(dir).map_err(Failure::Problem)?;
    let request = CreateKeyRequest {
        name: format!("drill-{}", keys.list().len()),
        role: Some(RoleName::Operator),
        spaces: vec!["*".to_owned()],
        ..CreateKeyRequest::default()
    };
    keys.create(request).map(|issued| issued.secret).map_err(Failure::Problem)
}

fn in_folder(like: &StoreSettings, dir: &Path) -> StoreSettings {
    let place = StorePlace::Folder(dir.to_path_buf());
    StoreSettings { place, s3_endpoint: None, s3_keys: None, ..like.clone() }
}

/// A question with the answer of the uninjured copy.
#[derive(Clone, Debug)]
pub(super) struct Golden {
    pub(super) space: String,
    request: RecallRequest,
    ids: Vec<String>,
}

impl Golden {
    /// Asks spaces for some of their memories by their own words, once their associations are formed.
    pub(super) fn collect(client: &Client, spaces: &[String]) -> Result<Vec<Golden>, Failure> {
        let mut goldens = Vec::new();
        let mut asked = 0;
        for name in spaces {
            if asked == SPACES_MAX {
                break;
            }
            let requests = questions(client, name)?;
            asked += usize::from(!requests.is_empty());
            settle(client, name)?;
            for request in requests {
                goldens.push(Golden::ask(client, name, request)?);
            }
        }
        Ok(goldens)
    }

    fn ask(client: &Client, space: &str, request: RecallRequest) -> Result<Golden, Failure> {
        let keyword = RecallRequest { mode: Some(ModeName::Keyword), ..request.clone() };
        let (request, ids) = match answer(client, space, &request) {
            Ok(ids) => (request, ids),
            // The embedder may be a service that cannot be reached from here: words do without.
            Err(_) if request.text.is_some() => {
                let ids = answer(client, space, &keyword)?;
                (keyword, ids)
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Golden { space: space.to_owned(), request, ids })
    }

    /// Whether a server ranks as the uninjured copy did, in a space of this name.
    pub(super) fn holds(&self, client: &Client, space: &str) -> Result<bool, ClientError> {
        Ok(answer(client, space, &self.request)? == self.ids)
    }

    /// The same; waits for it.
    pub(super) fn holds_soon(&self, client: &Client, space: &str) -> Result<bool, Failure> {
        let limit = Instant::now() + ANSWER_WAIT;
        loop {
            if self.holds(client, space)? {
                return Ok(true);
            }
            let unlinked = client.space(space).stats()?.unlinked;
            if unlinked == 0 || Instant::now() > limit {
                // It may have become right between the two.
                return Ok(self.holds(client, space)?);
            }
            std::thread::sleep(LOOK_PAUSE);
        }
    }

    /// What differs, in words.
    pub(super) fn differs(&self) -> String {
        let what = self.request.text.clone().unwrap_or_else(|| self.request.like.join(", "));
        format!("space {:?} ranks otherwise than the uninjured copy: {what:?}", self.space)
    }
}

/// Waits until the associations of a space are formed: what is recalled may depend on them.
pub(super) fn settle(client: &Client, space: &str) -> Result<(), Failure> {
    let limit = Instant::now() + ANSWER_WAIT;
    while client.space(space).stats()?.unlinked > 0 && Instant::now() < limit {
        std::thread::sleep(LOOK_PAUSE);
    }
    Ok(())
}

fn answer(
    client: &Client,
    space: &str,
    request: &RecallRequest,
) -> Result<Vec<String>, ClientError> {
    let found = client.space(space).recall(request)?;
    Ok(found.items.into_iter().map(|item| item.memory.id).collect())
}

/// Memories of a space, spread over the first of them, as questions.
fn questions(client: &Client, space: &str) -> Result<Vec<RecallRequest>, Failure> {
    let request = ListRequest { limit: Some(MEMORIES_LOOKED_AT), ..ListRequest::default() };
    let memories = client.space(space).list(&request)?.memories;
    let step = memories.len().div_ceil(QUESTIONS_MAX).max(1);
    let question = |memory: &engram_api::MemoryView| {
        let words: Vec<&str> =
            memory.text.iter().flat_map(|text| text.split_whitespace()).take(WORDS_MAX).collect();
        let own = RecallRequest { limit: Some(ITEMS), observe: true, ..RecallRequest::default() };
        match words.is_empty() {
            true => RecallRequest { like: vec![memory.id.clone()], ..own },
            false => RecallRequest { text: Some(words.join(" ")), ..own },
        }
    };
    Ok(memories.iter().step_by(step).map(question).collect())
}
