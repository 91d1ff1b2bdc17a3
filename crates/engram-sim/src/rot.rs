//! Bit rot: bits flip at rest, then the directory is opened. Damage is reported, or it does no harm.

use std::path::PathBuf;

use engram_store::Recovery;

use crate::faulty::End;
use crate::history::{Check, DATA_DIR, History};
use crate::model::{Image, classify};

/// Chance in percent that the process was killed, not closed, before the rot.
const KILLED: u64 = 40;
/// Chance in percent that the flip hits bytes in use.
const IN_USE: u64 = 85;

/// A flipped bit, or several of one byte.
struct Spot {
    path: PathBuf,
    offset: u64,
    mask: u8,
}

impl History {
    /// The last act of a history, on an open engine.
    pub(crate) fn rot(&mut self) -> Check {
        if self.rng.chance(KILLED) {
            for _ in 0..self.rng.below(3) {
                self.step()?;
            }
            self.fs.heal();
            self.squeezed = false;
            self.drive()?;
            self.tend()?;
            self.reboot(End::PowerCut);
        } else {
            let result = self.engine().close();
            self.settle()?;
            result.map_err(|error| format!("close fails: {error}"))?;
            self.closed = true;
            for place in self.spaces.values_mut() {
                place.last_batch = vec![place.published.clone()];
            }
            self.ghosts.clear();
            self.reboot(End::PowerCut);
        }
        let Some(spot) = self.spot() else { return Ok(()) };
        self.tally.rotten += 1;
        let name = spot.path.file_name().map(|name| name.to_owned()).unwrap_or_default();
        self.note(format!("rot: {name:?} offset {} mask {:08b}", spot.offset, spot.mask));
        self.fs.rot(&spot.path, spot.offset, spot.mask);
        self.open_rotten()?;
        // The verdict is the same when it is opened again.
        self.reboot(End::PowerCut);
        self.open_rotten()
    }

    fn spot(&mut self) -> Option<Spot> {
        let mut files = self.fs.peek(&PathBuf::from(DATA_DIR).join("wal"));
        files.extend(self.fs.peek(DATA_DIR.as_ref()));
        files.retain(|(_, bytes)| !bytes.is_empty());
        if files.is_empty() {
            return None;
        }
        let (path, bytes) = &files[self.rng.index(files.len())];
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        let offset = if !used.is_empty() && self.rng.chance(IN_USE) {
            used[self.rng.index(used.len())]
        } else {
            self.rng.index(bytes.len())
        };
        Some(Spot { path: path.clone(), offset: offset as u64, mask: 1 << self.rng.below(8) })
    }

    /// Opens, and compares what is served with the model.
    fn open_rotten(&mut self) -> Check {
        let recovery = match self.try_rotten()? {
            None => {
                self.tally.rot_reported += 1;
                return Ok(());
            }
            Some(recovery) => recovery,
        };
        let told = !recovery.damage.is_empty()
            || !recovery.quarantined.is_empty()
            || recovery.torn_tail.is_some();
        self.tally.rot_reported += u64::from(told);
        let names: Vec<String> = self.spaces.keys().cloned().collect();
        for info in self.engine().spaces() {
            let ghost = recovery.torn_tail.is_some() && self.ghosts.contains(&info.id);
            if !names.contains(&info.name) && info.quarantined.is_none() && !ghost {
                return Err(format!("rot brought {} back", info.name));
            }
        }
        for name in names {
            self.verify_rotten(&name, &recovery)
                .map_err(|what| format!("{name} after rot: {what}; {recovery:?}"))?;
        }
        Ok(())
    }

    /// None when the engine refuses to open, which is an honest answer.
    fn try_rotten(&mut self) -> Check<Option<Recovery>> {
        match self.attempt() {
            Ok((engine, recovery)) => {
                self.engine = Some(engine);
                self.report(&recovery);
                Ok(Some(recovery))
            }
            Err(error) if matches!(classify(&error), "corrupt" | "other") => {
                self.note(format!("open refuses: {error}"));
                Ok(None)
            }
            Err(error) => Err(format!("open fails after rot: {error}")),
        }
    }

    fn verify_rotten(&mut self, name: &str, recovery: &Recovery) -> Check {
        let told = !recovery.damage.is_empty() || !recovery.quarantined.is_empty();
        // Only the last batch of a log that was not closed may look like one that was never acknowledged.
        let cut = recovery.torn_tail.is_some() && !self.closed;
        let place = &self.spaces[name];
        let info = match self.engine().space(name) {
            Ok(info) => info,
            Err(_) if told || (cut && place.last_batch[0].lsn == 0) => return Ok(()),
            Err(error) => return Err(format!("gone without a word: {error}")),
        };
        if info.quarantined.is_some() {
            return match self.engine().list(name, &everything()) {
                Err(error) if classify(&error) == "quarantined" && told => Ok(()),
                other => Err(format!("a quarantined space serves {other:?}")),
            };
        }
        if info.id != place.id {
            return Err("it has another identity".to_owned());
        }
        let stats = self.engine().stats(name).map_err(|error| error.to_string())?;
        if stats.lsn.0 != place.published.lsn {
            let earlier = place.last_batch.iter().find(|image| image.lsn == stats.lsn.0);
            let image: Option<Image> = earlier.filter(|_| cut).cloned();
            let Some(image) = image else {
                return Err(format!("LSN {}, {} was acknowledged", stats.lsn, place.published.lsn));
            };
            let place = self.spaces.get_mut(name).ok_or("the space is in the model")?;
            place.published = image.clone();
            place.projected = image;
        }
        self.verify_space(name)
    }
}

fn everything() -> engram_engine::ListQuery {
    engram_engine::ListQuery {
        filter: engram_engine::Filter::default(),
        after: None,
        limit: 1,
        visibility: engram_engine::Visibility::All,
    }
}
