//! Models from files, on a tiny one that is made here: one layer of 64 with a vocabulary of words.

use std::collections::HashMap;

use engram_embed::conformance::check_embedder;
use engram_embed::{EmbedError, EmbedText, Embedder, LocalModel, ModelFiles, ModelPrefixes};
use serde_json::json;

const HIDDEN: usize = 64;
const WIDE: usize = 128;
const POSITIONS: usize = 256;

/// How the numbers of a tensor are written.
#[derive(Clone, Copy)]
enum Kind {
    F32,
    Bf16,
}

fn vocabulary() -> Vec<String> {
    let marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let pieces = ('!'..='~').flat_map(|c| [c.to_string(), format!("##{c}")]);
    let wide = ['\u{4e2d}', '\u{1f600}', '\u{5d0}'].map(String::from);
    marks.into_iter().chain(pieces).chain(wide).collect()
}

/// Numbers without a pattern, the same in every run.
fn noise(count: usize, state: &mut u32) -> Vec<f32> {
    let mut next = || {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        (*state as f32 / u32::MAX as f32 - 0.5) * 0.4
    };
    (0..count).map(|_| next()).collect()
}

fn tensors() -> Vec<(String, Vec<usize>)> {
    let mut list = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![vocabulary().len(), HIDDEN]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![POSITIONS, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN]),
    ];
    let mut linear = |name: &str, rows: usize, columns: usize| {
        list.push((format!("encoder.layer.0.{name}.weight"), vec![rows, columns]));
        list.push((format!("encoder.layer.0.{name}.bias"), vec![rows]));
    };
    for part in ["query", "key", "value"] {
        linear(&format!("attention.self.{part}"), HIDDEN, HIDDEN);
    }
    linear("attention.output.dense", HIDDEN, HIDDEN);
    linear("intermediate.dense", WIDE, HIDDEN);
    linear("output.dense", HIDDEN, WIDE);
    for norm in [
        "embeddings.LayerNorm",
        "encoder.layer.0.attention.output.LayerNorm",
        "encoder.layer.0.output.LayerNorm",
    ] {
        list.push((format!("{norm}.weight"), vec![HIDDEN]));
        list.push((format!("{norm}.bias"), vec![HIDDEN]));
    }
    list
}

fn weights(kind: Kind, lead: &str) -> Vec<u8> {
    let (mut table, mut data, mut state) = (serde_json::Map::new(), Vec::new(), 42);
    for (name, shape) in tensors() {
        let start = data.len();
        for x in noise(shape.iter().product(), &mut state) {
            // A normalisation scales by about one.
            let x = if name.ends_with("LayerNorm.weight") { 1.0 + x } else { x };
            // Truncated to what bf16 holds, so that both kinds give the same model.
            let bits = x.to_bits() >> 16;
            match kind {
                Kind::F32 => data.extend_from_slice(&(bits << 16).to_le_bytes()),
                Kind::Bf16 => data.extend_from_slice(&(bits as u16).to_le_bytes()),
            }
        }
        let kind = match kind {
            Kind::F32 => "F32",
            Kind::Bf16 => "BF16",
        };
        let entry = json!({"dtype": kind, "shape": shape, "data_offsets": [start, data.len()]});
        table.insert(format!("{lead}{name}"), entry);
    }
    let table = serde_json::to_vec(&table).unwrap();
    let mut file = (table.len() as u64).to_le_bytes().to_vec();
    file.extend(table);
    file.extend(data);
    file
}

fn config() -> serde_json::Value {
    json!({"model_type": "bert", "hidden_act": "gelu", "num_hidden_layers": 1,
        "hidden_size": HIDDEN, "num_attention_heads": 2, "intermediate_size": WIDE,
        "vocab_size": vocabulary().len(), "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2, "layer_norm_eps": 1e-12})
}

fn files() -> ModelFiles {
    ModelFiles {
        config: config().to_string().into_bytes(),
        weights: weights(Kind::F32, ""),
        vocabulary: vocabulary().join("\n").into_bytes(),
        ..ModelFiles::default()
    }
}

fn open(files: &ModelFiles) -> Result<LocalModel, EmbedError> {
    LocalModel::open("tiny", files, &ModelPrefixes::default())
}

fn vector(model: &LocalModel, text: &str) -> Vec<f32> {
    model.embed_query(text).unwrap().unwrap()
}

#[test]
fn a_model_from_files_keeps_the_promises() {
    let files = files();
    let model = open(&files).unwrap();
    check_embedder(&model);
    let identity = model.identity();
    assert_eq!((identity.provider.as_str(), identity.model.as_str()), ("local", "tiny"));
    assert_eq!(identity.dimension, 64);
    assert_eq!(identity.weights_hash, blake3::hash(&files.weights).to_hex().as_str());
}

#[test]
fn other_forms_of_the_same_model_give_the_same_vectors() {
    let expected = vector(&open(&files()).unwrap(), "green tea");
    let half = ModelFiles { weights: weights(Kind::Bf16, "bert."), ..files() };
    assert_eq!(vector(&open(&half).unwrap(), "green tea"), expected);
    let vocabulary: HashMap<String, usize> =
        vocabulary().into_iter().enumerate().map(|(id, piece)| (piece, id)).collect();
    let tokenizer = json!({"normalizer": {"lowercase": true, "strip_accents": null},
        "model": {"type": "WordPiece", "vocab": vocabulary}});
    let tokenizer = tokenizer.to_string().into_bytes();
    let other = ModelFiles { vocabulary: Vec::new(), tokenizer, ..files() };
    assert_eq!(vector(&open(&other).unwrap(), "Green T\u{e9}a"), expected);
}

#[test]
fn pooling_and_prefixes_are_heeded() {
    let mean = open(&files()).unwrap();
    let pooling = json!({"pooling_mode_cls_token": true}).to_string().into_bytes();
    let first = open(&ModelFiles { pooling, ..files() }).unwrap();
    assert!(vector(&mean, "tea") != vector(&first, "tea"));
    let prefixes = ModelPrefixes { document: "passage: ".into(), query: "query: ".into() };
    let model = LocalModel::open("tiny", &files(), &prefixes).unwrap();
    assert_eq!(vector(&model, "tea"), vector(&mean, "query: tea"));
    let text = EmbedText { text: "tea", ..Default::default() };
    let documents = model.embed_documents(&[text]).unwrap();
    assert_eq!(documents[0][0], vector(&mean, "passage: tea"));
}

#[test]
fn files_are_gathered_by_name() {
    let full = files();
    let mut asked = Vec::new();
    let gathered = ModelFiles::gather(&mut |name| {
        asked.push(name.to_owned());
        Ok(match name {
            "config.json" => Some(full.config.clone()),
            "model.safetensors" => Some(full.weights.clone()),
            "vocab.txt" => Some(full.vocabulary.clone()),
            _ => None,
        })
    });
    assert_eq!(open(&gathered.unwrap()).unwrap().identity(), open(&full).unwrap().identity());
    assert!(asked.contains(&"1_Pooling/config.json".to_owned()));
    let missing = ModelFiles::gather(&mut |_| Ok(None)).unwrap_err();
    assert!(missing.to_string().contains("config.json is missing"), "{missing}");
}

#[test]
fn what_cannot_run_is_refused_with_the_reason() {
    let check = |files: ModelFiles, expected: &str| {
        let error = open(&files).err().expect("refused");
        assert!(matches!(error, EmbedError::BadModel { .. }));
        assert!(error.to_string().contains(expected), "{error} does not say {expected}");
    };
    let with = |key: &str, value: serde_json::Value| {
        let mut config = config();
        config[key] = value;
        ModelFiles { config: config.to_string().into_bytes(), ..files() }
    };
    check(with("model_type", json!("xlm-roberta")), "xlm-roberta");
    check(with("hidden_act", json!("relu")), "relu");
    check(with("hidden_size", json!(100)), "multiples of 64");
    check(with("hidden_size", json!(128)), "shape");
    check(with("num_hidden_layers", json!(2)), "encoder.layer.1");
    check(with("max_position_embeddings", json!(64)), "shape");
    check(ModelFiles { config: b"{".to_vec(), ..files() }, "config.json");
    check(ModelFiles { weights: b"no".to_vec(), ..files() }, "safetensors");
    check(ModelFiles { vocabulary: b"a\nb".to_vec(), ..files() }, "[UNK]");
    let long = format!("{}\nmore", vocabulary().join("\n"));
    check(ModelFiles { vocabulary: long.into_bytes(), ..files() }, "pieces");
    let pooling = json!({"pooling_mode_max_tokens": true}).to_string().into_bytes();
    check(ModelFiles { pooling, ..files() }, "pooling");
}
