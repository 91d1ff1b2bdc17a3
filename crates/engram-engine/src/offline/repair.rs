//! Carrying a plan out.
//!
//! The new log is written beside the old one; then the directory is checked as it will be; then all files change places at once. A
//! crash before that last step leaves the old directory, one after it is completed at the next start.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engram_store::{
    FileMoves, Fs, LogError, LogOptions, LogRecord, LogRewrite, LogSurvey, OpenMode, OverlayFs,
    SpaceTip, VerifyDepth,
};

use super::plan::{NewLog, RepairPlan};
use super::session::Offline;
use super::verify::{Format, examine};
use crate::datadir::{FORMAT_FILE, WAL_DIR, format_line, io_failure};
use crate::error::{EngineError, LogFailure};

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Folder in the data directory that holds what was replaced.
    pub folder: String,
    /// Files that were moved there.
    pub moved: u64,
    /// Commits that the new log holds; none = the log is the old one.
    pub commits: Option<u64>,
}

impl Offline {
    /// Does what a plan says. Nothing is done where the plan is empty.
    ///
    /// # Errors
    /// No room, a failing disk, or what was mended does not pass the check: the directory is as it was.
    pub fn repair(
        &self,
        plan: &RepairPlan,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Option<Repaired>, EngineError> {
        FileMoves::finish(&*self.fs, &self.dir)?;
        if plan.is_empty() {
            return Ok(None);
        }
        let room = self.fs.free_bytes(&self.dir).map_err(|error| io_failure(&self.dir, &error))?;
        if let Some(room) = room.filter(|room| *room < plan.bytes) {
            let what = format!("the repair writes {} bytes, {room} are free", plan.bytes);
            return Err(EngineError::Log(LogFailure::DiskFull(what)));
        }
        let folder = self.free_folder()?;
        let mut moves = FileMoves { folder, aside: plan.aside.clone(), install: Vec::new() };
        let prepared = self.prepare(plan, &mut moves, progress);
        let prepared = prepared.and_then(|commits| {
            self.rehearse(&moves, progress)?;
            Ok(commits)
        });
        let commits = match prepared {
            Ok(commits) => commits,
            Err(error) => {
                self.discard(&moves);
                return Err(error);
            }
        };
        moves.carry_out(&*self.fs, &self.dir)?;
        let moved = moves.aside.len() as u64;
        Ok(Some(Repaired { folder: moves.folder, moved, commits }))
    }

    /// Name of a folder that is not there yet.
    fn free_folder(&self) -> Result<String, EngineError> {
        let now = jiff::Timestamp::from_nanosecond(i128::from(self.clock.now_ns()));
        let now = now.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let stem = format!("repair-{}", now.strftime("%Y%m%dT%H%M%SZ"));
        let mut folder = stem.clone();
        let mut number = 1;
        loop {
            let path = self.dir.join(&folder);
            match self.fs.list(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(folder),
                Err(error) => return Err(io_failure(&path, &error)),
                Ok(_) => {
                    number += 1;
                    folder = format!("{stem}-{number}");
                }
            }
        }
    }

    /// Makes what moves in. Gives the commits of the new log.
    fn prepare(
        &self,
        plan: &RepairPlan,
        moves: &mut FileMoves,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Option<u64>, EngineError> {
        if plan.format == Format::Damaged {
            let path = moves.place_of_new(&self.dir, FORMAT_FILE);
            write_new(&*self.fs, &path, format_line().as_bytes())?;
            moves.install.push(FORMAT_FILE.to_owned());
        }
        let Some(new_log) = &plan.new_log else { return Ok(None) };
        progress("new log");
        let place = moves.place_of_new(&self.dir, WAL_DIR);
        let (commits, names) = self.write_log(new_log, &place)?;
        moves.install.extend(names.into_iter().map(|name| format!("{WAL_DIR}/{name}")));
        Ok(Some(commits))
    }

    fn write_log(&self, new: &NewLog, place: &Path) -> Result<(u64, Vec<String>), EngineError> {
        let defaults = LogOptions::default();
        let segment_bytes = new.segment_bytes.unwrap_or(defaults.segment_bytes);
        let options = LogOptions { segment_bytes, ..defaults };
        let from = (new.first_sequence, new.starts.clone());
        let fs = Arc::clone(&self.fs);
        let mut log = LogRewrite::create(fs, place, options, &*self.entropy, from)?;
        let mut tips: BTreeMap<_, SpaceTip> = new.starts.clone();
        let mut commits = 0;
        LogSurvey::open(&self.fs, &self.dir.join(WAL_DIR), &mut |record| {
            let LogRecord::Commit { frame, .. } = record else { return Ok(()) };
            let space = frame.stamp.space;
            let tip = tips.entry(space).or_insert(SpaceTip::NONE);
            let stays = new.ends.get(&space).is_some_and(|end| frame.stamp.lsn <= *end);
            if stays && frame.continues(tip) {
                *tip = frame.tip();
                commits += 1;
                log.push(frame)?;
            }
            Ok(())
        })?;
        for (space, end) in &new.ends {
            let reached = tips.get(space).map_or(0, |tip| tip.lsn.0);
            if reached != end.0 {
                let file = WAL_DIR.to_owned();
                let what =
                    format!("space {space} reaches LSN {reached}, LSN {end} was read before");
                return Err(LogError::Corrupt { file, offset: 0, what }.into());
            }
        }
        Ok((commits, log.finish()?))
    }

    /// Looks at the directory as it will be.
    fn rehearse(
        &self,
        moves: &FileMoves,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), EngineError> {
        let overlay = OverlayFs::new(Arc::clone(&self.fs));
        moves.carry_out(&overlay, &self.dir)?;
        let view: Arc<dyn Fs> = Arc::new(overlay);
        let report = examine(&view, &self.dir, VerifyDepth::Deep, progress)?.report;
        if report.is_intact() {
            return Ok(());
        }
        let finding =
            report.findings.iter().find(|one| one.weight == super::report::FindingWeight::Damage);
        let finding = finding.map(|one| format!("{}: {}", one.file, one.what));
        let fault = report.spaces.iter().find_map(|space| space.fault.clone());
        let what = finding.or(fault).unwrap_or_default();
        let what =
            format!("the repaired directory would not be intact, nothing was changed: {what}");
        Err(EngineError::Log(LogFailure::Corrupt(what)))
    }

    /// Takes away what was prepared in vain.
    fn discard(&self, moves: &FileMoves) {
        for folder in ["", WAL_DIR] {
            let dir = moves.place_of_new(&self.dir, folder);
            for name in self.fs.list(&dir).unwrap_or_default() {
                // What stays takes room and harms nobody; the first error is the one that matters.
                let _ = self.fs.remove(&dir.join(name));
            }
        }
    }
}

fn write_new(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Result<(), EngineError> {
    let write = || {
        let parent = path.parent().unwrap_or(path);
        fs.create_dir_all(parent)?;
        let file = fs.open(path, OpenMode::Create)?;
        file.write_at(0, bytes)?;
        file.sync_data()?;
        fs.sync_dir(parent)
    };
    write().map_err(|error| io_failure(path, &error))
}
