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

/// Chance in percent that a whole sector reads as zeros instead, where the log was closed.
const SECTOR: u64 = 30;
const SECTOR_BYTES: usize = 512;
/// Bytes in use behind a lost sector: at least the checkpoint that proves it was in use.
const PROOF_BYTES: usize = 1_200;

/// Where something lies.
#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    /// In the cold store.
    Object(String),
}

/// What rots.
struct Spot {
    place: Place,
    offset: usize,
    /// The bits to flip, byte by byte.
    masks: Vec<u8>,
}

impl History {
    /// The last act of a history, on an open engine.
    pub(crate) fn rot(&mut self) -> Check {
        if self.rng.chance(KILLED) {
            for _ in 0..self.rng.below(3) {
                self.step()?;
            }
            self.fs.heal();
            self.store.heal();
            self.squeezed = false;
            self.drive()?;
            self.tend()?;
            self.reboot(End::PowerCut);
        } else {
            let result = self.engine().close();
            self.settle()?;
            result.map_err(|error| format!("close fails: {error}"))?;
            self.prove_all();
            self.reboot(End::PowerCut);
        }
        let Some(spot) = self.spot() else { return Ok(()) };
        self.tally.rotten += 1;
        let place = &spot.place;
        let (offset, count) = (spot.offset, spot.masks.len());
        self.note(format!(
            "rot: {place:?} offset {offset} bytes {count} mask {:08b}",
            spot.masks[0]
        ));
        for (at, mask) in (offset..).zip(&spot.masks) {
            match place {
                Place::File(path) => self.fs.rot(path, at as u64, *mask),
                Place::Object(key) => self.store.rot(key, at as u64, *mask),
            };
        }
        self.forget_graphs();
        let told = self.open_rotten()?;
        self.tally.rot_reported += u64::from(told);
        // Who looks again sees the same.
        self.reboot(End::PowerCut);
        self.open_rotten().map(|_| ())
    }

    fn spot(&mut self) -> Option<Spot> {
        let mut files = self.fs.peek(&PathBuf::from(DATA_DIR).join("wal"));
        files.extend(self.fs.peek(&PathBuf::from(DATA_DIR).join("index")));
        files.extend(self.fs.peek(&PathBuf::from(DATA_DIR).join("spaces")));
        files.extend(self.fs.peek(DATA_DIR.as_ref()));
        let files = files.into_iter().map(|(path, bytes)| (Place::File(path), bytes));
        let objects = self.store.peek().into_iter();
        let objects = objects.map(|(key, bytes)| (Place::Object(key), bytes));
        let mut all: Vec<(Place, Vec<u8>)> = files.chain(objects).collect();
        all.retain(|(_, bytes)| !bytes.is_empty());
        if all.is_empty() {
            return None;
        }
        let (place, bytes) = &all[self.rng.index(all.len())];
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        let offset = if !used.is_empty() && self.rng.chance(IN_USE) {
            used[self.rng.index(used.len())]
        } else {
            self.rng.index(bytes.len())
        };
        let sector = offset / SECTOR_BYTES * SECTOR_BYTES;
        let proven = used.last().is_some_and(|last| sector + SECTOR_BYTES + PROOF_BYTES <= *last);
        if self.closed && proven && self.rng.chance(SECTOR) {
            let masks = bytes[sector..sector + SECTOR_BYTES].to_vec();
            return Some(Spot { place: place.clone(), offset: sector, masks });
        }
        Some(Spot { place: place.clone(), offset, masks: vec![1 << self.rng.below(8)] })
    }

    /// Opens, and compares what is served with the model. Whether the rot was reported.
    fn open_rotten(&mut self) -> Check<bool> {
        let Some(recovery) = self.try_rotten()? else { return Ok(true) };
        let told = !recovery.damage.is_empty()
            || !recovery.quarantined.is_empty()
            || recovery.torn_tail.is_some();
        let names: Vec<String> = self.spaces.keys().cloned().collect();
        for info in self.engine().spaces() {
            let ghost = self.ghosts.contains(&info.id);
            self.ghosts_may_return |= ghost && recovery.torn_tail.is_some();
            let ghost = ghost && self.ghosts_may_return;
            if !names.contains(&info.name) && info.quarantined.is_none() && !ghost {
                return Err(format!("rot brought {} back", info.name));
            }
        }
        for name in names {
            self.verify_rotten(&name, &recovery)
                .map_err(|what| format!("{name} after rot: {what}; {recovery:?}"))?;
        }
        let broken = self.engine().spaces().iter().any(|info| info.quarantined.is_some());
        Ok(told || broken)
    }

    /// None when the engine refuses to open, which is an honest answer.
    fn try_rotten(&mut self) -> Check<Option<Recovery>> {
        match self.attempt() {
            Ok((engine, recovery)) => {
                self.engine = Some(std::sync::Arc::new(engine));
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
        let mut told = !recovery.damage.is_empty() || !recovery.quarantined.is_empty();
        // A space is read, and damage in its files found, when it is asked for.
        let read = self.engine().stats(name).map(|_| ());
        told |= matches!(&read, Err(error) if classify(error) == "quarantined");
        // Only the last batch of a log that was not closed may look like one that was never acknowledged.
        let cut = recovery.torn_tail.is_some() && !self.closed;
        let place = &self.spaces[name];
        let info = match self.engine().space(name) {
            Ok(info) => info,
            Err(_) if told => return Ok(()),
            Err(_) if cut && place.last_batch[0].lsn == 0 => {
                self.spaces.remove(name);
                return Ok(());
            }
            Err(error) => return Err(format!("gone without a word: {error}")),
        };
        if info.quarantined.is_some() {
            told = true;
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
        let verified = self.verify_space(name);
        // A memory is read when somebody asks for it: only then is damage there found, and told.
        let told = self.engine().space(name).is_ok_and(|info| info.quarantined.is_some());
        if told { Ok(()) } else { verified }
    }
}

fn everything() -> engram_engine::ListQuery {
    engram_engine::ListQuery {
        filter: engram_engine::Filter::default(),
        after: None,
        limit: 1,
        visibility: engram_engine::Visibility::All,
        as_of: None,
    }
}
