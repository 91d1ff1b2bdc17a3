//! Embedders from the configuration: the built-in one, model directories, remote services.
//!
//! All are made when the server starts, so that a wrong path or a damaged model stops the start instead of a request.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use engram_api::{ErrorCode, Problem};
use engram_embed::{EmbedError, Embedder, LocalModel, ModelFiles, ModelPrefixes, builtin};

use crate::config::{EmbedderKind, EmbedderSettings, Settings};
use crate::embedding::EmbedderMap;

const BUILTIN: &str = "builtin";

/// The built-in embedder and the configured ones, by name.
pub(crate) fn configured(settings: &Settings) -> Result<EmbedderMap, Box<Problem>> {
    let mut embedders = EmbedderMap::new();
    embedders.insert(BUILTIN.to_owned(), builtin().map_err(|error| refused(BUILTIN, &error))?);
    for (name, wanted) in &settings.embedders {
        let made = make(name, wanted).map_err(|error| refused(name, &error))?;
        embedders.insert(name.clone(), made);
    }
    Ok(embedders)
}

fn refused(name: &str, error: &EmbedError) -> Box<Problem> {
    let problem = Problem::new(ErrorCode::ConfigInvalid, format!("embedder {name:?}: {error}"));
    Box::new(problem.with_field(format!("embedders.{name}")))
}

fn make(name: &str, wanted: &EmbedderSettings) -> Result<Arc<dyn Embedder>, EmbedError> {
    match wanted.kind {
        EmbedderKind::Local => local(name, wanted),
        EmbedderKind::OpenAi | EmbedderKind::Ollama | EmbedderKind::Tei => {
            Err(bad("this kind is not available"))
        }
    }
}

fn bad(message: &str) -> EmbedError {
    EmbedError::BadModel { message: message.to_owned() }
}

fn local(name: &str, wanted: &EmbedderSettings) -> Result<Arc<dyn Embedder>, EmbedError> {
    let dir = wanted.path.as_deref().ok_or_else(|| bad("path is required"))?;
    let files = ModelFiles::gather(&mut |file| read(&dir.join(file)))?;
    let prefixes = ModelPrefixes {
        document: wanted.document_prefix.clone(),
        query: wanted.query_prefix.clone(),
    };
    let model = if wanted.model.is_empty() { name } else { &wanted.model };
    let model = LocalModel::open(model, &files, &prefixes)?;
    match wanted.dimension {
        Some(dimension) if dimension != model.identity().dimension => Err(bad(&format!(
            "the configuration says {dimension} dimensions, the model has {}",
            model.identity().dimension
        ))),
        Some(_) | None => Ok(Arc::new(model)),
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, EmbedError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(bad(&format!("{}: {error}", path.display()))),
    }
}
