//! Embedders from the configuration: the built-in one, model directories, remote services.
//!
//! All are made when the server starts, so that a wrong path or a damaged model stops the start instead of a request.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use engram_api::{ErrorCode, Problem};
use engram_embed::{
    EmbedError, Embedder, LocalModel, ModelFiles, ModelPrefixes, Phraser, PhraserConfig,
    RemoteConfig, RemoteEmbedder, RemoteKind, RemotePhraser, builtin,
};

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

/// The model that puts beliefs into words, where one is configured.
pub(crate) fn phraser(settings: &Settings) -> Result<Option<Arc<dyn Phraser>>, Box<Problem>> {
    let Some(wanted) = &settings.phraser else { return Ok(None) };
    let config = PhraserConfig {
        url: wanted.url.clone(),
        model: wanted.model.clone(),
        api_key: wanted.api_key.as_ref().map(|key| key.expose().to_owned()),
        timeout: wanted.timeout,
    };
    match RemotePhraser::new(config) {
        Ok(phraser) => Ok(Some(Arc::new(phraser))),
        Err(error) => {
            let problem = Problem::new(ErrorCode::ConfigInvalid, format!("consolidation: {error}"));
            Err(Box::new(problem.with_field("consolidation.url")))
        }
    }
}

fn refused(name: &str, error: &EmbedError) -> Box<Problem> {
    let problem = Problem::new(ErrorCode::ConfigInvalid, format!("embedder {name:?}: {error}"));
    Box::new(problem.with_field(format!("embedders.{name}")))
}

fn make(name: &str, wanted: &EmbedderSettings) -> Result<Arc<dyn Embedder>, EmbedError> {
    let kind = match wanted.kind {
        EmbedderKind::Local => return local(name, wanted),
        EmbedderKind::OpenAi => RemoteKind::OpenAi,
        EmbedderKind::Ollama => RemoteKind::Ollama,
        EmbedderKind::Tei => RemoteKind::Tei,
    };
    let dimension = wanted.dimension.ok_or_else(|| bad("dimension is required"))?;
    let mut config = RemoteConfig::new(kind, &wanted.url, &wanted.model, dimension);
    config.api_key = api_key(wanted)?;
    config.prefixes = prefixes(wanted);
    Ok(Arc::new(RemoteEmbedder::new(config)?))
}

/// The file wins over the environment; the line end that editors leave is not part of a credential.
fn api_key(wanted: &EmbedderSettings) -> Result<Option<String>, EmbedError> {
    let Some(path) = &wanted.api_key_file else {
        return Ok(wanted.api_key.as_ref().map(|key| key.expose().to_owned()));
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| bad(&format!("{}: {error}", path.display())))?;
    Ok(Some(text.trim_end().to_owned()))
}

fn prefixes(wanted: &EmbedderSettings) -> ModelPrefixes {
    ModelPrefixes { document: wanted.document_prefix.clone(), query: wanted.query_prefix.clone() }
}

fn bad(message: &str) -> EmbedError {
    EmbedError::BadModel { message: message.to_owned() }
}

fn local(name: &str, wanted: &EmbedderSettings) -> Result<Arc<dyn Embedder>, EmbedError> {
    let dir = wanted.path.as_deref().ok_or_else(|| bad("path is required"))?;
    let files = ModelFiles::gather(&mut |file| read(&dir.join(file)))?;
    let model = if wanted.model.is_empty() { name } else { &wanted.model };
    let model = LocalModel::open(model, &files, &prefixes(wanted))?;
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

#[cfg(test)]
mod tests {
    use crate::config::ConfigSources;

    use super::*;

    fn configured_by(file: &str) -> Result<EmbedderMap, String> {
        let flags = vec![("data_dir".to_owned(), "/nowhere".to_owned())];
        let file = Some(("engram.toml".to_owned(), file.to_owned()));
        let sources = ConfigSources { file, flags, ..ConfigSources::default() };
        configured(&Settings::load(&sources).unwrap()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn remote_embedders_are_made_without_a_call() {
        let file = "[embedders.far]\nkind = \"ollama\"\nurl = \"http://127.0.0.1:1\"\nmodel = \"m\"\n\
                    dimension = 8\n";
        let embedders = configured_by(file).unwrap();
        let names: Vec<&str> = embedders.keys().map(String::as_str).collect();
        assert_eq!(names, ["builtin", "far"]);
        let identity = embedders["far"].identity();
        assert_eq!((identity.provider.as_str(), identity.dimension), ("ollama", 8));
    }

    #[test]
    fn what_cannot_work_stops_the_start() {
        let refused = |fields: &str| {
            let file = format!("[embedders.mine]\ndimension = 8\nmodel = \"m\"\n{fields}");
            configured_by(&file).err().unwrap()
        };
        let missing = refused("kind = \"local\"\npath = \"/nowhere\"");
        assert!(missing.contains("mine") && missing.contains("config.json"), "{missing}");
        let url = refused("kind = \"openai\"\nurl = \"ftp://example.org\"");
        assert!(url.contains("mine"), "{url}");
        let key = "kind = \"tei\"\nurl = \"http://127.0.0.1:1\"\napi_key_file = \"/nowhere/key\"";
        assert!(refused(key).contains("/nowhere/key"));
    }
}
