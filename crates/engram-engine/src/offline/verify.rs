//! The check of a whole directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use engram_store::{
    Fs, Lsn, MOVES_NAME, SpaceId, StoreError, VerifyDepth, list_files, parse_segment_file_name,
    read_all, segment_file_name,
};

use super::load::{Break, Trial, check_segments, manifest_name};
use super::report::{SpaceVerdict, StoreFinding, VerifyReport};
use super::roll::{Known, Roll};
use super::session::Offline;
use crate::datadir::{FORMAT_FILE, INDEX_DIR, SPACES_DIR, WAL_DIR, check_format, io_failure};
use crate::error::EngineError;
use crate::indexer::graph_file_name;

/// Suffix of files that were being written.
const LEFTOVER_SUFFIX: &str = ".tmp";
const GRAPH_SUFFIX: &str = ".graph";
/// Bytes of a graph's hash in the name of its file.
const GRAPH_NAME_BYTES: usize = 16;

/// What was found in a directory, and what to decide about it by.
pub(super) struct Examined {
    pub(super) roll: Roll,
    pub(super) report: VerifyReport,
    /// Spaces whose files are damaged.
    pub(super) bad_files: BTreeSet<SpaceId>,
    /// Where the history of a space stops making sense though every byte of it is intact.
    pub(super) breaks: BTreeMap<SpaceId, Break>,
    /// Memories of the spaces that could be loaded.
    pub(super) memories: BTreeMap<SpaceId, u64>,
    /// Files of graphs that are damaged.
    pub(super) bad_graphs: Vec<String>,
    /// Files that were being written.
    pub(super) leftovers: Vec<String>,
    /// The file of the format is missing or damaged.
    pub(super) format: Format,
}

/// What the file of the format says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Told,
    Damaged,
}

impl Offline {
    /// Checks the directory, or what concerns one space of it, given by name or UUID. `progress` is told what is looked at.
    ///
    /// # Errors
    /// [`EngineError::SpaceNotFound`]; a newer format; a failing disk. Damage is no error.
    pub fn verify(
        &self,
        depth: VerifyDepth,
        space: Option<&str>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<VerifyReport, EngineError> {
        let view = self.view()?;
        let mut examined = examine(&view, &self.dir, depth, progress)?;
        let report = &mut examined.report;
        if read_all(&*self.fs, &self.dir.join(MOVES_NAME)).is_ok() {
            let what = "a repair was interrupted; this is the directory as it will be";
            report.findings.insert(0, StoreFinding::harmless(MOVES_NAME, what));
        }
        if let Some(wanted) = space {
            let known = examined.roll.find(wanted);
            let known =
                known.ok_or_else(|| EngineError::SpaceNotFound { name: wanted.to_owned() })?;
            let (id, label) = (known.id, known.label());
            report.spaces.retain(|space| space.id == id);
            report.findings.retain(|one| one.spaces.is_empty() || one.spaces.contains(&label));
        }
        Ok(examined.report)
    }
}

impl Roll {
    /// The space of that name or UUID that is not gone.
    pub(super) fn find(&self, wanted: &str) -> Option<&Known> {
        let id = SpaceId::parse(wanted);
        let mut here = self.spaces.values().filter(|known| !known.is_gone() && !known.deleted);
        here.find(|known| Some(known.id) == id || known.name().as_deref() == Some(wanted))
    }
}

/// Looks at everything. `fs` is a view, which takes what recovery writes.
pub(super) fn examine(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    depth: VerifyDepth,
    progress: &mut dyn FnMut(&str),
) -> Result<Examined, EngineError> {
    let leftovers = leftovers(&**fs, dir)?;
    progress("log");
    let roll = Roll::call(fs, dir)?;
    let mut examined = Examined {
        report: VerifyReport {
            commits: roll.spaces.values().map(|known| known.commits).sum(),
            files: roll.log.names.len() as u64,
            ..VerifyReport::default()
        },
        roll,
        bad_files: BTreeSet::new(),
        breaks: BTreeMap::new(),
        memories: BTreeMap::new(),
        bad_graphs: Vec::new(),
        leftovers,
        format: Format::Told,
    };
    examined.check_format(&**fs, dir)?;
    examined.check_log();
    let mut graphs = BTreeMap::new();
    let here = examined.roll.spaces.values();
    let here = here.filter(|known| !known.is_gone() && !known.is_well_deleted());
    let labels: Vec<(SpaceId, String)> = here.map(|known| (known.id, known.label())).collect();
    for (id, label) in labels {
        progress(&label);
        examined.check_space((&**fs, dir), id, depth, &mut graphs)?;
    }
    examined.check_unnamed(&**fs, dir)?;
    examined.check_graphs((&**fs, dir), depth, &graphs)?;
    for name in &examined.leftovers {
        let what = "the writing of it was interrupted";
        examined.report.findings.push(StoreFinding::harmless(name, what));
    }
    let nameless = |space: &SpaceVerdict| (space.name.is_none(), space.name.clone(), space.id);
    examined.report.spaces.sort_by_key(nameless);
    Ok(examined)
}

/// Files that were being written when their process ended, relative to the directory.
fn leftovers(fs: &dyn Fs, dir: &Path) -> Result<Vec<String>, EngineError> {
    let mut found = Vec::new();
    for folder in ["", WAL_DIR, SPACES_DIR, INDEX_DIR] {
        let names = list_files(fs, &dir.join(folder))?;
        let own = |name: &&String| match folder {
            "" => [FORMAT_FILE, MOVES_NAME].iter().any(|file| **name == format!("{file}.tmp")),
            _ => name.ends_with(LEFTOVER_SUFFIX),
        };
        let slash = if folder.is_empty() { "" } else { "/" };
        found.extend(names.iter().filter(own).map(|name| format!("{folder}{slash}{name}")));
    }
    Ok(found)
}

impl Examined {
    fn check_format(&mut self, fs: &dyn Fs, dir: &Path) -> Result<(), EngineError> {
        let path = dir.join(FORMAT_FILE);
        let what = match read_all(fs, &path) {
            Ok(bytes) => match check_format(&bytes, &path) {
                Ok(()) => return Ok(()),
                Err(error @ EngineError::NewerFormat { .. }) => return Err(error),
                Err(_) => "it does not name a format",
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if self.roll.spaces.is_empty() {
                    // The first start was interrupted.
                    return Ok(());
                }
                "the file is missing"
            }
            Err(error) => return Err(io_failure(&path, &error)),
        };
        self.format = Format::Damaged;
        self.report.findings.push(StoreFinding::damage(FORMAT_FILE, what));
        Ok(())
    }

    fn check_log(&mut self) {
        let recovery = &self.roll.log.recovery;
        for damage in &recovery.damage {
            let broken: Vec<_> = recovery.quarantined.iter().collect();
            let by_it: Vec<_> = broken.iter().filter(|one| one.is_by(damage)).collect();
            let label = |id: SpaceId| {
                self.roll.spaces.get(&id).map_or_else(|| id.to_string(), Known::label)
            };
            let spaces = by_it.iter().map(|one| label(one.space)).collect();
            let file = format!("{WAL_DIR}/{}", damage.file);
            let found = StoreFinding::damage(file, damage.what.clone()).at(damage.offset);
            self.report.findings.push(StoreFinding { spaces, ..found });
        }
        if let Some(torn) = &recovery.torn_tail {
            let what = format!("{} bytes of a write that was never answered", torn.bytes);
            let file = format!("{WAL_DIR}/{}", torn.file);
            self.report.findings.push(StoreFinding::harmless(file, what).at(torn.offset));
        }
    }

    fn check_space(
        &mut self,
        (fs, dir): (&dyn Fs, &Path),
        id: SpaceId,
        depth: VerifyDepth,
        graphs: &mut BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        let known = &self.roll.spaces[&id];
        let label = known.label();
        let mut found = files_of(fs, dir, known, depth);
        self.report.files += known.manifest.as_ref().map_or(0, |one| one.segments.len() as u64 + 1);
        let mut verdict = SpaceVerdict {
            id,
            name: known.name(),
            lsn: known.log_tip.lsn.max(known.manifest.as_ref().map_or(Lsn(0), |one| one.lsn)),
            memories: None,
            fault: known.fault(),
        };
        if depth == VerifyDepth::Deep && found.is_empty() {
            match Trial::start(fs, dir, known, known.manifest.as_ref()) {
                Err(finding) => found.push(finding),
                Ok(None) => {}
                Ok(Some(mut trial)) => {
                    let frames = self.roll.log.read_space(id, Lsn(trial.lsn().0 + 1));
                    if let Some((lsn, why)) = trial.follow(frames)? {
                        verdict.fault.get_or_insert_with(|| why.clone());
                        self.breaks.insert(id, (lsn, why));
                    }
                    verdict.lsn = trial.lsn();
                    verdict.memories = Some(trial.memories());
                    self.memories.insert(id, trial.memories());
                    if let Some(hash) = trial.snapshot().graph_hash {
                        graphs.insert(graph_file_name(id, hash), label.clone());
                    }
                }
            }
        }
        if let Some(first) = found.first() {
            self.bad_files.insert(id);
            verdict.fault.get_or_insert_with(|| format!("{}: {}", first.file, first.what));
        } else if let (Some((lsn, why)), None) = (self.breaks.get(&id), known.fault()) {
            let what = format!("from LSN {lsn} on: {why}");
            found.push(StoreFinding::damage(WAL_DIR, what));
        } else if known.quarantine.is_none()
            && let Some(fault) = known.fault()
        {
            found.push(StoreFinding::damage(WAL_DIR, fault));
        }
        let found = found.into_iter().map(|finding| finding.of_space(label.clone()));
        self.report.findings.extend(found);
        self.report.spaces.push(verdict);
        Ok(())
    }

    /// Segments that no manifest names.
    fn check_unnamed(&mut self, fs: &dyn Fs, dir: &Path) -> Result<(), EngineError> {
        for name in list_files(fs, &dir.join(SPACES_DIR))? {
            let Some((id, _)) = parse_segment_file_name(&name) else { continue };
            let Some(known) = self.roll.spaces.get(&id) else { continue };
            let named = known.manifest.as_ref().is_some_and(|manifest| {
                let own = |hash| segment_file_name(id, hash) == name;
                manifest.segments.iter().any(|file| own(&file.segment.hash))
            });
            if !named && (known.manifest.is_some() || known.has_head() || known.deleted) {
                let finding =
                    StoreFinding::harmless(format!("{SPACES_DIR}/{name}"), "nothing names it");
                self.report.findings.push(finding.of_space(known.label()));
            }
        }
        Ok(())
    }

    /// Graphs are derived: a damaged one harms nobody once it is gone.
    fn check_graphs(
        &mut self,
        (fs, dir): (&dyn Fs, &Path),
        depth: VerifyDepth,
        wanted: &BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        let dir = dir.join(INDEX_DIR);
        let names: Vec<String> = list_files(fs, &dir)?;
        for name in names.iter().filter(|name| name.ends_with(GRAPH_SUFFIX)) {
            self.report.files += 1;
            let Some((id, digits)) = parse_graph_name(name) else {
                let what = "it is not named as a graph is";
                self.report.findings.push(StoreFinding::harmless(path(name), what));
                continue;
            };
            if depth == VerifyDepth::Surface {
                continue;
            }
            let hash = read_all(fs, &dir.join(name)).map(|bytes| *blake3::hash(&bytes).as_bytes());
            let fits = hash.is_ok_and(|hash| hex(&hash[..GRAPH_NAME_BYTES]) == digits);
            if !fits {
                let what = "its bytes are not what was written";
                let label = self.roll.spaces.get(&id).map_or_else(|| id.to_string(), Known::label);
                self.report.findings.push(StoreFinding::damage(path(name), what).of_space(label));
                self.bad_graphs.push(path(name));
            }
        }
        for (name, label) in wanted.iter().filter(|(name, _)| !names.contains(name)) {
            let what = "the graph is missing and is built anew";
            self.report
                .findings
                .push(StoreFinding::harmless(path(name), what).of_space(label.clone()));
        }
        Ok(())
    }
}

fn path(name: &str) -> String {
    format!("{INDEX_DIR}/{name}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_graph_name(name: &str) -> Option<(SpaceId, &str)> {
    let (space, digits) = name.strip_suffix(GRAPH_SUFFIX)?.rsplit_once('-')?;
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let whole = digits.len() == GRAPH_NAME_BYTES * 2 && digits.bytes().all(lower);
    Some((SpaceId::parse(space)?, digits)).filter(|_| whole)
}

/// What is wrong with manifest and segments.
fn files_of(fs: &dyn Fs, dir: &Path, known: &Known, depth: VerifyDepth) -> Vec<StoreFinding> {
    let manifest = manifest_name(known);
    if let Some(error) = &known.manifest_fault {
        return vec![StoreFinding::of_error(SPACES_DIR, &manifest, error)];
    }
    let Some(named) = &known.manifest else {
        // Without frames from the start, the manifest is what made it a space.
        let lost = !known.has_head() && !known.deleted && (known.has_segments || known.commits > 0);
        let missing = StoreError::Missing { file: manifest.clone() };
        let found = lost.then(|| StoreFinding::of_error(SPACES_DIR, &manifest, &missing));
        return found.into_iter().collect();
    };
    let mut found = check_segments(fs, dir, named, depth);
    if known.is_forked {
        let what = "the log has another history than the manifest";
        found.push(StoreFinding::damage(format!("{SPACES_DIR}/{manifest}"), what));
    }
    found
}

impl Known {
    /// Why a server would not serve it, as far as manifest and log tell.
    fn fault(&self) -> Option<String> {
        let ahead = || {
            let (lsn, durable) = (self.manifest.as_ref()?.lsn, self.log_tip.lsn);
            let what = format!("its log ends at LSN {durable}, its files stand at LSN {lsn}");
            (lsn > durable).then_some(what)
        };
        self.quarantine.clone().or_else(ahead)
    }
}
