//! The uninjured copy that every runbook is compared with, and how a recovery is measured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use engram_api::Timestamp;
use engram_backup::{RestorePlan, RestoreTarget, archived_through, plan};
use engram_engine::{Components, Engine, EngineSettings};
use engram_server::{RepositoryAccess, Settings, StorePlace, engine_problem};
use engram_store::{
    BlobStore, Clock as _, FsBlobs, MemoryBlobs, OsEntropy, RealFs, SpaceId, SystemClock,
};
use indicatif::ProgressBar;

use super::copy::{CopyServer, Golden, cold_dir};
use super::report::{DrillReport, Recovered};
use super::scratch::{Scratch, size};
use crate::commands::backup::{Place, failed, put_together, step, work_with};
use crate::failure::Failure;
use crate::output::clean;

/// Copies that are there at the same time, at most: the uninjured one, the injured one, what is restored, and what a check of that puts
/// together.
const COPIES: u64 = 4;

/// What a drill works with.
pub(super) struct Stage<'a> {
    pub(super) settings: &'a Settings,
    pub(super) scratch: &'a Scratch,
    /// Name of the repository.
    pub(super) repository: String,
    /// The moment of the disaster, ns.
    pub(super) now_ns: i64,
    /// All commits up to this time are archived, ns.
    pub(super) archived_through: Option<i64>,
    /// What is recovered: a server that archives meanwhile must not move it.
    pub(super) target: RestoreTarget,
    pub(super) uninjured: Uninjured,
    bar: &'a ProgressBar,
}

/// A copy as it should be.
pub(super) struct Uninjured {
    pub(super) dir: PathBuf,
    pub(super) plan: RestorePlan,
    /// Memories of each space, suppressed ones too.
    pub(super) memories: BTreeMap<SpaceId, u64>,
    pub(super) goldens: Vec<Golden>,
    pub(super) bytes: u64,
}

/// How something is recovered.
pub(super) struct Recovery<'r> {
    pub(super) access: &'r RepositoryAccess,
    pub(super) target: &'r RestoreTarget,
    pub(super) dir: &'r Path,
    /// Over what is there.
    pub(super) force: bool,
    /// Everything up to this time is recovered, ns.
    pub(super) through: Option<i64>,
}

impl<'a> Stage<'a> {
    /// Puts the uninjured copy together and asks it.
    pub(super) fn set(
        settings: &'a Settings,
        chosen: Option<&str>,
        scratch: &'a Scratch,
        bar: &'a ProgressBar,
    ) -> Result<Stage<'a>, Failure> {
        bar.set_message("the uninjured copy");
        let now_ns = SystemClock.now_ns();
        let unchanged = Arc::new(MemoryBlobs::new());
        let access = RepositoryAccess::open_over(settings, chosen, unchanged)?;
        let through = archived_through(&access.repository).map_err(failed)?;
        let target = match through {
            Some(at) => RestoreTarget::Time { at, inclusive: true },
            None => RestoreTarget::Latest,
        };
        let plan = plan(&access.repository, &target, None, None).map_err(failed)?;
        scratch.room(plan.bytes.saturating_mul(COPIES))?;
        let seen = Seen { settings, bar, now_ns };
        let uninjured = seen.uninjured(&access, plan, scratch.path("uninjured"))?;
        scratch.room(uninjured.bytes.saturating_mul(COPIES - 1))?;
        let repository = access.name;
        let archived_through = through;
        Ok(Stage {
            settings,
            scratch,
            repository,
            now_ns,
            archived_through,
            target,
            uninjured,
            bar,
        })
    }

    /// What is known before the first runbook.
    pub(super) fn report(&self) -> DrillReport {
        let place = self.settings.repositories.get(&self.repository).map(|own| &own.store.place);
        DrillReport {
            at: self.now_ns,
            repository: (self.repository.clone(), place.map(address).unwrap_or_default()),
            archived_through: self.archived_through,
            timeline: self.uninjured.plan.timeline,
            spaces: self.uninjured.plan.spaces.len() as u64,
            memories: self.uninjured.memories.values().sum(),
            bytes: self.uninjured.bytes,
            runbooks: Vec::new(),
        }
    }

    pub(super) fn say(&self, what: &str) {
        self.bar.set_message(clean(what));
        self.bar.tick();
    }

    pub(super) fn bar(&self) -> &ProgressBar {
        self.bar
    }

    /// What stays from one runbook to the next.
    pub(super) fn kept(&self) -> Vec<PathBuf> {
        let dir = self.uninjured.dir.clone();
        vec![cold_dir(&dir), dir]
    }

    /// The repository, seen through changes of a runbook of its own.
    pub(super) fn access(&self, changes: Arc<dyn BlobStore>) -> Result<RepositoryAccess, Failure> {
        Ok(RepositoryAccess::open_over(self.settings, Some(&self.repository), changes)?)
    }

    /// Another uninjured copy, as of another target.
    pub(super) fn uninjured_at(
        &self,
        access: &RepositoryAccess,
        plan: RestorePlan,
        name: &str,
    ) -> Result<Uninjured, Failure> {
        let seen = Seen { settings: self.settings, bar: self.bar, now_ns: self.now_ns };
        seen.uninjured(access, plan, self.scratch.path(name))
    }

    /// A server on a copy.
    pub(super) fn serve(&self, dir: &Path) -> Result<CopyServer, Failure> {
        CopyServer::start(self.settings, dir, None, self.now_ns)
    }

    /// The cold store of a copy, where the installation has one.
    pub(super) fn cold(&self, dir: &Path) -> Result<Option<Arc<dyn BlobStore>>, Failure> {
        cold(self.settings, dir)
    }

    /// Recovers, and compares what comes of it with an uninjured copy. Gives what is wrong, too.
    pub(super) fn recover(
        &self,
        how: &Recovery<'_>,
        like: &Uninjured,
    ) -> Result<(Recovered, Vec<String>), Failure> {
        let begun = Instant::now();
        let plan = plan(&how.access.repository, how.target, None, None).map_err(failed)?;
        let place = Place {
            dir: how.dir,
            cold: self.cold(how.dir)?,
            force: how.force,
            look: true,
            begins_timeline: true,
        };
        let together = put_together(&how.access.repository, &plan, &place, &mut step(self.bar))?;
        let took = begun.elapsed();
        // What only a drill does takes no time of the recovery.
        let bytes = size(how.dir) + size(&cold_dir(how.dir));
        let mut wrong = differences(&plan, &together.memories, like);
        let found = work_with(how.dir, &plan, place.cold.clone()).map_err(failed)?;
        wrong.extend(found.iter().map(|one| format!("{}: {}", one.what, one.why)));
        let going_on = Instant::now();
        let server = self.serve(how.dir)?;
        let mut goldens = like.goldens.iter();
        match goldens.next() {
            Some(first) if !first.holds_soon(server.client(), &first.space)? => {
                wrong.push(first.differs());
            }
            Some(_) => {}
            None => drop(server.client().status()?),
        }
        let rto = took + going_on.elapsed();
        for golden in goldens {
            if !golden.holds_soon(server.client(), &golden.space)? {
                wrong.push(golden.differs());
            }
        }
        server.stop()?;
        let recovered = Recovered {
            target: plan.target.clone(),
            rto_ns: i64::try_from(rto.as_nanos()).unwrap_or(i64::MAX),
            rpo_ns: how.through.map(|at| self.now_ns.saturating_sub(at).max(0)),
            lost_commits: self.lost(&plan),
            last_commit: plan.spaces.iter().map(|space| space.last.committed_at).max(),
            spaces: plan.spaces.iter().map(|own| (own.name.clone(), own.last.lsn)).collect(),
            bytes,
            recalls: like.goldens.len() as u64,
        };
        Ok((recovered, wrong))
    }

    /// Commits that could have been recovered and are not in a plan.
    fn lost(&self, plan: &RestorePlan) -> u64 {
        let reached =
            |id: SpaceId| plan.spaces.iter().find(|own| own.id == id).map_or(0, |own| own.last.lsn);
        let all = self.uninjured.plan.spaces.iter();
        all.map(|own| own.last.lsn.saturating_sub(reached(own.id))).sum()
    }
}

/// What is needed to look at a copy.
struct Seen<'a> {
    settings: &'a Settings,
    bar: &'a ProgressBar,
    now_ns: i64,
}

impl Seen<'_> {
    fn uninjured(
        &self,
        access: &RepositoryAccess,
        plan: RestorePlan,
        dir: PathBuf,
    ) -> Result<Uninjured, Failure> {
        let cold = cold(self.settings, &dir)?;
        let place = Place {
            dir: &dir,
            cold: cold.clone(),
            force: false,
            look: true,
            begins_timeline: false,
        };
        let together = put_together(&access.repository, &plan, &place, &mut step(self.bar))?;
        let found = work_with(&dir, &plan, cold).map_err(failed)?;
        if let Some(first) = found.first() {
            let what = format!("the uninjured copy is not right: {}: {}", first.what, first.why);
            return Err(Failure::Partly(what));
        }
        let bytes = size(&dir) + size(&cold_dir(&dir));
        let server = CopyServer::start(self.settings, &dir, None, self.now_ns)?;
        let names: Vec<String> = plan.spaces.iter().map(|space| space.name.clone()).collect();
        let goldens = Golden::collect(server.client(), &names)?;
        server.stop()?;
        Ok(Uninjured { dir, plan, memories: together.memories, goldens, bytes })
    }
}

fn cold(settings: &Settings, dir: &Path) -> Result<Option<Arc<dyn BlobStore>>, Failure> {
    if settings.cold.is_none() {
        return Ok(None);
    }
    let opened = FsBlobs::open(Arc::new(RealFs), cold_dir(dir));
    let opened = opened.map_err(|error| failed(error.into()))?;
    Ok(Some(Arc::new(opened)))
}

/// Where a plan, and what was put together by it, is not what an uninjured copy is.
fn differences(
    plan: &RestorePlan,
    memories: &BTreeMap<SpaceId, u64>,
    like: &Uninjured,
) -> Vec<String> {
    let ends = |plan: &RestorePlan| -> BTreeMap<SpaceId, (String, u64, u64)> {
        let spaces = plan.spaces.iter();
        spaces.map(|own| (own.id, (own.name.clone(), own.last.lsn, own.last.state_sum))).collect()
    };
    let (found, due) = (ends(plan), ends(&like.plan));
    let mut wrong = Vec::new();
    for id in due.keys().chain(found.keys().filter(|id| !due.contains_key(id))) {
        if found.get(id) != due.get(id) {
            let name = due.get(id).or(found.get(id)).map(|own| own.0.clone()).unwrap_or_default();
            wrong
                .push(format!("space {name:?} does not end where that of the uninjured copy does"));
        } else if memories.get(id) != like.memories.get(id) {
            let count =
                |of: Option<&u64>| of.map_or_else(|| "not counted".to_owned(), u64::to_string);
            let (found, due) = (count(memories.get(id)), count(like.memories.get(id)));
            wrong.push(format!("space {id}: {found} memories, the uninjured copy has {due}"));
        }
    }
    wrong
}

/// An engine on a copy that nobody serves, with an archive if it is to be archived.
pub(super) fn engine(
    dir: &Path,
    cold: Option<Arc<dyn BlobStore>>,
    archives: u32,
) -> Result<Engine, Failure> {
    let components = Components {
        fs: Arc::new(RealFs),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        blobs: cold,
        embedders: BTreeMap::new(),
        phraser: None,
        wake: Arc::new(|| {}),
    };
    let settings =
        EngineSettings { reserve_bytes: 0, log_archives: archives, ..EngineSettings::default() };
    let opened = Engine::open(components, settings, dir);
    Ok(opened.map_err(|error| Failure::Problem(Box::new(engine_problem(error))))?.0)
}

/// Where a store is, without what it takes to get in.
fn address(place: &StorePlace) -> String {
    match place {
        StorePlace::Memory => "memory:".to_owned(),
        StorePlace::Folder(dir) => format!("file://{}", dir.display()),
        StorePlace::S3 { bucket, prefix } if prefix.is_empty() => format!("s3://{bucket}"),
        StorePlace::S3 { bucket, prefix } => format!("s3://{bucket}/{prefix}"),
    }
}

/// A time in words.
pub(super) fn time(ns: i64) -> String {
    Timestamp(ns).to_string()
}
