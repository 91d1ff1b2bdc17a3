//! The state that all requests share: the engine once it is open, what it is driven by, and the bounds on work.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use engram_api::{ErrorCode, NodeState};
use engram_engine::Engine;
use engram_store::{Clock, Recovery};
use tokio::sync::{Semaphore, watch};

use crate::audit::AuditLog;
use crate::auth::Access;
use crate::backups::Backups;
use crate::bells::Bells;
use crate::config::Settings;
use crate::drive::Faults;
use crate::embedding::Locality;
use crate::lanes::{HelperPlaces, Lane, Lanes, Panicked};
use crate::metrics::{EngineFigures, Metrics, SpaceFigures};
use crate::progress::FsTraffic;
use crate::quotas::SpaceQuotas;
use crate::refusal::Refusal;
use crate::tls::Tls;

/// Bodies that may be in memory at once, in multiples of the largest one.
const BODIES_IN_MEMORY: usize = 16;
/// Least memory for bodies, so that many small ones fit whatever the largest may be.
const BODIES_KIB_MIN: usize = 64 << 10;

/// Life of a node, in this order; a failed opening ends it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// Reading the log.
    Opening,
    /// Serving.
    Ready,
    /// Finishing what it began.
    Draining,
    /// The engine did not open.
    Failed(String),
}

/// What the engine's opening left behind.
pub(crate) struct Opened {
    pub(crate) engine: Arc<Engine>,
    pub(crate) recovery: Recovery,
    pub(crate) seconds: f64,
}

/// Everything that a request may need.
pub(crate) struct Node {
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) lanes: Lanes,
    pub(crate) helpers: Arc<HelperPlaces>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) traffic: Arc<FsTraffic>,
    /// Requests worked on at once.
    pub(crate) admission: Arc<Semaphore>,
    /// KiB of request bodies in memory at once.
    pub(crate) bodies: Arc<Semaphore>,
    /// Who may do what.
    pub(crate) access: Arc<Access>,
    /// How much each space may ask for.
    pub(crate) quotas: Arc<SpaceQuotas>,
    /// What is written down of it.
    pub(crate) audit: Arc<AuditLog>,
    /// The certificates; none = plain text.
    pub(crate) tls: Option<Arc<Tls>>,
    /// The repositories of backups.
    pub(crate) backups: Arc<Backups>,
    /// Wake those who follow a space.
    pub(crate) bells: Arc<Bells>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) opened: OnceLock<Opened>,
    pub(crate) started: Instant,
    pub(crate) started_at_ns: i64,
}

/// What a node is made with.
pub(crate) struct NodeParts {
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traffic: Arc<FsTraffic>,
    pub(crate) access: Access,
    pub(crate) audit: AuditLog,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) cores: usize,
}

impl Node {
    pub(crate) fn new(parts: NodeParts, clock: &dyn Clock) -> Node {
        let limits = parts.settings.limits;
        Node {
            metrics: parts.metrics,
            lanes: Lanes::new(parts.cores),
            helpers: Arc::new(HelperPlaces::new(parts.cores.saturating_sub(1))),
            faults: Arc::new(Faults::new()),
            traffic: parts.traffic,
            admission: Arc::new(Semaphore::new(limits.concurrent_requests)),
            bodies: Arc::new(Semaphore::new(
                (kib(limits.request_bytes) * BODIES_IN_MEMORY).max(BODIES_KIB_MIN),
            )),
            access: Arc::new(parts.access),
            quotas: Arc::new(SpaceQuotas::new(parts.settings.quotas.clone())),
            audit: Arc::new(parts.audit),
            tls: parts.tls,
            backups: Arc::new(Backups::new(&parts.settings)),
            bells: Arc::default(),
            phase: watch::Sender::new(Phase::Opening),
            opened: OnceLock::new(),
            started: Instant::now(),
            started_at_ns: clock.now_ns(),
            settings: parts.settings,
        }
    }

    /// Counts a panic of work on a request; what the client is told of it.
    pub(crate) fn panicked(&self, _: Panicked) -> Refusal {
        self.metrics.panics.inc();
        let detail = "the work on this request panicked; the server's log says where";
        Refusal::new(ErrorCode::Internal, detail)
    }

    /// The engine, if it serves: the one gate of all operations.
    pub(crate) fn engine(&self) -> Result<&Arc<Engine>, Refusal> {
        let phase = self.phase.borrow().clone();
        match (phase, self.opened.get()) {
            (Phase::Ready, Some(opened)) => Ok(&opened.engine),
            (Phase::Ready | Phase::Opening, _) => {
                let detail = format!(
                    "the log is being read: {} bytes in {:.1} s so far",
                    self.traffic.read_bytes(),
                    self.started.elapsed().as_secs_f64()
                );
                Err(Refusal::new(ErrorCode::NotReady, detail))
            }
            (Phase::Draining, _) => {
                Err(Refusal::new(ErrorCode::ShuttingDown, "the server is finishing what it began"))
            }
            (Phase::Failed(why), _) => Err(Refusal::new(ErrorCode::NotReady, why)),
        }
    }

    /// Why writes are refused for good, if they are.
    pub(crate) fn write_fault(&self) -> Option<String> {
        let fault = self.faults.reason().map(str::to_owned);
        fault.or_else(|| self.opened.get().and_then(|opened| opened.engine.poisoned()))
    }

    /// Where the work of a request goes.
    pub(crate) fn lane(&self, engine: &Engine, space: &str, here: Lane) -> Lane {
        let Ok(info) = engine.space(space) else { return here };
        if engine.may_wait(space) {
            // Files and objects must not keep the requests of other spaces waiting.
            return Lane::Waiting;
        }
        match info.settings.identity.as_ref().map(Locality::of) {
            Some(Locality::Remote) => Lane::Waiting,
            Some(Locality::Here) | None => here,
        }
    }

    pub(crate) fn state(&self) -> NodeState {
        let phase = self.phase.borrow().clone();
        match phase {
            Phase::Opening | Phase::Failed(_) => NodeState::Starting,
            Phase::Ready if self.write_fault().is_some() => NodeState::ReadOnly,
            Phase::Ready => NodeState::Ready,
            Phase::Draining => NodeState::ShuttingDown,
        }
    }

    /// What a scrape shows of engine and system.
    pub(crate) fn figures(&self) -> EngineFigures {
        let engine = self.opened.get().map(|opened| &opened.engine);
        let spaces = engine.map_or_else(Vec::new, |engine| engine.open_stats());
        let figures = |(name, stats)| SpaceFigures { name, stats };
        EngineFigures {
            ready: self.state() == NodeState::Ready,
            start_time_seconds: self.started_at_ns as f64 / 1e9,
            tls: self
                .tls
                .as_ref()
                .map_or((0.0, 0), |tls| (tls.expires_ns() as f64 / 1e9, tls.failures())),
            audit_failures: self.audit.failures(),
            issuers: self.access.issuer_figures(),
            log: engine.map(|engine| engine.log_stats()).unwrap_or_default(),
            read_bytes: self.traffic.read_bytes(),
            written_bytes: self.traffic.written_bytes(),
            residence: engine.map(|engine| engine.residence_stats()).unwrap_or_default(),
            spaces_known: engine.map_or(0, |engine| engine.space_count()),
            spaces: spaces.into_iter().map(figures).collect(),
            spaces_max: self.settings.metrics_spaces_max,
            repositories: self
                .backups
                .slots()
                .map(|slot| (slot.name.clone(), slot.figures().clone()))
                .collect(),
            now_ns: engine.map_or(0, |engine| engine.now_ns()),
            commits: engine.map_or(0, |engine| engine.commit_count()),
        }
    }
}

/// KiB that hold so many bytes.
pub(crate) fn kib(bytes: usize) -> usize {
    bytes.div_ceil(1_024)
}
