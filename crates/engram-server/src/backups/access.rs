//! Opening the repositories that the configuration names.

use std::collections::BTreeMap;
use std::sync::Arc;

use engram_api::{ErrorCode, Problem, nearest};
use engram_backup::{Repository, RepositoryKey, RepositoryOptions};
use engram_store::{BlobStore, Entropy, OsEntropy, OverlayBlobs};
use tokio::runtime::{Handle, Runtime};

use super::paced::PacedBlobs;
use super::problem::repository_problem;
use crate::blobs;
use crate::config::{RepositorySettings, Settings, StorePlace};

/// Names of the repositories of a configuration.
pub fn repository_names(settings: &Settings) -> Vec<&str> {
    settings.repositories.keys().map(String::as_str).collect()
}

/// A repository that is opened without a server.
pub struct RepositoryAccess {
    /// Its name in the configuration.
    pub name: String,
    /// The repository.
    pub repository: Repository,
    /// The store that it reads and writes.
    pub store: Arc<dyn BlobStore>,
    /// The cold store of the configuration.
    pub cold: Option<Arc<dyn BlobStore>>,
    /// What calls over the network wait on; it ends last.
    _runtime: Runtime,
}

impl RepositoryAccess {
    /// Opens the repository of that name, or the only one where none is named.
    ///
    /// # Errors
    /// No such repository, none that was begun, another key, a store that does not answer.
    pub fn open(settings: &Settings, name: Option<&str>) -> Result<RepositoryAccess, Box<Problem>> {
        let runtime = runtime()?;
        let cold = blobs::open_blobs(settings, runtime.handle())?;
        RepositoryAccess::new(settings, name, runtime, |store| (store, cold))
    }

    /// The same for somebody who must not change it: what is written goes to `changes`, the repository is only read. The cold store of
    /// the configuration is not opened.
    ///
    /// # Errors
    /// As [`RepositoryAccess::open`].
    pub fn open_over(
        settings: &Settings,
        name: Option<&str>,
        changes: Arc<dyn BlobStore>,
    ) -> Result<RepositoryAccess, Box<Problem>> {
        let (name, own) = choose(&settings.repositories, name)?;
        // Opening a folder would make it.
        if let StorePlace::Folder(dir) = &own.store.place
            && !dir.is_dir()
        {
            return Err(Box::new(nothing_yet(name)));
        }
        let over =
            |store| (Arc::new(OverlayBlobs::new(store, changes)) as Arc<dyn BlobStore>, None);
        RepositoryAccess::new(settings, Some(name), runtime()?, over)
    }

    fn new(
        settings: &Settings,
        name: Option<&str>,
        runtime: Runtime,
        stores: impl FnOnce(Arc<dyn BlobStore>) -> (Arc<dyn BlobStore>, Option<Arc<dyn BlobStore>>),
    ) -> Result<RepositoryAccess, Box<Problem>> {
        let (name, own) = choose(&settings.repositories, name)?;
        let (store, options) = parts(name, own, runtime.handle())?;
        let (store, cold) = stores(store);
        let opened = Repository::open(Arc::clone(&store), Arc::new(OsEntropy), options);
        let repository = opened.map_err(|error| Box::new(repository_problem(name, error)))?;
        let repository = repository.ok_or_else(|| nothing_yet(name))?;
        Ok(RepositoryAccess { name: name.to_owned(), repository, store, cold, _runtime: runtime })
    }
}

fn runtime() -> Result<Runtime, Box<Problem>> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    built.map_err(|error| Box::new(Problem::new(ErrorCode::Internal, error.to_string())))
}

fn nothing_yet(name: &str) -> Problem {
    let detail = format!("repository `{name}` holds nothing yet: no server has archived into it");
    Problem::new(ErrorCode::RepositoryNotFound, detail)
}

/// The repository of that name, or the only one.
pub(super) fn choose<'a, T>(
    repositories: &'a BTreeMap<String, T>,
    name: Option<&str>,
) -> Result<(&'a str, &'a T), Box<Problem>> {
    let known = || repositories.keys().map(String::as_str);
    let missing = |detail: String| Problem::new(ErrorCode::RepositoryNotFound, detail);
    let found = match name {
        Some(name) => repositories.get_key_value(name).ok_or_else(|| {
            let mut problem = missing(format!("no repository is called `{name}`"));
            problem.nearest = nearest(name, known()).map(str::to_owned);
            problem
        })?,
        None => {
            let mut all = repositories.iter();
            let none = || missing("the configuration names no repository".to_owned());
            let one = all.next().ok_or_else(none)?;
            if all.next().is_some() {
                let names = known().collect::<Vec<_>>().join(", ");
                return Err(Box::new(missing(format!("there are several: name one of {names}"))));
            }
            one
        }
    };
    Ok((found.0, found.1))
}

/// What a repository is opened with. Nothing is asked over the network yet.
pub(crate) fn parts(
    name: &str,
    own: &RepositorySettings,
    handle: &Handle,
) -> Result<(Arc<dyn BlobStore>, RepositoryOptions), Box<Problem>> {
    let wrong = |field: &str, detail: String| {
        let problem = Problem::new(ErrorCode::ConfigInvalid, detail);
        Box::new(problem.with_field(format!("repositories.{name}.{field}")))
    };
    let blobs = blobs::open(&own.store, handle).map_err(|error| wrong("url", error.to_string()))?;
    let blobs = match own.bytes_per_second {
        Some(bytes) => Arc::new(PacedBlobs::new(blobs, bytes)) as Arc<dyn BlobStore>,
        None => blobs,
    };
    let text = match (&own.key, &own.key_file) {
        (Some(key), _) => Some((key.expose().to_owned(), "key_env")),
        (None, Some(path)) => {
            let read = std::fs::read_to_string(path);
            let read =
                read.map_err(|error| wrong("key_file", format!("{}: {error}", path.display())))?;
            Some((read, "key_file"))
        }
        (None, None) => None,
    };
    let secret = match text {
        Some((text, field)) => {
            let key = RepositoryKey::parse(&text);
            Some(key.ok_or_else(|| wrong(field, "a key is 64 hexadecimal digits".to_owned()))?)
        }
        None => None,
    };
    Ok((blobs, RepositoryOptions { secret, zstd_level: own.zstd_level }))
}

/// Opens a repository for a server, which begins it where there is none.
pub(super) fn open_or_begin(
    name: &str,
    parts: &(Arc<dyn BlobStore>, RepositoryOptions),
    entropy: Arc<dyn Entropy>,
) -> Result<Repository, Box<Problem>> {
    let (blobs, options) = parts;
    let opened = Repository::open_or_begin(Arc::clone(blobs), entropy, options.clone());
    opened.map_err(|error| Box::new(repository_problem(name, error)))
}
