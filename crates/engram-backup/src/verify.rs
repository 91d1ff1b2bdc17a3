//! Checking backups: level 1 looks at what is there, 2 at every byte, 3 puts it together and checks the result, 4 does that at a
//! commit between backups and has somebody work with it.
//!
//! Nothing of the live database is touched; what is put together lies in a folder of its own and is removed afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engram_engine::{EngineError, FindingWeight, LogFailure, Offline};
use engram_store::{BlobStore, Clock, Entropy, Fs, SpaceId, VerifyDepth};

use crate::catalog::{BackupListing, Finding, find, list_backups};
use crate::error::BackupError;
use crate::lineage::{Lineage, follow};
use crate::record::{BackupRecord, SpaceRecord, VerificationRecord, tip_of};
use crate::repository::Repository;
use crate::restore::{RestoreOptions, restore};
use crate::target::{RestorePlan, RestoreTarget, plan};
use crate::{keys, time};

/// Findings that are told of one check, at most.
const FINDINGS_MAX: usize = 100;

/// How deep a check goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VerifyLevel {
    /// Every object is there and as long as it was, and the log goes on without gaps.
    Presence = 1,
    /// Every byte is what was written.
    Bytes = 2,
    /// It can be put together: every record decodes and every checksum of the state fits.
    Restore = 3,
    /// A commit that the archive has behind it can be put together, and the database works with it.
    Drill = 4,
}

impl VerifyLevel {
    /// The level of a number.
    pub fn of(number: u8) -> Option<VerifyLevel> {
        let all =
            [VerifyLevel::Presence, VerifyLevel::Bytes, VerifyLevel::Restore, VerifyLevel::Drill];
        all.into_iter().find(|level| *level as u8 == number)
    }
}

/// Somebody who works with a directory that was put together; what it finds wrong.
pub type Drill<'a> = &'a mut dyn FnMut(&Path, &RestorePlan) -> Result<Vec<Finding>, BackupError>;

/// What a check works with.
pub struct VerifyOptions<'a> {
    /// How deep it goes.
    pub level: VerifyLevel,
    /// Files.
    pub fs: Arc<dyn Fs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness: where a drill goes back to.
    pub entropy: Arc<dyn Entropy>,
    /// A cold store for what is put together; it is never the live one.
    pub blobs: Option<Arc<dyn BlobStore>>,
    /// A folder that is not there yet, for what is put together.
    pub scratch: PathBuf,
    /// For level 4.
    pub drill: Option<Drill<'a>>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupCheck {
    /// The backup.
    pub backup: String,
    /// How deep it went.
    pub level: VerifyLevel,
    /// Objects that were looked at.
    pub objects: u64,
    /// Bytes of content that were compared.
    pub bytes: u64,
    /// How long it took, ns.
    pub took_ns: i64,
    /// How long it took to put it together, from level 3 on, ns.
    pub restore_ns: Option<i64>,
    /// What was put together.
    pub target: Option<String>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Reports of earlier checks that none wrote: they do not count, and say nothing of the backup itself.
    pub false_reports: Vec<Finding>,
}

/// Checks a backup and notes the outcome in the repository. Each level does what those below it do.
///
/// # Errors
/// `UnknownBackup`; the repository does not answer. What is wrong with the backup is no error.
pub fn verify(
    repository: &Repository,
    id: &str,
    options: VerifyOptions<'_>,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<BackupCheck, BackupError> {
    let listing = list_backups(repository)?;
    let listed = find(&listing, id)?;
    let (record, false_reports) = (listed.record.clone(), listed.false_reports.clone());
    let begun = options.clock.now_ns();
    let clock = Arc::clone(&options.clock);
    let level = options.level;
    let mut check = Check {
        repository,
        listing: &listing,
        record: &record,
        report: BackupCheck {
            backup: record.id.clone(),
            level,
            objects: 0,
            bytes: 0,
            took_ns: 0,
            restore_ns: None,
            target: None,
            findings: Vec::new(),
            false_reports,
        },
    };
    check.run(options, progress)?;
    let mut report = check.report;
    let ended = clock.now_ns();
    report.took_ns = ended.saturating_sub(begun);
    note(repository, &report, ended)?;
    Ok(report)
}

fn note(repository: &Repository, report: &BackupCheck, at: i64) -> Result<(), BackupError> {
    let findings = report.findings.iter().take(FINDINGS_MAX);
    let record = VerificationRecord {
        backup: report.backup.clone(),
        level: report.level as u8,
        at,
        took: report.took_ns,
        objects: report.objects,
        bytes: report.bytes,
        findings: findings.map(|one| format!("{}: {}", one.what, one.why)).collect(),
        signature: String::new(),
    };
    let record = record.signed(repository.secret())?;
    let name = format!(
        "{}{}-{:020}-{}",
        keys::checks_of(&report.backup),
        time::compact(at),
        at,
        record.level
    );
    repository.put_record(&name, &record).map(drop)
}

struct Check<'a> {
    repository: &'a Repository,
    listing: &'a BackupListing,
    record: &'a BackupRecord,
    report: BackupCheck,
}

impl Check<'_> {
    fn run(
        &mut self,
        mut options: VerifyOptions<'_>,
        progress: &mut dyn FnMut(&str, u64, u64),
    ) -> Result<(), BackupError> {
        let spaces = match self.listing.resolve(self.record) {
            Ok(spaces) => spaces,
            Err(error) => return self.noted(&self.record.id.clone(), Err(error)),
        };
        let lineage = match Lineage::read(self.repository, self.record.timeline) {
            Ok(lineage) => lineage,
            Err(error) => return self.noted(&self.record.id.clone(), Err(error)),
        };
        let total = spaces.len() as u64;
        for (number, (id, (space, backup))) in spaces.iter().enumerate() {
            progress("objects", number as u64, total);
            let found = self.space(*id, (space, backup), &lineage);
            self.noted(&format!("space {}", space.name), found)?;
        }
        if options.level >= VerifyLevel::Restore && self.report.findings.is_empty() {
            self.put_together(
                RestoreTarget::Backup(self.record.id.clone()),
                &mut options,
                progress,
            )?;
        }
        if options.level >= VerifyLevel::Drill && self.report.findings.is_empty() {
            let target = self.random_target(&*options.entropy)?;
            self.put_together(target, &mut options, progress)?;
        }
        Ok(())
    }

    /// Makes what is wrong with the backup a finding; that the repository does not answer stays an error.
    fn noted(&mut self, what: &str, outcome: Result<(), BackupError>) -> Result<(), BackupError> {
        let Err(error) = outcome else { return Ok(()) };
        let is_damage = match &error {
            BackupError::Corrupt { .. }
            | BackupError::Missing { .. }
            | BackupError::Gap { .. }
            | BackupError::Conflict { .. } => true,
            BackupError::Engine(EngineError::Log(failure)) => {
                matches!(failure, LogFailure::Corrupt(_) | LogFailure::Quarantined(_))
            }
            // A full disk, say, is no fault of the backup.
            _ => false,
        };
        if !is_damage {
            return Err(error);
        }
        self.find(what, &error.to_string());
        Ok(())
    }

    fn find(&mut self, what: &str, why: &str) {
        self.report.findings.push(Finding { what: what.to_owned(), why: why.to_owned() });
    }

    fn space(
        &mut self,
        id: SpaceId,
        (space, backup): (&SpaceRecord, &str),
        lineage: &Lineage,
    ) -> Result<(), BackupError> {
        let key = keys::backup(backup);
        let manifest = space.decoded(&key)?;
        let named: Vec<[u8; 32]> = space.files.iter().map(|file| file.hash).collect();
        for file in manifest.iter().flat_map(|manifest| &manifest.segments) {
            if !named.contains(&file.segment.hash) {
                self.find(&key, &format!("it lacks a file of space {:?}", space.name));
            }
        }
        for file in &space.files {
            let object = keys::object(id, &file.hash);
            let outcome = self.object(&object, (file.hash, file.bytes.stored));
            self.noted(&object, outcome)?;
        }
        self.log(id, space, lineage)
    }

    fn object(&mut self, key: &str, (hash, stored): ([u8; 32], u64)) -> Result<(), BackupError> {
        self.report.objects += 1;
        match self.repository.has_content(key, &hash)? {
            None => {
                let what = "object that a backup names";
                return Err(BackupError::Missing { key: key.to_owned(), what });
            }
            Some(found) if found != stored => {
                let what = format!("it has {found} bytes and had {stored}");
                return Err(BackupError::corrupt(key, what));
            }
            Some(_) => {}
        }
        if self.report.level >= VerifyLevel::Bytes {
            let content = self.repository.get(key)?;
            self.report.bytes += content.len() as u64;
            if *blake3::hash(&content).as_bytes() != hash {
                return Err(BackupError::corrupt(key, "its content is not that of its name"));
            }
        }
        Ok(())
    }

    /// The log from the files of a space to where the backup ends.
    fn log(
        &mut self,
        id: SpaceId,
        space: &SpaceRecord,
        lineage: &Lineage,
    ) -> Result<(), BackupError> {
        let manifest = space.decoded(&keys::backup(&self.record.id))?;
        let start = manifest.as_ref().map_or(engram_store::SpaceTip::NONE, tip_of);
        let end = space.through.tip();
        let way = lineage.way(&self.listing.pieces, id, start.lsn);
        let reached = way.spans.last().map_or(start.lsn, |span| span.last);
        if reached < end.lsn {
            let what = format!("the log ends at LSN {reached}, the backup at LSN {}", end.lsn);
            return Err(BackupError::Gap { what });
        }
        let mut tip = start;
        for span in way.spans.iter().take_while(|span| span.first <= end.lsn) {
            self.report.objects += 1;
            if self.report.level < VerifyLevel::Bytes {
                continue;
            }
            for frame in span.load(self.repository)? {
                if frame.stamp.lsn > end.lsn {
                    break;
                }
                follow(&mut tip, &frame, &span.piece)?;
                self.report.bytes += frame.payload.len() as u64;
            }
        }
        if self.report.level >= VerifyLevel::Bytes && tip != end {
            let what = format!("the commits up to LSN {} are not those of the backup", end.lsn);
            return Err(BackupError::Gap { what });
        }
        Ok(())
    }

    /// A time between the end of the backup and what is archived.
    fn random_target(&self, entropy: &dyn Entropy) -> Result<RestoreTarget, BackupError> {
        let key = keys::heartbeat(self.record.timeline);
        let heartbeat: Option<crate::record::HeartbeatRecord> = self.repository.record(&key)?;
        let from = self.record.ended_at;
        let through = heartbeat.map_or(from, |heartbeat| heartbeat.through);
        if through <= from {
            return Ok(RestoreTarget::Backup(self.record.id.clone()));
        }
        let mut random = [0; 8];
        entropy.fill(&mut random);
        let span = through.abs_diff(from);
        let at = from.saturating_add((u64::from_le_bytes(random) % span) as i64);
        Ok(RestoreTarget::Time { at, inclusive: true })
    }

    fn put_together(
        &mut self,
        target: RestoreTarget,
        options: &mut VerifyOptions<'_>,
        progress: &mut dyn FnMut(&str, u64, u64),
    ) -> Result<(), BackupError> {
        let fs = Arc::clone(&options.fs);
        let outcome = self.try_together(target, options, progress);
        remove_directory(&*fs, &options.scratch);
        self.noted("restore", outcome)
    }

    fn try_together(
        &mut self,
        target: RestoreTarget,
        options: &mut VerifyOptions<'_>,
        progress: &mut dyn FnMut(&str, u64, u64),
    ) -> Result<(), BackupError> {
        let is_drill = target != RestoreTarget::Backup(self.record.id.clone());
        let plan = plan(self.repository, &target, Some(self.record.timeline), None)?;
        let begun = options.clock.now_ns();
        let how = RestoreOptions {
            fs: Arc::clone(&options.fs),
            clock: Arc::clone(&options.clock),
            entropy: Arc::clone(&options.entropy),
            blobs: options.blobs.clone(),
            reuse: None,
            begins_timeline: false,
        };
        if !is_drill {
            for (id, (space, _)) in self.listing.resolve(self.record)? {
                if !plan.spaces.iter().any(|own| own.id == id) {
                    self.find(&space.name, "the space cannot be put together");
                }
            }
        }
        restore(self.repository, &plan, &how, &options.scratch, progress)?;
        self.report.restore_ns = Some(options.clock.now_ns().saturating_sub(begun));
        self.report.target = Some(plan.target.clone());
        self.examine(&plan, options, progress)?;
        let drill =
            options.drill.as_mut().filter(|_| is_drill || options.level == VerifyLevel::Drill);
        if let Some(drill) = drill {
            let found = drill(&options.scratch, &plan)?;
            self.report.findings.extend(found);
        }
        Ok(())
    }

    /// Looks at every byte of what was put together, and whether each space ends where it should.
    fn examine(
        &mut self,
        plan: &RestorePlan,
        options: &VerifyOptions<'_>,
        progress: &mut dyn FnMut(&str, u64, u64),
    ) -> Result<(), BackupError> {
        let (fs, clock) = (Arc::clone(&options.fs), Arc::clone(&options.clock));
        let offline = Offline::open(fs, clock, Arc::clone(&options.entropy), &options.scratch)?;
        let Some(offline) = offline else {
            self.find("restore", "what was put together is no data directory");
            return Ok(());
        };
        let told = offline.verify(VerifyDepth::Deep, None, &mut |what| progress(what, 0, 0))?;
        for one in told.findings.iter().filter(|one| one.weight == FindingWeight::Damage) {
            self.find(&one.file, &one.what);
        }
        for space in &plan.spaces {
            match told.spaces.iter().find(|own| own.id == space.id) {
                None => self.find(&space.name, "the space is not there"),
                Some(own) if own.fault.is_some() => {
                    self.find(&space.name, own.fault.as_deref().unwrap_or_default());
                }
                Some(own) if own.lsn.0 != space.last.lsn => {
                    let why = format!("it ends at LSN {} and not at {}", own.lsn, space.last.lsn);
                    self.find(&space.name, &why);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// Removes the files of a directory that was put together. What stays takes room and harms nobody.
pub fn remove_directory(fs: &dyn Fs, dir: &Path) {
    for folder in ["wal", "spaces", "index", ""] {
        let folder = if folder.is_empty() { dir.to_path_buf() } else { dir.join(folder) };
        for name in fs.list(&folder).unwrap_or_default() {
            let _ = fs.remove(&folder.join(name));
        }
    }
}
