//! The messages, as the schemas and the table of operations say.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::numbers::Numbers;
use crate::operation::{OPERATIONS, Operation, Scope, Streaming};
use crate::schema::schemas;

/// The package of the messages.
pub const PACKAGE: &str = "engram.v1";
/// The service that has all operations.
pub const SERVICE: &str = "Engram";

/// What became of each request of a stream of them: a field with its answer, or with the problem.
pub(super) const INGEST_RESULT: &str = "IngestResult";

/// What a stream of an export consists of.
const TRANSFER_RECORD: &str = "TransferRecord";

/// Names the space in a request. It is no field of the type: the path has it in REST.
pub(super) const SPACE: &str = "space";
/// Names the fields to be cleared: `null` in JSON, which proto3 does not have.
pub(super) const CLEAR: &str = "clear";

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtoKind {
    /// `bool`.
    Bool,
    /// `uint64`.
    Unsigned,
    /// `int64`.
    Signed,
    /// `double`.
    Double,
    /// `float`: elements of vectors.
    Float,
    /// `string`.
    Text,
    /// `google.protobuf.Timestamp`.
    Time,
    /// `google.protobuf.Value`: any JSON.
    Json,
    /// `google.protobuf.Struct`: any JSON object.
    Object,
    /// A message with a list of `float`.
    Vector,
    /// An LSN or a time.
    AsOf,
    /// An enumeration, by its place in the file.
    Enumeration(usize),
    /// A message, by its place in the file.
    Message(usize),
}

/// How often a field is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtoLabel {
    /// Always.
    Required,
    /// Once or never.
    Optional,
    /// Any number of times.
    Repeated,
    /// By keys that are strings.
    Map,
    /// At most one of its message.
    OneOf,
}

/// A field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtoField {
    /// Its name, the same as in JSON.
    pub name: String,
    /// Its number.
    pub number: u32,
    /// What it holds.
    pub kind: ProtoKind,
    /// How often it is there.
    pub label: ProtoLabel,
    /// Whether its absence stands for its zero, which the wire format leaves out: a number, in an answer a text or list as well.
    pub(super) has_zero: bool,
    /// What it means.
    pub doc: String,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtoMessage {
    /// Its name, the same as that of the schema.
    pub name: String,
    /// What it is.
    pub doc: String,
    /// Its fields by number.
    pub fields: Vec<ProtoField>,
    /// Numbers and names that it had once.
    pub reserved: Vec<(u32, String)>,
    /// Places of the fields by name.
    by_name: BTreeMap<String, usize>,
}

impl ProtoMessage {
    pub(super) fn named(&self, name: &str) -> Option<&ProtoField> {
        self.by_name.get(name).map(|place| &self.fields[*place])
    }

    pub(super) fn numbered(&self, number: u32) -> Option<usize> {
        self.fields.binary_search_by_key(&number, |field| field.number).ok()
    }

    /// Whether it is one of its fields, as an enum of serde is.
    pub(super) fn is_one_of(&self) -> bool {
        self.fields.iter().any(|field| field.label == ProtoLabel::OneOf)
    }
}

/// An enumeration. Its number 0 stands for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtoEnum {
    /// Its name, the same as that of the schema.
    pub name: String,
    /// Names as in JSON, with their numbers, by number.
    pub values: Vec<(u32, String)>,
}

impl ProtoEnum {
    /// Name of a value as it stands in the file: `KIND_NAME_EPISODE`.
    pub fn constant(&self, value: &str) -> String {
        format!("{}_{}", screaming(&self.name), value.to_ascii_uppercase())
    }
}

/// A call of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtoRpc {
    /// Its name, CamelCase.
    pub name: String,
    /// The operation that it calls.
    pub operation: &'static Operation,
    /// Name of the message that it takes.
    pub request: String,
    /// Name of the message that it gives.
    pub response: &'static str,
    /// Whether it gives many.
    pub streams: bool,
    /// Whether it takes many.
    pub takes_stream: bool,
}

/// The file with all messages and the service.
#[derive(Clone, Debug, Default)]
pub struct ProtoFile {
    /// Messages by name.
    pub messages: Vec<ProtoMessage>,
    /// Enumerations by name.
    pub enumerations: Vec<ProtoEnum>,
    /// Calls in the order of the table.
    pub rpcs: Vec<ProtoRpc>,
}

static FILE: LazyLock<ProtoFile> = LazyLock::new(|| derive().0);

impl ProtoFile {
    /// The file of this version.
    pub fn current() -> &'static ProtoFile {
        &FILE
    }

    /// The message of that name.
    pub fn message(&self, name: &str) -> Option<&ProtoMessage> {
        let place = self.messages.binary_search_by(|message| message.name.as_str().cmp(name));
        place.ok().map(|place| &self.messages[place])
    }
}

/// The file, and the numbers with those that are new.
pub(super) fn derive() -> (ProtoFile, Numbers) {
    let mut schemas: BTreeMap<String, Value> =
        schemas().into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    // Where an operation takes nothing but its space, JSON needs no type.
    for operation in OPERATIONS {
        schemas.entry(request_name(operation)).or_insert_with(|| {
            let doc = format!("The request of `{}`.", operation.name);
            serde_json::json!({"type": "object", "description": doc, "properties": {}})
        });
    }
    schemas.insert(INGEST_RESULT.to_owned(), ingest_result());
    let mut derivation = Derivation { numbers: Numbers::committed(), places: places(&schemas) };
    let mut file = ProtoFile::default();
    for (name, schema) in &schemas {
        match derivation.places.get(name) {
            Some(ProtoKind::Enumeration(_)) => {
                let enumeration = derivation.enumeration(name, schema);
                file.enumerations.push(enumeration);
            }
            Some(ProtoKind::Message(_)) => file.messages.push(derivation.message(name, schema)),
            _ => {}
        }
    }
    file.rpcs = OPERATIONS.iter().flat_map(rpcs).collect();
    (file, derivation.numbers)
}

fn ingest_result() -> Value {
    let one = |field: &str, name: &str, doc: &str| {
        let target = format!("#/components/schemas/{name}");
        serde_json::json!({"properties": {field: {"$ref": target, "description": doc}}})
    };
    serde_json::json!({
        "description": "What became of a request of a stream.",
        "oneOf": [
            one("stored", "RememberManyResponse", "Its answer."),
            one("refused", "Problem", "Why it was refused; the stream goes on."),
        ],
    })
}

/// What each named schema becomes.
fn places(schemas: &BTreeMap<String, Value>) -> BTreeMap<String, ProtoKind> {
    let (mut messages, mut enumerations) = (0, 0);
    let mut place = |schema: &Value| {
        if schema.get("enum").is_some() {
            enumerations += 1;
            return ProtoKind::Enumeration(enumerations - 1);
        }
        if schema["type"] == "object" || variants(schema).is_some() {
            messages += 1;
            return ProtoKind::Message(messages - 1);
        }
        // One of several forms of JSON.
        ProtoKind::Json
    };
    schemas.iter().map(|(name, schema)| (name.clone(), place(schema))).collect()
}

/// The alternatives of a schema, each an object with one field, as serde writes an enum.
fn variants(schema: &Value) -> Option<Vec<&Map<String, Value>>> {
    let alternatives = schema["oneOf"].as_array()?;
    let fields = alternatives.iter().map(|one| {
        let fields = one["properties"].as_object()?;
        (fields.len() == 1).then_some(fields)
    });
    fields.collect()
}

struct Derivation {
    numbers: Numbers,
    places: BTreeMap<String, ProtoKind>,
}

impl Derivation {
    fn enumeration(&mut self, name: &str, schema: &Value) -> ProtoEnum {
        let names = schema["enum"].as_array().expect("it was taken for its names");
        let names = names.iter().map(|name| name.as_str().expect("names are strings").to_owned());
        let mut values: Vec<(u32, String)> =
            names.map(|value| (self.numbers.number(name, &value), value)).collect();
        values.sort();
        ProtoEnum { name: name.to_owned(), values }
    }

    fn message(&mut self, name: &str, schema: &Value) -> ProtoMessage {
        let mut fields = Vec::new();
        let in_space = |operation: &Operation| {
            operation.scope == Scope::Space && request_name(operation) == name
        };
        if OPERATIONS.iter().any(in_space) {
            let doc = "The space that the request is about.".to_owned();
            fields.push(self.field(name, SPACE, (ProtoKind::Text, ProtoLabel::Required), doc));
        }
        if let Some(variants) = variants(schema) {
            for (field, schema) in variants.into_iter().flatten() {
                let kind = self.shape(schema).0;
                fields.push(self.field(name, field, (kind, ProtoLabel::OneOf), doc(schema)));
            }
        }
        let required: Vec<&str> = schema["required"]
            .as_array()
            .map_or_else(Vec::new, |names| names.iter().filter_map(Value::as_str).collect());
        let mut clears = false;
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            let (given, nullable) = nullable(schema);
            clears |= nullable;
            let (kind, label) = self.shape(given);
            let label = match label {
                ProtoLabel::Optional if required.contains(&field.as_str()) => ProtoLabel::Required,
                label => label,
            };
            fields.push(self.field(name, field, (kind, label), doc(schema)));
        }
        if clears {
            let doc = "Names of fields to clear, which are `null` in JSON.".to_owned();
            fields.push(self.field(name, CLEAR, (ProtoKind::Text, ProtoLabel::Repeated), doc));
        }
        let is_request = schema["additionalProperties"] == false;
        for field in &mut fields {
            field.has_zero = required.contains(&field.name.as_str()) && has_zero(field, is_request);
        }
        fields.sort_by_key(|field| field.number);
        let by_name: BTreeMap<String, usize> =
            fields.iter().enumerate().map(|(place, field)| (field.name.clone(), place)).collect();
        let gone = self.numbers.of(name).filter(|(_, field)| !by_name.contains_key(*field));
        let reserved = gone.map(|(number, field)| (number, field.to_owned())).collect();
        ProtoMessage { name: name.to_owned(), doc: doc(schema), fields, reserved, by_name }
    }

    fn field(
        &mut self,
        message: &str,
        name: &str,
        (kind, label): (ProtoKind, ProtoLabel),
        doc: String,
    ) -> ProtoField {
        let number = self.numbers.number(message, name);
        ProtoField { name: name.to_owned(), number, kind, label, has_zero: false, doc }
    }

    /// What a schema inside a message becomes.
    fn shape(&self, schema: &Value) -> (ProtoKind, ProtoLabel) {
        if let Some(name) = referenced(schema) {
            return (self.places[name], ProtoLabel::Optional);
        }
        let kind = match schema["type"].as_str() {
            Some("array") => return self.list(&schema["items"]),
            Some("object") => {
                return match referenced(&schema["additionalProperties"]) {
                    Some(name) => (self.places[name], ProtoLabel::Map),
                    None => (ProtoKind::Object, ProtoLabel::Optional),
                };
            }
            Some("boolean") => ProtoKind::Bool,
            Some("integer") => match schema["minimum"].as_i64() {
                Some(0..) => ProtoKind::Unsigned,
                _ => ProtoKind::Signed,
            },
            Some("number") => ProtoKind::Double,
            Some("string") if schema["format"] == "date-time" => ProtoKind::Time,
            Some("string") => ProtoKind::Text,
            _ if is_as_of(schema) => ProtoKind::AsOf,
            _ => ProtoKind::Json,
        };
        (kind, ProtoLabel::Optional)
    }

    /// Numbers in a list are those of a vector.
    fn list(&self, items: &Value) -> (ProtoKind, ProtoLabel) {
        let kind = match self.shape(items) {
            (ProtoKind::Double, ProtoLabel::Optional) => ProtoKind::Float,
            (ProtoKind::Float, ProtoLabel::Repeated) => ProtoKind::Vector,
            (kind, ProtoLabel::Optional) => kind,
            (kind, label) => unreachable!("no type has lists of {label:?} {kind:?}"),
        };
        (kind, ProtoLabel::Repeated)
    }
}

fn has_zero(field: &ProtoField, is_request: bool) -> bool {
    use ProtoKind::{Bool, Double, Signed, Text, Unsigned};
    match field.label {
        ProtoLabel::Required => match field.kind {
            Bool | Unsigned | Signed | Double => true,
            Text => !is_request,
            _ => false,
        },
        ProtoLabel::Repeated => !is_request,
        _ => false,
    }
}

fn referenced(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

fn doc(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

/// What a schema is without `null`, and whether that was allowed.
fn nullable(schema: &Value) -> (&Value, bool) {
    match schema["oneOf"].as_array().map(Vec::as_slice) {
        Some([given, none]) if none["type"] == "null" => (given, true),
        _ => (schema, false),
    }
}

fn is_as_of(schema: &Value) -> bool {
    let alternatives = schema["oneOf"].as_array().map(Vec::as_slice);
    matches!(alternatives, Some([lsn, time]) if lsn["type"] == "integer" && time["format"] == "date-time")
}

/// Name of the message that an operation takes.
fn request_name(operation: &Operation) -> String {
    operation.request.map_or_else(|| format!("{}Request", camel(operation.name)), str::to_owned)
}

fn rpcs(operation: &'static Operation) -> Vec<ProtoRpc> {
    let one = |name: String, streams| ProtoRpc {
        name,
        operation,
        request: request_name(operation),
        response: operation.response,
        streams,
        takes_stream: false,
    };
    let name = camel(operation.name);
    let stream = operation.streaming().map(|streaming| match streaming {
        Streaming::Steps => one(format!("{name}Steps"), true),
        Streaming::Changes => one("Subscribe".to_owned(), true),
        Streaming::Requests => {
            let many = one("Ingest".to_owned(), true);
            ProtoRpc { response: INGEST_RESULT, takes_stream: true, ..many }
        }
        Streaming::Pages => {
            ProtoRpc { response: TRANSFER_RECORD, ..one(format!("{name}Stream"), true) }
        }
        Streaming::Parts => ProtoRpc { takes_stream: true, ..one(format!("{name}Stream"), false) },
    });
    [one(name, false)].into_iter().chain(stream).collect()
}

fn camel(name: &str) -> String {
    let capital = |part: &str| part[..1].to_ascii_uppercase() + &part[1..];
    name.split('_').map(capital).collect()
}

fn screaming(name: &str) -> String {
    let mut out = String::new();
    for (index, letter) in name.chars().enumerate() {
        if index > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}
