//! From the files of a model as it is published to one quantised blob. Pure: the same bytes in give
//! the same bytes out on every machine.

use serde_json::Value;

use crate::blob::{BlobWriter, Pooling, Shape};
use crate::error::EmbedError;
use crate::safetensors::Tensors;

/// The files of a published BERT-family model, as bytes.
#[derive(Clone, Debug, Default)]
pub struct ModelFiles {
    /// `config.json`.
    pub config: Vec<u8>,
    /// `model.safetensors` with f32, f16 or bf16 tensors.
    pub weights: Vec<u8>,
    /// `vocab.txt`; may be empty when `tokenizer` is given.
    pub vocabulary: Vec<u8>,
    /// `tokenizer.json`; may be empty when `vocabulary` is given, which then implies an uncased model.
    pub tokenizer: Vec<u8>,
    /// `1_Pooling/config.json`; empty means the mean over all tokens.
    pub pooling: Vec<u8>,
}

/// Reads a file of a model directory by its path relative to it; `None` where there is none.
pub type FileReader<'a> = dyn FnMut(&str) -> Result<Option<Vec<u8>>, EmbedError> + 'a;

/// Reads a tensor of a certain name and shape.
type TensorReader<'a> = dyn Fn(&str, &[usize]) -> Result<Vec<f32>, EmbedError> + 'a;

impl ModelFiles {
    /// Gathers the files of a model directory.
    ///
    /// # Errors
    /// What `read` returns; [`EmbedError::BadModel`] when a file that is needed is missing.
    pub fn gather(read: &mut FileReader<'_>) -> Result<Self, EmbedError> {
        let mut need = |name: &str| {
            read(name)?.ok_or_else(|| EmbedError::bad_model(format!("{name} is missing")))
        };
        let config = need("config.json")?;
        let weights = need("model.safetensors")?;
        let files = Self {
            config,
            weights,
            vocabulary: read("vocab.txt")?.unwrap_or_default(),
            tokenizer: read("tokenizer.json")?.unwrap_or_default(),
            pooling: read("1_Pooling/config.json")?.unwrap_or_default(),
        };
        if files.vocabulary.is_empty() && files.tokenizer.is_empty() {
            return Err(EmbedError::bad_model("vocab.txt and tokenizer.json are both missing"));
        }
        Ok(files)
    }
}

/// Quantises a model into the blob that the built-in embedder carries. Only `config`, `weights` and
/// `pooling` are used.
///
/// # Errors
/// [`EmbedError::BadModel`] when the files are damaged or the model is of another family.
pub fn convert_model(files: &ModelFiles) -> Result<Vec<u8>, EmbedError> {
    let shape = read_shape(files)?;
    let tensors = Tensors::parse(&files.weights)?;
    let lead = if tensors.contains("bert.embeddings.LayerNorm.weight") { "bert." } else { "" };
    let read = |name: &str, shape: &[usize]| tensors.read(&format!("{lead}{name}"), shape);
    let hidden = shape.hidden;

    let mut out = BlobWriter::new(&shape);
    out.matrix(&read("embeddings.word_embeddings.weight", &[shape.vocabulary, hidden])?);
    let mut positions = read("embeddings.position_embeddings.weight", &[shape.positions, hidden])?;
    let types = read("embeddings.token_type_embeddings.weight", &[shape_of_types(files)?, hidden])?;
    for row in positions.chunks_exact_mut(hidden) {
        row.iter_mut().zip(&types[..hidden]).for_each(|(x, y)| *x += y);
    }
    out.matrix(&positions);
    for part in ["weight", "bias"] {
        out.plain(&read(&format!("embeddings.LayerNorm.{part}"), &[hidden])?);
    }
    for layer in 0..shape.layers {
        let read =
            |name: &str, shape: &[usize]| read(&format!("encoder.layer.{layer}.{name}"), shape);
        write_layer(&shape, &read, &mut out)?;
    }
    Ok(out.finish())
}

fn write_layer(
    shape: &Shape,
    read: &TensorReader<'_>,
    out: &mut BlobWriter,
) -> Result<(), EmbedError> {
    let (hidden, wide) = (shape.hidden, shape.intermediate);
    let (mut mixed, mut bias) = (Vec::new(), Vec::new());
    for part in ["query", "key", "value"] {
        mixed.extend(read(&format!("attention.self.{part}.weight"), &[hidden, hidden])?);
        bias.extend(read(&format!("attention.self.{part}.bias"), &[hidden])?);
    }
    out.matrix(&mixed);
    out.plain(&bias);
    let linear = |name: &str, size: [usize; 2], out: &mut BlobWriter| -> Result<(), EmbedError> {
        out.matrix(&read(&format!("{name}.weight"), &size)?);
        out.plain(&read(&format!("{name}.bias"), &size[..1])?);
        Ok(())
    };
    let norm = |name: &str, out: &mut BlobWriter| -> Result<(), EmbedError> {
        out.plain(&read(&format!("{name}.weight"), &[hidden])?);
        out.plain(&read(&format!("{name}.bias"), &[hidden])?);
        Ok(())
    };
    linear("attention.output.dense", [hidden, hidden], out)?;
    norm("attention.output.LayerNorm", out)?;
    linear("intermediate.dense", [wide, hidden], out)?;
    linear("output.dense", [hidden, wide], out)?;
    norm("output.LayerNorm", out)
}

fn read_shape(files: &ModelFiles) -> Result<Shape, EmbedError> {
    let config = parse(&files.config, "config.json")?;
    let text = |key: &str, default: &'static str| {
        config.get(key).and_then(Value::as_str).unwrap_or(default).to_owned()
    };
    let family = text("model_type", "bert");
    if family != "bert" {
        return Err(EmbedError::bad_model(format!(
            "model_type is {family}, only bert is supported"
        )));
    }
    let activation = text("hidden_act", "gelu");
    if activation != "gelu" {
        return Err(EmbedError::bad_model(format!("hidden_act is {activation}, not gelu")));
    }
    let position = text("position_embedding_type", "absolute");
    if position != "absolute" {
        return Err(EmbedError::bad_model(format!("positions are {position}, not absolute")));
    }
    let epsilon = config.get("layer_norm_eps").and_then(Value::as_f64).unwrap_or(1e-12);
    let shape = Shape {
        layers: size(&config, "num_hidden_layers")?,
        hidden: size(&config, "hidden_size")?,
        heads: size(&config, "num_attention_heads")?,
        intermediate: size(&config, "intermediate_size")?,
        vocabulary: size(&config, "vocab_size")?,
        positions: size(&config, "max_position_embeddings")?,
        pooling: read_pooling(files)?,
        epsilon: epsilon as f32,
    };
    shape.check()?;
    Ok(shape)
}

fn shape_of_types(files: &ModelFiles) -> Result<usize, EmbedError> {
    size(&parse(&files.config, "config.json")?, "type_vocab_size")
}

fn read_pooling(files: &ModelFiles) -> Result<Pooling, EmbedError> {
    if files.pooling.is_empty() {
        return Ok(Pooling::Mean);
    }
    let config = parse(&files.pooling, "1_Pooling/config.json")?;
    let set = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(false);
    match (set("pooling_mode_mean_tokens"), set("pooling_mode_cls_token")) {
        (true, false) => Ok(Pooling::Mean),
        (false, true) => Ok(Pooling::First),
        _ => Err(EmbedError::bad_model("pooling is neither the mean nor the first token alone")),
    }
}

fn parse(bytes: &[u8], name: &str) -> Result<Value, EmbedError> {
    serde_json::from_slice(bytes).map_err(|error| EmbedError::bad_model(format!("{name}: {error}")))
}

fn size(config: &Value, key: &str) -> Result<usize, EmbedError> {
    let value = config.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    value.ok_or_else(|| EmbedError::bad_model(format!("config.json has no {key}")))
}
