//! A server's life: listen, open, serve, drain, close.
//!
//! The listener is up before the log is read, so that a probe can tell a long recovery from a dead process. The end is
//! orderly: no new connections, time for requests under way, then the writer, then the checkpoint.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use engram_api::{ErrorCode, Problem};
use engram_engine::{Components, Engine, EngineSettings, Language, NewSpace, Quota, Quotas};
use engram_store::{Clock, Entropy, Fs, OsEntropy, RealFs, Recovery, SystemClock};
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::audit::{AuditLog, AuditParts};
use crate::auth::{Access, RingParts, keep};
use crate::backups::{self, WorkerParts};
use crate::bell::Bell;
use crate::blobs::open_blobs;
use crate::config::{QuotaSettings, QuotasSettings, Settings};
use crate::drive::{DriverParts, Drivers};
use crate::embedders::{configured, phraser};
use crate::embedding::{EmbedderMap, meter};
use crate::grpc;
use crate::lanes::Lanes;
use crate::listener::{Protocol, Serving, accept};
use crate::mcp;
use crate::metrics::Metrics;
use crate::node::{Node, NodeParts, Opened, Phase};
use crate::progress::{CountedFs, FsTraffic};
use crate::refusal::Refusal;
use crate::rest::{self, HostList};
use crate::system;
use crate::tls::Tls;

/// How often the files of the certificate are looked at.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(30);
/// Time for tasks that are left when everything else has ended.
const RUNTIME_END: Duration = Duration::from_secs(1);

/// The outside world of a server; the default is the real one.
#[derive(Clone)]
pub struct ServerParts {
    /// Files.
    pub fs: Arc<dyn Fs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Embedders by name; none = the built-in one and those of the configuration.
    pub embedders: Option<EmbedderMap>,
}

impl Default for ServerParts {
    fn default() -> ServerParts {
        ServerParts {
            fs: Arc::new(RealFs),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            embedders: None,
        }
    }
}

/// A server that listens. It ends with [`RunningServer::join`]; when it is dropped instead, its threads keep the data
/// directory until the process ends.
pub struct RunningServer {
    addr: SocketAddr,
    grpc_addr: Option<SocketAddr>,
    node: Arc<Node>,
    runtime: Runtime,
    stop: StopHandle,
    end_connections: watch::Sender<bool>,
    connections: Arc<Semaphore>,
    grpc_connections: Arc<Semaphore>,
    opener: JoinHandle<Option<Drivers>>,
    failure: Arc<OnceLock<Problem>>,
}

/// Tells a server to stop. Clones tell the same server.
#[derive(Clone, Debug)]
pub struct StopHandle(watch::Sender<bool>);

impl StopHandle {
    /// Begins the orderly end; further calls change nothing.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Starts servers.
#[derive(Clone, Copy, Debug)]
pub struct Server;

impl Server {
    /// Listens, and begins to open the data directory in the background. Must not be called from async code.
    ///
    /// # Errors
    /// The address is taken or not this machine's, or the system refuses threads.
    pub fn start(settings: Settings) -> Result<RunningServer, Box<Problem>> {
        Server::start_with(settings, ServerParts::default())
    }

    /// The same in another world.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with(
        settings: Settings,
        parts: ServerParts,
    ) -> Result<RunningServer, Box<Problem>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = io_runtime(cores)?;
        let access = open_access(&settings, &parts)?;
        let tls = settings.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
        let audit = AuditLog::new(settings.audit.level, Arc::clone(&parts.clock));
        let (listener, addr) = bound(&runtime, "http.addr", settings.http_addr)?;
        let grpc = settings.grpc_addr.map(|addr| bound(&runtime, "grpc.addr", addr)).transpose()?;
        let node = Arc::new(Node::new(
            NodeParts {
                metrics: Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))),
                traffic: Arc::new(FsTraffic::default()),
                settings,
                access,
                audit,
                tls: tls.clone(),
                cores,
            },
            &*parts.clock,
        ));
        let hosts =
            HostList::new(addr, &node.settings.allowed_hosts, &node.settings.allowed_origins);
        let more = Router::new().route_service("/mcp", mcp::service(&node));
        let end_connections = watch::Sender::new(false);
        let places = || Arc::new(Semaphore::new(node.settings.limits.connections));
        let (connections, grpc_connections) = (places(), places());
        let serving = Serving {
            router: rest::router(Arc::clone(&node), hosts, more),
            protocol: Protocol::Http1,
            metrics: Arc::clone(&node.metrics),
            places: Arc::clone(&connections),
            tls: tls.clone(),
            stop: end_connections.subscribe(),
        };
        if let Some(tls) = tls {
            watch_certificates(&runtime, tls)?;
        }
        watch_issuers(&runtime, &node.access)?;
        runtime.spawn(accept(listener, serving.clone()));
        let grpc_addr = grpc.as_ref().map(|(_, addr)| *addr);
        if let Some((listener, _)) = grpc {
            let _inside = runtime.enter();
            let router = grpc::router(Arc::clone(&node));
            // Places of their own: connections of one protocol take none from the other.
            let places = Arc::clone(&grpc_connections);
            let serving = Serving { router, protocol: Protocol::Http2, places, ..serving };
            runtime.spawn(accept(listener, serving));
        }
        let failure = Arc::new(OnceLock::new());
        let handle = runtime.handle().clone();
        let opener = open_in_background(&node, parts, handle, &failure)?;
        let stop = StopHandle(watch::Sender::new(false));
        Ok(RunningServer {
            addr,
            grpc_addr,
            node,
            runtime,
            stop,
            end_connections,
            connections,
            grpc_connections,
            opener,
            failure,
        })
    }
}

impl RunningServer {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens for gRPC, if it does.
    pub fn grpc_addr(&self) -> Option<SocketAddr> {
        self.grpc_addr
    }

    /// Whether it speaks TLS.
    pub fn speaks_tls(&self) -> bool {
        self.node.tls.is_some()
    }

    /// Reads the files of its certificate again, as SIGHUP has it do; files that cannot be used change nothing.
    pub fn reload_certificates(&self) {
        if let Some(tls) = &self.node.tls {
            tls.reload();
        }
    }

    /// Reads the keys of issuers of tokens again, as SIGHUP has it do; what cannot be used changes nothing. It blocks.
    pub fn reload_token_keys(&self) {
        for issuer in self.node.access.issuers() {
            issuer.reload();
        }
    }

    /// Where its data is.
    pub fn data_dir(&self) -> &Path {
        &self.node.settings.data_dir
    }

    /// What tells it to stop.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Returns when the data directory is open.
    ///
    /// # Errors
    /// Why it could not be opened: locked, of a newer format, damaged, or an embedder does not work.
    pub fn wait_ready(&self) -> Result<Recovery, Box<Problem>> {
        let mut phase = self.node.phase.subscribe();
        let opening = phase.wait_for(|phase| *phase != Phase::Opening);
        drop(self.runtime.block_on(opening));
        match self.node.opened.get() {
            Some(opened) => Ok(opened.recovery.clone()),
            None => Err(failure(&self.failure)),
        }
    }

    /// Serves until it is told to stop, then ends in order.
    ///
    /// # Errors
    /// The data directory did not open, or the log could not be closed; what was acknowledged is safe.
    pub fn join(self) -> Result<(), Box<Problem>> {
        self.wait_for_end();
        // While the log is still being read there is nothing to drain and nothing that could be closed.
        let drivers = self.opener.join().ok().flatten();
        if drivers.is_some() {
            self.node.phase.send_replace(Phase::Draining);
        }
        tracing::info!("stopping: no new connections");
        self.end_connections.send_replace(true);
        let limits = self.node.settings.limits;
        let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        let drained = self.runtime.block_on(async {
            let both = async {
                drop(self.connections.acquire_many(all).await);
                drop(self.grpc_connections.acquire_many(all).await);
            };
            tokio::time::timeout(limits.drain_timeout, both).await
        });
        if drained.is_err() {
            tracing::warn!("requests under way did not end in time and are cut off");
        }
        let closed = match (drivers, self.node.opened.get()) {
            (Some(drivers), Some(opened)) => {
                drivers.stop();
                opened.engine.close().map_err(|error| Refusal::from(error).0)
            }
            _ => Err(failure(&self.failure)),
        };
        self.runtime.shutdown_timeout(RUNTIME_END);
        self.node.audit.close();
        if closed.is_ok() {
            tracing::info!("stopped: the log is closed");
        }
        closed
    }

    /// Returns when the server was told to stop, or did not open.
    fn wait_for_end(&self) {
        let mut told = self.stop.0.subscribe();
        let mut phase = self.node.phase.subscribe();
        self.runtime.block_on(async {
            tokio::select! {
                _ = told.wait_for(|stop| *stop) => {}
                _ = phase.wait_for(|phase| matches!(phase, Phase::Failed(_))) => {}
            }
        });
    }

    /// Calls `on_signal` for each SIGTERM and SIGINT from now on.
    pub(crate) fn watch_signals(
        &self,
        mut on_signal: impl FnMut() + Send + 'static,
    ) -> std::io::Result<()> {
        let _inside = self.runtime.enter();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        self.runtime.spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => on_signal(),
                    _ = interrupt.recv() => on_signal(),
                }
            }
        });
        Ok(())
    }
}

fn failure(first: &OnceLock<Problem>) -> Box<Problem> {
    let unknown = || failed("the data directory did not open");
    first.get().map_or_else(unknown, |problem| Box::new(problem.clone()))
}

fn open_in_background(
    node: &Arc<Node>,
    parts: ServerParts,
    handle: Handle,
    failure: &Arc<OnceLock<Problem>>,
) -> Result<JoinHandle<Option<Drivers>>, Box<Problem>> {
    let (node, failure) = (Arc::clone(node), Arc::clone(failure));
    let work = move || {
        let opened = catch_unwind(AssertUnwindSafe(|| open(&node, parts, &handle)));
        let panicked = |_| Err(failed("the thread that opens the data directory panicked"));
        match opened.unwrap_or_else(panicked) {
            Ok(drivers) => {
                node.phase.send_replace(Phase::Ready);
                Some(drivers)
            }
            Err(problem) => {
                tracing::error!(code = problem.code, detail = problem.detail, "not opened");
                let why = problem.to_string();
                let fresh = failure.set(*problem);
                assert!(fresh.is_ok(), "opening is tried once");
                node.phase.send_replace(Phase::Failed(why));
                None
            }
        }
    };
    let thread = std::thread::Builder::new().name("engram-open".to_owned());
    thread.spawn(work).map_err(|error| failed(&error.to_string()))
}

fn open(node: &Node, parts: ServerParts, handle: &Handle) -> Result<Drivers, Box<Problem>> {
    let started = Instant::now();
    let settings = &node.settings;
    let embedders = match parts.embedders {
        Some(embedders) => embedders,
        None => configured(settings)?,
    };
    let phraser = phraser(settings)?;
    let bell = Arc::new(Bell::default());
    let ring = Arc::clone(&bell);
    let blobs = open_blobs(settings, handle)?;
    let components = Components {
        blobs,
        fs: Arc::new(CountedFs::new(parts.fs, Arc::clone(&node.traffic))),
        clock: parts.clock,
        entropy: parts.entropy,
        phraser,
        embedders: meter(embedders, &node.metrics),
        wake: Arc::new(move || ring.ring()),
    };
    let shared = components.clone();
    let (engine, recovery) =
        Engine::open(components, engine_settings(settings), &settings.data_dir)
            .map_err(|error| Refusal::from(error).0)?;
    // Only now is it sure that no other server writes them.
    node.access.own().map_err(|refusal| refusal.0)?;
    begin_audit(node, &shared)?;
    let bells = Arc::clone(&node.bells);
    let alone = engine.listen(Box::new(move |space| bells.ring(space)));
    assert!(alone, "nobody else knows the engine yet");
    let engine = Arc::new(engine);
    let driven = DriverParts {
        engine: Arc::clone(&engine),
        metrics: Arc::clone(&node.metrics),
        faults: Arc::clone(&node.faults),
        helpers: Arc::clone(&node.helpers),
    };
    let mut drivers = Drivers::start(&driven, bell).map_err(|error| failed(&error.to_string()))?;
    for (number, slot) in node.backups.slots().enumerate() {
        let parts = WorkerParts {
            engine: Arc::clone(&engine),
            components: shared.clone(),
            slot: Arc::clone(slot),
            number: number as u32,
            store: backups::parts(&slot.name, &settings.repositories[&slot.name], handle)?,
            settings: settings.backup.clone(),
            data_dir: settings.data_dir.clone(),
        };
        drivers.start_backups(parts).map_err(|error| failed(&error.to_string()))?;
    }
    let seconds = started.elapsed().as_secs_f64();
    tracing::info!(
        frames = recovery.frames,
        segments = recovery.segments,
        clean = recovery.clean,
        damage = recovery.damage.len(),
        quarantined = recovery.quarantined.len(),
        seconds,
        "the data directory is open"
    );
    let fresh = node.opened.set(Opened { engine, recovery, seconds });
    assert!(fresh.is_ok(), "opening is tried once");
    Ok(drivers)
}

fn engine_settings(settings: &Settings) -> EngineSettings {
    let (limits, storage) = (&settings.limits, &settings.storage);
    let language = Language::from_code(&settings.default_language);
    EngineSettings {
        wal_segment_bytes: settings.wal_segment_bytes,
        wal_spare_segments_max: settings.wal_spare_segments,
        log_archives: settings.repositories.len() as u32,
        commit_queue_bytes_max: limits.commit_queue_bytes,
        text_bytes_max: limits.text_bytes,
        metadata_bytes_max: limits.metadata_bytes,
        batch_memories_max: limits.batch_memories,
        weights: settings.weights,
        graph_vectors_min: settings.graph_vectors_min,
        index_lag_memories_max: limits.index_lag_memories,
        memory_bytes_max: storage.memory_bytes_max.unwrap_or_else(system::memory_for_state),
        space_memory_bytes_max: storage.space_memory_bytes_max,
        cold_after_ns: Some(storage.cold_after.as_nanos() as i64),
        cold_covered_after_ns: storage.cold_covered_after.as_nanos() as i64,
        quotas: engine_quotas(&settings.quotas),
        open_spaces_max: storage.open_spaces_max,
        space_idle_ns: storage.space_idle.as_nanos() as i64,
        checkpoint_log_bytes: storage.checkpoint_log_bytes,
        wal_bytes_max: storage.wal_bytes_max,
        reserve_bytes: storage.reserve_bytes,
        deleted_kept_ns: storage.deleted_kept.as_nanos() as i64,
        default_space: (!settings.default_space.is_empty()).then(|| NewSpace {
            name: settings.default_space.clone(),
            embedder: settings.default_embedder.clone(),
            dimension: settings.default_dimension,
            language: language.expect("the configuration was checked"),
            ..NewSpace::default()
        }),
        ..EngineSettings::default()
    }
}

fn engine_quotas(quotas: &QuotasSettings) -> Quotas {
    let quota = |of: &QuotaSettings| Quota { memories_max: of.memories, bytes_max: of.bytes };
    let own = quotas.own.iter().map(|(space, own)| (space.clone(), quota(own)));
    Quotas { each: quota(&quotas.each), own: own.collect() }
}

fn failed(detail: &str) -> Box<Problem> {
    Box::new(Problem::new(ErrorCode::Internal, detail))
}

fn io_runtime(cores: usize) -> Result<Runtime, Box<Problem>> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores)
        .max_blocking_threads(Lanes::threads_max(cores))
        .thread_name("engram-io")
        .enable_all()
        .build()
        .map_err(|error| failed(&error.to_string()))
}

fn open_access(settings: &Settings, parts: &ServerParts) -> Result<Access, Box<Problem>> {
    let seams = RingParts {
        fs: Arc::clone(&parts.fs),
        clock: Arc::clone(&parts.clock),
        entropy: Arc::clone(&parts.entropy),
    };
    let access = Access::open(settings, &seams).map_err(|refusal| refusal.0)?;
    if !access.lets_somebody_in() {
        tracing::warn!(
            "no key is valid, so that nobody can come in: stop, and make one with `engram key create NAME --role operator --space '*' \
             --data-dir DIR`"
        );
    }
    Ok(access)
}

fn watch_certificates(runtime: &Runtime, tls: Arc<Tls>) -> Result<(), Box<Problem>> {
    let _inside = runtime.enter();
    let hangup = signal(SignalKind::hangup()).map_err(|error| failed(&error.to_string()))?;
    runtime.spawn(keep_certificates(tls, hangup));
    Ok(())
}

fn watch_issuers(runtime: &Runtime, access: &Access) -> Result<(), Box<Problem>> {
    let _inside = runtime.enter();
    for issuer in access.issuers() {
        let hangup = signal(SignalKind::hangup()).map_err(|error| failed(&error.to_string()))?;
        runtime.spawn(keep(Arc::clone(issuer), hangup));
    }
    Ok(())
}

/// Writes the audit log from now on; what was to be written so far waits.
fn begin_audit(node: &Node, components: &Components) -> Result<(), Box<Problem>> {
    let own = &node.settings.audit;
    let dir = own.dir.clone().unwrap_or_else(|| node.settings.data_dir.join("audit"));
    let parts = AuditParts {
        fs: Arc::clone(&components.fs),
        clock: Arc::clone(&components.clock),
        kept: own.kept,
        dir: dir.clone(),
    };
    node.audit.begin(parts).map_err(|error| {
        let detail = format!("the audit log in {} cannot be written: {error}", dir.display());
        Box::new(Problem::new(ErrorCode::IoFailed, detail).with_field("audit.dir"))
    })
}

/// Takes new certificates: when the files change, and at once on SIGHUP.
async fn keep_certificates(tls: Arc<Tls>, mut hangup: Signal) {
    loop {
        let told = tokio::select! {
            _ = hangup.recv() => true,
            () = tokio::time::sleep(CERTIFICATE_LOOK) => false,
        };
        let tls = Arc::clone(&tls);
        let look = move || {
            if told {
                tls.reload();
            } else {
                tls.look();
            }
        };
        if tokio::task::spawn_blocking(look).await.is_err() {
            tracing::error!("reading the certificate panicked");
        }
    }
}

/// A listener for the setting `key`, and where it listens.
fn bound(
    runtime: &Runtime,
    key: &str,
    addr: SocketAddr,
) -> Result<(TcpListener, SocketAddr), Box<Problem>> {
    let listener = runtime.block_on(TcpListener::bind(addr));
    let named = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (local, listener) = named.map_err(|error| not_bound(key, addr, &error))?;
    Ok((listener, local))
}

fn not_bound(key: &str, addr: SocketAddr, error: &std::io::Error) -> Box<Problem> {
    let code = match error.kind() {
        ErrorKind::AddrInUse => ErrorCode::PortInUse,
        ErrorKind::AddrNotAvailable | ErrorKind::PermissionDenied => ErrorCode::ConfigInvalid,
        _ => ErrorCode::IoFailed,
    };
    let detail = format!("cannot listen on {addr} (setting {key}): {error}");
    Box::new(Problem::new(code, detail).with_field(key))
}
