//! The four layers: defaults, file, environment, flags. A later layer wins, key by key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::origin::Origin;
use super::table::{ENV_PREFIX, SETTINGS, Setting, env_name, setting_of};
use super::value::SettingValue;
use engram_api::nearest;

/// Where settings may come from. The binary fills it; nothing is read behind its back.
#[derive(Clone, Debug, Default)]
pub struct ConfigSources {
    /// Name and content of the configuration file.
    pub file: Option<(String, String)>,
    /// The environment. Variables that do not start with `ENGRAM_` are read for `HOME`, `XDG_DATA_HOME` and the
    /// credentials that `embedders.NAME.api_key_env` names.
    pub env: BTreeMap<String, String>,
    /// Variables that start with `ENGRAM_` and belong to the command line, not to the configuration.
    pub env_reserved: Vec<String>,
    /// Flags: key of the setting, and the value as text.
    pub flags: Vec<(String, String)>,
}

/// One row of `config show`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigRow {
    /// Key of the setting.
    pub key: String,
    /// Its value as a person would write it; none = absent.
    pub value: Option<String>,
    /// Where the value came from.
    pub origin: Origin,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) setting: &'static Setting,
    pub(super) value: Option<SettingValue>,
    pub(super) origin: Origin,
}

impl Placed {
    /// The value as a person would write it.
    pub(super) fn show(&self) -> Option<String> {
        self.value.as_ref().map(|value| self.setting.kind.show(value))
    }
}

/// Merges the layers. Every plain key is there afterwards, and every key of an embedder of which at least one key
/// was given.
pub(super) fn merge(sources: &ConfigSources) -> Result<BTreeMap<String, Placed>, Box<ConfigError>> {
    let mut values = BTreeMap::new();
    for setting in SETTINGS.iter().filter(|setting| !setting.key.contains('*')) {
        add_default(&mut values, setting, setting.key.to_owned());
    }
    if let Some((file, text)) = &sources.file {
        add_file(&mut values, file, text)?;
    }
    for (name, text) in &sources.env {
        if name.starts_with(ENV_PREFIX) && !sources.env_reserved.contains(name) {
            add_text(&mut values, &env_key(name), text, Origin::Environment(name.clone()))?;
        }
    }
    for (key, text) in &sources.flags {
        let flag = setting_of(key).and_then(|(setting, _)| setting.flag);
        let name = flag.map_or_else(|| format!("--set {key}"), str::to_owned);
        add_text(&mut values, key, text, Origin::Flag(name))?;
    }
    Ok(values)
}

fn env_key(name: &str) -> String {
    name[ENV_PREFIX.len()..].to_lowercase().replace("__", ".")
}

fn add_default(values: &mut BTreeMap<String, Placed>, setting: &'static Setting, key: String) {
    let read = |text| setting.kind.read_text(text).expect("a test reads every default");
    let value = setting.default.map(read);
    values.entry(key).or_insert(Placed { setting, value, origin: Origin::Default });
}

/// Puts a value in place, and beside the first value of a named group the defaults of the whole group.
fn place(values: &mut BTreeMap<String, Placed>, key: &str, placed: Placed, name: &str) {
    if let Some((group, _)) = placed.setting.key.split_once('*') {
        for setting in SETTINGS.iter().filter(|other| other.key.starts_with(group)) {
            add_default(values, setting, setting.key_for(name));
        }
    }
    values.insert(key.to_owned(), placed);
}

fn add_text(
    values: &mut BTreeMap<String, Placed>,
    key: &str,
    text: &str,
    origin: Origin,
) -> Result<(), Box<ConfigError>> {
    let Some((setting, name)) = setting_of(key) else {
        return Err(unknown(values, key, origin));
    };
    let Some(value) = setting.kind.read_text(text) else {
        return Err(bad_value(setting, key, text.to_owned(), origin));
    };
    place(values, key, Placed { setting, value: Some(value), origin }, name);
    Ok(())
}

fn add_file(
    values: &mut BTreeMap<String, Placed>,
    file: &str,
    text: &str,
) -> Result<(), Box<ConfigError>> {
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        file: file.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })?;
    add_table(values, &FileText { file, text }, "", table.get_ref())
}

struct FileText<'a> {
    file: &'a str,
    text: &'a str,
}

impl FileText<'_> {
    fn origin(&self, start: usize) -> Origin {
        let line = 1 + self.text[..start.min(self.text.len())].matches('\n').count();
        Origin::File { file: self.file.to_owned(), line }
    }
}

fn add_table(
    values: &mut BTreeMap<String, Placed>,
    source: &FileText<'_>,
    above: &str,
    table: &DeTable<'_>,
) -> Result<(), Box<ConfigError>> {
    for (name, value) in table {
        let key = if above.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{above}.{}", name.get_ref())
        };
        let origin = source.origin(name.span().start);
        match (value.get_ref(), setting_of(&key)) {
            (DeValue::Table(inner), None) => add_table(values, source, &key, inner)?,
            (_, None) => return Err(unknown(values, &key, origin)),
            (raw, Some((setting, name))) => {
                let Some(value) = setting.kind.read_toml(raw) else {
                    let written = source.text.get(value.span()).unwrap_or_default();
                    return Err(bad_value(setting, &key, written.to_owned(), origin));
                };
                place(values, &key, Placed { setting, value: Some(value), origin }, name);
            }
        }
    }
    Ok(())
}

fn bad_value(setting: &Setting, key: &str, value: String, origin: Origin) -> Box<ConfigError> {
    Box::new(ConfigError::BadValue {
        key: key.to_owned(),
        origin,
        value,
        allowed: format!("{} ({})", setting.kind.range(), setting.kind.name()),
        example: setting.example.to_owned(),
    })
}

/// The nearest name is searched with the operator's own embedder name in the place of the `*`.
fn unknown(values: &BTreeMap<String, Placed>, key: &str, origin: Origin) -> Box<ConfigError> {
    let name = key.strip_prefix("embedders.").and_then(|rest| rest.split('.').next());
    let known: Vec<String> = SETTINGS
        .iter()
        .map(|setting| setting.key_for(name.unwrap_or("NAME")))
        .chain(values.keys().cloned())
        .collect();
    let found = nearest(key, known.iter().map(String::as_str));
    let nearest = match &origin {
        // In the words of the layer that it was written in.
        Origin::Environment(_) => found.map(env_name),
        _ => found.map(str::to_owned),
    };
    let key = match &origin {
        Origin::Environment(name) => name.clone(),
        _ => key.to_owned(),
    };
    Box::new(ConfigError::UnknownKey { key, origin, nearest })
}

/// The XDG base directory specification: relative paths in `XDG_DATA_HOME` are ignored.
pub(super) fn fill_data_dir(
    values: &mut BTreeMap<String, Placed>,
    env: &BTreeMap<String, String>,
) -> Result<(), Box<ConfigError>> {
    let placed = values.get_mut("data_dir").expect("every plain key is there");
    if placed.value.is_some() {
        return Ok(());
    }
    let absolute = |name: &str| env.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local").join("share")));
    let Some(home) = home else {
        return Err(Box::new(ConfigError::Conflict {
            key: "data_dir".to_owned(),
            origin: Origin::Default,
            message:
                "neither XDG_DATA_HOME nor HOME is set to an absolute path; give --data-dir DIR"
                    .to_owned(),
        }));
    };
    placed.value = Some(SettingValue::Text(home.join("engram").to_string_lossy().into_owned()));
    Ok(())
}
