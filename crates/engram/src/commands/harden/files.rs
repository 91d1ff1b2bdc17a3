//! Who gets at the files of a server: by their modes, their owners, and the folders above them.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use engram_server::{JwksSource, Settings, StorePlace};

use super::checks::{Check, Finding, Findings, Mend};
use super::host::Process;

/// What others than the owner may.
const OTHERS: u32 = 0o077;
/// What strangers may, and the group may beyond reading: a group of its own may read a key or a log.
const STRANGERS: u32 = 0o027;
const WRITE: u32 = 0o022;
/// In such a folder everybody can create files and only their owners can replace them.
const STICKY: u32 = 0o1000;
const PERMISSIONS: u32 = 0o7777;
/// Names of a finding.
const NAMES_MAX: usize = 3;

/// A file that is there, without the links that lead to it.
struct Place {
    path: PathBuf,
    stat: Metadata,
}

impl Place {
    /// None where it is not there; what cannot be looked at is noted.
    fn at(path: &Path, found: &mut Findings) -> Option<Place> {
        let read = fs::canonicalize(path).and_then(|path| Ok((fs::metadata(&path)?, path)));
        match read {
            Ok((stat, path)) => Some(Place { path, stat }),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                found.unseen(format!("{}: {error}", path.display()));
                None
            }
        }
    }

    fn mode(&self) -> u32 {
        self.stat.mode() & PERMISSIONS
    }

    /// The permissions among `mask` that others can use: none where a folder above lets nobody through.
    fn open_for(&self, mask: u32) -> u32 {
        let is_hidden = self.path.ancestors().skip(1).any(|above| {
            fs::metadata(above).is_ok_and(|stat| stat.is_dir() && stat.mode() & 0o011 == 0)
        });
        if is_hidden { 0 } else { self.mode() & mask }
    }

    /// A finding where others have permissions among `mask`.
    fn closed(&self, check: Check, mask: u32, mends: bool, found: &mut Findings) {
        if self.open_for(mask) == 0 {
            return;
        }
        let mode = self.mode();
        let file = (self.stat.dev(), self.stat.ino());
        let mend = mends.then(|| Mend { path: self.path.clone(), mode: mode & !mask, file });
        let what = format!("its mode is {mode:04o}");
        found.found.push(Finding { check, place: self.path.display().to_string(), what, mend });
    }
}

/// The account that the data directory belongs to.
pub(super) fn data_owner(settings: &Settings) -> Option<u32> {
    fs::metadata(&settings.data_dir).ok().map(|stat| stat.uid())
}

pub(super) fn look(
    settings: &Settings,
    config: Option<&Path>,
    process: Option<&Process>,
    found: &mut Findings,
) {
    let data = Place::at(&settings.data_dir, found);
    match &data {
        Some(data) => look_at_data(data, process, found),
        None => found.unseen(format!("{} is not there yet", settings.data_dir.display())),
    }
    let owner = data.as_ref().map(|data| data.stat.uid());
    let audit = settings.audit.dir.clone().unwrap_or_else(|| settings.data_dir.join("audit"));
    if let Some(audit) = Place::at(&audit, found) {
        audit.closed(Check::AuditDirOpen, STRANGERS, owner == Some(audit.stat.uid()), found);
    }
    for path in secret_files(settings) {
        if let Some(file) = Place::at(&path, found) {
            let mends = owner == Some(file.stat.uid());
            file.closed(Check::SecretFileOpen, STRANGERS | 0o010, mends, found);
        }
    }
    for path in trust_files(settings) {
        if let Some(file) = Place::at(&path, found) {
            let mends = owner == Some(file.stat.uid());
            file.closed(Check::TrustFileWritable, WRITE, mends, found);
        }
    }
    if let Some(config) = config.and_then(|path| Place::at(path, found)) {
        config.closed(Check::ConfigWritable, WRITE, true, found);
    }
    for repository in settings.repositories.values() {
        if let StorePlace::Folder(folder) = &repository.store.place
            && let Some(folder) = Place::at(folder, found)
        {
            folder.closed(Check::RepositoryOpen, STRANGERS, false, found);
        }
    }
}

/// Files of which the configuration says that they hold a secret.
fn secret_files(settings: &Settings) -> BTreeSet<PathBuf> {
    let tls = settings.tls.iter().map(|tls| tls.key_file.clone());
    let repositories = settings.repositories.values().filter_map(|one| one.key_file.clone());
    let embedders = settings.embedders.values().filter_map(|one| one.api_key_file.clone());
    tls.chain(repositories).chain(embedders).collect()
}

/// Files that say whom the server believes.
fn trust_files(settings: &Settings) -> BTreeSet<PathBuf> {
    let tls = settings.tls.iter();
    let tls = tls.flat_map(|tls| [Some(tls.cert_file.clone()), tls.client_ca_file.clone()]);
    let issuers = settings.tokens.values().map(|issuer| match &issuer.source {
        JwksSource::File(path) => Some(path.clone()),
        JwksSource::Url { ca_file, .. } => ca_file.clone(),
    });
    tls.chain(issuers).flatten().collect()
}

fn look_at_data(data: &Place, process: Option<&Process>, found: &mut Findings) {
    data.closed(Check::DataDirOpen, OTHERS, true, found);
    if let Some(keys) = Place::at(&data.path.join("KEYS"), found) {
        let mends = keys.stat.uid() == data.stat.uid();
        keys.closed(Check::KeysFileOpen, OTHERS, mends, found);
    }
    let owner = data.stat.uid();
    let place = data.path.display().to_string();
    if let Some(server) = process.filter(|process| process.is_server && process.uid != owner) {
        let what = format!("it belongs to account {owner}, the server runs as {}", server.uid);
        found.add(Check::DataDirOwner, &place, what);
    }
    match foreign(&data.path, owner) {
        Ok(names) if names.is_empty() => {}
        Ok(names) => {
            let shown = names[..names.len().min(NAMES_MAX)].join(", ");
            let what = format!("{} of its entries belong to others: {shown}", names.len());
            found.add(Check::DataDirOwner, &place, what);
        }
        Err(error) => found.unseen(format!("{place}: {error}")),
    }
    for above in data.path.ancestors().skip(1) {
        let Some(folder) = Place::at(above, found) else { continue };
        let (uid, gid) = (folder.stat.uid(), folder.stat.gid());
        // A group with the number of its only member is that member.
        let mask = if gid == uid { 0o002 } else { WRITE };
        if folder.mode() & STICKY == 0 && folder.open_for(mask) != 0 {
            let what = format!("its mode is {:04o}", folder.mode());
            found.add(Check::DataDirReplaceable, above.display().to_string(), what);
        }
    }
}

/// Names of the entries that belong to another account.
fn foreign(dir: &Path, owner: u32) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(stat) if stat.uid() != owner => {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
            // What went away while it was listed belongs to nobody.
            _ => {}
        }
    }
    names.sort();
    Ok(names)
}
